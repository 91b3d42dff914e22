// SPDX-License-Identifier: Apache-2.0
// The log of calls that failed, as cuLogs* show it: the last hundred messages, told to the program's callbacks and to
// the file that CUDA_LOG_FILE names. It is this library's own, for it sees every call of the program, also those that
// never reach the host; the words in which the host's driver explains an error stay there. Thread-safe.
#pragma once

#include <array>
#include <cstdint>
#include <list>
#include <mutex>
#include <string>

#include "common/face/cuda_api.h"

namespace vgpu::guest {

class ErrorLog {
 public:
  static ErrorLog& get();

  // A call has returned an error. What only says "not yet" is none.
  void note(const char* call, CUresult result);

  // Where the next message will be.
  CUlogIterator end() const;
  // The messages from `from` on, a line each, and in `from` the end. Those that are out of reach, or that would make it
  // longer than `most`, are left out, oldest first, and a line at the top says so. Empty if not even the last one fits.
  std::string text(CUlogIterator& from, size_t most) const;

  CUlogsCallbackHandle add(CUlogsCallback function, void* data);
  // False when it is none. When it returns, no other thread is inside the function.
  bool remove(CUlogsCallbackHandle handle);

 private:
  struct Callback {
    CUlogsCallback function;
    void* data;
  };

  void keep(const std::string& line);
  void tell(const std::string& message);
  // With callbacks_mutex_ held.
  std::list<Callback>::iterator find(uint64_t handle);

  static constexpr CUlogIterator kMessages = 100;
  mutable std::mutex mutex_;  // guards the following two
  std::array<std::string, kMessages> lines_;
  CUlogIterator next_ = 0;
  // A callback may remove itself, or make calls that fail.
  std::recursive_mutex callbacks_mutex_;  // guards callbacks_, and is held while they run
  std::list<Callback> callbacks_;
};

}  // namespace vgpu::guest
