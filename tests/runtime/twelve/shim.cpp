// SPDX-License-Identifier: Apache-2.0
// Lets what was compiled with CUDA 13's headers run on a libcudart.so.12, NVIDIA's or ours: the linker (--wrap) sends
// the calls that CUDA 12 named or laid out otherwise here. What CUDA 12.4 has not is refused; tests of that carry the
// tag [since13].
#include "libcuda/cudart12/layouts.h"

#include <cstring>

#include "tests/runtime/release.h"

// Deprecated by CUDA 13, and what CUDA 12 has.
#pragma GCC diagnostic ignored "-Wdeprecated-declarations"

namespace twelve = vgpu::runtime::twelve;

// The library's symbols, whose names the toolkit's header declares with other parameters.
#define LABEL(symbol) __asm__(#symbol)
cudaError_t properties_of(twelve::DeviceProperties* properties, int device) LABEL(cudaGetDeviceProperties_v2);
cudaError_t attributes_of(twelve::PointerAttributes* attributes, const void* pointer)
    LABEL(__real_cudaPointerGetAttributes);
cudaError_t add_node(cudaGraphNode_t* node, cudaGraph_t graph, const cudaGraphNode_t* dependencies,
                     const cudaGraphEdgeData* edges, size_t count, cudaGraphNodeParams* parameters)
    LABEL(cudaGraphAddNode_v2);

#define WRAP(result, name, parameters) extern "C" result __wrap_##name parameters

// Only what the tests look at.
WRAP(cudaError_t, cudaGetDeviceProperties, (cudaDeviceProp * properties, int device)) {
  if (properties == nullptr) return properties_of(nullptr, device);
  twelve::DeviceProperties older;
  const cudaError_t result = properties_of(&older, device);
  if (result != cudaSuccess) return result;
  *properties = {};
  // Both begin alike.
  static_assert(offsetof(twelve::DeviceProperties, clockRate) == offsetof(cudaDeviceProp, totalConstMem) - sizeof(int));
  std::memcpy(properties, &older, offsetof(twelve::DeviceProperties, clockRate));
#define COPY(field) properties->field = older.field
  COPY(totalConstMem);
  COPY(major);
  COPY(minor);
  COPY(multiProcessorCount);
  COPY(pciBusID);
  COPY(pciDeviceID);
  COPY(pciDomainID);
  COPY(unifiedAddressing);
  COPY(maxThreadsPerMultiProcessor);
  COPY(sharedMemPerBlockOptin);
  COPY(maxBlocksPerMultiProcessor);
#undef COPY
  return cudaSuccess;
}

WRAP(cudaError_t, cudaPointerGetAttributes, (cudaPointerAttributes * attributes, const void* pointer)) {
  if (attributes == nullptr) return attributes_of(nullptr, pointer);
  twelve::PointerAttributes older;
  const cudaError_t result = attributes_of(&older, pointer);
  if (result != cudaSuccess) return result;
  *attributes = {older.type, older.device, older.devicePointer, older.hostPointer, {}};
  return cudaSuccess;
}

WRAP(cudaError_t, cudaGraphAddNode,
     (cudaGraphNode_t * node, cudaGraph_t graph, const cudaGraphNode_t* dependencies, const cudaGraphEdgeData* edges,
      size_t count, cudaGraphNodeParams* parameters)) {
  return add_node(node, graph, dependencies, edges, count, parameters);
}

WRAP(cudaError_t, cudaGetDriverEntryPointByVersion,
     (const char* symbol, void** function, unsigned, unsigned long long flags,
      cudaDriverEntryPointQueryResult* status)) {
  return cudaGetDriverEntryPoint(symbol, function, flags, status);
}

WRAP(cudaError_t, cudaStreamGetDevice, (cudaStream_t, int*)) { return cudaErrorNotSupported; }

int runtime_test::runtime_release() { return 12000; }
