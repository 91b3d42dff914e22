// SPDX-License-Identifier: Apache-2.0
// A worker's core for the tests of the process around it. The "driver" is a text file whose first word says how the
// start goes: ok, refuse, crash, hang. Afterwards it carries out one-line commands that the test client leaves in
// staging chunk 0, and answers in chunk 1.
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstdio>
#include <cstring>
#include <fstream>
#include <sstream>
#include <string>
#include <thread>

#include "common/session_memory.h"
#include "host/worker/core.h"

namespace vgpu::host {
namespace {

std::string errno_name(int result) { return result >= 0 ? "ok" : strerrorname_np(errno); }

constexpr int kDoorbell = 4;  // as vgpud starts a worker

std::string attempt(const std::string& what) {
  if (what == "open") return errno_name(::open("/etc/passwd", O_RDONLY));
  if (what == "socket") return errno_name(::socket(AF_INET, SOCK_STREAM, 0));
  if (what == "exec") return errno_name(::execl("/bin/true", "true", nullptr));
  if (what == "fork") return errno_name(::fork());
  if (what == "ptrace") return errno_name(static_cast<int>(::ptrace(PTRACE_ATTACH, ::getppid(), nullptr, nullptr)));
  if (what == "kill") return errno_name(::kill(::getppid(), 0));
  if (what == "write") return errno_name(::open("/tmp/vgpu-sandbox-test", O_WRONLY | O_CREAT, 0600));
  // Of the doorbell, which vgpud has, too.
  if (what == "block") return errno_name(::fcntl(kDoorbell, F_SETFL, 0));
  if (what == "block=0") {
    int off = 0;
    return errno_name(::ioctl(kDoorbell, FIONBIO, &off));
  }
  if (what == "dontblock") return errno_name(::fcntl(kDoorbell, F_SETFL, O_NONBLOCK));
  if (what == "thread") {
    int value = 0;
    std::thread([&value] { value = 1; }).join();
    return value == 1 ? "ok" : "no";
  }
  return "unknown";
}

class FakeCore final : public WorkerCore {
 public:
  FakeCore(int doorbell, MemoryBudget& budget, SharedRanges& ranges, ObjectBroker& broker)
      : doorbell_(doorbell), budget_(budget), ranges_(ranges), broker_(broker) {}

  void make_context() override { has_context_ = true; }
  void run(Attachment attachment) override {
    const SessionMemory& memory = attachment.memory;
    for (bool open = true; open;) {
      pollfd wait = {doorbell_, POLLIN, 0};
      uint64_t rings = 0;
      if (::poll(&wait, 1, -1) != 1 || ::read(doorbell_, &rings, sizeof rings) != sizeof rings) continue;
      commands_.fetch_add(1);
      char text[256] = {};
      std::memcpy(text, memory.chunk(0), sizeof text - 1);
      const std::string reply = carry_out(text, open);
      std::snprintf(reinterpret_cast<char*>(memory.chunk(1)), 256, "%s", reply.c_str());
      memory.slot(0).state.store(static_cast<uint32_t>(ring::SlotState::done), std::memory_order_release);
      attachment.waker.wake(memory.slot(0).state);
    }
  }

  std::vector<std::pair<std::string, uint64_t>> take_unsupported() override { return {}; }
  void trace(UniqueFd) override {}
  wire::Statistics statistics() const override {
    wire::Statistics statistics = {};
    statistics.commands = commands_.load();
    return statistics;
  }

 private:
  std::string carry_out(const std::string& text, bool& open) {
    std::istringstream words(text);
    std::string verb, name;
    uint64_t first = 0, second = 0;
    words >> verb;
    if (verb == "try") {
      words >> name;
      return attempt(name);
    }
    words >> std::hex >> first >> second;
    if (verb == "contains") return ranges_.contains(first, second) ? "yes" : "no";
    if (verb == "peek") return std::string(reinterpret_cast<const char*>(first), 4);
    if (verb == "reserve") return budget_.reserve(first) ? "yes" : "no";
    if (verb == "release") return budget_.release(first), "ok";
    if (verb == "limit") return std::to_string(budget_.limit());
    if (verb == "used") return std::to_string(budget_.used());
    if (verb == "offer") return offer(static_cast<uint32_t>(first));
    if (verb == "claim") return claim(first, second);
    if (verb == "withdraw") return broker_.withdraw({{first, second}}), "ok";
    if (verb == "context") return has_context_ ? "yes" : "no";
    if (verb == "user") return ::getuid() == 0 ? "root" : "other";
    if (verb == "crash") ::raise(SIGSEGV);
    if (verb == "end") open = false;
    return "ok";
  }

  // "TOKEN TOKEN", to be claimed by another one, or the errno's name. What is on offer is as NVIDIA's driver would have
  // it.
  std::string offer(uint32_t kind) {
    wire::SharedObject object = {};
    object.kind = static_cast<wire::ShareKind>(kind);
    std::strcpy(reinterpret_cast<char*>(object.bytes), "hello");
    const bool has_file = object.kind == wire::ShareKind::memory_file || object.kind == wire::ShareKind::pool_file;
    const int error = broker_.offer(object, has_file ? STDIN_FILENO : -1);
    if (error != 0) return strerrorname_np(error);
    std::ostringstream text;
    text << std::hex << object.token.word[0] << ' ' << object.token.word[1];
    return text.str();
  }

  std::string claim(uint64_t first, uint64_t second) {
    std::string found;
    for (uint32_t kind = 1; kind <= 5; ++kind) {
      wire::SharedObject object = {{{first, second}}, static_cast<wire::ShareKind>(kind), 0, {}};
      UniqueFd file;
      if (broker_.claim(object, file) != 0) continue;
      found += std::to_string(kind) + " " + reinterpret_cast<const char*>(object.bytes) + (file ? " with a file" : "");
    }
    return found.empty() ? "none" : found;
  }

  const int doorbell_;
  MemoryBudget& budget_;
  SharedRanges& ranges_;
  ObjectBroker& broker_;
  bool has_context_ = false;
  std::atomic<uint64_t> commands_{0};
};

}  // namespace

Result<std::unique_ptr<WorkerCore>> WorkerCore::create(const WorkerConfig& config, MemoryBudget& budget,
                                                       SharedRanges& ranges, ObjectBroker& broker) {
  std::ifstream file(config.driver_path);
  std::string mode;
  file >> mode;
  if (mode == "refuse") return Error{"the test's driver refuses"};
  if (mode == "crash") ::raise(SIGSEGV);
  if (mode == "hang") ::pause();
  if (mode != "ok") return Error{config.driver_path + " is no driver"};
  return std::unique_ptr<WorkerCore>(std::make_unique<FakeCore>(config.doorbell_fd, budget, ranges, broker));
}

}  // namespace vgpu::host
