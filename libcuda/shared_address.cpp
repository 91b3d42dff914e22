// SPDX-License-Identifier: Apache-2.0
#include "libcuda/shared_address.h"

#include <sys/mman.h>

#include "common/bits.h"

namespace vgpu::guest {
namespace {

// Alignment of shared ranges: a large page, so that the kernel may use one.
constexpr uint64_t kGap = 2 << 20;
constexpr int kAttempts = 64;

}  // namespace

Result<void*> SharedAddresses::place(int file, size_t size, uint64_t offset) {
  for (int attempt = 0; attempt < kAttempts; ++attempt) {
    if (size > wire::kSharedEnd - next_) return Error{"no address space left for shared memory"};
    void* const wanted = from_bits<void*>(next_);
    next_ += (size + kGap - 1) / kGap * kGap;
    const int flags = MAP_SHARED | MAP_FIXED_NOREPLACE;
    void* got = ::mmap(wanted, size, PROT_READ | PROT_WRITE, flags, file, static_cast<off_t>(offset));
    if (got == wanted) return got;
    if (got != MAP_FAILED) ::munmap(got, size);
    else if (errno != EEXIST) return Error::from_errno("cannot map shared memory");
  }
  return Error{"the address range for shared memory is occupied"};
}

}  // namespace vgpu::guest
