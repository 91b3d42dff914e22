// SPDX-License-Identifier: Apache-2.0
#include "host/worker/control_channel.h"

#include <pthread.h>
#include <unistd.h>

#include <cstring>

namespace vgpu::host {
namespace {

// The daemon is gone, and with it the reason to live. Nothing here is worth an orderly end: the kernel frees it all.
[[noreturn]] void end_process() { ::_exit(0); }

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
    case wire::Control::map:
      answer.result = incoming.file_count != 1 ? EBADF
                      : message.result == 1
                          ? ranges_.adopt(incoming.files[0].get(), message.address, message.size, message.offset)
                          : ranges_.map(incoming.files[0].get(), message.address, message.size, message.offset);
      return send(answer);
    case wire::Control::unmap: answer.result = ranges_.unmap(message.address, message.size); return send(answer);
    case wire::Control::statistics: return say_statistics(message.id);
    case wire::Control::done: {
      const std::lock_guard lock(mutex_);
      answers_[message.id] = message;
      answered_.notify_all();
      return;
    }
    case wire::Control::hello:
    case wire::Control::welcome:
    case wire::Control::refused:
    case wire::Control::reserve:
    case wire::Control::release:
      // Not for workers; the daemon is ours, so this is a bug and not an attack.
      return;
  }
}

wire::ControlMessage ControlChannel::ask(uint64_t bytes) const {
  std::unique_lock lock(mutex_);
  wire::ControlMessage question = {};
  question.type = wire::Control::reserve;
  question.id = next_id_++;
  question.size = bytes;
  send(question);
  answered_.wait(lock, [&] { return answers_.contains(question.id); });
  const wire::ControlMessage answer = answers_[question.id];
  answers_.erase(question.id);
  return answer;
}

bool ControlChannel::reserve(uint64_t bytes) { return ask(bytes).result == 0; }

uint64_t ControlChannel::used() const { return ask(0).offset; }

void ControlChannel::release(uint64_t bytes) {
  wire::ControlMessage message = {};
  message.type = wire::Control::release;
  message.size = bytes;
  send(message);
}

void ControlChannel::say_welcome() {
  wire::ControlMessage message = {};
  message.type = wire::Control::welcome;
  send(message);
}

void ControlChannel::say_refused(const std::string& why) { send(text_message(wire::Control::refused, why)); }

void ControlChannel::say_statistics(uint64_t id) {
  wire::ControlMessage message = {};
  message.type = wire::Control::statistics;
  message.id = id;
  const WorkerCore* core = core_.load(std::memory_order_acquire);
  const wire::Statistics statistics = core != nullptr ? core->statistics() : wire::Statistics{};
  static_assert(sizeof statistics <= sizeof message.text);
  std::memcpy(message.text, &statistics, sizeof statistics);
  send(message);
}

void ControlChannel::send(const wire::ControlMessage& message) const {
  if (send_control(socket_, message) != Delivery::sent) end_process();
}

}  // namespace vgpu::host
