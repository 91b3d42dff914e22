// SPDX-License-Identifier: Apache-2.0
// Functions and kernels: attributes come from facts that are fetched once per function.
// CUDA driver API: Execution Control, Library Management, Occupancy.
#include "libcuda/function.h"

#include <algorithm>

#include "common/bits.h"
#include "libcuda/by_hand.h"

namespace vgpu::guest {
namespace {

// A kernel and the function that is got from it share their settings, and each has facts of its own here: those of one
// kind are old once something of the other was set.
std::atomic<uint64_t>& settings_of(const Admitted& admitted, Kind kind) {
  return kind == Kind::kernel ? admitted.process->kernel_settings : admitted.process->function_settings;
}
std::atomic<uint64_t>& settings_of_others(const Admitted& admitted, uint64_t wire) {
  return settings_of(admitted, handle::kind_of(wire) == Kind::kernel ? Kind::function : Kind::kernel);
}

bool is_known(const Admitted& admitted, const Function& function, uint64_t wire) {
  return function.known.load(std::memory_order_acquire) &&
         function.settings_then.load(std::memory_order_relaxed) ==
             settings_of_others(admitted, wire).load(std::memory_order_relaxed);
}

}  // namespace

CUresult function_facts(const Admitted& admitted, CUfunction handle, Function*& out) {
  const uint64_t wire = bits_of(handle);
  Function* function = wire == 0 ? nullptr : admitted.process->handles().function(wire);
  if (function == nullptr) return CUDA_ERROR_INVALID_HANDLE;
  out = function;
  if (is_known(admitted, *function, wire)) return CUDA_SUCCESS;
  const std::lock_guard lock(function->mutex);
  if (is_known(admitted, *function, wire)) return CUDA_SUCCESS;
  function->settings_then.store(settings_of_others(admitted, wire).load(std::memory_order_acquire),
                                std::memory_order_relaxed);
  Remote remote(admitted, wire::kFunctionFacts);
  remote.writer().put(wire);
  VGPU_CHECK(remote.may_block().call());
  const auto facts = remote.reader().get<wire::FunctionFacts>();
  if (remote.reader().failed() || facts.parameter_count > remote.reader().left() / sizeof(wire::ParameterFacts))
    return CUDA_ERROR_UNKNOWN;
  function->facts = facts;
  function->parameters.resize(facts.parameter_count);
  for (wire::ParameterFacts& parameter : function->parameters) {
    parameter = remote.reader().get<wire::ParameterFacts>();
    // Layouts are used to pack parameters into a buffer of parameter_bytes.
    if (parameter.offset > facts.parameter_bytes || parameter.size > facts.parameter_bytes - parameter.offset)
      return CUDA_ERROR_UNKNOWN;
  }
  function->known.store(true, std::memory_order_release);
  return CUDA_SUCCESS;
}

namespace {

// A setting was changed.
void forget_facts(const Admitted& admitted, uint64_t wire) {
  settings_of(admitted, handle::kind_of(wire)).fetch_add(1, std::memory_order_release);
  Function* function = admitted.process->handles().function(wire);
  if (function == nullptr) return;
  const std::lock_guard lock(function->mutex);
  function->known.store(false, std::memory_order_release);
}

// Programs set how much shared memory a kernel may have before each of its launches. Other attributes are refused for
// some kernels, whatever the value.
bool is_set_already(const Admitted& admitted, uint64_t wire, CUfunction_attribute attribute, int value) {
  if (attribute != CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES &&
      attribute != CU_FUNC_ATTRIBUTE_PREFERRED_SHARED_MEMORY_CARVEOUT)
    return false;
  const Function* const function = admitted.process->handles().function(wire);
  return function != nullptr && is_known(admitted, *function, wire) &&
         (function->facts.attribute_known >> attribute & 1) != 0 && function->facts.attribute[attribute] == value;
}

// NVIDIA's driver takes the number for an index without a look, and the worker would die of it.
bool is_attribute(CUfunction_attribute attribute) { return attribute >= 0 && attribute < CU_FUNC_ATTRIBUTE_MAX; }

// The name lives as long as the library's notes of the function: the program keeps the pointer.
CUresult name_of(uint16_t opcode, const char** name, uint64_t wire) {
  VGPU_ADMIT(admitted);
  if (name == nullptr) return CUDA_ERROR_INVALID_VALUE;
  Function* function = wire == 0 ? nullptr : admitted.process->handles().function(wire);
  if (function == nullptr) return CUDA_ERROR_INVALID_HANDLE;
  const std::lock_guard lock(function->mutex);
  if (function->name.empty()) {
    Remote remote(admitted, opcode);
    remote.writer().put(wire);
    VGPU_CHECK(remote.call());
    function->name = remote.reader().string();
    if (!remote.reader().complete()) return CUDA_ERROR_UNKNOWN;
  }
  *name = function->name.c_str();
  return CUDA_SUCCESS;
}

}  // namespace

namespace by_hand {

CUresult cuFuncGetAttribute(int* pi, CUfunction_attribute attrib, CUfunction hfunc) {
  VGPU_ADMIT(admitted);
  if (pi == nullptr) return CUDA_ERROR_INVALID_VALUE;
  // Launches and occupancy take a CUkernel for a CUfunction; this call does not.
  if (handle::kind_of(bits_of(hfunc)) == Kind::kernel) return CUDA_ERROR_INVALID_HANDLE;
  Function* function = nullptr;
  VGPU_CHECK(function_facts(admitted, hfunc, function));
  const auto id = static_cast<int>(attrib);
  if (id < 0 || id >= wire::kFunctionAttributes || (function->facts.attribute_known >> id & 1) == 0)
    return CUDA_ERROR_INVALID_VALUE;
  *pi = function->facts.attribute[id];
  return CUDA_SUCCESS;
}

CUresult cuFuncSetAttribute(CUfunction hfunc, CUfunction_attribute attrib, int value) {
  VGPU_ADMIT(admitted);
  if (!is_attribute(attrib)) return CUDA_ERROR_INVALID_VALUE;
  if (is_set_already(admitted, bits_of(hfunc), attrib, value)) return CUDA_SUCCESS;
  VGPU_CHECK(forward(admitted, api::spec::cuFuncSetAttribute, hfunc, attrib, value));
  forget_facts(admitted, bits_of(hfunc));
  return CUDA_SUCCESS;
}

CUresult cuKernelSetAttribute(CUfunction_attribute attrib, int val, CUkernel kernel, CUdevice dev) {
  VGPU_ADMIT(admitted);
  if (!is_attribute(attrib)) return CUDA_ERROR_INVALID_VALUE;
  // What is known of a kernel is of the current device.
  if (admitted.process->device_count() == 1 && dev == 0 && is_set_already(admitted, bits_of(kernel), attrib, val))
    return CUDA_SUCCESS;
  VGPU_CHECK(forward(admitted, api::spec::cuKernelSetAttribute, attrib, val, kernel, dev));
  forget_facts(admitted, bits_of(kernel));
  return CUDA_SUCCESS;
}

// The runtime asks for sixteen of them in a row, some programs before each launch. They change where one is set.
CUresult cuKernelGetAttribute(int* pi, CUfunction_attribute attrib, CUkernel kernel, CUdevice dev) {
  VGPU_ADMIT(admitted);
  const auto ask = [&] { return forward(admitted, api::spec::cuKernelGetAttribute, pi, attrib, kernel, dev); };
  const auto id = static_cast<int>(attrib);
  const bool plain = pi != nullptr && id >= 0 && id < wire::kFunctionAttributes && dev == 0 &&
                     admitted.process->device_count() == 1 && handle::kind_of(bits_of(kernel)) == Kind::kernel;
  Function* const function = plain ? admitted.process->handles().function(bits_of(kernel)) : nullptr;
  if (function == nullptr) return ask();
  const std::lock_guard lock(function->mutex);
  const uint64_t now = admitted.process->kernel_settings.load(std::memory_order_acquire) +
                       admitted.process->function_settings.load(std::memory_order_acquire);
  if (function->told_then != now) function->told = 0;
  if ((function->told >> id & 1) != 0) {
    *pi = function->told_attribute[id];
    count_answered(*admitted.thread);
    return CUDA_SUCCESS;
  }
  VGPU_CHECK(ask());
  function->told |= 1u << id;
  function->told_then = now;
  function->told_attribute[id] = *pi;
  return CUDA_SUCCESS;
}

CUresult cuFuncGetName(const char** name, CUfunction hfunc) {
  return name_of(api::opcode::cuFuncGetName, name, bits_of(hfunc));
}

CUresult cuKernelGetName(const char** name, CUkernel hfunc) {
  return name_of(api::opcode::cuKernelGetName, name, bits_of(hfunc));
}

// Tries block sizes from the largest down, as the documentation of the call describes its result: the smallest grid
// that fills the device at the block size with the highest occupancy.
CUresult cuOccupancyMaxPotentialBlockSizeWithFlags(int* minGridSize, int* blockSize, CUfunction func,
                                                   CUoccupancyB2DSize blockSizeToDynamicSMemSize,
                                                   size_t dynamicSMemSize, int blockSizeLimit, unsigned int flags) {
  VGPU_ADMIT_WITH_CONTEXT(admitted);
  if (minGridSize == nullptr || blockSize == nullptr || blockSizeLimit < 0) return CUDA_ERROR_INVALID_VALUE;
  int maximum = 0, multiprocessors = 0, warp = 0;
  const CUdevice device = admitted.thread->current()->device();
  VGPU_CHECK(by_hand::cuFuncGetAttribute(&maximum, CU_FUNC_ATTRIBUTE_MAX_THREADS_PER_BLOCK, func));
  VGPU_CHECK(by_hand::cuDeviceGetAttribute(&multiprocessors, CU_DEVICE_ATTRIBUTE_MULTIPROCESSOR_COUNT, device));
  VGPU_CHECK(by_hand::cuDeviceGetAttribute(&warp, CU_DEVICE_ATTRIBUTE_WARP_SIZE, device));
  const int limit = blockSizeLimit == 0 ? maximum : std::min(blockSizeLimit, maximum);
  int best_threads = 0, best_size = 0, best_blocks = 0;
  for (int rounded = (limit + warp - 1) / warp * warp; rounded > 0; rounded -= warp) {
    const int size = std::min(rounded, limit);
    const size_t shared = blockSizeToDynamicSMemSize != nullptr ? blockSizeToDynamicSMemSize(size) : dynamicSMemSize;
    int blocks = 0;
    VGPU_CHECK(forward(admitted, api::spec::cuOccupancyMaxActiveBlocksPerMultiprocessorWithFlags, &blocks, func, size,
                       shared, flags));
    if (blocks * size <= best_threads) continue;
    best_threads = blocks * size, best_size = size, best_blocks = blocks;
  }
  *minGridSize = best_blocks * multiprocessors;
  *blockSize = best_size;
  return CUDA_SUCCESS;
}

CUresult cuOccupancyMaxPotentialBlockSize(int* minGridSize, int* blockSize, CUfunction func,
                                          CUoccupancyB2DSize blockSizeToDynamicSMemSize, size_t dynamicSMemSize,
                                          int blockSizeLimit) {
  return by_hand::cuOccupancyMaxPotentialBlockSizeWithFlags(minGridSize, blockSize, func, blockSizeToDynamicSMemSize,
                                                            dynamicSMemSize, blockSizeLimit, CU_OCCUPANCY_DEFAULT);
}

}  // namespace by_hand
}  // namespace vgpu::guest
