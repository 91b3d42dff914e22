// SPDX-License-Identifier: Apache-2.0
// What of the card is this daemon's programs': memory that their workers hold, and how busy they keep it.
#include <algorithm>
#include <array>
#include <cstring>

#include "host/daemon/reports.h"

namespace vgpu::host {
namespace {

// Figures of shorter times would jump; a look that is older than this says nothing about now.
constexpr auto kShortest = std::chrono::milliseconds(100);
constexpr auto kLongest = std::chrono::seconds(2);

uint64_t nanoseconds_between(std::chrono::steady_clock::time_point a, std::chrono::steady_clock::time_point b) {
  return static_cast<uint64_t>(std::chrono::duration_cast<std::chrono::nanoseconds>(b - a).count());
}

uint64_t microseconds_now() {
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  return static_cast<uint64_t>(std::chrono::duration_cast<std::chrono::microseconds>(now).count());
}

}  // namespace

void Reports::put_share(std::string_view name, uint32_t device, std::vector<std::byte>& answer) const {
  // The result, and one struct of the caller's version, which the card has filled in.
  constexpr size_t kResult = sizeof(int32_t);
  int32_t result = 0;
  if (answer.size() < kResult) return;
  std::memcpy(&result, answer.data(), kResult);
  if (result != NVML_SUCCESS) return;
  // Whoever encodes or captures frames is no program of ours: there is no call for that.
  if (name == "nvmlDeviceGetEncoderSessions" || name == "nvmlDeviceGetFBCSessions")
    return answer.assign(kResult + sizeof(uint32_t), std::byte{});
  const auto change = [&](auto value, auto how) {
    if (answer.size() != kResult + sizeof value) return;
    std::memcpy(&value, answer.data() + kResult, sizeof value);
    how(value);
    std::memcpy(answer.data() + kResult, &value, sizeof value);
  };
  if (name == "nvmlDeviceGetMemoryInfo")
    change(nvmlMemory_t{}, [&](nvmlMemory_t& memory) { memory = memory_share(device, memory); });
  else if (name == "nvmlDeviceGetMemoryInfo_v2")
    change(nvmlMemory_v2_t{}, [&](nvmlMemory_v2_t& memory) {
      const nvmlMemory_t mine = memory_share(device, {memory.total, memory.free, memory.used});
      // What the driver keeps is not a part of a limit.
      const auto reserved = mine.total == memory.total ? memory.reserved : 0;
      memory = {memory.version, mine.total, reserved, mine.free, mine.used};
    });
  else if (name == "nvmlDeviceGetEncoderStats") change(std::array<unsigned int, 3>{}, [](auto& stats) { stats = {}; });
  else if (name == "nvmlDeviceGetFBCStats") change(nvmlFBCStats_t{}, [](nvmlFBCStats_t& stats) { stats = {}; });
  else if (name == "nvmlDeviceGetUtilizationRates")
    change(nvmlUtilization_t{}, [&](nvmlUtilization_t& rates) {
      // What the driver cannot tell of ours is the card's.
      if (const Share all = share_of_all(device); all.told) rates = {all.gpu_percent, all.memory_percent};
    });
}

// With a limit, as CUDA in a program here has it: what was allocated. Without, what the driver says that programs hold.
nvmlMemory_t Reports::memory_share(uint32_t device, const nvmlMemory_t& card) const {
  const wire::DaemonStatistics all = source_.daemon_statistics();
  nvmlMemory_t mine = {};
  mine.total = all.device_limit != 0 ? std::min<uint64_t>(card.total, all.device_limit) : card.total;
  const uint64_t held = all.device_limit != 0 ? all.work.device_bytes : share_of_all(device).bytes;
  mine.used = std::min<uint64_t>(held, mine.total);
  mine.free = mine.total - mine.used;
  // Others may have taken what the limit would still allow. The software GPU's monitor knows of no users.
  if (monitor_.facts().identity.software == 0) mine.free = std::min<uint64_t>(mine.free, card.free);
  return mine;
}

Reports::Share Reports::share_of(const SessionFacts& session, uint32_t device) const {
  Share share = {session.work.device_bytes, 0, 0, false, true};
  if (monitor_.facts().identity.software != 0) {
    share.gpu_percent = percent(session.key);
    share.told = true;
    return share;
  }
  const auto is_ours = [&](const monitor::Usage& use) { return use.pid == session.worker_pid && use.device == device; };
  const auto use = std::find_if(usage_.begin(), usage_.end(), is_ours);
  // Without an entry it has no context there; unless the driver knows our workers under other numbers, as in
  // containers.
  if (use == usage_.end()) return workers_are_known_ ? Share() : share;
  if (use->bytes != monitor::kUnknown) share.bytes = use->bytes;
  share.told = use->gpu_percent != monitor::kUnknownPercent;
  if (share.told) share.gpu_percent = use->gpu_percent, share.memory_percent = use->memory_percent;
  return share;
}

Reports::Share Reports::share_of_all(uint32_t device) const {
  if (monitor_.facts().identity.software != 0)
    return {source_.daemon_statistics().work.device_bytes, percent(0), 0, true, true};
  Share all = {0, 0, 0, workers_are_known_, false};
  for (const SessionFacts& session : source_.session_facts()) {
    const Share one = share_of(session, device);
    if (!one.there) continue;
    all.there = true;
    all.told &= one.told;
    all.bytes += one.bytes;
    all.gpu_percent = std::min(100u, all.gpu_percent + one.gpu_percent);
    all.memory_percent = std::min(100u, all.memory_percent + one.memory_percent);
  }
  return all;
}

void Reports::look(bool busy, std::function<void()> done) {
  monitor_.learn([this, busy, done = std::move(done)]() mutable {
    const bool software = monitor_.facts().identity.software != 0;
    if (software && busy) return with_utilization(std::move(done));
    source_.with_statistics([this, software, done = std::move(done)]() mutable {
      if (monitor_.facts().error != NVML_SUCCESS || software) return done();
      monitor_.ask_usage([this, done = std::move(done)](std::span<const std::byte> answer) {
        look_at_usage(answer);
        done();
      });
    });
  });
}

void Reports::look_at_usage(std::span<const std::byte> answer) {
  codec::Reader reader(answer);
  usage_.clear();
  const bool told = reader.get<int32_t>() == NVML_SUCCESS && !reader.failed();
  while (told && reader.left() >= sizeof(monitor::Usage)) usage_.push_back(reader.get<monitor::Usage>());
  // A worker without a context is on no list; so one that is there proves that their numbers are the same.
  for (const SessionFacts& session : source_.session_facts())
    for (const monitor::Usage& use : usage_) workers_are_known_ |= use.pid == session.worker_pid;
  workers_are_known_ &= told;
  seen_ = microseconds_now();
  keep_samples();
}

void Reports::with_utilization(std::function<void()> done) {
  source_.with_statistics([this, done = std::move(done)]() mutable {
    const auto age = Clock::now() - now_.since;
    if (age < kShortest && before_.since != Clock::time_point{}) return done();
    const bool recent = now_.since != Clock::time_point{} && age < kLongest;
    look_at_threads();
    if (recent) {
      keep_samples();
      return done();
    }
    // Nobody has looked lately: a first look, and a second one a little later.
    source_.after(kShortest, [this, done = std::move(done)]() mutable {
      source_.with_statistics([this, done = std::move(done)] {
        look_at_threads();
        keep_samples();
        done();
      });
    });
  });
}

void Reports::look_at_threads() {
  before_ = std::move(now_);
  seen_ = microseconds_now();
  now_ = {Clock::now(), source_.daemon_statistics().work.busy_nanoseconds, {}};
  for (const SessionFacts& session : source_.session_facts())
    now_.by_session[session.key] = session.work.busy_nanoseconds;
}

unsigned Reports::percent(uint64_t key) const {
  const auto& devices = monitor_.facts().devices;
  const int threads = devices.empty() ? 0 : devices.front().threads;
  if (threads <= 0 || before_.since == Clock::time_point{}) return 0;
  const auto of = [key](const Busy& busy) {
    if (key == 0) return busy.total;
    const auto found = busy.by_session.find(key);
    return found == busy.by_session.end() ? 0 : found->second;
  };
  const uint64_t worked = of(now_) - std::min(of(now_), of(before_));
  const uint64_t possible = nanoseconds_between(before_.since, now_.since) * static_cast<uint64_t>(threads);
  return possible == 0 ? 0 : static_cast<unsigned>(std::min<uint64_t>(100, (worked * 100 + possible / 2) / possible));
}

}  // namespace vgpu::host
