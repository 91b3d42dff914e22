// SPDX-License-Identifier: Apache-2.0
#include "softgpu/driver/library.h"

#include <algorithm>
#include <cstring>

#include "softgpu/driver/address_space.h"
#include "softgpu/driver/host_storage.h"
#include "softgpu/driver/module_storage.h"
#include "softgpu/driver/process.h"
#include "softgpu/driver/thread_state.h"

namespace vgpu::soft {

// The library's managed variables, in the order in which a program declares them. They exist once: each further copy
// of the code gets the same addresses, and must not initialise them again.
class Library::ManagedVariables final : public RefCounted {
 public:
  ~ManagedVariables() override {
    for (const Block& block : blocks_) Process::get()->memory().release(block.address, {RegionKind::managed});
  }

  CuResult<uint64_t> get(size_t index, size_t size, size_t alignment) {
    const std::lock_guard lock(mutex_);
    if (index < blocks_.size()) return blocks_[index].address;
    Region region;
    region.size = size;
    region.kind = RegionKind::managed;
    region.flags = CU_MEM_ATTACH_GLOBAL;
    const Region made = TRY(Process::get()->memory().allocate(region, alignment));
    blocks_.push_back({made.begin, size});
    return made.begin;
  }

  // What the variables hold now, to be put back after another copy of the code has been loaded.
  std::vector<std::byte> save() {
    const std::lock_guard lock(mutex_);
    std::vector<std::byte> bytes;
    for (const Block& block : blocks_) {
      // SAFETY: managed memory is memory of this process.
      const std::byte* const begin = (const std::byte*)block.address;
      bytes.insert(bytes.end(), begin, begin + block.size);
    }
    return bytes;
  }
  void restore(const std::vector<std::byte>& bytes) {
    const std::lock_guard lock(mutex_);
    size_t offset = 0;
    for (const Block& block : blocks_) {
      if (offset + block.size > bytes.size()) return;
      // SAFETY: as in save().
      std::memcpy((void*)block.address, bytes.data() + offset, block.size);
      offset += block.size;
    }
  }

 private:
  struct Block {
    uint64_t address;
    size_t size;
  };
  std::mutex mutex_;  // guards blocks_
  std::vector<Block> blocks_;
};

// Variables of one copy: the managed ones are the library's, the others belong to the context, or for a detached copy,
// which never runs, to plain memory.
class Library::CopyStorage final : public Storage {
 public:
  CopyStorage(Ref<ManagedVariables> managed, std::unique_ptr<Storage> own)
      : managed_(std::move(managed)), own_(std::move(own)) {}
  Result<uint64_t, CUresult> allocate(size_t size, size_t alignment, Kind kind) override {
    if (kind != Kind::managed) return own_->allocate(size, alignment, kind);
    const uint64_t address = TRY(managed_->get(next_managed_++, size, alignment));
    shared_.push_back(address);
    return address;
  }
  void release(uint64_t address) override {
    if (std::find(shared_.begin(), shared_.end(), address) == shared_.end()) own_->release(address);
  }
  Result<uint64_t, CUresult> make_reference(bool surface) override { return own_->make_reference(surface); }
  void release_reference(uint64_t handle, bool surface) override { own_->release_reference(handle, surface); }

 private:
  const Ref<ManagedVariables> managed_;
  const std::unique_ptr<Storage> own_;
  size_t next_managed_ = 0;
  std::vector<uint64_t> shared_;
};

Library::Library(Ref<CodeImage> code, CUresult bad)
    : Object(Kind::library), code_(std::move(code)), managed_(make_ref<ManagedVariables>()), bad_(bad) {}

Library::~Library() = default;

CuResult<Ref<Library>> Library::create(Ref<CodeImage> code, CUresult bad) {
  Ref<Library> library(new Library(std::move(code), bad));
  if (publish(library) == 0) return CUDA_ERROR_OUT_OF_MEMORY;
  return library;
}

std::unique_ptr<Storage> Library::storage_for(Context& context) {
  return std::make_unique<CopyStorage>(managed_, std::make_unique<ModuleStorage>(context));
}

CUresult Library::fail_locked(const CompileError& error) {
  bad_ = report(error);
  error_log_ = error.log;
  return bad_;
}

CuResult<Ref<Module>> Library::module_in(Context& context) {
  const auto find_instance = [&]() -> Ref<Module> {
    const std::lock_guard lock(mutex_);
    for (const Instance& instance : instances_)
      if (instance.context == &context) return instance.module;
    return {};
  };
  if (Ref<Module> module = find_instance()) return module;
  const std::lock_guard load_lock(load_mutex_);
  if (Ref<Module> module = find_instance()) return module;
  if (bad_ != CUDA_SUCCESS) return bad_;
  const std::vector<std::byte> managed = managed_->save();
  auto loaded = Module::load(context, *code_, this);
  managed_->restore(managed);
  if (!loaded) {
    if (loaded.error().code == CUDA_ERROR_OUT_OF_MEMORY) return report(loaded.error());
    return fail_locked(loaded.error());
  }
  const std::lock_guard lock(mutex_);
  if (closed_) return CUDA_ERROR_INVALID_HANDLE;
  instances_.push_back({&context, *loaded});
  return *loaded;
}

CuResult<Ref<LoadedCode>> Library::any_code_locked() {
  if (bad_ != CUDA_SUCCESS) return bad_;
  {
    const std::lock_guard lock(mutex_);
    if (!instances_.empty()) return instances_.front().module->code();
  }
  if (!detached_) {
    const std::vector<std::byte> managed = managed_->save();
    Context& nowhere = Process::get()->find_device(0)->primary();
    auto loaded = LoadedCode::load(nowhere, code_->texts(),
                                   std::make_unique<CopyStorage>(managed_, std::make_unique<HostStorage>()));
    managed_->restore(managed);
    if (!loaded) return fail_locked(loaded.error());
    detached_ = *std::move(loaded);
  }
  return detached_;
}

CUresult Library::list_kernels_locked() {
  if (listed_) return CUDA_SUCCESS;
  const Ref<LoadedCode> code = TRY(any_code_locked());
  const std::lock_guard lock(mutex_);
  if (closed_) return CUDA_ERROR_INVALID_HANDLE;
  for (const std::string& name : code->program().kernel_names()) {
    Ref<LibraryKernel> kernel = make_ref<LibraryKernel>(*this, name, Process::get()->device_count());
    if (publish(kernel) == 0) return CUDA_ERROR_OUT_OF_MEMORY;
    index_.emplace(kernel->name(), kernels_.size());
    kernels_.push_back(std::move(kernel));
  }
  listed_ = true;
  return CUDA_SUCCESS;
}

CuResult<Ref<LibraryKernel>> Library::get_kernel(std::string_view name) {
  // The kernel is about to be used in the current context: loading it there saves a detached copy.
  const auto& contexts = thread_state().contexts;
  if (!contexts.empty() && contexts.back()->check() == CUDA_SUCCESS) TRY(module_in(*contexts.back()));
  const std::lock_guard load_lock(load_mutex_);
  VGPU_CHECK(list_kernels_locked());
  const std::lock_guard lock(mutex_);
  const auto found = index_.find(name);
  if (found == index_.end()) return CUDA_ERROR_NOT_FOUND;
  return kernels_[found->second];
}

CuResult<std::vector<Ref<LibraryKernel>>> Library::kernels() {
  const std::lock_guard load_lock(load_mutex_);
  VGPU_CHECK(list_kernels_locked());
  const std::lock_guard lock(mutex_);
  return kernels_;
}

Ref<LibraryKernel> Library::find_listed(const std::string& name) {
  const std::lock_guard lock(mutex_);
  const auto found = index_.find(name);
  return found == index_.end() ? Ref<LibraryKernel>() : kernels_[found->second];
}

CuResult<GlobalVariable> Library::get_managed(std::string_view name) {
  const std::lock_guard load_lock(load_mutex_);
  const Ref<LoadedCode> code = TRY(any_code_locked());
  const GlobalVariable* const variable = code->program().find_global(name);
  if (variable == nullptr || !variable->managed) return CUDA_ERROR_NOT_FOUND;
  return *variable;
}

CuResult<Ref<ContextFunction>> Library::function_anywhere(const std::string& name) {
  const std::lock_guard load_lock(load_mutex_);
  return make_ref<ContextFunction>(TRY(any_code_locked()), name, uint64_t{0}, Ref<FunctionSettings>());
}

std::string Library::error_log() {
  const std::lock_guard load_lock(load_mutex_);
  return error_log_;
}

std::vector<Ref<Context>> Library::contexts() {
  std::vector<Ref<Context>> result;
  const std::lock_guard lock(mutex_);
  for (const Instance& instance : instances_) result.emplace_back(instance.context);
  return result;
}

void Library::close() {
  std::vector<Instance> instances;
  std::vector<Ref<LibraryKernel>> kernels;
  {
    const std::lock_guard lock(mutex_);
    if (std::exchange(closed_, true)) return;
    instances = std::move(instances_);
    kernels = std::move(kernels_);
    index_.clear();
  }
  retire(handle_value(), Kind::library);
  for (const Ref<LibraryKernel>& kernel : kernels) {
    retire(kernel->handle_value(), Kind::function);
    kernel->close();
  }
  for (const Instance& instance : instances) instance.module->close(false);
}

void Library::forget(Context& context) {
  Ref<Module> module;  // released after the lock
  std::vector<Ref<LibraryKernel>> kernels;
  {
    const std::lock_guard lock(mutex_);
    for (Instance& instance : instances_)
      if (instance.context == &context) module = std::move(instance.module);
    std::erase_if(instances_, [&](const Instance& instance) { return instance.context == &context; });
    kernels = kernels_;
  }
  for (const Ref<LibraryKernel>& kernel : kernels) kernel->forget(context);
}

CuResult<Ref<Library>> find_library(CUlibrary handle) {
  Ref<Library> library = find<Library>(handle);
  if (!library) return CUDA_ERROR_INVALID_HANDLE;
  return library;
}

}  // namespace vgpu::soft
