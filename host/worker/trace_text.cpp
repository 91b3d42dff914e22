// SPDX-License-Identifier: Apache-2.0
#include "host/worker/trace_text.h"

#include "common/api_names.h"
#include "host/worker/session.h"
#include "vgpu/api/rows.h"
#include "vgpu/hand_wire.h"

namespace vgpu::host {
namespace {

namespace op = api::opcode;
using codec::hex_text;
using codec::NamedText;

std::string triple_text(const uint32_t (&value)[3]) {
  return "(" + std::to_string(value[0]) + ", " + std::to_string(value[1]) + ", " + std::to_string(value[2]) + ")";
}

// The kernel's own name, which the handle is not. Empty when the driver is of before CUDA 12.3.
std::string kernel_name(Invocation& invocation, uint64_t function) {
  CUfunction real = nullptr;
  const char* name = nullptr;
  if (!invocation.session.driver.has(op::cuFuncGetName) || !invocation.real(Kind::function, function, real) ||
      VGPU_DRIVER(invocation.session.driver, cuFuncGetName)(&name, real) != CUDA_SUCCESS || name == nullptr)
    return "";
  return codec::quoted_text(name);
}

std::vector<NamedText> launch_arguments(Invocation& invocation, codec::Reader message) {
  const auto launch = message.get<wire::Launch>();
  if (message.failed()) return {};
  std::vector<NamedText> all = {{"f", hex_text(launch.function)}};
  if (std::string name = kernel_name(invocation, launch.function); !name.empty())
    all.push_back({"kernel", std::move(name)});
  all.push_back({"grid", triple_text(launch.grid)});
  all.push_back({"block", triple_text(launch.block)});
  all.push_back({"sharedMemBytes", std::to_string(launch.shared_bytes)});
  all.push_back({"hStream", hex_text(launch.stream)});
  all.push_back({"parameters", std::to_string(launch.parameter_bytes) + " bytes"});
  if (launch.attribute_count != 0) all.push_back({"attributes", std::to_string(launch.attribute_count)});
  return all;
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
std::vector<NamedText> copy_arguments(codec::Reader message) {
  const auto copy = message.get<wire::Copy>();
  if (message.failed()) return {};
  std::vector<NamedText> all;
  if (copy.destination != 0) all.push_back({"dst", hex_text(copy.destination)});
  if (copy.source != 0) all.push_back({"src", hex_text(copy.source)});
  all.push_back({"ByteCount", std::to_string(copy.bytes)});
  all.push_back({"hStream", hex_text(copy.stream)});
  all.push_back({"by", way_text(copy.host_side)});
  return all;
}

std::vector<NamedText> box_arguments(codec::Reader message) {
  const auto box = message.get<wire::CopyBox>();
  if (message.failed()) return {};
  return {{"WidthInBytes", std::to_string(box.width)},
          {"Height", std::to_string(box.height)},
          {"Depth", std::to_string(box.depth)},
          {"srcMemoryType", std::to_string(box.source_type)},
          {"dstMemoryType", std::to_string(box.destination_type)},
          {"hStream", hex_text(box.stream)}};
}

std::vector<NamedText> record_arguments(codec::Reader message) {
  const auto event = message.get<uint64_t>();
  const auto marker = message.get<wire::Marker>();
  if (message.failed()) return {};
  return {{"hEvent", hex_text(event)}, {"hStream", hex_text(marker.stream)}};
}

// False when the call's message is not written by hand, or not one of these.
bool describe_by_hand(Invocation& invocation, std::vector<NamedText>& arguments) {
  const codec::Reader message(invocation.command.payload);
  switch (invocation.command.opcode) {
    case op::cuLaunchKernel:
    case op::cuLaunchKernelEx: arguments = launch_arguments(invocation, message); return true;
    case op::cuMemcpy:
    case op::cuMemcpyAsync:
    case op::cuMemcpyHtoD_v2:
    case op::cuMemcpyHtoDAsync_v2:
    case op::cuMemcpyDtoH_v2:
    case op::cuMemcpyDtoHAsync_v2: arguments = copy_arguments(message); return true;
    case op::cuMemcpy2D_v2:
    case op::cuMemcpy2DAsync_v2:
    case op::cuMemcpy2DUnaligned_v2:
    case op::cuMemcpy3D_v2:
    case op::cuMemcpy3DAsync_v2:
    case op::cuMemcpy3DPeer:
    case op::cuMemcpy3DPeerAsync: arguments = box_arguments(message); return true;
    default: return false;
  }
}

}  // namespace

TracedCall describe_call(Invocation& invocation, std::span<const std::byte> reply) {
  TracedCall traced;
  const CommandCopy& command = invocation.command;
  if (command.opcode == wire::kCapturedLaunch) {
    traced.arguments = launch_arguments(invocation, codec::Reader(command.payload));
    return traced;
  }
  if (command.opcode == wire::kMarkedRecord) {
    traced.arguments = record_arguments(codec::Reader(command.payload));
    return traced;
  }
  if (command.opcode >= wire::kFirstPrivate) return traced;  // Its name is all that is known.
  if (describe_by_hand(invocation, traced.arguments)) return traced;
  const Call* const call = api::find_row(command.opcode);
  const char* const parameters = api::find_parameter_names(command.opcode);
  if (call != nullptr && parameters != nullptr) {
    codec::CallText text(*call, parameters);
    traced.arguments = text.request(command.payload);
    if (!traced.arguments.empty() || command.payload.empty()) traced.results = text.reply(reply);
  }
  if (traced.arguments.empty() && !command.payload.empty())
    traced.arguments.push_back({"message", std::to_string(command.payload.size()) + " bytes"});
  return traced;
}

}  // namespace vgpu::host
