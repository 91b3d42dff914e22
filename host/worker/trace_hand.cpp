// SPDX-License-Identifier: Apache-2.0
#include "host/worker/trace_hand.h"

#include <algorithm>

#include "common/api_names.h"
#include "common/fatbin.h"
#include "common/handle.h"
#include "host/worker/session.h"
#include "host/worker/trace_description.h"
#include "host/worker/trace_resources.h"
#include "vgpu/hand_wire.h"

namespace vgpu::host {
namespace {

namespace op = api::opcode;
using codec::hex_text;
using codec::Reader;

std::string triple_text(const uint32_t (&value)[3]) {
  return "(" + std::to_string(value[0]) + ", " + std::to_string(value[1]) + ", " + std::to_string(value[2]) + ")";
}

// The kernel's own name, which the handle is not. Runtimes launch a CUkernel as if it were a CUfunction. Empty when the
// driver is of before CUDA 12.3.
std::string kernel_name(Invocation& invocation, uint64_t handle) {
  const Driver& driver = invocation.session.driver;
  CUfunction function = nullptr;
  CUkernel kernel = nullptr;
  const char* name = nullptr;
  CUresult status = CUDA_ERROR_INVALID_HANDLE;
  if (handle::kind_of(handle) == Kind::kernel && invocation.real(Kind::kernel, handle, kernel))
    status = VGPU_DRIVER(driver, cuKernelGetName)(&name, kernel);
  else if (invocation.real(Kind::function, handle, function))
    status = VGPU_DRIVER(driver, cuFuncGetName)(&name, function);
  return status == CUDA_SUCCESS && name != nullptr ? codec::quoted_text(name) : "";
}

template <class Launch>
void say_kernel(Description& description, const Launch& launch) {
  if (std::string name = kernel_name(description.invocation, launch.function); !name.empty())
    description.say("kernel", std::move(name));
  description.say("grid", triple_text(launch.grid));
  description.say("block", triple_text(launch.block));
  description.say("sharedMemBytes", launch.shared_bytes);
}

void describe_launch(Description& description) {
  const auto launch = description.message.get<wire::Launch>();
  if (description.message.failed()) return;
  description.say("f", hex_text(launch.function));
  say_kernel(description, launch);
  description.say("hStream", hex_text(launch.stream));
  description.say("parameters", bytes_text(launch.parameter_bytes));
  if (launch.attribute_count != 0) description.say("attributes", launch.attribute_count);
}

void describe_occupancy(Description& description) {
  const auto launch = description.message.get<wire::Launch>();
  if (description.message.failed()) return;
  description.say("f", hex_text(launch.function));
  say_kernel(description, launch);
  const auto clusters = description.reply.get<int32_t>();
  if (!description.reply.failed()) description.came_out("count", std::to_string(clusters));
}

const char* way_text(wire::HostSide side) {
  switch (side) {
    case wire::HostSide::none: return "shared pages";
    case wire::HostSide::inline_data: return "the ring";
    case wire::HostSide::window: return "the window";
  }
  return "?";
}

// A host address that is not in shared pages stays in the program. A long copy comes in pieces.
void describe_copy(Description& description) {
  const auto copy = description.message.get<wire::Copy>();
  if (description.message.failed()) return;
  if (copy.destination != 0) description.say("dst", hex_text(copy.destination));
  if (copy.source != 0) description.say("src", hex_text(copy.source));
  description.say("ByteCount", copy.bytes);
  description.say("hStream", hex_text(copy.stream));
  description.say("by", way_text(copy.host_side));
}

// Where one end of a copy of more dimensions is: CUmemorytype.
std::string end_text(uint32_t type, uint64_t host, uint64_t device, uint64_t array) {
  switch (type) {
    case CU_MEMORYTYPE_HOST: return "host " + hex_text(host);
    case CU_MEMORYTYPE_DEVICE: return "device " + hex_text(device);
    case CU_MEMORYTYPE_ARRAY: return "array " + hex_text(array);
    case CU_MEMORYTYPE_UNIFIED: return hex_text(device);
    default: return "memory type " + std::to_string(type);
  }
}

void say_box(Description& description) {
  const auto box = description.message.get<wire::CopyBox>();
  if (description.message.failed()) return;
  description.say("dst",
                  end_text(box.destination_type, box.destination_host, box.destination_device, box.destination_array));
  description.say("src", end_text(box.source_type, box.source_host, box.source_device, box.source_array));
  description.say("WidthInBytes", box.width);
  description.say("Height", box.height);
  description.say("Depth", box.depth);
  description.say("hStream", hex_text(box.stream));
}

const char* code_text(std::span<const std::byte> image) {
  const auto begins_with = [&](std::string_view text) {
    return image.size() >= text.size() && std::memcmp(image.data(), text.data(), text.size()) == 0;
  };
  if (begins_with("\x7f"
                  "ELF"))
    return "a cubin";
  if (Reader(image).get<uint32_t>() == fatbin::kContainerMagic) return "a fat binary";
  return "text";
}

// Just-in-time options, then the image and, for some calls, what it was linked from (JitOptions, read_code).
void say_code(Description& description, const char* name, bool may_have_parts) {
  Reader& message = description.message;
  const auto options = message.get<uint32_t>();
  message.take(uint64_t{options} * sizeof(wire::JitOption));
  const auto size = message.get<uint64_t>();
  const std::byte* const image = message.take(size);
  if (image == nullptr) return;
  description.say(name, bytes_text(size) + ", " + code_text({image, static_cast<size_t>(size)}));
  const auto parts = may_have_parts ? message.get<uint32_t>() : 0;
  if (parts != 0) description.say("linked from", parts);
  if (options != 0) description.say("options", options);
}

void describe_module_load(Description& description) {
  say_code(description, "image", true);
  description.made("module");
}

void describe_library_load(Description& description) {
  say_code(description, "code", true);
  description.made("library");
}

void describe_link_create(Description& description) {
  description.number<uint32_t>("numOptions");
  description.made("state");
}

void describe_link_add(Description& description) {
  description.handle("state");
  description.number<uint32_t>("type");
  description.say("name", codec::quoted_text(description.message.string()));
  say_code(description, "data", false);
}

void describe_link_complete(Description& description) { description.handle("state"); }

void describe_name(Description& description) {
  description.handle("handle");
  const std::string_view name = description.reply.string();
  if (!description.reply.failed()) description.came_out("name", codec::quoted_text(name));
}

void describe_host_register(Description& description) {
  description.handle("p");
  description.number<uint64_t>("bytesize");
  description.number<uint32_t>("Flags");
}

void describe_host_unregister(Description& description) { description.handle("p"); }

void describe_host_pointer(Description& description) {
  description.handle("p");
  description.number<uint32_t>("Flags");
  description.made("dptr");
}

void say_host_function(Description& description) {
  description.handle("fn");
  description.handle("userData");
}

void describe_host_function(Description& description) {
  description.handle("hStream");
  say_host_function(description);
}

void describe_stream(Description& description) { description.handle("hStream"); }

void say_kernel_node(Description& description) {
  const auto node = description.message.get<wire::KernelNode>();
  if (description.message.failed()) return;
  description.say("func", hex_text(node.function != 0 ? node.function : node.kernel));
  say_kernel(description, node);
  description.say("parameters", bytes_text(node.parameter_bytes));
}

template <auto kWhere, auto kWhat>
void describe_node(Description& description) {
  kWhere(description);
  kWhat(description);
  if constexpr (kWhere == &say_place) description.made("node");
}

void describe_node_question(Description& description) { say_target(description); }

void describe_user_object(Description& description) {
  description.handle("destroy");
  description.handle("ptr");
  description.number<uint32_t>("initialRefcount");
  description.number<uint32_t>("flags");
  description.made("object");
}

// Its handle was set aside beforehand.
void describe_named_kernel_node(Description& description) {
  const auto node = description.message.get<uint64_t>();
  say_place(description);
  say_kernel_node(description);
  description.came_out("node", hex_text(node));
}

void describe_marked_record(Description& description) {
  description.handle("hEvent");
  const auto marker = description.message.get<wire::Marker>();
  if (!description.message.failed()) description.say("hStream", hex_text(marker.stream));
}

void describe_instantiate(Description& description) {
  description.handle("hGraph");
  description.number<uint64_t>("flags");
  description.handle("hUploadStream");
  description.made("graphExec");
}

void describe_update(Description& description) {
  description.handle("hGraphExec");
  description.handle("hGraph");
}

constexpr DescriptionRow kRows[] = {
    {op::cuLaunchKernel, &describe_launch},
    {op::cuLaunchKernelEx, &describe_launch},
    {op::cuMemcpy, &describe_copy},
    {op::cuMemcpyAsync, &describe_copy},
    {op::cuMemcpyHtoD_v2, &describe_copy},
    {op::cuMemcpyHtoDAsync_v2, &describe_copy},
    {op::cuMemcpyDtoH_v2, &describe_copy},
    {op::cuMemcpyDtoHAsync_v2, &describe_copy},
    {op::cuMemcpy2D_v2, &say_box},
    {op::cuMemcpy2DAsync_v2, &say_box},
    {op::cuMemcpy2DUnaligned_v2, &say_box},
    {op::cuMemcpy3D_v2, &say_box},
    {op::cuMemcpy3DAsync_v2, &say_box},
    {op::cuMemcpy3DPeer, &say_box},
    {op::cuMemcpy3DPeerAsync, &say_box},
    {op::cuModuleLoadDataEx, &describe_module_load},
    {op::cuLibraryLoadData, &describe_library_load},
    {op::cuLinkAddData_v2, &describe_link_add},
    {op::cuLinkComplete, &describe_link_complete},
    {op::cuFuncGetName, &describe_name},
    {op::cuKernelGetName, &describe_name},
    {op::cuMemHostRegister_v2, &describe_host_register},
    {op::cuMemHostUnregister, &describe_host_unregister},
    {op::cuMemHostGetDevicePointer_v2, &describe_host_pointer},
    {op::cuLaunchHostFunc, &describe_host_function},
    {op::cuStreamAddCallback, &describe_host_function},
    {op::cuStreamGetCaptureInfo_v3, &describe_stream},
    {op::cuStreamGetCtx_v2, &describe_stream},
    {op::cuGraphAddKernelNode_v2, &describe_node<&say_place, &say_kernel_node>},
    {op::cuGraphKernelNodeSetParams_v2, &describe_node<&say_target, &say_kernel_node>},
    {op::cuGraphExecKernelNodeSetParams_v2, &describe_node<&say_target, &say_kernel_node>},
    {op::cuGraphAddMemcpyNode, &describe_node<&say_place, &say_box>},
    {op::cuGraphMemcpyNodeSetParams, &describe_node<&say_target, &say_box>},
    {op::cuGraphExecMemcpyNodeSetParams, &describe_node<&say_target, &say_box>},
    {op::cuGraphAddHostNode, &describe_node<&say_place, &say_host_function>},
    {op::cuGraphHostNodeSetParams, &describe_node<&say_target, &say_host_function>},
    {op::cuGraphExecHostNodeSetParams, &describe_node<&say_target, &say_host_function>},
    {op::cuGraphInstantiateWithParams, &describe_instantiate},
    {op::cuGraphExecUpdate_v2, &describe_update},
    {op::cuGraphKernelNodeGetParams_v2, &describe_node_question},
    {op::cuGraphMemcpyNodeGetParams, &describe_node_question},
    {op::cuGraphHostNodeGetParams, &describe_node_question},
    {op::cuGraphBatchMemOpNodeGetParams, &describe_node_question},
    {op::cuUserObjectCreate, &describe_user_object},
    {op::cuLinkCreate_v2, &describe_link_create},
    {op::cuOccupancyMaxActiveClusters, &describe_occupancy},
    {op::cuOccupancyMaxPotentialClusterSize, &describe_occupancy},
    {wire::kCapturedLaunch, &describe_launch},
    {wire::kMarkedRecord, &describe_marked_record},
    {wire::kNamedKernelNode, &describe_named_kernel_node},
};

}  // namespace

bool describe_by_hand(Invocation& invocation, std::span<const std::byte> reply, TracedCall& traced) {
  const uint16_t opcode = invocation.command.opcode;
  const DescriptionRow* row = find_description(kRows, opcode);
  if (row == nullptr) row = find_description(resource_descriptions(), opcode);
  if (row == nullptr) return false;
  Description description = {invocation, Reader(invocation.command.payload), Reader(reply), traced};
  row->describe(description);
  return true;
}

}  // namespace vgpu::host
