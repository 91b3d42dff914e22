// SPDX-License-Identifier: Apache-2.0
// Code images: modules, libraries, the linker. Images and logs travel as bytes; the driver's loader does the choosing.
#include "host/worker/hand/jit_options.h"

namespace vgpu::host::hand {

CUresult module_load(Invocation& invocation) {
  JitOptions options;
  Image image;
  if (!options.read(invocation.request) || !read_image(invocation, image) || !invocation.request.complete())
    return invocation.bad_message();
  CUmodule module = nullptr;
  const CUresult status = VGPU_DRIVER(invocation.session.driver, cuModuleLoadDataEx)(
      &module, static_cast<const void*>(image.data), options.count(), options.ids(), options.values());
  invocation.reply.put(status == CUDA_SUCCESS ? invocation.add(Kind::module, value_of(module)) : uint64_t{0});
  options.write(invocation.reply);
  return status;
}

CUresult library_load(Invocation& invocation) {
  JitOptions options;
  Image image;
  if (!options.read(invocation.request) || !read_image(invocation, image) || !invocation.request.complete())
    return invocation.bad_message();
  CUlibrary library = nullptr;
  const CUresult status = VGPU_DRIVER(invocation.session.driver, cuLibraryLoadData)(
      &library, static_cast<const void*>(image.data), options.ids(), options.values(), options.count(),
      static_cast<CUlibraryOption*>(nullptr), static_cast<void**>(nullptr), 0u);
  invocation.reply.put(status == CUDA_SUCCESS ? invocation.add(Kind::library, value_of(library)) : uint64_t{0});
  options.write(invocation.reply);
  return status;
}

CUresult function_name(Invocation& invocation) {
  const auto wire_function = invocation.request.get<uint64_t>();
  if (!invocation.request.complete()) return invocation.bad_message();
  const char* name = nullptr;
  CUresult status = CUDA_SUCCESS;
  if (invocation.command.opcode == api::opcode::cuKernelGetName) {
    CUkernel kernel = nullptr;
    if (!invocation.real(Kind::kernel, wire_function, kernel)) return CUDA_ERROR_INVALID_HANDLE;
    status = VGPU_DRIVER(invocation.session.driver, cuKernelGetName)(&name, kernel);
  } else {
    CUfunction function = nullptr;
    if (!invocation.real(Kind::function, wire_function, function)) return CUDA_ERROR_INVALID_HANDLE;
    status = VGPU_DRIVER(invocation.session.driver, cuFuncGetName)(&name, function);
  }
  if (status == CUDA_SUCCESS) invocation.reply.string(name);
  return status;
}

}  // namespace vgpu::host::hand
