// SPDX-License-Identifier: Apache-2.0
#include "host/daemon/vm_session.h"

#include <fmt/core.h>
#include <unistd.h>

#include <cerrno>
#include <utility>

#include "common/log.h"

namespace vgpu::host {

std::string VmSession::name() const { return fmt::format("VM, number {}", number_); }

Result<VmSession::Lent> VmSession::lend(const GuestPages& pages) {
  Lent lent;
  lent.file.reset(::dup(pages.file));
  if (!lent.file) return Error::from_errno("cannot hand guest memory to a worker");
  lent.table = TRY(write_run_table(pages.runs));
  lent.runs = pages.runs.size();
  return lent;
}

void VmSession::open(const OpenRequest& request, std::function<void()> refused, std::function<void()> gone) {
  open_cookie_ = request.cookie;
  program_ = request.program;
  user_ = request.user;
  refused_ = std::move(refused);
  gone_ = std::move(gone);
  if (request.bytes != ring::kTotalBytes)
    return refuse(
        fmt::format("a session needs {} bytes of shared memory, the program offers {}: install the same "
                    "release of vgpu in the VM and on its host",
                    ring::kTotalBytes, request.bytes));
  auto memory = lend(request.pages);
  if (!memory) return refuse(memory.error().message);
  memory_ = std::move(*memory);
  start(request.format, request.text);
}

void VmSession::attach_memory() {
  Worker& own = *worker();
  const int wake = own.process().wake_fd();
  // Never read: what the worker has taken away itself would make us wait. Its count is of no interest.
  auto watch = loop_.watch(wake, EPOLLIN | EPOLLET, [this](uint32_t) { channel_.wake_guest(); });
  if (!watch) return refuse(watch.error().message);
  wake_watch_ = std::move(*watch);
  guard_(own.process().pidfd());
  attach({.file = memory_.file.get(), .table = memory_.table.get(), .table_runs = memory_.runs}, true);
}

void VmSession::opened() {
  memory_ = {};
  channel_.complete(std::exchange(open_cookie_, 0), 0);
}

void VmSession::tell_refused(const std::string& why) {
  refused_();
  leave([this_channel = &channel_, cookie = std::exchange(open_cookie_, 0), why, gone = std::move(gone_)] {
    this_channel->complete(cookie, ECONNREFUSED, 0, why);
    gone();
  });
}

void VmSession::tell_lost() { channel_.session_lost(number_); }

void VmSession::map(const MapRequest& request) {
  auto memory = lend(request.pages);
  if (!memory) return answered(request.cookie, ENOMEM);
  Session::map({.id = request.cookie,
                .address = request.address,
                .size = request.bytes,
                .adopt = request.adopt,
                .memory = {.file = memory->file.get(), .table = memory->table.get(), .table_runs = memory->runs}});
}

void VmSession::ring() {
  if (worker() == nullptr) return;
  const uint64_t one = 1;
  static_cast<void>(!::write(worker()->process().doorbell_fd(), &one, sizeof one));
}

void VmSession::unmap(const UnmapRequest& request) {
  // With the worker its mappings went.
  if (state() == State::lost) return answered(request.cookie, 0);
  Session::unmap(request.cookie, request.address, request.bytes);
}

void VmSession::leave(std::function<void()> gone) {
  wake_watch_ = Watch();
  auto finish = [channel = &channel_, unanswered = take_requests(), open = std::exchange(open_cookie_, 0),
                 gone = std::move(gone)] {
    for (const uint64_t cookie : unanswered) channel->complete(cookie, ENODEV);
    if (open != 0) channel->complete(open, ECANCELED);
    gone();
  };
  if (worker() != nullptr && !worker()->ended()) {
    worker()->when_gone = std::move(finish);
    end();
  } else {
    end();
    finish();
  }
}

}  // namespace vgpu::host
