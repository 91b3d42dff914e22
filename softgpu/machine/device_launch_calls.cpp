// SPDX-License-Identifier: Apache-2.0
// The device runtime for kernels that launch kernels (CUDA C++ Programming Guide, Dynamic Parallelism), under the names
// that nvcc calls it by. What is missing here is an unresolved function of the kernel that needs it.
#include <driver_types.h>

#include <array>
#include <cstring>
#include <string>

#include "softgpu/machine/device_calls.h"
#include "softgpu/machine/memory.h"

namespace vgpu::soft {

namespace {

constexpr uint64_t kTailLaunch = 3, kFireAndForget = 4;  // cudaStreamTailLaunch, cudaStreamFireAndForget
constexpr unsigned kStreamNonBlocking = 1, kEventDisableTiming = 2;
constexpr uint32_t kMostShared = 227 * 1024;

bool is_stream(Warp& warp, uint64_t stream) { return stream <= kFireAndForget || launches_of(warp).is_handle(stream); }

int check_shape(const DeviceWork& grid) {
  const Dim3 &g = grid.grid, &b = grid.block;
  const Kernel::Attributes& code = grid.kernel->attributes();
  const uint64_t threads = uint64_t{b.x} * b.y * b.z;
  const bool fits = g.x != 0 && g.y != 0 && g.z != 0 && g.x <= 0x7fffffffu && g.y <= 65535 && g.z <= 65535 &&
                    threads != 0 && b.x <= 1024 && b.y <= 1024 && b.z <= 64 && threads <= code.max_threads_per_block &&
                    uint64_t{grid.dynamic_shared_bytes} + code.static_shared_bytes <= kMostShared;
  return fits ? 0 : kInvalidConfiguration;
}

// void* (void* kernel, dim3 grid, dim3 block, unsigned shared): where the parameters go; 0 and an error for bad ones.
void get_parameter_buffer(Warp& warp, const Instruction& instruction, LaneMask mask) {
  const CallSite& site = site_of(instruction);
  for_each_lane_until_fault(warp, mask, [&](unsigned lane) {
    DeviceWork grid;
    auto kernel = warp.block->launch().code.program->get_kernel_at(argument<uint64_t>(warp, site, 0, lane));
    int error = 0;
    uint64_t address = 0;
    if (!kernel && kernel.error().code != CUDA_ERROR_NOT_FOUND)
      return warp.fault(kernel.error().code, instruction, lane, kernel.error().log.c_str(), 0);
    if (kernel) {
      grid.kernel = kernel.value();
      grid.grid = argument<Dim3>(warp, site, 1, lane);
      grid.block = argument<Dim3>(warp, site, 2, lane);
      grid.dynamic_shared_bytes = argument<uint32_t>(warp, site, 3, lane);
      grid.parameters.resize(grid.kernel->parameter_bytes());
      error = check_shape(grid);
      if (error == 0) address = launches_of(warp).prepare(std::move(grid));
      if (error == 0 && address == 0) error = kPendingCountExceeded;
    } else {
      error = kInvalidDeviceFunction;
    }
    if (error != 0) launches_of(warp).set_error(thread_of(warp, lane), error);
    set_result<uint64_t>(warp, site, lane, address);
  });
}

// cudaError_t (void* parameters, cudaStream_t)
void launch_device(Warp& warp, const Instruction& instruction, LaneMask mask) {
  each(warp, mask, site_of(instruction), [&](unsigned lane, const CallSite& site) {
    const auto stream = argument<uint64_t>(warp, site, 1, lane);
    if (!is_stream(warp, stream)) return kInvalidResourceHandle;
    const auto parameters = argument<uint64_t>(warp, site, 0, lane);
    return launches_of(warp).launch(parameters, stream == kTailLaunch) ? 0 : kInvalidValue;
  });
}

// cudaError_t (cudaStream_t*, unsigned flags), cudaError_t (cudaEvent_t*, unsigned flags)
template <unsigned flags>
void make_object(Warp& warp, const Instruction& instruction, LaneMask mask) {
  each(warp, mask, site_of(instruction), [&](unsigned lane, const CallSite& site) {
    if (argument<uint32_t>(warp, site, 1, lane) != flags) return kInvalidValue;
    const auto where = argument<uint64_t>(warp, site, 0, lane);
    store(warp, instruction, lane, where, launches_of(warp).make_handle());
    return 0;
  });
}

// Streams and events, the first `count` arguments, of calls that the order of the queue carries out already.
template <size_t count>
void check_objects(Warp& warp, const Instruction& instruction, LaneMask mask) {
  each(warp, mask, site_of(instruction), [&](unsigned lane, const CallSite& site) {
    for (size_t i = 0; i < count; ++i)
      if (!is_stream(warp, argument<uint64_t>(warp, site, i, lane))) return kInvalidResourceHandle;
    return 0;
  });
}

template <bool clear>
void last_error(Warp& warp, const Instruction& instruction, LaneMask mask) {
  const CallSite& site = site_of(instruction);
  for_each_lane_until_fault(warp, mask, [&](unsigned lane) {
    set_result<int32_t>(warp, site, lane, launches_of(warp).error(thread_of(warp, lane), clear));
  });
}

int add_work(Warp& warp, DeviceWork work, uint64_t stream) {
  if (!is_stream(warp, stream)) return kInvalidResourceHandle;
  return launches_of(warp).add(std::move(work), stream == kTailLaunch) ? 0 : kPendingCountExceeded;
}

// cudaError_t (void* to, const void* from, size_t, cudaMemcpyKind, cudaStream_t)
void copy_async(Warp& warp, const Instruction& instruction, LaneMask mask) {
  each(warp, mask, site_of(instruction), [&](unsigned lane, const CallSite& site) {
    DeviceWork work;
    work.to = argument<uint64_t>(warp, site, 0, lane);
    work.from = argument<uint64_t>(warp, site, 1, lane);
    work.size = argument<uint64_t>(warp, site, 2, lane);
    if (work.from == 0 && work.size != 0) return kInvalidValue;
    return add_work(warp, std::move(work), argument<uint64_t>(warp, site, 4, lane));
  });
}

// cudaError_t (void* to, int value, size_t, cudaStream_t)
void fill_async(Warp& warp, const Instruction& instruction, LaneMask mask) {
  each(warp, mask, site_of(instruction), [&](unsigned lane, const CallSite& site) {
    DeviceWork work;
    work.to = argument<uint64_t>(warp, site, 0, lane);
    work.value = argument<int32_t>(warp, site, 1, lane);
    work.size = argument<uint64_t>(warp, site, 2, lane);
    return add_work(warp, std::move(work), argument<uint64_t>(warp, site, 3, lane));
  });
}

// A copy or a set of rows: `work` is the first one's, the others follow at these distances.
int add_rows(Warp& warp, const DeviceWork& work, uint64_t to_pitch, uint64_t from_pitch, uint64_t rows,
             uint64_t stream) {
  for (uint64_t row = 0; row < rows; ++row) {
    DeviceWork next = work;
    next.to += row * to_pitch;
    if (next.from != 0) next.from += row * from_pitch;
    if (const int error = add_work(warp, std::move(next), stream)) return error;
  }
  return 0;
}

// cudaError_t (void* to, size_t to_pitch, const void* from, size_t from_pitch, size_t width, size_t rows,
// cudaMemcpyKind, cudaStream_t)
void copy_rows_async(Warp& warp, const Instruction& instruction, LaneMask mask) {
  each(warp, mask, site_of(instruction), [&](unsigned lane, const CallSite& site) {
    DeviceWork work;
    work.to = argument<uint64_t>(warp, site, 0, lane);
    work.from = argument<uint64_t>(warp, site, 2, lane);
    work.size = argument<uint64_t>(warp, site, 4, lane);
    const auto to_pitch = argument<uint64_t>(warp, site, 1, lane), from_pitch = argument<uint64_t>(warp, site, 3, lane);
    if (work.size > to_pitch || work.size > from_pitch) return kInvalidPitch;
    if (work.from == 0) return kInvalidValue;
    return add_rows(warp, work, to_pitch, from_pitch, argument<uint64_t>(warp, site, 5, lane),
                    argument<uint64_t>(warp, site, 7, lane));
  });
}

// cudaError_t (void* to, size_t pitch, int value, size_t width, size_t rows, cudaStream_t)
void fill_rows_async(Warp& warp, const Instruction& instruction, LaneMask mask) {
  each(warp, mask, site_of(instruction), [&](unsigned lane, const CallSite& site) {
    DeviceWork work;
    work.to = argument<uint64_t>(warp, site, 0, lane);
    work.value = argument<int32_t>(warp, site, 2, lane);
    work.size = argument<uint64_t>(warp, site, 3, lane);
    const auto pitch = argument<uint64_t>(warp, site, 1, lane);
    if (work.size > pitch) return kInvalidPitch;
    return add_rows(warp, work, pitch, 0, argument<uint64_t>(warp, site, 4, lane),
                    argument<uint64_t>(warp, site, 5, lane));
  });
}

// Rows of a box that lies at `place`, in bytes, within memory of this pitch and these rows per slice.
struct Box {
  cudaPitchedPtr memory;
  cudaPos place;
  uint64_t row(uint64_t y, uint64_t z) const {
    const uint64_t slice = memory.pitch * memory.ysize;
    return reinterpret_cast<uint64_t>(memory.ptr) + (place.z + z) * slice + (place.y + y) * memory.pitch + place.x;
  }
  int check(const cudaExtent& extent) const {
    if ((extent.height > 1 || extent.depth > 1) && place.x + extent.width > memory.pitch) return kInvalidPitch;
    return extent.depth > 1 && place.y + extent.height > memory.ysize ? kInvalidValue : 0;
  }
};

bool is_empty(const cudaExtent& extent) { return extent.width == 0 || extent.height == 0 || extent.depth == 0; }

// cudaError_t (const cudaMemcpy3DParms*, cudaStream_t)
void copy_box_async(Warp& warp, const Instruction& instruction, LaneMask mask) {
  each(warp, mask, site_of(instruction), [&](unsigned lane, const CallSite& site) {
    cudaMemcpy3DParms copy;
    if (!load_struct(warp, instruction, lane, argument<uint64_t>(warp, site, 0, lane), &copy)) return 0;
    // The device runtime knows no arrays.
    if (copy.srcArray != nullptr || copy.dstArray != nullptr) return kInvalidValue;
    if (copy.srcPtr.ptr == nullptr || copy.dstPtr.ptr == nullptr) return kInvalidValue;
    if (is_empty(copy.extent)) return 0;
    const Box from{copy.srcPtr, copy.srcPos}, to{copy.dstPtr, copy.dstPos};
    if (const int error = from.check(copy.extent)) return error;
    if (const int error = to.check(copy.extent)) return error;
    const auto stream = argument<uint64_t>(warp, site, 1, lane);
    for (uint64_t z = 0; z < copy.extent.depth; ++z) {
      DeviceWork work;
      work.to = to.row(0, z);
      work.from = from.row(0, z);
      work.size = copy.extent.width;
      if (const int error = add_rows(warp, work, to.memory.pitch, from.memory.pitch, copy.extent.height, stream))
        return error;
    }
    return 0;
  });
}

// cudaError_t (cudaPitchedPtr, int value, cudaExtent, cudaStream_t)
void fill_box_async(Warp& warp, const Instruction& instruction, LaneMask mask) {
  each(warp, mask, site_of(instruction), [&](unsigned lane, const CallSite& site) {
    const Box to{argument<cudaPitchedPtr>(warp, site, 0, lane), {}};
    const auto extent = argument<cudaExtent>(warp, site, 2, lane);
    if (is_empty(extent)) return 0;
    if (const int error = to.check(extent)) return error;
    for (uint64_t z = 0; z < extent.depth; ++z) {
      DeviceWork work;
      work.to = to.row(0, z);
      work.value = argument<int32_t>(warp, site, 1, lane);
      work.size = extent.width;
      const auto stream = argument<uint64_t>(warp, site, 3, lane);
      if (const int error = add_rows(warp, work, to.memory.pitch, 0, extent.height, stream)) return error;
    }
    return 0;
  });
}

// cudaError_t (void**, size_t)
void device_malloc(Warp& warp, const Instruction& instruction, LaneMask mask) {
  each(warp, mask, site_of(instruction), [&](unsigned lane, const CallSite& site) {
    const auto size = argument<uint64_t>(warp, site, 1, lane);
    const uint64_t address = size == 0 ? 0 : warp.block->launch().environment.heap.allocate(size);
    store(warp, instruction, lane, argument<uint64_t>(warp, site, 0, lane), address);
    return address == 0 && size != 0 ? kMemoryAllocation : 0;
  });
}

// cudaError_t (void*)
void device_free(Warp& warp, const Instruction& instruction, LaneMask mask) {
  each(warp, mask, site_of(instruction), [&](unsigned lane, const CallSite& site) {
    const auto address = argument<uint64_t>(warp, site, 0, lane);
    return address == 0 || warp.block->launch().environment.heap.release(address) ? 0 : kInvalidValue;
  });
}

// void cudaGraphSetConditional(cudaGraphConditionalHandle, unsigned value)
void set_condition(Warp& warp, const Instruction& instruction, LaneMask mask) {
  const CallSite& site = site_of(instruction);
  ConditionSink* const conditions = warp.block->launch().environment.conditions;
  for_each_lane_until_fault(warp, mask, [&](unsigned lane) {
    const auto handle = argument<uint64_t>(warp, site, 0, lane);
    if (conditions != nullptr && conditions->set(handle, argument<uint32_t>(warp, site, 1, lane))) return;
    warp.fault(CUDA_ERROR_LAUNCH_FAILED, instruction, lane, "no condition of a graph has this handle", handle);
  });
}

struct Row {
  std::string_view name;
  Handler handler;
};

constexpr std::array kRows = {
    Row{"GetParameterBufferV2", get_parameter_buffer},
    Row{"LaunchDeviceV2", launch_device},
    Row{"StreamCreateWithFlags", make_object<kStreamNonBlocking>},
    Row{"StreamDestroy", check_objects<1>},
    Row{"StreamWaitEvent", check_objects<2>},
    Row{"EventCreateWithFlags", make_object<kEventDisableTiming>},
    Row{"EventRecord", check_objects<2>},
    Row{"EventRecordWithFlags", check_objects<2>},
    Row{"EventDestroy", check_objects<1>},
    Row{"GetLastError", last_error<true>},
    Row{"PeekAtLastError", last_error<false>},
    Row{"MemcpyAsync", copy_async},
    Row{"MemsetAsync", fill_async},
    Row{"Memcpy2DAsync", copy_rows_async},
    Row{"Memset2DAsync", fill_rows_async},
    Row{"Memcpy3DAsync", copy_box_async},
    Row{"Memset3DAsync", fill_box_async},
    Row{"Malloc", device_malloc},
    Row{"Free", device_free},
};

}  // namespace

Handler find_launch_builtin(std::string_view name) {
  constexpr std::string_view kPrefix = "__cudaCDP2", kPerThread = "_ptsz";
  if (name == "cudaGraphSetConditional") return set_condition;
  if (!name.starts_with(kPrefix)) return nullptr;
  name.remove_prefix(kPrefix.size());
  // In device code the per-thread default stream is the block's.
  if (name.ends_with(kPerThread)) name.remove_suffix(kPerThread.size());
  for (const Row& row : kRows)
    if (row.name == name) return row.handler;
  return find_question_builtin(name);
}

}  // namespace vgpu::soft
