// SPDX-License-Identifier: Apache-2.0
#include "tools/vgpu_smi/table.h"

#include <fmt/core.h>

#include <ctime>
#include <nlohmann/json.hpp>

#include "common/version.h"
#include "tools/vgpu_smi/field.h"
#include "tools/vgpu_smi/fit.h"

namespace vgpu::smi {
namespace {

// Inner widths of the three columns, and of a line without columns.
constexpr int kFirst = 41, kSecond = 24, kThird = 22;
constexpr size_t kWhole = kFirst + kSecond + kThird + 2;

std::string rule(char line, bool columns, char edge = '+') {
  if (!columns) return fmt::format("{}{}{}\n", edge, std::string(kWhole, line), edge);
  return fmt::format("{}{}+{}+{}{}\n", edge, std::string(kFirst, line), std::string(kSecond, line),
                     std::string(kThird, line), edge);
}

std::string row(const std::string& first, const std::string& second, const std::string& third) {
  return fmt::format("|{:<{}}|{:<{}}|{:<{}}|\n", fit(first, kFirst), kFirst, fit(second, kSecond), kSecond,
                     fit(third, kThird), kThird);
}

std::string whole(const std::string& words) { return fmt::format("|{:<{}}|\n", fit(words, kWhole), kWhole); }

Cell read(const Card& card, const char* name) { return find_gpu_field(name)->read(card); }

std::string on_off(const Cell& cell) {
  if (!cell.ok()) return "N/A";
  return cell.text == "Enabled" ? "On" : "Off";
}

// "75W", from a cell with two digits behind the point.
std::string whole_watts(const Cell& cell) {
  return cell.ok() ? fmt::format("{:.0f}W", std::get<double>(cell.value)) : "N/A";
}

std::string number_and(const Cell& cell, const char* suffix) {
  return cell.ok() ? cell.text + suffix : cell.without_unit();
}

std::string heading() {
  return row(" GPU  Name                 Persistence-M ", " Bus-Id          Disp.A ", " Volatile Uncorr. ECC ") +
         row(" Fan  Temp   Perf          Pwr:Usage/Cap ", "           Memory-Usage ", " GPU-Util  Compute M. ") +
         row("", "", "               MIG M. ") + rule('=', true, '|');
}

std::string card_rows(const Card& card) {
  const std::string power =
      fmt::format("{} / {}", whole_watts(read(card, "power.draw")), whole_watts(read(card, "enforced.power.limit")));
  const std::string memory = fmt::format("{} / {}", number_and(read(card, "memory.used"), "MiB"),
                                         number_and(read(card, "memory.total"), "MiB"));
  const Cell errors = read(card, "ecc.errors.uncorrected.volatile.total");
  const std::string ecc = read(card, "ecc.mode.current").text == "Disabled" ? "Off" : errors.without_unit();
  return row(fmt::format(" {:>3}  {:<27} {:>6} ", card.index(), fit(card.name(), 27),
                         on_off(read(card, "persistence_mode"))),
             fmt::format(" {:>18} {:>3} ", read(card, "pci.bus_id").without_unit(),
                         on_off(read(card, "display_active"))),
             fmt::format(" {:>20} ", ecc)) +
         row(fmt::format(" {:>3} {:>5}   {:>4} {:>22} ", number_and(read(card, "fan.speed"), "%"),
                         number_and(read(card, "temperature.gpu"), "C"), read(card, "pstate").without_unit(), power),
             fmt::format(" {:>22} ", memory),
             fmt::format(" {:>8} {:>11} ", number_and(read(card, "utilization.gpu"), "%"),
                         fit(read(card, "compute_mode").without_unit(), 11))) +
         row("", "", fmt::format(" {:>20} ", read(card, "mig.mode.current").without_unit())) + rule('-', true);
}

const char* type_letter(Process::Type type) {
  switch (type) {
    case Process::Type::compute: return "C";
    case Process::Type::graphics: return "G";
    case Process::Type::both: return "C+G";
  }
  return "?";
}

std::string instance(unsigned int id) { return id == kNvmlNoInstance ? "N/A" : fmt::format("{}", id); }

Cell held_memory(const Process& process) {
  const unsigned long long bytes = process.info.usedGpuMemory;
  return bytes == kNvmlUnknownMemory ? missing() : mebibytes(Reading<unsigned long long>(bytes));
}

std::string process_rows(const std::vector<Card>& cards) {
  std::string lines;
  for (const Card& card : cards) {
    const auto processes = card.processes(true, true);
    if (!processes.ok()) {
      lines += whole(fmt::format(" {:>4}   The processes of this GPU are not known: {}", card.index(),
                                 card.nvml().describe(processes.error())));
      continue;
    }
    for (const Process& process : processes.value())
      lines += whole(fmt::format(
          " {:>4}  {:>3}  {:>3} {:>16}  {:>5}   {:<33} {:>12} ", card.index(), instance(process.info.gpuInstanceId),
          instance(process.info.computeInstanceId), process.info.pid, type_letter(process.type),
          fit_end(card.process_name(process.info.pid), 33), number_and(held_memory(process), "MiB")));
  }
  return lines.empty() ? whole("  No running processes found") : lines;
}

nlohmann::json process_json(const Card& card, const Process& process) {
  const Cell memory = held_memory(process);
  return {{"pid", process.info.pid},
          {"type", type_letter(process.type)},
          {"process_name", card.process_name(process.info.pid)},
          {"used_gpu_memory", memory.json()}};
}

std::string date() {
  const std::time_t now = std::time(nullptr);
  char words[64] = {};
  tm parts = {};
  ::localtime_r(&now, &parts);
  std::strftime(words, sizeof words, "%a %b %e %H:%M:%S %Y", &parts);
  return words;
}

}  // namespace

Reading<std::string> cuda_version(const Nvml& nvml) {
  int version = 0;
  const auto status = nvml.call("nvmlSystemGetCudaDriverVersion_v2", &version);
  if (status != NVML_SUCCESS) return status;
  return fmt::format("{}.{}", version / 1000, version % 1000 / 10);
}

std::string summary_table(const Nvml& nvml, const std::vector<Card>& cards, const std::string& program) {
  // Scripts look for the known tool's name where they call it by that.
  const std::string title = program == "nvidia-smi" ? fmt::format("NVIDIA-SMI (vgpu-smi {})", kVersion)
                                                    : fmt::format("VGPU-SMI {}", kVersion);
  std::string page = date() + "\n" + rule('-', false);
  page += whole(fmt::format(" {:<33} Driver Version: {:<17} CUDA Version: {:<6}", title,
                            text(nvml.text("nvmlSystemGetDriverVersion")).without_unit(),
                            text(cuda_version(nvml)).without_unit()));
  page += rule('-', true) + heading();
  for (const Card& card : cards) page += card_rows(card);
  page += "\n" + rule('-', false) + whole(" Processes:");
  page += whole(fmt::format(" {:>4}  {:>3}  {:>3} {:>16}  {:>5}   {:<33} {:>12} ", "GPU", "GI", "CI", "PID", "Type",
                            "Process name", "GPU Memory"));
  page +=
      whole(fmt::format(" {:>4}  {:>3}  {:>3} {:>16}  {:>5}   {:<33} {:>12} ", "", "ID", "ID", "", "", "", "Usage"));
  return page + rule('=', false, '|') + process_rows(cards) + rule('-', false);
}

nlohmann::json summary_json(const Nvml& nvml, const std::vector<Card>& cards) {
  static constexpr const char* kShown[] = {"index",
                                           "name",
                                           "uuid",
                                           "pci.bus_id",
                                           "persistence_mode",
                                           "display_active",
                                           "fan.speed",
                                           "temperature.gpu",
                                           "pstate",
                                           "power.draw",
                                           "enforced.power.limit",
                                           "memory.used",
                                           "memory.free",
                                           "memory.total",
                                           "utilization.gpu",
                                           "utilization.memory",
                                           "compute_mode",
                                           "ecc.errors.uncorrected.volatile.total",
                                           "mig.mode.current"};
  nlohmann::json units = nlohmann::json::object();
  auto all = nlohmann::json::array();
  for (const Card& card : cards) {
    nlohmann::json object = nlohmann::json::object(), unavailable = nlohmann::json::object();
    for (const char* name : kShown) {
      const Cell cell = read(card, name);
      object[name] = cell.json();
      if (!cell.ok()) unavailable[name] = words_for(cell.status);
      if (const auto unit = find_gpu_field(name)->unit; !unit.empty()) units[name] = unit;
    }
    if (!unavailable.empty()) object["unavailable"] = unavailable;
    const auto processes = card.processes(true, true);
    auto& list = object["processes"] = nlohmann::json::array();
    for (size_t i = 0; processes.ok() && i < processes.value().size(); ++i)
      list.push_back(process_json(card, processes.value()[i]));
    all.push_back(std::move(object));
  }
  const auto driver = nvml.text("nvmlSystemGetDriverVersion");
  const auto cuda = cuda_version(nvml);
  return {{"timestamp", timestamp_now()},
          {"driver_version", driver.ok() ? nlohmann::json(driver.value()) : nlohmann::json()},
          {"cuda_version", cuda.ok() ? nlohmann::json(cuda.value()) : nlohmann::json()},
          {"units", units},
          {"gpus", all}};
}

std::string card_list(const std::vector<Card>& cards) {
  std::string lines;
  for (const Card& card : cards)
    lines += fmt::format("GPU {}: {} (UUID: {})\n", card.index(), card.name(), card.uuid());
  return lines;
}

nlohmann::json card_list_json(const std::vector<Card>& cards) {
  auto all = nlohmann::json::array();
  for (const Card& card : cards) all.push_back({{"index", card.index()}, {"name", card.name()}, {"uuid", card.uuid()}});
  return {{"gpus", all}};
}

}  // namespace vgpu::smi
