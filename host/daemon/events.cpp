// SPDX-License-Identifier: Apache-2.0
#include "host/daemon/events.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include "common/codec/bytes.h"
#include "common/face/cuda_api.h"
#include "vgpu/report.h"

namespace vgpu::host {
namespace {

constexpr size_t kMostKept = 512;
constexpr size_t kMostRemembered = 64;
// Questions that wait; the channel of a VM carries 64 reports at a time, of all kinds.
constexpr size_t kMostOfOwner = 32, kMostWaiting = 256;
// A program may be told of its kernel's end long after the card was, when it asks; the card's word is not far behind.
constexpr auto kPatience = std::chrono::seconds(30);
constexpr auto kBelated = std::chrono::seconds(2);

// Those that a program can bring about on a healthy card. "Xid Errors" of NVIDIA's documentation: 8 the program's work
// took too long, 13 exception of the SMs, 31 page fault, 32 corrupted push buffer, 43 stopped by the program's fault,
// 45 cleaned up after an earlier one, 68 and 69 exceptions of other engines, 109 a context switch took too long.
constexpr uint64_t kXidsOfPrograms[] = {8, 13, 31, 32, 43, 45, 68, 69, 109};

bool is_of_program(uint64_t xid) {
  return std::find(std::begin(kXidsOfPrograms), std::end(kXidsOfPrograms), xid) != std::end(kXidsOfPrograms);
}

// What NVIDIA's driver reports when a program gets this error, by that documentation; 0: nothing.
uint64_t xid_of(int32_t result) {
  switch (result) {
    case CUDA_ERROR_ILLEGAL_ADDRESS: return 31;
    case CUDA_ERROR_LAUNCH_TIMEOUT: return 8;
    case CUDA_ERROR_ASSERT:
    case CUDA_ERROR_LAUNCH_FAILED: return 43;  // trap
    case CUDA_ERROR_HARDWARE_STACK_ERROR:
    case CUDA_ERROR_ILLEGAL_INSTRUCTION:
    case CUDA_ERROR_MISALIGNED_ADDRESS:
    case CUDA_ERROR_INVALID_ADDRESS_SPACE:
    case CUDA_ERROR_INVALID_PC: return 13;
    default: return 0;
  }
}

std::vector<std::byte> bytes_of(nvmlReturn_t result, uint64_t next, std::span<const event::Event> events = {}) {
  std::vector<std::byte> bytes;
  codec::Writer writer(bytes);
  writer.put(event::Answer{static_cast<int32_t>(result), static_cast<uint32_t>(events.size()), next});
  for (const event::Event& one : events) writer.put(one);
  return bytes;
}

// Numbers go on where a vgpud before this one may have stopped, so that its clients miss nothing and see nothing twice.
uint64_t first_number() {
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  return static_cast<uint64_t>(std::chrono::duration_cast<std::chrono::microseconds>(now).count());
}

bool is_of_device(const event::Request& request, uint32_t device) { return (request.devices >> device & 1) != 0; }

}  // namespace

Events::Events(EventSource& source, std::function<Clock::time_point()> clock)
    : source_(source), clock_(std::move(clock)), next_(first_number()) {}

void Events::ask(const Owner& asker, std::span<const std::byte> bytes, Answered answered) {
  event::Request request = {};
  if (bytes.size() != sizeof request) return answered(EINVAL, {});
  std::memcpy(&request, bytes.data(), sizeof request);
  if (request.devices == 0 || request.types == 0) return answered(EINVAL, {});
  request.milliseconds = std::min(request.milliseconds, event::kLongestWait);
  source_.with_devices([this, asker, request, answered = std::move(answered)](nvmlReturn_t known) mutable {
    const uint32_t count = source_.device_count();
    if (known == NVML_SUCCESS && count < 64 && request.devices >> count != 0) known = NVML_ERROR_INVALID_ARGUMENT;
    const uint64_t possible = source_.is_software() ? event::kXid : event::kKnownTypes;
    if (known == NVML_SUCCESS && (request.types & ~possible) != 0) known = NVML_ERROR_NOT_SUPPORTED;
    if (known != NVML_SUCCESS) return answered(0, bytes_of(known, next_));
    if (source_.is_software()) return settle(asker, request, std::move(answered));
    source_.watch_cards([this, asker, request, answered = std::move(answered)](nvmlReturn_t result) mutable {
      if (result == NVML_SUCCESS) result = check(request);
      if (result != NVML_SUCCESS) return answered(0, bytes_of(result, next_));
      settle(asker, request, std::move(answered));
    });
  });
}

// Whether each of the devices has events, and those of these types, if it is a first question: later ones are of sets
// to which each device was added with types of its own.
nvmlReturn_t Events::check(const event::Request& request) const {
  const uint64_t types = request.since == event::kFromNow ? request.types : 0;
  for (uint32_t device = 0; device < source_.device_count(); ++device) {
    if (!is_of_device(request, device)) continue;
    if (const nvmlReturn_t bad = source_.has_events(device, types); bad != NVML_SUCCESS) return bad;
  }
  return NVML_SUCCESS;
}

void Events::settle(const Owner& asker, event::Request request, Answered answered) {
  asked_ |= request.types;
  if (request.since == event::kFromNow) request.since = next_;
  const std::vector<event::Event> events = find(asker, request);
  if (!events.empty()) return answered(0, bytes_of(NVML_SUCCESS, events.back().number + 1, events));
  if (request.milliseconds == 0) return answered(0, bytes_of(NVML_SUCCESS, next_));
  if (!may_wait(asker)) return answered(EAGAIN, {});
  waiting_.push_back({asker, request, clock_() + std::chrono::milliseconds(request.milliseconds), std::move(answered)});
}

bool Events::may_wait(const Owner& asker) const {
  const auto own =
      std::count_if(waiting_.begin(), waiting_.end(), [&](const Waiting& one) { return one.asker == asker; });
  return waiting_.size() < kMostWaiting && static_cast<size_t>(own) < kMostOfOwner;
}

std::vector<event::Event> Events::find(const Owner& asker, const event::Request& request) const {
  std::vector<event::Event> found;
  for (const auto& [event, whose] : kept_) {
    if (found.size() == event::kMostEvents) break;
    if (event.number >= request.since && (event.type & request.types) != 0 && is_of_device(request, event.device) &&
        (whose == Whose::everybodys || whose == side_of(asker)))
      found.push_back(event);
  }
  return found;
}

template <class Wanted>
std::list<Events::Waiting> Events::take_waiting(Wanted is_wanted) {
  std::list<Waiting> taken;
  for (auto at = waiting_.begin(); at != waiting_.end();) {
    const auto next = std::next(at);
    if (is_wanted(*at)) taken.splice(taken.end(), waiting_, at);
    at = next;
  }
  return taken;
}

void Events::add(uint32_t device, uint64_t type, uint64_t data, Whose whose) {
  if (kept_.size() == kMostKept) kept_.pop_front();
  kept_.push_back({{next_++, type, data, device, 0}, whose});
  for (Waiting& one :
       take_waiting([this](const Waiting& waiting) { return !find(waiting.asker, waiting.request).empty(); }))
    settle(one.asker, one.request, std::move(one.answered));
}

void Events::card_event(const monitor::CardEvent& event) {
  if (event.result != NVML_SUCCESS) {
    // An answer may bring the next question, so they are out of the list before.
    for (const Waiting& one : take_waiting([](const Waiting&) { return true; }))
      one.answered(0, bytes_of(static_cast<nvmlReturn_t>(event.result), next_));
    return;
  }
  // The host's library tells of all types.
  if ((event.type & asked_) == 0) return;
  if (event.type != event::kXid || !is_of_program(event.data))
    return add(event.device, event.type, event.data, Whose::everybodys);
  const auto now = clock_();
  const auto failure = std::find_if(failures_.rbegin(), failures_.rend(), [&](const Failure& one) {
    return one.device == event.device && now - one.since <= kBelated;
  });
  if (failure != failures_.rend()) return add(event.device, event.type, event.data, failure->whose);
  if (unclaimed_.size() == kMostRemembered) unclaimed_.pop_front();
  unclaimed_.push_back({event.device, event.data, now});
}

// Gives the Xids of a device that nobody was told of to the side whose program has just failed there.
void Events::claim(uint32_t device, Whose whose) {
  const auto now = clock_();
  std::vector<uint64_t> xids;
  std::erase_if(unclaimed_, [&](const Unclaimed& one) {
    if (now - one.since > kPatience) return true;
    if (one.device != device) return false;
    xids.push_back(one.xid);
    return true;
  });
  for (const uint64_t xid : xids) add(device, event::kXid, xid, whose);
}

void Events::program_failed(const Owner& owner, const wire::Fault& fault) {
  if ((asked_ & event::kXid) == 0) return;
  const uint64_t xid = xid_of(fault.result);
  const auto device = source_.find_device(fault.uuid);
  if (xid == 0 || !device) return;
  const Whose whose = side_of(owner);
  if (source_.is_software()) return add(*device, event::kXid, xid, whose);
  if (failures_.size() == kMostRemembered) failures_.pop_front();
  failures_.push_back({*device, whose, clock_()});
  claim(*device, whose);
}

void Events::expire() {
  for (const Waiting& one : take_waiting([now = clock_()](const Waiting& waiting) { return waiting.until <= now; }))
    one.answered(0, bytes_of(NVML_SUCCESS, next_));
}

std::optional<Events::Clock::time_point> Events::deadline() const {
  std::optional<Clock::time_point> first;
  for (const Waiting& one : waiting_)
    if (!first || one.until < *first) first = one.until;
  return first;
}

}  // namespace vgpu::host
