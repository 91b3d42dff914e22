// SPDX-License-Identifier: Apache-2.0
// Managed variables: the program uses their addresses itself. Where the driver's managed memory is plain memory of this
// process, the guest takes over its pages; where it belongs to the driver (UVM), the guest keeps a copy and exchanges
// what changed (libcuda/managed_mirror.h). CUDA driver API: Library Management, Module Management.
#include <sys/mman.h>

#include <cstring>

#include "common/bits.h"
#include "common/pages.h"
#include "host/worker/hand/calls.h"

namespace vgpu::host::hand {
namespace {

CUresult ask_managed(const Invocation& invocation, CUdeviceptr address, bool& managed) {
  unsigned answer = 0;
  const CUresult status =
      VGPU_DRIVER(invocation.session.driver, cuPointerGetAttribute)(&answer, CU_POINTER_ATTRIBUTE_IS_MANAGED, address);
  managed = status == CUDA_SUCCESS && answer != 0;
  return status;
}

bool is_managed(const Invocation& invocation, CUdeviceptr address) {
  bool managed = false;
  static_cast<void>(ask_managed(invocation, address, managed));
  return managed;
}

// Whether this process may touch managed memory while any of the devices works. CUDA programming guide: Coherency and
// Concurrency. Variables are found without a current context, too.
bool is_concurrent(const Driver& driver) {
  int devices = 0;
  if (VGPU_DRIVER(driver, cuDeviceGetCount)(&devices) != CUDA_SUCCESS || devices == 0) return false;
  for (int i = 0; i < devices; ++i) {
    CUdevice device = 0;
    int concurrent = 0;
    if (VGPU_DRIVER(driver, cuDeviceGet)(&device, i) != CUDA_SUCCESS ||
        VGPU_DRIVER(driver, cuDeviceGetAttribute)(&concurrent, CU_DEVICE_ATTRIBUTE_CONCURRENT_MANAGED_ACCESS, device) !=
            CUDA_SUCCESS ||
        concurrent == 0)
      return false;
  }
  return true;
}

// The guest may share the variable that the row found.
CUresult permit(Invocation& invocation, const RowCall& row) {
  const auto* address = row.argument<CUdeviceptr*>(0);
  const auto* bytes = row.argument<size_t*>(1);
  if (address == nullptr || bytes == nullptr) return CUDA_SUCCESS;
  if (!invocation.session.config.software_gpu) {
    if (!is_concurrent(invocation.session.driver)) return CUDA_ERROR_NOT_SUPPORTED;
    invocation.session.managed_pages.add(*address, *bytes);
    return CUDA_SUCCESS;
  }
  const uint64_t first = page_down(*address);
  invocation.session.shared.permit_adoption(first, page_up(*address + *bytes) - first);
  return CUDA_SUCCESS;
}

bool are_mapped(uint64_t address, uint64_t bytes) {
  const uint64_t first = page_down(address);
  return ::msync(from_bits<void*>(first), bytes + (address - first), MS_ASYNC) == 0;
}

// The variable is there still: its module may be gone, and its context.
CUresult check(const Invocation& invocation, uint64_t variable, uint64_t address, uint64_t bytes) {
  const Session& session = invocation.session;
  if (!session.managed_pages.contains(variable, 1) || !session.managed_pages.contains(address, bytes))
    return CUDA_ERROR_INVALID_VALUE;
  bool managed = false;
  const CUresult status = ask_managed(invocation, variable, managed);
  // A thread without a context cannot ask the driver: then the kernel knows whether anything is there.
  if (status == CUDA_ERROR_INVALID_CONTEXT) managed = are_mapped(address, bytes);
  return managed ? CUDA_SUCCESS : CUDA_ERROR_NOT_FOUND;
}

}  // namespace

CUresult managed_variable(Invocation& invocation) {
  RowCall row{api::spec::cuLibraryGetManaged, {}};
  if (const CUresult status = decode_row(invocation, row); status != CUDA_SUCCESS) return status;
  const CUresult status = call_row(invocation, row);
  return status == CUDA_SUCCESS ? permit(invocation, row) : status;
}

// cuModuleGetGlobal_v2 and cuLibraryGetGlobal find managed variables, too: NVIDIA's runtime 12.4 asks so.
CUresult global_variable(Invocation& invocation) {
  const bool of_module = invocation.command.opcode == api::opcode::cuModuleGetGlobal_v2;
  RowCall row{of_module ? api::spec::cuModuleGetGlobal_v2 : api::spec::cuLibraryGetGlobal, {}};
  if (const CUresult status = decode_row(invocation, row); status != CUDA_SUCCESS) return status;
  const CUresult status = call_row(invocation, row);
  const auto* address = row.argument<CUdeviceptr*>(0);
  if (status != CUDA_SUCCESS || address == nullptr || !is_managed(invocation, *address)) return status;
  return permit(invocation, row);
}

CUresult managed_read(Invocation& invocation) {
  const auto variable = invocation.request.get<uint64_t>();
  const auto address = invocation.request.get<uint64_t>();
  const auto bytes = invocation.request.get<uint64_t>();
  if (!invocation.request.complete()) return invocation.bad_message();
  if (invocation.session.config.software_gpu) return CUDA_ERROR_NOT_SUPPORTED;
  if (const CUresult status = check(invocation, variable, address, bytes); status != CUDA_SUCCESS) return status;
  // SAFETY: pages of a variable that the driver has just called managed.
  invocation.reply.bytes(from_bits<const void*>(address), bytes);
  return CUDA_SUCCESS;
}

CUresult managed_write(Invocation& invocation) {
  const auto variable = invocation.request.get<uint64_t>();
  if (invocation.request.failed()) return invocation.bad_message();
  while (invocation.request.left() != 0) {
    const auto address = invocation.request.get<uint64_t>();
    const auto count = invocation.request.get<uint64_t>();
    const std::byte* data = invocation.request.take(count);
    if (data == nullptr) return invocation.bad_message();
    const CUresult status = check(invocation, variable, address, count);
    // What was written to it goes with it.
    if (status == CUDA_ERROR_NOT_FOUND) return CUDA_SUCCESS;
    if (status != CUDA_SUCCESS) return status;
    // SAFETY: as above.
    std::memcpy(from_bits<void*>(address), data, count);
  }
  return CUDA_SUCCESS;
}

}  // namespace vgpu::host::hand
