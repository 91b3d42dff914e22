// SPDX-License-Identifier: Apache-2.0
// JitOptions: just-in-time options of a load or link, with buffers of ours in place of the guest's log buffers. One
// per load; the linker keeps its own until the link is destroyed, because the driver writes to it until then.
// Image: the bytes of a code image.
#pragma once

#include <algorithm>

#include "common/bits.h"
#include "host/worker/hand/calls.h"

namespace vgpu::host::hand {

// Just-in-time options as the driver takes them, with our own buffers in place of the guest's.
class JitOptions {
 public:
  // False when the message is malformed.
  bool read(codec::Reader& request) {
    const auto count = request.get<uint32_t>();
    if (request.failed() || count > request.left() / sizeof(wire::JitOption)) return false;
    for (uint32_t i = 0; i < count; ++i) {
      const auto option = request.get<wire::JitOption>();
      if (!may_pass(option.option)) return false;
      ids_.push_back(static_cast<CUjit_option>(option.option));
      values_.push_back(value_for(option));
    }
    // A size says how much room its buffer has: exactly what we allocated, whatever the message claims.
    for (size_t i = 0; i < ids_.size(); ++i) {
      if (ids_[i] == CU_JIT_INFO_LOG_BUFFER_SIZE_BYTES) values_[i] = from_bits<void*>(info_.size());
      if (ids_[i] == CU_JIT_ERROR_LOG_BUFFER_SIZE_BYTES) values_[i] = from_bits<void*>(error_.size());
    }
    return !request.failed();
  }

  unsigned count() const { return static_cast<unsigned>(ids_.size()); }
  CUjit_option* ids() { return ids_.data(); }
  void** values() { return values_.data(); }

  // The outputs: both logs as far as the driver wrote them, then the wall time.
  void write(codec::Writer& reply) const {
    write_log(reply, info_, CU_JIT_INFO_LOG_BUFFER_SIZE_BYTES);
    write_log(reply, error_, CU_JIT_ERROR_LOG_BUFFER_SIZE_BYTES);
    float wall_time = 0;
    if (const void* value = value_of(CU_JIT_WALL_TIME)) std::memcpy(&wall_time, &value, sizeof wall_time);
    reply.put(wall_time);
  }

 private:
  static constexpr uint64_t kMaxLog = 1 << 20;

  // Arrays are addresses in the guest, which the driver would follow here; a log that came twice would free the buffer
  // that the driver was given first.
  bool may_pass(uint32_t option) const {
    if (option >= CU_JIT_NUM_OPTIONS) return false;
    switch (static_cast<CUjit_option>(option)) {
      case CU_JIT_GLOBAL_SYMBOL_NAMES:
      case CU_JIT_GLOBAL_SYMBOL_ADDRESSES:
      case CU_JIT_REFERENCED_KERNEL_NAMES:
      case CU_JIT_REFERENCED_VARIABLE_NAMES: return false;
      case CU_JIT_INFO_LOG_BUFFER:
      case CU_JIT_ERROR_LOG_BUFFER:
        return std::find(ids_.begin(), ids_.end(), static_cast<CUjit_option>(option)) == ids_.end();
      default: return true;
    }
  }

  void* value_for(const wire::JitOption& option) {
    // A log buffer arrives as its size; the driver gets one of ours.
    if (option.option == CU_JIT_INFO_LOG_BUFFER || option.option == CU_JIT_ERROR_LOG_BUFFER) {
      std::vector<char>& log = option.option == CU_JIT_INFO_LOG_BUFFER ? info_ : error_;
      log.assign(static_cast<size_t>(std::min(option.value, kMaxLog)), '\0');
      // A terminator behind the end would be ours, not the heap's.
      log.reserve(log.size() + 1);
      return log.empty() ? nullptr : log.data();
    }
    return from_bits<void*>(option.value);
  }

  const void* value_of(CUjit_option id) const {
    for (size_t i = 0; i < ids_.size(); ++i)
      if (ids_[i] == id) return values_[i];
    return nullptr;
  }

  void write_log(codec::Writer& reply, const std::vector<char>& log, CUjit_option size_option) const {
    const uint64_t size = bits_of(value_of(size_option));
    reply.string(std::string_view(log.data(), static_cast<size_t>(std::min<uint64_t>(size, log.size()))));
  }

  std::vector<CUjit_option> ids_;
  std::vector<void*> values_;
  std::vector<char> info_, error_;
};

// A code image, with a terminating zero behind it for text.
struct Image {
  std::byte* data = nullptr;
  uint64_t size = 0;
};

inline bool read_image(Invocation& invocation, Image& image) {
  image.size = invocation.request.get<uint64_t>();
  const std::byte* bytes = invocation.request.take(image.size);
  if (bytes == nullptr) return false;
  image.data = invocation.arena.allocate(static_cast<size_t>(image.size) + 1);
  if (image.data == nullptr) return false;
  std::memcpy(image.data, bytes, static_cast<size_t>(image.size));
  return true;
}

// A module's or library's image: what read_image reads, then u32 n and n containers from before device linking. With
// those, the driver is given a wrapper of version 2 like the one in the program (nvcc -rdc=true). Null when it
// is malformed or cut short. `images`: all of it that holds code.
const void* read_code(Invocation& invocation, PrintScan::Images& images);

}  // namespace vgpu::host::hand
