// SPDX-License-Identifier: Apache-2.0
// The address space's part of cuIpcGetMemHandle and cuMemPoolExportPointer: pages of an allocation that other processes
// can map.
#include <sys/mman.h>
#include <sys/random.h>

#include <cstring>

#include "common/log.h"
#include "softgpu/driver/address_space.h"

namespace vgpu::soft {
namespace {

constexpr uint64_t kPage = 4096;

// Allocations of this kind have whole pages.
uint64_t bytes_of_pages(const Region& region) { return (region.size + kPage - 1) & ~(kPage - 1); }

}  // namespace

CuResult<AddressSpace::Shared> AddressSpace::move_to_file(const Region& region) {
  const uint64_t bytes = bytes_of_pages(region);
  vgpu::Result<vgpu::UniqueFd> file = vgpu::create_memory_file("vgpu-soft-shared", bytes);
  if (!file) return CUDA_ERROR_OUT_OF_MEMORY;
  Shared made;
  made.file = std::move(file).value();
  vgpu::Result<vgpu::Mapping> view = vgpu::Mapping::shared(made.file.get(), bytes);
  if (!view || getrandom(&made.object, sizeof made.object, 0) != sizeof made.object) return CUDA_ERROR_OUT_OF_MEMORY;
  // SAFETY: the allocation's own pages; nobody writes to them, and what replaces them has the same content.
  void* const at = reinterpret_cast<void*>(region.begin);
  std::memcpy(view->data(), at, bytes);
  if (mmap(at, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, made.file.get(), 0) != at)
    return CUDA_ERROR_OUT_OF_MEMORY;
  return made;
}

CuResult<SharedPages> AddressSpace::share(uint64_t begin) {
  const std::unique_lock alone(writers_);
  const std::unique_lock lock(mutex_);
  const auto found = regions_.find(begin);
  if (found == regions_.end() || !found->second.whole_pages || found->second.freeing) return CUDA_ERROR_INVALID_VALUE;
  Region& region = found->second;
  if (!region.shared) {
    CuResult<Shared> made = move_to_file(region);
    if (!made) return made.error();
    shared_[begin] = std::move(made).value();
    region.shared = true;
  }
  const Shared& shared = shared_[begin];
  return SharedPages{shared.file.get(), shared.object};
}

// Whoever has the old pages mapped keeps them; the next allocation here has others.
void AddressSpace::end_sharing(const Region& region) {
  shared_.erase(region.begin);
  void* const at = reinterpret_cast<void*>(region.begin);
  const uint64_t bytes = bytes_of_pages(region);
  if (mmap(at, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED, -1, 0) == at)
    return;
  // Too many mappings. What is left there would be open to others, so it must not be used at all.
  VGPU_ERROR("software GPU: cannot take back exported memory");
  std::abort();
}

}  // namespace vgpu::soft
