// SPDX-License-Identifier: Apache-2.0
#include "libcuda/process.h"

#include <pthread.h>

#include <cstdlib>
#include <mutex>

#include "common/codec/bytes.h"
#include "common/log.h"

namespace vgpu::guest {
namespace {

std::atomic<Process*> the_process{nullptr};
std::atomic<bool> forked{false};
std::atomic<bool> shut_down{false};
std::mutex init_mutex;           // guards opened and failed
CUresult failed = CUDA_SUCCESS;  // why the last attempt to open did not work
Process* opened = nullptr;       // has a session, but cuInit may still be to come
std::atomic<uint32_t> next_thread{1};

// The child of a fork has the parent's memory but not its worker: CUDA is unusable there, as on the real driver. Before
// cuInit the session has only been asked for what needs none, and the child may open its own.
void mark_forked() {
  if (Process::get() != nullptr) forked.store(true, std::memory_order_relaxed);
  opened = nullptr;
  the_process.store(nullptr, std::memory_order_relaxed);
}

thread_local ThreadState* own_state = nullptr;

// Tells the worker that a thread has ended. Runs at thread exit, never for the main thread.
void end_thread(void* state) {
  auto* ended = static_cast<ThreadState*>(state);
  if (Process* process = Process::get(); process != nullptr) {
    process->session().count_answered(ended->take_answered());
    static_cast<void>(process->session().post({wire::kThreadExit, ring::kHelper, ended->id, 0, {}}));
  }
  own_state = nullptr;
  delete ended;
}

pthread_key_t thread_key() {
  static const pthread_key_t key = [] {
    pthread_key_t made = 0;
    pthread_key_create(&made, &end_thread);
    return made;
  }();
  return key;
}

}  // namespace

ThreadState& thread_state() {
  if (own_state == nullptr) {
    own_state = new ThreadState;
    own_state->id = next_thread.fetch_add(1, std::memory_order_relaxed);
    pthread_setspecific(thread_key(), own_state);
  }
  return *own_state;
}

Process* Process::get() noexcept { return the_process.load(std::memory_order_acquire); }

bool Process::is_shut_down() noexcept { return shut_down.load(std::memory_order_relaxed); }

Process* Process::open(CUresult& failure, bool again) {
  const std::lock_guard lock(init_mutex);
  if (opened != nullptr) return opened;
  // Programs ask for the version hundreds of times; only cuInit is worth another try.
  if (failed != CUDA_SUCCESS && !again) {
    failure = failed;
    return nullptr;
  }
  if (forked.load(std::memory_order_relaxed)) {
    failure = CUDA_ERROR_NOT_INITIALIZED;
    return nullptr;
  }
  Result<std::unique_ptr<Transport>, OpenFailure> transport = open_transport();
  if (!transport.ok()) {
    VGPU_WARN("%s", transport.error().error.message.c_str());
    failure = failed = static_cast<CUresult>(transport.error().cuda_error);
    return nullptr;
  }
  // Never deleted: threads and exit handlers use it to the very end.
  auto* process = new Process(std::move(*transport));
  failure = process->load_snapshot();
  if (failure == CUDA_SUCCESS && process->device_count() == 0) failure = CUDA_ERROR_NO_DEVICE;
  failed = failure;
  if (failure != CUDA_SUCCESS) return nullptr;
  process->contexts_.open(process->device_count());
  static const int registered = pthread_atfork(nullptr, nullptr, &mark_forked);
  static_cast<void>(registered);
  return opened = process;
}

CUresult Process::initialise(unsigned flags) {
  if (flags != 0) return CUDA_ERROR_INVALID_VALUE;
  if (get() != nullptr) return CUDA_SUCCESS;
  CUresult failure = CUDA_SUCCESS;
  Process* process = open(failure, true);
  if (process == nullptr) return failure;
  // The runtime unloads its kernels from a handler that is older, which must not wait for what the device still does.
  static const int registered = std::atexit([] { shut_down.store(true, std::memory_order_relaxed); });
  static_cast<void>(registered);
  the_process.store(process, std::memory_order_release);
  return CUDA_SUCCESS;
}

CUresult Process::load_snapshot() {
  std::vector<std::byte> reply;
  if (const CUresult status = session_.call({wire::kSnapshot, 0, thread_state().id, 0, {}}, reply);
      status != CUDA_SUCCESS)
    return status;
  codec::Reader reader(reply);
  header_ = reader.get<wire::SnapshotHeader>();
  if (reader.failed() || header_.device_bytes != sizeof(wire::DeviceSnapshot) ||
      header_.device_count > handle::kPrimaryContexts)
    return CUDA_ERROR_SYSTEM_DRIVER_MISMATCH;
  for (uint32_t i = 0; i < header_.device_count; ++i) devices_.push_back(reader.get<wire::DeviceSnapshot>());
  return reader.complete() ? CUDA_SUCCESS : CUDA_ERROR_SYSTEM_DRIVER_MISMATCH;
}

const wire::DeviceSnapshot* Process::device(int ordinal) const {
  return ordinal >= 0 && ordinal < device_count() ? &devices_[static_cast<size_t>(ordinal)] : nullptr;
}

bool Process::serves(uint16_t opcode) const {
  return opcode < wire::kServedOpcodes && (header_.served[opcode / 8] >> (opcode % 8) & 1) != 0;
}

}  // namespace vgpu::guest
