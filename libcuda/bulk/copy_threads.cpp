// SPDX-License-Identifier: Apache-2.0
#include "libcuda/bulk/copy_threads.h"

#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <cstring>
#include <mutex>
#include <thread>

#include "common/background_thread.h"
#include "common/processors.h"

#if defined(__x86_64__)
#include <emmintrin.h>
#endif

namespace vgpu::guest::bulk {
namespace {

constexpr unsigned kEnoughProcessors = 6;

// The device's bus is as fast as four or five processors copy; other threads of the program want some, too.
unsigned suitable_helpers() { return std::clamp(allowed_processors() / 4, 2u, kMostCopyThreads - 1); }

class Pool {
 public:
  // Null where there are too few processors, and in a forked child, which has none of the threads.
  static Pool* get() {
    static Pool* const pool = allowed_processors() >= kEnoughProcessors ? new Pool : nullptr;
    return pool != nullptr && pool->process_ == ::getpid() ? pool : nullptr;
  }

  bool try_run(size_t count, const std::function<void(size_t)>& work) {
    const std::unique_lock turn(turn_, std::try_to_lock);
    if (!turn.owns_lock()) return false;
    {
      const std::lock_guard lock(mutex_);
      work_ = &work;
      count_ = count;
      next_.store(0, std::memory_order_relaxed);
      running_ = helpers_;
      ++round_;
    }
    wake_.notify_all();
    take_part(work, count);
    std::unique_lock lock(mutex_);
    done_.wait(lock, [&] { return running_ == 0; });
    return true;
  }

 private:
  Pool() {
    const std::lock_guard lock(mutex_);
    for (unsigned wanted = suitable_helpers(); helpers_ < wanted; ++helpers_)
      if (!start_background_thread("vgpu-copies", [this] { help(); })) break;
  }

  void take_part(const std::function<void(size_t)>& work, size_t count) {
    for (size_t i = next_.fetch_add(1); i < count; i = next_.fetch_add(1)) work(i);
  }

  void help() {
    uint64_t seen = 0;
    std::unique_lock lock(mutex_);
    for (;;) {
      wake_.wait(lock, [&] { return round_ != seen; });
      seen = round_;
      const std::function<void(size_t)>* work = work_;
      const size_t count = count_;
      lock.unlock();
      take_part(*work, count);
      lock.lock();
      if (--running_ == 0) done_.notify_one();
    }
  }

  const pid_t process_ = ::getpid();
  std::mutex turn_;  // held by the copy that has the threads
  std::atomic<size_t> next_{0};
  std::mutex mutex_;  // guards all below
  std::condition_variable wake_, done_;
  const std::function<void(size_t)>* work_ = nullptr;
  size_t count_ = 0;
  unsigned helpers_ = 0;  // as many as could be started
  unsigned running_ = 0;
  uint64_t round_ = 0;
};

}  // namespace

void run_on_copy_threads(size_t count, const std::function<void(size_t)>& work) {
  Pool* pool = Pool::get();
  if (pool != nullptr && pool->try_run(count, work)) return;
  for (size_t i = 0; i < count; ++i) work(i);
}

void copy_streaming(void* destination, const void* source, size_t bytes) {
#if defined(__x86_64__)
  constexpr size_t kBlock = 64;
  // Until such stores have arrived takes longer than a copy through a cache that has room.
  constexpr size_t kFewBytes = 64 << 10;
  auto* to = static_cast<std::byte*>(destination);
  const auto* from = static_cast<const std::byte*>(source);
  const size_t head = (kBlock - reinterpret_cast<uintptr_t>(to) % kBlock) % kBlock;
  if (bytes > kFewBytes) {
    std::memcpy(to, from, head);
    to += head, from += head, bytes -= head;
    for (; bytes >= kBlock; to += kBlock, from += kBlock, bytes -= kBlock) {
      // SAFETY: `to` is aligned for these stores, the loads need no alignment, and both stay within `bytes`.
      const auto* in = reinterpret_cast<const __m128i*>(from);
      auto* out = reinterpret_cast<__m128i*>(to);
      const __m128i a = _mm_loadu_si128(in), b = _mm_loadu_si128(in + 1);
      const __m128i c = _mm_loadu_si128(in + 2), d = _mm_loadu_si128(in + 3);
      _mm_stream_si128(out, a);
      _mm_stream_si128(out + 1, b);
      _mm_stream_si128(out + 2, c);
      _mm_stream_si128(out + 3, d);
    }
    // What follows publishes the bytes with ordinary stores, which streaming ones may be behind.
    _mm_sfence();
  }
  std::memcpy(to, from, bytes);
#else
  std::memcpy(destination, source, bytes);
#endif
}

}  // namespace vgpu::guest::bulk
