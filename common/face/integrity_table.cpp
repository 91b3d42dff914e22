// SPDX-License-Identifier: Apache-2.0
// Table F: gathers what integrity.h hashes, through the public functions, so that it is what the runtime sees.
#include "common/face/driver_face.h"
#include "common/face/export_table.h"
#include "common/face/integrity.h"
#include "common/face/refusal.h"

#include <pthread.h>
#include <unistd.h>
#include <cstring>
#include <optional>
#include <vector>

namespace vgpu::face {
namespace {

CUresult check_integrity(uint32_t version, uint64_t unix_seconds, uint8_t* out) noexcept;

struct IntegrityTable {
  size_t byte_count = sizeof(IntegrityTable);
  decltype(&check_integrity) slot_1 = check_integrity;
  std::array<Refusal, 1> slot_2 = kRefused<Table::integrity, 2, 2>;
};
static_assert(sizeof(IntegrityTable) == 0x18);

constexpr IntegrityTable kIntegrity;

CUresult describe_device(int ordinal, IntegrityDevice& out) noexcept {
  CUdevice device = 0;
  CUuuid uuid{};
  int domain = 0, bus = 0, slot = 0;
  CUresult result = cuDeviceGet(&device, ordinal);
  if (result == CUDA_SUCCESS) result = cuDeviceGetUuid(&uuid, device);
  if (result == CUDA_SUCCESS) result = cuDeviceGetAttribute(&domain, CU_DEVICE_ATTRIBUTE_PCI_DOMAIN_ID, device);
  if (result == CUDA_SUCCESS) result = cuDeviceGetAttribute(&bus, CU_DEVICE_ATTRIBUTE_PCI_BUS_ID, device);
  if (result == CUDA_SUCCESS) result = cuDeviceGetAttribute(&slot, CU_DEVICE_ATTRIBUTE_PCI_DEVICE_ID, device);
  std::memcpy(out.uuid.data(), uuid.bytes, out.uuid.size());
  out.pci_domain = static_cast<uint32_t>(domain);
  out.pci_bus = static_cast<uint32_t>(bus);
  out.pci_device = static_cast<uint32_t>(slot);
  return result;
}

CUresult check_integrity(uint32_t version, uint64_t unix_seconds, uint8_t* out) noexcept {
  if (out == nullptr) return CUDA_ERROR_INVALID_VALUE;
  int driver_version = 0, count = 0;
  if (const CUresult result = cuDriverGetVersion(&driver_version); result != CUDA_SUCCESS) return result;
  if (const CUresult result = cuDeviceGetCount(&count); result != CUDA_SUCCESS) return result;
  std::vector<IntegrityDevice> devices(static_cast<size_t>(count));
  for (int i = 0; i < count; ++i)
    if (const CUresult result = describe_device(i, devices[static_cast<size_t>(i)]); result != CUDA_SUCCESS)
      return result;
  const IntegrityFacts facts{
      .driver_version = static_cast<uint32_t>(driver_version),
      .runtime_version = version,
      .process_id = static_cast<uint32_t>(getpid()),
      .thread = static_cast<uint32_t>(pthread_self()),
      .cudart_interface = reinterpret_cast<uintptr_t>(cudart_interface_table()),
      .integrity = reinterpret_cast<uintptr_t>(&kIntegrity),
      // From the table, not from the function's name: the two could differ where calls go through a linkage table.
      .integrity_check = reinterpret_cast<uintptr_t>(kIntegrity.slot_1),
      .unix_seconds = unix_seconds,
  };
  const Md2Digest reply = integrity_reply(facts, devices);
  std::memcpy(out, reply.data(), reply.size());
  return CUDA_SUCCESS;
}

}  // namespace

const void* integrity_table() noexcept { return &kIntegrity; }

}  // namespace vgpu::face
