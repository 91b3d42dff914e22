// SPDX-License-Identifier: Apache-2.0
// CUDA driver API, "Library Management": cuLibrary*. The code of a library is only looked at when it is first used.
#include <algorithm>

#include "softgpu/driver/jit_options.h"
#include "softgpu/driver/library.h"
#include "softgpu/driver/process.h"
#include "softgpu/driver/stream.h"

using namespace vgpu::soft;

namespace {

CUresult check_library_options(unsigned count, const CUlibraryOption* options, void** values) {
  if (count != 0 && (options == nullptr || values == nullptr)) return CUDA_ERROR_INVALID_VALUE;
  for (unsigned i = 0; i < count; ++i) {
    switch (static_cast<int>(options[i])) {
      case CU_LIBRARY_BINARY_IS_PRESERVED: break;
      case CU_LIBRARY_HOST_UNIVERSAL_FUNCTION_AND_DATA_TABLE:
        // A table asks for host functions in device code, which this device says it lacks.
        if (values[i] != nullptr) return CUDA_ERROR_NOT_SUPPORTED;
        break;
      default: return CUDA_ERROR_INVALID_VALUE;
    }
  }
  return CUDA_SUCCESS;
}

CUresult load_library(CUlibrary* out, vgpu::Result<Ref<CodeImage>, CompileError> image, JitOptions& jit) {
  CUresult bad = CUDA_SUCCESS;
  if (!image) {
    bad = report(image.error());
    jit.add_error(image.error().log);
  }
  const Ref<Library> library = TRY(Library::create(image ? *image : CodeImage::of_texts({}), bad));
  // The log's buffers need not outlive this call, so a caller that wants the log gets the code checked now.
  if ((jit.has_error_log() || !lazy_loading()) && bad == CUDA_SUCCESS) {
    auto kernels = library->kernels();
    if (!kernels) jit.add_error(library->error_log());
  }
  jit.write();
  *out = handle_of(*library);
  return CUDA_SUCCESS;
}

}  // namespace

extern "C" {

CUresult CUDAAPI cuLibraryLoadData(CUlibrary* library, const void* code, CUjit_option* jitOptions,
                                   void** jitOptionsValues, unsigned int numJitOptions, CUlibraryOption* libraryOptions,
                                   void** libraryOptionValues, unsigned int numLibraryOptions) {
  Process* const process = TRY(current_process());
  if (library == nullptr || code == nullptr) return CUDA_ERROR_INVALID_VALUE;
  JitOptions jit = TRY(JitOptions::parse(numJitOptions, jitOptions, jitOptionsValues));
  VGPU_CHECK(check_library_options(numLibraryOptions, libraryOptions, libraryOptionValues));
  return load_library(library, CodeImage::read(code, code_target(*process->find_device(0))), jit);
}

CUresult CUDAAPI cuLibraryLoadFromFile(CUlibrary* library, const char* fileName, CUjit_option* jitOptions,
                                       void** jitOptionsValues, unsigned int numJitOptions,
                                       CUlibraryOption* libraryOptions, void** libraryOptionValues,
                                       unsigned int numLibraryOptions) {
  Process* const process = TRY(current_process());
  if (library == nullptr || fileName == nullptr) return CUDA_ERROR_INVALID_VALUE;
  JitOptions jit = TRY(JitOptions::parse(numJitOptions, jitOptions, jitOptionsValues));
  VGPU_CHECK(check_library_options(numLibraryOptions, libraryOptions, libraryOptionValues));
  auto image = CodeImage::read_file(fileName, code_target(*process->find_device(0)));
  if (!image && image.error().code == CUDA_ERROR_FILE_NOT_FOUND) return CUDA_ERROR_FILE_NOT_FOUND;
  return load_library(library, std::move(image), jit);
}

CUresult CUDAAPI cuLibraryUnload(CUlibrary library) {
  TRY(current_process());
  const Ref<Library> found = TRY(find_library(library));
  VGPU_CHECK(check_unsafe_call());
  // Copies under way may use its variables.
  for (const Ref<Context>& context : found->contexts()) context->wait_for_work();
  found->close();
  return CUDA_SUCCESS;
}

CUresult CUDAAPI cuLibraryGetKernel(CUkernel* pKernel, CUlibrary library, const char* name) {
  TRY(current_process());
  if (pKernel == nullptr || name == nullptr) return CUDA_ERROR_INVALID_VALUE;
  const Ref<Library> found = TRY(find_library(library));
  const Ref<LibraryKernel> kernel = TRY(found->get_kernel(name));
  *pKernel = (CUkernel)handle_of<Callable>(*kernel);
  return CUDA_SUCCESS;
}

CUresult CUDAAPI cuLibraryGetKernelCount(unsigned int* count, CUlibrary lib) {
  TRY(current_process());
  if (count == nullptr) return CUDA_ERROR_INVALID_VALUE;
  const Ref<Library> found = TRY(find_library(lib));
  // Bad code has no kernels; the call that asks for one tells why.
  auto kernels = found->kernels();
  *count = kernels ? static_cast<unsigned>(kernels->size()) : 0;
  return CUDA_SUCCESS;
}

CUresult CUDAAPI cuLibraryEnumerateKernels(CUkernel* kernels, unsigned int numKernels, CUlibrary lib) {
  TRY(current_process());
  if (kernels == nullptr) return CUDA_ERROR_INVALID_VALUE;
  const Ref<Library> found = TRY(find_library(lib));
  auto list = found->kernels();
  const size_t count = list ? std::min<size_t>(numKernels, list->size()) : 0;
  for (size_t i = 0; i < count; ++i) kernels[i] = (CUkernel)handle_of<Callable>(*(*list)[i]);
  return CUDA_SUCCESS;
}

CUresult CUDAAPI cuLibraryGetModule(CUmodule* pMod, CUlibrary library) {
  Context* const context = TRY(current_context());
  if (pMod == nullptr) return CUDA_ERROR_INVALID_VALUE;
  const Ref<Library> found = TRY(find_library(library));
  *pMod = handle_of(*TRY(found->module_in(*context)));
  return CUDA_SUCCESS;
}

CUresult CUDAAPI cuLibraryGetGlobal(CUdeviceptr* dptr, size_t* bytes, CUlibrary library, const char* name) {
  Context* const context = TRY(current_context());
  if (name == nullptr || (dptr == nullptr && bytes == nullptr)) return CUDA_ERROR_INVALID_VALUE;
  const Ref<Library> found = TRY(find_library(library));
  const Ref<Module> module = TRY(found->module_in(*context));
  const GlobalVariable* const variable = module->code()->program().find_global(name);
  if (variable == nullptr) return CUDA_ERROR_NOT_FOUND;
  if (dptr != nullptr) *dptr = variable->address;
  if (bytes != nullptr) *bytes = variable->size;
  return CUDA_SUCCESS;
}

CUresult CUDAAPI cuLibraryGetManaged(CUdeviceptr* dptr, size_t* bytes, CUlibrary library, const char* name) {
  TRY(current_process());
  if (name == nullptr || (dptr == nullptr && bytes == nullptr)) return CUDA_ERROR_INVALID_VALUE;
  const Ref<Library> found = TRY(find_library(library));
  const GlobalVariable variable = TRY(found->get_managed(name));
  if (dptr != nullptr) *dptr = variable.address;
  if (bytes != nullptr) *bytes = variable.size;
  return CUDA_SUCCESS;
}

// The device has no unified function pointers; NVIDIA's driver answers INVALID_VALUE without them, too.
CUresult CUDAAPI cuLibraryGetUnifiedFunction(void** fptr, CUlibrary library, const char* symbol) {
  TRY(current_process());
  if (fptr == nullptr || symbol == nullptr) return CUDA_ERROR_INVALID_VALUE;
  TRY(find_library(library));
  return CUDA_ERROR_INVALID_VALUE;
}

}  // extern "C"
