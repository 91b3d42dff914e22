// SPDX-License-Identifier: Apache-2.0
// Sleeping and waking on a word of memory that two processes share (futex(2), not the private kind). Thread-safe.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>

namespace vgpu::futex {

// Sleeps while `word` is `seen`, at most until the timeout; may return early for no reason.
void wait(const std::atomic<uint32_t>& word, uint32_t seen, std::chrono::nanoseconds timeout);
void wake_all(const std::atomic<uint32_t>& word);

}  // namespace vgpu::futex
