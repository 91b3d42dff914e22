// SPDX-License-Identifier: Apache-2.0
// Context and ContextTable: the guest's idea of the contexts of this process. A CUcontext that the program holds is
// the context's handle on the wire; primary contexts have handles that need no asking (common/handle.h). Contexts are
// never freed, so a stale handle is recognised. Thread-safe.
#pragma once

#include <array>
#include <atomic>
#include <memory>
#include <mutex>
#include <unordered_map>

#include "common/face/cuda_api.h"
#include "common/handle.h"
#include "libcuda/progress.h"

namespace vgpu::guest {

class Context {
 public:
  Context(uint64_t handle, int device, bool primary, unsigned creation_flags)
      : flags(creation_flags), handle_(handle), device_(device), primary_(primary) {}

  uint64_t handle() const { return handle_; }
  CUcontext cuda_handle() const;
  int device() const { return device_; }
  bool is_primary() const { return primary_; }
  // A created context until it is destroyed; a primary one while it is retained.
  bool alive() const { return alive_.load(std::memory_order_acquire); }
  void set_alive(bool alive) { alive_.store(alive, std::memory_order_release); }

  // The error that every call in this context returns after a failed kernel; CUDA_SUCCESS while there is none.
  CUresult sticky() const { return static_cast<CUresult>(sticky_.load(std::memory_order_relaxed)); }
  void set_sticky(CUresult error) { sticky_.store(static_cast<int>(error), std::memory_order_relaxed); }

  std::atomic<unsigned> flags;
  std::atomic<unsigned long long> id{0};  // cuCtxGetId
  Progress progress, legacy_stream;       // of the whole context; of its legacy stream
  unsigned api_version = 3020;
  // Primary contexts: how often they are retained. Guarded by ContextTable::primary_mutex.
  int references = 0;

 private:
  const uint64_t handle_;
  const int device_;
  const bool primary_;
  std::atomic<bool> alive_{false};
  std::atomic<int> sticky_{0};
};

class ContextTable {
 public:
  // One primary context per device.
  void open(int device_count);
  Context* primary(int device) const;
  // Any context that ever was, or null.
  Context* find(CUcontext handle) const;
  Context* add(uint64_t handle, int device, unsigned flags);

  // Guards retain, release, reset and flags of primary contexts.
  std::mutex primary_mutex;

 private:
  std::atomic<unsigned long long> next_id_{1};
  std::array<std::unique_ptr<Context>, handle::kPrimaryContexts> primary_;
  mutable std::mutex mutex_;  // guards created_
  std::unordered_map<uint64_t, std::unique_ptr<Context>> created_;
};

}  // namespace vgpu::guest
