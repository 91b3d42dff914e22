// SPDX-License-Identifier: Apache-2.0
#include <fmt/core.h>

#include <algorithm>
#include <span>

#include "tools/vgpu_smi/field.h"
#include "tools/vgpu_smi/inspect/detail_fields.h"
#include "tools/vgpu_smi/inspect/node.h"
#include "tools/vgpu_smi/inspect/rows.h"
#include "tools/vgpu_smi/inspect/samples.h"
#include "tools/vgpu_smi/split_list.h"
#include "tools/vgpu_smi/table.h"

namespace vgpu::smi {
namespace {

using inspect_rows::Row;

struct SectionName {
  const char* name;
  unsigned int section;
};
constexpr SectionName kSections[] = {{"MEMORY", kMemorySection},
                                     {"UTILIZATION", kUtilizationSection},
                                     {"ECC", kEccSection},
                                     {"TEMPERATURE", kTemperatureSection},
                                     {"POWER", kPowerSection},
                                     {"CLOCK", kClockSection},
                                     {"COMPUTE", kComputeSection},
                                     {"PIDS", kPidsSection},
                                     {"PERFORMANCE", kPerformanceSection},
                                     {"SUPPORTED_CLOCKS", kSupportedClocksSection},
                                     {"PAGE_RETIREMENT", kPageRetirementSection},
                                     {"ACCOUNTING", kAccountingSection},
                                     {"ENCODER_STATS", kEncoderSection},
                                     {"ROW_REMAPPER", kRemapperSection},
                                     {"RESET_STATUS", kResetSection}};

Cell read(const Card& card, const Row& row) {
  const Field* const field = find_gpu_field(row.field);
  Cell cell = field != nullptr ? field->read(card) : find_detail_field(row.field)->read(card);
  if (row.unit == nullptr || !cell.ok()) return cell;
  // Lanes are written as 16x, without a blank.
  if (row.unit == std::string_view("x")) cell.text += "x";
  else cell.unit = row.unit;
  return cell;
}

// Takes the rows from `at` that are at `depth` or deeper.
std::vector<Node> build(const Card& card, std::span<const Row> rows, size_t& at, int depth, unsigned int sections) {
  std::vector<Node> nodes;
  while (at < rows.size() && rows[at].depth == depth) {
    const Row& row = rows[at++];
    if (depth == 0 && (row.sections & sections) == 0) {
      while (at < rows.size() && rows[at].depth > 0) ++at;
      continue;
    }
    Node node = row.field != nullptr ? make_value(row.label, row.tag, read(card, row)) : make_group(row.label, row.tag);
    if (row.field == nullptr) node.children = build(card, rows, at, depth + 1, kEverySection);
    nodes.push_back(std::move(node));
  }
  return nodes;
}

Node processes(const Card& card) {
  const auto list = card.processes(true, true);
  if (!list.ok()) return make_value("Processes", "processes", missing(list.error()));
  Node all = make_group("Processes", "processes", true);
  for (const Process& process : list.value()) {
    static constexpr const char* kTypes[] = {"C", "G", "C+G"};
    const auto instance = [](unsigned int id) { return id == kNvmlNoInstance ? missing() : number(uint64_t{id}); };
    const unsigned long long bytes = process.info.usedGpuMemory;
    Node& one = all.children.emplace_back(make_group("Process", "process_info"));
    one.children = {
        make_value("GPU instance ID", "gpu_instance_id", instance(process.info.gpuInstanceId)),
        make_value("Compute instance ID", "compute_instance_id", instance(process.info.computeInstanceId)),
        make_value("Process ID", "pid", number(uint64_t{process.info.pid})),
        make_value("Type", "type", text(kTypes[static_cast<int>(process.type)])),
        make_value("Name", "process_name", text(card.process_name(process.info.pid))),
        make_value("Used GPU Memory", "used_memory",
                   bytes == kNvmlUnknownMemory ? missing() : mebibytes(Reading<unsigned long long>(bytes)))};
  }
  return all;
}

std::vector<unsigned int> list_clocks(const Card& card, const char* call, std::span<const unsigned int> before) {
  std::vector<unsigned int> clocks(1024);
  auto count = static_cast<unsigned int>(clocks.size());
  const auto status = before.empty() ? card.nvml().call(call, card.device(), &count, clocks.data())
                                     : card.nvml().call(call, card.device(), before[0], &count, clocks.data());
  clocks.resize(status == NVML_SUCCESS ? std::min<size_t>(count, clocks.size()) : 0);
  return clocks;
}

Node supported_clocks(const Card& card) {
  Node all = make_group("Supported Clocks", "supported_clocks", true);
  for (const unsigned int memory : list_clocks(card, "nvmlDeviceGetSupportedMemoryClocks", {})) {
    Node& one = all.children.emplace_back(make_group("Memory", "supported_mem_clock"));
    one.children.push_back(make_value("Memory", "value", number(uint64_t{memory}, "MHz")));
    const unsigned int chosen[] = {memory};
    Node& graphics = one.children.emplace_back(make_group("Graphics", "supported_graphics_clocks", true));
    for (const unsigned int clock : list_clocks(card, "nvmlDeviceGetSupportedGraphicsClocks", chosen))
      graphics.children.push_back(make_value("Graphics", "supported_graphics_clock", number(uint64_t{clock}, "MHz")));
  }
  return all;
}

Node card_node(const Card& card, unsigned int sections) {
  Node node = make_group("GPU", "gpu");
  node.id = text(card.bus_id()).without_unit();
  size_t at = 0;
  node.children = build(card, inspect_rows::kRows, at, 0, sections);
  // They are many words: for who asks for the section.
  if ((sections & kOtherSection) == 0) add_samples(card, sections, node.children);
  if ((sections & kSupportedClocksSection) != 0) node.children.push_back(supported_clocks(card));
  if ((sections & (kPidsSection | kOtherSection)) != 0) node.children.push_back(processes(card));
  return node;
}

}  // namespace

Result<unsigned int, Complaint> parse_sections(const std::string& list) {
  // Without -d everything but the long list of clocks is shown.
  unsigned int chosen = 0;
  for (const std::string& word : split_list(list)) {
    std::string upper = word;
    std::transform(upper.begin(), upper.end(), upper.begin(),
                   [](unsigned char letter) { return static_cast<char>(std::toupper(letter)); });
    const auto* const found = std::find_if(std::begin(kSections), std::end(kSections),
                                           [&](const SectionName& it) { return it.name == upper; });
    if (found == std::end(kSections)) {
      std::string names;
      for (const SectionName& section : kSections) names += (names.empty() ? "" : ", ") + std::string(section.name);
      return Complaint{fmt::format("\"{}\" is not a section. These are: {}", word, names), kBadArgument};
    }
    chosen |= found->section;
  }
  return chosen != 0 ? chosen : kEverySection & ~kSupportedClocksSection;
}

Node inspect(const Nvml& nvml, const std::vector<Card>& cards, unsigned int sections) {
  Node root = make_group("", "nvidia_smi_log");
  root.children = {make_value("Timestamp", "timestamp", text(timestamp_now())),
                   make_value("Driver Version", "driver_version", text(nvml.text("nvmlSystemGetDriverVersion"))),
                   make_value("CUDA Version", "cuda_version", text(cuda_version(nvml))),
                   make_value("Attached GPUs", "attached_gpus", number(uint64_t{cards.size()}))};
  for (const Card& card : cards) root.children.push_back(card_node(card, sections));
  return root;
}

}  // namespace vgpu::smi
