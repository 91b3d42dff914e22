// SPDX-License-Identifier: Apache-2.0
// The options of cuModuleLoadDataEx, cuLibraryLoadData and cuLink*: checks them, and writes what they ask for back.
// Options that steer a compiler for real hardware are accepted and have no effect. Used during one call, except by
// cuLink*, whose caller keeps the arrays alive until cuLinkDestroy. Not thread-safe.
#pragma once

#include <string>
#include <string_view>

#include "softgpu/driver/completion.h"
#include "softgpu/driver/cuda_api.h"

namespace vgpu::soft {

class JitOptions {
 public:
  JitOptions() : start_ns_(monotonic_ns()) {}
  // INVALID_VALUE for an option that cuda.h does not know, a missing array, or a log buffer without its size.
  static CuResult<JitOptions> parse(unsigned count, const CUjit_option* options, void** values);

  // Adds a text to the information or error log; write() fills the application's buffers, which are then NUL-terminated
  // and whose sizes are set to the bytes filled.
  void add_error(std::string_view text);
  void write();
  bool has_error_log() const { return error_.buffer != nullptr; }

 private:
  struct Log {
    char* buffer = nullptr;
    size_t capacity = 0;
    void** size_slot = nullptr;  // holds the capacity, receives the bytes filled
    std::string text;
    void write();
  };

  uint64_t start_ns_;
  Log info_, error_;
  void** wall_time_slot_ = nullptr;  // receives a float, in milliseconds
};

}  // namespace vgpu::soft
