// SPDX-License-Identifier: Apache-2.0
#include "softgpu/driver/shared_event.h"

#include <fcntl.h>
#include <sys/random.h>
#include <sys/stat.h>

#include <algorithm>
#include <chrono>

#include "common/futex.h"
#include "softgpu/driver/executor.h"
#include "softgpu/driver/process.h"

namespace vgpu::soft {
namespace {

constexpr size_t kPageBytes = 4096;
// Records that may be under way at once without one being taken for another.
constexpr uint64_t kSlots = 256;

}  // namespace

// Another process writes here as well: every number is taken as it comes, and none is an index.
struct SharedEvent::Page {
  std::atomic<uint64_t> recorded;
  std::atomic<uint32_t> bell;  // moves with every record that is reached
  uint32_t unused;
  std::atomic<uint64_t> reached[kSlots];  // the last one of those with this remainder
};

CuResult<Ref<SharedEvent>> SharedEvent::map(vgpu::UniqueFd file, uint64_t object) {
  static_assert(sizeof(Page) <= kPageBytes);
  vgpu::Result<vgpu::Mapping> page = vgpu::Mapping::shared(file.get(), kPageBytes);
  if (!page) return CUDA_ERROR_MAP_FAILED;
  return Ref<SharedEvent>(new SharedEvent(std::move(file), std::move(page).value(), object));
}

CuResult<Ref<SharedEvent>> SharedEvent::create() {
  vgpu::Result<vgpu::UniqueFd> file = vgpu::create_memory_file("vgpu-soft-event", kPageBytes);
  uint64_t object = 0;
  if (!file || getrandom(&object, sizeof object, 0) != sizeof object) return CUDA_ERROR_OUT_OF_MEMORY;
  return map(std::move(file).value(), object);
}

CuResult<Ref<SharedEvent>> SharedEvent::open(vgpu::UniqueFd file) {
  struct stat about {};
  const int seals = fcntl(file.get(), F_GET_SEALS);
  if (seals < 0 || (seals & F_SEAL_SHRINK) == 0 || fstat(file.get(), &about) != 0 || about.st_size != kPageBytes)
    return CUDA_ERROR_INVALID_HANDLE;
  return map(std::move(file), 0);
}

SharedEvent::Page& SharedEvent::page() const {
  // SAFETY: the file is sealed at a page's length, and zeros are a valid page.
  return *reinterpret_cast<Page*>(mapping_.data());
}

uint64_t SharedEvent::record(const Ref<Completion>& point) {
  const uint64_t number = page().recorded.fetch_add(1, std::memory_order_acq_rel) + 1;
  const Ref<SharedEvent> self(this);
  if (!point || !point->subscribe_first([self, number] { self->reach(number); })) reach(number);
  return number;
}

uint64_t SharedEvent::last() const { return page().recorded.load(std::memory_order_acquire); }

bool SharedEvent::is_reached(uint64_t number) const {
  // Pairs with reach(): who sees the number sees the work's effects.
  return page().reached[number % kSlots].load(std::memory_order_acquire) >= number;
}

void SharedEvent::reach(uint64_t number) {
  std::atomic<uint64_t>& slot = page().reached[number % kSlots];
  uint64_t known = slot.load(std::memory_order_relaxed);
  while (known < number && !slot.compare_exchange_weak(known, number, std::memory_order_release)) {
  }
  page().bell.fetch_add(1, std::memory_order_release);
  futex::wake_all(page().bell);
}

void SharedEvent::wait(uint64_t number) {
  for (;;) {
    const uint32_t seen = page().bell.load(std::memory_order_acquire);
    if (is_reached(number)) return;
    futex::wait(page().bell, seen, std::chrono::seconds(1));
  }
}

Ref<Completion> SharedEvent::when_reached(uint64_t number) {
  Ref<Completion> reached = make_ref<Completion>();
  if (is_reached(number)) {
    reached->complete(CUDA_SUCCESS);
    return reached;
  }
  Process::get()->executor().submit([self = Ref<SharedEvent>(this), reached, number] {
    self->wait(number);
    reached->complete(CUDA_SUCCESS);
  });
  return reached;
}

}  // namespace vgpu::soft
