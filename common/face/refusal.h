// SPDX-License-Identifier: Apache-2.0
// What stands in the slots of a private table that we do not implement. A NULL there would be a crash in the caller;
// a function of its own for every slot makes a new caller visible: it returns CUDA_ERROR_NOT_SUPPORTED and names
// table and slot in the log, once. Thread-safe.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <utility>

#include "common/face/cuda_api.h"

namespace vgpu::face {

// The letters of docs/export-tables.md.
enum class Table : char {
  cudart_interface = 'A',
  tools_tls = 'B',
  callback_hooks = 'C',
  context_checks = 'E',
  integrity = 'F',
  context_tools = 'H',
  module_tools = 'I',
  processor_places = 'R',
};

// Callers pass what they like: in the C calling convention a function without parameters ignores it.
using Refusal = CUresult (*)();

CUresult refuse_slot(Table table, size_t slot, std::atomic<bool>& is_logged) noexcept;

template <Table kTable, size_t kSlot>
CUresult refused() noexcept {
  static constinit std::atomic<bool> is_logged{false};
  return refuse_slot(kTable, kSlot, is_logged);
}

// The refusals of slots kFirst to kLast of a table, both included.
template <Table kTable, size_t kFirst, size_t kLast>
inline constexpr std::array<Refusal, kLast - kFirst + 1> kRefused = [
]<size_t... kIndex>(std::index_sequence<kIndex...>) {
  return std::array<Refusal, sizeof...(kIndex)>{&refused<kTable, kFirst + kIndex>...};
}
(std::make_index_sequence<kLast - kFirst + 1>());

}  // namespace vgpu::face
