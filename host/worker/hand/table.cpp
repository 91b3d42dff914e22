// SPDX-License-Identifier: Apache-2.0
// Which calls have code of their own in the worker. Everything else is carried by its row.
#include <array>

#include "host/worker/hand/calls.h"

namespace vgpu::host {
namespace {

struct Entry {
  uint16_t opcode;
  HandCall call;
};

namespace op = api::opcode;
using namespace hand;

constexpr Entry kEntries[] = {
    {wire::kSnapshot, snapshot},
    {wire::kFunctionFacts, function_facts},
    {wire::kTpcPlaces, tpc_places},
    {wire::kManagedRead, managed_read},
    {wire::kManagedWrite, managed_write},
    {wire::kBlobAppend, blob_append},
    {wire::kBlobRead, blob_read},
    {wire::kBlobDrop, blob_drop},
    {wire::kTakeOutput, take_output},
    {wire::kServeCallbacks, serve_callbacks},
    {wire::kStatistics, hand::statistics},
    {wire::kThreadExit, thread_exit},
    {wire::kRefusedCall, refused_call},
    {wire::kWithdrawExport, withdraw_export},
    {wire::kCapturedLaunch, captured_launch},
    {wire::kPlaceMarker, place_marker},
    {wire::kMarkedRecord, marked_record},
    {wire::kMarkedWait, marked_wait},
    {wire::kMarkedCopy, marked_copy},
    {wire::kReserveNodes, reserve_nodes},
    {wire::kNamedKernelNode, named_kernel_node},

    {op::cuDevicePrimaryCtxRetain, primary_retain},
    {op::cuDevicePrimaryCtxRelease_v2, primary_release},
    {op::cuDevicePrimaryCtxReset_v2, primary_reset},
    {op::cuDevicePrimaryCtxSetFlags_v2, primary_set_flags},
    {op::cuCtxCreate_v2, context_create},
    {op::cuCtxSynchronize, context_synchronize},

    {op::cuLaunchKernel, hand::launch},
    {op::cuLaunchKernelEx, hand::launch},
    {op::cuLaunchCooperativeKernelMultiDevice, launch_on_devices},
    {op::cuOccupancyMaxActiveClusters, occupancy_clusters},
    {op::cuOccupancyMaxPotentialClusterSize, occupancy_clusters},

    {op::cuMemcpy, copy},
    {op::cuMemcpyAsync, copy},
    {op::cuMemcpyHtoD_v2, copy},
    {op::cuMemcpyHtoDAsync_v2, copy},
    {op::cuMemcpyDtoH_v2, copy},
    {op::cuMemcpyDtoHAsync_v2, copy},
    {op::cuMemcpy2D_v2, copy_box},
    {op::cuMemcpy2DAsync_v2, copy_box},
    {op::cuMemcpy2DUnaligned_v2, copy_box},
    {op::cuMemcpy3D_v2, copy_box},
    {op::cuMemcpy3DAsync_v2, copy_box},
    {op::cuMemcpy3DPeer, copy_box},
    {op::cuMemcpy3DPeerAsync, copy_box},

    {op::cuMemAlloc_v2, allocate},
    {op::cuMemAllocAsync, allocate},
    {op::cuMemAllocFromPoolAsync, allocate},
    {op::cuMemAllocPitch_v2, allocate_pitch},
    {op::cuMemFree_v2, release},
    {op::cuMemFreeAsync, release},
    {op::cuMemCreate, create_memory},
    {op::cuMemRelease, release_memory},
    {op::cuMemGetInfo_v2, memory_info},
    {op::cuMemHostRegister_v2, host_register},
    {op::cuMemHostUnregister, host_unregister},
    {op::cuMemHostGetDevicePointer_v2, host_device_pointer},
    {op::cuPointerGetAttribute, pointer_attribute},
    {op::cuMemRetainAllocationHandle, retain_memory},
    {op::cuMemPoolCreate, pool_create},

    {op::cuIpcGetMemHandle, ipc_get_memory},
    {op::cuIpcOpenMemHandle_v2, ipc_open_memory},
    {op::cuIpcGetEventHandle, ipc_get_event},
    {op::cuIpcOpenEventHandle, ipc_open_event},
    {op::cuEventDestroy_v2, event_destroy},
    {op::cuMemExportToShareableHandle, export_memory},
    {op::cuMemImportFromShareableHandle, import_memory},
    {op::cuImportExternalMemory, import_external_memory},
    {op::cuMemPoolExportToShareableHandle, export_pool},
    {op::cuMemPoolImportFromShareableHandle, import_pool},
    {op::cuMemPoolExportPointer, export_pool_pointer},
    {op::cuMemPoolImportPointer, import_pool_pointer},

    {op::cuArrayCreate_v2, array_create},
    {op::cuArray3DCreate_v2, array_create},
    {op::cuMipmappedArrayCreate, array_create},
    {op::cuArrayDestroy, array_destroy},
    {op::cuMipmappedArrayDestroy, array_destroy},
    {op::cuMemMapArrayAsync, map_arrays},
    {op::cuTexObjectCreate, texture_create},
    {op::cuTexObjectDestroy, texture_destroy},
    {op::cuTexObjectGetResourceDesc, texture_resource},
    {op::cuTexObjectGetTextureDesc, texture_row},
    {op::cuTexObjectGetResourceViewDesc, texture_row},
    {op::cuSurfObjectCreate, surface_create},
    {op::cuSurfObjectDestroy, surface_destroy},
    {op::cuSurfObjectGetResourceDesc, surface_resource},
    {op::cuMemcpyBatchAsync_v2, hand::copy_batch},
    {op::cuMemcpy3DBatchAsync_v2, copy_box_batch},
    {op::cuMemBatchDecompressAsync, decompress_batch},
    {op::cuDeviceGetDevResource, device_resource},
    {op::cuCtxGetDevResource, device_resource},
    {op::cuGreenCtxGetDevResource, device_resource},
    {op::cuDevSmResourceSplitByCount, device_resource},
    {op::cuDevResourceGenerateDesc, device_resource},
    {op::cuGraphConditionalHandleCreate, conditional_handle_create},
    {op::cuGraphAddNode, add_conditional_node},
    {op::cuGraphAddBatchMemOpNode, add_memop_node},
    {op::cuGraphBatchMemOpNodeSetParams, set_memop_node},
    {op::cuGraphExecBatchMemOpNodeSetParams, set_memop_node},
    {op::cuGraphBatchMemOpNodeGetParams, get_memop_node},

    {op::cuModuleLoadDataEx, module_load},
    {op::cuModuleUnload, module_unload},
    {op::cuModuleGetFunction, module_get_function},
    {op::cuLibraryLoadData, library_load},
    {op::cuLinkCreate_v2, link_create},
    {op::cuLinkAddData_v2, link_add},
    {op::cuLinkComplete, link_complete},
    {op::cuLinkDestroy, link_destroy},
    {op::cuLibraryGetManaged, managed_variable},
    {op::cuLibraryGetGlobal, global_variable},
    {op::cuLibraryGetUnifiedFunction, unified_function},
    {op::cuModuleGetGlobal_v2, global_variable},
    {op::cuFuncGetName, function_name},
    {op::cuKernelGetName, function_name},

    {op::cuLaunchHostFunc, host_function},
    {op::cuStreamAddCallback, stream_callback},
    {op::cuStreamGetCaptureInfo_v3, capture_info},
    {op::cuStreamGetCtx_v2, stream_context},
    {op::cuStreamSynchronize, stream_synchronize},

    {op::cuGraphLaunch, graph_launch},
    {op::cuGraphAddKernelNode_v2, add_kernel_node},
    {op::cuGraphKernelNodeSetParams_v2, set_kernel_node},
    {op::cuGraphExecKernelNodeSetParams_v2, set_kernel_node},
    {op::cuGraphKernelNodeGetParams_v2, get_kernel_node},
    {op::cuGraphAddMemcpyNode, add_memcpy_node},
    {op::cuGraphMemcpyNodeSetParams, set_memcpy_node},
    {op::cuGraphExecMemcpyNodeSetParams, set_memcpy_node},
    {op::cuGraphMemcpyNodeGetParams, get_memcpy_node},
    {op::cuGraphAddHostNode, add_host_node},
    {op::cuGraphHostNodeSetParams, set_host_node},
    {op::cuGraphExecHostNodeSetParams, set_host_node},
    {op::cuGraphHostNodeGetParams, get_host_node},
    {op::cuGraphAddMemAllocNode, add_alloc_node},
    {op::cuGraphMemAllocNodeGetParams, get_alloc_node},
    {op::cuGraphExecUpdate_v2, exec_update},
    {op::cuGraphInstantiateWithParams, instantiate_with_params},
    {op::cuUserObjectCreate, user_object_create},
};

constexpr std::array<HandCall, wire::kOpcodeEnd> build_table() {
  std::array<HandCall, wire::kOpcodeEnd> table = {};
  for (const Entry& entry : kEntries) table[entry.opcode] = entry.call;
  return table;
}

constexpr std::array<HandCall, wire::kOpcodeEnd> kTable = build_table();

}  // namespace

HandCall find_hand_call(uint16_t opcode) { return opcode < kTable.size() ? kTable[opcode] : nullptr; }

}  // namespace vgpu::host
