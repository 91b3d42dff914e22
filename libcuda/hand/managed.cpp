// SPDX-License-Identifier: Apache-2.0
// Managed memory: allocation, hints and what is known of them. CUDA driver API: Unified Addressing, Memory Management.
#include "libcuda/managed.h"

#include <cstring>
#include <map>
#include <mutex>

#include "libcuda/by_hand.h"
#include "libcuda/host_pages.h"

namespace vgpu::guest {
namespace {

constexpr CUmemLocation kNowhere = {CU_MEM_LOCATION_TYPE_INVALID, 0};

struct Advice {
  bool read_mostly = false;
  uint64_t accessed_by = 0;  // bit per device, the highest for the host
  CUmemLocation preferred = kNowhere;
  CUmemLocation prefetched = kNowhere;
};

// Advice by managed allocation, an entry per page. Most programs give none, so it is made on first use.
class AdviceBook {
 public:
  template <class Change>
  void change(const HostRange& range, uint64_t address, uint64_t bytes, Change change) {
    const std::lock_guard lock(mutex_);
    std::vector<Advice>& pages = pages_of(range);
    for (uint64_t page = first(range, address); page <= last(range, address, bytes); ++page) change(pages[page]);
  }
  // Whether all pages give the same answer, which is then in `value`.
  template <class T, class Ask>
  bool ask(const HostRange& range, uint64_t address, uint64_t bytes, Ask ask, T& value) {
    const std::lock_guard lock(mutex_);
    const std::vector<Advice>& pages = pages_of(range);
    value = ask(pages[first(range, address)]);
    for (uint64_t page = first(range, address); page <= last(range, address, bytes); ++page)
      if (std::memcmp(&value, &static_cast<const T&>(ask(pages[page])), sizeof value) != 0) return false;
    return true;
  }
  void forget(uint64_t address) {
    const std::lock_guard lock(mutex_);
    pages_.erase(address);
  }

 private:
  static uint64_t first(const HostRange& range, uint64_t address) { return (address - range.address) / ring::kPage; }
  static uint64_t last(const HostRange& range, uint64_t address, uint64_t bytes) {
    return (address - range.address + bytes - 1) / ring::kPage;
  }
  std::vector<Advice>& pages_of(const HostRange& range) {
    std::vector<Advice>& pages = pages_[range.address];
    if (pages.empty()) pages.resize((range.bytes + ring::kPage - 1) / ring::kPage);
    return pages;
  }

  std::mutex mutex_;  // guards pages_
  std::map<uint64_t, std::vector<Advice>> pages_;
};

AdviceBook& book() {
  static auto* the_book = new AdviceBook;  // Exit handlers may still free managed memory.
  return *the_book;
}

std::optional<HostRange> managed_range(const Admitted& admitted, uint64_t address, uint64_t bytes) {
  std::optional<HostRange> range = admitted.process->host_memory().containing(address, bytes);
  return range && range->kind == HostKind::managed ? range : std::nullopt;
}

bool is_valid(const Admitted& admitted, const CUmemLocation& location) {
  return location.type == CU_MEM_LOCATION_TYPE_HOST ||
         (location.type == CU_MEM_LOCATION_TYPE_DEVICE && admitted.process->device(location.id) != nullptr);
}

uint64_t bit_of(const CUmemLocation& location) {
  return location.type == CU_MEM_LOCATION_TYPE_HOST ? uint64_t{1} << 63 : uint64_t{1} << location.id;
}

// The older attributes name a place by device number: -1 the host, -2 none.
int number_of(const CUmemLocation& location) {
  if (location.type == CU_MEM_LOCATION_TYPE_HOST) return CU_DEVICE_CPU;
  return location.type == CU_MEM_LOCATION_TYPE_DEVICE ? location.id : CU_DEVICE_INVALID;
}

template <class T>
CUresult store(void* data, size_t size, const T& value) {
  if (size != sizeof value) return CUDA_ERROR_INVALID_VALUE;
  std::memcpy(data, &value, sizeof value);
  return CUDA_SUCCESS;
}

CUresult range_attribute(void* data, size_t size, CUmem_range_attribute attribute, const HostRange& range,
                         uint64_t address, uint64_t bytes) {
  CUmemLocation place = kNowhere;
  bool read_mostly = false;
  const auto preferred = [](const Advice& a) { return a.preferred; };
  const auto prefetched = [](const Advice& a) { return a.prefetched; };
  switch (attribute) {
    case CU_MEM_RANGE_ATTRIBUTE_READ_MOSTLY: {
      const bool same = book().ask(
          range, address, bytes, [](const Advice& a) { return a.read_mostly; }, read_mostly);
      return store(data, size, static_cast<int>(same && read_mostly));
    }
    case CU_MEM_RANGE_ATTRIBUTE_PREFERRED_LOCATION:
    case CU_MEM_RANGE_ATTRIBUTE_PREFERRED_LOCATION_TYPE:
    case CU_MEM_RANGE_ATTRIBUTE_PREFERRED_LOCATION_ID:
      if (!book().ask(range, address, bytes, preferred, place)) place = kNowhere;
      break;
    case CU_MEM_RANGE_ATTRIBUTE_LAST_PREFETCH_LOCATION:
    case CU_MEM_RANGE_ATTRIBUTE_LAST_PREFETCH_LOCATION_TYPE:
    case CU_MEM_RANGE_ATTRIBUTE_LAST_PREFETCH_LOCATION_ID:
      if (!book().ask(range, address, bytes, prefetched, place)) place = kNowhere;
      break;
    case CU_MEM_RANGE_ATTRIBUTE_ACCESSED_BY: {
      uint64_t devices = 0;
      if (size % sizeof(int) != 0) return CUDA_ERROR_INVALID_VALUE;
      if (!book().ask(
              range, address, bytes, [](const Advice& a) { return a.accessed_by; }, devices))
        devices = 0;
      auto* out = static_cast<int*>(data);
      const int* const end = out + size / sizeof(int);
      for (int id = 0; id < 63 && out != end; ++id)
        if ((devices >> id & 1) != 0) *out++ = id;
      if ((devices >> 63) != 0 && out != end) *out++ = CU_DEVICE_CPU;
      while (out != end) *out++ = CU_DEVICE_INVALID;
      return CUDA_SUCCESS;
    }
    default: return CUDA_ERROR_INVALID_VALUE;
  }
  if (attribute == CU_MEM_RANGE_ATTRIBUTE_PREFERRED_LOCATION ||
      attribute == CU_MEM_RANGE_ATTRIBUTE_LAST_PREFETCH_LOCATION)
    return store(data, size, number_of(place));
  const bool wants_type = attribute == CU_MEM_RANGE_ATTRIBUTE_PREFERRED_LOCATION_TYPE ||
                          attribute == CU_MEM_RANGE_ATTRIBUTE_LAST_PREFETCH_LOCATION_TYPE;
  return store(data, size, wants_type ? static_cast<int>(place.type) : place.id);
}

}  // namespace

void forget_advice(uint64_t address) { book().forget(address); }

bool managed_attribute(const HostRange& range, CUpointer_attribute attribute, void* data) {
  const auto answer = [&](auto value) {
    std::memcpy(data, &value, sizeof value);
    return true;
  };
  switch (attribute) {
    case CU_POINTER_ATTRIBUTE_IS_MANAGED: return answer(1u);
    case CU_POINTER_ATTRIBUTE_MEMORY_TYPE: return answer(static_cast<unsigned>(CU_MEMORYTYPE_DEVICE));
    case CU_POINTER_ATTRIBUTE_RANGE_SIZE: return answer(range.bytes);
    default: return false;
  }
}

namespace by_hand {

CUresult cuMemAllocManaged(CUdeviceptr* dptr, size_t bytesize, unsigned int flags) {
  VGPU_ADMIT_WITH_CONTEXT(admitted);
  if (dptr == nullptr || bytesize == 0) return CUDA_ERROR_INVALID_VALUE;
  if (flags != CU_MEM_ATTACH_GLOBAL && flags != CU_MEM_ATTACH_HOST) return CUDA_ERROR_INVALID_VALUE;
  uint64_t address = 0;
  // The flags are not those of pinned memory; only the kind tells them apart afterwards.
  VGPU_CHECK(allocate_pages(admitted, bytesize, HostKind::managed, 0, address));
  *dptr = address;
  return CUDA_SUCCESS;
}

CUresult cuMemAdvise_v2(CUdeviceptr devPtr, size_t count, CUmem_advise advice, CUmemLocation location) {
  VGPU_ADMIT(admitted);
  const std::optional<HostRange> range = managed_range(admitted, devPtr, count);
  if (!range || count == 0) return CUDA_ERROR_INVALID_VALUE;
  const bool about_place = advice != CU_MEM_ADVISE_SET_READ_MOSTLY && advice != CU_MEM_ADVISE_UNSET_READ_MOSTLY &&
                           advice != CU_MEM_ADVISE_UNSET_PREFERRED_LOCATION;
  if (about_place && !is_valid(admitted, location)) return CUDA_ERROR_INVALID_VALUE;
  const auto change = [&](auto what) { book().change(*range, devPtr, count, what); };
  switch (advice) {
    case CU_MEM_ADVISE_SET_READ_MOSTLY: change([](Advice& a) { a.read_mostly = true; }); break;
    case CU_MEM_ADVISE_UNSET_READ_MOSTLY: change([](Advice& a) { a.read_mostly = false; }); break;
    case CU_MEM_ADVISE_SET_PREFERRED_LOCATION: change([&](Advice& a) { a.preferred = location; }); break;
    case CU_MEM_ADVISE_UNSET_PREFERRED_LOCATION: change([](Advice& a) { a.preferred = kNowhere; }); break;
    case CU_MEM_ADVISE_SET_ACCESSED_BY: change([&](Advice& a) { a.accessed_by |= bit_of(location); }); break;
    case CU_MEM_ADVISE_UNSET_ACCESSED_BY: change([&](Advice& a) { a.accessed_by &= ~bit_of(location); }); break;
    default: return CUDA_ERROR_INVALID_VALUE;
  }
  return CUDA_SUCCESS;
}

// The pages are where both sides reach them already; the call is remembered and orders nothing.
CUresult cuMemPrefetchAsync_v2(CUdeviceptr devPtr, size_t count, CUmemLocation location, unsigned int flags,
                               CUstream /*hStream*/) {
  VGPU_ADMIT_WITH_CONTEXT(admitted);
  const std::optional<HostRange> range = managed_range(admitted, devPtr, count);
  if (!range || count == 0 || flags != 0 || !is_valid(admitted, location)) return CUDA_ERROR_INVALID_VALUE;
  book().change(*range, devPtr, count, [&](Advice& a) { a.prefetched = location; });
  return CUDA_SUCCESS;
}

CUresult cuMemRangeGetAttribute(void* data, size_t dataSize, CUmem_range_attribute attribute, CUdeviceptr devPtr,
                                size_t count) {
  VGPU_ADMIT(admitted);
  const std::optional<HostRange> range = managed_range(admitted, devPtr, count);
  if (!range || count == 0 || data == nullptr) return CUDA_ERROR_INVALID_VALUE;
  return range_attribute(data, dataSize, attribute, *range, devPtr, count);
}

CUresult cuStreamAttachMemAsync(CUstream hStream, CUdeviceptr dptr, size_t length, unsigned int flags) {
  VGPU_ADMIT_WITH_CONTEXT(admitted);
  const std::optional<HostRange> range = admitted.process->host_memory().starting_at(dptr);
  const bool managed = range && range->kind == HostKind::managed;
  if (!managed) return forward(admitted, api::spec::cuStreamAttachMemAsync, hStream, dptr, length, flags);
  if (length != 0 && length != range->bytes) return CUDA_ERROR_INVALID_VALUE;
  const bool known = flags == CU_MEM_ATTACH_GLOBAL || flags == CU_MEM_ATTACH_HOST || flags == CU_MEM_ATTACH_SINGLE;
  // Pages that both sides always reach need no association.
  return known ? CUDA_SUCCESS : CUDA_ERROR_INVALID_VALUE;
}

// --- The older forms name a device where the newer ones name a location.

namespace {

CUmemLocation location_of(CUdevice device) {
  const bool host = device == CU_DEVICE_CPU;
  return {host ? CU_MEM_LOCATION_TYPE_HOST : CU_MEM_LOCATION_TYPE_DEVICE, host ? 0 : device};
}

}  // namespace

CUresult cuMemAdvise(CUdeviceptr devPtr, size_t count, CUmem_advise advice, CUdevice device) {
  return by_hand::cuMemAdvise_v2(devPtr, count, advice, location_of(device));
}

CUresult cuMemPrefetchAsync(CUdeviceptr devPtr, size_t count, CUdevice dstDevice, CUstream hStream) {
  return by_hand::cuMemPrefetchAsync_v2(devPtr, count, location_of(dstDevice), 0, hStream);
}

CUresult cuMemRangeGetAttributes(void** data, size_t* dataSizes, CUmem_range_attribute* attributes,
                                 size_t numAttributes, CUdeviceptr devPtr, size_t count) {
  if (data == nullptr || dataSizes == nullptr || attributes == nullptr || numAttributes == 0)
    return CUDA_ERROR_INVALID_VALUE;
  for (size_t i = 0; i < numAttributes; ++i)
    VGPU_CHECK(by_hand::cuMemRangeGetAttribute(data[i], dataSizes[i], attributes[i], devPtr, count));
  return CUDA_SUCCESS;
}

}  // namespace by_hand
}  // namespace vgpu::guest
