// SPDX-License-Identifier: Apache-2.0
// Clients that ask for reports as no library would, against the real daemon, monitor and software GPU.
#ifndef __CUDA_API_VERSION_INTERNAL
#define __CUDA_API_VERSION_INTERNAL
#endif
#include <fcntl.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstring>
#include <filesystem>
#include <fstream>
#include <memory>
#include <random>

#include "common/nvml/reading.h"
#include "tests/host/hostile_client.h"
#include "tests/support/test.h"
#include "vgpu/event.h"
#include "vgpu/report.h"
#include "vgpu/trace.h"

using namespace vgpu;
using namespace vgpu::test;

namespace {

// A connection that has not said hello.
struct Owner {
  UniqueFd socket;
  explicit Owner(const TestDaemon& daemon) : socket(connect_control(daemon.socket()).value()) {}

  // The daemon's answer to `request` in `file`; an errno in `result`, or -1: the connection was closed.
  wire::ControlMessage send(int file, uint64_t size) {
    wire::ControlMessage message = {};
    message.type = wire::Control::report;
    message.id = 1;
    message.size = size;
    const int files[] = {file};
    send_control(socket.get(), message, std::span(files).first(file >= 0 ? 1 : 0));
    const Incoming incoming = receive_control(socket.get(), 0);
    if (incoming.receipt == Receipt::message) return incoming.message;
    message.result = -1;
    return message;
  }
  int ask(const Bytes& request, Bytes* answer = nullptr) {
    const UniqueFd file = paper(request);
    const wire::ControlMessage got = send(file.get(), request.size());
    if (answer != nullptr && got.result == 0) {
      answer->resize(got.size);
      REQUIRE(::pread(file.get(), answer->data(), answer->size(), 0) == static_cast<ssize_t>(answer->size()));
    }
    return got.result;
  }
  static UniqueFd paper(const Bytes& request) {
    UniqueFd file(::memfd_create("request", MFD_CLOEXEC | MFD_ALLOW_SEALING));
    REQUIRE(::write(file.get(), request.data(), request.size()) == static_cast<ssize_t>(request.size()));
    return file;
  }
};

Bytes overview() { return pack(report::Kind::overview, uint32_t{0}); }

bool is_overview(const Bytes& bytes) {
  const std::string text(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  return text.starts_with("{") && text.ends_with("}") && text.find("\"uuid\":\"GPU-") != std::string::npos;
}

bool answers(const TestDaemon& daemon) {
  Bytes bytes;
  return Owner(daemon).ask(overview(), &bytes) == 0 && is_overview(bytes);
}

Bytes reading(std::string_view name, const Bytes& parameters) {
  Bytes request = pack(report::Kind::reading);
  codec::Writer writer(request);
  writer.string(name);
  return request + parameters;
}

int32_t result_of(Owner& asker, const Bytes& request) {
  Bytes answer;
  if (asker.ask(request, &answer) != 0 || answer.size() < 4) return -1;
  int32_t result = 0;
  std::memcpy(&result, answer.data(), sizeof result);
  return result;
}

std::vector<pid_t> monitors(const TestDaemon& daemon) {
  std::vector<pid_t> found;
  for (const pid_t pid : daemon.workers()) {
    std::ifstream file("/proc/" + std::to_string(pid) + "/comm");
    std::string name;
    if (std::getline(file, name) && name == "vgpu-monitor") found.push_back(pid);
  }
  return found;
}

}  // namespace

TEST_CASE("a report needs no session, and starts no worker", "[hostile][report]") {
  TestDaemon daemon;
  CHECK(answers(daemon));
  CHECK(monitors(daemon).size() == 1);
  CHECK(daemon.workers().size() == 1);
}

TEST_CASE("reports of impossible sizes, or without a file, are refused", "[hostile][report]") {
  TestDaemon daemon;
  Owner asker(daemon);
  const UniqueFd file = Owner::paper(overview());
  CHECK(asker.send(file.get(), 0).result == EINVAL);
  CHECK(asker.send(file.get(), report::kMaxRequest + 1).result == EINVAL);
  CHECK(asker.send(file.get(), ~uint64_t{0}).result == EINVAL);
  CHECK(asker.send(file.get(), 4096).result == EINVAL);  // more than the file has
  CHECK(asker.send(-1, 8).result == EBADF);
  CHECK(answers(daemon));
}

TEST_CASE("a report in a file that is not memory is refused, and the file stays as it is", "[hostile][report]") {
  TestDaemon daemon;
  Owner asker(daemon);
  const std::string path = "/tmp/vgpu-report-" + std::to_string(::getpid());
  UniqueFd file(::open(path.c_str(), O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600));
  REQUIRE(::write(file.get(), overview().data(), 8) == 8);
  int ends[2];
  REQUIRE(::pipe(ends) == 0);
  CHECK(asker.send(file.get(), 8).result == EBADF);
  CHECK(asker.send(ends[0], 8).result == EBADF);
  CHECK(std::filesystem::file_size(path) == 8);
  ::unlink(path.c_str());
  ::close(ends[0]), ::close(ends[1]);
  CHECK(answers(daemon));
}

TEST_CASE("an answer that cannot be written is an error for its client only", "[hostile][report]") {
  TestDaemon daemon;
  Owner asker(daemon);
  const UniqueFd sealed = Owner::paper(overview());
  REQUIRE(::fcntl(sealed.get(), F_ADD_SEALS, F_SEAL_WRITE) == 0);
  CHECK(asker.send(sealed.get(), 8).result == EIO);
  const UniqueFd short_file = Owner::paper(overview());
  REQUIRE(::fcntl(short_file.get(), F_ADD_SEALS, F_SEAL_GROW) == 0);
  CHECK(asker.send(short_file.get(), 8).result == EIO);
  CHECK(answers(daemon));
}

TEST_CASE("requests that nobody knows are refused", "[hostile][report]") {
  TestDaemon daemon;
  Owner asker(daemon);
  CHECK(asker.ask(pack(uint32_t{0})) == ENOSYS);
  CHECK(asker.ask(pack(uint32_t{4711})) == ENOSYS);
  CHECK(asker.ask(pack(uint16_t{1})) == EINVAL);
  CHECK(asker.ask(pack(report::Kind::overview)) == EINVAL);
  CHECK(asker.ask(pack(report::Kind::overview, uint32_t{1})) == EINVAL);
  CHECK(asker.ask(overview() + pack(uint32_t{0})) == EINVAL);
  CHECK(asker.ask(pack(report::Kind::processes, uint32_t{0})) == EINVAL);
  CHECK(asker.ask(pack(report::Kind::reading)) == EINVAL);
  CHECK(answers(daemon));
}

TEST_CASE("traces of nobody, and requests for traces that make no sense, are refused", "[hostile][report][trace]") {
  TestDaemon daemon;
  Owner asker(daemon);
  CHECK(asker.ask(pack(report::Kind::trace)) == EINVAL);
  trace::Request request = {static_cast<uint32_t>(report::Kind::trace), trace::Step::begin, 0, 0, 0, 0};
  CHECK(asker.ask(pack(request) + pack(uint32_t{0})) == EINVAL);
  const auto state_of = [&](trace::Step step, uint32_t pid) {
    request.step = step;
    request.pid = pid;
    request.trace = pid;
    Bytes answer;
    trace::Answer got = {};
    REQUIRE(asker.ask(pack(request), &answer) == 0);
    REQUIRE(answer.size() == sizeof got);
    std::memcpy(&got, answer.data(), sizeof got);
    return got.state;
  };
  CHECK(state_of(trace::Step::begin, 0) == trace::State::no_program);
  // This process has a connection and no session.
  CHECK(state_of(trace::Step::begin, static_cast<uint32_t>(::getpid())) == trace::State::no_program);
  CHECK(state_of(trace::Step::take, 1) == trace::State::unknown);
  CHECK(state_of(trace::Step::end, ~0u) == trace::State::unknown);
  request.step = trace::Step{77};
  CHECK(asker.ask(pack(request)) == EINVAL);
  CHECK(answers(daemon));
}

TEST_CASE("readings of nothing, of what is no reading, and of devices beyond the last are refused",
          "[hostile][report]") {
  TestDaemon daemon;
  Owner asker(daemon);
  CHECK(result_of(asker, reading("nvmlDeviceGetNothing", {})) == NVML_ERROR_FUNCTION_NOT_FOUND);
  CHECK(result_of(asker, reading("nvmlInit_v2", {})) == NVML_ERROR_NOT_SUPPORTED);
  CHECK(result_of(asker, reading("nvmlDeviceSetPersistenceMode", pack(uint32_t{0}))) == NVML_ERROR_NOT_SUPPORTED);
  CHECK(result_of(asker, reading("nvmlDeviceGetName", pack(uint32_t{99}))) == NVML_ERROR_INVALID_ARGUMENT);
  CHECK(result_of(asker, reading("nvmlDeviceGetName", {})) == NVML_ERROR_INVALID_ARGUMENT);
  CHECK(result_of(asker, reading("nvmlDeviceGetClockInfo", pack(uint32_t{0}, uint32_t{77}))) ==
        NVML_ERROR_INVALID_ARGUMENT);
  CHECK(result_of(asker, reading("nvmlDeviceGetMemoryInfo_v2", pack(uint32_t{0}, ~uint32_t{0}))) ==
        NVML_ERROR_INVALID_ARGUMENT);
  CHECK(result_of(asker, reading("nvmlDeviceGetName", pack(uint32_t{0}))) == NVML_SUCCESS);
}

TEST_CASE("random requests harm nobody", "[hostile][report]") {
  TestDaemon daemon;
  std::mt19937 random(20260802);
  {
    Owner asker(daemon);
    for (int i = 0; i < 400; ++i) {
      const auto rows = random() % 3 == 0 ? nvml::inner_calls() : nvml::calls();
      const nvml::Call& call = rows[random() % rows.size()];
      Bytes parameters(random() % 40);
      for (std::byte& byte : parameters) byte = static_cast<std::byte>(random() % 4 == 0 ? random() : 0);
      const Bytes request = random() % 4 == 0 ? parameters : reading(call.name, parameters);
      if (request.empty()) continue;
      CHECK(asker.ask(request) >= 0);
    }
  }
  CHECK(answers(daemon));
  CHECK(monitors(daemon).size() == 1);
}

TEST_CASE("a client that asks and does not read the answers is let go", "[hostile][report]") {
  TestDaemon daemon;
  REQUIRE(answers(daemon));
  const size_t held = daemon.held();
  {
    Owner asker(daemon);
    const UniqueFd file = Owner::paper(overview());
    const int files[] = {file.get()};
    wire::ControlMessage message = {};
    message.type = wire::Control::report;
    message.size = 8;
    for (int i = 0; i < 2000; ++i)
      if (send_control(asker.socket.get(), message, files, MSG_DONTWAIT) != Delivery::sent) break;
    CHECK(answers(daemon));
  }
  CHECK(eventually([&] { return daemon.held() <= held; }));
}

TEST_CASE("a client that goes while its report is under way takes nothing along", "[hostile][report]") {
  TestDaemon daemon;
  for (int i = 0; i < 20; ++i) {
    Owner asker(daemon);
    const UniqueFd file = Owner::paper(overview());
    const int files[] = {file.get()};
    wire::ControlMessage message = {};
    message.type = wire::Control::report;
    message.size = 8;
    REQUIRE(send_control(asker.socket.get(), message, files) == Delivery::sent);
  }
  CHECK(answers(daemon));
}

TEST_CASE("clients that wait for events and go leave nothing behind, and too many wait in vain", "[hostile][report]") {
  TestDaemon daemon;
  REQUIRE(answers(daemon));
  const size_t held = daemon.held();
  const event::Request wait = {static_cast<uint32_t>(report::Kind::events), 3000, event::kFromNow, 1, event::kXid};
  std::vector<std::unique_ptr<Owner>> askers;
  for (int i = 0; i < 32; ++i) {
    const UniqueFd file = Owner::paper(pack(wait));
    const int files[] = {file.get()};
    wire::ControlMessage message = {};
    message.type = wire::Control::report;
    message.size = sizeof wait;
    askers.push_back(std::make_unique<Owner>(daemon));
    REQUIRE(send_control(askers.back()->socket.get(), message, files) == Delivery::sent);
  }
  CHECK(Owner(daemon).ask(pack(wait)) == EAGAIN);
  askers.clear();
  CHECK(answers(daemon));
  CHECK(eventually([&] { return daemon.held() <= held; }));
  CHECK(Owner(daemon).ask(pack(wait)) == 0);
}

TEST_CASE("questions for events that make no sense are refused", "[hostile][report]") {
  TestDaemon daemon;
  Owner asker(daemon);
  const auto refusal_of = [&](uint64_t devices, uint64_t types) {
    Bytes bytes;
    const event::Request request = {static_cast<uint32_t>(report::Kind::events), 0, 0, devices, types};
    if (const int error = asker.ask(pack(request), &bytes); error != 0) return error;
    event::Answer answer = {};
    REQUIRE(bytes.size() == sizeof answer);
    std::memcpy(&answer, bytes.data(), sizeof answer);
    return -answer.result;
  };
  CHECK(refusal_of(0, event::kXid) == EINVAL);
  CHECK(refusal_of(1, 0) == EINVAL);
  CHECK(refusal_of(~uint64_t{0}, event::kXid) == -NVML_ERROR_INVALID_ARGUMENT);
  CHECK(refusal_of(1, ~uint64_t{0}) == -NVML_ERROR_NOT_SUPPORTED);
  CHECK(refusal_of(1, 1) == -NVML_ERROR_NOT_SUPPORTED);
  CHECK(refusal_of(1, event::kXid) == 0);
  CHECK(asker.ask(pack(report::Kind::events)) == EINVAL);
  CHECK(asker.ask(pack(report::Kind::events) + Bytes(29, std::byte{})) == EINVAL);
  CHECK(answers(daemon));
}

TEST_CASE("a monitor that is killed is replaced", "[hostile][report]") {
  TestDaemon daemon;
  REQUIRE(answers(daemon));
  const std::vector<pid_t> first = monitors(daemon);
  REQUIRE(first.size() == 1);
  REQUIRE(::kill(first.front(), SIGKILL) == 0);
  Owner asker(daemon);
  CHECK(eventually([&] { return result_of(asker, reading("nvmlDeviceGetName", pack(uint32_t{0}))) == NVML_SUCCESS; }));
  REQUIRE(monitors(daemon).size() == 1);
  CHECK(monitors(daemon) != first);
}

TEST_CASE("the daemon ends in order while a monitor runs", "[hostile][report]") {
  TestDaemon daemon;
  REQUIRE(answers(daemon));
  CHECK(daemon.stop());
}
