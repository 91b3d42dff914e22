// SPDX-License-Identifier: Apache-2.0
// What follows from a CUDA type alone: which types are handles, and which structs are flat (hold no pointer) and may
// be copied as bytes. A const struct that holds pointers must never appear in is_flat.
#pragma once

#ifndef __CUDA_API_VERSION_INTERNAL
#error "compile with -D__CUDA_API_VERSION_INTERNAL: rows name exported symbols, not header macros"
#endif
#include <cuda.h>
#include <cudaProfiler.h>

#include <type_traits>

#include "vgpu/call_row.h"

namespace vgpu::api {

// One line per type.
// clang-format off
template <class T> inline constexpr Kind kind_of = Kind::none;
template <> inline constexpr Kind kind_of<CUcontext> = Kind::context;
template <> inline constexpr Kind kind_of<CUmodule> = Kind::module;
template <> inline constexpr Kind kind_of<CUlibrary> = Kind::library;
template <> inline constexpr Kind kind_of<CUkernel> = Kind::kernel;
template <> inline constexpr Kind kind_of<CUfunction> = Kind::function;
template <> inline constexpr Kind kind_of<CUstream> = Kind::stream;
template <> inline constexpr Kind kind_of<CUevent> = Kind::event;
template <> inline constexpr Kind kind_of<CUarray> = Kind::array;
template <> inline constexpr Kind kind_of<CUmipmappedArray> = Kind::mipmapped_array;
template <> inline constexpr Kind kind_of<CUgraph> = Kind::graph;
template <> inline constexpr Kind kind_of<CUgraphNode> = Kind::graph_node;
template <> inline constexpr Kind kind_of<CUgraphExec> = Kind::graph_exec;
template <> inline constexpr Kind kind_of<CUmemoryPool> = Kind::memory_pool;
template <> inline constexpr Kind kind_of<CUlinkState> = Kind::link_state;
template <> inline constexpr Kind kind_of<CUexternalMemory> = Kind::external_memory;
template <> inline constexpr Kind kind_of<CUexternalSemaphore> = Kind::external_semaphore;
template <> inline constexpr Kind kind_of<CUuserObject> = Kind::user_object;
template <> inline constexpr Kind kind_of<CUgreenCtx> = Kind::green_context;
template <> inline constexpr Kind kind_of<CUdevResourceDesc> = Kind::resource;
template <> inline constexpr Kind kind_of<CUtexref> = Kind::texture_reference;
template <> inline constexpr Kind kind_of<CUsurfref> = Kind::surface_reference;

// Structs without pointers inside. Scalars and enums are flat by nature.
template <class T> inline constexpr bool is_flat = std::is_arithmetic_v<T> || std::is_enum_v<T>;
template <> inline constexpr bool is_flat<CUuuid> = true;
template <> inline constexpr bool is_flat<CUmemLocation> = true;
template <> inline constexpr bool is_flat<CUmemAllocationProp> = true;
template <> inline constexpr bool is_flat<CUmemAccessDesc> = true;
template <> inline constexpr bool is_flat<CUgraphEdgeData> = true;
template <> inline constexpr bool is_flat<CUmemPoolPtrExportData> = true;
template <> inline constexpr bool is_flat<CUipcEventHandle> = true;
template <> inline constexpr bool is_flat<CUipcMemHandle> = true;
template <> inline constexpr bool is_flat<CUdevprop> = true;
template <> inline constexpr bool is_flat<CUexecAffinityParam> = true;
template <> inline constexpr bool is_flat<CUDA_ARRAY_DESCRIPTOR> = true;
template <> inline constexpr bool is_flat<CUDA_ARRAY3D_DESCRIPTOR> = true;
template <> inline constexpr bool is_flat<CUDA_ARRAY_SPARSE_PROPERTIES> = true;
template <> inline constexpr bool is_flat<CUDA_ARRAY_MEMORY_REQUIREMENTS> = true;
template <> inline constexpr bool is_flat<CUDA_TEXTURE_DESC> = true;
template <> inline constexpr bool is_flat<CUDA_RESOURCE_VIEW_DESC> = true;
template <> inline constexpr bool is_flat<CUDA_MEMSET_NODE_PARAMS_v1> = true;
template <> inline constexpr bool is_flat<CUmulticastObjectProp> = true;
template <> inline constexpr bool is_flat<CUDA_EXTERNAL_MEMORY_BUFFER_DESC> = true;
template <> inline constexpr bool is_flat<CUstreamAttrValue> = true;
template <> inline constexpr bool is_flat<CUtensorMap> = true;
template <> inline constexpr bool is_flat<CUdevResource> = true;
// clang-format on

}  // namespace vgpu::api
