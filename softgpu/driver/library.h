// SPDX-License-Identifier: Apache-2.0
// A library: code that belongs to no context and becomes a module in each context that uses it. Code that turns out to
// be bad is reported by the first call that needs it, as NVIDIA's driver does when loading lazily. Managed variables
// exist once for all contexts. Any thread.
#pragma once

#include <memory>
#include <mutex>
#include <string>
#include <unordered_map>
#include <vector>

#include "softgpu/driver/module.h"

namespace vgpu::soft {

class Library;

class LibraryKernel final : public Callable {
 public:
  LibraryKernel(Library& library, std::string name, int devices);
  ~LibraryKernel() override;

  const std::string& name() const { return name_; }
  CUlibrary library_handle() const { return (CUlibrary)library_handle_; }
  // The function in a context, loading the library there if need be.
  CuResult<Ref<ContextFunction>> function_in(Context& context);
  // Any copy of the code, for questions that need no context.
  CuResult<Ref<ContextFunction>> any_function();
  const Ref<FunctionSettings>& settings(int device) const { return settings_[static_cast<size_t>(device)]; }
  void forget(Context& context);
  // The library is gone.
  void close();

 private:
  struct Copy {
    Context* context;
    Ref<ContextFunction> function;
  };

  const std::string name_;
  const uint64_t library_handle_;
  const std::vector<Ref<FunctionSettings>> settings_;  // per device
  std::mutex mutex_;                                   // guards the two below
  Ref<Library> library_;                               // until close(), which breaks the circle
  std::vector<Copy> copies_;
};

class Library final : public Object {
 public:
  using Handle = CUlibrary;
  static constexpr Kind kKind = Kind::library;

  // `bad` is what the image itself has wrong, told by every later use; CUDA_SUCCESS for good ones.
  static CuResult<Ref<Library>> create(Ref<CodeImage> code, CUresult bad);
  ~Library() override;

  // The module in a context.
  CuResult<Ref<Module>> module_in(Context& context);
  // NOT_FOUND, or why the code does not load. Loads into the current context if there is one.
  CuResult<Ref<LibraryKernel>> get_kernel(std::string_view name);
  CuResult<std::vector<Ref<LibraryKernel>>> kernels();
  // A kernel that get_kernel or kernels has made, else nothing.
  Ref<LibraryKernel> find_listed(const std::string& name);
  // A managed variable; needs no context.
  CuResult<GlobalVariable> get_managed(std::string_view name);
  // The function in whatever copy of the code there is, for questions that need no context.
  CuResult<Ref<ContextFunction>> function_anywhere(const std::string& name);
  // Where the variables of a copy in this context live.
  std::unique_ptr<Storage> storage_for(Context& context);

  // What the compiler had to say about bad code.
  std::string error_log();
  // Where it is loaded.
  std::vector<Ref<Context>> contexts();
  // cuLibraryUnload.
  void close();
  // The module is closing: forget it.
  void forget(Context& context);

 private:
  class ManagedVariables;
  class CopyStorage;
  struct Instance {
    Context* context;
    Ref<Module> module;
  };

  Library(Ref<CodeImage> code, CUresult bad);
  CUresult list_kernels_locked();
  CUresult fail_locked(const CompileError& error);
  CuResult<Ref<LoadedCode>> any_code_locked();

  const Ref<CodeImage> code_;
  const Ref<ManagedVariables> managed_;

  std::mutex load_mutex_;  // one thread loads at a time: guards the four below; taken before mutex_
  CUresult bad_;
  std::string error_log_;
  Ref<LoadedCode> detached_;  // bound to no context's memory
  bool listed_ = false;

  std::mutex mutex_;  // guards everything below
  std::vector<Instance> instances_;
  std::vector<Ref<LibraryKernel>> kernels_;
  std::unordered_map<std::string_view, size_t> index_;
  bool closed_ = false;
};

CuResult<Ref<Library>> find_library(CUlibrary handle);
// A CUkernel that is one (not a CUfunction): INVALID_HANDLE.
CuResult<Ref<LibraryKernel>> find_kernel(CUkernel handle);

}  // namespace vgpu::soft
