// SPDX-License-Identifier: Apache-2.0
// Graph nodes whose parameters hold pointers. Each add call begins with u64 graph, u64 n, n dependencies.
#include <algorithm>

#include "common/bits.h"
#include "host/worker/hand/copy_box.h"
#include "host/worker/hand/graph_node.h"
#include "host/worker/hand/parameter_places.h"

namespace vgpu::host::hand {
namespace {

// Kernel parameters in the driver's form; they stay in the message, which outlives the call.
class KernelParams {
 public:
  CUresult read(Invocation& invocation) {
    const auto wire_node = invocation.request.get<wire::KernelNode>();
    const std::byte* parameters = invocation.request.take(wire_node.parameter_bytes);
    if (!invocation.request.complete()) return invocation.bad_message();
    if (!invocation.real(Kind::function, wire_node.function, params_.func)) return CUDA_ERROR_INVALID_HANDLE;
    // Where there is a function, the driver does not look at the kernel, except to tell it again.
    if (!invocation.real(Kind::kernel, wire_node.kernel, params_.kern) && params_.func == nullptr)
      return CUDA_ERROR_INVALID_HANDLE;
    if (wire_node.context != 0 && !invocation.real(Kind::context, wire_node.context, params_.ctx))
      return CUDA_ERROR_INVALID_CONTEXT;
    params_.gridDimX = wire_node.grid[0], params_.gridDimY = wire_node.grid[1], params_.gridDimZ = wire_node.grid[2];
    params_.blockDimX = wire_node.block[0], params_.blockDimY = wire_node.block[1];
    params_.blockDimZ = wire_node.block[2];
    params_.sharedMemBytes = wire_node.shared_bytes;
    bytes_ = wire_node.parameter_bytes;
    const uint64_t wire = wire_node.function != 0 ? wire_node.function : wire_node.kernel;
    if (!invocation.session.handles.is_silent(wire)) invocation.session.debts.graphs_may_print();
    give(invocation.session.driver, wire, const_cast<std::byte*>(parameters));
    return CUDA_SUCCESS;
  }
  const CUDA_KERNEL_NODE_PARAMS* get() const { return &params_; }

 private:
  // One by one: NVIDIA's driver refuses a node whose parameters came as one buffer the attribute that makes it
  // cooperative. As a buffer where the driver does not tell their places, or has more of them than came.
  void give(const Driver& driver, uint64_t wire, std::byte* parameters) {
    thread_local ParameterPlaces known;
    for (const ParameterPlaces::Place& place : known.find(driver, wire, params_)) {
      if (place.offset > bytes_ || place.size > bytes_ - place.offset) return give_buffer(parameters);
      each_.push_back(parameters + place.offset);
    }
    if (each_.empty()) return give_buffer(parameters);
    params_.kernelParams = each_.data();
  }

  void give_buffer(std::byte* parameters) {
    extra_[0] = CU_LAUNCH_PARAM_BUFFER_POINTER, extra_[1] = parameters;
    extra_[2] = CU_LAUNCH_PARAM_BUFFER_SIZE, extra_[3] = &bytes_, extra_[4] = CU_LAUNCH_PARAM_END;
    params_.extra = bytes_ == 0 ? nullptr : extra_;
  }

  CUDA_KERNEL_NODE_PARAMS params_ = {};
  size_t bytes_ = 0;
  void* extra_[5] = {};
  std::vector<void*> each_;
};

// What the rest of the message asks for.
CUresult make_kernel_node(Invocation& invocation, CUgraphNode& node) {
  NodePlace place;
  KernelParams params;
  if (const CUresult status = read_place(invocation, place); status != CUDA_SUCCESS) return status;
  if (const CUresult status = params.read(invocation); status != CUDA_SUCCESS) return status;
  return VGPU_DRIVER(invocation.session.driver, cuGraphAddKernelNode_v2)(&node, place.graph, place.dependencies.data(),
                                                                         place.dependencies.size(), params.get());
}

}  // namespace

CUresult add_kernel_node(Invocation& invocation) {
  CUgraphNode node = nullptr;
  const CUresult status = make_kernel_node(invocation, node);
  return reply_node(invocation, status, node);
}

// Answers u32 n and n handles.
CUresult reserve_nodes(Invocation& invocation) {
  const auto count = invocation.request.get<uint32_t>();
  if (!invocation.request.complete()) return invocation.bad_message();
  constexpr uint32_t kMost = 64;
  const std::vector<uint64_t> names = invocation.session.handles.reserve(Kind::graph_node, std::min(count, kMost));
  invocation.reply.put(static_cast<uint32_t>(names.size()));
  for (const uint64_t name : names) invocation.reply.put(name);
  return CUDA_SUCCESS;
}

CUresult named_kernel_node(Invocation& invocation) {
  const auto name = invocation.request.get<uint64_t>();
  const auto graph = codec::Reader(invocation.request).get<uint64_t>();
  HandleTable& handles = invocation.session.handles;
  if (!handles.is_reserved(name)) return invocation.bad_message();
  CUgraphNode node = nullptr;
  const CUresult status = make_kernel_node(invocation, node);
  if (status == CUDA_SUCCESS) handles.bind(name, bits_of(node), graph);
  else handles.give_up(name);
  return status;
}

// cuGraphKernelNodeSetParams_v2 and cuGraphExecKernelNodeSetParams_v2.
CUresult set_kernel_node(Invocation& invocation) {
  NodeTarget target;
  KernelParams params;
  if (const CUresult status = read_target(invocation, target); status != CUDA_SUCCESS) return status;
  if (const CUresult status = params.read(invocation); status != CUDA_SUCCESS) return status;
  const Driver& driver = invocation.session.driver;
  return target.exec != nullptr
             ? VGPU_DRIVER(driver, cuGraphExecKernelNodeSetParams_v2)(target.exec, target.node, params.get())
             : VGPU_DRIVER(driver, cuGraphKernelNodeSetParams_v2)(target.node, params.get());
}

namespace {

// The bytes of a packed parameter buffer, as many as the function's layout has.
std::vector<std::byte> copy_of_buffer(const Driver& driver, CUfunction function, const void* buffer) {
  size_t bytes = 0;
  for (size_t i = 0, offset = 0, size = 0;
       VGPU_DRIVER(driver, cuFuncGetParamInfo)(function, i, &offset, &size) == CUDA_SUCCESS; ++i)
    bytes = offset + size;
  const auto* from = static_cast<const std::byte*>(buffer);
  return {from, from + bytes};
}

}  // namespace

// Answers KernelNode, then the parameters packed by the function's layout.
CUresult get_kernel_node(Invocation& invocation) {
  NodeTarget target;
  if (const CUresult status = read_target(invocation, target); status != CUDA_SUCCESS) return status;
  if (!invocation.request.complete()) return invocation.bad_message();
  const Driver& driver = invocation.session.driver;
  CUDA_KERNEL_NODE_PARAMS params = {};
  if (const CUresult status = VGPU_DRIVER(driver, cuGraphKernelNodeGetParams_v2)(target.node, &params);
      status != CUDA_SUCCESS)
    return status;
  CUfunction function = params.func;
  // SAFETY: a CUkernel is accepted wherever a CUfunction is (CUDA driver API, Library Management).
  if (function == nullptr) function = reinterpret_cast<CUfunction>(params.kern);
  std::vector<std::byte> packed;
  // A driver answers in the form in which the parameters were given.
  for (size_t i = 0;
       params.kernelParams == nullptr && params.extra != nullptr && params.extra[i] != CU_LAUNCH_PARAM_END; i += 2)
    if (params.extra[i] == CU_LAUNCH_PARAM_BUFFER_POINTER)
      packed = copy_of_buffer(driver, function, params.extra[i + 1]);
  for (size_t i = 0; params.kernelParams != nullptr; ++i) {
    size_t offset = 0, size = 0;
    if (VGPU_DRIVER(driver, cuFuncGetParamInfo)(function, i, &offset, &size) != CUDA_SUCCESS) break;
    packed.resize(offset + size);
    std::memcpy(packed.data() + offset, params.kernelParams[i], size);
  }
  wire::KernelNode node = {params.func == nullptr ? 0 : invocation.find_or_add(Kind::function, bits_of(params.func)),
                           params.kern == nullptr ? 0 : invocation.find_or_add(Kind::kernel, bits_of(params.kern)),
                           {params.gridDimX, params.gridDimY, params.gridDimZ},
                           {params.blockDimX, params.blockDimY, params.blockDimZ},
                           params.sharedMemBytes,
                           static_cast<uint32_t>(packed.size()),
                           params.ctx == nullptr ? 0 : invocation.find_or_add(Kind::context, bits_of(params.ctx))};
  invocation.reply.put(node);
  invocation.reply.bytes(packed.data(), packed.size());
  return CUDA_SUCCESS;
}

namespace {

CUresult read_copy(Invocation& invocation, CUDA_MEMCPY3D& copy, CUcontext& context) {
  const auto box = invocation.request.get<wire::CopyBox>();
  const auto wire_context = invocation.request.get<uint64_t>();
  if (!invocation.request.complete()) return invocation.bad_message();
  CUDA_MEMCPY3D_PEER peer = {};
  if (const CUresult status = to_copy3d(invocation, box, peer); status != CUDA_SUCCESS) return status;
  if (wire_context != 0 && !invocation.real(Kind::context, wire_context, context)) return CUDA_ERROR_INVALID_CONTEXT;
  copy = without_peers(peer);
  return CUDA_SUCCESS;
}

}  // namespace

CUresult add_memcpy_node(Invocation& invocation) {
  NodePlace place;
  CUDA_MEMCPY3D copy = {};
  CUcontext context = nullptr;
  if (const CUresult status = read_place(invocation, place); status != CUDA_SUCCESS) return status;
  if (const CUresult status = read_copy(invocation, copy, context); status != CUDA_SUCCESS) return status;
  CUgraphNode node = nullptr;
  const CUresult status = VGPU_DRIVER(invocation.session.driver, cuGraphAddMemcpyNode)(
      &node, place.graph, place.dependencies.data(), place.dependencies.size(), &copy, context);
  return reply_node(invocation, status, node);
}

// cuGraphMemcpyNodeSetParams and cuGraphExecMemcpyNodeSetParams.
CUresult set_memcpy_node(Invocation& invocation) {
  NodeTarget target;
  CUDA_MEMCPY3D copy = {};
  CUcontext context = nullptr;
  if (const CUresult status = read_target(invocation, target); status != CUDA_SUCCESS) return status;
  if (const CUresult status = read_copy(invocation, copy, context); status != CUDA_SUCCESS) return status;
  const Driver& driver = invocation.session.driver;
  return target.exec != nullptr
             ? VGPU_DRIVER(driver, cuGraphExecMemcpyNodeSetParams)(target.exec, target.node, &copy, context)
             : VGPU_DRIVER(driver, cuGraphMemcpyNodeSetParams)(target.node, &copy);
}

CUresult get_memcpy_node(Invocation& invocation) {
  NodeTarget target;
  if (const CUresult status = read_target(invocation, target); status != CUDA_SUCCESS) return status;
  if (!invocation.request.complete()) return invocation.bad_message();
  CUDA_MEMCPY3D copy = {};
  const CUresult status = VGPU_DRIVER(invocation.session.driver, cuGraphMemcpyNodeGetParams)(target.node, &copy);
  if (status == CUDA_SUCCESS) invocation.reply.put(to_box(invocation, copy));
  return status;
}

namespace {

CUDA_HOST_NODE_PARAMS host_params(Session& session, const wire::HostFunction& target) {
  return {&Callbacks::run_host_function, session.callbacks.add(target.function, target.user_data, 0, true)};
}

}  // namespace

CUresult add_host_node(Invocation& invocation) {
  NodePlace place;
  if (const CUresult status = read_place(invocation, place); status != CUDA_SUCCESS) return status;
  const auto target = invocation.request.get<wire::HostFunction>();
  if (!invocation.request.complete()) return invocation.bad_message();
  const CUDA_HOST_NODE_PARAMS params = host_params(invocation.session, target);
  CUgraphNode node = nullptr;
  const CUresult status = VGPU_DRIVER(invocation.session.driver, cuGraphAddHostNode)(
      &node, place.graph, place.dependencies.data(), place.dependencies.size(), &params);
  return reply_node(invocation, status, node);
}

CUresult set_host_node(Invocation& invocation) {
  NodeTarget target;
  if (const CUresult status = read_target(invocation, target); status != CUDA_SUCCESS) return status;
  const auto function = invocation.request.get<wire::HostFunction>();
  if (!invocation.request.complete()) return invocation.bad_message();
  const CUDA_HOST_NODE_PARAMS params = host_params(invocation.session, function);
  const Driver& driver = invocation.session.driver;
  return target.exec != nullptr ? VGPU_DRIVER(driver, cuGraphExecHostNodeSetParams)(target.exec, target.node, &params)
                                : VGPU_DRIVER(driver, cuGraphHostNodeSetParams)(target.node, &params);
}

CUresult get_host_node(Invocation& invocation) {
  NodeTarget target;
  if (const CUresult status = read_target(invocation, target); status != CUDA_SUCCESS) return status;
  if (!invocation.request.complete()) return invocation.bad_message();
  CUDA_HOST_NODE_PARAMS params = {};
  const CUresult status = VGPU_DRIVER(invocation.session.driver, cuGraphHostNodeGetParams)(target.node, &params);
  if (status != CUDA_SUCCESS) return status;
  // Only our own trampoline has a record behind its user data.
  if (params.fn != &Callbacks::run_host_function) return CUDA_ERROR_NOT_SUPPORTED;
  const auto* record = static_cast<const Callbacks::Record*>(params.userData);
  invocation.reply.put(wire::HostFunction{record->function, record->user_data});
  return status;
}

// cuGraphExecUpdate_v2: u64 exec, u64 graph -> u32 result, u64 error node, u64 error-from node; also on failure.
CUresult exec_update(Invocation& invocation) {
  const auto wire_exec = invocation.request.get<uint64_t>();
  const auto wire_graph = invocation.request.get<uint64_t>();
  if (!invocation.request.complete()) return invocation.bad_message();
  CUgraphExec exec = nullptr;
  CUgraph graph = nullptr;
  if (wire_exec == 0 || wire_graph == 0 || !invocation.real(Kind::graph_exec, wire_exec, exec) ||
      !invocation.real(Kind::graph, wire_graph, graph))
    return CUDA_ERROR_INVALID_VALUE;
  CUgraphExecUpdateResultInfo info = {};
  const CUresult status = VGPU_DRIVER(invocation.session.driver, cuGraphExecUpdate_v2)(exec, graph, &info);
  const auto wire_node = [&](CUgraphNode node) {
    return node == nullptr ? 0 : invocation.find_or_add(Kind::graph_node, bits_of(node));
  };
  invocation.reply.put(static_cast<uint32_t>(info.result));
  invocation.reply.put(wire_node(info.errorNode));
  invocation.reply.put(wire_node(info.errorFromNode));
  return status;
}

// cuGraphInstantiateWithParams: u64 graph, u64 flags, u64 upload stream -> u64 exec, u32 result, u64 error node.
CUresult instantiate_with_params(Invocation& invocation) {
  const auto wire_graph = invocation.request.get<uint64_t>();
  const auto flags = invocation.request.get<uint64_t>();
  const auto wire_stream = invocation.request.get<uint64_t>();
  if (!invocation.request.complete()) return invocation.bad_message();
  CUDA_GRAPH_INSTANTIATE_PARAMS params = {};
  params.flags = flags;
  CUgraph graph = nullptr;
  if (wire_graph == 0 || !invocation.real(Kind::graph, wire_graph, graph)) return CUDA_ERROR_INVALID_VALUE;
  if (!invocation.real(Kind::stream, wire_stream, params.hUploadStream)) return CUDA_ERROR_INVALID_HANDLE;
  CUgraphExec exec = nullptr;
  const CUresult status = VGPU_DRIVER(invocation.session.driver, cuGraphInstantiateWithParams)(&exec, graph, &params);
  invocation.reply.put(status == CUDA_SUCCESS ? invocation.add(Kind::graph_exec, bits_of(exec)) : uint64_t{0});
  invocation.reply.put(static_cast<uint32_t>(params.result_out));
  invocation.reply.put(params.hErrNode_out == nullptr
                           ? uint64_t{0}
                           : invocation.find_or_add(Kind::graph_node, bits_of(params.hErrNode_out)));
  return status;
}

// cuGraphAddMemAllocNode: place, CUmemAllocationProp fields as CUmemPoolProps, u64 bytes, u64 n, n access descriptors
// -> u64 node, u64 address.
CUresult add_alloc_node(Invocation& invocation) {
  NodePlace place;
  if (const CUresult status = read_place(invocation, place); status != CUDA_SUCCESS) return status;
  CUDA_MEM_ALLOC_NODE_PARAMS params = {};
  params.poolProps = invocation.request.get<CUmemPoolProps>();
  params.poolProps.win32SecurityAttributes = nullptr;
  params.bytesize = invocation.request.get<uint64_t>();
  const auto count = invocation.request.get<uint64_t>();
  if (invocation.request.failed() || count > invocation.request.left() / sizeof(CUmemAccessDesc))
    return invocation.bad_message();
  std::vector<CUmemAccessDesc> access;
  for (uint64_t i = 0; i < count; ++i) access.push_back(invocation.request.get<CUmemAccessDesc>());
  if (!invocation.request.complete()) return invocation.bad_message();
  params.accessDescs = access.data();
  params.accessDescCount = access.size();
  CUgraphNode node = nullptr;
  const CUresult status = VGPU_DRIVER(invocation.session.driver, cuGraphAddMemAllocNode)(
      &node, place.graph, place.dependencies.data(), place.dependencies.size(), &params);
  if (status != CUDA_SUCCESS) return status;
  static_cast<void>(reply_node(invocation, status, node));
  invocation.reply.put(static_cast<uint64_t>(params.dptr));
  return status;
}

// u64 (unused), u64 node -> CUmemPoolProps, u64 bytes, u64 address.
CUresult get_alloc_node(Invocation& invocation) {
  NodeTarget target;
  if (const CUresult status = read_target(invocation, target); status != CUDA_SUCCESS) return status;
  if (!invocation.request.complete()) return invocation.bad_message();
  CUDA_MEM_ALLOC_NODE_PARAMS params = {};
  const CUresult status = VGPU_DRIVER(invocation.session.driver, cuGraphMemAllocNodeGetParams)(target.node, &params);
  if (status != CUDA_SUCCESS) return status;
  invocation.reply.put(params.poolProps);
  invocation.reply.put(static_cast<uint64_t>(params.bytesize));
  invocation.reply.put(static_cast<uint64_t>(params.dptr));
  return status;
}

CUresult user_object_create(Invocation& invocation) {
  const auto target = invocation.request.get<wire::HostFunction>();
  const auto references = invocation.request.get<uint32_t>();
  const auto flags = invocation.request.get<uint32_t>();
  if (!invocation.request.complete()) return invocation.bad_message();
  Session& session = invocation.session;
  Callbacks::Record* record = session.callbacks.add(target.function, target.user_data, 0, false);
  CUuserObject object = nullptr;
  const CUresult status = VGPU_DRIVER(session.driver, cuUserObjectCreate)(
      &object, static_cast<void*>(record), &Callbacks::run_destructor, references, flags);
  if (status != CUDA_SUCCESS) session.callbacks.remove(record);
  else invocation.reply.put(invocation.add(Kind::user_object, bits_of(object)));
  return status;
}

CUresult graph_launch(Invocation& invocation) {
  RowCall row{api::spec::cuGraphLaunch, {}};
  if (const CUresult status = decode_row(invocation, row); status != CUDA_SUCCESS) return status;
  invocation.session.debts.graph_launched(invocation.command.context, bits_of(row.argument<CUstream>(1)));
  return call_row(invocation, row);
}

}  // namespace vgpu::host::hand
