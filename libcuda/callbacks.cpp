// SPDX-License-Identifier: Apache-2.0
#include "libcuda/callbacks.h"

#include <mutex>

#include "common/background_thread.h"
#include "common/bits.h"
#include "libcuda/invoke.h"

namespace vgpu::guest {
namespace {

void run(const ring::CallbackRequest& request) {
  void* user_data = from_bits<void*>(request.user_data);
  if (request.is_stream_callback == 0) {
    from_bits<CUhostFn>(request.function)(user_data);
    return;
  }
  from_bits<CUstreamCallback>(request.function)(from_bits<CUstream>(request.stream),
                                                static_cast<CUresult>(request.status), user_data);
}

void serve(Process& process) {
  ThreadState& thread = thread_state();
  Session& session = process.session();
  while (const std::optional<ring::CallbackRequest> request = session.next_callback()) {
    // CUDA calls from a host function are not permitted.
    thread.in_callback = true;
    run(*request);
    thread.in_callback = false;
    session.callback_done();
  }
}

}  // namespace

CUresult start_callback_thread(Process& process) {
  static std::mutex mutex;  // guards `runs`
  static bool runs = false;
  const std::lock_guard lock(mutex);
  if (runs) return CUDA_SUCCESS;
  if (const CUresult served = Remote({&process, &thread_state()}, wire::kServeCallbacks).call(); served != CUDA_SUCCESS)
    return served;
  runs = start_background_thread("vgpu-callbacks", [&process] { serve(process); });
  return runs ? CUDA_SUCCESS : CUDA_ERROR_OPERATING_SYSTEM;
}

}  // namespace vgpu::guest
