// SPDX-License-Identifier: Apache-2.0
#include "softgpu/driver/process.h"

#include <pthread.h>
#include <sched.h>
#include <unistd.h>
#include <algorithm>
#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <mutex>

#include "common/log.h"
#include "softgpu/driver/address_space.h"
#include "softgpu/driver/executor.h"
#include "softgpu/driver/thread_state.h"
#include "softgpu/driver/visible_devices.h"

namespace vgpu::soft {
namespace {

std::mutex start_mutex;  // serialises initialize()
std::atomic<Process*> process{nullptr};
std::atomic<bool> is_forked_child{false};
std::atomic<bool> is_shut_down{false};

void after_fork_in_child() {
  // The threads that ran the device are not in the child, and locks may be held by them for ever.
  if (process.exchange(nullptr, std::memory_order_acq_rel) != nullptr)
    is_forked_child.store(true, std::memory_order_release);
}

// A whole number with an optional suffix K, M, G or T; `fallback` when the variable is absent or is not one.
size_t size_from_environment(const char* name, size_t fallback) {
  const char* const text = std::getenv(name);
  if (text == nullptr) return fallback;
  char* end = nullptr;
  const unsigned long long value = std::strtoull(text, &end, 10);
  constexpr char kSuffixes[] = "KMGT";
  unsigned shift = 0;
  for (unsigned i = 0; i < 4; ++i)
    if (*end == kSuffixes[i]) shift = 10 * (i + 1);
  if (end == text || value == 0 || (shift == 0 && *end != 0) || value > (SIZE_MAX >> shift)) {
    VGPU_WARN("software GPU: %s=%s is not a size such as 4G; ignored", name, text);
    return fallback;
  }
  return static_cast<size_t>(value) << shift;
}

// The machine's memory, or what a container leaves of it (cgroup v2).
size_t usable_memory() {
  const size_t machine = static_cast<size_t>(sysconf(_SC_PHYS_PAGES)) * static_cast<size_t>(sysconf(_SC_PAGESIZE));
  std::FILE* const file = std::fopen("/sys/fs/cgroup/memory.max", "re");
  if (file == nullptr) return machine;
  unsigned long long limit = 0;
  const bool is_number = std::fscanf(file, "%llu", &limit) == 1;  // "max" otherwise
  std::fclose(file);
  return is_number && limit > 0 ? std::min<size_t>(machine, limit) : machine;
}

unsigned usable_processors() {
  cpu_set_t set;
  CPU_ZERO(&set);
  if (sched_getaffinity(0, sizeof set, &set) != 0) return 1;
  return static_cast<unsigned>(std::max(1, CPU_COUNT(&set)));
}

}  // namespace

CUresult Process::start() {
  const size_t memory = size_from_environment("VGPU_SOFT_MEMORY", usable_memory() / 2) & ~size_t{0xffff};
  const int count = static_cast<int>(std::clamp<size_t>(size_from_environment("VGPU_SOFT_DEVICES", 1), 1, kMaxDevices));
  const unsigned threads =
      static_cast<unsigned>(std::min<size_t>(size_from_environment("VGPU_SOFT_THREADS", usable_processors()), 1024));
  const std::vector<int> visible = visible_devices(std::getenv("CUDA_VISIBLE_DEVICES"), count);
  if (visible.empty()) return CUDA_ERROR_NO_DEVICE;
  std::vector<Device*> devices;
  for (const int slot : visible) {
    const int ordinal = static_cast<int>(devices_.size());
    devices_.push_back(TRY(Device::create(ordinal, slot, memory, threads)));
    devices.push_back(devices_.back().get());
  }
  memory_ = TRY(AddressSpace::create(std::move(devices)));
  executor_ = std::make_unique<Executor>();
  return CUDA_SUCCESS;
}

CUresult Process::initialize(unsigned flags) {
  if (flags != 0) return CUDA_ERROR_INVALID_VALUE;
  if (is_forked_child.load(std::memory_order_acquire)) return CUDA_ERROR_NOT_INITIALIZED;
  if (get() != nullptr) return CUDA_SUCCESS;
  const std::lock_guard lock(start_mutex);
  if (get() != nullptr) return CUDA_SUCCESS;
  std::unique_ptr<Process> starting(new Process);
  VGPU_CHECK(starting->start());
  pthread_atfork(nullptr, nullptr, after_fork_in_child);
  // As with NVIDIA's driver no call works in exit handlers that are older than this: the runtime unloads its kernels in
  // one of them, which must not wait for what still runs.
  std::atexit([] { is_shut_down.store(true, std::memory_order_relaxed); });
  process.store(starting.release(), std::memory_order_release);
  return CUDA_SUCCESS;
}

Process* Process::get() noexcept { return process.load(std::memory_order_acquire); }

Device* Process::find_device(CUdevice ordinal) {
  if (ordinal < 0 || ordinal >= device_count()) return nullptr;
  return devices_[static_cast<size_t>(ordinal)].get();
}

CuResult<Process*> current_process() {
  Process* const current = Process::get();
  if (current == nullptr) return CUDA_ERROR_NOT_INITIALIZED;
  if (is_shut_down.load(std::memory_order_relaxed)) return CUDA_ERROR_DEINITIALIZED;
  if (inside_host_function()) return CUDA_ERROR_NOT_PERMITTED;
  return current;
}

CuResult<Device*> get_device(CUdevice ordinal) {
  Process* const current = TRY(current_process());
  Device* const device = current->find_device(ordinal);
  if (device == nullptr) return CUDA_ERROR_INVALID_DEVICE;
  return device;
}

}  // namespace vgpu::soft
