// SPDX-License-Identifier: Apache-2.0
#include "tools/vgpu_smi/nvml.h"

#include <link.h>

namespace vgpu::smi {

Result<std::unique_ptr<Nvml>, Nvml::Failure> Nvml::open(const char* name) {
  void* const library = ::dlopen(name, RTLD_NOW | RTLD_LOCAL);
  if (library == nullptr) {
    const char* const why = ::dlerror();
    return Failure{NVML_ERROR_LIBRARY_NOT_FOUND, why != nullptr ? why : ""};
  }
  std::unique_ptr<Nvml> nvml(new Nvml(library));
  nvmlReturn_t status = nvml->call("nvmlInit_v2");
  if (status == NVML_ERROR_FUNCTION_NOT_FOUND) status = nvml->call("nvmlInit");
  if (status != NVML_SUCCESS) return Failure{status, nvml->path()};
  nvml->initialised_ = true;
  return nvml;
}

Nvml::~Nvml() {
  if (initialised_) call("nvmlShutdown");
  ::dlclose(library_);
}

std::string Nvml::describe(nvmlReturn_t code) const {
  // SAFETY: the documented prototype of nvmlErrorString.
  const auto words = reinterpret_cast<const char* (*)(nvmlReturn_t)>(::dlsym(library_, "nvmlErrorString"));
  const char* const text = words != nullptr ? words(code) : nullptr;
  return text != nullptr ? text : "Unknown Error";
}

std::string Nvml::path() const {
  link_map* map = nullptr;
  return ::dlinfo(library_, RTLD_DI_LINKMAP, &map) == 0 && map != nullptr ? map->l_name : "";
}

}  // namespace vgpu::smi
