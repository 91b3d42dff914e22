// SPDX-License-Identifier: Apache-2.0
// Loading PTX: a text that nobody has seen, and the same text once more.
#include <unistd.h>

#include "bench/gpu.h"
#include "bench/matrix_product.h"
#include "bench/stopwatch.h"

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
std::string new_text() {
  static int number = 0;
  return matrix_product_ptx(std::to_string(getpid()) + " " + std::to_string(now()) + " " + std::to_string(++number));
}

Measured<double> first_load(const Gpu&) {
  std::vector<double> times;
  for (int i = 0; i < 10; ++i) times.push_back(TRY(load(new_text())));
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

}  // namespace

Family module_family() {
  return {"module",
          {{"module load, new text", Unit::seconds, first_load},
           {"module load, the same again", Unit::seconds, second_load}}};
}

}  // namespace vgpu::bench
