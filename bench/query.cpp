// SPDX-License-Identifier: Apache-2.0
// Calls that ask and are answered: the round trip over the ring where the guest cannot answer by itself.
#include <array>
#include <thread>
#include <vector>

#include "bench/gpu.h"
#include "bench/stopwatch.h"

namespace vgpu::bench {
namespace {

Measured<double> stream_query(const Gpu& gpu) {
  return median_time(1000, [&]() -> Measured<void> {
    CUDA_TRY(cuStreamQuery(gpu.stream));
    return {};
  });
}

// A pause before each call: the other side has gone to sleep and must be woken.
Measured<double> stream_query_parked(const Gpu& gpu) {
  std::vector<double> times;
  for (int i = 0; i < 20; ++i) {
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
    const double begin = now();
    CUDA_TRY(cuStreamQuery(gpu.stream));
    times.push_back(now() - begin);
  }
  return median(std::move(times));
}

// The stream waits for a word of device memory meanwhile.
Measured<double> stream_query_unfinished(const Gpu& gpu) {
  CUdeviceptr word = 0;
  CUDA_TRY(cuMemAlloc(&word, 4));
  CUDA_TRY(cuMemsetD32(word, 0, 1));
  CUstream blocked = nullptr;
  CUDA_TRY(cuStreamCreate(&blocked, CU_STREAM_NON_BLOCKING));
  CUDA_TRY(cuStreamWaitValue32(blocked, word, 1, CU_STREAM_WAIT_VALUE_EQ));
  const double seconds = TRY(median_time(1000, [&]() -> Measured<void> {
    const CUresult status = cuStreamQuery(blocked);
    if (status != CUDA_ERROR_NOT_READY) return Failure{"cuStreamQuery of a stream that waits", status};
    return {};
  }));
  CUDA_TRY(cuStreamWriteValue32(gpu.stream, word, 1, CU_STREAM_WRITE_VALUE_DEFAULT));
  CUDA_TRY(cuStreamSynchronize(blocked));
  CUDA_TRY(cuStreamDestroy(blocked));
  CUDA_TRY(cuMemFree(word));
  return seconds;
}

Measured<double> memory_information(const Gpu&) {
  return median_time(500, []() -> Measured<void> {
    size_t available = 0, total = 0;
    CUDA_TRY(cuMemGetInfo(&available, &total));
    return {};
  });
}

Measured<double> idle_synchronize(const Gpu& gpu) {
  return median_time(500, [&] { return gpu.synchronize(); });
}

// The questions of NVIDIA's runtime for cudaPointerGetAttributes.
Measured<double> ask_pointer(CUdeviceptr address) {
  CUpointer_attribute which[] = {CU_POINTER_ATTRIBUTE_CONTEXT,        CU_POINTER_ATTRIBUTE_MEMORY_TYPE,
                                 CU_POINTER_ATTRIBUTE_DEVICE_POINTER, CU_POINTER_ATTRIBUTE_HOST_POINTER,
                                 CU_POINTER_ATTRIBUTE_IS_MANAGED,     CU_POINTER_ATTRIBUTE_DEVICE_ORDINAL};
  std::array<uint64_t, 6> answers = {};
  void* values[] = {&answers[0], &answers[1], &answers[2], &answers[3], &answers[4], &answers[5]};
  return median_time(200, [&]() -> Measured<void> {
    CUDA_TRY(cuPointerGetAttributes(6, which, values, address));
    return {};
  });
}

Measured<double> ask_device_pointer(const Gpu&) {
  CUdeviceptr memory = 0;
  CUDA_TRY(cuMemAlloc(&memory, 4096));
  const double seconds = TRY(ask_pointer(memory + 64));
  CUDA_TRY(cuMemFree(memory));
  return seconds;
}

Measured<double> ask_pinned_pointer(const Gpu&) {
  void* memory = nullptr;
  CUDA_TRY(cuMemHostAlloc(&memory, 4096, 0));
  const double seconds = TRY(ask_pointer(reinterpret_cast<CUdeviceptr>(memory) + 64));
  CUDA_TRY(cuMemFreeHost(memory));
  return seconds;
}

Measured<double> ask_ordinary_pointer(const Gpu&) {
  std::vector<char> memory(4096);
  return ask_pointer(reinterpret_cast<CUdeviceptr>(memory.data()));
}

// As programs poll: record once, ask once.
Measured<double> event_record_query(const Gpu& gpu) {
  CUevent event = nullptr;
  CUDA_TRY(cuEventCreate(&event, CU_EVENT_DISABLE_TIMING));
  const double seconds = TRY(mean_time(1000, [&]() -> Measured<void> {
    CUDA_TRY(cuEventRecord(event, gpu.stream));
    const CUresult status = cuEventQuery(event);
    if (status != CUDA_SUCCESS && status != CUDA_ERROR_NOT_READY) return Failure{"cuEventQuery(event)", status};
    return {};
  }));
  TRY(gpu.synchronize());
  CUDA_TRY(cuEventDestroy(event));
  return seconds;
}

}  // namespace

Family query_family() {
  return {"query",
          {{"stream query, finished", Unit::seconds, stream_query},
           {"stream query, unfinished", Unit::seconds, stream_query_unfinished},
           {"stream query after 5 ms of rest", Unit::seconds, stream_query_parked},
           {"memory information", Unit::seconds, memory_information},
           {"stream synchronise, idle", Unit::seconds, idle_synchronize},
           {"event record + query", Unit::seconds, event_record_query},
           {"pointer's six attributes, device memory", Unit::seconds, ask_device_pointer},
           {"pointer's six attributes, pinned memory", Unit::seconds, ask_pinned_pointer},
           {"pointer's six attributes, ordinary memory", Unit::seconds, ask_ordinary_pointer}}};
}

}  // namespace vgpu::bench
