// SPDX-License-Identifier: Apache-2.0
// Transport: how this process reaches its worker. Everything above it is the same for a Unix socket (same machine) and
// for /dev/vgpu0 (a VM): one region of shared memory, a doorbell, a way to sleep on a word of that memory, and a way to
// give both sides the same pages at the same address. Thread-safe.
#pragma once

#include <atomic>
#include <chrono>
#include <memory>
#include <optional>

#include "common/session_memory.h"
#include "vgpu/wire.h"

namespace vgpu::guest {

class Transport {
 public:
  virtual ~Transport() = default;

  virtual const SessionMemory& memory() const = 0;
  // Wakes the worker, which has said that it sleeps.
  virtual void ring_doorbell() = 0;
  // Sleeps while `word` is `seen`; may return early.
  virtual void wait(const std::atomic<uint32_t>& word, uint32_t seen, std::chrono::nanoseconds timeout) = 0;
  // Whether the other side is gone for good. A system call: ask only after a wait came back without news.
  virtual bool lost() = 0;

  // Fresh zeroed pages, `size` bytes (a multiple of the page size), at the same address here and in the worker.
  virtual Result<void*> allocate_shared(size_t size) = 0;
  // Turns existing private pages into shared ones, contents and address unchanged. Other threads must not write to
  // them meanwhile.
  virtual Result<void> share_in_place(void* address, size_t size) = 0;
  // Maps pages that the worker has, and has permitted to be taken over, at their address here.
  virtual Result<void> adopt(void* address, size_t size) = 0;
  // Undoes the first two: allocated pages disappear, pages shared in place become private again.
  virtual void release_shared(void* address, size_t size) = 0;
  virtual void unshare_in_place(void* address, size_t size) = 0;
  // Ends the sharing of pages shared in place without a look at what is at their address now.
  virtual void forget_shared(void* address, size_t size) = 0;
  // Whether [address, address + size), of pages shared in place, are still those pages: the program may have unmapped
  // them. Nothing where the transport cannot tell.
  virtual std::optional<bool> are_in_place(const void* address, size_t size) = 0;

  // What this process has exported under `token` lasts, also when this process has ended, until the descriptor is
  // closed for which this is asked: `lifeline` is the other end of its socket. The file that comes back, if there is
  // one, is to be in that socket as long, and open nowhere else.
  virtual Result<UniqueFd> keep_export(const wire::Token& token, int lifeline) = 0;
};

// Opens the transport of this process: VGPU_SOCKET names a daemon's socket; without it /dev/vgpu0 where it is there,
// else the default socket. The error's text says what was tried; `cuda_error` what the program is told.
struct OpenFailure {
  Error error;
  int cuda_error;
};
Result<std::unique_ptr<Transport>, OpenFailure> open_transport();

}  // namespace vgpu::guest
