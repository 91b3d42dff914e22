// SPDX-License-Identifier: Apache-2.0
// vgpu-holder: what remains of vgpud when it dies. QEMU aborts, and the VM with it, when its server goes with unread
// bytes in the socket. So this process holds a duplicate of the connection, and when vgpud is gone it shuts the
// connection down in order, waits until no worker is left that could write into the VM's memory, and tells the guest's
// driver so: in the channel's state, and by an interrupt. It is small so that nothing in it can fail. Started by vgpud.
#include <poll.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cstdio>
#include <cstring>
#include <utility>
#include <vector>

#include "common/fd.h"
#include "host/holder/message.h"
#include "vgpu/pci.h"

namespace vgpu::host::holder {
namespace {

constexpr long kPage = 4096;
constexpr int kPeerLimitMs = 5000;
constexpr size_t kWorkersToSweep = 64;

struct Held {
  UniqueFd connection, interrupt, memory;
  uint64_t state_offset = 0;
  std::vector<UniqueFd> workers;
  bool all_workers_known = true;
};

bool has_ended(int pidfd, int timeout_ms) {
  pollfd end = {pidfd, POLLIN, 0};
  return ::poll(&end, 1, timeout_ms) == 1;
}

void take(Held& held, const Message& message, UniqueFd file) {
  switch (message.what) {
    case What::connection: held.connection = std::move(file); return;
    case What::interrupt: held.interrupt = std::move(file); return;
    case What::channel:
      held.memory = std::move(file);
      held.state_offset = message.offset;
      return;
    case What::worker:
      // Out of descriptors: nobody can say any more that no worker is left.
      if (!file) {
        held.all_workers_known = false;
        return;
      }
      if (held.workers.size() >= kWorkersToSweep)
        std::erase_if(held.workers, [](const UniqueFd& worker) { return has_ended(worker.get(), 0); });
      held.workers.push_back(std::move(file));
      return;
  }
}

// One message. False when vgpud is gone.
bool receive(Held& held) {
  Message message = {};
  iovec part = {&message, sizeof message};
  alignas(cmsghdr) char control[CMSG_SPACE(sizeof(int))] = {};
  msghdr header = {};
  header.msg_iov = &part;
  header.msg_iovlen = 1;
  header.msg_control = control;
  header.msg_controllen = sizeof control;
  const ssize_t got = ::recvmsg(kSocket, &header, MSG_CMSG_CLOEXEC);
  if (got < 0 && errno == EINTR) return true;
  if (got != static_cast<ssize_t>(sizeof message)) return false;
  int file = -1;
  const cmsghdr* const attached = CMSG_FIRSTHDR(&header);
  if (attached != nullptr && attached->cmsg_type == SCM_RIGHTS) std::memcpy(&file, CMSG_DATA(attached), sizeof file);
  take(held, message, UniqueFd(file));
  return true;
}

void drain(int connection) {
  char unread[4096];
  while (::recv(connection, unread, sizeof unread, MSG_DONTWAIT) > 0) {
  }
}

void tell_guest(const Held& held) {
  if (!held.memory) return;
  const auto page = static_cast<off_t>(held.state_offset / kPage * kPage);
  void* const view = ::mmap(nullptr, kPage, PROT_READ | PROT_WRITE, MAP_SHARED, held.memory.get(), page);
  if (view == MAP_FAILED) return;
  // SAFETY: the state lies in one page, which the guest's driver gave for it.
  auto& state = *reinterpret_cast<vgpu_channel_state*>(static_cast<char*>(view) + held.state_offset % kPage);
  __atomic_store_n(&state.life, static_cast<uint32_t>(VGPU_LIFE_DEAD), __ATOMIC_RELEASE);
  const uint64_t one = 1;
  if (held.interrupt) static_cast<void>(!::write(held.interrupt.get(), &one, sizeof one));
}

void take_over(const Held& held) {
  if (held.connection) {
    ::shutdown(held.connection.get(), SHUT_RDWR);
    drain(held.connection.get());
  }
  // They die with vgpud anyway; this does not depend on it.
  for (const UniqueFd& worker : held.workers) ::syscall(SYS_pidfd_send_signal, worker.get(), SIGKILL, nullptr, 0);
  for (const UniqueFd& worker : held.workers) has_ended(worker.get(), -1);
  if (held.all_workers_known) tell_guest(held);
  if (!held.connection) return;
  // QEMU's end closes when it has read the end of ours. Until then it could meet a socket that is gone.
  pollfd peer = {held.connection.get(), 0, 0};
  ::poll(&peer, 1, kPeerLimitMs);
  drain(held.connection.get());
}

}  // namespace
}  // namespace vgpu::host::holder

int main() {
  using namespace vgpu::host::holder;
  int type = 0;
  socklen_t bytes = sizeof type;
  if (::getsockopt(kSocket, SOL_SOCKET, SO_TYPE, &type, &bytes) != 0) {
    std::fprintf(stderr, "vgpu-holder is started by vgpud; see vgpud --help\n");
    return 2;
  }
  // What ends vgpud must not end this first.
  for (const int signal : {SIGINT, SIGTERM, SIGHUP, SIGPIPE, SIGQUIT}) ::signal(signal, SIG_IGN);
  ::prctl(PR_SET_NAME, "vgpu-holder", 0, 0, 0);
  ::close_range(kSocket + 1, ~0u, 0);
  Held held;
  while (receive(held)) {
  }
  take_over(held);
  return 0;
}
