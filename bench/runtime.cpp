// SPDX-License-Identifier: Apache-2.0
// What a call of the runtime API costs over the call of the driver API beneath it, with NVIDIA's libcudart.so.13 and
// with ours. Each library of the two is loaded beside the driver of the process; the burst of runtime calls and the one
// of driver calls take turns, and a row is the median of their differences.
#include <cuda_runtime_api.h>
#include <dlfcn.h>
#include <limits.h>
#include <unistd.h>

#include <string>

#include "bench/gpu.h"
#include "bench/stopwatch.h"

namespace vgpu::bench {
namespace {

// In a fat binary, as the compiler's code registers it.
constexpr char kPtx[] =
    ".version 6.4\n.target sm_52\n.address_size 64\n.visible .entry empty(.param .u64 a, .param .u64 b, .param .u64 c, "
    ".param .u32 m, .param .u32 n, .param .u32 k, .param .f32 alpha, .param .f32 beta) { ret; }\n";
constexpr uint32_t kEntryHeader = 80;
struct FatBinary {
  // Container, entry, text: docs/ptx.md.
  uint32_t magic = 0xBA55ED50;
  uint16_t version = 1, header = 16;
  uint64_t bytes = kEntryHeader + sizeof text;
  uint16_t kind = 1, entry_version = 0x101;
  uint32_t entry_header = kEntryHeader;
  uint64_t padded = sizeof text;
  uint32_t compressed = 0, options_offset = 64;
  uint16_t isa_minor = 4, isa_major = 6;
  uint32_t target = 52, name_offset = 0, name_bytes = 0;
  uint64_t flags = 0x11, reserved = 0, uncompressed = 0;
  uint64_t options[2] = {0x48, 0};  // as the compiler of CUDA 13 leaves them; NVIDIA's driver dies without
  char text[(sizeof kPtx + 7) / 8 * 8] = {};
};

struct Cudart {
  void** (*register_binary)(void*) = nullptr;
  void (*register_function)(void**, const char*, char*, const char*, int, uint3*, uint3*, dim3*, dim3*, int*) = nullptr;
  void (*register_end)(void**) = nullptr;
  decltype(&::cudaLaunchKernel) launch = nullptr;
  decltype(&::cudaEventRecord) event_record = nullptr;
  decltype(&::cudaStreamIsCapturing) is_capturing = nullptr;
  decltype(&::cudaGetDevice) get_device = nullptr;
  decltype(&::cudaSetDevice) set_device = nullptr;
  decltype(&::cudaGetLastError) last_error = nullptr;
  decltype(&::cudaPointerGetAttributes) pointer_attributes = nullptr;
  decltype(&::cudaMallocAsync) malloc_async = nullptr;
  decltype(&::cudaFreeAsync) free_async = nullptr;
  const char* kernel = nullptr;
};

// Ours lies in ../lib/cudart from here.
std::string path_of(bool ours) {
  if (!ours) return VGPU_TOOLKIT_CUDART;
  char path[PATH_MAX] = {};
  const ssize_t length = readlink("/proc/self/exe", path, sizeof path - 1);
  const std::string self(path, length > 0 ? static_cast<size_t>(length) : 0);
  return self.substr(0, self.rfind('/')) + "/../lib/cudart/libcudart.so.13";
}

Measured<Cudart> load(bool ours) {
  void* const library = dlopen(path_of(ours).c_str(), RTLD_NOW | RTLD_LOCAL);
  if (library == nullptr) return Failure{"dlopen of libcudart.so.13", CUDA_ERROR_FILE_NOT_FOUND};
  Cudart c;
  const auto find = [&](auto& function, const char* name) {
    function = reinterpret_cast<std::remove_reference_t<decltype(function)>>(dlsym(library, name));
    return function != nullptr;
  };
  const bool found = find(c.register_binary, "__cudaRegisterFatBinary") &&
                     find(c.register_function, "__cudaRegisterFunction") &&
                     find(c.register_end, "__cudaRegisterFatBinaryEnd") && find(c.launch, "cudaLaunchKernel") &&
                     find(c.event_record, "cudaEventRecord") && find(c.is_capturing, "cudaStreamIsCapturing") &&
                     find(c.get_device, "cudaGetDevice") && find(c.set_device, "cudaSetDevice") &&
                     find(c.last_error, "cudaGetLastError") && find(c.malloc_async, "cudaMallocAsync") &&
                     find(c.free_async, "cudaFreeAsync") && find(c.pointer_attributes, "cudaPointerGetAttributes");
  if (!found) return Failure{"dlsym in libcudart.so.13", CUDA_ERROR_NOT_FOUND};
  static FatBinary binary;
  static struct {
    uint32_t magic = 0x466243B1, version = 1;
    const void* data = &binary;
    void* more = nullptr;
  } wrapper;
  static char kernel[2];
  std::copy(std::begin(kPtx), std::end(kPtx), binary.text);
  c.kernel = &kernel[ours ? 1 : 0];
  void** const handle = c.register_binary(&wrapper);
  c.register_function(handle, c.kernel, const_cast<char*>("empty"), "empty", -1, nullptr, nullptr, nullptr, nullptr,
                      nullptr);
  c.register_end(handle);
  return c;
}

#define RUNTIME_TRY(...) CUDA_TRY(static_cast<CUresult>(__VA_ARGS__))

constexpr int kBurst = 200, kBursts = 41;

// `settle` waits for what a burst has begun, outside of the time.
template <class Runtime, class Driver, class Settle>
Measured<double> difference(Runtime runtime, Driver driver, Settle settle) {
  std::vector<double> differences;
  for (int i = 0; i <= kBursts; ++i) {
    const double above = TRY(median_time(kBurst, runtime));
    TRY(settle());
    const double beneath = TRY(median_time(kBurst, driver));
    TRY(settle());
    if (i > 0) differences.push_back(above - beneath);  // The first burst has first uses in it.
  }
  return median(std::move(differences));
}

Measured<void> nothing() { return {}; }

Measured<double> launch(const Gpu& gpu, const Cudart& c) {
  const auto runtime = [&]() -> Measured<void> {
    RUNTIME_TRY(c.launch(c.kernel, dim3(1), dim3(32), empty_parameters(), 0, gpu.stream));
    return {};
  };
  return difference(
      runtime, [&] { return gpu.launch(); }, [&] { return gpu.synchronize(); });
}

Measured<double> event_record(const Gpu& gpu, const Cudart& c) {
  CUevent event = nullptr;
  CUDA_TRY(cuEventCreate(&event, CU_EVENT_DISABLE_TIMING));
  const auto runtime = [&]() -> Measured<void> {
    RUNTIME_TRY(c.event_record(event, gpu.stream));
    return {};
  };
  const auto driver = [&]() -> Measured<void> {
    CUDA_TRY(cuEventRecord(event, gpu.stream));
    return {};
  };
  const double seconds = TRY(difference(runtime, driver, [&] { return gpu.synchronize(); }));
  CUDA_TRY(cuEventDestroy(event));
  return seconds;
}

Measured<double> is_capturing(const Gpu& gpu, const Cudart& c) {
  const auto runtime = [&]() -> Measured<void> {
    cudaStreamCaptureStatus status{};
    RUNTIME_TRY(c.is_capturing(gpu.stream, &status));
    return {};
  };
  const auto driver = [&]() -> Measured<void> {
    CUstreamCaptureStatus status{};
    CUDA_TRY(cuStreamIsCapturing(gpu.stream, &status));
    return {};
  };
  return difference(runtime, driver, nothing);
}

Measured<double> pool_allocation(const Gpu& gpu, const Cudart& c) {
  const auto runtime = [&]() -> Measured<void> {
    void* memory = nullptr;
    RUNTIME_TRY(c.malloc_async(&memory, 4096, gpu.stream));
    RUNTIME_TRY(c.free_async(memory, gpu.stream));
    return {};
  };
  const auto driver = [&]() -> Measured<void> {
    CUdeviceptr memory = 0;
    CUDA_TRY(cuMemAllocAsync(&memory, 4096, gpu.stream));
    CUDA_TRY(cuMemFreeAsync(memory, gpu.stream));
    return {};
  };
  return difference(runtime, driver, [&] { return gpu.synchronize(); });
}

// The calls that have none beneath, or several: their whole time.
Measured<double> get_device(const Gpu&, const Cudart& c) {
  const auto runtime = [&]() -> Measured<void> {
    int device = 0;
    RUNTIME_TRY(c.get_device(&device));
    return {};
  };
  TRY(mean_time(kBurst, runtime));
  return mean_time(kBurst * 100, runtime);
}

Measured<double> set_device(const Gpu&, const Cudart& c) {
  const auto runtime = [&]() -> Measured<void> {
    RUNTIME_TRY(c.set_device(0));
    return {};
  };
  TRY(mean_time(kBurst, runtime));
  return mean_time(kBurst * 100, runtime);
}

Measured<double> last_error(const Gpu&, const Cudart& c) {
  const auto runtime = [&]() -> Measured<void> {
    RUNTIME_TRY(c.last_error());
    return {};
  };
  TRY(mean_time(kBurst, runtime));
  return mean_time(kBurst * 100, runtime);
}

Measured<double> pointer_attributes(const Gpu&, const Cudart& c) {
  CUdeviceptr memory = 0;
  CUDA_TRY(cuMemAlloc(&memory, 4096));
  const auto runtime = [&]() -> Measured<void> {
    cudaPointerAttributes attributes;
    RUNTIME_TRY(c.pointer_attributes(&attributes, reinterpret_cast<const void*>(memory)));
    return {};
  };
  TRY(mean_time(kBurst, runtime));
  const double seconds = TRY(mean_time(kBurst * 10, runtime));
  CUDA_TRY(cuMemFree(memory));
  return seconds;
}

}  // namespace

Family runtime_family() {
  using Measure = Measured<double> (*)(const Gpu&, const Cudart&);
  constexpr std::pair<const char*, Measure> kRows[] = {
      {"launch, over the driver", launch},
      {"event record, over the driver", event_record},
      {"capture status, over the driver", is_capturing},
      {"pool allocation + free, over the driver", pool_allocation},
      {"device asked", get_device},
      {"device set", set_device},
      {"last error", last_error},
      {"pointer's attributes", pointer_attributes},
  };
  Family family{"runtime", {}};
  for (const auto& [name, measure] : kRows)
    for (const bool ours : {false, true})
      family.rows.push_back(
          {std::string(name) + (ours ? ": our runtime" : ": NVIDIA's runtime"), Unit::seconds,
           [measure = measure, ours](const Gpu& gpu) -> Measured<double> { return measure(gpu, TRY(load(ours))); }});
  return family;
}

}  // namespace vgpu::bench
