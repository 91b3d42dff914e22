// SPDX-License-Identifier: Apache-2.0
#include "tools/apidump/header_names.h"

#undef __CUDA_API_VERSION_INTERNAL
#include <cuda.h>
#include <cudaProfiler.h>

#include <map>

namespace apidump {

#define VGPU_TEXT(name) #name
#define VGPU_EXPANDED(name) VGPU_TEXT(name)

std::string symbol_of_header_name(const std::string& name) {
  static const std::map<std::string, std::string> symbols = {
#define VGPU_PROC(name, flavour, since, symbol) {#name, VGPU_EXPANDED(name)},
#include "cuda_procaddr.inc"
#undef VGPU_PROC
  };
  const auto found = symbols.find(name);
  return found != symbols.end() ? found->second : name;
}

}  // namespace apidump
