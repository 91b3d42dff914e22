// SPDX-License-Identifier: Apache-2.0
// Talks to a QEMU that listens for QMP: vm-qmp SOCKET STEP... A step is a command as JSON, whose reply is printed, or
// event:NAME, which waits until that event has come. An error reply, the end of QEMU and 30 silent seconds are
// failures.
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstdio>
#include <cstring>
#include <set>
#include <string>
#include <string_view>

namespace {

constexpr int kPatienceMs = 30'000;

class Connection {
 public:
  explicit Connection(int fd) : fd_(fd) {}
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;
  ~Connection() { close(fd_); }

  // A line without its end; empty at the end of the connection and when nothing comes.
  std::string read_line() {
    for (;;) {
      if (const size_t end = buffer_.find('\n'); end != std::string::npos) {
        std::string line = buffer_.substr(0, end);
        buffer_.erase(0, end + 1);
        return line;
      }
      pollfd wait{fd_, POLLIN, 0};
      if (poll(&wait, 1, kPatienceMs) <= 0) return {};
      char chunk[4096];
      const ssize_t got = read(fd_, chunk, sizeof chunk);
      if (got <= 0) return {};
      buffer_.append(chunk, static_cast<size_t>(got));
    }
  }

  bool send_line(std::string line) {
    line += '\n';
    return send(fd_, line.data(), line.size(), MSG_NOSIGNAL) == static_cast<ssize_t>(line.size());
  }

  bool wait_for_event(const std::string& name) {
    while (seen_.count(name) == 0) {
      const std::string line = read_line();
      if (line.empty()) return false;
      remember_event(line);
    }
    seen_.erase(name);
    return true;
  }

  // Events may come before the reply.
  bool run(const std::string& command) {
    if (!send_line(command)) return false;
    for (;;) {
      const std::string line = read_line();
      if (line.empty()) return false;
      if (remember_event(line)) continue;
      std::printf("%s\n", line.c_str());
      return line.find("\"error\"") == std::string::npos;
    }
  }

 private:
  bool remember_event(const std::string& line) {
    constexpr std::string_view kKey = "\"event\": \"";
    const size_t begin = line.find(kKey);
    if (begin == std::string::npos) return false;
    const size_t name = begin + kKey.size();
    seen_.insert(line.substr(name, line.find('"', name) - name));
    return true;
  }

  int fd_;
  std::string buffer_;
  std::set<std::string> seen_;
};

int connect_to(const char* path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (std::strlen(path) >= sizeof address.sun_path) return -1;
  std::strcpy(address.sun_path, path);
  const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd >= 0 && connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0) return fd;
  if (fd >= 0) close(fd);
  return -1;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 3) {
    std::fprintf(stderr, "usage: vm-qmp SOCKET STEP...\n");
    return 2;
  }
  const int fd = connect_to(argv[1]);
  if (fd < 0) {
    std::perror(argv[1]);
    return 1;
  }
  Connection qemu(fd);
  constexpr std::string_view kEvent = "event:";
  if (qemu.read_line().empty() || !qemu.run(R"({"execute": "qmp_capabilities"})")) return 1;
  for (int i = 2; i < argc; ++i) {
    const std::string step = argv[i];
    const bool is_event = step.rfind(kEvent, 0) == 0;
    if (is_event ? qemu.wait_for_event(step.substr(kEvent.size())) : qemu.run(step)) continue;
    std::fprintf(stderr, "failed: %s\n", step.c_str());
    return 1;
  }
  return 0;
}
