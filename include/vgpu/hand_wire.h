// SPDX-License-Identifier: Apache-2.0
// Payloads of the calls whose parameters the rows cannot carry: the fixed part of each message, shared by the guest's
// and the worker's hand-written codecs. What follows a struct is said at the struct. Docs: docs/wire.md.
#pragma once

#include <cstdint>

#include "vgpu/wire.h"

namespace vgpu::wire {

// cuLaunchKernel, cuLaunchKernelEx, cuLaunchCooperativeKernel.
// Then `parameter_bytes` of packed parameters, then `attribute_count` CUlaunchAttribute, flat.
struct Launch {
  uint64_t function;
  uint64_t stream;
  uint32_t grid[3];
  uint32_t block[3];
  uint32_t shared_bytes;
  uint32_t parameter_bytes;
  uint32_t attribute_count;
  uint32_t reserved;
};
static_assert(sizeof(Launch) == 56);

// cuLaunchCooperativeKernelMultiDevice. Then `count` launches without attributes, each as above.
struct LaunchOnDevices {
  uint32_t count;
  uint32_t flags;
};

// Where the host's side of a copy lies.
enum class HostSide : uint32_t {
  none = 0,     // both sides are device addresses, or pages mapped on both sides
  inline_data,  // the bytes follow in the message (to the device), or go into the reply (to the host)
  window,       // in staging chunk `chunk`
};

// The one-dimensional copies. `host_side` says what replaces the host pointer.
struct Copy {
  uint64_t destination;
  uint64_t source;
  uint64_t bytes;
  uint64_t stream;
  HostSide host_side;
  uint32_t chunk;
  uint32_t release_chunk;  // 1: the worker gives the chunk back once the driver has taken the bytes
  uint32_t reserved;
};
static_assert(sizeof(Copy) == 48);

// Two- and three-dimensional copies, in the field order of CUDA_MEMCPY3D_PEER; arrays and contexts are handles.
// Host pointers are addresses mapped on both sides, or offsets into the window when the flag says so.
struct CopyBox {
  uint64_t source_x, source_y, source_z, source_lod;
  uint32_t source_type, source_in_window;
  uint64_t source_host, source_device, source_array, source_context, source_pitch, source_height;
  uint64_t destination_x, destination_y, destination_z, destination_lod;
  uint32_t destination_type, destination_in_window;
  uint64_t destination_host, destination_device, destination_array, destination_context, destination_pitch,
      destination_height;
  uint64_t width, height, depth;
  uint64_t stream;
};
static_assert(sizeof(CopyBox) == 208);

// cuModuleLoadDataEx, cuLibraryLoadData, cuLinkAddData_v2, cuLinkCreate_v2: just-in-time options.
// Each option: u32 id, u32 reserved, u64 value (scalars widened; sizes for log buffers).
struct JitOption {
  uint32_t option;
  uint32_t reserved;
  uint64_t value;
};
static_assert(sizeof(JitOption) == 16);

// Kernel node parameters: this, then parameter bytes. Of function and kernel one may be 0; both may be given, and are
// then both told again.
struct KernelNode {
  uint64_t function;
  uint64_t kernel;
  uint32_t grid[3];
  uint32_t block[3];
  uint32_t shared_bytes;
  uint32_t parameter_bytes;
  uint64_t context;
};
static_assert(sizeof(KernelNode) == 56);

// What a guest gets as a CUipcMemHandle, CUipcEventHandle or CUmemPoolPtrExportData, and what is in a shared file
// descriptor (libcuda/shared_descriptors.h). The rest of CUDA's 64 bytes is zero.
struct SharedName {
  uint64_t magic;
  Token token;
  ShareKind kind;
  uint32_t reserved;
};
static_assert(sizeof(SharedName) == 32);
// cuImportExternalMemory, of the memory that a descriptor stands for.
struct ExternalMemory {
  SharedName name;
  uint64_t size;  // bytes
  uint32_t flags;
  uint32_t reserved;
};
static_assert(sizeof(ExternalMemory) == 48);
constexpr uint64_t kSharedNameMagic = 0x656d616e75706776;

// kPlaceMarker, kMarkedRecord, kMarkedWait: when `stream` has come to this point, the device stores `value` in the
// header's marker number `word`. When the device cannot be asked, or an error waits to be told, the worker stores value
// | kMarkerRefused at once.
struct Marker {
  uint64_t stream;
  uint32_t word;
  uint32_t value;
};
static_assert(sizeof(Marker) == 16);
constexpr uint32_t kMarkerRefused = 0x80000000;

// kMarkedCopy: what `call`, one of the synchronous copies, would do with `copy`, whose ends are device addresses or
// pages mapped on both sides. Where the marker says that it was refused, the copy may have been made, or not.
struct MarkedCopy {
  Copy copy;
  uint32_t word;
  uint32_t value;
  uint64_t call;
};
static_assert(sizeof(MarkedCopy) == 64);

// Host functions: cuLaunchHostFunc, cuStreamAddCallback, host nodes. The guest's addresses, opaque to the worker.
struct HostFunction {
  uint64_t function;
  uint64_t user_data;
};

}  // namespace vgpu::wire
