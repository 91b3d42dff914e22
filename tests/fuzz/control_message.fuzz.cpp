// SPDX-License-Identifier: Apache-2.0
// Fuzzes the daemon's side of a client's socket: datagrams of any size and content, with any number of files, go
// through receive_control and the daemon's Session, whose worker never comes. No descriptor may be left afterwards.
// Each datagram is: a byte of files (0 to 3), two bytes of length, the bytes; missing bytes are cut off.
#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <vector>

#include "common/log.h"
#include "host/daemon/socket_session.h"

namespace {

using namespace vgpu;

class NoWorkers final : public host::SessionHost {
 public:
  Result<std::unique_ptr<host::Worker>> take_worker(const DriverVariables& /*variables*/) override {
    return Error{"this daemon has no workers"};
  }
  void query_statistics(host::SocketSession& session, uint64_t id) override {
    wire::ControlMessage message = {};
    message.type = wire::Control::statistics;
    message.id = id;
    session.send(message);
  }
  void report(const host::Owner&, std::span<const std::byte> request, host::ReportAnswered answered) override {
    answered(request.size() % 2 == 0 ? 0 : ENOSYS, request);
  }
  void session_begins(host::Session&) override {}
  void session_ended(host::Session&) override { ended = true; }
  host::SharedObjects& shared_objects() override { return shared_objects_; }
  void program_failed(const host::Owner&, const wire::Fault&) override {}
  bool ended = false;

 private:
  host::SharedObjects shared_objects_{host::DriverKind::soft};
};

int lowest_free_descriptor() {
  const int fd = ::open("/dev/null", O_RDONLY);
  ::close(fd);
  return fd;
}

void send_datagram(int socket, const uint8_t* data, size_t size, int file_count) {
  const int files[] = {STDIN_FILENO, STDIN_FILENO, STDIN_FILENO};
  alignas(cmsghdr) char control[CMSG_SPACE(sizeof files)] = {};
  iovec bytes = {const_cast<uint8_t*>(data), size};
  msghdr header = {};
  header.msg_iov = &bytes;
  header.msg_iovlen = 1;
  if (file_count > 0) {
    const size_t file_bytes = static_cast<size_t>(file_count) * sizeof(int);
    header.msg_control = control;
    header.msg_controllen = CMSG_SPACE(file_bytes);
    cmsghdr* part = CMSG_FIRSTHDR(&header);
    part->cmsg_level = SOL_SOCKET;
    part->cmsg_type = SCM_RIGHTS;
    part->cmsg_len = CMSG_LEN(file_bytes);
    std::memcpy(CMSG_DATA(part), files, file_bytes);
  }
  static_cast<void>(::sendmsg(socket, &header, MSG_NOSIGNAL | MSG_DONTWAIT));
}

// All answers are whole messages, and none comes with a file.
void read_answers(int socket) {
  for (;;) {
    const Incoming answer = receive_control(socket, MSG_DONTWAIT);
    if (answer.receipt == Receipt::violation || answer.file_count != 0) __builtin_trap();
    if (answer.receipt != Receipt::message) return;
  }
}

void converse(const uint8_t* data, size_t size) {
  int pair[2];
  if (::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) != 0) return;
  const UniqueFd client(pair[0]);
  ::fcntl(pair[1], F_SETFL, O_NONBLOCK);
  auto loop = host::EventLoop::create();
  NoWorkers workers;
  auto session = host::SocketSession::open(**loop, workers, UniqueFd(pair[1]));
  while (size >= 3 && !workers.ended) {
    const int files = data[0] % 4;
    const size_t length = std::min<size_t>(static_cast<size_t>(data[1] | data[2] << 8) % 600, size - 3);
    send_datagram(client.get(), data + 3, length, files);
    (*loop)->turn(0);
    read_answers(client.get());
    data += 3 + length, size -= 3 + length;
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  log::set_level(log::Level::off);
  const int before = lowest_free_descriptor();
  converse(data, size);
  if (lowest_free_descriptor() != before) {
    std::fprintf(stderr, "a descriptor was left open\n");
    std::abort();
  }
  return 0;
}
