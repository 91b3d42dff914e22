// SPDX-License-Identifier: Apache-2.0
// Loader: opens libraries of a package's directory and finds their functions by name; the first failure is kept, and
// nothing is done after it. Called by llama.cpp and product.cpp, one thread; the libraries stay loaded until the
// process ends.
#pragma once

#include <dlfcn.h>

#include <string>

namespace vgpu::ollama {

class Loader {
 public:
  explicit Loader(std::string directory) : directory_(std::move(directory)) {}

  // `pattern`: of the file's name, which has a version in it.
  void open(const std::string& pattern);

  // In the library that was opened last.
  template <class Function>
  void find(Function*& function, const char* name) {
    if (!error_.empty()) return;
    function = reinterpret_cast<Function*>(::dlsym(library_, name));
    if (function == nullptr) error_ = std::string("no function ") + name;
  }

  const std::string& error() const { return error_; }

 private:
  std::string directory_, error_;
  void* library_ = nullptr;
};

}  // namespace vgpu::ollama
