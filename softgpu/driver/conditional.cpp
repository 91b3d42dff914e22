// SPDX-License-Identifier: Apache-2.0
// CUDA driver API, "Graph Management": conditional handles.
#include "softgpu/driver/conditional.h"

#include "softgpu/driver/context.h"
#include "softgpu/driver/graph.h"
#include "softgpu/driver/process.h"

namespace vgpu::soft {

bool Conditions::set(uint64_t handle, unsigned value) {
  const Ref<Condition> condition = find<Condition>(handle);
  if (condition) condition->set(value);
  return static_cast<bool>(condition);
}

CuResult<NodeWork> conditional_work(const CUDA_CONDITIONAL_NODE_PARAMS& parameters) {
  TRY(current_process());
  Ref<Condition> condition = find<Condition>(parameters.handle);
  if (!condition) return CUDA_ERROR_INVALID_VALUE;
  if (parameters.ctx != nullptr && !find<Context>(parameters.ctx)) return CUDA_ERROR_INVALID_CONTEXT;
  const unsigned most = parameters.type == CU_GRAPH_COND_TYPE_WHILE ? 1
                        : parameters.type == CU_GRAPH_COND_TYPE_IF  ? 2
                                                                    : kMostBodies;
  const bool known = parameters.type == CU_GRAPH_COND_TYPE_WHILE || parameters.type == CU_GRAPH_COND_TYPE_IF ||
                     parameters.type == CU_GRAPH_COND_TYPE_SWITCH;
  if (!known || parameters.size == 0 || parameters.size > most) return CUDA_ERROR_INVALID_VALUE;
  NodeWork work;
  work.type = CU_GRAPH_NODE_TYPE_CONDITIONAL;
  work.condition = std::move(condition);
  work.choice = parameters.type;
  auto handles = std::make_shared<std::vector<CUgraph>>();
  for (unsigned i = 0; i < parameters.size; ++i) {
    Ref<Graph> body = TRY(Graph::create());
    body->is_child = true;
    handles->push_back(handle_of(*body));
    work.inner.push_back(std::move(body));
  }
  work.body_handles = std::move(handles);
  return work;
}

}  // namespace vgpu::soft

using namespace vgpu::soft;

extern "C" CUresult CUDAAPI cuGraphConditionalHandleCreate(CUgraphConditionalHandle* pHandle_out, CUgraph hGraph,
                                                           CUcontext ctx, unsigned int defaultLaunchValue,
                                                           unsigned int flags) {
  const Ref<Graph> graph = TRY(find_graph(hGraph));
  if (pHandle_out == nullptr || (flags & ~unsigned{CU_GRAPH_COND_ASSIGN_DEFAULT}) != 0) return CUDA_ERROR_INVALID_VALUE;
  if (ctx != nullptr && !find<Context>(ctx)) return CUDA_ERROR_INVALID_CONTEXT;
  Ref<Condition> condition = make_ref<Condition>(defaultLaunchValue, (flags & CU_GRAPH_COND_ASSIGN_DEFAULT) != 0);
  if (publish(condition) == 0) return CUDA_ERROR_OUT_OF_MEMORY;
  *pHandle_out = handle_of(*condition);
  const GraphLock lock;
  graph->conditions.push_back(std::make_shared<ConditionHandle>(std::move(condition)));
  return CUDA_SUCCESS;
}
