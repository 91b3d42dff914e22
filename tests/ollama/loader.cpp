// SPDX-License-Identifier: Apache-2.0
#include "tests/ollama/loader.h"

#include <glob.h>

namespace vgpu::ollama {
namespace {

// The only file of this pattern, whatever version its name carries.
std::string find_library(const std::string& pattern) {
  glob_t found{};
  std::string path;
  if (::glob(pattern.c_str(), 0, nullptr, &found) == 0 && found.gl_pathc > 0) path = found.gl_pathv[0];
  ::globfree(&found);
  return path;
}

}  // namespace

void Loader::open(const std::string& pattern) {
  if (!error_.empty()) return;
  const std::string path = find_library(directory_ + "/" + pattern);
  library_ = path.empty() ? nullptr : ::dlopen(path.c_str(), RTLD_NOW | RTLD_GLOBAL);
  if (library_ != nullptr) return;
  const char* reason = path.empty() ? "no such file" : ::dlerror();
  error_ = directory_ + "/" + pattern + ": " + (reason == nullptr ? "cannot be loaded" : reason);
}

}  // namespace vgpu::ollama
