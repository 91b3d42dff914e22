// SPDX-License-Identifier: Apache-2.0
#include "softgpu/driver/jit_options.h"

#include <algorithm>
#include <cstring>

namespace vgpu::soft {

CuResult<JitOptions> JitOptions::parse(unsigned count, const CUjit_option* options, void** values) {
  JitOptions result;
  if (count != 0 && (options == nullptr || values == nullptr)) return CUDA_ERROR_INVALID_VALUE;
  for (unsigned i = 0; i < count; ++i) {
    if (options[i] < 0 || options[i] >= CU_JIT_NUM_OPTIONS) return CUDA_ERROR_INVALID_VALUE;
    void*& slot = values[i];
    switch (static_cast<int>(options[i])) {
      case CU_JIT_INFO_LOG_BUFFER: result.info_.buffer = static_cast<char*>(slot); break;
      case CU_JIT_ERROR_LOG_BUFFER: result.error_.buffer = static_cast<char*>(slot); break;
      case CU_JIT_WALL_TIME: result.wall_time_slot_ = &slot; break;
      case CU_JIT_INFO_LOG_BUFFER_SIZE_BYTES:
      case CU_JIT_ERROR_LOG_BUFFER_SIZE_BYTES: {
        Log& log = options[i] == CU_JIT_INFO_LOG_BUFFER_SIZE_BYTES ? result.info_ : result.error_;
        log.size_slot = &slot;
        // SAFETY: the API passes an unsigned int in a pointer's place.
        log.capacity = static_cast<unsigned>((uintptr_t)slot);
        break;
      }
      default: break;  // steers a compiler that is not here
    }
  }
  for (const Log* log : {&result.info_, &result.error_})
    if (log->buffer != nullptr && log->size_slot == nullptr) return CUDA_ERROR_INVALID_VALUE;
  return result;
}

void JitOptions::add_error(std::string_view text) {
  if (!error_.text.empty()) error_.text += '\n';
  error_.text += text;
}

void JitOptions::Log::write() {
  size_t filled = 0;
  if (buffer != nullptr && capacity != 0) {
    const size_t length = std::min(text.size(), capacity - 1);
    std::memcpy(buffer, text.data(), length);
    buffer[length] = '\0';
    // A text that was cut counts with its terminator, a whole one without, as NVIDIA's driver reports it.
    filled = length < text.size() ? capacity : length;
  }
  if (size_slot != nullptr) *size_slot = (void*)filled;
}

void JitOptions::write() {
  info_.write();
  error_.write();
  if (wall_time_slot_ == nullptr) return;
  const float milliseconds = static_cast<float>(static_cast<double>(monotonic_ns() - start_ns_) * 1e-6);
  *wall_time_slot_ = nullptr;
  std::memcpy(wall_time_slot_, &milliseconds, sizeof milliseconds);
}

}  // namespace vgpu::soft
