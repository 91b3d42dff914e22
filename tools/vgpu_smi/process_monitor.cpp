// SPDX-License-Identifier: Apache-2.0
#include <fmt/core.h>

#include <algorithm>
#include <map>

#include "tools/vgpu_smi/clock_columns.h"
#include "tools/vgpu_smi/monitor.h"

namespace vgpu::smi {
namespace {

struct Load {
  unsigned int sm = 0, memory = 0, encoder = 0, decoder = 0;
};

// The newest sample of each process since `since` (microseconds), which becomes the newest seen.
std::map<unsigned int, Load> loads(const Card& card, unsigned long long& since) {
  std::map<unsigned int, Load> all;
  std::vector<nvmlProcessUtilizationSample_t> samples(1024);
  auto count = static_cast<unsigned int>(samples.size());
  const auto status = card.nvml().call("nvmlDeviceGetProcessUtilization", card.device(), samples.data(), &count, since);
  if (status != NVML_SUCCESS) return all;
  samples.resize(std::min<size_t>(count, samples.size()));
  std::stable_sort(samples.begin(), samples.end(),
                   [](const auto& a, const auto& b) { return a.timeStamp < b.timeStamp; });
  for (const auto& sample : samples) {
    all[sample.pid] = {sample.smUtil, sample.memUtil, sample.encUtil, sample.decUtil};
    since = std::max(since, sample.timeStamp);
  }
  return all;
}

class ProcessMonitor final : public Monitor {
 public:
  ProcessMonitor(const std::string& letters, const std::string& clocks)
      : load_(letters.find('u') != std::string::npos),
        memory_(letters.find('m') != std::string::npos),
        date_(clocks.find('D') != std::string::npos),
        time_(clocks.find('T') != std::string::npos) {
    if (date_) columns_.push_back({"Date", "YYYYMMDD", 9});
    if (time_) columns_.push_back({"Time", "HH:MM:SS", 10});
    columns_.insert(columns_.end(), {{"gpu", "Idx", 5}, {"pid", "#", 10}, {"type", "C/G", 5}});
    if (load_) columns_.insert(columns_.end(), {{"sm", "%", 6}, {"mem", "%", 6}, {"enc", "%", 6}, {"dec", "%", 6}});
    if (memory_) columns_.push_back({"fb", "MB", 6});
    columns_.push_back({"command", "name", 1, true});
  }

  std::vector<std::vector<Cell>> sample(const std::vector<Card>& cards) override {
    std::vector<std::vector<Cell>> rows;
    for (const Card& card : cards) {
      const auto load = load_ ? loads(card, seen_[card.index()]) : std::map<unsigned int, Load>();
      const auto processes = card.processes(true, true);
      const size_t before = rows.size();
      for (size_t i = 0; processes.ok() && i < processes.value().size(); ++i)
        rows.push_back(row(card, &processes.value()[i], load));
      // A card without processes has a line of its own, so that one sees that it was looked at.
      if (rows.size() == before) rows.push_back(row(card, nullptr, load));
    }
    return rows;
  }

 private:
  std::vector<Cell> row(const Card& card, const Process* process, const std::map<unsigned int, Load>& load) const {
    std::vector<Cell> cells;
    if (date_) cells.push_back(text(clock_words("%Y%m%d")));
    if (time_) cells.push_back(text(clock_words("%H:%M:%S")));
    cells.push_back(number(uint64_t{card.index()}));
    cells.push_back(process != nullptr ? number(uint64_t{process->info.pid}) : missing());
    static constexpr const char* kTypes[] = {"C", "G", "C+G"};
    cells.push_back(process != nullptr ? text(kTypes[static_cast<int>(process->type)]) : missing());
    if (load_) add_load(cells, process, load);
    if (memory_) {
      const bool known = process != nullptr && process->info.usedGpuMemory != kNvmlUnknownMemory;
      cells.push_back(known ? mebibytes(Reading<unsigned long long>(process->info.usedGpuMemory)) : missing());
    }
    cells.push_back(process != nullptr ? text(base_name(card.process_name(process->info.pid))) : missing());
    return cells;
  }

  static void add_load(std::vector<Cell>& cells, const Process* process, const std::map<unsigned int, Load>& load) {
    const auto found = process != nullptr ? load.find(process->info.pid) : load.end();
    for (const auto member : {&Load::sm, &Load::memory, &Load::encoder, &Load::decoder})
      cells.push_back(found != load.end() ? number(uint64_t{found->second.*member}, "%") : missing());
  }

  static std::string base_name(const std::string& path) {
    return path.starts_with('/') ? path.substr(path.rfind('/') + 1) : path;
  }

  const bool load_, memory_, date_, time_;
  std::map<unsigned int, unsigned long long> seen_;  // by card: the newest sample's time
};

}  // namespace

Result<std::unique_ptr<Monitor>, Complaint> process_monitor(const std::string& letters, const std::string& clocks) {
  const size_t wrong = letters.find_first_not_of("um");
  if (wrong != std::string::npos)
    return Complaint{fmt::format("pmon -s {}: '{}' is neither u nor m", letters, letters[wrong]), kBadArgument};
  return std::unique_ptr<Monitor>(std::make_unique<ProcessMonitor>(letters.empty() ? "um" : letters, clocks));
}

}  // namespace vgpu::smi
