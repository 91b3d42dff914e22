// SPDX-License-Identifier: Apache-2.0
#include "tests/ollama/product.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <memory>
#include <vector>

#include "tests/ollama/loader.h"
#include "tests/ollama/random.h"
#include "tests/ollama/rounding.h"

namespace vgpu::ollama {
namespace {

struct Arena;
struct Tensor;
struct Graph;
struct Backend;
struct Buffer;

// By value, as theirs: where the descriptions of tensors are kept.
struct ArenaParameters {
  size_t size = 0;
  void* memory = nullptr;
  bool descriptions_only = true;
};

// Names are those of libggml-base without their prefix; numbers of types are those of GGUF.
struct Ggml {
  static Result<Ggml> load(const std::string& directory);
  Arena* (*init)(ArenaParameters);
  void (*free)(Arena*);
  Tensor* (*new_tensor_2d)(Arena*, int type, int64_t width, int64_t rows);
  Tensor* (*mul_mat)(Arena*, Tensor*, Tensor*);
  Graph* (*new_graph)(Arena*);
  void (*build_forward_expand)(Graph*, Tensor*);
  Backend* (*dev_init)(Device*, const char*);
  void (*backend_free)(Backend*);
  Buffer* (*alloc_ctx_tensors)(Arena*, Backend*);
  void (*buffer_free)(Buffer*);
  void (*tensor_set)(Tensor*, const void*, size_t offset, size_t size);
  void (*tensor_get)(const Tensor*, void*, size_t offset, size_t size);
  int (*graph_compute)(Backend*, Graph*);
};

Result<Ggml> Ggml::load(const std::string& directory) {
  Ggml ggml{};
  Loader loader(directory);
  loader.open("libggml-base.so");
  loader.find(ggml.init, "ggml_init");
  loader.find(ggml.free, "ggml_free");
  loader.find(ggml.new_tensor_2d, "ggml_new_tensor_2d");
  loader.find(ggml.mul_mat, "ggml_mul_mat");
  loader.find(ggml.new_graph, "ggml_new_graph");
  loader.find(ggml.build_forward_expand, "ggml_build_forward_expand");
  loader.find(ggml.dev_init, "ggml_backend_dev_init");
  loader.find(ggml.backend_free, "ggml_backend_free");
  loader.find(ggml.alloc_ctx_tensors, "ggml_backend_alloc_ctx_tensors");
  loader.find(ggml.buffer_free, "ggml_backend_buffer_free");
  loader.find(ggml.tensor_set, "ggml_backend_tensor_set");
  loader.find(ggml.tensor_get, "ggml_backend_tensor_get");
  loader.find(ggml.graph_compute, "ggml_backend_graph_compute");
  if (!loader.error().empty()) return Error{loader.error()};
  return ggml;
}

struct Operands {
  WeightType type = WeightType::q4_0;
  size_t width = 0, rows = 0;
  std::vector<std::byte> weights;
  std::vector<float> vector;
};

Operands make_operands(const ProductRequest& request) {
  Random random;
  Operands operands{request.type, request.width, request.rows, {}, std::vector<float>(request.width)};
  std::vector<float> weights(request.width * request.rows);
  for (float& weight : weights) weight = random.gaussian();
  for (float& value : operands.vector) value = random.gaussian();
  append_values(operands.weights, weights, request.type);
  return operands;
}

Result<std::vector<float>> compute(const Ggml& ggml, Device* device, const Operands& operands) {
  constexpr size_t kArenaBytes = 1 << 20;
  const std::unique_ptr<Backend, void (*)(Backend*)> backend(ggml.dev_init(device, nullptr), ggml.backend_free);
  const std::unique_ptr<Arena, void (*)(Arena*)> arena(ggml.init({kArenaBytes, nullptr, true}), ggml.free);
  if (backend == nullptr || arena == nullptr) return Error{"a device of ggml cannot be opened"};
  const auto width = static_cast<int64_t>(operands.width), rows = static_cast<int64_t>(operands.rows);
  Tensor* weights = ggml.new_tensor_2d(arena.get(), static_cast<int>(operands.type), width, rows);
  Tensor* vector = ggml.new_tensor_2d(arena.get(), static_cast<int>(WeightType::f32), width, 1);
  Tensor* result = ggml.mul_mat(arena.get(), weights, vector);
  Graph* graph = ggml.new_graph(arena.get());
  ggml.build_forward_expand(graph, result);
  const std::unique_ptr<Buffer, void (*)(Buffer*)> buffer(ggml.alloc_ctx_tensors(arena.get(), backend.get()),
                                                          ggml.buffer_free);
  if (buffer == nullptr) return Error{"no memory for a product"};
  ggml.tensor_set(weights, operands.weights.data(), 0, operands.weights.size());
  ggml.tensor_set(vector, operands.vector.data(), 0, operands.vector.size() * sizeof(float));
  if (const int code = ggml.graph_compute(backend.get(), graph); code != 0) {
    return Error{"ggml_backend_graph_compute returned " + std::to_string(code)};
  }
  std::vector<float> numbers(operands.rows);
  ggml.tensor_get(result, numbers.data(), 0, numbers.size() * sizeof(float));
  return numbers;
}

template <class Left, class Right>
double apart(const std::vector<Left>& left, const std::vector<Right>& right) {
  double difference = 0;
  for (size_t i = 0; i < left.size(); ++i) {
    const double one = std::abs(double{left[i]} - double{right[i]});
    // A comparison with a number that is none is false.
    if (!(one <= difference)) difference = one;
  }
  return difference;
}

}  // namespace

Result<ProductReport> compare_products(const Session& session, const ProductRequest& request) {
  const Ggml ggml = TRY(Ggml::load(request.backend));
  const Operands operands = make_operands(request);
  Device* cpu_device = TRY(session.device(0));
  Device* cuda_device = TRY(session.device(1));
  const std::vector<float> cpu = TRY(compute(ggml, cpu_device, operands));
  const std::vector<float> cuda = TRY(compute(ggml, cuda_device, operands));
  const auto expect = [&](Rounding rounding) {
    return product(operands.weights, operands.type, operands.vector, rounding);
  };
  const std::vector<double> exact = expect(Rounding::none);
  ProductReport report;
  for (const double number : exact) report.widest = std::max(report.widest, std::abs(number));
  report.cpu_from_cuda = apart(cpu, cuda);
  report.cpu_from_exact = apart(cpu, exact);
  report.cuda_from_exact = apart(cuda, exact);
  report.cpu_from_rounding = apart(cpu, expect(Rounding::cpu));
  report.cuda_from_rounding = apart(cuda, expect(Rounding::cuda));
  return report;
}

}  // namespace vgpu::ollama
