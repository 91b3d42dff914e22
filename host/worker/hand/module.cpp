// SPDX-License-Identifier: Apache-2.0
// Code images: modules, libraries, the linker. Images and logs travel as bytes; the driver's loader does the choosing.
#include "common/bits.h"
#include "host/worker/hand/jit_options.h"

#include "common/fatbin.h"
#include "host/worker/printing.h"

namespace vgpu::host::hand {
namespace {

constexpr uint32_t kMaxContainers = 65536;

// .nvFatBinSegment, version 2: the linked container and a NULL-terminated list of what it was linked from.
struct Wrapper {
  uint32_t magic;
  uint32_t version;
  const void* data;
  const void* const* prelinked;
};

// An empty container, for programs that carry nothing but PTX.
struct EmptyContainer {
  uint32_t magic = fatbin::kContainerMagic;
  uint16_t version = 1;
  uint16_t header_bytes = 16;
  uint64_t bytes = 0;
};
constexpr EmptyContainer kEmptyContainer;

bool may_print(const Image& image) { return host::may_print({image.data, static_cast<size_t>(image.size) + 1}); }

uint64_t add_code(Invocation& invocation, Kind kind, uint64_t real, bool prints) {
  const uint64_t wire = invocation.add(kind, real);
  if (!prints) invocation.session.handles.set_silent(wire);
  return wire;
}

}  // namespace

const void* read_code(Invocation& invocation, bool& prints) {
  Image image;
  if (!read_image(invocation, image)) return nullptr;
  const auto count = invocation.request.get<uint32_t>();
  if (invocation.request.failed() || count > kMaxContainers) return nullptr;
  prints = image.size == 0 ? count == 0 : may_print(image);
  if (count == 0) {
    // A header that promises more bytes than came would lead the driver out of the message.
    const std::span<const std::byte> bytes(image.data, static_cast<size_t>(image.size) + 1);
    return fatbin::locate_image(bytes) ? image.data : nullptr;
  }
  std::byte* list = invocation.arena.allocate((size_t{count} + 1) * sizeof(void*));
  std::byte* wrapper_bytes = invocation.arena.allocate(sizeof(Wrapper));
  if (list == nullptr || wrapper_bytes == nullptr) return nullptr;
  for (uint32_t i = 0; i < count; ++i) {
    Image container;
    if (!read_image(invocation, container)) return nullptr;
    prints = prints || may_print(container);
    std::memcpy(list + i * sizeof(void*), &container.data, sizeof container.data);
  }
  // SAFETY: arena memory is zeroed and aligned for pointers; the list was filled with count of them.
  const Wrapper wrapper = {fatbin::kWrapperMagic, 2,
                           image.size == 0 ? static_cast<const void*>(&kEmptyContainer) : image.data,
                           reinterpret_cast<const void* const*>(list)};
  std::memcpy(wrapper_bytes, &wrapper, sizeof wrapper);
  return wrapper_bytes;
}

CUresult module_load(Invocation& invocation) {
  JitOptions options;
  if (!options.read(invocation.request)) return invocation.bad_message();
  bool prints = true;
  const void* code = read_code(invocation, prints);
  if (code == nullptr || !invocation.request.complete()) return CUDA_ERROR_INVALID_IMAGE;
  CUmodule module = nullptr;
  const CUresult status = VGPU_DRIVER(invocation.session.driver, cuModuleLoadDataEx)(&module, code, options.count(),
                                                                                     options.ids(), options.values());
  invocation.reply.put(status == CUDA_SUCCESS ? add_code(invocation, Kind::module, bits_of(module), prints) : 0);
  options.write(invocation.reply);
  return status;
}

CUresult library_load(Invocation& invocation) {
  JitOptions options;
  if (!options.read(invocation.request)) return invocation.bad_message();
  bool prints = true;
  const void* code = read_code(invocation, prints);
  if (code == nullptr || !invocation.request.complete()) return CUDA_ERROR_INVALID_IMAGE;
  CUlibrary library = nullptr;
  const CUresult status = VGPU_DRIVER(invocation.session.driver, cuLibraryLoadData)(
      &library, code, options.ids(), options.values(), options.count(), static_cast<CUlibraryOption*>(nullptr),
      static_cast<void**>(nullptr), 0u);
  invocation.reply.put(status == CUDA_SUCCESS ? add_code(invocation, Kind::library, bits_of(library), prints) : 0);
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

// cuLibraryGetUnifiedFunction: (fptr, library, symbol). Where a device has such functions, this one is code of this
// process: the guest has no use for its address and should not know it.
CUresult unified_function(Invocation& invocation) {
  RowCall row{api::spec::cuLibraryGetUnifiedFunction, {}};
  if (const CUresult status = decode_row(invocation, row); status != CUDA_SUCCESS) return status;
  void* code = nullptr;
  row.argument<void**>(0) = &code;
  const CUresult status = invocation.session.driver.call(row.call.opcode, row.arguments.argv);
  return status == CUDA_SUCCESS ? CUDA_ERROR_NOT_SUPPORTED : status;
}

}  // namespace vgpu::host::hand
