// SPDX-License-Identifier: Apache-2.0
// A process from its start to its first result. The caller holds a context meanwhile, so the GPU itself is awake.
#include "bench/process.h"

#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <thread>

#include "bench/gpu.h"
#include "bench/stopwatch.h"

namespace vgpu::bench {
namespace {

constexpr char kAnswerPtx[] = R"(
.version 6.4
.target sm_52
.address_size 64
.visible .entry answer(.param .u64 out)
{
  .reg .b64 %rd;
  ld.param.u64 %rd, [out];
  cvta.to.global.u64 %rd, %rd;
  st.global.u32 [%rd], 42;
  ret;
}
)";

class Steps {
 public:
  explicit Steps(bool wanted) : wanted_(wanted), last_(now()) {}
  void done(const char* name) {
    const double time = now();
    if (wanted_) std::printf("%8.2f ms  %s\n", (time - last_) * 1e3, name);
    last_ = now();
  }

 private:
  const bool wanted_;
  double last_;
};

Measured<unsigned> ask(Steps& steps) {
  CUcontext context = nullptr;
  CUDA_TRY(cuInit(0));
  steps.done("cuInit");
  CUDA_TRY(cuDevicePrimaryCtxRetain(&context, 0));
  steps.done("primary context");
  TRY(Gpu::create());  // Leaves its context current.
  steps.done("first module, first launch");
  CUmodule module = nullptr;
  CUfunction function = nullptr;
  CUdeviceptr memory = 0;
  unsigned answer = 0;
  void* parameters[] = {&memory};
  CUDA_TRY(cuModuleLoadData(&module, kAnswerPtx));
  CUDA_TRY(cuModuleGetFunction(&function, module, "answer"));
  steps.done("second module");
  CUDA_TRY(cuMemAlloc(&memory, 4));
  CUDA_TRY(cuLaunchKernel(function, 1, 1, 1, 1, 1, 1, 0, nullptr, parameters, nullptr));
  CUDA_TRY(cuMemcpyDtoH(&answer, memory, 4));
  steps.done("memory, launch, copy back");
  return answer;
}

Measured<void> start_one() {
  char name[] = "vgpu-bench", option[] = "--first-result";
  char* const arguments[] = {name, option, nullptr};
  pid_t child = -1;
  int status = -1;
  if (posix_spawn(&child, "/proc/self/exe", nullptr, nullptr, arguments, environ) != 0 ||
      waitpid(child, &status, 0) != child || status != 0)
    return Failure{"a process that computes one result", CUDA_ERROR_UNKNOWN};
  return {};
}

Measured<double> start_to_result(const Gpu&) { return median_time(3, start_one); }

// The daemon has had the time to start another worker, and that one to initialise its driver.
Measured<double> start_after_rest(const Gpu&) {
  std::vector<double> times;
  for (int i = 0; i < 3; ++i) {
    std::this_thread::sleep_for(std::chrono::seconds(2));
    const double begin = now();
    TRY(start_one());
    times.push_back(now() - begin);
  }
  return median(std::move(times));
}

}  // namespace

int first_result(bool wants_steps) {
  Steps steps(wants_steps);
  const Measured<unsigned> answer = ask(steps);
  if (answer.ok() && answer.value() == 42) return 0;
  std::fprintf(stderr, "vgpu-bench: %s\n", answer.ok() ? "the kernel wrote something else" : answer.error().call);
  return 1;
}

Family process_family() {
  return {"process", {{"process: start, first result, exit", Unit::seconds, start_to_result}}};
}

// Natively it is the same as the above.
Family prestarted_family() {
  return {"prestarted",
          {{"process: the same, a worker is ready", Unit::seconds, start_after_rest, 3}},
          false,
          {"--prestart", "2"}};
}

Family ready_context_family() {
  return {"ready context",
          {{"process: the same, its context is ready", Unit::seconds, start_after_rest, 3}},
          false,
          {"--prestart", "2", "--ready-contexts", "1"}};
}

}  // namespace vgpu::bench
