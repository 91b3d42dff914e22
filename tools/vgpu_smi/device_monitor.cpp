// SPDX-License-Identifier: Apache-2.0
#include <fmt/core.h>

#include <algorithm>
#include <map>
#include <utility>

#include "tools/vgpu_smi/clock_columns.h"
#include "tools/vgpu_smi/field.h"
#include "tools/vgpu_smi/monitor.h"

namespace vgpu::smi {
namespace {

struct Source {
  char letter;
  const char* name;
  const char* unit;
  int width;
  Cell (*read)(const Card&);  // null: the share of time that a policy took
  nvmlPerfPolicyType_t policy = NVML_PERF_POLICY_POWER;
};

Cell whole(Cell cell) {
  if (cell.ok()) cell.text = fmt::format("{:.0f}", std::get<double>(cell.value));
  return cell;
}
// Whole megabytes a second, from kilobytes.
Cell throughput(const Card& card, unsigned int direction) {
  const auto read = card.get<unsigned int>("nvmlDeviceGetPcieThroughput", direction);
  return number(map(read, [](unsigned int it) { return it / 1024; }));
}
Cell named(const Card& card, const char* name) { return find_gpu_field(name)->read(card); }

constexpr Source kSources[] = {
    {'p', "pwr", "W", 6, [](const Card& card) { return whole(named(card, "power.draw")); }},
    {'p', "gtemp", "C", 6, [](const Card& card) { return named(card, "temperature.gpu"); }},
    {'p', "mtemp", "C", 6, [](const Card& card) { return named(card, "temperature.memory"); }},
    {'u', "sm", "%", 6, [](const Card& card) { return named(card, "utilization.gpu"); }},
    {'u', "mem", "%", 6, [](const Card& card) { return named(card, "utilization.memory"); }},
    {'u', "enc", "%", 6, [](const Card& card) { return named(card, "utilization.encoder"); }},
    {'u', "dec", "%", 6, [](const Card& card) { return named(card, "utilization.decoder"); }},
    {'u', "jpg", "%", 6, [](const Card& card) { return named(card, "utilization.jpeg"); }},
    {'u', "ofa", "%", 6, [](const Card& card) { return named(card, "utilization.ofa"); }},
    {'c', "mclk", "MHz", 6, [](const Card& card) { return named(card, "clocks.mem"); }},
    {'c', "pclk", "MHz", 6, [](const Card& card) { return named(card, "clocks.gr"); }},
    {'v', "pviol", "%", 6, nullptr, NVML_PERF_POLICY_POWER},
    {'v', "tviol", "%", 6, nullptr, NVML_PERF_POLICY_THERMAL},
    {'m', "fb", "MB", 6, [](const Card& card) { return named(card, "memory.used"); }},
    {'m', "bar1", "MB", 6,
     [](const Card& card) {
       const auto read = card.get<nvmlBAR1Memory_t>("nvmlDeviceGetBAR1MemoryInfo");
       return mebibytes(map(read, [](const auto& it) { return it.bar1Used; }));
     }},
    {'m', "ccpm", "MB", 6, [](const Card& card) { return named(card, "protected_memory.used"); }},
    {'e', "sbecc", "errs", 6, [](const Card& card) { return named(card, "ecc.errors.corrected.volatile.total"); }},
    {'e', "dbecc", "errs", 6, [](const Card& card) { return named(card, "ecc.errors.uncorrected.volatile.total"); }},
    {'e', "pci", "errs", 6,
     [](const Card& card) { return number(card.get<unsigned int>("nvmlDeviceGetPcieReplayCounter")); }},
    {'t', "rxpci", "MB/s", 6, [](const Card& card) { return throughput(card, 1); }},
    {'t', "txpci", "MB/s", 6, [](const Card& card) { return throughput(card, 0); }},
};
constexpr const char* kUsual = "puc";
constexpr const char* kKnown = "pucvmet";

class DeviceMonitor final : public Monitor {
 public:
  DeviceMonitor(const std::string& letters, const std::string& clocks)
      : with_date_(clocks.find('D') != std::string::npos), with_time_(clocks.find('T') != std::string::npos) {
    if (with_date_) columns_.push_back({"Date", "YYYYMMDD", 9});
    if (with_time_) columns_.push_back({"Time", "HH:MM:SS", 10});
    columns_.push_back({"gpu", "Idx", 5});
    for (const char letter : letters)
      for (const Source& source : kSources)
        if (source.letter == letter) {
          columns_.push_back({source.name, source.unit, source.width});
          sources_.push_back(&source);
        }
  }

  std::vector<std::vector<Cell>> sample(const std::vector<Card>& cards) override {
    std::vector<std::vector<Cell>> rows;
    for (const Card& card : cards) {
      std::vector<Cell>& row = rows.emplace_back();
      if (with_date_) row.push_back(text(clock_words("%Y%m%d")));
      if (with_time_) row.push_back(text(clock_words("%H:%M:%S")));
      row.push_back(number(uint64_t{card.index()}));
      for (const Source* source : sources_)
        row.push_back(source->read != nullptr ? source->read(card) : violation(card, source->policy));
    }
    return rows;
  }

 private:
  // Per cent of the time since the last sample; none yet in the first.
  Cell violation(const Card& card, nvmlPerfPolicyType_t policy) {
    const auto read = card.get<nvmlViolationTime_t>("nvmlDeviceGetViolationStatus", policy);
    if (!read.ok()) return missing(read.error());
    const nvmlViolationTime_t now = read.value();
    const auto [place, is_first] = violations_.try_emplace({card.index(), policy}, now);
    const nvmlViolationTime_t before = std::exchange(place->second, now);
    const unsigned long long passed = (now.referenceTime - before.referenceTime) * 1000;
    if (is_first || passed == 0 || now.referenceTime < before.referenceTime) return number(uint64_t{0});
    return number(uint64_t{std::min(100ull, (now.violationTime - before.violationTime) * 100 / passed)});
  }

  bool with_date_, with_time_;
  std::map<std::pair<unsigned int, nvmlPerfPolicyType_t>, nvmlViolationTime_t> violations_;
  std::vector<const Source*> sources_;
};

}  // namespace

Result<std::unique_ptr<Monitor>, Complaint> device_monitor(const std::string& letters, const std::string& clocks) {
  const size_t wrong = letters.find_first_not_of(kKnown);
  if (wrong != std::string::npos)
    return Complaint{fmt::format("dmon -s {}: '{}' is none of {}", letters, letters[wrong], kKnown), kBadArgument};
  return std::unique_ptr<Monitor>(std::make_unique<DeviceMonitor>(letters.empty() ? kUsual : letters, clocks));
}

}  // namespace vgpu::smi
