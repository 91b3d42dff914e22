// SPDX-License-Identifier: Apache-2.0
// Modules, libraries and the linker: code images travel as bytes. CUDA driver API: Module Management, Library
// Management.
#include <algorithm>
#include <cstring>
#include <fstream>
#include <iterator>
#include <map>
#include <mutex>

#include "common/bits.h"
#include "common/fatbin.h"
#include "common/log.h"
#include "libcuda/by_hand.h"
#include "vgpu/hand_wire.h"

namespace vgpu::guest {
namespace {

// The program's log buffers, filled when the answer is there.
struct JitOutputs {
  char* info = nullptr;
  char* error = nullptr;
  size_t info_capacity = 0, error_capacity = 0;
  void** info_size = nullptr;
  void** error_size = nullptr;
  void** wall_time = nullptr;
};

CUresult write_options(codec::Writer& writer, unsigned count, CUjit_option* options, void** values,
                       JitOutputs& outputs) {
  if (count != 0 && (options == nullptr || values == nullptr)) return CUDA_ERROR_INVALID_VALUE;
  // Sizes may follow their buffers, so they are looked up first.
  for (unsigned i = 0; i < count; ++i) {
    if (options[i] == CU_JIT_INFO_LOG_BUFFER) outputs.info = static_cast<char*>(values[i]);
    if (options[i] == CU_JIT_ERROR_LOG_BUFFER) outputs.error = static_cast<char*>(values[i]);
    if (options[i] == CU_JIT_INFO_LOG_BUFFER_SIZE_BYTES) outputs.info_size = &values[i];
    if (options[i] == CU_JIT_ERROR_LOG_BUFFER_SIZE_BYTES) outputs.error_size = &values[i];
    if (options[i] == CU_JIT_WALL_TIME) outputs.wall_time = &values[i];
    // Their values are arrays of pointers.
    if (options[i] == CU_JIT_GLOBAL_SYMBOL_NAMES || options[i] == CU_JIT_GLOBAL_SYMBOL_ADDRESSES)
      return refuse("just-in-time options with global symbols");
  }
  if (outputs.info_size != nullptr) outputs.info_capacity = static_cast<unsigned>(bits_of(*outputs.info_size));
  if (outputs.error_size != nullptr) outputs.error_capacity = static_cast<unsigned>(bits_of(*outputs.error_size));
  writer.put(static_cast<uint32_t>(count));
  for (unsigned i = 0; i < count; ++i) {
    uint64_t value = bits_of(values[i]);
    if (options[i] == CU_JIT_INFO_LOG_BUFFER) value = outputs.info_capacity;
    if (options[i] == CU_JIT_ERROR_LOG_BUFFER) value = outputs.error_capacity;
    writer.put(wire::JitOption{static_cast<uint32_t>(options[i]), 0, value});
  }
  return CUDA_SUCCESS;
}

void store_log(codec::Reader& reader, char* buffer, size_t capacity, void** size) {
  const std::string_view text = reader.string();
  const size_t bytes = std::min(text.size(), capacity);
  if (buffer != nullptr && bytes != 0) std::memcpy(buffer, text.data(), bytes);
  if (buffer != nullptr && bytes < capacity) buffer[bytes] = '\0';
  if (size != nullptr) *size = from_bits<void*>(bytes);
}

void read_outputs(codec::Reader& reader, const JitOutputs& outputs) {
  store_log(reader, outputs.info, outputs.info_capacity, outputs.info_size);
  store_log(reader, outputs.error, outputs.error_capacity, outputs.error_size);
  const auto wall_time = reader.get<float>();
  if (outputs.wall_time != nullptr) std::memcpy(static_cast<void*>(outputs.wall_time), &wall_time, sizeof wall_time);
}

void put_bytes(codec::Writer& writer, std::span<const std::byte> bytes) {
  writer.put(static_cast<uint64_t>(bytes.size()));
  writer.bytes(bytes.data(), bytes.size());
}

// Loads an image of known extent as a module or a library; the answer begins with the new handle.
template <class T>
CUresult load(uint16_t opcode, Kind kind, T* out, const fatbin::Image& image, unsigned count, CUjit_option* options,
              void** values) {
  VGPU_ADMIT(admitted);
  Remote remote(admitted, opcode);
  JitOutputs outputs;
  VGPU_CHECK(write_options(remote.writer(), count, options, values, outputs));
  put_bytes(remote.writer(), image.bytes);
  remote.writer().put(static_cast<uint32_t>(image.prelinked.size()));
  for (const std::span<const std::byte> container : image.prelinked) put_bytes(remote.writer(), container);
  const CUresult status = remote.may_block().call();
  if (remote.reader().left() == 0) return status;
  const auto handle = remote.reader().get<uint64_t>();
  read_outputs(remote.reader(), outputs);
  if (status != CUDA_SUCCESS) return status;
  admitted.process->handles().made(kind, handle);
  std::memcpy(out, &handle, sizeof *out);
  return CUDA_SUCCESS;
}

// Which bytes a program's pointer stands for.
CUresult locate(const void* code, fatbin::Image& image) {
  const std::optional<fatbin::Image> found = fatbin::locate_image(code);
  if (!found || (found->bytes.empty() && found->prelinked.empty())) return CUDA_ERROR_INVALID_IMAGE;
  image = *found;
  return CUDA_SUCCESS;
}

CUresult read_file(const char* path, std::vector<std::byte>& bytes) {
  std::ifstream file(path, std::ios::binary);
  if (!file) return CUDA_ERROR_FILE_NOT_FOUND;
  const std::string content((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
  const auto view = std::as_bytes(std::span(content));
  bytes.assign(view.begin(), view.end());
  bytes.push_back(std::byte{0});  // Text needs its terminator.
  return CUDA_SUCCESS;
}

// The program uses the address of a managed variable itself, so the variable's pages must become its own too,
// or pages of its own must follow them.
CUresult adopt_variable(const Admitted& admitted, CUdeviceptr address, size_t size, const char* name) {
  const uint64_t context = admitted.thread->current() == nullptr ? 0 : admitted.thread->current()->handle();
  const CUresult mirrored = admitted.process->managed_mirror().add(context, address, size);
  if (mirrored != CUDA_ERROR_NOT_SUPPORTED) return mirrored;
  if (Result<void> adopted = admitted.process->host_memory().adopt(address, size); !adopted.ok()) {
    VGPU_WARN("managed variable %s: %s", name, adopted.error().message.c_str());
    return CUDA_ERROR_OPERATING_SYSTEM;
  }
  return CUDA_SUCCESS;
}

// A global's address is one answer in two forms. Managed variables are globals as well.
template <class Owner>
CUresult global(const Call& call, CUdeviceptr* dptr, size_t* bytes, Owner owner, const char* name) {
  VGPU_ADMIT(admitted);
  if (name == nullptr || (dptr == nullptr && bytes == nullptr)) return CUDA_ERROR_INVALID_VALUE;
  CUdeviceptr address = 0;
  size_t size = 0;
  VGPU_CHECK(forward_blocking(admitted, call, &address, &size, owner, name));
  unsigned managed = 0;
  if (by_hand::cuPointerGetAttribute(&managed, CU_POINTER_ATTRIBUTE_IS_MANAGED, address) == CUDA_SUCCESS &&
      managed != 0)
    VGPU_CHECK(adopt_variable(admitted, address, size, name));
  if (dptr != nullptr) *dptr = address;
  if (bytes != nullptr) *bytes = size;
  return CUDA_SUCCESS;
}

}  // namespace

namespace by_hand {

CUresult cuModuleLoadDataEx(CUmodule* module, const void* image, unsigned int numOptions, CUjit_option* options,
                            void** optionValues) {
  VGPU_ADMIT_WITH_CONTEXT(admitted);
  if (module == nullptr || image == nullptr) return CUDA_ERROR_INVALID_VALUE;
  fatbin::Image found;
  VGPU_CHECK(locate(image, found));
  return load(api::opcode::cuModuleLoadDataEx, Kind::module, module, found, numOptions, options, optionValues);
}

CUresult cuModuleLoadData(CUmodule* module, const void* image) {
  return by_hand::cuModuleLoadDataEx(module, image, 0, nullptr, nullptr);
}

CUresult cuModuleLoadFatBinary(CUmodule* module, const void* fatCubin) {
  return by_hand::cuModuleLoadDataEx(module, fatCubin, 0, nullptr, nullptr);
}

CUresult cuModuleLoad(CUmodule* module, const char* fname) {
  VGPU_ADMIT_WITH_CONTEXT(admitted);
  if (module == nullptr || fname == nullptr) return CUDA_ERROR_INVALID_VALUE;
  std::vector<std::byte> image;
  VGPU_CHECK(read_file(fname, image));
  return load(api::opcode::cuModuleLoadDataEx, Kind::module, module, {fatbin::ImageKind::unknown, image, {}}, 0,
              nullptr, nullptr);
}

CUresult cuModuleGetGlobal_v2(CUdeviceptr* dptr, size_t* bytes, CUmodule hmod, const char* name) {
  return global(api::spec::cuModuleGetGlobal_v2, dptr, bytes, hmod, name);
}

CUresult cuModuleGetLoadingMode(CUmoduleLoadingMode* mode) {
  VGPU_ADMIT(admitted);
  if (mode == nullptr) return CUDA_ERROR_INVALID_VALUE;
  const char* wanted = std::getenv("CUDA_MODULE_LOADING");
  *mode = wanted != nullptr && std::strcmp(wanted, "EAGER") == 0 ? CU_MODULE_EAGER_LOADING : CU_MODULE_LAZY_LOADING;
  return CUDA_SUCCESS;
}

CUresult cuLibraryLoadData(CUlibrary* library, const void* code, CUjit_option* jitOptions, void** jitOptionsValues,
                           unsigned int numJitOptions, CUlibraryOption* libraryOptions, void** /*libraryOptionValues*/,
                           unsigned int numLibraryOptions) {
  VGPU_ADMIT(admitted);
  if (library == nullptr || code == nullptr) return CUDA_ERROR_INVALID_VALUE;
  for (unsigned i = 0; i < numLibraryOptions; ++i)
    // That the image stays mapped means nothing to a copy of it; function tables of the host would be pointers.
    if (libraryOptions[i] != CU_LIBRARY_BINARY_IS_PRESERVED) return refuse("cuLibraryLoadData with host tables");
  fatbin::Image found;
  VGPU_CHECK(locate(code, found));
  return load(api::opcode::cuLibraryLoadData, Kind::library, library, found, numJitOptions, jitOptions,
              jitOptionsValues);
}

CUresult cuLibraryLoadFromFile(CUlibrary* library, const char* fileName, CUjit_option* jitOptions,
                               void** jitOptionsValues, unsigned int numJitOptions, CUlibraryOption* /*libraryOptions*/,
                               void** /*libraryOptionValues*/, unsigned int /*numLibraryOptions*/) {
  VGPU_ADMIT(admitted);
  if (library == nullptr || fileName == nullptr) return CUDA_ERROR_INVALID_VALUE;
  std::vector<std::byte> image;
  VGPU_CHECK(read_file(fileName, image));
  return load(api::opcode::cuLibraryLoadData, Kind::library, library, {fatbin::ImageKind::unknown, image, {}},
              numJitOptions, jitOptions, jitOptionsValues);
}

CUresult cuLibraryGetGlobal(CUdeviceptr* dptr, size_t* bytes, CUlibrary library, const char* name) {
  return global(api::spec::cuLibraryGetGlobal, dptr, bytes, library, name);
}

CUresult cuLibraryGetManaged(CUdeviceptr* dptr, size_t* bytes, CUlibrary library, const char* name) {
  VGPU_ADMIT(admitted);
  if (name == nullptr || (dptr == nullptr && bytes == nullptr)) return CUDA_ERROR_INVALID_VALUE;
  CUdeviceptr address = 0;
  size_t size = 0;
  VGPU_CHECK(forward_blocking(admitted, api::spec::cuLibraryGetManaged, &address, &size, library, name));
  VGPU_CHECK(adopt_variable(admitted, address, size, name));
  if (dptr != nullptr) *dptr = address;
  if (bytes != nullptr) *bytes = size;
  return CUDA_SUCCESS;
}

// The address of host code for devices that can call it. The driver says what is wrong with the question.
CUresult cuLibraryGetUnifiedFunction(void** fptr, CUlibrary library, const char* symbol) {
  VGPU_ADMIT(admitted);
  if (fptr == nullptr || symbol == nullptr) return CUDA_ERROR_INVALID_VALUE;
  return forward_blocking(admitted, api::spec::cuLibraryGetUnifiedFunction, fptr, library, symbol);
}

}  // namespace by_hand

namespace {

// The outputs of a link under way, and the image that the program may use until the link is destroyed.
struct Link {
  JitOutputs outputs;
  std::vector<std::byte> image;
};
std::mutex links_mutex;  // guards the map; a link belongs to the thread that works on it
std::map<CUlinkState, Link>& links() {
  static auto* map = new std::map<CUlinkState, Link>;
  return *map;
}

Link* find_link(CUlinkState state) {
  const std::lock_guard lock(links_mutex);
  const auto found = links().find(state);
  return found == links().end() ? nullptr : &found->second;
}

}  // namespace

namespace by_hand {

CUresult cuLinkCreate_v2(unsigned int numOptions, CUjit_option* options, void** optionValues, CUlinkState* stateOut) {
  VGPU_ADMIT_WITH_CONTEXT(admitted);
  if (stateOut == nullptr) return CUDA_ERROR_INVALID_VALUE;
  Remote remote(admitted, api::opcode::cuLinkCreate_v2);
  Link link;
  VGPU_CHECK(write_options(remote.writer(), numOptions, options, optionValues, link.outputs));
  VGPU_CHECK(remote.may_block().call());
  const auto handle = remote.reader().get<uint64_t>();
  if (!remote.reader().complete()) return CUDA_ERROR_UNKNOWN;
  std::memcpy(stateOut, &handle, sizeof *stateOut);
  const std::lock_guard lock(links_mutex);
  links()[*stateOut] = std::move(link);
  return CUDA_SUCCESS;
}

CUresult cuLinkCreate(unsigned int numOptions, CUjit_option* options, void** optionValues, CUlinkState* stateOut) {
  return by_hand::cuLinkCreate_v2(numOptions, options, optionValues, stateOut);
}

CUresult cuLinkAddData_v2(CUlinkState state, CUjitInputType type, void* data, size_t size, const char* name,
                          unsigned int numOptions, CUjit_option* options, void** optionValues) {
  VGPU_ADMIT_WITH_CONTEXT(admitted);
  if (data == nullptr || size == 0) return CUDA_ERROR_INVALID_VALUE;
  Link* link = find_link(state);
  if (link == nullptr) return CUDA_ERROR_INVALID_HANDLE;
  const uint64_t handle = bits_of(state);
  Remote remote(admitted, api::opcode::cuLinkAddData_v2);
  remote.writer().put(handle);
  remote.writer().put(static_cast<uint32_t>(type));
  remote.writer().string(name == nullptr ? "" : name);
  JitOutputs ignored;
  VGPU_CHECK(write_options(remote.writer(), numOptions, options, optionValues, ignored));
  remote.writer().put(static_cast<uint64_t>(size));
  remote.writer().bytes(data, size);
  const CUresult status = remote.may_block().call();
  if (remote.reader().left() != 0) read_outputs(remote.reader(), link->outputs);
  return status;
}

CUresult cuLinkAddData(CUlinkState state, CUjitInputType type, void* data, size_t size, const char* name,
                       unsigned int numOptions, CUjit_option* options, void** optionValues) {
  return by_hand::cuLinkAddData_v2(state, type, data, size, name, numOptions, options, optionValues);
}

CUresult cuLinkAddFile_v2(CUlinkState state, CUjitInputType type, const char* path, unsigned int numOptions,
                          CUjit_option* options, void** optionValues) {
  if (path == nullptr) return CUDA_ERROR_INVALID_VALUE;
  std::vector<std::byte> image;
  VGPU_CHECK(read_file(path, image));
  return by_hand::cuLinkAddData_v2(state, type, image.data(), image.size(), path, numOptions, options, optionValues);
}

CUresult cuLinkAddFile(CUlinkState state, CUjitInputType type, const char* path, unsigned int numOptions,
                       CUjit_option* options, void** optionValues) {
  return by_hand::cuLinkAddFile_v2(state, type, path, numOptions, options, optionValues);
}

CUresult cuLinkComplete(CUlinkState state, void** cubinOut, size_t* sizeOut) {
  VGPU_ADMIT_WITH_CONTEXT(admitted);
  if (cubinOut == nullptr) return CUDA_ERROR_INVALID_VALUE;
  Link* link = find_link(state);
  if (link == nullptr) return CUDA_ERROR_INVALID_HANDLE;
  const uint64_t handle = bits_of(state);
  Remote remote(admitted, api::opcode::cuLinkComplete);
  remote.writer().put(handle);
  const CUresult status = remote.may_block().call();
  if (remote.reader().left() == 0) return status == CUDA_SUCCESS ? CUDA_ERROR_UNKNOWN : status;
  read_outputs(remote.reader(), link->outputs);
  const auto size = remote.reader().get<uint64_t>();
  const std::byte* image = remote.reader().take(size);
  if (status != CUDA_SUCCESS) return status;
  if (image == nullptr) return CUDA_ERROR_UNKNOWN;
  link->image.assign(image, image + size);
  *cubinOut = link->image.data();
  if (sizeOut != nullptr) *sizeOut = link->image.size();
  return CUDA_SUCCESS;
}

CUresult cuLinkDestroy(CUlinkState state) {
  VGPU_ADMIT(admitted);
  VGPU_CHECK(forward_blocking(admitted, api::spec::cuLinkDestroy, state));
  const std::lock_guard lock(links_mutex);
  links().erase(state);
  return CUDA_SUCCESS;
}

}  // namespace by_hand
}  // namespace vgpu::guest
