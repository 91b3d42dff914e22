// SPDX-License-Identifier: Apache-2.0
// LibraryCalls: the functions of the host's libnvidia-ml.so.1, called by their names. The library stays loaded. The
// monitor's main thread.
#pragma once

#include <dlfcn.h>

#include <string>
#include <unordered_map>

#include "common/nvml/reading.h"

namespace vgpu::host::monitor {

// SAFETY: all arguments of NVML's functions are integers or pointers, at most six. The platform's ABI passes each in a
// register of its own; a function that has fewer does not look at the rest.
using AnyFunction = nvmlReturn_t (*)(nvml::Word, nvml::Word, nvml::Word, nvml::Word, nvml::Word, nvml::Word);

inline nvml::Word word(const void* place) { return reinterpret_cast<nvml::Word>(place); }

class LibraryCalls {
 public:
  explicit LibraryCalls(void* library) : library_(library) {}

  // Null: this release of the library does not have it.
  AnyFunction find(const std::string& name) {
    const auto [at, is_new] = functions_.try_emplace(name, nullptr);
    if (is_new) at->second = ::dlsym(library_, name.c_str());
    return reinterpret_cast<AnyFunction>(at->second);
  }

  template <class... A>
  nvmlReturn_t call(const char* name, A... arguments) {
    const AnyFunction function = find(name);
    if (function == nullptr) return NVML_ERROR_FUNCTION_NOT_FOUND;
    const nvml::Word argv[nvml::kMaxParams] = {static_cast<nvml::Word>(arguments)...};
    return function(argv[0], argv[1], argv[2], argv[3], argv[4], argv[5]);
  }

 private:
  void* const library_;
  std::unordered_map<std::string, void*> functions_;
};

}  // namespace vgpu::host::monitor
