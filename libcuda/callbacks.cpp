// SPDX-License-Identifier: Apache-2.0
#include "libcuda/callbacks.h"

#include <csignal>
#include <mutex>
#include <thread>

#include "common/bits.h"
#include "libcuda/invoke.h"

namespace vgpu::guest {
namespace {

void run(const wire::CallbackRequest& request) {
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
  const Admitted admitted = {&process, &thread};
  for (;;) {
    Remote next(admitted, wire::kNextCallback);
    if (next.may_block().call() != CUDA_SUCCESS) return;
    const auto request = next.reader().get<wire::CallbackRequest>();
    if (!next.reader().complete()) return;
    // CUDA calls from a host function are not permitted.
    thread.in_callback = true;
    run(request);
    thread.in_callback = false;
    Remote done(admitted, wire::kCallbackDone);
    done.writer().put(request.id);
    if (done.post() != CUDA_SUCCESS) return;
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
    pthread_sigmask(SIG_SETMASK, &before, nullptr);
  });
}

}  // namespace vgpu::guest
