// SPDX-License-Identifier: Apache-2.0
#include "libcuda/callbacks.h"

#include <csignal>
#include <mutex>
#include <thread>

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

void start_callback_thread(Process& process) {
  static std::once_flag once;
  std::call_once(once, [&process] {
    // The program's signals are for the program's own threads.
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    std::thread([&process] { serve(process); }).detach();
    static_cast<void>(Remote({&process, &thread_state()}, wire::kServeCallbacks).call());
    pthread_sigmask(SIG_SETMASK, &before, nullptr);
  });
}

}  // namespace vgpu::guest
