// SPDX-License-Identifier: Apache-2.0
#include "host/worker/hand/parameter_places.h"

#include "common/handle.h"

namespace vgpu::host::hand {
namespace {

bool ask(const Driver& driver, const CUDA_KERNEL_NODE_PARAMS& node, size_t index, ParameterPlaces::Place& place) {
  const CUresult status = node.func != nullptr
                              ? VGPU_DRIVER(driver, cuFuncGetParamInfo)(node.func, index, &place.offset, &place.size)
                              : VGPU_DRIVER(driver, cuKernelGetParamInfo)(node.kern, index, &place.offset, &place.size);
  return status == CUDA_SUCCESS;
}

}  // namespace

const std::vector<ParameterPlaces::Place>& ParameterPlaces::find(const Driver& driver, uint64_t wire,
                                                                 const CUDA_KERNEL_NODE_PARAMS& node) {
  Entry& entry = entries_[handle::index_of(wire) % entries_.size()];
  if (entry.wire == wire) return entry.places;
  entry.wire = wire;
  entry.places.clear();
  for (Place place; ask(driver, node, entry.places.size(), place);) entry.places.push_back(place);
  return entry.places;
}

}  // namespace vgpu::host::hand
