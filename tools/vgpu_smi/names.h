// SPDX-License-Identifier: Apache-2.0
// Words for NVML's numbers, by number; scripts know them.
#pragma once

#include <string_view>

namespace vgpu::smi::names {

constexpr std::string_view kComputeModes[] = {"Default", "Exclusive_Thread", "Prohibited", "Exclusive_Process"};
constexpr std::string_view kOperationModes[] = {"All On", "Compute", "Low Double Precision"};
constexpr std::string_view kAddressingModes[] = {"None", "HMM", "ATS"};
constexpr std::string_view kRecoveryActions[] = {"None", "Reset", "Reboot", "Drain P2P", "Drain and Reset"};
constexpr std::string_view kFabricStates[] = {"N/A", "Not Started", "In Progress", "Completed"};
constexpr unsigned char kFabricCompleted = 3;
constexpr std::string_view kVirtualizationModes[] = {"None", "Pass-Through", "VGPU", "Host VGPU", "Host VSGA"};
constexpr std::string_view kArchitectures[] = {"Unknown", "Unknown", "Kepler",       "Maxwell", "Pascal",   "Volta",
                                               "Turing",  "Ampere",  "Ada Lovelace", "Hopper",  "Blackwell"};
constexpr std::string_view kBrands[] = {"Unknown",
                                        "Quadro",
                                        "Tesla",
                                        "NVS",
                                        "Grid",
                                        "GeForce",
                                        "Titan",
                                        "NVIDIA vApps",
                                        "NVIDIA vPC",
                                        "NVIDIA vCS",
                                        "NVIDIA RTX Virtual Workstation",
                                        "NVIDIA Cloud Gaming",
                                        "Quadro RTX",
                                        "NVIDIA RTX",
                                        "NVIDIA",
                                        "GeForce RTX",
                                        "Titan RTX"};

// Bits of the reasons for which clocks are held down.
struct Reason {
  unsigned long long bit;
  std::string_view name;   // in --query-gpu
  std::string_view label;  // in -q
  std::string_view meaning;
};
constexpr Reason kClockReasons[] = {
    {0x1, "gpu_idle", "Idle", "nothing runs"},
    {0x2, "applications_clocks_setting", "Applications Clocks Setting", "somebody has set lower clocks"},
    {0x4, "sw_power_cap", "SW Power Cap", "the card is at its power limit"},
    {0x8, "hw_slowdown", "HW Slowdown", "the card protects itself: heat, power brake or too high a draw"},
    {0x40, "hw_thermal_slowdown", "HW Thermal Slowdown", "the card is too hot"},
    {0x80, "hw_power_brake_slowdown", "HW Power Brake Slowdown", "the power supply asked for it"},
    {0x20, "sw_thermal_slowdown", "SW Thermal Slowdown", "the driver keeps the card below a temperature"},
    {0x10, "sync_boost", "Sync Boost", "cards of one group keep the same clocks"},
    {0x100, "display_clocks_setting", "Display Clock Setting", "the display's clocks decide"},
};

}  // namespace vgpu::smi::names
