// SPDX-License-Identifier: Apache-2.0
#include "host/worker/callbacks.h"

namespace vgpu::host {

Callbacks::Record* Callbacks::add(uint64_t function, uint64_t user_data, uint64_t stream, bool keep) {
  auto record = std::make_unique<Record>(Record{this, function, user_data, stream, keep});
  Record* raw = record.get();
  const std::lock_guard lock(mutex_);
  records_.emplace(raw, std::move(record));
  return raw;
}

void Callbacks::remove(Record* record) {
  const std::lock_guard lock(mutex_);
  records_.erase(record);
}

void Callbacks::run_host_function(void* record) {
  auto* self = static_cast<Record*>(record);
  self->owner->run(self, 0, false);
}

void Callbacks::run_stream_callback(void* /*stream*/, int status, void* record) {
  auto* self = static_cast<Record*>(record);
  self->owner->run(self, status, true);
}

void Callbacks::run_destructor(void* record) {
  auto* self = static_cast<Record*>(record);
  Callbacks& owner = *self->owner;
  const std::lock_guard lock(owner.mutex_);
  owner.request(self, 0, false);
}

// The mutex is held.
uint64_t Callbacks::request(Record* record, int status, bool is_stream_callback) {
  const uint64_t id = next_id_++;
  queue_.push_back({id, {record->function, record->user_data, record->stream, status, is_stream_callback ? 1u : 0u}});
  if (!record->keep) records_.erase(record);
  changed_.notify_all();
  return id;
}

void Callbacks::run(Record* record, int status, bool is_stream_callback) {
  std::unique_lock lock(mutex_);
  const uint64_t id = request(record, status, is_stream_callback);
  running_.insert(id);
  changed_.wait(lock, [&] { return closed_ || !running_.contains(id); });
}

std::optional<Callbacks::Request> Callbacks::next() {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [&] { return closed_ || !queue_.empty(); });
  if (queue_.empty()) return std::nullopt;
  const Request request = queue_.front();
  queue_.pop_front();
  return request;
}

void Callbacks::done(uint64_t id) {
  const std::lock_guard lock(mutex_);
  running_.erase(id);
  changed_.notify_all();
}

void Callbacks::close() {
  const std::lock_guard lock(mutex_);
  closed_ = true;
  changed_.notify_all();
}

}  // namespace vgpu::host
