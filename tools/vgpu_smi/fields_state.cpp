// SPDX-License-Identifier: Apache-2.0
// Fields that say how the card is set up.
#include <fmt/core.h>

#include "tools/vgpu_smi/field.h"
#include "tools/vgpu_smi/names.h"

namespace vgpu::smi {
namespace {

std::function<Cell(const Card&)> switched(const char* call) {
  return [call](const Card& card) { return enabled(card.get<unsigned int>(call)); };
}
std::function<Cell(const Card&)> switched_pair(const char* call, int which) {
  return [call, which](const Card& card) { return enabled(card.pair<unsigned int>(call, which)); };
}

Cell inforom(const Card& card, unsigned int object) { return text(card.text("nvmlDeviceGetInforomVersion", object)); }

Cell gsp_mode(const Card& card, int which) {
  return enabled(card.pair<unsigned int>("nvmlDeviceGetGspFirmwareMode", which));
}

Cell addressing_mode(const Card& card) {
  const auto mode = card.get_versioned<nvmlDeviceAddressingMode_v1_t>("nvmlDeviceGetAddressingMode", 1);
  return choice(map(mode, [](const auto& it) { return it.value; }), names::kAddressingModes);
}

Cell recovery_action(const Card& card) {
  const auto action = card.field(NVML_FI_DEV_GET_GPU_RECOVERY_ACTION);
  return choice(map(action, [](long long it) { return static_cast<unsigned int>(it); }), names::kRecoveryActions);
}

void add_modes(std::vector<Field>& fields) {
  fields.insert(
      fields.end(),
      {{"State", {"display_mode"}, "", "Whether a display is attached.", switched("nvmlDeviceGetDisplayMode")},
       {"State",
        {"display_attached"},
        "",
        "Whether a display is attached: Yes or No.",
        [](const Card& card) {
          const auto mode = card.get<unsigned int>("nvmlDeviceGetDisplayMode");
          return yes_no(map(mode, [](unsigned int it) { return it != 0; }), "Yes", "No");
        }},
       {"State", {"display_active"}, "", "Whether a display uses the card.", switched("nvmlDeviceGetDisplayActive")},
       {"State",
        {"persistence_mode"},
        "",
        "Whether the driver stays loaded without users.",
        switched("nvmlDeviceGetPersistenceMode")},
       {"State",
        {"addressing_mode"},
        "",
        "How the card reaches the processor's memory: None, HMM or ATS.",
        addressing_mode},
       {"State",
        {"accounting.mode"},
        "",
        "Whether finished processes are accounted for.",
        switched("nvmlDeviceGetAccountingMode")},
       {"State",
        {"accounting.buffer_size"},
        "",
        "For how many processes there is room in the accounts.",
        [](const Card& card) { return number(card.get<unsigned int>("nvmlDeviceGetAccountingBufferSize")); }},
       {"State", {"driver_model.current"}, "", "Windows only.", [](const Card&) { return missing(); }},
       {"State", {"driver_model.pending"}, "", "Windows only.", [](const Card&) { return missing(); }},
       {"State",
        {"compute_mode"},
        "",
        "Who may use the card: Default, Exclusive_Process, Prohibited.",
        [](const Card& card) {
          return choice(card.get<unsigned int>("nvmlDeviceGetComputeMode"), names::kComputeModes);
        }},
       {"State",
        {"mig.mode.current"},
        "",
        "Whether the card is divided into instances.",
        switched_pair("nvmlDeviceGetMigMode", 0)},
       {"State", {"mig.mode.pending"}, "", "The same after the next reset.", switched_pair("nvmlDeviceGetMigMode", 1)},
       {"State",
        {"gom.current", "gpu_operation_mode.current"},
        "",
        "Operation mode of the card.",
        [](const Card& card) {
          return choice(card.pair<unsigned int>("nvmlDeviceGetGpuOperationMode", 0), names::kOperationModes);
        }},
       {"State",
        {"gom.pending", "gpu_operation_mode.pending"},
        "",
        "The same after the next start.",
        [](const Card& card) {
          return choice(card.pair<unsigned int>("nvmlDeviceGetGpuOperationMode", 1), names::kOperationModes);
        }},
       {"State",
        {"gsp.mode.current"},
        "",
        "Whether the card's own processor runs the driver's firmware.",
        [](const Card& card) { return gsp_mode(card, 0); }},
       {"State",
        {"gsp.mode.default"},
        "",
        "The same, as the card comes.",
        [](const Card& card) { return gsp_mode(card, 1); }},
       {"State",
        {"c2c.mode"},
        "",
        "Whether the chip-to-chip link is in use.",
        [](const Card& card) {
          const auto mode = card.get<nvmlC2cModeInfo_v1_t>("nvmlDeviceGetC2cModeInfoV");
          return enabled(map(mode, [](const auto& it) { return it.isC2cEnabled; }));
        }},
       {"State",
        {"gpu_recovery_action"},
        "",
        "What would make the card work again, if anything is needed.",
        recovery_action},
       {"State", {"pstate"}, "", "Performance state, from P0 (most) to P12 (least).", [](const Card& card) {
          const auto state = card.get<unsigned int>("nvmlDeviceGetPerformanceState");
          return text(
              map(state, [](unsigned int it) { return it <= 15 ? fmt::format("P{}", it) : std::string("Unknown"); }));
        }}});
}

void add_inforom(std::vector<Field>& fields) {
  fields.insert(fields.end(),
                {{"Board memory",
                  {"inforom.img", "inforom.image"},
                  "",
                  "Version of the board's information memory.",
                  [](const Card& card) { return text(card.text("nvmlDeviceGetInforomImageVersion")); }},
                 {"Board memory",
                  {"inforom.oem"},
                  "",
                  "Its part for the maker.",
                  [](const Card& card) { return inforom(card, 0); }},
                 {"Board memory",
                  {"inforom.ecc"},
                  "",
                  "Its part for memory errors.",
                  [](const Card& card) { return inforom(card, 1); }},
                 {"Board memory", {"inforom.pwr", "inforom.power"}, "", "Its part for power.", [](const Card& card) {
                    return inforom(card, 2);
                  }}});
}

Reading<nvmlGpuFabricInfo_v2_t> fabric(const Card& card) {
  return card.get_versioned<nvmlGpuFabricInfo_v2_t>("nvmlDeviceGetGpuFabricInfoV", 2);
}

// While the card has not joined a fabric, there is nothing but its state.
Reading<nvmlGpuFabricInfo_v2_t> joined_fabric(const Card& card) {
  auto info = fabric(card);
  if (info.ok() && info.value().state != names::kFabricCompleted) return NVML_ERROR_NOT_SUPPORTED;
  return info;
}

std::string format_uuid(const unsigned char (&bytes)[16]) {
  std::string uuid;
  for (int i = 0; i < 16; ++i) {
    if (i == 4 || i == 6 || i == 8 || i == 10) uuid += '-';
    uuid += fmt::format("{:02x}", bytes[i]);
  }
  return uuid;
}

void add_fabric(std::vector<Field>& fields) {
  fields.insert(
      fields.end(),
      {{"Fabric",
        {"fabric.state"},
        "",
        "How far the card has joined the NVLink fabric.",
        [](const Card& card) {
          const auto state = map(fabric(card), [](const auto& it) -> unsigned int { return it.state; });
          // NVIDIA's tool writes this one without brackets.
          if (state.ok() && state.value() == 0) return text("N/A");
          return choice(state, names::kFabricStates);
        }},
       {"Fabric",
        {"fabric.status"},
        "",
        "Whether joining worked.",
        [](const Card& card) {
          const auto info = joined_fabric(card);
          if (!info.ok()) return text("N/A");
          return text(info.value().status == NVML_SUCCESS ? "Success" : card.nvml().describe(info.value().status));
        }},
       {"Fabric",
        {"fabric.cliqueId"},
        "",
        "Number of the card's group in the fabric.",
        [](const Card& card) { return number(map(joined_fabric(card), [](const auto& it) { return it.cliqueId; })); }},
       {"Fabric", {"fabric.clusterUuid"}, "", "Identifier of the fabric.", [](const Card& card) {
          return text(map(joined_fabric(card), [](const auto& it) { return format_uuid(it.clusterUuid); }));
        }}});
}

}  // namespace

void add_state_fields(std::vector<Field>& fields) {
  add_modes(fields);
  add_inforom(fields);
  add_fabric(fields);
}

}  // namespace vgpu::smi
