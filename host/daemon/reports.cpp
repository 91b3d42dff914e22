// SPDX-License-Identifier: Apache-2.0
#include "host/daemon/reports.h"

#include <algorithm>
#include <cerrno>

#include "vgpu/report.h"

namespace vgpu::host {
namespace {

// A program that compares two samples of performance metrics may take its time between them.
constexpr auto kSamplesAreKept = std::chrono::minutes(5);

}  // namespace

void Reports::ask(const Owner& asker, std::span<const std::byte> request, Answered answered) {
  codec::Reader reader(request);
  const auto kind = reader.get<report::Kind>();
  if (reader.failed() || request.size() > report::kMaxRequest) return answered(EINVAL, {});
  switch (kind) {
    case report::Kind::overview:
      if (reader.get<uint32_t>() != 0 || !reader.complete()) return answered(EINVAL, {});
      return overview(asker.in_vm, std::move(answered));
    case report::Kind::reading: return reading(request, std::move(answered));
    case report::Kind::processes:
      if (!reader.complete()) return answered(EINVAL, {});
      return processes(asker.in_vm, std::move(answered));
    case report::Kind::trace: {
      const std::vector<std::byte> bytes = traces_.answer(asker, request);
      return answered(bytes.empty() ? EINVAL : 0, bytes);
    }
    case report::Kind::events: return events_.ask(asker, request, std::move(answered));
  }
  answered(ENOSYS, {});
}

void Reports::overview(bool in_vm, Answered answered) {
  look(true, [this, in_vm, answered = std::move(answered)] {
    const std::string text = overview_text(in_vm);
    if (text.size() > report::kMaxAnswer) return answered(EMSGSIZE, {});
    answered(0, std::as_bytes(std::span(text)));
  });
}

void Reports::processes(bool in_vm, Answered answered) {
  look(true, [this, in_vm, answered = std::move(answered)] { answered(0, list_processes(in_vm)); });
}

report::Process Reports::describe(const SessionFacts& session) const {
  report::Process process = {session.pid, report::kUnknownPercent, 0, 0, seen_};
  for (uint32_t i = 0; i < monitor_.facts().devices.size(); ++i) {
    const Share share = share_of(session, i);
    if (!share.there) continue;
    process.devices |= uint64_t{1} << i;
    process.device_bytes = std::max(process.device_bytes, share.bytes);
    if (!share.told) continue;
    const bool first = process.percent == report::kUnknownPercent;
    process.percent = first ? share.gpu_percent : std::max(process.percent, share.gpu_percent);
  }
  return process;
}

std::vector<std::byte> Reports::list_processes(bool in_vm) const {
  std::vector<std::byte> list;
  codec::Writer entries(list);
  uint32_t count = 0;
  for (const SessionFacts& session : source_.session_facts()) {
    // The other side's numbers are other processes here.
    if (!session.open || session.pid == 0 || (session.vm_session != 0) != in_vm) continue;
    entries.put(describe(session));
    ++count;
  }
  std::vector<std::byte> bytes;
  codec::Writer writer(bytes);
  writer.put(count);
  writer.bytes(list.data(), list.size());
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
  const auto reading = nvml::Prepared::create(*call, named->parameters);
  if (!reading) {
    nvml::put_refusal(NVML_ERROR_INVALID_ARGUMENT, writer);
    return answered(0, refusal);
  }
  if (call->path == nvml::Path::share) return share(*reading, request, std::move(answered));
  if (std::string_view(call->name) == "vgpuGpmSample") monitor_.stay(kSamplesAreKept);
  monitor_.ask(request, [answered = std::move(answered)](std::span<const std::byte> bytes) { answered(0, bytes); });
}

void Reports::share(const nvml::Prepared& reading, std::span<const std::byte> request, Answered answered) {
  if (is_utilization(reading)) return utilization_samples(reading, request, std::move(answered));
  const std::string name = reading.call().name;
  const uint32_t device = reading.devices().front();
  auto ask_card = [this, name, device, copy = std::vector<std::byte>(request.begin(), request.end()),
                   answered = std::move(answered)] {
    monitor_.ask(copy, [this, name, device, answered](std::span<const std::byte> bytes) {
      std::vector<std::byte> mine(bytes.begin(), bytes.end());
      put_share(name, device, mine);
      answered(0, mine);
    });
  };
  // Encoders and captures are nobody's here, whoever uses the card.
  if (name.starts_with("nvmlDeviceGetEncoder") || name.starts_with("nvmlDeviceGetFBC")) return ask_card();
  look(name == "nvmlDeviceGetUtilizationRates", std::move(ask_card));
}

}  // namespace vgpu::host
