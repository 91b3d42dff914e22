// SPDX-License-Identifier: Apache-2.0
// A step of a language model's decoding, as an inference server makes it: the token and its position go to the device,
// a chain of small kernels with real arguments runs, the logits come back, and the caller waits once. Without a graph,
// with one that is launched again and again, and with one that is captured and updated for every step.
#include <array>

#include "bench/gpu.h"
#include "bench/stopwatch.h"

namespace vgpu::bench {
namespace {

constexpr unsigned kLayers = 32, kKernelsPerLayer = 9;
constexpr unsigned kKernels = kLayers * kKernelsPerLayer;
constexpr unsigned kWidth = 512, kBlock = 128;
constexpr unsigned kLogits = 128;  // that are read back
constexpr int kSteps = 30;

// `embed` spreads the token; every `layer` kernel adds its weights, which are ones, so that a step's logits are the
// token plus the number of kernels, and a kernel that was lost or came out of order is seen.
constexpr char kDecodePtx[] = R"(
.version 6.4
.target sm_52
.address_size 64
.visible .entry embed(.param .u64 out, .param .u64 tokens, .param .u32 count)
{
  .reg .b64 %rd<4>;
  .reg .b32 %r<6>;
  .reg .f32 %f<2>;
  .reg .pred %p;
  ld.param.u64 %rd0, [out];
  ld.param.u64 %rd1, [tokens];
  ld.param.u32 %r0, [count];
  mov.u32 %r1, %ctaid.x;
  mov.u32 %r2, %ntid.x;
  mov.u32 %r3, %tid.x;
  mad.lo.u32 %r4, %r1, %r2, %r3;
  setp.ge.u32 %p, %r4, %r0;
  @%p bra done;
  cvta.to.global.u64 %rd0, %rd0;
  cvta.to.global.u64 %rd1, %rd1;
  ld.global.u32 %r5, [%rd1];
  cvt.rn.f32.u32 %f0, %r5;
  mul.wide.u32 %rd2, %r4, 4;
  add.u64 %rd2, %rd0, %rd2;
  st.global.f32 [%rd2], %f0;
done:
  ret;
}
.visible .entry layer(.param .u64 out, .param .u64 in, .param .u64 weights, .param .u64 tokens, .param .u32 count,
                      .param .u32 number, .param .f32 scale, .param .f32 epsilon)
{
  .reg .b64 %rd<8>;
  .reg .b32 %r<5>;
  .reg .f32 %f<5>;
  .reg .pred %p;
  ld.param.u64 %rd0, [out];
  ld.param.u64 %rd1, [in];
  ld.param.u64 %rd2, [weights];
  ld.param.u32 %r0, [count];
  ld.param.f32 %f0, [scale];
  mov.u32 %r1, %ctaid.x;
  mov.u32 %r2, %ntid.x;
  mov.u32 %r3, %tid.x;
  mad.lo.u32 %r4, %r1, %r2, %r3;
  setp.ge.u32 %p, %r4, %r0;
  @%p bra done;
  cvta.to.global.u64 %rd0, %rd0;
  cvta.to.global.u64 %rd1, %rd1;
  cvta.to.global.u64 %rd2, %rd2;
  mul.wide.u32 %rd3, %r4, 4;
  add.u64 %rd4, %rd0, %rd3;
  add.u64 %rd5, %rd1, %rd3;
  add.u64 %rd6, %rd2, %rd3;
  ld.global.f32 %f1, [%rd5];
  ld.global.f32 %f2, [%rd6];
  fma.rn.f32 %f3, %f1, %f0, %f2;
  st.global.f32 [%rd4], %f3;
done:
  ret;
}
)";

struct Model {
  CUmodule module = nullptr;
  CUfunction embed = nullptr, layer = nullptr;
  CUdeviceptr tokens = 0, weights = 0;
  std::array<CUdeviceptr, 2> activations = {};  // each kernel reads one and writes the other
  float* logits = nullptr;                      // pinned
};

Measured<Model> load_model() {
  Model out;
  CUDA_TRY(cuModuleLoadData(&out.module, kDecodePtx));
  CUDA_TRY(cuModuleGetFunction(&out.embed, out.module, "embed"));
  CUDA_TRY(cuModuleGetFunction(&out.layer, out.module, "layer"));
  CUDA_TRY(cuMemAlloc(&out.tokens, 2 * sizeof(unsigned)));
  for (CUdeviceptr* memory : {&out.weights, &out.activations[0], &out.activations[1]})
    CUDA_TRY(cuMemAlloc(memory, kWidth * sizeof(float)));
  const std::vector<float> ones(kWidth, 1.0F);
  CUDA_TRY(cuMemcpyHtoD(out.weights, ones.data(), kWidth * sizeof(float)));
  void* logits = nullptr;
  CUDA_TRY(cuMemHostAlloc(&logits, kLogits * sizeof(float), 0));
  out.logits = static_cast<float*>(logits);
  return out;
}

Measured<void> unload(const Model& model) {
  CUDA_TRY(cuMemFreeHost(model.logits));
  for (const CUdeviceptr memory : {model.tokens, model.weights, model.activations[0], model.activations[1]})
    CUDA_TRY(cuMemFree(memory));
  CUDA_TRY(cuModuleUnload(model.module));
  return {};
}

Measured<void> launch_kernels(const Gpu& gpu, Model& model) {
  constexpr unsigned kBlocks = kWidth / kBlock;
  unsigned count = kWidth;
  float scale = 1, epsilon = 1e-5F;
  void* first[] = {&model.activations[0], &model.tokens, &count};
  CUDA_TRY(cuLaunchKernel(model.embed, kBlocks, 1, 1, kBlock, 1, 1, 0, gpu.stream, first, nullptr));
  for (unsigned i = 0; i < kKernels; ++i) {
    void* parameters[] = {&model.activations[(i + 1) % 2],
                          &model.activations[i % 2],
                          &model.weights,
                          &model.tokens,
                          &count,
                          &i,
                          &scale,
                          &epsilon};
    CUDA_TRY(cuLaunchKernel(model.layer, kBlocks, 1, 1, kBlock, 1, 1, 0, gpu.stream, parameters, nullptr));
  }
  return {};
}

class Plain {
 public:
  static Measured<void> launch(const Gpu& gpu, Model& model) { return launch_kernels(gpu, model); }
  static Measured<void> finish() { return {}; }
};

Measured<CUgraph> capture(const Gpu& gpu, Model& model) {
  CUgraph graph = nullptr;
  CUDA_TRY(cuStreamBeginCapture(gpu.stream, CU_STREAM_CAPTURE_MODE_RELAXED));
  TRY(launch_kernels(gpu, model));
  CUDA_TRY(cuStreamEndCapture(gpu.stream, &graph));
  return graph;
}

// One graph, captured at the first step.
class Replayed {
 public:
  Measured<void> launch(const Gpu& gpu, Model& model) {
    if (exec_ == nullptr) {
      const CUgraph graph = TRY(capture(gpu, model));
      CUDA_TRY(cuGraphInstantiate(&exec_, graph, 0));
      CUDA_TRY(cuGraphDestroy(graph));
    }
    CUDA_TRY(cuGraphLaunch(exec_, gpu.stream));
    return {};
  }
  Measured<void> finish() const {
    CUDA_TRY(cuGraphExecDestroy(exec_));
    return {};
  }

 protected:
  CUgraphExec exec_ = nullptr;
};

// The same, but every step captures its graph and updates the one that is launched.
class Updated : public Replayed {
 public:
  Measured<void> launch(const Gpu& gpu, Model& model) {
    if (exec_ == nullptr) return Replayed::launch(gpu, model);
    const CUgraph graph = TRY(capture(gpu, model));
    CUgraphExecUpdateResultInfo information = {};
    CUDA_TRY(cuGraphExecUpdate(exec_, graph, &information));
    CUDA_TRY(cuGraphDestroy(graph));
    CUDA_TRY(cuGraphLaunch(exec_, gpu.stream));
    return {};
  }
};

template <class Way>
Measured<void> step(const Gpu& gpu, Model& model, Way& way, unsigned token) {
  const std::array<unsigned, 2> input = {token, token + 1};
  CUDA_TRY(cuMemcpyHtoDAsync(model.tokens, input.data(), sizeof input, gpu.stream));
  TRY(way.launch(gpu, model));
  CUDA_TRY(cuMemcpyDtoHAsync(model.logits, model.activations[kKernels % 2], kLogits * sizeof(float), gpu.stream));
  TRY(gpu.synchronize());
  const auto expected = static_cast<float>(token + kKernels);
  if (model.logits[0] != expected || model.logits[kLogits - 1] != expected)
    return Failure{"a decoding step: wrong logits", CUDA_ERROR_UNKNOWN};
  return {};
}

template <class Way>
Measured<double> steps_per_second(const Gpu& gpu) {
  Model model = TRY(load_model());
  Way way;
  unsigned token = 0;
  // The first steps load code and capture.
  for (int i = 0; i < 3; ++i) TRY(step(gpu, model, way, ++token));
  const double seconds = TRY(median_time(kSteps, [&] { return step(gpu, model, way, ++token); }));
  TRY(way.finish());
  TRY(unload(model));
  return 1 / seconds;
}

}  // namespace

Family decode_family() {
  return {"decode",
          {{"decode, 289 kernels: steps", Unit::steps_per_second, steps_per_second<Plain>},
           {"decode, a graph: steps", Unit::steps_per_second, steps_per_second<Replayed>},
           {"decode, a graph updated each step: steps", Unit::steps_per_second, steps_per_second<Updated>}}};
}

}  // namespace vgpu::bench
