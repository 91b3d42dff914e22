// SPDX-License-Identifier: Apache-2.0
// The proof: CUDA and NVML are used as a program would.
#include <dlfcn.h>
#include <fmt/core.h>

#include "tools/vgpu_smi/card.h"
#include "tools/vgpu_smi/doctor/apart.h"
#include "tools/vgpu_smi/doctor/finding.h"

namespace vgpu::smi::doctor {
namespace {

constexpr int kNoLibraryAtAll = 99;

template <class... Arguments>
int call(void* library, const char* name, Arguments... arguments) {
  // SAFETY: the documented prototypes of CUDA's driver API; CUresult is an int.
  const auto function = reinterpret_cast<int (*)(Arguments...)>(::dlsym(library, name));
  return function == nullptr ? 500 : function(arguments...);  // CUDA_ERROR_NOT_FOUND
}

std::string error_name(void* library, int code) {
  const char* name = nullptr;
  return call(library, "cuGetErrorName", code, &name) == 0 && name != nullptr ? name : fmt::format("error {}", code);
}

int use_cuda(std::string& words) {
  void* const library = ::dlopen("libcuda.so.1", RTLD_NOW | RTLD_LOCAL);
  if (library == nullptr) return kNoLibraryAtAll;
  int count = 0, device = 0, version = 0;
  char name[256] = {};
  const char* step = "cuInit";
  int error = call(library, step, 0u);
  if (error == 0) error = call(library, step = "cuDeviceGetCount", &count);
  if (error == 0) error = call(library, step = "cuDriverGetVersion", &version);
  if (error == 0 && count > 0) error = call(library, step = "cuDeviceGet", &device, 0);
  if (error == 0 && count > 0) error = call(library, step = "cuDeviceGetName", static_cast<char*>(name), 255, device);
  if (error != 0) return words = fmt::format("{} returns {}", step, error_name(library, error)), 1;
  words = count == 0 ? "there is no device"
                     : fmt::format("{} device{}, the first is {}; CUDA {}.{}", count, count == 1 ? "" : "s", name,
                                   version / 1000, version % 1000 / 10);
  return count == 0 ? 1 : 0;
}

int use_nvml(std::string& words) {
  const auto nvml = Nvml::open();
  if (!nvml.ok()) {
    const Nvml::Failure& failure = nvml.error();
    if (failure.code == NVML_ERROR_LIBRARY_NOT_FOUND) return kNoLibraryAtAll;
    return words = fmt::format("nvmlInit returns {}", static_cast<int>(failure.code)), 1;
  }
  unsigned int count = 0;
  const auto status = nvml.value()->call("nvmlDeviceGetCount_v2", &count);
  if (status != NVML_SUCCESS)
    return words = fmt::format("nvmlDeviceGetCount_v2: {}", nvml.value()->describe(status)), 1;
  const auto driver = nvml.value()->text("nvmlSystemGetDriverVersion");
  words = fmt::format("{} device{}; driver {}", count, count == 1 ? "" : "s", driver.ok() ? driver.value() : "unknown");
  return count == 0 ? 1 : 0;
}

void report(const char* subject, const Answer& answer, Findings& findings) {
  // That there is no library has been said.
  if (answer.status == kNoLibraryAtAll) return;
  const bool works = answer.status == 0;
  findings.push_back({works ? State::good : State::problem, subject, answer.words,
                      works ? "" : "What is listed above explains it; otherwise run a program with VGPU_LOG=debug"});
}

}  // namespace

void check_use(Findings& findings) {
  report("CUDA", run_apart(use_cuda), findings);
  report("NVML", run_apart(use_nvml), findings);
}

}  // namespace vgpu::smi::doctor
