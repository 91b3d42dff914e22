// SPDX-License-Identifier: Apache-2.0
#include "host/worker/trace_resources.h"

#include <cuda.h>

#include "common/bits.h"
#include "vgpu/api/rows.h"
#include "vgpu/hand_wire.h"

namespace vgpu::host {
namespace {

namespace op = api::opcode;
using codec::hex_text;

std::string times_text(uint64_t a, uint64_t b) { return std::to_string(a) + " x " + std::to_string(b); }

std::string place_text(const CUmemLocation& location) {
  switch (location.type) {
    case CU_MEM_LOCATION_TYPE_DEVICE: return "device " + std::to_string(location.id);
    case CU_MEM_LOCATION_TYPE_HOST: return "host";
    case CU_MEM_LOCATION_TYPE_HOST_NUMA: return "host node " + std::to_string(location.id);
    case CU_MEM_LOCATION_TYPE_HOST_NUMA_CURRENT: return "this host node";
    default: return "place " + std::to_string(location.type);
  }
}

void say_pool(Description& description, const CUmemPoolProps& properties) {
  description.say("location", place_text(properties.location));
  if (properties.handleTypes != CU_MEM_HANDLE_TYPE_NONE)
    description.say("handleTypes", hex_text(static_cast<uint64_t>(properties.handleTypes)));
  if (properties.maxSize != 0) description.say("maxSize", properties.maxSize);
}

void describe_pool_create(Description& description) {
  const auto properties = description.message.get<CUmemPoolProps>();
  if (description.message.failed()) return;
  say_pool(description, properties);
  description.made("pool");
}

// So much of its token that one sees which export an import is of. Who knows all of it may import it.
std::string name_text(const wire::SharedName& name) { return hex_text(name.token.word[0] & 0xffffffff); }

void describe_export(Description& description) {
  description.handle("handle");
  const auto name = description.reply.get<wire::SharedName>();
  if (!description.reply.failed()) description.came_out("name", name_text(name));
}

void describe_import(Description& description) {
  const auto name = description.message.get<wire::SharedName>();
  if (!description.message.failed()) description.say("name", name_text(name));
  description.made("handle");
}

void describe_external_memory(Description& description) {
  const auto what = description.message.get<wire::ExternalMemory>();
  if (!description.message.failed()) {
    description.say("name", name_text(what.name));
    description.say("size", std::to_string(what.size));
  }
  description.made("extMem");
}

void describe_retain(Description& description) {
  description.handle("addr");
  description.made("handle");
}

std::string elements_text(CUarray_format format, unsigned channels) {
  return std::to_string(channels) + " of format " + hex_text(static_cast<uint64_t>(format));
}

std::string resource_text(const CUDA_RESOURCE_DESC& resource) {
  switch (resource.resType) {
    case CU_RESOURCE_TYPE_ARRAY: return "array " + hex_text(bits_of(resource.res.array.hArray));
    case CU_RESOURCE_TYPE_MIPMAPPED_ARRAY:
      return "mipmapped array " + hex_text(bits_of(resource.res.mipmap.hMipmappedArray));
    case CU_RESOURCE_TYPE_LINEAR: {
      const auto& linear = resource.res.linear;
      return "linear " + hex_text(linear.devPtr) + ", " + bytes_text(linear.sizeInBytes) + ", " +
             elements_text(linear.format, linear.numChannels);
    }
    case CU_RESOURCE_TYPE_PITCH2D: {
      const auto& flat = resource.res.pitch2D;
      return "pitch " + std::to_string(flat.pitchInBytes) + " at " + hex_text(flat.devPtr) + ", " +
             times_text(flat.width, flat.height) + ", " + elements_text(flat.format, flat.numChannels);
    }
    default: return "resource type " + std::to_string(resource.resType);
  }
}

std::string address_text(CUaddress_mode mode) {
  switch (mode) {
    case CU_TR_ADDRESS_MODE_WRAP: return "wrap";
    case CU_TR_ADDRESS_MODE_CLAMP: return "clamp";
    case CU_TR_ADDRESS_MODE_MIRROR: return "mirror";
    case CU_TR_ADDRESS_MODE_BORDER: return "border";
    default: return std::to_string(mode);
  }
}

bool say_resource(Description& description) {
  const auto resource = description.message.get<CUDA_RESOURCE_DESC>();
  if (description.message.failed()) return false;
  description.say("resource", resource_text(resource));
  return true;
}

void describe_texture_create(Description& description) {
  if (!say_resource(description)) return;
  const auto texture = description.message.get<CUDA_TEXTURE_DESC>();
  if (description.message.failed()) return;
  description.say("address", address_text(texture.addressMode[0]));
  description.say("filter", texture.filterMode == CU_TR_FILTER_MODE_LINEAR ? "linear" : "point");
  if (texture.flags != 0) description.say("flags", hex_text(texture.flags));
  if (description.message.get<uint32_t>() != 0) {
    const auto view = description.message.get<CUDA_RESOURCE_VIEW_DESC>();
    if (!description.message.failed()) description.say("view", times_text(view.width, view.height));
  }
  description.made("texObject");
}

void describe_surface_create(Description& description) {
  if (say_resource(description)) description.made("surfObject");
}

void describe_resource_question(Description& description) {
  description.handle("object");
  const auto resource = description.reply.get<CUDA_RESOURCE_DESC>();
  if (!description.reply.failed()) description.came_out("resource", resource_text(resource));
}

void describe_object(Description& description) { description.handle("object"); }

void describe_alloc_node(Description& description) {
  say_place(description);
  const auto properties = description.message.get<CUmemPoolProps>();
  if (description.message.failed()) return;
  say_pool(description, properties);
  description.number<uint64_t>("bytesize");
  description.made("node");
  description.made("dptr");
}

void describe_alloc_node_question(Description& description) {
  say_target(description);
  const auto properties = description.reply.get<CUmemPoolProps>();
  const auto bytes = description.reply.get<uint64_t>();
  if (description.reply.failed()) return;
  description.came_out("location", place_text(properties.location));
  description.came_out("bytesize", std::to_string(bytes));
  description.made("dptr");
}

template <auto kWhere>
void describe_memop_node(Description& description) {
  kWhere(description);
  description.handle("ctx");
  description.number<uint32_t>("flags");
  description.number<uint32_t>("count");
  if constexpr (kWhere == &say_place) description.made("node");
}

constexpr DescriptionRow kRows[] = {
    {op::cuMemPoolCreate, &describe_pool_create},
    {op::cuMemPoolExportToShareableHandle, &describe_export},
    {op::cuMemPoolImportFromShareableHandle, &describe_import},
    {op::cuMemExportToShareableHandle, &describe_export},
    {op::cuMemImportFromShareableHandle, &describe_import},
    {op::cuImportExternalMemory, &describe_external_memory},
    {op::cuMemRetainAllocationHandle, &describe_retain},
    {op::cuTexObjectCreate, &describe_texture_create},
    {op::cuTexObjectDestroy, &describe_object},
    {op::cuTexObjectGetResourceDesc, &describe_resource_question},
    {op::cuSurfObjectCreate, &describe_surface_create},
    {op::cuSurfObjectDestroy, &describe_object},
    {op::cuSurfObjectGetResourceDesc, &describe_resource_question},
    {op::cuGraphAddMemAllocNode, &describe_alloc_node},
    {op::cuGraphMemAllocNodeGetParams, &describe_alloc_node_question},
    {op::cuGraphAddBatchMemOpNode, &describe_memop_node<&say_place>},
    {op::cuGraphBatchMemOpNodeSetParams, &describe_memop_node<&say_target>},
    {op::cuGraphExecBatchMemOpNodeSetParams, &describe_memop_node<&say_target>},
};

}  // namespace

std::span<const DescriptionRow> resource_descriptions() { return kRows; }

}  // namespace vgpu::host
