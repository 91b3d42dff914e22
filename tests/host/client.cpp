// SPDX-License-Identifier: Apache-2.0
// A client of vgpud for shell tests: client SOCKET STEP... carries out the steps in order and prints a line for each.
//   variables=TEXT: for the next hello
//   hello[=FORMAT]   raw=BYTES   type=NUMBER   files=COUNT     what is sent; the answer, if there is one, is printed
//   map=ADDRESS,SIZE[,OFFSET]  map-file=PATH,ADDRESS  unmap=ADDRESS,SIZE  burst=COUNT
//   run=COMMAND      by the worker (fake_core.cpp)
//   lost             waits until the session's memory says that the worker is lost
//   stats  closed  sleep=SECONDS  state
// Numbers are hexadecimal except counts. A wait ends after 10 seconds with "nothing".
#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <cstring>
#include <map>
#include <optional>
#include <sstream>
#include <string>
#include <vector>

#include "common/control_socket.h"
#include "common/futex.h"
#include "common/session_memory.h"

using namespace vgpu;

namespace {

constexpr int kPatienceMs = 10000;

struct Client {
  UniqueFd socket;
  std::optional<SessionMemory> memory;
  UniqueFd doorbell;
  std::optional<std::string> variables;  // for the next hello
};

void say(const std::string& text) {
  std::printf("%s\n", text.c_str());
  std::fflush(stdout);
}

std::string error_name(int error) { return error == 0 ? "ok" : strerrorname_np(error); }

Incoming wait_message(Client& client) {
  pollfd wait = {client.socket.get(), POLLIN, 0};
  ::poll(&wait, 1, kPatienceMs);
  return receive_control(client.socket.get(), MSG_DONTWAIT);
}

std::string describe(Client& client) {
  Incoming answer = wait_message(client);
  if (answer.receipt == Receipt::nothing) return "nothing";
  if (answer.receipt != Receipt::message) return "closed";
  if (answer.message.type == wire::Control::refused) return std::string("refused: ") + answer.message.text;
  if (answer.message.type == wire::Control::done) return error_name(answer.message.result);
  if (answer.message.type != wire::Control::welcome || answer.file_count != 2) return "unexpected";
  auto memory = SessionMemory::map(answer.files[0].get());
  if (!memory || !memory.value().check()) return "bad memory";
  client.memory.emplace(std::move(memory).value());
  client.doorbell = std::move(answer.files[1]);
  return "welcome";
}

std::vector<std::string> split(const std::string& text) {
  std::vector<std::string> parts;
  std::istringstream stream(text);
  for (std::string part; std::getline(stream, part, ',');) parts.push_back(part);
  return parts;
}

uint64_t hex(const std::string& text) { return std::stoull(text, nullptr, 16); }

wire::ControlMessage range_message(wire::Control type, const std::vector<std::string>& parts) {
  wire::ControlMessage message = {};
  message.type = type;
  message.address = hex(parts.at(0));
  message.size = hex(parts.at(1));
  if (parts.size() > 2) message.offset = hex(parts[2]);
  return message;
}

std::string hello(Client& client, const std::string& value) {
  wire::ControlMessage message = {};
  message.type = wire::Control::hello;
  message.format = value.empty() ? ring::kFormat : static_cast<uint32_t>(hex(value));
  if (client.variables) {
    message.result = 1;
    std::memcpy(message.text, client.variables->data(), std::min(client.variables->size(), sizeof message.text - 1));
  }
  send_control(client.socket.get(), message);
  return describe(client);
}

std::string set_variables(Client& client, const std::string& value) {
  client.variables = value;
  return "set";
}

std::string map(Client& client, const std::string& value) {
  const wire::ControlMessage message = range_message(wire::Control::map, split(value));
  // Sparse, so that a size beyond the machine's memory is no trouble.
  auto file = create_memory_file("test", std::min<uint64_t>(message.size, uint64_t{1} << 40));
  if (file) (void)!::pwrite(file.value().get(), "hey!", 4, 0);
  const int fd = file ? file.value().get() : -1;
  send_control(client.socket.get(), message, {&fd, file ? 1u : 0u});
  return describe(client);
}

std::string map_file(Client& client, const std::string& value) {
  const auto parts = split(value);
  const UniqueFd file(::open(parts.at(0).c_str(), O_RDWR | O_CLOEXEC));
  const wire::ControlMessage message = range_message(wire::Control::map, {parts.at(1), "1000"});
  const int fd = file.get();
  send_control(client.socket.get(), message, {&fd, 1});
  return describe(client);
}

// Many maps, up to 100 of them unanswered: more than the daemon lets through at a time.
std::string burst(Client& client, const std::string& value) {
  const int count = std::stoi(value);
  const auto file = create_memory_file("test", 4096);
  const int fd = file.value().get();
  int good = 0;
  for (int i = 0; i < count; ++i) {
    if (i >= 100) good += describe(client) == "ok" ? 1 : 0;
    wire::ControlMessage message = {};
    message.type = wire::Control::map;
    message.id = static_cast<uint64_t>(i);
    message.address = wire::kSharedBase + static_cast<uint64_t>(i) * 4096;
    message.size = 4096;
    send_control(client.socket.get(), message, {&fd, 1});
  }
  for (int i = std::max(0, count - 100); i < count; ++i) good += describe(client) == "ok" ? 1 : 0;
  return std::to_string(good) + " of " + std::to_string(count);
}

std::string send_raw(Client& client, const std::string& value) {
  const std::string bytes(std::stoul(value), 'x');
  ::send(client.socket.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
  return describe(client);
}

std::string send_type(Client& client, const std::string& value) {
  wire::ControlMessage message = {};
  message.type = static_cast<wire::Control>(std::stoul(value));
  send_control(client.socket.get(), message);
  return describe(client);
}

// More files than send_control() lets through.
std::string send_files(Client& client, const std::string& value) {
  const size_t count = std::stoul(value);
  wire::ControlMessage message = range_message(wire::Control::map, {"200000000000", "1000"});
  alignas(cmsghdr) char control[CMSG_SPACE(64 * sizeof(int))] = {};
  iovec bytes = {&message, sizeof message};
  msghdr header = {};
  header.msg_iov = &bytes;
  header.msg_iovlen = 1;
  header.msg_control = control;
  header.msg_controllen = CMSG_SPACE(count * sizeof(int));
  cmsghdr* part = CMSG_FIRSTHDR(&header);
  part->cmsg_level = SOL_SOCKET;
  part->cmsg_type = SCM_RIGHTS;
  part->cmsg_len = CMSG_LEN(count * sizeof(int));
  for (size_t i = 0; i < count; ++i) std::memset(CMSG_DATA(part) + i * sizeof(int), 0, sizeof(int));
  ::sendmsg(client.socket.get(), &header, MSG_NOSIGNAL);
  return describe(client);
}

// Sleeps as the guest library does, and says whether somebody woke it.
bool sleep_on_slot(Client& client, uint32_t index) {
  ring::ReplySlot& slot = client.memory->slot(index);
  ring::sleep_announce(slot);
  // What ended the session before that has looked for sleepers already.
  if (ring::session_state(client.memory->header()) != ring::SessionState::open) return true;
  const auto begin = std::chrono::steady_clock::now();
  futex::wait(slot.state, static_cast<uint32_t>(ring::SlotState::pending), std::chrono::seconds(10));
  return std::chrono::steady_clock::now() - begin < std::chrono::seconds(9);
}

std::string run(Client& client, const std::string& command) {
  ring::ReplySlot& slot = client.memory->slot(0);
  slot.state.store(static_cast<uint32_t>(ring::SlotState::pending));
  std::memset(client.memory->chunk(0), 0, 256);
  std::memcpy(client.memory->chunk(0), command.data(), std::min<size_t>(command.size(), 255));
  const uint64_t one = 1;
  (void)!::write(client.doorbell.get(), &one, sizeof one);
  for (int i = 0; i < 100 && !ring::is_done(slot); ++i) {
    if (ring::session_state(client.memory->header()) == ring::SessionState::worker_lost) return "lost";
    futex::wait(slot.state, static_cast<uint32_t>(ring::SlotState::pending), std::chrono::milliseconds(100));
  }
  return ring::is_done(slot) ? reinterpret_cast<const char*>(client.memory->chunk(1)) : "nothing";
}

std::string lost(Client& client, const std::string&) {
  client.memory->slot(7).state.store(static_cast<uint32_t>(ring::SlotState::pending));
  const bool woken =
      ring::session_state(client.memory->header()) != ring::SessionState::open || sleep_on_slot(client, 7);
  const bool is_lost = ring::session_state(client.memory->header()) == ring::SessionState::worker_lost;
  return std::string(is_lost ? "lost" : "not lost") + (woken ? ", woken" : ", not woken");
}

std::string stats(Client& client, const std::string&) {
  wire::ControlMessage message = {};
  message.type = wire::Control::statistics;
  send_control(client.socket.get(), message);
  const Incoming answer = wait_message(client);
  if (answer.receipt != Receipt::message || answer.message.type != wire::Control::statistics) return "no statistics";
  wire::DaemonStatistics totals = {};
  std::memcpy(&totals, answer.message.text, sizeof totals);
  return "commands " + std::to_string(totals.work.commands) + " sessions " + std::to_string(totals.sessions) +
         " lost " + std::to_string(totals.workers_lost) + " device " + std::to_string(totals.device_bytes) +
         " mapped " + std::to_string(totals.mapped_bytes);
}

std::string closed(Client& client, const std::string&) {
  return wait_message(client).receipt == Receipt::closed ? "closed" : "not closed";
}

std::string unmap(Client& client, const std::string& value) {
  send_control(client.socket.get(), range_message(wire::Control::unmap, split(value)));
  return describe(client);
}

std::string pause_for(Client&, const std::string& value) {
  ::sleep(static_cast<unsigned>(std::stoul(value)));
  return "slept";
}

}  // namespace

int main(int argc, char** argv) {
  using Step = std::string (*)(Client&, const std::string&);
  const std::map<std::string, Step> steps = {{"hello", hello},     {"raw", send_raw},
                                             {"type", send_type},  {"files", send_files},
                                             {"map", map},         {"map-file", map_file},
                                             {"unmap", unmap},     {"burst", burst},
                                             {"run", run},         {"lost", lost},
                                             {"stats", stats},     {"closed", closed},
                                             {"sleep", pause_for}, {"variables", set_variables}};
  if (argc < 2) return 2;
  auto socket = connect_control(argv[1]);
  if (!socket) {
    say(socket.error().message);
    return 1;
  }
  Client client;
  client.socket = std::move(socket).value();
  for (int i = 2; i < argc; ++i) {
    const std::string word = argv[i];
    const size_t at = word.find('=');
    const auto step = steps.find(word.substr(0, at));
    if (step == steps.end()) return 2;
    say(step->second(client, at == std::string::npos ? "" : word.substr(at + 1)));
  }
  return 0;
}
