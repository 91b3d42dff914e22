// SPDX-License-Identifier: Apache-2.0
// What programs of one owner share: IPC handles of memory and events, shareable handles of memory and pools. The
// driver's handles stay between workers and daemon; the guest gets a name (wire::SharedName).
// CUDA driver API: Memory Management (IPC), Virtual Memory Management, Stream Ordered Memory Allocator.
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "common/bits.h"
#include "common/soft_share.h"
#include "host/worker/hand/calls.h"

namespace vgpu::host::hand {
namespace {

constexpr auto kFileDescriptor = CU_MEM_HANDLE_TYPE_POSIX_FILE_DESCRIPTOR;
constexpr unsigned long long kNoFlags = 0;

CUresult to_cuda(int error, CUresult unknown) {
  switch (error) {
    case 0: return CUDA_SUCCESS;
    case ENOSPC: return CUDA_ERROR_OUT_OF_MEMORY;
    case ENOENT:
    case EINVAL: return unknown;
    default: return CUDA_ERROR_OPERATING_SYSTEM;
  }
}

// The descriptor of this process that the software GPU's bytes speak of; -1 for NVIDIA's, which speak of none.
int file_of(const Session& session, const wire::SharedObject& object) {
  SoftShare share = {};
  std::memcpy(&share, object.bytes, sizeof share);
  return session.config.software_gpu && share.pid == ::getpid() ? share.file : -1;
}

// Replaces the driver's bytes, 64 of them, by the guest's name of the same object.
template <class T>
CUresult name_object(Invocation& invocation, wire::ShareKind kind, T& handle, uint64_t key) {
  wire::SharedObject object = {};
  object.kind = kind;
  static_assert(sizeof handle == sizeof object.bytes);
  std::memcpy(object.bytes, &handle, sizeof handle);
  const int file = file_of(invocation.session, object);
  wire::SharedName name = {};
  const int error = invocation.session.exports.offer(object, file, key, name);
  std::memset(&handle, 0, sizeof handle);
  std::memcpy(&handle, &name, sizeof name);
  return to_cuda(error, CUDA_ERROR_UNKNOWN);
}

// The other way round. `file` must stay open until the driver has opened the object.
template <class T>
CUresult find_object(Invocation& invocation, wire::ShareKind kind, T& handle, UniqueFd& file, CUresult unknown) {
  wire::SharedName name = {};
  wire::SharedObject object = {};
  static_assert(sizeof handle == sizeof object.bytes);
  std::memcpy(&name, &handle, sizeof name);
  const int error = invocation.session.exports.claim(name, kind, object, file);
  if (error != 0) return to_cuda(error, unknown);
  if (file) {
    SoftShare share = {};
    std::memcpy(&share, object.bytes, sizeof share);
    share.pid = ::getpid();
    share.file = file.get();
    std::memcpy(object.bytes, &share, sizeof share);
  }
  std::memcpy(&handle, object.bytes, sizeof handle);
  return CUDA_SUCCESS;
}

// A row whose first argument points to the driver's 64 bytes of something; `key` says what that is.
template <class T>
CUresult export_bytes(Invocation& invocation, const Call& call, wire::ShareKind kind) {
  RowCall row{call, {}};
  if (const CUresult status = decode_row(invocation, row); status != CUDA_SUCCESS) return status;
  const CUresult status = invocation.session.driver.call(call.opcode, row.arguments.argv);
  if (status != CUDA_SUCCESS) return status;
  const CUresult named = name_object(invocation, kind, *row.argument<T*>(0), row.argument<uint64_t>(1));
  if (named == CUDA_SUCCESS) codec::encode_reply(call, row.arguments, invocation, invocation.reply);
  return named;
}

// A row whose second argument is the guest's name of something.
template <class T>
CUresult open_bytes(Invocation& invocation, const Call& call, wire::ShareKind kind, CUresult unknown) {
  RowCall row{call, {}};
  if (const CUresult status = decode_row(invocation, row); status != CUDA_SUCCESS) return status;
  UniqueFd file;
  const CUresult found = find_object(invocation, kind, row.argument<T>(1), file, unknown);
  return found == CUDA_SUCCESS ? call_row(invocation, row) : found;
}

// Request: u64 handle. Reply: SharedName.
template <class Export>
CUresult export_file(Invocation& invocation, Kind of, wire::ShareKind kind, Export ask_driver) {
  const auto handle = invocation.request.get<uint64_t>();
  if (!invocation.request.complete()) return invocation.bad_message();
  uint64_t real = 0;
  if (!invocation.resolve(of, handle, real)) return CUDA_ERROR_INVALID_VALUE;
  int descriptor = -1;
  if (const CUresult status = ask_driver(&descriptor, real); status != CUDA_SUCCESS) return status;
  const UniqueFd file(descriptor);
  wire::SharedObject object = {};
  object.kind = kind;
  wire::SharedName name = {};
  const int error = invocation.session.exports.offer(object, file.get(), 0, name);
  if (error == 0) invocation.reply.put(name);
  return to_cuda(error, CUDA_ERROR_NOT_SUPPORTED);
}

// Reply: u64 handle. `ask_driver` may keep the file.
template <class Import>
CUresult import_named(Invocation& invocation, const wire::SharedName& name, Kind of, wire::ShareKind kind,
                      CUresult unknown, Import ask_driver) {
  wire::SharedObject object = {};
  UniqueFd file;
  const int error = invocation.session.exports.claim(name, kind, object, file);
  if (error != 0) return to_cuda(error, unknown);
  uint64_t real = 0;
  const CUresult status = ask_driver(real, file);
  if (status == CUDA_SUCCESS) invocation.reply.put(invocation.add(of, real));
  return status;
}

// Request: SharedName. Reply: u64 handle.
template <class Import>
CUresult import_file(Invocation& invocation, Kind of, wire::ShareKind kind, Import ask_driver) {
  const auto name = invocation.request.get<wire::SharedName>();
  if (!invocation.request.complete()) return invocation.bad_message();
  return import_named(invocation, name, of, kind, CUDA_ERROR_INVALID_VALUE, [&](uint64_t& real, const UniqueFd& file) {
    // For this type of handle the pointer is the descriptor.
    return ask_driver(real, from_bits<void*>(static_cast<uint64_t>(file.get())));
  });
}

}  // namespace

CUresult ipc_get_memory(Invocation& invocation) {
  return export_bytes<CUipcMemHandle>(invocation, api::spec::cuIpcGetMemHandle, wire::ShareKind::memory);
}

CUresult ipc_open_memory(Invocation& invocation) {
  return open_bytes<CUipcMemHandle>(invocation, api::spec::cuIpcOpenMemHandle_v2, wire::ShareKind::memory,
                                    CUDA_ERROR_INVALID_VALUE);
}

CUresult ipc_get_event(Invocation& invocation) {
  return export_bytes<CUipcEventHandle>(invocation, api::spec::cuIpcGetEventHandle, wire::ShareKind::event);
}

CUresult ipc_open_event(Invocation& invocation) {
  return open_bytes<CUipcEventHandle>(invocation, api::spec::cuIpcOpenEventHandle, wire::ShareKind::event,
                                      CUDA_ERROR_INVALID_HANDLE);
}

// An exported event has a name, which goes with it.
CUresult event_destroy(Invocation& invocation) {
  RowCall row{api::spec::cuEventDestroy_v2, {}};
  if (const CUresult status = decode_row(invocation, row); status != CUDA_SUCCESS) return status;
  invocation.session.exports.forget(wire::ShareKind::event, row.argument<uint64_t>(0));
  return call_row(invocation, row);
}

CUresult export_memory(Invocation& invocation) {
  const auto ask = VGPU_DRIVER(invocation.session.driver, cuMemExportToShareableHandle);
  return export_file(invocation, Kind::memory, wire::ShareKind::memory_file, [&](int* file, uint64_t real) {
    return ask(file, static_cast<CUmemGenericAllocationHandle>(real), kFileDescriptor, kNoFlags);
  });
}

CUresult import_memory(Invocation& invocation) {
  const auto ask = VGPU_DRIVER(invocation.session.driver, cuMemImportFromShareableHandle);
  return import_file(invocation, Kind::memory, wire::ShareKind::memory_file, [&](uint64_t& real, void* file) {
    CUmemGenericAllocationHandle handle = 0;
    const CUresult status = ask(&handle, file, kFileDescriptor);
    real = handle;
    return status;
  });
}

// Request: wire::ExternalMemory. Reply: u64 handle.
CUresult import_external_memory(Invocation& invocation) {
  const auto what = invocation.request.get<wire::ExternalMemory>();
  if (!invocation.request.complete()) return invocation.bad_message();
  const auto ask_driver = [&](uint64_t& real, UniqueFd& file) {
    CUDA_EXTERNAL_MEMORY_HANDLE_DESC description = {};
    description.type = CU_EXTERNAL_MEMORY_HANDLE_TYPE_OPAQUE_FD;
    description.handle.fd = file.get();
    description.size = what.size;
    description.flags = what.flags;
    CUexternalMemory made = nullptr;
    const CUresult status = VGPU_DRIVER(invocation.session.driver, cuImportExternalMemory)(&made, &description);
    if (status == CUDA_SUCCESS) static_cast<void>(file.release());  // The driver's from now on.
    real = bits_of(made);
    return status;
  };
  return import_named(invocation, what.name, Kind::external_memory, wire::ShareKind::memory_file,
                      CUDA_ERROR_OPERATING_SYSTEM, ask_driver);
}

CUresult export_pool(Invocation& invocation) {
  const auto ask = VGPU_DRIVER(invocation.session.driver, cuMemPoolExportToShareableHandle);
  return export_file(invocation, Kind::memory_pool, wire::ShareKind::pool_file, [&](int* file, uint64_t real) {
    return ask(file, from_bits<CUmemoryPool>(real), kFileDescriptor, kNoFlags);
  });
}

CUresult import_pool(Invocation& invocation) {
  const auto ask = VGPU_DRIVER(invocation.session.driver, cuMemPoolImportFromShareableHandle);
  return import_file(invocation, Kind::memory_pool, wire::ShareKind::pool_file, [&](uint64_t& real, void* file) {
    CUmemoryPool pool = nullptr;
    const CUresult status = ask(&pool, file, kFileDescriptor, kNoFlags);
    real = bits_of(pool);
    return status;
  });
}

CUresult export_pool_pointer(Invocation& invocation) {
  return export_bytes<CUmemPoolPtrExportData>(invocation, api::spec::cuMemPoolExportPointer,
                                              wire::ShareKind::pool_pointer);
}

CUresult import_pool_pointer(Invocation& invocation) {
  RowCall row{api::spec::cuMemPoolImportPointer, {}};
  if (const CUresult status = decode_row(invocation, row); status != CUDA_SUCCESS) return status;
  auto* const data = row.argument<CUmemPoolPtrExportData*>(2);
  if (data == nullptr) return CUDA_ERROR_INVALID_VALUE;
  const CUmemPoolPtrExportData name = *data;
  UniqueFd file;
  if (const CUresult found =
          find_object(invocation, wire::ShareKind::pool_pointer, *data, file, CUDA_ERROR_INVALID_VALUE);
      found != CUDA_SUCCESS)
    return found;
  const CUresult status = invocation.session.driver.call(row.call.opcode, row.arguments.argv);
  *data = name;  // The driver's bytes do not leave the host.
  if (status == CUDA_SUCCESS) codec::encode_reply(row.call, row.arguments, invocation, invocation.reply);
  return status;
}

CUresult withdraw_export(Invocation& invocation) {
  const auto token = invocation.request.get<wire::Token>();
  if (!invocation.request.complete()) return invocation.bad_message();
  invocation.session.exports.withdraw(token);
  return CUDA_SUCCESS;
}

}  // namespace vgpu::host::hand
