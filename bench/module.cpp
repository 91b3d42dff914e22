// SPDX-License-Identifier: Apache-2.0
// Loading PTX: a text that nobody has seen, and the same text once more, in this process and in another one.
#include "bench/module.h"

#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>

#include "bench/gpu.h"
#include "bench/matrix_product.h"
#include "bench/stopwatch.h"
#include "common/fd.h"

namespace vgpu::bench {
namespace {

// Until the function is known: a driver that loads lazily has done its work then.
Measured<double> load(const std::string& text) {
  const double begin = now();
  CUmodule module = nullptr;
  CUfunction function = nullptr;
  CUDA_TRY(cuModuleLoadData(&module, text.c_str()));
  CUDA_TRY(cuModuleGetFunction(&function, module, "product"));
  const double seconds = now() - begin;
  CUDA_TRY(cuModuleUnload(module));
  return seconds;
}

// The process, the time and a number make it new to caches on disk, too.
std::string new_remark() {
  static int number = 0;
  return std::to_string(getpid()) + " " + std::to_string(now()) + " " + std::to_string(++number);
}

std::string new_text() { return matrix_product_ptx(new_remark()); }

Measured<double> first_load(const Gpu&) {
  std::vector<double> times(10);
  for (double& time : times) time = TRY(load(new_text()));
  return median(std::move(times));
}

Measured<double> second_load(const Gpu&) {
  std::vector<double> times;
  for (int i = 0; i < 10; ++i) {
    const std::string text = new_text();
    TRY(load(text));
    times.push_back(TRY(load(text)));
  }
  return median(std::move(times));
}

// What another process says that it took.
Measured<double> load_elsewhere(std::string remark) {
  const Failure failure = {"a process that loads a module", CUDA_ERROR_UNKNOWN};
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) != 0) return failure;
  const UniqueFd from(ends[0]);
  UniqueFd to(ends[1]);
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, to.get(), STDOUT_FILENO);
  char name[] = "vgpu-bench", option[] = "--load";
  char* const arguments[] = {name, option, remark.data(), nullptr};
  pid_t child = -1;
  const int error = posix_spawn(&child, "/proc/self/exe", &actions, nullptr, arguments, environ);
  posix_spawn_file_actions_destroy(&actions);
  if (error != 0) return failure;
  to.reset();
  // One short line, so that one read brings all of it.
  char line[64] = "";
  const bool told = read(from.get(), line, sizeof line - 1) > 0;
  int status = -1;
  if (waitpid(child, &status, 0) != child || status != 0 || !told) return failure;
  return std::strtod(line, nullptr);
}

Measured<double> load_in_second_process(const Gpu&) {
  std::vector<double> times;
  for (int i = 0; i < 5; ++i) {
    const std::string remark = new_remark();
    TRY(load(matrix_product_ptx(remark)));
    times.push_back(TRY(load_elsewhere(remark)));
  }
  return median(std::move(times));
}

}  // namespace

int load_here(const char* remark) {
  const auto seconds = [&]() -> Measured<double> {
    TRY(Gpu::create());  // Leaves its context current.
    return load(matrix_product_ptx(remark));
  }();
  if (!seconds.ok()) {
    std::fprintf(stderr, "vgpu-bench: %s\n", seconds.error().call);
    return 1;
  }
  std::printf("%.9f\n", seconds.value());
  return 0;
}

Family module_family() {
  return {"module",
          {{"module load, new text", Unit::seconds, first_load},
           {"module load, the same again", Unit::seconds, second_load},
           {"module load, in a second process", Unit::seconds, load_in_second_process}}};
}

}  // namespace vgpu::bench
