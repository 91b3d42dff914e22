// SPDX-License-Identifier: Apache-2.0
// Launches: what CUDA refuses at once is checked here against facts that the guest has; the launch itself is posted.
// CUDA driver API: Execution Control.
#include <algorithm>
#include <cstring>

#include "common/bits.h"
#include "libcuda/by_hand.h"
#include "libcuda/function.h"
#include "vgpu/hand_wire.h"

namespace vgpu::guest {
namespace {

// CU_LAUNCH_PARAM_BUFFER_POINTER and _SIZE of an `extra` list.
struct ExtraBuffer {
  const void* data = nullptr;
  size_t bytes = 0;
};

CUresult read_extra(void** extra, ExtraBuffer& out) {
  for (size_t i = 0; extra[i] != CU_LAUNCH_PARAM_END; i += 2) {
    if (extra[i] == CU_LAUNCH_PARAM_BUFFER_POINTER) out.data = extra[i + 1];
    else if (extra[i] == CU_LAUNCH_PARAM_BUFFER_SIZE) out.bytes = *static_cast<const size_t*>(extra[i + 1]);
    else return CUDA_ERROR_INVALID_VALUE;
  }
  return out.data == nullptr && out.bytes != 0 ? CUDA_ERROR_INVALID_VALUE : CUDA_SUCCESS;
}

constexpr size_t kMaxParameterBytes = 32764;  // CUDA C++ Programming Guide, kernel parameters

}  // namespace

CUresult check_shape(const Admitted& admitted, const Function& function, const wire::Launch& l) {
  const int32_t* limits = admitted.process->device(admitted.thread->current()->device())->attribute;
  const uint64_t threads = uint64_t{l.block[0]} * l.block[1] * l.block[2];
  if (threads == 0 || l.grid[0] == 0 || l.grid[1] == 0 || l.grid[2] == 0) return CUDA_ERROR_INVALID_VALUE;
  for (int i = 0; i < 3; ++i) {
    if (l.grid[i] > static_cast<unsigned>(limits[CU_DEVICE_ATTRIBUTE_MAX_GRID_DIM_X + i]) ||
        l.block[i] > static_cast<unsigned>(limits[CU_DEVICE_ATTRIBUTE_MAX_BLOCK_DIM_X + i]))
      return CUDA_ERROR_INVALID_VALUE;
  }
  const int* facts = function.facts.attribute;
  if (threads > static_cast<unsigned>(limits[CU_DEVICE_ATTRIBUTE_MAX_THREADS_PER_BLOCK]))
    return CUDA_ERROR_INVALID_VALUE;
  if (threads > static_cast<unsigned>(facts[CU_FUNC_ATTRIBUTE_MAX_THREADS_PER_BLOCK])) {
    // The limit is the registers' or what the kernel's launch bounds say, and CUDA tells them apart.
    const uint64_t registers = (threads + 31) / 32 * 32 * static_cast<unsigned>(facts[CU_FUNC_ATTRIBUTE_NUM_REGS]);
    return registers > static_cast<unsigned>(limits[CU_DEVICE_ATTRIBUTE_MAX_REGISTERS_PER_BLOCK])
               ? CUDA_ERROR_LAUNCH_OUT_OF_RESOURCES
               : CUDA_ERROR_INVALID_VALUE;
  }
  if (l.shared_bytes > static_cast<unsigned>(facts[CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES]))
    return CUDA_ERROR_INVALID_VALUE;
  return CUDA_SUCCESS;
}

CUresult packed_size(const Function& function, void** kernel_params, void** extra, uint32_t& bytes) {
  bytes = function.facts.parameter_bytes;
  if (extra != nullptr) {
    ExtraBuffer buffer;
    VGPU_CHECK(read_extra(extra, buffer));
    if (kernel_params != nullptr || buffer.bytes > kMaxParameterBytes) return CUDA_ERROR_INVALID_VALUE;
    bytes = static_cast<uint32_t>(buffer.bytes);
    return CUDA_SUCCESS;
  }
  return kernel_params == nullptr && !function.parameters.empty() ? CUDA_ERROR_INVALID_VALUE : CUDA_SUCCESS;
}

namespace {

// Nearly all parameters have these sizes, and a call of memcpy costs more than the rest.
void copy_parameter(std::byte* to, const void* from, size_t size) {
  switch (size) {
    case 4: std::memcpy(to, from, 4); break;
    case 8: std::memcpy(to, from, 8); break;
    default: std::memcpy(to, from, size); break;
  }
}

// `packed` has the room that packed_size asked for.
CUresult fill_parameters(const Function& function, void** kernel_params, void** extra, std::byte* packed) {
  if (extra != nullptr) {
    ExtraBuffer buffer;
    VGPU_CHECK(read_extra(extra, buffer));
    if (buffer.bytes != 0) std::memcpy(packed, buffer.data, buffer.bytes);
    return CUDA_SUCCESS;
  }
  for (const wire::ParameterFacts& parameter : function.parameters)
    copy_parameter(packed + parameter.offset, *kernel_params++, parameter.size);
  return CUDA_SUCCESS;
}

}  // namespace

CUresult pack_parameters(const Function& function, void** kernel_params, void** extra, uint32_t bytes,
                         codec::Writer& writer) {
  return fill_parameters(function, kernel_params, extra, writer.room(bytes));
}

namespace {

struct Attributes {
  const CUlaunchAttribute* data = nullptr;
  unsigned count = 0;
};

// Attributes that any launch of the right shape may have: they say how, not whether.
bool is_harmless(const CUlaunchAttribute& attribute) {
  switch (attribute.id) {
    case CU_LAUNCH_ATTRIBUTE_IGNORE:
    case CU_LAUNCH_ATTRIBUTE_PRIORITY: return true;
    case CU_LAUNCH_ATTRIBUTE_PROGRAMMATIC_STREAM_SERIALIZATION:
      return attribute.value.programmaticStreamSerializationAllowed <= 1;
    case CU_LAUNCH_ATTRIBUTE_MEM_SYNC_DOMAIN:
      return attribute.value.memSyncDomain == CU_LAUNCH_MEM_SYNC_DOMAIN_DEFAULT ||
             attribute.value.memSyncDomain == CU_LAUNCH_MEM_SYNC_DOMAIN_REMOTE;
    default: return false;
  }
}

struct Way {
  uint16_t opcode;
  bool posted;
};

// Launches whose size only the driver can judge (cooperative ones, clusters) wait for its answer, and while something
// is being captured, those on a stream that may not be used then, or into a capture that may be invalid already.
Way way_of(const Admitted& admitted, const Attributes& attributes, uint64_t stream) {
  const Process& process = *admitted.process;
  const bool harmless = std::all_of(attributes.data, attributes.data + attributes.count, is_harmless);
  const bool captures = process.captures.load(std::memory_order_relaxed) != 0;
  // A captured launch that fails has no other way to tell than the end of its capture.
  if (captures && harmless && stream > bits_of(CU_STREAM_PER_THREAD) &&
      !process.captures_doubtful.load(std::memory_order_relaxed) && process.serves_private(wire::kCapturedLaunch))
    return {wire::kCapturedLaunch, true};
  return {attributes.count == 0 ? api::opcode::cuLaunchKernel : api::opcode::cuLaunchKernelEx, harmless && !captures};
}

// A launch may record an event when it begins or ends.
void forget_recorded(const Admitted& admitted, const CUlaunchAttribute& attribute) {
  if (attribute.id == CU_LAUNCH_ATTRIBUTE_PROGRAMMATIC_EVENT)
    forget_event(admitted, bits_of(attribute.value.programmaticEvent.event));
  if (attribute.id == CU_LAUNCH_ATTRIBUTE_LAUNCH_COMPLETION_EVENT)
    forget_event(admitted, bits_of(attribute.value.launchCompletionEvent.event));
}

// Nobody may wait for what is captured, and the driver says what else is forbidden then.
CUresult wait_where_launches_block(const Admitted& admitted, CUstream stream) {
  const Process& process = *admitted.process;
  if (!process.launches_block() || process.captures.load(std::memory_order_relaxed) != 0) return CUDA_SUCCESS;
  return by_hand::cuStreamSynchronize(stream);
}

CUresult submit(wire::Launch& launch, CUfunction f, CUstream stream, void** kernel_params, void** extra,
                const Attributes& attributes) {
  VGPU_ADMIT_WITH_CONTEXT(admitted);
  Function* function = nullptr;
  VGPU_CHECK(function_facts(admitted, f, function));
  VGPU_CHECK(check_shape(admitted, *function, launch));
  VGPU_CHECK(packed_size(*function, kernel_params, extra, launch.parameter_bytes));
  launch.function = bits_of(f);
  launch.stream = bits_of(stream);
  if (launch.stream > 2 && !admitted.process->handles().is_live(launch.stream)) return CUDA_ERROR_INVALID_HANDLE;
  launch.attribute_count = attributes.count;
  const Way way = way_of(admitted, attributes, launch.stream);
  Remote remote(admitted, way.opcode);
  // One piece of room for all of it: growing the buffer costs as much as filling it.
  std::byte* at =
      remote.writer().room(sizeof launch + launch.parameter_bytes + attributes.count * sizeof *attributes.data);
  std::memcpy(at, &launch, sizeof launch);
  at += sizeof launch;
  VGPU_CHECK(fill_parameters(*function, kernel_params, extra, at));
  at += launch.parameter_bytes;
  for (unsigned i = 0; i < attributes.count; ++i, at += sizeof *attributes.data) {
    forget_recorded(admitted, attributes.data[i]);
    std::memcpy(at, &attributes.data[i], sizeof *attributes.data);
  }
  const CUresult status = way.posted ? remote.post() : remote.call();
  // What another thread asked meanwhile may have been answered for the time before.
  for (unsigned i = 0; i < attributes.count; ++i) forget_recorded(admitted, attributes.data[i]);
  return status == CUDA_SUCCESS ? wait_where_launches_block(admitted, stream) : status;
}

CUresult ask_clusters(uint16_t opcode, int* result, CUfunction f, const CUlaunchConfig* config) {
  VGPU_ADMIT_WITH_CONTEXT(admitted);
  if (result == nullptr || config == nullptr) return CUDA_ERROR_INVALID_VALUE;
  wire::Launch launch = {};
  launch.function = bits_of(f);
  launch.stream = bits_of(config->hStream);
  launch.grid[0] = config->gridDimX, launch.grid[1] = config->gridDimY, launch.grid[2] = config->gridDimZ;
  launch.block[0] = config->blockDimX, launch.block[1] = config->blockDimY, launch.block[2] = config->blockDimZ;
  launch.shared_bytes = config->sharedMemBytes;
  launch.attribute_count = config->numAttrs;
  Remote remote(admitted, opcode);
  remote.writer().put(launch);
  for (unsigned i = 0; i < config->numAttrs; ++i) remote.writer().put(config->attrs[i]);
  VGPU_CHECK(remote.call());
  *result = remote.reader().get<int>();
  return remote.reader().complete() ? CUDA_SUCCESS : CUDA_ERROR_UNKNOWN;
}

}  // namespace

namespace by_hand {

CUresult cuLaunchKernel(CUfunction f, unsigned int gridDimX, unsigned int gridDimY, unsigned int gridDimZ,
                        unsigned int blockDimX, unsigned int blockDimY, unsigned int blockDimZ,
                        unsigned int sharedMemBytes, CUstream hStream, void** kernelParams, void** extra) {
  wire::Launch launch = {0, 0, {gridDimX, gridDimY, gridDimZ}, {blockDimX, blockDimY, blockDimZ}, sharedMemBytes, 0,
                         0, 0};
  return submit(launch, f, hStream, kernelParams, extra, {});
}

CUresult cuLaunchKernelEx(const CUlaunchConfig* config, CUfunction f, void** kernelParams, void** extra) {
  if (config == nullptr) return CUDA_ERROR_INVALID_VALUE;
  if (config->numAttrs != 0 && config->attrs == nullptr) return CUDA_ERROR_INVALID_VALUE;
  for (unsigned i = 0; i < config->numAttrs; ++i)
    // Its value is a pointer that the driver would fill in.
    if (config->attrs[i].id == CU_LAUNCH_ATTRIBUTE_DEVICE_UPDATABLE_KERNEL_NODE)
      return refuse("cuLaunchKernelEx with a device-updatable node");
  wire::Launch launch = {0,
                         0,
                         {config->gridDimX, config->gridDimY, config->gridDimZ},
                         {config->blockDimX, config->blockDimY, config->blockDimZ},
                         config->sharedMemBytes,
                         0,
                         0,
                         0};
  return submit(launch, f, config->hStream, kernelParams, extra, {config->attrs, config->numAttrs});
}

CUresult cuLaunchCooperativeKernel(CUfunction f, unsigned int gridDimX, unsigned int gridDimY, unsigned int gridDimZ,
                                   unsigned int blockDimX, unsigned int blockDimY, unsigned int blockDimZ,
                                   unsigned int sharedMemBytes, CUstream hStream, void** kernelParams) {
  CUlaunchAttribute cooperative = {};
  cooperative.id = CU_LAUNCH_ATTRIBUTE_COOPERATIVE;
  cooperative.value.cooperative = 1;
  wire::Launch launch = {0, 0, {gridDimX, gridDimY, gridDimZ}, {blockDimX, blockDimY, blockDimZ}, sharedMemBytes, 0,
                         0, 0};
  return submit(launch, f, hStream, kernelParams, nullptr, {&cooperative, 1});
}

CUresult cuOccupancyMaxActiveClusters(int* numClusters, CUfunction func, const CUlaunchConfig* config) {
  return ask_clusters(api::opcode::cuOccupancyMaxActiveClusters, numClusters, func, config);
}

CUresult cuOccupancyMaxPotentialClusterSize(int* clusterSize, CUfunction func, const CUlaunchConfig* config) {
  return ask_clusters(api::opcode::cuOccupancyMaxPotentialClusterSize, clusterSize, func, config);
}

}  // namespace by_hand
}  // namespace vgpu::guest
