// SPDX-License-Identifier: Apache-2.0
// What the module's calls cost in a guest. Elsewhere there is no such node, and the rows are skipped.
#include <fcntl.h>
#include <sys/ioctl.h>

#include "bench/gpu.h"
#include "bench/stopwatch.h"
#include "common/endpoints.h"
#include "common/fd.h"
#include "uapi/linux/vgpu.h"
#include "vgpu/ring.h"

namespace vgpu::bench {
namespace {

constexpr const char* kNoNode = "no guest: there is no device node of ours here";

// A session whose ring stays empty: a worker that is rung finds nothing and sleeps again.
Measured<UniqueFd> open_session() {
  UniqueFd node(::open(kDeviceNode, O_RDWR | O_CLOEXEC));
  if (!node) return Failure::skip(kNoNode);
  vgpu_open open = {};
  open.bytes = ring::kTotalBytes;
  open.format = ring::kFormat;
  if (::ioctl(node.get(), VGPU_IOCTL_OPEN, &open) != 0)
    return Failure{"VGPU_IOCTL_OPEN", static_cast<CUresult>(CUDA_ERROR_OPERATING_SYSTEM)};
  return node;
}

Measured<double> call_time(unsigned long request, const char* name) {
  const UniqueFd node = TRY(open_session());
  return mean_time(500, [&]() -> Measured<void> {
    if (::ioctl(node.get(), request, nullptr) != 0) return Failure{name, CUDA_ERROR_OPERATING_SYSTEM};
    return {};
  });
}

Measured<double> doorbell(const Gpu&) { return call_time(VGPU_IOCTL_RING, "VGPU_IOCTL_RING"); }
Measured<double> check(const Gpu&) { return call_time(VGPU_IOCTL_CHECK, "VGPU_IOCTL_CHECK"); }

// A sleep whose word has another value already: the way into the module and back.
Measured<double> wait_call(const Gpu&) {
  const UniqueFd node = TRY(open_session());
  vgpu_wait wait = {};
  wait.expected = 1;  // The header's first word is not.
  wait.deadline = ~uint64_t{0};
  return mean_time(500, [&]() -> Measured<void> {
    if (::ioctl(node.get(), VGPU_IOCTL_WAIT, &wait) != 0)
      return Failure{"VGPU_IOCTL_WAIT", CUDA_ERROR_OPERATING_SYSTEM};
    return {};
  });
}

}  // namespace

Family device_node_family() {
  return {"device node",
          {{"guest: doorbell", Unit::seconds, doorbell},
           {"guest: is the worker there (register read)", Unit::seconds, check},
           {"guest: sleep that need not begin", Unit::seconds, wait_call}}};
}

}  // namespace vgpu::bench
