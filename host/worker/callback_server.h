// SPDX-License-Identifier: Apache-2.0
// CallbackServer: the thread that hands the program's host functions to the guest, one after the other, by the header
// of the session's memory, and waits until each has run. It uses neither the ring nor its dispatcher, who may wait for
// just that in a call of the driver: a launch where the device's queue is full, or of a graph that still runs.
#pragma once

#include <mutex>
#include <thread>

#include "host/worker/callbacks.h"
#include "host/worker/waker.h"

namespace vgpu::host {

class CallbackServer {
 public:
  CallbackServer(Callbacks& callbacks, ring::Header& header, Waker waker)
      : callbacks_(callbacks), header_(header), waker_(waker) {}
  // The callbacks are closed by then.
  ~CallbackServer();
  CallbackServer(const CallbackServer&) = delete;
  CallbackServer& operator=(const CallbackServer&) = delete;

  // The guest is there to run them. Once is enough; more often does nothing. False where no thread can be had.
  bool start();

 private:
  void work();
  void wait_until_done(uint32_t number) const;

  Callbacks& callbacks_;
  ring::Header& header_;
  const Waker waker_;
  std::mutex mutex_;  // guards thread_
  std::thread thread_;
};

}  // namespace vgpu::host
