// SPDX-License-Identifier: Apache-2.0
// What comes from other APIs: CUDA 13's structs are CUDA 12's with room behind, or between, the fields.
#include "libcuda/cudart/rows.h"
#include "libcuda/cudart12/declarations.h"

#include <memory>
#include <new>

namespace vgpu::runtime::twelve {
namespace {

// The same fields, and zeros behind them.
template <class Newer, class Older>
Newer extended(const Older& from) {
  Newer to{};
  std::memcpy(&to, &from, sizeof from);
  return to;
}

cudaExternalSemaphoreSignalParams newer(const SemaphoreSignalV1& from) {
  cudaExternalSemaphoreSignalParams to{};
  to.params.fence.value = from.fence;
  to.params.nvSciSync.reserved = from.nvsci;
  to.params.keyedMutex.key = from.key;
  to.flags = from.flags;
  return to;
}

cudaExternalSemaphoreWaitParams newer(const SemaphoreWaitV1& from) {
  cudaExternalSemaphoreWaitParams to{};
  to.params.fence.value = from.fence;
  to.params.nvSciSync.reserved = from.nvsci;
  to.params.keyedMutex.key = from.key;
  to.params.keyedMutex.timeoutMs = from.timeout_ms;
  to.flags = from.flags;
  return to;
}

template <class Newer, class Older>
cudaError_t with_newer(const cudaExternalSemaphore_t* semaphores, const Older* values, unsigned count,
                       cudaStream_t stream,
                       cudaError_t (*call)(const cudaExternalSemaphore_t*, const Newer*, unsigned, cudaStream_t)) {
  if (values == nullptr) return cudaErrorInvalidValue;
  const std::unique_ptr<Newer[]> converted(new (std::nothrow) Newer[count]);
  if (converted == nullptr) return cudaErrorMemoryAllocation;
  for (unsigned i = 0; i < count; ++i) converted[i] = newer(values[i]);
  return call(semaphores, converted.get(), count, stream);
}

}  // namespace

cudaError_t cudaImportExternalMemory(cudaExternalMemory_t* memory, const ExternalMemoryHandle* handle) {
  if (handle == nullptr) return cudaErrorInvalidValue;
  const auto description = extended<cudaExternalMemoryHandleDesc>(*handle);
  return calls::cudaImportExternalMemory(memory, &description);
}

cudaError_t cudaExternalMemoryGetMappedBuffer(void** address, cudaExternalMemory_t memory,
                                              const ExternalBuffer* buffer) {
  if (buffer == nullptr) return cudaErrorInvalidValue;
  const auto description = extended<cudaExternalMemoryBufferDesc>(*buffer);
  return calls::cudaExternalMemoryGetMappedBuffer(address, memory, &description);
}

cudaError_t cudaImportExternalSemaphore(cudaExternalSemaphore_t* semaphore, const ExternalSemaphoreHandle* handle) {
  if (handle == nullptr) return cudaErrorInvalidValue;
  const auto description = extended<cudaExternalSemaphoreHandleDesc>(*handle);
  return calls::cudaImportExternalSemaphore(semaphore, &description);
}

cudaError_t cudaSignalExternalSemaphoresAsync(const cudaExternalSemaphore_t* semaphores,
                                              const SemaphoreSignalV1* values, unsigned count, cudaStream_t stream) {
  return with_newer<cudaExternalSemaphoreSignalParams>(semaphores, values, count, stream,
                                                       calls::cudaSignalExternalSemaphoresAsync);
}

cudaError_t cudaWaitExternalSemaphoresAsync(const cudaExternalSemaphore_t* semaphores, const SemaphoreWaitV1* values,
                                            unsigned count, cudaStream_t stream) {
  return with_newer<cudaExternalSemaphoreWaitParams>(semaphores, values, count, stream,
                                                     calls::cudaWaitExternalSemaphoresAsync);
}

}  // namespace vgpu::runtime::twelve
