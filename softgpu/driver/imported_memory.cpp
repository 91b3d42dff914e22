// SPDX-License-Identifier: Apache-2.0
#include "softgpu/driver/imported_memory.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "softgpu/driver/context.h"
#include "softgpu/driver/device.h"
#include "softgpu/driver/process.h"

namespace vgpu::soft {
namespace {

constexpr uint64_t kAlignment = uint64_t{2} << 20;

struct Import {
  RegionKind kind = RegionKind::imported;
  CUdeviceptr address = 0;
  uint64_t reserved = 0;  // bytes of addresses
  unsigned openings = 0;
};

std::mutex imports_mutex;  // guards the map; taken before the address space's
std::map<uint64_t, Import>& imports() {
  static auto& map = *new std::map<uint64_t, Import>;  // Used until the very end of the process.
  return map;
}

// Which bytes of a file.
struct Part {
  int file;
  uint64_t offset, size;
};

CuResult<Import> map_import(RegionKind kind, const Part& part, int device, Context& context, uint64_t pool) {
  AddressSpace& memory = Process::get()->memory();
  const auto [file, offset, size] = part;
  Import made;
  made.kind = kind;
  made.reserved = (size + kAlignment - 1) & ~(kAlignment - 1);
  made.address = memory.reserve(made.reserved, kAlignment, 0);
  if (made.address == 0) return CUDA_ERROR_OUT_OF_MEMORY;
  // SAFETY: the reservation is this mapping's alone.
  void* const at = reinterpret_cast<void*>(made.address);
  if (mmap(at, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, file, static_cast<off_t>(offset)) != at) {
    memory.unreserve(made.address, made.reserved);
    return CUDA_ERROR_MAP_FAILED;
  }
  Region region;
  region.begin = made.address;
  region.size = size;
  region.kind = kind;
  region.device = device;
  region.context = pool != 0 ? 0 : context.handle_value();
  region.pool = pool;
  region.readable = region.writable =
      DeviceMask{1} << device | DeviceMask{1} << static_cast<unsigned>(context.device().ordinal());
  memory.add(region);
  return made;
}

void unmap(const Import& import) {
  AddressSpace& memory = Process::get()->memory();
  memory.remove(import.address, import.kind);
  memory.forget_mapping(import.address, import.reserved);
  memory.unreserve(import.address, import.reserved);
}

}  // namespace

bool is_memory_file(int file) {
  const int seals = fcntl(file, F_GET_SEALS);
  return seals >= 0 && (seals & F_SEAL_SHRINK) != 0;
}

bool has_bytes(int file, uint64_t size) {
  struct stat about {};
  return fstat(file, &about) == 0 && size != 0 && size <= static_cast<uint64_t>(about.st_size);
}

CuResult<CUdeviceptr> map_external(int file, uint64_t offset, uint64_t size, Context& context) {
  if (offset % static_cast<uint64_t>(sysconf(_SC_PAGESIZE)) != 0) return CUDA_ERROR_INVALID_VALUE;
  const std::lock_guard lock(imports_mutex);
  Import made =
      TRY(map_import(RegionKind::external, {file, offset, size}, context.device().ordinal(), context, /*pool=*/0));
  made.openings = 1;
  // Numbers that no file has.
  static uint64_t last = uint64_t{1} << 63;
  imports().emplace(++last, made);
  return made.address;
}

CuResult<CUdeviceptr> open_imported(uint64_t object, vgpu::UniqueFd file, uint64_t size, int device, Context& context,
                                    uint64_t pool) {
  const std::lock_guard lock(imports_mutex);
  const auto found = imports().find(object);
  if (found != imports().end()) {
    ++found->second.openings;
    return found->second.address;
  }
  if (!is_memory_file(file.get()) || !has_bytes(file.get(), size)) return CUDA_ERROR_INVALID_VALUE;
  Import made = TRY(map_import(RegionKind::imported, {file.get(), 0, size}, device, context, pool));
  made.openings = 1;
  imports().emplace(object, made);
  return made.address;
}

bool close_imported(CUdeviceptr address, bool all) {
  const std::lock_guard lock(imports_mutex);
  for (auto at = imports().begin(); at != imports().end(); ++at) {
    if (at->second.address != address) continue;
    if (!all && --at->second.openings != 0) return true;
    unmap(at->second);
    imports().erase(at);
    return true;
  }
  return false;
}

}  // namespace vgpu::soft
