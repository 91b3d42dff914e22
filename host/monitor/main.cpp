// SPDX-License-Identifier: Apache-2.0
// vgpu-monitor: reads the card for vgpud, which loads no vendor's library itself. One thread, one question at a time,
// and one more that waits for events; in a worker's sandbox. Started by vgpud with descriptor 3, their socket
// (protocol.h); ends with it.
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "common/log.h"
#include "host/monitor/card_reader.h"
#include "host/worker/sandbox.h"

namespace vgpu::host::monitor {
namespace {

struct Arguments {
  std::string driver, only;
  pid_t daemon = 0;
  bool soft = false, sandbox = true;
};

// The command line is vgpud's, not a person's: what is not understood is a broken installation.
bool parse(int argc, char** argv, Arguments& arguments) {
  for (int i = 1; i < argc; ++i) {
    const std::string_view option = argv[i];
    if (option == "--soft") arguments.soft = true;
    else if (option == "--no-sandbox") arguments.sandbox = false;
    else if (i + 1 == argc) return false;
    else if (option == "--driver") arguments.driver = argv[++i];
    else if (option == "--only") arguments.only = argv[++i];
    else if (option == "--parent") arguments.daemon = static_cast<pid_t>(std::atoi(argv[++i]));
    else if (option == "--log") log::set_level(static_cast<log::Level>(std::atoi(argv[++i])));
    else return false;
  }
  return arguments.daemon > 0;
}

bool send(uint64_t id, nvmlReturn_t result, const std::vector<std::byte>& bytes) {
  Header header = {id, result, static_cast<uint32_t>(bytes.size())};
  iovec parts[] = {{&header, sizeof header}, {const_cast<std::byte*>(bytes.data()), bytes.size()}};
  msghdr message = {};
  message.msg_iov = parts;
  message.msg_iovlen = 2;
  ssize_t sent = 0;
  do sent = ::sendmsg(kSocketFd, &message, MSG_NOSIGNAL);
  while (sent < 0 && errno == EINTR);
  return sent == static_cast<ssize_t>(sizeof header + bytes.size());
}

bool greet(const CardReader& reader) {
  std::vector<std::byte> bytes;
  codec::Writer writer(bytes);
  writer.put(reader.identity());
  for (const DeviceIdentity& device : reader.devices()) writer.put(device);
  return send(0, NVML_SUCCESS, bytes);
}

std::vector<std::byte> answer(CardReader& reader, std::span<const std::byte> request) {
  std::vector<std::byte> bytes;
  codec::Writer writer(bytes);
  auto named = nvml::read_name(request);
  const nvml::Call* const call = named ? named->call : nullptr;
  if (call == nullptr || (call->path != nvml::Path::reading && call->path != nvml::Path::share)) {
    nvml::put_refusal(NVML_ERROR_FUNCTION_NOT_FOUND, writer);
    return bytes;
  }
  auto reading = nvml::Prepared::create(*call, named->parameters);
  bool known = reading.has_value();
  if (known)
    for (const uint32_t device : reading->devices()) known &= device < reader.devices().size();
  if (known) reading->put_answer(reader.read(*reading), writer);
  else nvml::put_refusal(NVML_ERROR_INVALID_ARGUMENT, writer);
  if (bytes.size() > kMaxDatagram - sizeof(Header)) {
    bytes.clear();
    nvml::put_refusal(NVML_ERROR_INSUFFICIENT_SIZE, writer);
  }
  return bytes;
}

std::vector<std::byte> usage(CardReader& reader) {
  std::vector<Usage> found;
  std::vector<std::byte> bytes;
  codec::Writer writer(bytes);
  writer.put(static_cast<int32_t>(reader.usage(found)));
  constexpr size_t kMost = (kMaxDatagram - sizeof(Header) - sizeof(int32_t)) / sizeof(Usage);
  found.resize(std::min(found.size(), kMost));
  for (const Usage& use : found) writer.put(use);
  return bytes;
}

std::vector<std::byte> watch(CardReader& reader) {
  const auto tell = [](const CardEvent& event) {
    std::vector<std::byte> bytes;
    codec::Writer(bytes).put(event);
    send(0, NVML_SUCCESS, bytes);
  };
  std::vector<Watched> found;
  std::vector<std::byte> bytes;
  codec::Writer writer(bytes);
  writer.put(static_cast<int32_t>(reader.watch(tell, found)));
  for (const Watched& one : found) writer.put(one);
  return bytes;
}

std::vector<std::byte> answer_question(CardReader& reader, int32_t question, std::span<const std::byte> request) {
  if (question == kUsage) return usage(reader);
  return question == kWatch ? watch(reader) : answer(reader, request);
}

// Until vgpud closes the socket.
void serve(CardReader& reader) {
  std::vector<std::byte> datagram(kMaxDatagram);
  for (;;) {
    iovec part = {datagram.data(), datagram.size()};
    msghdr message = {};
    message.msg_iov = &part;
    message.msg_iovlen = 1;
    const ssize_t got = ::recvmsg(kSocketFd, &message, 0);
    if (got < 0 && errno == EINTR) continue;
    if (got < static_cast<ssize_t>(sizeof(Header))) return;
    Header header = {};
    std::memcpy(&header, datagram.data(), sizeof header);
    const auto request = std::span(datagram).first(static_cast<size_t>(got)).subspan(sizeof header);
    const std::vector<std::byte> said = answer_question(reader, header.result, request);
    if (!send(header.id, NVML_SUCCESS, said)) return;
  }
}

int run(const Arguments& arguments) {
  ::close_range(kSocketFd + 1, ~0u, 0);
  Sandbox sandbox(arguments.soft ? SandboxProfile::soft : SandboxProfile::vendor, arguments.daemon);
  if (!sandbox.guard()) return 0;
  if (arguments.sandbox) sandbox.isolate();
  auto reader = arguments.soft ? open_soft_reader(arguments.driver) : open_library_reader(arguments.only);
  if (!reader.ok()) {
    const std::string& why = reader.error().error.message;
    const auto* const text = reinterpret_cast<const std::byte*>(why.data());
    send(0, reader.error().code, {text, text + why.size()});
    return 1;
  }
  if (arguments.sandbox) {
    if (auto sealed = sandbox.seal(); !sealed.ok()) {
      VGPU_ERROR("vgpu-monitor: %s", sealed.error().message.c_str());
      return 1;
    }
  }
  if (greet(**reader)) serve(**reader);
  return 0;
}

}  // namespace
}  // namespace vgpu::host::monitor

int main(int argc, char** argv) {
  vgpu::host::monitor::Arguments arguments;
  if (!vgpu::host::monitor::parse(argc, argv, arguments)) {
    std::fprintf(stderr, "vgpu-monitor is started by vgpud; see vgpud --help\n");
    return 2;
  }
  // No exit handlers: a driver's threads may be at work still.
  ::_exit(vgpu::host::monitor::run(arguments));
}
