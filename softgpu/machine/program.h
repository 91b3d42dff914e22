// SPDX-License-Identifier: Apache-2.0
// Program: a loaded module, from PTX text to kernels that a Machine can run. Loading parses everything, allocates and
// initialises the module's variables; a kernel and the functions it reaches are lowered when it is first asked for.
// The driver calls this for cuModuleLoad*, cuLibraryLoad*, cuLink*. Thread-safe after load; a Program must outlive the
// launches of its kernels.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <cuda.h>

#include "common/result.h"

namespace vgpu::soft {

struct Function;  // lowered code, see function.h
struct KernelCode;
class ProgramState;  // what load built, see program_state.h

// Why text was refused. `code` is one of CUDA_ERROR_INVALID_PTX, UNSUPPORTED_PTX_VERSION, OUT_OF_MEMORY, NOT_FOUND,
// INVALID_IMAGE; `log` is what CU_JIT_ERROR_LOG_BUFFER shows and names line and instruction.
struct CompileError {
  CUresult code = CUDA_ERROR_INVALID_PTX;
  std::string log;
};

// One kernel parameter in the launch's parameter bytes. Unit: bytes.
struct KernelParameter {
  uint32_t offset = 0;
  uint32_t size = 0;
  uint32_t alignment = 1;
};

struct GlobalVariable {
  std::string name;
  uint64_t address = 0;
  size_t size = 0;  // bytes
  bool constant = false;
  bool managed = false;
};

// A .texref or .surfref of the module. Its handle is what instructions find in the TextureMap.
struct ModuleReference {
  std::string name;
  uint64_t handle = 0;
  bool surface = false;
};

// Where module variables live; the driver implements it and has already added what it returns to the MemoryMap
// (constants too may be written by their address). The machine writes initial values through the returned host
// addresses.
class Storage {
 public:
  enum class Kind { global, constant, managed };
  virtual ~Storage() = default;
  virtual Result<uint64_t, CUresult> allocate(size_t size, size_t alignment, Kind kind) = 0;
  virtual void release(uint64_t address) = 0;
  // A handle for a texture or surface reference. NOT_SUPPORTED: who uses one is refused.
  virtual Result<uint64_t, CUresult> make_reference(bool /*surface*/) { return CUDA_ERROR_NOT_SUPPORTED; }
  virtual void release_reference(uint64_t /*handle*/, bool /*surface*/) {}
};

struct LoadOptions {
  int newest_target = 75;  // as 75; PTX for newer ones is refused
};

class Kernel {
 public:
  struct Attributes {
    uint32_t registers = 16;  // per thread, estimated from the register declarations
    uint32_t static_shared_bytes = 0;
    uint32_t constant_bytes = 0;               // of the module
    uint32_t local_bytes = 0;                  // per thread, of the kernel and what it calls directly
    uint32_t max_threads_per_block = 1024;     // product of maxntid or reqntid when given
    uint32_t required_threads[3] = {0, 0, 0};  // reqntid, zeros when absent
    uint32_t required_cluster[3] = {0, 0, 0};  // reqnctapercluster, zeros when absent
    uint32_t min_blocks_per_multiprocessor = 0;
    uint32_t ptx_version = 0;  // major * 10 + minor
    uint32_t target = 0;       // as 75 for sm_75
  };

  const std::string& name() const { return name_; }
  std::span<const KernelParameter> parameters() const { return parameters_; }
  uint32_t parameter_bytes() const { return parameter_bytes_; }
  const Attributes& attributes() const { return attributes_; }

  // For the machine: code, and what a thread needs.
  const Function& entry() const { return *entry_; }
  const KernelCode& code() const { return *code_; }
  uint32_t stack_bytes() const { return stack_bytes_; }        // local memory per thread, calls of known depth included
  bool needs_call_stack() const { return needs_call_stack_; }  // recursion or indirect calls

 private:
  friend class ProgramState;
  std::string name_;
  std::vector<KernelParameter> parameters_;
  uint32_t parameter_bytes_ = 0;
  Attributes attributes_;
  const Function* entry_ = nullptr;
  const KernelCode* code_ = nullptr;
  uint32_t stack_bytes_ = 0;
  bool needs_call_stack_ = false;
};

class Program {
 public:
  // One PTX text. The storage must outlive the Program, which releases its variables when it ends.
  static Result<std::unique_ptr<Program>, CompileError> load(std::string_view ptx, Storage& storage,
                                                             const LoadOptions& options);
  // Several texts linked into one (cuLink*, relocatable device code): external symbols are resolved across them.
  static Result<std::unique_ptr<Program>, CompileError> load(std::span<const std::string_view> ptx, Storage& storage,
                                                             const LoadOptions& options);
  ~Program();

  // Lowers on first use. CUDA_ERROR_NOT_FOUND: no such kernel. CUDA_ERROR_INVALID_PTX with a log
  // "line N: unsupported instruction 'x.y.z'": it, or what it reaches, uses what this machine lacks.
  Result<const Kernel*, CompileError> get_kernel(std::string_view name);

  // In the order of the text.
  std::span<const std::string> kernel_names() const;
  std::span<const GlobalVariable> globals() const;
  std::span<const ModuleReference> references() const;
  const GlobalVariable* find_global(std::string_view name) const;

 private:
  explicit Program(std::unique_ptr<ProgramState> state);
  std::unique_ptr<ProgramState> state_;
};

}  // namespace vgpu::soft
