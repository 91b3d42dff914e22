// SPDX-License-Identifier: Apache-2.0
// Event sets. A set knows what was registered and from when on, and asks the daemon for what came since
// (vgpu/event.h); the daemon answers when something has come, so a waiting thread sleeps.
#include <poll.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <deque>
#include <map>
#include <memory>
#include <mutex>

#include "libcuda/nvml/library.h"
#include "vgpu/event.h"
#include "vgpu/nvml/nvml.h"

using vgpu::nvml::Library;
namespace event = vgpu::event;

struct nvmlEventSet_st {};

namespace {

using Clock = std::chrono::steady_clock;
using std::chrono::milliseconds;

constexpr unsigned kNoInstance = 0xffffffff;
// The host has too many that wait: what comes meanwhile is kept there.
constexpr milliseconds kNextTry{1000};

struct Registration {
  uint32_t device = 0;
  uint64_t types = 0;
  uint64_t since = 0;  // the first event that counts
};

struct Set {
  std::timed_mutex turn;  // whose turn it is to wait; taken before `mutex`
  // A connection of its own, used in turn: its answers take as long as the wait.
  vgpu::nvml::ReportClient client;
  std::mutex mutex;  // guards the rest
  std::vector<Registration> registrations;
  std::deque<event::Event> ready;
  uint64_t next = 0;  // the first event that has not been asked for
};

// Sets that exist; a handle is looked up before it is used, because programs free them twice.
struct Sets {
  std::mutex mutex;  // guards the rest
  // Shared: a set may be freed while somebody waits for it.
  std::map<nvmlEventSet_t, std::shared_ptr<Set>> all;
};
Sets& sets() {
  static Sets* const made = new Sets;  // Never destroyed, like the library.
  return *made;
}

std::shared_ptr<Set> find(nvmlEventSet_t handle) {
  Sets& known = sets();
  const std::lock_guard lock(known.mutex);
  const auto found = known.all.find(handle);
  return found == known.all.end() ? nullptr : found->second;
}

event::Request request_for(const Set& set, milliseconds wait) {
  event::Request request = {};
  request.kind = static_cast<uint32_t>(vgpu::report::Kind::events);
  request.milliseconds = static_cast<uint32_t>(wait.count());
  request.since = set.next;
  for (const Registration& one : set.registrations) {
    request.devices |= uint64_t{1} << one.device;
    request.types |= one.types;
  }
  return request;
}

// What the daemon said; `events` are those of the answer.
nvmlReturn_t take_answer(std::span<const std::byte> bytes, event::Answer& answer, std::vector<event::Event>& events) {
  vgpu::codec::Reader reader(bytes);
  answer = reader.get<event::Answer>();
  for (uint32_t i = 0; i < answer.count && !reader.failed(); ++i) events.push_back(reader.get<event::Event>());
  if (!reader.complete()) return NVML_ERROR_UNKNOWN;
  return static_cast<nvmlReturn_t>(answer.result);
}

bool wants(const Set& set, const event::Event& event) {
  return std::any_of(set.registrations.begin(), set.registrations.end(), [&](const Registration& one) {
    return one.device == event.device && (one.types & event.type) != 0 && event.number >= one.since;
  });
}

// Asks once, for `wait` at most. What came is in set.ready.
nvmlReturn_t ask(Set& set, milliseconds wait) {
  event::Request request = {};
  {
    const std::lock_guard lock(set.mutex);
    request = request_for(set, std::min(wait, milliseconds(event::kLongestWait)));
  }
  if (request.devices == 0) {
    ::poll(nullptr, 0, static_cast<int>(request.milliseconds));
    return NVML_SUCCESS;
  }
  auto got = set.client.ask(std::as_bytes(std::span(&request, 1)),
                            sizeof(event::Answer) + event::kMostEvents * sizeof(event::Event));
  if (!got.ok()) {
    if (got.error().error_number != EAGAIN) return vgpu::nvml::error_of(got.error().kind);
    ::poll(nullptr, 0, static_cast<int>(std::min(wait, kNextTry).count()));
    return NVML_SUCCESS;
  }
  event::Answer answer = {};
  std::vector<event::Event> events;
  if (const nvmlReturn_t bad = take_answer(*got, answer, events); bad != NVML_SUCCESS) return bad;
  const std::lock_guard lock(set.mutex);
  set.next = std::max(set.next, answer.next);
  for (const event::Event& one : events)
    if (wants(set, one)) set.ready.push_back(one);
  return NVML_SUCCESS;
}

bool take_ready(Set& set, event::Event& event) {
  const std::lock_guard lock(set.mutex);
  if (set.ready.empty()) return false;
  event = set.ready.front();
  set.ready.pop_front();
  return true;
}

nvmlReturn_t wait(nvmlEventSet_t handle, event::Event& event, unsigned int timeoutms) {
  const auto until = Clock::now() + milliseconds(timeoutms);
  const std::shared_ptr<Set> set = find(handle);
  if (set == nullptr) return NVML_ERROR_INVALID_ARGUMENT;
  const std::unique_lock turn(set->turn, until);
  if (!turn.owns_lock()) return NVML_ERROR_TIMEOUT;
  for (bool asked = false;; asked = true) {
    if (take_ready(*set, event)) return NVML_SUCCESS;
    const auto left = std::chrono::ceil<milliseconds>(until - Clock::now());
    if (asked && left.count() <= 0) return NVML_ERROR_TIMEOUT;
    if (const nvmlReturn_t bad = ask(*set, std::max(left, milliseconds(0))); bad != NVML_SUCCESS) return bad;
  }
}

}  // namespace

nvmlReturn_t nvmlEventSetCreate(nvmlEventSet_t* set) {
  if (!Library::get().ready()) return NVML_ERROR_UNINITIALIZED;
  if (set == nullptr) return NVML_ERROR_INVALID_ARGUMENT;
  Sets& known = sets();
  const std::lock_guard lock(known.mutex);
  *set = new nvmlEventSet_st;
  known.all[*set] = std::make_shared<Set>();
  return NVML_SUCCESS;
}

nvmlReturn_t nvmlEventSetFree(nvmlEventSet_t set) {
  if (!Library::get().ready()) return NVML_ERROR_UNINITIALIZED;
  Sets& known = sets();
  const std::lock_guard lock(known.mutex);
  if (known.all.erase(set) == 0) return NVML_ERROR_INVALID_ARGUMENT;
  delete set;
  return NVML_SUCCESS;
}

nvmlReturn_t nvmlEventSetWait_v2(nvmlEventSet_t set, nvmlEventData_t* data, unsigned int timeoutms) {
  if (!Library::get().ready()) return NVML_ERROR_UNINITIALIZED;
  if (data == nullptr) return NVML_ERROR_INVALID_ARGUMENT;
  event::Event event = {};
  const nvmlReturn_t result = wait(set, event, timeoutms);
  if (result == NVML_SUCCESS)
    *data = {Library::get().handle(event.device), event.type, event.data, kNoInstance, kNoInstance};
  return result;
}
nvmlReturn_t nvmlEventSetWait(nvmlEventSet_t set, nvmlEventData_v1_t* data, unsigned int timeoutms) {
  if (!Library::get().ready()) return NVML_ERROR_UNINITIALIZED;
  if (data == nullptr) return NVML_ERROR_INVALID_ARGUMENT;
  nvmlEventData_t found = {};
  const nvmlReturn_t result = nvmlEventSetWait_v2(set, &found, timeoutms);
  if (result == NVML_SUCCESS) *data = {found.device, found.eventType, found.eventData};
  return result;
}

nvmlReturn_t nvmlDeviceRegisterEvents(nvmlDevice_t device, unsigned long long types, nvmlEventSet_t handle) {
  if (!Library::get().ready()) return NVML_ERROR_UNINITIALIZED;
  const std::shared_ptr<Set> set = find(handle);
  if (set == nullptr || !Library::get().knows(device)) return NVML_ERROR_INVALID_ARGUMENT;
  if (types == 0) return NVML_SUCCESS;
  const event::Request request = {static_cast<uint32_t>(vgpu::report::Kind::events), 0, event::kFromNow,
                                  uint64_t{1} << device->index, types};
  std::vector<std::byte> bytes;
  if (const nvmlReturn_t bad = Library::get().ask(std::as_bytes(std::span(&request, 1)), bytes); bad != NVML_SUCCESS)
    return bad;
  event::Answer answer = {};
  std::vector<event::Event> none;
  if (const nvmlReturn_t bad = take_answer(bytes, answer, none); bad != NVML_SUCCESS) return bad;
  const std::lock_guard lock(set->mutex);
  if (set->registrations.empty()) set->next = answer.next;
  set->registrations.push_back({device->index, types, answer.next});
  return NVML_SUCCESS;
}
