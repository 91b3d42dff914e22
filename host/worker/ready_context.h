// SPDX-License-Identifier: Apache-2.0
// ReadyContext: the primary context of the driver's first device, made before there is a program (vgpud
// --ready-contexts), with the flags that a program finds set. The first context that the program makes decides: when it
// is this one, the program gets it; when it is another, or is to have other flags, this one ends first, so that no
// program has a context that it did not ask for. Thread-safe.
#pragma once

#include <atomic>

#include "host/worker/driver.h"

namespace vgpu::host {

class ReadyContext {
 public:
  // Retains the context; null when there cannot be one, or when it would be in the way of other processes.
  static CUcontext make(const Driver& driver);

  // `context`: what make() returned.
  explicit ReadyContext(CUcontext context) : context_(context) {}

  // The program retains the primary context of `device`: the context, with the reference, or null when the driver is to
  // be asked.
  CUcontext take(const Driver& driver, CUdevice device);
  // The program sets flags of a primary context. True when they are this one's: then there is nothing to set.
  bool set_flags(const Driver& driver, CUdevice device, unsigned flags);
  void give_up(const Driver& driver);

 private:
  std::atomic<CUcontext> context_;  // null once it was taken or given up
};

}  // namespace vgpu::host
