// SPDX-License-Identifier: Apache-2.0
// A call of the driver API as plain data: what the encoder and the decoder interpret. Rows are built at compile time by
// include/vgpu/api/call.h from one hand-written line per call; this header knows neither CUDA's types nor templates, so
// the codec and the tests of the codec need no CUDA header.
#pragma once

#include <cstdint>

namespace vgpu {

// Kinds of handle. A handle on the wire is typed: using a stream where an event is expected is an error that the
// worker finds before the driver sees anything. The order is part of the wire format: append only.
enum class Kind : uint8_t {
  none = 0,
  context,
  module,
  library,
  kernel,
  function,
  stream,
  event,
  array,
  mipmapped_array,
  graph,
  graph_node,
  graph_exec,
  memory_pool,
  memory,
  link_state,
  external_memory,
  external_semaphore,
  user_object,
  green_context,
  resource,
  texture_reference,
  surface_reference,
  texture_object,
  surface_object,
  count_,
};

// What a parameter means. Values and handles follow from their type; every pointer needs a mark in its row.
enum class Role : uint8_t {
  value,      // by value, `size` bytes
  handle,     // an existing handle of `kind`; zero stays zero
  out,        // pointer to a fixed-size result
  inout,      // pointer to a fixed-size value that the call also reads
  copies,     // pointer to a const flat struct
  reads,      // pointer to `count_arg` elements in
  writes,     // pointer to `count_arg` elements out
  cstr,       // NUL-terminated string in
  sized_in,   // pointer to a value whose size depends on another argument, in
  sized_out,  // the same, out
  make,       // pointer to a new handle
  borrow,     // pointer to a handle that may exist already
  drop,       // a handle that the call destroys
  unused,     // pointer that must be NULL
  hand,       // has its own codec; the row alone cannot carry this parameter
};

// How a call travels (docs/add-a-call.md explains how to choose).
enum class Path : uint8_t {
  refuse,  // CUDA_ERROR_NOT_SUPPORTED; the default for calls without a row
  local,   // answered in the guest
  sync,    // request and reply; the driver answers without waiting for the device
  wait,    // request and reply; may block or be slow, so a helper thread runs it and the ring goes on
  post,    // fire and forget
  bulk,    // moves memory: libcuda/bulk/ chooses how
  hand,    // written by hand in the guest; its row still describes the wire
};

constexpr int kMaxArguments = 20;
constexpr uint8_t kNoCount = 0xff;

struct Param {
  Role role = Role::value;
  Kind kind = Kind::none;                  // of a handle, or of the elements of an array of handles
  uint8_t count_arg = kNoCount;            // index of the argument that holds the element count
  bool count_is_pointer = false;           // the count argument points to the count (in-out capacity)
  uint8_t count_size = 0;                  // bytes of the count: 4 or 8; of the selector of a sized value
  uint32_t (*size_of)(int64_t) = nullptr;  // bytes of a sized value by its selector, at most `size`; 0 is refused
  uint32_t size = 0;                       // bytes of the value, or of one element
};

struct Call {
  const char* name = nullptr;
  uint16_t opcode = 0;
  Path path = Path::refuse;
  uint8_t argc = 0;
  Param param[kMaxArguments] = {};

  // Whether the codec can carry the call by the row alone.
  constexpr bool carried_by_row() const {
    for (int i = 0; i < argc; ++i)
      if (param[i].role == Role::hand) return false;
    return true;
  }
};

}  // namespace vgpu
