// SPDX-License-Identifier: Apache-2.0
// Values that -q shows and --query-gpu does not know.
#include "tools/vgpu_smi/inspect/detail_fields.h"

#include <fmt/core.h>

#include <algorithm>
#include <vector>

#include "tools/vgpu_smi/names.h"

namespace vgpu::smi {
namespace {

using Long = unsigned long long;

std::function<Cell(const Card&)> words(const char* call) {
  return [call](const Card& card) { return text(card.text(call)); };
}
std::function<Cell(const Card&)> scalar(const char* call, std::string_view unit = "") {
  return [call, unit](const Card& card) { return number(card.get<unsigned int>(call), unit); };
}
std::function<Cell(const Card&)> bar1(Long nvmlBAR1Memory_t::*member) {
  return [member](const Card& card) {
    const auto read = card.get<nvmlBAR1Memory_t>("nvmlDeviceGetBAR1MemoryInfo");
    return mebibytes(map(read, [&](const auto& it) { return it.*member; }));
  };
}
std::function<Cell(const Card&)> throughput(unsigned int direction) {
  return [direction](const Card& card) {
    return number(card.get<unsigned int>("nvmlDeviceGetPcieThroughput", direction), "KB/s");
  };
}
std::function<Cell(const Card&)> degrees(unsigned int field) {
  return [field](const Card& card) { return signed_number(card.field(field), "C"); };
}
std::function<Cell(const Card&)> customer_boost(unsigned int clock) {
  return [clock](const Card& card) {
    return number(card.get<unsigned int>("nvmlDeviceGetMaxCustomerBoostClock", clock), "MHz");
  };
}

std::function<Cell(const Card&)> capture(unsigned int nvmlFBCStats_t::*member) {
  return [member](const Card& card) {
    const auto read = card.get<nvmlFBCStats_t>("nvmlDeviceGetFBCStats");
    return number(map(read, [&](const auto& it) { return it.*member; }));
  };
}

Cell board_id(const Card& card) {
  const auto id = card.get<unsigned int>("nvmlDeviceGetBoardId");
  return text(map(id, [](unsigned int it) { return fmt::format("0x{:x}", it); }));
}
Cell multi_gpu_board(const Card& card) {
  const auto read = card.get<unsigned int>("nvmlDeviceGetMultiGpuBoard");
  return yes_no(map(read, [](unsigned int it) { return it != 0; }), "Yes", "No");
}
Cell brand(const Card& card) { return choice(card.get<unsigned int>("nvmlDeviceGetBrand"), names::kBrands); }
Cell architecture(const Card& card) {
  return choice(card.get<unsigned int>("nvmlDeviceGetArchitecture"), names::kArchitectures);
}
Cell virtualization(const Card& card) {
  return choice(card.get<unsigned int>("nvmlDeviceGetVirtualizationMode"), names::kVirtualizationModes);
}
Cell temperature(const Card& card) { return number(card.get<unsigned int>("nvmlDeviceGetTemperature", 0u), "C"); }

// Only -q knows this reason.
Cell display_clocks(const Card& card) {
  const auto reasons = card.get<Long>("nvmlDeviceGetCurrentClocksEventReasons");
  return yes_no(map(reasons, [](Long it) { return (it & 0x100) != 0; }), "Active", "Not Active");
}

const std::vector<DetailField>& fields() {
  static const std::vector<DetailField> kFields = {
      {"brand", brand},
      {"architecture", architecture},
      {"minor_number", scalar("nvmlDeviceGetMinorNumber")},
      {"multigpu_board", multi_gpu_board},
      {"board_id", board_id},
      {"board_part_number", words("nvmlDeviceGetBoardPartNumber")},
      {"module_id", scalar("nvmlDeviceGetModuleId")},
      {"virtualization_mode", virtualization},
      {"gsp_version", words("nvmlDeviceGetGspFirmwareVersion")},
      {"replays", scalar("nvmlDeviceGetPcieReplayCounter")},
      {"throughput.tx", throughput(0)},
      {"throughput.rx", throughput(1)},
      {"bar1.total", bar1(&nvmlBAR1Memory_t::bar1Total)},
      {"bar1.used", bar1(&nvmlBAR1Memory_t::bar1Used)},
      {"bar1.free", bar1(&nvmlBAR1Memory_t::bar1Free)},
      {"capture.sessions", capture(&nvmlFBCStats_t::sessionsCount)},
      {"capture.frames", capture(&nvmlFBCStats_t::averageFPS)},
      {"capture.latency", capture(&nvmlFBCStats_t::averageLatency)},
      // NVML has no call for it.
      {"voltage", [](const Card&) { return missing(); }},
      {"temperature", temperature},
      {"tlimit.shutdown", degrees(NVML_FI_DEV_TEMPERATURE_SHUTDOWN_TLIMIT)},
      {"tlimit.slowdown", degrees(NVML_FI_DEV_TEMPERATURE_SLOWDOWN_TLIMIT)},
      {"tlimit.gpu_max", degrees(NVML_FI_DEV_TEMPERATURE_GPU_MAX_TLIMIT)},
      {"tlimit.memory_max", degrees(NVML_FI_DEV_TEMPERATURE_MEM_MAX_TLIMIT)},
      {"display_clocks_reason", display_clocks},
      {"clocks.max.video",
       [](const Card& card) {
         return number(card.get<unsigned int>("nvmlDeviceGetMaxClockInfo", unsigned{NVML_CLOCK_VIDEO}), "MHz");
       }},
      {"clocks.boost", customer_boost(NVML_CLOCK_GRAPHICS)},
  };
  return kFields;
}

}  // namespace

const DetailField* find_detail_field(std::string_view name) {
  const auto& all = fields();
  const auto found = std::find_if(all.begin(), all.end(), [&](const DetailField& it) { return it.name == name; });
  return found != all.end() ? &*found : nullptr;
}

}  // namespace vgpu::smi
