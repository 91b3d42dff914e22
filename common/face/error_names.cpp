// SPDX-License-Identifier: Apache-2.0
#include "common/face/error_names.h"

#include "common/face/cuda_api.h"

#include <algorithm>
#include <iterator>

namespace vgpu::face {
namespace {

struct Text {
  int code;
  const char* text;
};

// By number, not by enumerator, so that an older toolkit's header, which lacks the newest ones, still compiles.
constexpr Text kTexts[] = {
    {0, "no error"},
    {1, "invalid argument"},
    {2, "out of memory"},
    {3, "initialization error"},
    {4, "driver shutting down"},
    {5, "profiler disabled"},
    {6, "profiler not initialized"},
    {7, "profiler already started"},
    {8, "profiler already stopped"},
    {34, "CUDA driver is a stub library"},
    {36, "API call requires a newer CUDA driver"},
    {46, "CUDA-capable device is busy or unavailable"},
    {100, "no CUDA-capable device is detected"},
    {101, "invalid device ordinal"},
    {102, "device has no valid license"},
    {200, "device kernel image is invalid"},
    {201, "invalid device context"},
    {202, "context already current"},
    {205, "mapping failed"},
    {206, "unmapping failed"},
    {207, "array is mapped"},
    {208, "resource already mapped"},
    {209, "no kernel image is available for execution on the device"},
    {210, "resource already acquired"},
    {211, "resource not mapped"},
    {212, "resource not mapped as array"},
    {213, "resource not mapped as pointer"},
    {214, "uncorrectable ECC error encountered"},
    {215, "limit is not supported on this device"},
    {216, "context already in use by another thread"},
    {217, "peer access is not supported between these two devices"},
    {218, "PTX compilation failed"},
    {219, "invalid graphics context"},
    {220, "uncorrectable NVLink error"},
    {221, "PTX compiler library not found"},
    {222, "PTX was compiled with an unsupported toolchain"},
    {223, "PTX compilation is disabled"},
    {224, "execution affinity is not supported"},
    {225, "synchronization from device code is not supported"},
    {226, "contained error in the device, process must end"},
    {300, "device kernel source is invalid"},
    {301, "file not found"},
    {302, "shared object symbol not found"},
    {303, "shared object initialization failed"},
    {304, "operating system call failed"},
    {400, "invalid resource handle"},
    {401, "resource is in an illegal state for this operation"},
    {402, "query would lose information"},
    {500, "named symbol not found"},
    {600, "device not ready"},
    {700, "an illegal memory access was encountered"},
    {701, "too many resources requested for launch"},
    {702, "the launch timed out and was terminated"},
    {703, "launch uses incompatible texturing mode"},
    {704, "peer access is already enabled"},
    {705, "peer access has not been enabled"},
    {708, "primary context is already active"},
    {709, "context is destroyed"},
    {710, "device-side assert triggered"},
    {711, "peer mapping resources exhausted"},
    {712, "host memory is already registered"},
    {713, "host memory is not registered"},
    {714, "hardware stack error"},
    {715, "an illegal instruction was encountered"},
    {716, "misaligned address"},
    {717, "operation not supported on this address space"},
    {718, "invalid program counter"},
    {719, "unspecified launch failure"},
    {720, "too many blocks in cooperative launch"},
    {721, "tensor memory not released by a block"},
    {800, "operation not permitted"},
    {801, "operation not supported"},
    {802, "system not yet initialized"},
    {803, "system has unsupported display driver / cuda driver combination"},
    {804, "forward compatibility is not supported on this device"},
    {805, "connection to the MPS server failed"},
    {806, "remote call to the MPS server failed"},
    {807, "MPS server is not ready for new clients"},
    {808, "MPS server has no room for another client"},
    {809, "MPS server has no room for another connection"},
    {810, "MPS client was terminated by the server"},
    {811, "launching kernels from device code is not supported"},
    {812, "device runtime of the kernel and driver differ in version"},
    {900, "operation not permitted when stream is capturing"},
    {901, "operation failed due to a previous error during capture"},
    {902, "operation would merge two separate captures"},
    {903, "capture was not started in this stream"},
    {904, "capture has streams that were not joined to its origin"},
    {905, "dependency would cross the boundary of the capture"},
    {906, "operation would make the legacy stream depend on a capturing stream"},
    {907, "operation not permitted on an event last recorded in a capturing stream"},
    {908, "capture must be ended by the thread that began it"},
    {909, "wait operation timed out"},
    {910, "graph update was not performed because of a violated constraint"},
    {911, "device outside of CUDA reported an error"},
    {912, "invalid cluster size"},
    {913, "function handle is not loaded"},
    {914, "invalid resource type"},
    {915, "invalid resource configuration"},
    {916, "key rotation in progress"},
    {999, "unknown error"},
};
static_assert(std::is_sorted(std::begin(kTexts), std::end(kTexts), [](Text a, Text b) { return a.code < b.code; }));

CUresult answer(const char* text, const char** out) noexcept {
  if (out == nullptr) return CUDA_ERROR_INVALID_VALUE;
  *out = text;
  return text != nullptr ? CUDA_SUCCESS : CUDA_ERROR_INVALID_VALUE;
}

}  // namespace

const char* error_name(int code) noexcept {
  switch (code) {
#define VGPU_CUDA_ERROR(name, value) \
  case value:                        \
    return #name;
#include "cuda_errors.inc"
#undef VGPU_CUDA_ERROR
    default: return nullptr;
  }
}

const char* error_text(int code) noexcept {
  const Text* end = std::end(kTexts);
  const Text* found =
      std::lower_bound(std::begin(kTexts), end, code, [](Text row, int wanted) { return row.code < wanted; });
  if (found != end && found->code == code) return found->text;
  // A code newer than the table above: its name says more than nothing.
  return error_name(code);
}

}  // namespace vgpu::face

extern "C" CUresult CUDAAPI cuGetErrorName(CUresult error, const char** pStr) {
  return vgpu::face::answer(vgpu::face::error_name(static_cast<int>(error)), pStr);
}

extern "C" CUresult CUDAAPI cuGetErrorString(CUresult error, const char** pStr) {
  return vgpu::face::answer(vgpu::face::error_text(static_cast<int>(error)), pStr);
}
