// SPDX-License-Identifier: Apache-2.0
// What kernels ask the device runtime about devices, kernels and errors (CUDA C++ Programming Guide, Dynamic
// Parallelism). The driver answers.
#include <driver_types.h>

#include <array>

#include "softgpu/machine/device_calls.h"

namespace vgpu::soft {

namespace {

const DeviceFacts* facts_of(Warp& warp) { return warp.block->launch().environment.facts; }

// cudaError_t (int*)
template <int (DeviceFacts::*question)() const>
void number(Warp& warp, const Instruction& instruction, LaneMask mask) {
  each(warp, mask, site_of(instruction), [&](unsigned lane, const CallSite& site) {
    const DeviceFacts* const facts = facts_of(warp);
    if (facts == nullptr) return kInvalidDevice;
    store(warp, instruction, lane, argument<uint64_t>(warp, site, 0, lane), int32_t{(facts->*question)()});
    return 0;
  });
}

// cudaError_t (int*, cudaDeviceAttr, int device)
void attribute(Warp& warp, const Instruction& instruction, LaneMask mask) {
  each(warp, mask, site_of(instruction), [&](unsigned lane, const CallSite& site) {
    const DeviceFacts* const facts = facts_of(warp);
    const auto device = argument<int32_t>(warp, site, 2, lane);
    if (facts == nullptr || device < 0 || device >= facts->count()) return kInvalidDevice;
    const std::optional<int> value = facts->attribute(device, argument<int32_t>(warp, site, 1, lane));
    if (!value) return kInvalidValue;
    store(warp, instruction, lane, argument<uint64_t>(warp, site, 0, lane), int32_t{*value});
    return 0;
  });
}

// cudaError_t (size_t*, cudaLimit)
void context_limit(Warp& warp, const Instruction& instruction, LaneMask mask) {
  each(warp, mask, site_of(instruction), [&](unsigned lane, const CallSite& site) {
    const ContextLimits* const limits = warp.block->launch().environment.limits;
    if (limits == nullptr) return kInvalidDevice;
    const std::optional<uint64_t> value = limits->limit(argument<int32_t>(warp, site, 1, lane));
    if (!value) return kInvalidValue;
    store(warp, instruction, lane, argument<uint64_t>(warp, site, 0, lane), uint64_t{*value});
    return 0;
  });
}

// The kernel that a pointer in device code names, or nullptr after an error or a fault.
const Kernel* kernel_at(Warp& warp, const Instruction& instruction, unsigned lane, uint64_t address) {
  auto kernel = warp.block->launch().code.program->get_kernel_at(address);
  if (kernel) return kernel.value();
  if (kernel.error().code != CUDA_ERROR_NOT_FOUND)
    warp.fault(kernel.error().code, instruction, lane, kernel.error().log.c_str(), 0);
  return nullptr;
}

// cudaError_t (cudaFuncAttributes*, const void* kernel)
void function_attributes(Warp& warp, const Instruction& instruction, LaneMask mask) {
  each(warp, mask, site_of(instruction), [&](unsigned lane, const CallSite& site) {
    const DeviceFacts* const facts = facts_of(warp);
    if (facts == nullptr) return kInvalidDevice;
    const Kernel* const kernel = kernel_at(warp, instruction, lane, argument<uint64_t>(warp, site, 1, lane));
    if (kernel == nullptr) return kInvalidDeviceFunction;
    const auto value = [&](int number) { return facts->function_attribute(*kernel, number).value_or(0); };
    cudaFuncAttributes all{};
    all.sharedSizeBytes = static_cast<size_t>(value(CU_FUNC_ATTRIBUTE_SHARED_SIZE_BYTES));
    all.constSizeBytes = static_cast<size_t>(value(CU_FUNC_ATTRIBUTE_CONST_SIZE_BYTES));
    all.localSizeBytes = static_cast<size_t>(value(CU_FUNC_ATTRIBUTE_LOCAL_SIZE_BYTES));
    all.maxThreadsPerBlock = value(CU_FUNC_ATTRIBUTE_MAX_THREADS_PER_BLOCK);
    all.numRegs = value(CU_FUNC_ATTRIBUTE_NUM_REGS);
    all.ptxVersion = value(CU_FUNC_ATTRIBUTE_PTX_VERSION);
    all.binaryVersion = value(CU_FUNC_ATTRIBUTE_BINARY_VERSION);
    all.cacheModeCA = value(CU_FUNC_ATTRIBUTE_CACHE_MODE_CA);
    all.maxDynamicSharedSizeBytes = value(CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES);
    all.preferredShmemCarveout = value(CU_FUNC_ATTRIBUTE_PREFERRED_SHARED_MEMORY_CARVEOUT);
    all.clusterDimMustBeSet = value(CU_FUNC_ATTRIBUTE_CLUSTER_SIZE_MUST_BE_SET);
    all.requiredClusterWidth = value(CU_FUNC_ATTRIBUTE_REQUIRED_CLUSTER_WIDTH);
    all.requiredClusterHeight = value(CU_FUNC_ATTRIBUTE_REQUIRED_CLUSTER_HEIGHT);
    all.requiredClusterDepth = value(CU_FUNC_ATTRIBUTE_REQUIRED_CLUSTER_DEPTH);
    all.clusterSchedulingPolicyPreference = value(CU_FUNC_ATTRIBUTE_CLUSTER_SCHEDULING_POLICY_PREFERENCE);
    all.nonPortableClusterSizeAllowed = value(CU_FUNC_ATTRIBUTE_NON_PORTABLE_CLUSTER_SIZE_ALLOWED);
    store_struct(warp, instruction, lane, argument<uint64_t>(warp, site, 0, lane), all);
    return 0;
  });
}

// cudaError_t (int* blocks, const void* kernel, int threads, size_t dynamic_shared[, unsigned flags])
void occupancy(Warp& warp, const Instruction& instruction, LaneMask mask) {
  each(warp, mask, site_of(instruction), [&](unsigned lane, const CallSite& site) {
    const DeviceFacts* const facts = facts_of(warp);
    if (facts == nullptr) return kInvalidDevice;
    const Kernel* const kernel = kernel_at(warp, instruction, lane, argument<uint64_t>(warp, site, 1, lane));
    if (kernel == nullptr) return kInvalidDeviceFunction;
    const auto threads = argument<int32_t>(warp, site, 2, lane);
    if (threads <= 0) return kInvalidValue;
    const int blocks = facts->occupancy(*kernel, threads, argument<uint64_t>(warp, site, 3, lane));
    store(warp, instruction, lane, argument<uint64_t>(warp, site, 0, lane), int32_t{blocks});
    return 0;
  });
}

// const char* (cudaError_t)
template <uint64_t (DeviceFacts::*question)(int) const>
void text(Warp& warp, const Instruction& instruction, LaneMask mask) {
  const CallSite& site = site_of(instruction);
  const DeviceFacts* const facts = facts_of(warp);
  for_each_lane_until_fault(warp, mask, [&](unsigned lane) {
    const auto code = argument<int32_t>(warp, site, 0, lane);
    set_result<uint64_t>(warp, site, lane, facts != nullptr ? (facts->*question)(code) : 0);
  });
}

struct Row {
  std::string_view name;
  Handler handler;
};

constexpr std::array kRows = {
    Row{"GetDevice", number<&DeviceFacts::ordinal>},
    Row{"GetDeviceCount", number<&DeviceFacts::count>},
    Row{"DeviceGetAttribute", attribute},
    Row{"DeviceGetLimit", context_limit},
    Row{"FuncGetAttributes", function_attributes},
    Row{"OccupancyMaxActiveBlocksPerMultiprocessor", occupancy},
    Row{"OccupancyMaxActiveBlocksPerMultiprocessorWithFlags", occupancy},
    Row{"GetErrorName", text<&DeviceFacts::error_name>},
    Row{"GetErrorString", text<&DeviceFacts::error_text>},
};

}  // namespace

Handler find_question_builtin(std::string_view name) {
  for (const Row& row : kRows)
    if (row.name == name) return row.handler;
  return nullptr;
}

}  // namespace vgpu::soft
