// SPDX-License-Identifier: Apache-2.0
#include "host/worker/control_channel.h"

#include <pthread.h>
#include <unistd.h>

#include <cstring>

#include "common/log.h"
#include "host/worker/own_threads.h"

namespace vgpu::host {
namespace {

// The daemon is gone, and with it the reason to live. Nothing here is worth an orderly end: the kernel frees it all.
[[noreturn]] void end_process() { ::_exit(0); }

// The memory that a map or attach brought; nothing when its files are not as they should be.
std::optional<std::vector<FileRun>> runs_of(const Incoming& incoming) {
  if (incoming.file_count == 1) return std::vector<FileRun>{{incoming.message.offset, incoming.message.size}};
  if (incoming.file_count != 2) return std::nullopt;
  auto runs = read_run_table(incoming.files[1].get(), incoming.message.offset);
  return runs.ok() ? std::optional(std::move(*runs)) : std::nullopt;
}

}  // namespace

Result<std::unique_ptr<ControlChannel>> ControlChannel::open(int socket, SharedRangeTable& ranges) {
  std::unique_ptr<ControlChannel> channel(new ControlChannel(socket, ranges));
  TRY(channel->learn_limit());
  pthread_t thread = {};
  const auto entry = [](void* self) -> void* {
    static_cast<ControlChannel*>(self)->serve_daemon();
    return nullptr;
  };
  const int error = ::pthread_create(&thread, nullptr, entry, channel.get());
  if (error != 0) return Error::from_errno("cannot start the worker's control thread", error);
  ::pthread_detach(thread);
  return channel;
}

// The limit never changes, so that the core can look at it before each allocation.
Result<void> ControlChannel::learn_limit() {
  wire::ControlMessage question = {};
  question.type = wire::Control::reserve;
  send(question);
  const Incoming answer = receive_control(socket_, 0);
  if (answer.receipt == Receipt::closed) end_process();
  if (answer.receipt != Receipt::message || answer.message.type != wire::Control::done)
    return Error{"vgpud did not say how much device memory there is"};
  limit_ = answer.message.size;
  return {};
}

void ControlChannel::serve_daemon() {
  ::pthread_setname_np(::pthread_self(), "control");
  count_as_ours();
  for (;;) {
    Incoming incoming = receive_control(socket_, 0);
    if (incoming.receipt != Receipt::message) end_process();
    on_message(incoming);
  }
}

void ControlChannel::on_message(Incoming& incoming) {
  const wire::ControlMessage& message = incoming.message;
  wire::ControlMessage answer = {};
  answer.type = wire::Control::done;
  answer.id = message.id;
  switch (message.type) {
    case wire::Control::map: answer.result = on_map(incoming); return send(answer);
    case wire::Control::attach: answer.result = on_attach(incoming); return send(answer);
    case wire::Control::unmap: answer.result = ranges_.unmap(message.address, message.size); return send(answer);
    case wire::Control::statistics: return say_statistics(message.id);
    case wire::Control::trace: return on_trace(incoming);
    case wire::Control::done: {
      const std::lock_guard lock(mutex_);
      answers_[message.id] = std::move(incoming);
      answered_.notify_all();
      return;
    }
    case wire::Control::hello:
    case wire::Control::welcome:
    case wire::Control::refused:
    case wire::Control::reserve:
    case wire::Control::release:
    case wire::Control::report:
    case wire::Control::unsupported:
    case wire::Control::offer:
    case wire::Control::claim:
    case wire::Control::withdraw:
    case wire::Control::fault:
    case wire::Control::keep:
      // Not for workers; the daemon is ours, so this is a bug and not an attack.
      return;
  }
}

int ControlChannel::on_map(const Incoming& incoming) {
  const wire::ControlMessage& message = incoming.message;
  const auto runs = runs_of(incoming);
  if (!runs) return EBADF;
  const int file = incoming.files[0].get();
  return message.result == 1 ? ranges_.adopt(file, *runs, message.address, message.size)
                             : ranges_.map(file, *runs, message.address, message.size);
}

int ControlChannel::on_attach(const Incoming& incoming) {
  const auto runs = runs_of(incoming);
  if (!runs) return EBADF;
  Result<SessionMemory> memory = SessionMemory::map(incoming.files[0].get(), *runs);
  if (!memory.ok()) {
    VGPU_ERROR("%s", memory.error().message.c_str());
    return EINVAL;
  }
  memory->initialise();
  const std::lock_guard lock(mutex_);
  if (memory_) return EEXIST;
  remote_ = incoming.message.result == 1;
  memory_.emplace(std::move(*memory));
  attached_.notify_all();
  return 0;
}

void ControlChannel::on_trace(Incoming& incoming) {
  WorkerCore* const core = core_.load(std::memory_order_acquire);
  if (core != nullptr && incoming.file_count == 1) core->trace(std::move(incoming.files[0]));
}

Incoming ControlChannel::ask(wire::ControlMessage question, int file) const {
  std::unique_lock lock(mutex_);
  question.id = next_id_++;
  send(question, file);
  answered_.wait(lock, [&] { return answers_.contains(question.id); });
  return std::move(answers_.extract(question.id).mapped());
}

wire::ControlMessage ControlChannel::ask_for_memory(uint64_t bytes) const {
  wire::ControlMessage question = {};
  question.type = wire::Control::reserve;
  question.size = bytes;
  return ask(question).message;
}

bool ControlChannel::reserve(uint64_t bytes) { return ask_for_memory(bytes).result == 0; }

uint64_t ControlChannel::used() const { return ask_for_memory(0).offset; }

int ControlChannel::ask_about(wire::Control what, wire::SharedObject& object, int file, UniqueFd* answer_file) const {
  wire::ControlMessage question = {};
  question.type = what;
  std::memcpy(question.text, &object, sizeof object);
  Incoming answer = ask(question, file);
  if (answer.message.result != 0) return answer.message.result;
  std::memcpy(&object, answer.message.text, sizeof object);
  if (answer_file != nullptr) *answer_file = std::move(answer.files[0]);
  return 0;
}

int ControlChannel::offer(wire::SharedObject& object, int file) {
  return ask_about(wire::Control::offer, object, file, nullptr);
}

int ControlChannel::claim(wire::SharedObject& object, UniqueFd& file) {
  return ask_about(wire::Control::claim, object, -1, &file);
}

void ControlChannel::withdraw(const wire::Token& token) {
  wire::SharedObject object = {};
  object.token = token;
  wire::ControlMessage message = {};
  message.type = wire::Control::withdraw;
  std::memcpy(message.text, &object, sizeof object);
  send(message);
}

void ControlChannel::release(uint64_t bytes) {
  wire::ControlMessage message = {};
  message.type = wire::Control::release;
  message.size = bytes;
  send(message);
}

Attachment ControlChannel::wait_for_guest(int wake_event) {
  wire::ControlMessage message = {};
  message.type = wire::Control::welcome;
  send(message);
  std::unique_lock lock(mutex_);
  attached_.wait(lock, [this] { return memory_.has_value(); });
  return {std::move(*memory_), remote_ ? Waker::remote(wake_event) : Waker::local()};
}

void ControlChannel::say_refused(const std::string& why) { send(text_message(wire::Control::refused, why)); }

void ControlChannel::say_fault(const wire::Fault& fault) const {
  wire::ControlMessage message = {};
  message.type = wire::Control::fault;
  std::memcpy(message.text, &fault, sizeof fault);
  send(message);
}

void ControlChannel::say_statistics(uint64_t id) {
  WorkerCore* const core = core_.load(std::memory_order_acquire);
  if (core != nullptr) {
    for (const auto& [name, times] : core->take_unsupported()) {
      wire::ControlMessage said = text_message(wire::Control::unsupported, name);
      said.size = times;
      send(said);
    }
  }
  wire::ControlMessage message = {};
  message.type = wire::Control::statistics;
  message.id = id;
  const wire::Statistics statistics = core != nullptr ? core->statistics() : wire::Statistics{};
  static_assert(sizeof statistics <= sizeof message.text);
  std::memcpy(message.text, &statistics, sizeof statistics);
  send(message);
}

void ControlChannel::send(const wire::ControlMessage& message, int file) const {
  if (send_control(socket_, message, {&file, file >= 0 ? size_t{1} : size_t{0}}) != Delivery::sent) end_process();
}

}  // namespace vgpu::host
