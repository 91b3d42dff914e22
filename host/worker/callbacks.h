// SPDX-License-Identifier: Apache-2.0
// Callbacks: host functions that the driver wants to run in stream order and that live in the guest. The driver calls
// a trampoline here; it queues a request, which CallbackServer hands to the guest; the stream waits until that has run.
// Thread-safe.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>
#include <optional>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "vgpu/ring.h"

namespace vgpu::host {

class Callbacks {
 public:
  // What the driver is given as user data. `keep`: it may run many times (host nodes of graphs).
  struct Record {
    Callbacks* owner;
    uint64_t function;
    uint64_t user_data;
    uint64_t stream;
    bool keep;
  };

  Record* add(uint64_t function, uint64_t user_data, uint64_t stream, bool keep);
  void remove(Record* record);

  // The functions to give to the driver.
  static void run_host_function(void* record);
  static void run_stream_callback(void* stream, int status, void* record);
  // For destructors of user objects: the driver may call it from the very call that the ring's dispatcher is in, so it
  // must not wait for the guest.
  static void run_destructor(void* record);

  struct Request {
    uint64_t id;
    ring::CallbackRequest request;
  };
  // Blocks until there is a request; none when the session ends.
  std::optional<Request> next();
  void done(uint64_t id);
  // Ends all waiting, for good.
  void close();
  bool is_closed() const { return closed_.load(std::memory_order_relaxed); }

 private:
  uint64_t request(Record* record, int status, bool is_stream_callback);
  void run(Record* record, int status, bool is_stream_callback);

  std::mutex mutex_;  // guards all below
  std::condition_variable changed_;
  std::deque<Request> queue_;
  std::unordered_set<uint64_t> running_;
  std::unordered_map<Record*, std::unique_ptr<Record>> records_;
  uint64_t next_id_ = 1;
  std::atomic<bool> closed_{false};
};

}  // namespace vgpu::host
