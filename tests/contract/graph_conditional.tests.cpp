// SPDX-License-Identifier: Apache-2.0
// Conditional nodes and nodes of stream memory operations. CUDA driver API: Graph Management.
#include <tuple>

#include "tests/contract/fixture.h"

namespace {

CUstreamBatchMemOpParams write_word(CUdeviceptr address, cuuint32_t value) {
  CUstreamBatchMemOpParams operation = {};
  operation.writeValue.operation = CU_STREAM_MEM_OP_WRITE_VALUE_32;
  operation.writeValue.address = address;
  operation.writeValue.value = value;
  return operation;
}

CUgraphNodeParams memset_node(CUdeviceptr address, unsigned value, CUcontext context) {
  CUgraphNodeParams params = {};
  params.type = CU_GRAPH_NODE_TYPE_MEMSET;
  params.memset.dst = address;
  params.memset.value = value;
  params.memset.elementSize = 4;
  params.memset.width = 1;
  params.memset.height = 1;
  params.memset.ctx = context;
  return params;
}

}  // namespace

TEST_CASE_METHOD(Gpu, "a branch runs when its condition holds", "[contract][graph][conditional]") {
  const unsigned condition = GENERATE(0u, 1u);
  Graph graph;
  DeviceBuffer word(4);
  Stream stream;
  REQUIRE_CUDA(cuMemsetD32(word, 0, 1));
  CUgraphConditionalHandle handle = 0;
  const CUresult result =
      cuGraphConditionalHandleCreate(&handle, graph, context, condition, CU_GRAPH_COND_ASSIGN_DEFAULT);
  if (result == CUDA_ERROR_NOT_SUPPORTED) SKIP("no conditional nodes");
  REQUIRE_CUDA(result);
  CUgraphNodeParams params = {};
  params.type = CU_GRAPH_NODE_TYPE_CONDITIONAL;
  params.conditional.handle = handle;
  params.conditional.type = CU_GRAPH_COND_TYPE_IF;
  params.conditional.size = 1;
  params.conditional.ctx = context;
  CUgraphNode node = nullptr, inner = nullptr;
  REQUIRE_CUDA(cuGraphAddNode(&node, graph, nullptr, nullptr, 0, &params));
  REQUIRE(params.conditional.phGraph_out != nullptr);
  CUgraphNodeParams set = memset_node(word, 7, context);
  REQUIRE_CUDA(cuGraphAddNode(&inner, params.conditional.phGraph_out[0], nullptr, nullptr, 0, &set));
  GraphExec exec(graph);
  REQUIRE_CUDA(cuGraphLaunch(exec, stream));
  stream.synchronize();
  CHECK(read_words(word, 1) == repeated(1, condition * 7));
}

TEST_CASE_METHOD(Gpu, "a condition chooses between the bodies of its node", "[contract][graph][conditional]") {
  const auto [type, bodies, condition, expected] =
      GENERATE(std::tuple{CU_GRAPH_COND_TYPE_IF, 2u, 5u, 1u}, std::tuple{CU_GRAPH_COND_TYPE_IF, 2u, 0u, 2u},
               std::tuple{CU_GRAPH_COND_TYPE_SWITCH, 3u, 2u, 3u}, std::tuple{CU_GRAPH_COND_TYPE_SWITCH, 3u, 3u, 0u},
               std::tuple{CU_GRAPH_COND_TYPE_WHILE, 1u, 0u, 0u});
  Graph graph;
  DeviceBuffer word(4);
  Stream stream;
  REQUIRE_CUDA(cuMemsetD32(word, 0, 1));
  CUgraphNodeParams params = {};
  const CUresult result = cuGraphConditionalHandleCreate(&params.conditional.handle, graph, context, condition,
                                                         CU_GRAPH_COND_ASSIGN_DEFAULT);
  if (result == CUDA_ERROR_NOT_SUPPORTED) SKIP("no conditional nodes");
  REQUIRE_CUDA(result);
  params.type = CU_GRAPH_NODE_TYPE_CONDITIONAL;
  params.conditional.type = type;
  params.conditional.size = bodies;
  params.conditional.ctx = context;
  CUgraphNode node = nullptr, inner = nullptr;
  REQUIRE_CUDA(cuGraphAddNode(&node, graph, nullptr, nullptr, 0, &params));
  for (unsigned i = 0; i < bodies; ++i) {
    CUgraphNodeParams set = memset_node(word, i + 1, context);
    REQUIRE_CUDA(cuGraphAddNode(&inner, params.conditional.phGraph_out[i], nullptr, nullptr, 0, &set));
  }
  GraphExec exec(graph);
  REQUIRE_CUDA(cuGraphLaunch(exec, stream));
  stream.synchronize();
  CHECK(read_words(word, 1) == repeated(1, expected));
}

TEST_CASE_METHOD(Gpu, "a conditional node without a condition is refused", "[contract][graph][conditional]") {
  Graph graph;
  CUgraphConditionalHandle handle = 0;
  const CUresult result = cuGraphConditionalHandleCreate(&handle, graph, context, 0, 0);
  if (result == CUDA_ERROR_NOT_SUPPORTED) SKIP("no conditional nodes");
  REQUIRE_CUDA(result);
  CUgraphNodeParams params = {};
  params.type = CU_GRAPH_NODE_TYPE_CONDITIONAL;
  params.conditional.handle = handle;
  params.conditional.type = CU_GRAPH_COND_TYPE_WHILE;
  params.conditional.ctx = context;
  CUgraphNode node = nullptr;
  CHECK_REFUSED(cuGraphAddNode(&node, graph, nullptr, nullptr, 0, &params));  // no body
  params.conditional.size = 2;
  CHECK_REFUSED(cuGraphAddNode(&node, graph, nullptr, nullptr, 0, &params));  // two bodies of a loop
}

TEST_CASE_METHOD(Gpu, "a node of memory operations writes its words", "[contract][graph][memop]") {
  Graph graph;
  DeviceBuffer words(8);
  Stream stream;
  REQUIRE_CUDA(cuMemsetD32(words, 0, 2));
  REQUIRE_CUDA(cuCtxSynchronize());  // The stream does not wait for the default one.
  CUstreamBatchMemOpParams operations[] = {write_word(words, 3), write_word(words + 4, 4)};
  CUDA_BATCH_MEM_OP_NODE_PARAMS params = {};
  params.ctx = context;
  params.count = 2;
  params.paramArray = operations;
  CUgraphNode node = nullptr;
  const CUresult result = cuGraphAddBatchMemOpNode(&node, graph, nullptr, 0, &params);
  if (result == CUDA_ERROR_NOT_SUPPORTED) SKIP("no nodes of memory operations");
  REQUIRE_CUDA(result);
  CUDA_BATCH_MEM_OP_NODE_PARAMS answer = {};
  REQUIRE_CUDA(cuGraphBatchMemOpNodeGetParams(node, &answer));
  REQUIRE(answer.count == 2);
  CHECK(answer.paramArray[1].writeValue.value == 4);
  GraphExec exec(graph);
  REQUIRE_CUDA(cuGraphLaunch(exec, stream));
  stream.synchronize();
  CHECK(read_words(words, 2) == std::vector<unsigned>{3, 4});
}

TEST_CASE_METHOD(Gpu, "a memset node changes its value in place", "[contract][graph]") {
  Graph graph;
  DeviceBuffer word(4);
  Stream stream;
  CUgraphNode node = nullptr;
  CUgraphNodeParams params = memset_node(word, 1, context);
  REQUIRE_CUDA(cuGraphAddNode(&node, graph, nullptr, nullptr, 0, &params));
  params.memset.value = 2;
  const CUresult result = cuGraphNodeSetParams(node, &params);
  if (result == CUDA_ERROR_NOT_SUPPORTED) SKIP("no change of nodes in place");
  REQUIRE_CUDA(result);
  GraphExec exec(graph);
  REQUIRE_CUDA(cuGraphLaunch(exec, stream));
  stream.synchronize();
  CHECK(read_words(word, 1) == repeated(1, 2));
}
