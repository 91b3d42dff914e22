// SPDX-License-Identifier: Apache-2.0
// CopyThreads: a few threads that help with large copies through the window, because one processor moves less than half
// of what the bus does. Started by the first large copy, on machines that have processors to spare; they sleep between
// copies and end with the process. Thread-safe; one copy at a time has them, the others do without.
#pragma once

#include <cstddef>
#include <functional>

namespace vgpu::guest::bulk {

// As many threads work on one copy at most, the caller among them.
constexpr unsigned kMostCopyThreads = 5;

// Calls work(0) to work(count - 1), each once, on this thread and on helpers, and returns when all have returned.
void run_on_copy_threads(size_t count, const std::function<void(size_t)>& work);

// Copies past the caches, where the bytes are many: they are for the device, or have just come from it.
void copy_streaming(void* destination, const void* source, size_t bytes);

}  // namespace vgpu::guest::bulk
