// SPDX-License-Identifier: Apache-2.0
// Fields that say what of the card is in use.
#include "tools/vgpu_smi/field.h"

namespace vgpu::smi {
namespace {

std::function<Cell(const Card&)> memory(unsigned long long nvmlMemory_v2_t::*member) {
  return
      [member](const Card& card) { return mebibytes(map(card.memory(), [&](const auto& it) { return it.*member; })); };
}

std::function<Cell(const Card&)> protected_memory(unsigned long long nvmlMemory_t::*member) {
  return [member](const Card& card) {
    const auto read = card.get<nvmlMemory_t>("nvmlDeviceGetConfComputeProtectedMemoryUsage");
    return mebibytes(map(read, [&](const auto& it) { return it.*member; }));
  };
}

std::function<Cell(const Card&)> rate(unsigned int nvmlUtilization_t::*member) {
  return [member](const Card& card) {
    const auto rates = card.get<nvmlUtilization_t>("nvmlDeviceGetUtilizationRates");
    return number(map(rates, [&](const auto& it) { return it.*member; }), "%");
  };
}

// Calls that also say over which period they looked.
std::function<Cell(const Card&)> engine(const char* call) {
  return [call](const Card& card) { return number(card.pair<unsigned int>(call, 0), "%"); };
}

std::function<Cell(const Card&)> encoder(int which) {
  return [which](const Card& card) {
    unsigned int values[3] = {};  // sessions, frames a second, microseconds
    const auto status =
        card.nvml().call("nvmlDeviceGetEncoderStats", card.device(), &values[0], &values[1], &values[2]);
    return status == NVML_SUCCESS ? number(uint64_t{values[which]}) : missing(status);
  };
}

}  // namespace

void add_usage_fields(std::vector<Field>& fields) {
  fields.insert(
      fields.end(),
      {{"Memory",
        {"memory.total"},
        "MiB",
        "The card's memory; in a VM, this VM's share.",
        memory(&nvmlMemory_v2_t::total)},
       {"Memory",
        {"memory.reserved"},
        "MiB",
        "What driver and firmware keep for themselves.",
        memory(&nvmlMemory_v2_t::reserved)},
       {"Memory", {"memory.used"}, "MiB", "What programs hold.", memory(&nvmlMemory_v2_t::used)},
       {"Memory", {"memory.free"}, "MiB", "What nobody holds.", memory(&nvmlMemory_v2_t::free)},
       {"Memory",
        {"protected_memory.total"},
        "MiB",
        "Memory for confidential computing.",
        protected_memory(&nvmlMemory_t::total)},
       {"Memory",
        {"protected_memory.used"},
        "MiB",
        "Of it, what programs hold.",
        protected_memory(&nvmlMemory_t::used)},
       {"Memory", {"protected_memory.free"}, "MiB", "Of it, what nobody holds.", protected_memory(&nvmlMemory_t::free)},
       {"Utilisation",
        {"utilization.gpu"},
        "%",
        "Share of the last moment in which a kernel ran.",
        rate(&nvmlUtilization_t::gpu)},
       {"Utilisation",
        {"utilization.memory"},
        "%",
        "Share in which the card's memory was read or written.",
        rate(&nvmlUtilization_t::memory)},
       {"Utilisation",
        {"utilization.encoder"},
        "%",
        "Share in which the video encoder worked.",
        engine("nvmlDeviceGetEncoderUtilization")},
       {"Utilisation",
        {"utilization.decoder"},
        "%",
        "Share in which the video decoder worked.",
        engine("nvmlDeviceGetDecoderUtilization")},
       {"Utilisation",
        {"utilization.jpeg"},
        "%",
        "Share in which the JPEG engine worked.",
        engine("nvmlDeviceGetJpgUtilization")},
       {"Utilisation",
        {"utilization.ofa"},
        "%",
        "Share in which the optical flow engine worked.",
        engine("nvmlDeviceGetOfaUtilization")},
       {"Utilisation", {"encoder.stats.sessionCount"}, "", "Video encoder: sessions.", encoder(0)},
       {"Utilisation", {"encoder.stats.averageFps"}, "", "Video encoder: frames a second, on average.", encoder(1)},
       {"Utilisation",
        {"encoder.stats.averageLatency"},
        "",
        "Video encoder: microseconds a frame, on average.",
        encoder(2)}});
}

}  // namespace vgpu::smi
