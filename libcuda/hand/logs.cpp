// SPDX-License-Identifier: Apache-2.0
// cuLogs*: the log of calls that failed. They need no device and no cuInit. Their flags are reserved, and NVIDIA's
// driver takes any. CUDA driver API: Error Log Management.
#include <cstdio>
#include <cstring>

#include "libcuda/by_hand.h"
#include "libcuda/error_log.h"

namespace vgpu::guest::by_hand {

CUresult cuLogsRegisterCallback(CUlogsCallback callbackFunc, void* userData, CUlogsCallbackHandle* callback_out) {
  if (callbackFunc == nullptr) return CUDA_ERROR_INVALID_VALUE;
  const CUlogsCallbackHandle handle = ErrorLog::get().add(callbackFunc, userData);
  if (callback_out != nullptr) *callback_out = handle;
  return CUDA_SUCCESS;
}

CUresult cuLogsUnregisterCallback(CUlogsCallbackHandle callback) {
  return ErrorLog::get().remove(callback) ? CUDA_SUCCESS : CUDA_ERROR_INVALID_VALUE;
}

CUresult cuLogsCurrent(CUlogIterator* iterator_out, unsigned int) {
  if (iterator_out == nullptr) return CUDA_ERROR_INVALID_VALUE;
  *iterator_out = ErrorLog::get().end();
  return CUDA_SUCCESS;
}

// Without an iterator, everything: from the first message there ever was.
CUresult cuLogsDumpToFile(CUlogIterator* iterator, const char* pathToFile, unsigned int) {
  if (pathToFile == nullptr) return CUDA_ERROR_INVALID_VALUE;
  std::FILE* const file = std::fopen(pathToFile, "we");
  if (file == nullptr) return CUDA_ERROR_INVALID_VALUE;
  CUlogIterator from = iterator == nullptr ? 0 : *iterator;
  const std::string text = ErrorLog::get().text(from, SIZE_MAX);
  const bool written = std::fwrite(text.data(), 1, text.size(), file) == text.size();
  const bool closed = std::fclose(file) == 0;
  if (!written || !closed) return CUDA_ERROR_INVALID_VALUE;
  if (iterator != nullptr) *iterator = from;
  return CUDA_SUCCESS;
}

CUresult cuLogsDumpToMemory(CUlogIterator* iterator, char* buffer, size_t* size, unsigned int) {
  if (buffer == nullptr || size == nullptr) return CUDA_ERROR_INVALID_VALUE;
  const CUlogIterator start = iterator == nullptr ? 0 : *iterator;
  CUlogIterator from = start;
  const std::string text = ErrorLog::get().text(from, *size == 0 ? 0 : *size - 1);
  if (*size != 0) std::memcpy(buffer, text.c_str(), text.size() + 1);
  *size = text.size();
  if (text.empty() && start < from) return CUDA_ERROR_INVALID_VALUE;  // not even the last message has room
  if (iterator != nullptr) *iterator = from;
  return CUDA_SUCCESS;
}

}  // namespace vgpu::guest::by_hand
