// SPDX-License-Identifier: Apache-2.0
// Nvml: libnvidia-ml.so.1, whichever the linker finds, opened and initialised; its calls are found by name. It is shut
// down with this object. One thread.
#pragma once

#include <dlfcn.h>

#include <memory>
#include <string>

#include "common/result.h"
#include "tools/vgpu_smi/clean_text.h"
#include "tools/vgpu_smi/nvml_abi.h"

namespace vgpu::smi {

// A value, or why the library gives none.
template <class T>
using Reading = Result<T, nvmlReturn_t>;

class Nvml {
 public:
  struct Failure {
    nvmlReturn_t code = NVML_ERROR_UNKNOWN;
    std::string detail;  // the dynamic linker's words, for NVML_ERROR_LIBRARY_NOT_FOUND
  };
  static Result<std::unique_ptr<Nvml>, Failure> open(const char* name = "libnvidia-ml.so.1");
  Nvml(const Nvml&) = delete;
  Nvml& operator=(const Nvml&) = delete;
  ~Nvml();

  // NVML_ERROR_FUNCTION_NOT_FOUND when the library is too old to have it. The arguments' types are the prototype's.
  template <class... Arguments>
  nvmlReturn_t call(const char* name, Arguments... arguments) const {
    // SAFETY: callers pass exactly the documented parameter types.
    const auto function = reinterpret_cast<nvmlReturn_t (*)(Arguments...)>(::dlsym(library_, name));
    return function == nullptr ? NVML_ERROR_FUNCTION_NOT_FOUND : function(arguments...);
  }

  // For calls that end in `char* text, unsigned int length`.
  template <class... Arguments>
  Reading<std::string> text(const char* name, Arguments... arguments) const {
    char buffer[256] = {};
    const auto status = call(name, arguments..., static_cast<char*>(buffer), static_cast<unsigned int>(sizeof buffer));
    if (status != NVML_SUCCESS) return status;
    buffer[sizeof buffer - 1] = '\0';
    return clean_text(buffer);
  }

  // The library's own words.
  std::string describe(nvmlReturn_t code) const;
  // The file that the linker found.
  std::string path() const;

 private:
  explicit Nvml(void* library) : library_(library) {}
  void* const library_;
  bool initialised_ = false;
};

}  // namespace vgpu::smi
