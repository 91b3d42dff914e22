// SPDX-License-Identifier: Apache-2.0
#ifndef __CUDA_API_VERSION_INTERNAL
#define __CUDA_API_VERSION_INTERNAL
#endif
#include "tests/host/hostile_client.h"

#include <dirent.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstring>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "common/futex.h"
#include "tests/contract/kernels.h"

namespace vgpu::test {
namespace {

namespace fs = std::filesystem;
using std::chrono::milliseconds;
using Clock = std::chrono::steady_clock;

struct Silent final : codec::HandleObserver {
  void made(Kind, uint64_t) override {}
  void dropped(Kind, uint64_t) override {}
};

std::string read_file(const std::string& path) {
  std::ifstream file(path);
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

// The build directory: this program is <build>/tests/hostile.
fs::path build_directory() { return fs::read_symlink("/proc/self/exe").parent_path().parent_path(); }

}  // namespace

RawClient::RawClient(const std::string& socket_path) {
  auto connected = connect_control(socket_path);
  if (!connected.ok()) {
    text_ = connected.error().message;
    return;
  }
  socket_ = std::move(connected).value();
  wire::ControlMessage hello = {};
  hello.type = wire::Control::hello;
  hello.format = ring::kFormat;
  send_control(socket_.get(), hello);
  Incoming answer = receive_control(socket_.get(), 0);
  text_ = answer.receipt == Receipt::message ? answer.message.text : "closed";
  if (answer.receipt != Receipt::message || answer.message.type != wire::Control::welcome || answer.file_count != 2)
    return;
  auto memory = SessionMemory::map(answer.files[0].get());
  if (!memory.ok()) return;
  memory_ = std::make_unique<SessionMemory>(std::move(memory).value());
  doorbell_ = std::move(answer.files[1]);
}

ring::Command& RawClient::prepare(uint16_t opcode, std::span<const std::byte> payload, uint32_t slot) {
  std::byte* at = memory_->units(tail_);
  // SAFETY: a place of the ring, of which this client is the only producer.
  auto& command = *reinterpret_cast<ring::Command*>(at);
  command.opcode = opcode;
  command.flags = flags;
  command.thread = thread;
  command.reply_slot = slot;
  command.context = context;
  command.payload_bytes = payload.size();
  command.blob = 0;
  if (!payload.empty())
    std::memcpy(at + sizeof(ring::Command), payload.data(), std::min(payload.size(), ring::kMaxInline));
  return command;
}

void RawClient::publish(ring::Command& command, uint32_t units) {
  const auto limit = Clock::now() + std::chrono::seconds(20);
  while (tail_ + units - ring::load_head(header()) > ring::kRingUnits && Clock::now() < limit &&
         ring::session_state(header()) == ring::SessionState::open)
    std::this_thread::yield();
  tail_ += units;
  ring::publish(command, units);
  const uint64_t one = 1;
  if (ring::must_ring(header())) static_cast<void>(!::write(doorbell_.get(), &one, sizeof one));
}

void RawClient::publish(ring::Command& command) {
  const uint64_t bytes = (command.flags & ring::kBlobPayload) != 0 ? 0 : command.payload_bytes;
  publish(command, static_cast<uint32_t>(ring::units_for(sizeof(ring::Command) + bytes)));
}

void RawClient::post(uint16_t opcode, std::span<const std::byte> payload) {
  // The place must be free before it is written to.
  while (tail_ + ring::kRingUnits / 4 - ring::load_head(header()) > ring::kRingUnits &&
         ring::session_state(header()) == ring::SessionState::open)
    std::this_thread::yield();
  publish(prepare(opcode, payload));
}

Reply RawClient::call(uint16_t opcode, std::span<const std::byte> payload) {
  ring::ReplySlot& slot = memory_->slot(0);
  slot.waiting.store(0);
  slot.state.store(static_cast<uint32_t>(ring::SlotState::pending));
  publish(prepare(opcode, payload, 0));
  return wait_for(0);
}

Reply RawClient::wait_for(uint32_t index) {
  ring::ReplySlot& slot = memory_->slot(index);
  const auto limit = Clock::now() + std::chrono::seconds(10);
  while (!ring::is_done(slot)) {
    if (ring::session_state(header()) != ring::SessionState::open || Clock::now() > limit) return {};
    ring::sleep_announce(slot);
    if (!ring::is_done(slot))
      futex::wait(slot.state, static_cast<uint32_t>(ring::SlotState::pending), milliseconds(50));
  }
  const uint32_t bytes = (slot.flags & ring::kReplyInBlob) != 0 ? 0 : slot.bytes;
  return {true, static_cast<CUresult>(slot.result), slot.flags, Bytes(slot.data, slot.data + bytes)};
}

bool RawClient::is_lost() {
  return eventually([&] { return ring::session_state(header()) != ring::SessionState::open; });
}

CUresult RawClient::row_argv(const Call& call, void* const* argv) {
  Bytes request;
  codec::Writer writer(request);
  if (!codec::encode_request(call, argv, writer)) return CUDA_ERROR_INVALID_VALUE;
  const Reply reply = this->call(call.opcode, request);
  if (!reply.arrived) return CUDA_ERROR_LAUNCH_FAILED;
  if (reply.result != CUDA_SUCCESS) return reply.result;
  codec::Reader reader(reply.data);
  Silent observer;
  return codec::decode_reply(call, reader, argv, observer) ? CUDA_SUCCESS : CUDA_ERROR_UNKNOWN;
}

wire::ControlMessage RawClient::ask(const wire::ControlMessage& message, std::span<const int> files) {
  wire::ControlMessage copy = message;
  copy.id = ++last_id_;
  send_control(socket_.get(), copy, files);
  for (;;) {
    pollfd ready = {socket_.get(), POLLIN, 0};
    if (::poll(&ready, 1, 10'000) <= 0) return {};
    const Incoming answer = receive_control(socket_.get(), 0);
    if (answer.receipt != Receipt::message) return {};
    if (answer.message.id == copy.id) return answer.message;
  }
}

int RawClient::map(int file, uint64_t address, uint64_t size, uint64_t offset) {
  wire::ControlMessage message = {};
  message.type = wire::Control::map;
  message.address = address, message.size = size, message.offset = offset;
  const wire::ControlMessage answer = ask(message, file < 0 ? std::span<const int>() : std::span<const int>(&file, 1));
  return answer.type == wire::Control::done ? answer.result : -1;
}

bool RawClient::retain_context() {
  if (!is_open() || call(api::opcode::cuDevicePrimaryCtxRetain, pack(int32_t{0})).result != CUDA_SUCCESS) return false;
  context = handle::primary_context(0);
  return true;
}

uint64_t RawClient::allocate(size_t bytes) {
  CUdeviceptr out = 0;
  return row(api::spec::cuMemAlloc_v2, &out, bytes) == CUDA_SUCCESS ? out : 0;
}

uint64_t RawClient::load(const std::string& image) {
  Bytes payload = pack(uint32_t{0}, uint64_t{image.size()});
  codec::Writer(payload).bytes(image.data(), image.size());
  codec::Writer(payload).put(uint32_t{0});  // no containers that it was linked from
  const Reply reply = call(api::opcode::cuModuleLoadDataEx, payload);
  return reply.arrived && reply.result == CUDA_SUCCESS ? codec::Reader(reply.data).get<uint64_t>() : 0;
}

uint64_t RawClient::function(uint64_t module, const char* name) {
  CUfunction out = nullptr;
  CUmodule real = nullptr;
  std::memcpy(&real, &module, sizeof real);
  if (row(api::spec::cuModuleGetFunction, &out, real, name) != CUDA_SUCCESS) return 0;
  uint64_t wire = 0;
  std::memcpy(&wire, &out, sizeof out);
  return wire;
}

Reply RawClient::launch(uint64_t function, const Bytes& parameters, uint32_t blocks, uint32_t threads) {
  wire::Launch launch = {};
  launch.function = function;
  launch.grid[0] = blocks, launch.grid[1] = launch.grid[2] = 1;
  launch.block[0] = threads, launch.block[1] = launch.block[2] = 1;
  launch.parameter_bytes = static_cast<uint32_t>(parameters.size());
  return call(api::opcode::cuLaunchKernel, pack(launch) + parameters);
}

HealthyClient::HealthyClient(const std::string& socket_path) : client_(socket_path) {
  CUstream stream = nullptr;
  if (!client_.retain_context() || client_.row(api::spec::cuStreamCreate, &stream, 0u) != CUDA_SUCCESS) {
    wrong_ = true;
    return;
  }
  std::memcpy(&stream_, &stream, sizeof stream);
  buffer_ = client_.allocate(64 * 4);
  function_ = client_.function(client_.load(contract::kBasicPtx), "add");
  wrong_ = buffer_ == 0 || function_ == 0 ||
           client_.row(api::spec::cuMemsetD32_v2, CUdeviceptr{buffer_}, 0u, size_t{64}) != CUDA_SUCCESS;
  thread_ = std::thread([this] { run(); });
}

HealthyClient::~HealthyClient() {
  stop_ = true;
  if (thread_.joinable()) thread_.join();
}

void HealthyClient::run() {
  wire::Copy copy = {};
  copy.source = buffer_, copy.bytes = 64 * 4, copy.host_side = wire::HostSide::inline_data;
  for (uint32_t round = 1; !stop_ && !wrong_; ++round) {
    const Reply launched = client_.launch(function_, pack(buffer_, uint32_t{1}, uint32_t{64}), 2, 32);
    const Reply values = client_.call(api::opcode::cuMemcpyDtoH_v2, pack(copy));
    if (!launched.arrived || launched.result != CUDA_SUCCESS || values.data.size() != 64 * 4) wrong_ = true;
    codec::Reader reader(values.data);
    for (int i = 0; i < 64 && !wrong_; ++i) wrong_ = reader.get<uint32_t>() != round;
    rounds_.fetch_add(1);
    std::this_thread::sleep_for(milliseconds(1));
  }
}

bool HealthyClient::computes() {
  const uint64_t before = rounds_.load();
  return eventually([&] { return wrong_ || rounds_.load() >= before + 2; }) && !wrong_;
}

TestDaemon::TestDaemon(Limits limits, std::vector<std::string> options) {
  char name[] = "/tmp/vgpu-hostile.XXXXXX";
  if (::mkdtemp(name) == nullptr) return;
  ::chmod(name, 0755);
  directory_ = name;
  socket_ = directory_ + "/socket";
  const std::string log = directory_ + "/log", program = build_directory() / "bin/vgpud";
  std::vector<std::string> arguments = {program, "--socket", socket_, "--driver", "soft"};
  arguments.insert(arguments.end(), options.begin(), options.end());
  std::vector<char*> argv;
  for (std::string& argument : arguments) argv.push_back(argument.data());
  argv.push_back(nullptr);
  pid_ = ::fork();
  if (pid_ == 0) {
    const int file = ::open(log.c_str(), O_WRONLY | O_CREAT, 0644);
    ::dup2(file, STDERR_FILENO);
    ::close_range(STDERR_FILENO + 1, ~0u, 0);
    const rlimit limit = {limits.value, limits.value};
    if (limits.resource >= 0) ::setrlimit(static_cast<__rlimit_resource>(limits.resource), &limit);
    ::execv(argv[0], argv.data());
    ::_exit(127);
  }
  eventually([&] { return !alive() || connect_control(socket_).ok(); });
}

TestDaemon::~TestDaemon() {
  if (pid_ > 0) {
    ::kill(pid_, SIGKILL);
    ::waitpid(pid_, nullptr, 0);
  }
  std::error_code ignored;
  if (!directory_.empty()) fs::remove_all(directory_, ignored);
}

bool TestDaemon::alive() const { return pid_ > 0 && ::waitpid(pid_, nullptr, WNOHANG) == 0; }

std::string TestDaemon::log() const { return read_file(directory_ + "/log"); }

// Not from the file "children", which not every kernel has.
std::vector<pid_t> TestDaemon::workers() const {
  std::vector<pid_t> out;
  std::error_code ignored;
  for (const auto& entry : fs::directory_iterator("/proc", ignored)) {
    const std::string name = entry.path().filename().string();
    if (name.find_first_not_of("0123456789") != std::string::npos) continue;
    const std::string stat = read_file(entry.path().string() + "/stat");
    const size_t end = stat.rfind(')');
    char state = 0;
    pid_t parent = 0;
    if (end == std::string::npos || std::sscanf(stat.c_str() + end + 1, " %c %d", &state, &parent) != 2) continue;
    if (parent == pid_ && state != 'Z') out.push_back(std::stoi(name));
  }
  return out;
}

size_t TestDaemon::held() const {
  const std::string proc = "/proc/" + std::to_string(pid_);
  size_t count = 0;
  std::error_code ignored;
  for (const auto& entry : fs::directory_iterator(proc + "/fd", ignored)) count += entry.exists(ignored) || true;
  std::istringstream maps(read_file(proc + "/maps"));
  for (std::string line; std::getline(maps, line);) count += line.find("memfd:") != std::string::npos;
  return count;
}

bool TestDaemon::stop() {
  const std::vector<pid_t> before = workers();
  ::kill(pid_, SIGTERM);
  int status = -1;
  const bool ended = eventually([&] { return ::waitpid(pid_, &status, WNOHANG) == pid_; });
  if (!ended) return false;
  pid_ = -1;
  bool gone = status == 0;
  for (const pid_t worker : before) gone = gone && ::kill(worker, 0) != 0;
  return gone && !fs::exists(socket_);
}

Scene::Scene() : healthy(daemon.socket()) {
  workers_before_ = 1;
  eventually([&] { return daemon.workers().size() == workers_before_; });
  // The connection that the start was waited for with may still be on its way out.
  held_before_ = daemon.held();
  for (int calm = 0; calm < 5; std::this_thread::sleep_for(milliseconds(10))) {
    const size_t held = daemon.held();
    calm = held == held_before_ ? calm + 1 : 0;
    held_before_ = held;
  }
}

std::string Scene::damage() {
  if (!daemon.alive()) return "vgpud is gone: " + daemon.log();
  if (!healthy.computes()) return "the healthy client was harmed: " + daemon.log();
  if (!eventually([&] { return daemon.workers().size() == workers_before_; })) return "workers are left";
  if (!eventually([&] { return daemon.held() == held_before_; }))
    return "vgpud holds " + std::to_string(daemon.held()) + " files and mappings, " + std::to_string(held_before_) +
           " before";
  RawClient another(daemon.socket());
  if (!another.retain_context() || another.allocate(4096) == 0) return "a new client is not served: " + another.text();
  return "";
}

}  // namespace vgpu::test
