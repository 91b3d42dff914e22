// SPDX-License-Identifier: Apache-2.0
#include "host/daemon/reports.h"

#include <cerrno>
#include <cstring>

#include "vgpu/report.h"

namespace vgpu::host {
namespace {

// Figures of shorter times would jump; a look that is older than this says nothing about now.
constexpr auto kShortest = std::chrono::milliseconds(100);
constexpr auto kLongest = std::chrono::seconds(2);

uint64_t nanoseconds_between(std::chrono::steady_clock::time_point a, std::chrono::steady_clock::time_point b) {
  return static_cast<uint64_t>(std::chrono::duration_cast<std::chrono::nanoseconds>(b - a).count());
}

}  // namespace

void Reports::ask(std::span<const std::byte> request, Answered answered) {
  codec::Reader reader(request);
  const auto kind = reader.get<report::Kind>();
  if (reader.failed() || request.size() > report::kMaxRequest) return answered(EINVAL, {});
  switch (kind) {
    case report::Kind::overview:
      if (reader.get<uint32_t>() != 0 || !reader.complete()) return answered(EINVAL, {});
      return overview(std::move(answered));
    case report::Kind::reading: return reading(request, std::move(answered));
    case report::Kind::processes:
      if (!reader.complete()) return answered(EINVAL, {});
      return processes(std::move(answered));
  }
  answered(ENOSYS, {});
}

void Reports::overview(Answered answered) {
  monitor_.learn([this, answered = std::move(answered)]() mutable {
    with_utilization([this, answered = std::move(answered)] {
      const std::string text = overview_text();
      if (text.size() > report::kMaxAnswer) return answered(EMSGSIZE, {});
      answered(0, std::as_bytes(std::span(text)));
    });
  });
}

void Reports::processes(Answered answered) {
  monitor_.learn([this, answered = std::move(answered)]() mutable {
    with_utilization([this, answered = std::move(answered)] { answered(0, list_processes()); });
  });
}

std::vector<std::byte> Reports::list_processes() const {
  const CardFacts& facts = monitor_.facts();
  const bool software = facts.identity.software != 0;
  const uint64_t everywhere = facts.devices.size() >= 64 ? ~uint64_t{0} : (uint64_t{1} << facts.devices.size()) - 1;
  std::vector<report::Process> list;
  for (const SessionFacts& session : source_.session_facts())
    if (session.open && session.pid != 0)
      list.push_back({session.pid, software ? percent(session.key) : report::kUnknownPercent, session.work.device_bytes,
                      everywhere, seen_});
  std::vector<std::byte> bytes;
  codec::Writer writer(bytes);
  writer.put(static_cast<uint32_t>(list.size()));
  for (const report::Process& process : list) writer.put(process);
  return bytes;
}

void Reports::reading(std::span<const std::byte> request, Answered answered) {
  auto named = nvml::read_name(request);
  if (!named) return answered(EINVAL, {});
  std::vector<std::byte> refusal;
  codec::Writer writer(refusal);
  const nvml::Call* const call = named->call;
  if (call == nullptr || (call->path != nvml::Path::reading && call->path != nvml::Path::share)) {
    nvml::put_refusal(call == nullptr ? NVML_ERROR_FUNCTION_NOT_FOUND : NVML_ERROR_NOT_SUPPORTED, writer);
    return answered(0, refusal);
  }
  if (!nvml::Prepared::create(*call, named->parameters)) {
    nvml::put_refusal(NVML_ERROR_INVALID_ARGUMENT, writer);
    return answered(0, refusal);
  }
  if (call->path == nvml::Path::share) return share(*call, request, std::move(answered));
  monitor_.ask(request, [answered = std::move(answered)](std::span<const std::byte> bytes) { answered(0, bytes); });
}

void Reports::share(const nvml::Call& call, std::span<const std::byte> request, Answered answered) {
  const bool utilization = std::string_view(call.name) == "nvmlDeviceGetUtilizationRates";
  auto adjust = [this, &call, answered = std::move(answered)](std::span<const std::byte> bytes) {
    std::vector<std::byte> mine(bytes.begin(), bytes.end());
    put_share(call, mine);
    answered(0, mine);
  };
  auto look = [this, copy = std::vector<std::byte>(request.begin(), request.end()), adjust = std::move(adjust)] {
    monitor_.ask(copy, adjust);
  };
  if (utilization) with_utilization(std::move(look));
  else source_.with_statistics(std::move(look));
}

void Reports::put_share(const nvml::Call& call, std::span<std::byte> answer) const {
  // The result, and one struct of the caller's version, which the card has filled in.
  constexpr size_t kResult = sizeof(int32_t);
  int32_t result = 0;
  if (answer.size() < kResult) return;
  std::memcpy(&result, answer.data(), kResult);
  if (result != NVML_SUCCESS) return;
  const std::string_view name = call.name;
  const auto change = [&](auto value, auto how) {
    if (answer.size() != kResult + sizeof value) return;
    std::memcpy(&value, answer.data() + kResult, sizeof value);
    how(value);
    std::memcpy(answer.data() + kResult, &value, sizeof value);
  };
  if (name == "nvmlDeviceGetMemoryInfo")
    change(nvmlMemory_t{}, [this](nvmlMemory_t& memory) { memory = memory_share(memory); });
  else if (name == "nvmlDeviceGetMemoryInfo_v2")
    change(nvmlMemory_v2_t{}, [this](nvmlMemory_v2_t& memory) {
      const nvmlMemory_t mine = memory_share({memory.total, memory.free, memory.used});
      memory = {memory.version, mine.total, 0, mine.free, mine.used};
    });
  else if (name == "nvmlDeviceGetUtilizationRates" && monitor_.facts().identity.software != 0)
    change(nvmlUtilization_t{}, [this](nvmlUtilization_t& rates) { rates.gpu = percent(0); });
}

nvmlMemory_t Reports::memory_share(const nvmlMemory_t& card) const {
  const wire::DaemonStatistics all = source_.daemon_statistics();
  nvmlMemory_t mine = {};
  mine.total = all.device_limit != 0 ? std::min<uint64_t>(card.total, all.device_limit) : card.total;
  mine.used = std::min<uint64_t>(all.work.device_bytes, mine.total);
  mine.free = mine.total - mine.used;
  // Others may have taken what the limit would still allow. The software GPU's monitor knows of no users.
  if (monitor_.facts().identity.software == 0) mine.free = std::min(mine.free, card.free);
  return mine;
}

void Reports::with_utilization(std::function<void()> done) {
  source_.with_statistics([this, done = std::move(done)]() mutable {
    const auto age = Clock::now() - now_.since;
    if (age < kShortest && before_.since != Clock::time_point{}) return done();
    const bool recent = now_.since != Clock::time_point{} && age < kLongest;
    look_at_threads();
    if (recent) return done();
    // Nobody has looked lately: a first look, and a second one a little later.
    source_.after(kShortest, [this, done = std::move(done)]() mutable {
      source_.with_statistics([this, done = std::move(done)] {
        look_at_threads();
        done();
      });
    });
  });
}

void Reports::look_at_threads() {
  before_ = std::move(now_);
  seen_ = static_cast<uint64_t>(
      std::chrono::duration_cast<std::chrono::microseconds>(std::chrono::system_clock::now().time_since_epoch())
          .count());
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
