// SPDX-License-Identifier: Apache-2.0
// CUDA driver API, "Module Management": cuModule*.
#include <algorithm>

#include "softgpu/driver/jit_options.h"
#include "softgpu/driver/module.h"
#include "softgpu/driver/process.h"
#include "softgpu/driver/stream.h"

using namespace vgpu::soft;

namespace {

CUresult load_module(CUmodule* out, vgpu::Result<Ref<CodeImage>, CompileError> image, Context& context,
                     JitOptions& options) {
  auto module = [&]() -> vgpu::Result<Ref<Module>, CompileError> {
    const Ref<CodeImage> code = TRY(std::move(image));
    return Module::load(context, *code, nullptr);
  }();
  if (!module) options.add_error(module.error().log);
  options.write();
  if (!module) return report(module.error());
  *out = handle_of(**module);
  return CUDA_SUCCESS;
}

// The handle of a texture or surface reference.
CuResult<uint64_t> find_reference(CUmodule handle, std::string_view name, bool surface) {
  const Ref<Module> module = TRY(find_module(handle));
  for (const ModuleReference& reference : module->code()->program().references())
    if (reference.name == name && reference.surface == surface) return reference.handle;
  return CUDA_ERROR_NOT_FOUND;
}

}  // namespace

extern "C" {

CUresult CUDAAPI cuModuleLoad(CUmodule* module, const char* fname) {
  Context* const context = TRY(current_context());
  if (module == nullptr || fname == nullptr) return CUDA_ERROR_INVALID_VALUE;
  JitOptions none;
  return load_module(module, CodeImage::read_file(fname, code_target(context->device())), *context, none);
}

CUresult CUDAAPI cuModuleLoadData(CUmodule* module, const void* image) {
  return cuModuleLoadDataEx(module, image, 0, nullptr, nullptr);
}

CUresult CUDAAPI cuModuleLoadDataEx(CUmodule* module, const void* image, unsigned int numOptions, CUjit_option* options,
                                    void** optionValues) {
  Context* const context = TRY(current_context());
  if (module == nullptr || image == nullptr) return CUDA_ERROR_INVALID_VALUE;
  JitOptions jit = TRY(JitOptions::parse(numOptions, options, optionValues));
  return load_module(module, CodeImage::read(image, code_target(context->device())), *context, jit);
}

CUresult CUDAAPI cuModuleLoadFatBinary(CUmodule* module, const void* fatCubin) {
  return cuModuleLoadDataEx(module, fatCubin, 0, nullptr, nullptr);
}

CUresult CUDAAPI cuModuleUnload(CUmodule hmod) {
  TRY(current_context());
  VGPU_CHECK(check_unsafe_call());
  const Ref<Module> module = TRY(find_module(hmod));
  if (module->belongs_to_library()) return CUDA_ERROR_NOT_PERMITTED;
  // Copies under way may use the module's variables.
  module->context().wait_for_work();
  module->close(false);
  return CUDA_SUCCESS;
}

CUresult CUDAAPI cuModuleGetLoadingMode(CUmoduleLoadingMode* mode) {
  TRY(current_process());
  if (mode == nullptr) return CUDA_ERROR_INVALID_VALUE;
  *mode = lazy_loading() ? CU_MODULE_LAZY_LOADING : CU_MODULE_EAGER_LOADING;
  return CUDA_SUCCESS;
}

CUresult CUDAAPI cuModuleGetFunction(CUfunction* hfunc, CUmodule hmod, const char* name) {
  TRY(current_context());
  if (hfunc == nullptr || name == nullptr || *name == '\0') return CUDA_ERROR_INVALID_VALUE;
  const Ref<Module> module = TRY(find_module(hmod));
  const Ref<ContextFunction> function = TRY(module->get_function(name));
  TRY(function->kernel());
  *hfunc = handle_of(*function);
  return CUDA_SUCCESS;
}

CUresult CUDAAPI cuModuleGetFunctionCount(unsigned int* count, CUmodule mod) {
  TRY(current_context());
  if (count == nullptr) return CUDA_ERROR_INVALID_VALUE;
  const Ref<Module> module = TRY(find_module(mod));
  *count = static_cast<unsigned>(module->function_names().size());
  return CUDA_SUCCESS;
}

CUresult CUDAAPI cuModuleEnumerateFunctions(CUfunction* functions, unsigned int numFunctions, CUmodule mod) {
  TRY(current_context());
  if (functions == nullptr) return CUDA_ERROR_INVALID_VALUE;
  const Ref<Module> module = TRY(find_module(mod));
  const size_t count = std::min<size_t>(numFunctions, module->function_names().size());
  for (size_t i = 0; i < count; ++i) functions[i] = handle_of(*TRY(module->get_function(i)));
  return CUDA_SUCCESS;
}

CUresult CUDAAPI cuModuleGetGlobal_v2(CUdeviceptr* dptr, size_t* bytes, CUmodule hmod, const char* name) {
  TRY(current_context());
  if (name == nullptr || (dptr == nullptr && bytes == nullptr)) return CUDA_ERROR_INVALID_VALUE;
  const Ref<Module> module = TRY(find_module(hmod));
  const GlobalVariable* const variable = module->code()->program().find_global(name);
  if (variable == nullptr) return CUDA_ERROR_NOT_FOUND;
  if (dptr != nullptr) *dptr = variable->address;
  if (bytes != nullptr) *bytes = variable->size;
  return CUDA_SUCCESS;
}

CUresult CUDAAPI cuModuleGetTexRef(CUtexref* pTexRef, CUmodule hmod, const char* name) {
  TRY(current_context());
  if (pTexRef == nullptr || name == nullptr) return CUDA_ERROR_INVALID_VALUE;
  *pTexRef = reinterpret_cast<CUtexref>(TRY(find_reference(hmod, name, false)));
  return CUDA_SUCCESS;
}

CUresult CUDAAPI cuModuleGetSurfRef(CUsurfref* pSurfRef, CUmodule hmod, const char* name) {
  TRY(current_context());
  if (pSurfRef == nullptr || name == nullptr) return CUDA_ERROR_INVALID_VALUE;
  *pSurfRef = reinterpret_cast<CUsurfref>(TRY(find_reference(hmod, name, true)));
  return CUDA_SUCCESS;
}

}  // extern "C"
