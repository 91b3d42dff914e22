// SPDX-License-Identifier: Apache-2.0
// Link, and CUDA driver API, "Module Management": cuLink*.
#include "softgpu/driver/link.h"

#include "softgpu/driver/code_image.h"
#include "softgpu/driver/host_storage.h"
#include "softgpu/driver/module.h"
#include "softgpu/ptx/parser.h"

namespace vgpu::soft {

CUresult Link::fail(CUresult code, const std::string& message) {
  failed_ = true;
  options_.add_error(message);
  options_.write();
  return code;
}

CUresult Link::add_text(std::string text, const char* name) {
  // PTX may come with its terminating NUL.
  while (!text.empty() && text.back() == '\0') text.pop_back();
  auto module = ptx::parse(text);
  if (!module) return fail(module.error().code, std::string(name) + ": " + module.error().message);
  texts_.push_back(std::move(text));
  return CUDA_SUCCESS;
}

CUresult Link::add(CUjitInputType type, std::span<const std::byte> data, const char* name) {
  const std::lock_guard lock(mutex_);
  if (failed_) return CUDA_ERROR_UNKNOWN;
  if (name == nullptr) name = "<unnamed input>";
  if (type == CU_JIT_INPUT_PTX) return add_text({reinterpret_cast<const char*>(data.data()), data.size()}, name);
  auto image = CodeImage::read(data, target_);
  if (!image) return fail(image.error().code, std::string(name) + ": " + image.error().log);
  for (const std::string_view text : (*image)->texts()) VGPU_CHECK(add_text(std::string(text), name));
  return CUDA_SUCCESS;
}

CUresult Link::complete(std::span<std::byte>* image) {
  const std::lock_guard lock(mutex_);
  if (failed_) return CUDA_ERROR_UNKNOWN;
  if (image_.empty()) {
    if (!texts_.empty()) {
      const std::vector<std::string_view> views(texts_.begin(), texts_.end());
      HostStorage storage;
      LoadOptions options;
      options.newest_target = target_.newest();
      auto program = Program::load(views, storage, options);
      // NVIDIA's driver reports every failed link in this way; what went wrong is in the log.
      if (!program) return fail(CUDA_ERROR_UNKNOWN, program.error().log);
      // A call of a function that nobody defines shows when its caller is lowered.
      for (const std::string& kernel : (*program)->kernel_names())
        if (auto lowered = (*program)->get_kernel(kernel); !lowered)
          return fail(CUDA_ERROR_UNKNOWN, lowered.error().log);
    }
    image_ = CodeImage::link_image(texts_, target_.capability);
  }
  options_.write();
  *image = image_;
  return CUDA_SUCCESS;
}

namespace {

CuResult<Ref<Link>> find_link(CUlinkState handle) {
  TRY(current_context());
  Ref<Link> link = find<Link>(handle);
  if (!link) return CUDA_ERROR_INVALID_HANDLE;
  return link;
}

CUresult create_link(unsigned count, CUjit_option* options, void** values, CUlinkState* out) {
  Context* const context = TRY(current_context());
  if (out == nullptr) return CUDA_ERROR_INVALID_VALUE;
  JitOptions jit = TRY(JitOptions::parse(count, options, values));
  const Ref<Link> link = make_ref<Link>(std::move(jit), code_target(context->device()));
  if (publish(link) == 0) return CUDA_ERROR_OUT_OF_MEMORY;
  *out = handle_of(*link);
  return CUDA_SUCCESS;
}

bool is_input(CUjitInputType type) { return type >= CU_JIT_INPUT_CUBIN && type < CU_JIT_NUM_INPUT_TYPES; }

CUresult add_data(CUlinkState state, CUjitInputType type, const void* data, size_t size, const char* name,
                  unsigned count, CUjit_option* options, void** values) {
  const Ref<Link> link = TRY(find_link(state));
  if (data == nullptr || size == 0 || !is_input(type)) return CUDA_ERROR_INVALID_VALUE;
  TRY(JitOptions::parse(count, options, values));
  return link->add(type, {static_cast<const std::byte*>(data), size}, name);
}

CUresult add_file(CUlinkState state, CUjitInputType type, const char* path, unsigned count, CUjit_option* options,
                  void** values) {
  const Ref<Link> link = TRY(find_link(state));
  if (path == nullptr || !is_input(type)) return CUDA_ERROR_INVALID_VALUE;
  TRY(JitOptions::parse(count, options, values));
  const std::vector<std::byte> bytes = TRY(read_code_file(path));
  return link->add(type, bytes, path);
}

}  // namespace
}  // namespace vgpu::soft

using namespace vgpu::soft;

extern "C" {

CUresult CUDAAPI cuLinkCreate_v2(unsigned int numOptions, CUjit_option* options, void** optionValues,
                                 CUlinkState* stateOut) {
  return create_link(numOptions, options, optionValues, stateOut);
}
CUresult CUDAAPI cuLinkCreate(unsigned int numOptions, CUjit_option* options, void** optionValues,
                              CUlinkState* stateOut) {
  return create_link(numOptions, options, optionValues, stateOut);
}

CUresult CUDAAPI cuLinkAddData_v2(CUlinkState state, CUjitInputType type, void* data, size_t size, const char* name,
                                  unsigned int numOptions, CUjit_option* options, void** optionValues) {
  return add_data(state, type, data, size, name, numOptions, options, optionValues);
}
CUresult CUDAAPI cuLinkAddData(CUlinkState state, CUjitInputType type, void* data, size_t size, const char* name,
                               unsigned int numOptions, CUjit_option* options, void** optionValues) {
  return add_data(state, type, data, size, name, numOptions, options, optionValues);
}

CUresult CUDAAPI cuLinkAddFile_v2(CUlinkState state, CUjitInputType type, const char* path, unsigned int numOptions,
                                  CUjit_option* options, void** optionValues) {
  return add_file(state, type, path, numOptions, options, optionValues);
}
CUresult CUDAAPI cuLinkAddFile(CUlinkState state, CUjitInputType type, const char* path, unsigned int numOptions,
                               CUjit_option* options, void** optionValues) {
  return add_file(state, type, path, numOptions, options, optionValues);
}

CUresult CUDAAPI cuLinkComplete(CUlinkState state, void** cubinOut, size_t* sizeOut) {
  const Ref<Link> link = TRY(find_link(state));
  if (cubinOut == nullptr) return CUDA_ERROR_INVALID_VALUE;
  std::span<std::byte> image;
  VGPU_CHECK(link->complete(&image));
  *cubinOut = image.data();
  if (sizeOut != nullptr) *sizeOut = image.size();
  return CUDA_SUCCESS;
}

CUresult CUDAAPI cuLinkDestroy(CUlinkState state) {
  const Ref<Link> link = TRY(find_link(state));
  return retire(link) ? CUDA_SUCCESS : CUDA_ERROR_INVALID_HANDLE;
}

}  // extern "C"
