// SPDX-License-Identifier: Apache-2.0
// Code images: modules, libraries, the linker. Images and logs travel as bytes; the driver's loader does the choosing.
#include "common/bits.h"
#include "host/worker/hand/jit_options.h"

#include "common/fatbin.h"
#include "host/worker/module_state.h"
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

// With the zero behind it.
std::span<const std::byte> bytes_of(const Image& image) { return {image.data, static_cast<size_t>(image.size) + 1}; }

uint64_t add_code(Invocation& invocation, Kind kind, uint64_t real, const PrintScan::Images& images) {
  const uint64_t wire = invocation.add(kind, real);
  invocation.session.print_scan.add(wire, images);
  return wire;
}

// The image of a module that can be kept, or nothing. Contexts other than primary ones may die without our being told.
// Little text is looked through at once.
std::optional<std::span<const std::byte>> image_to_keep(const CommandCopy& command) {
  const auto image = plain_image(command);
  if (!image || image->size() > KeptModules::kMostBytes ||
      handle::index_of(command.context) >= handle::kPrimaryContexts || may_print(*image) || may_have_variables(*image))
    return std::nullopt;
  return image;
}

// One that was kept, or can be.
uint64_t add_silent_module(Invocation& invocation, uint64_t real) {
  const uint64_t wire = invocation.add(Kind::module, real);
  invocation.session.handles.set_silent(wire);
  return wire;
}

uint64_t add_module(Invocation& invocation, CUmodule module, const PrintScan::Images& images) {
  const auto image = image_to_keep(invocation.command);
  if (!image) return add_code(invocation, Kind::module, bits_of(module), images);
  invocation.session.kept_modules.loaded(invocation.command.context, bits_of(module), *image);
  return add_silent_module(invocation, bits_of(module));
}

}  // namespace

const void* read_code(Invocation& invocation, PrintScan::Images& images) {
  Image image;
  if (!read_image(invocation, image)) return nullptr;
  const auto count = invocation.request.get<uint32_t>();
  if (invocation.request.failed() || count > kMaxContainers) return nullptr;
  if (image.size != 0) images.push_back(bytes_of(image));
  // A header that promises more bytes than came would lead the driver out of the message.
  if (count == 0) return fatbin::locate_image(bytes_of(image)) ? image.data : nullptr;
  std::byte* list = invocation.arena.allocate((size_t{count} + 1) * sizeof(void*));
  std::byte* wrapper_bytes = invocation.arena.allocate(sizeof(Wrapper));
  if (list == nullptr || wrapper_bytes == nullptr) return nullptr;
  for (uint32_t i = 0; i < count; ++i) {
    Image container;
    if (!read_image(invocation, container)) return nullptr;
    images.push_back(bytes_of(container));
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
  if (const uint64_t kept = kept_module(invocation.session, invocation.command); kept != 0) {
    invocation.reply.put(add_silent_module(invocation, kept));
    options.write(invocation.reply);
    return CUDA_SUCCESS;
  }
  if (!options.read(invocation.request)) return invocation.bad_message();
  PrintScan::Images images;
  const void* code = read_code(invocation, images);
  if (code == nullptr || !invocation.request.complete()) return CUDA_ERROR_INVALID_IMAGE;
  CUmodule module = nullptr;
  const auto load = [&] {
    return VGPU_DRIVER(invocation.session.driver, cuModuleLoadDataEx)(&module, code, options.count(), options.ids(),
                                                                      options.values());
  };
  CUresult status = load();
  if (status == CUDA_ERROR_OUT_OF_MEMORY && unload_kept(invocation)) status = load();
  invocation.reply.put(status == CUDA_SUCCESS ? add_module(invocation, module, images) : 0);
  options.write(invocation.reply);
  return status;
}

CUresult library_load(Invocation& invocation) {
  JitOptions options;
  if (!options.read(invocation.request)) return invocation.bad_message();
  PrintScan::Images images;
  const void* code = read_code(invocation, images);
  if (code == nullptr || !invocation.request.complete()) return CUDA_ERROR_INVALID_IMAGE;
  CUlibrary library = nullptr;
  const CUresult status = VGPU_DRIVER(invocation.session.driver, cuLibraryLoadData)(
      &library, code, options.ids(), options.values(), options.count(), static_cast<CUlibraryOption*>(nullptr),
      static_cast<void**>(nullptr), 0u);
  invocation.reply.put(status == CUDA_SUCCESS ? add_code(invocation, Kind::library, bits_of(library), images) : 0);
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
