// SPDX-License-Identifier: Apache-2.0
// Fields of temperature, power and clocks.
#include <fmt/core.h>

#include "tools/vgpu_smi/field.h"
#include "tools/vgpu_smi/names.h"

namespace vgpu::smi {
namespace {

constexpr const char* kThermal = "Temperature";
constexpr const char* kPower = "Power";
constexpr const char* kClocks = "Clocks";
constexpr const char* kReasons = "Why clocks are held down";

std::function<Cell(const Card&)> watts_of(const char* call) {
  return [call](const Card& card) { return watts(card.get<unsigned int>(call)); };
}
std::function<Cell(const Card&)> watts_of_field(unsigned int id) {
  return [id](const Card& card) {
    return watts(map(card.field(id), [](long long it) { return static_cast<unsigned int>(it); }));
  };
}
std::function<Cell(const Card&)> power_constraint(int which) {
  return [which](const Card& card) {
    return watts(card.pair<unsigned int>("nvmlDeviceGetPowerManagementLimitConstraints", which));
  };
}
std::function<Cell(const Card&)> clock(const char* call, unsigned int which) {
  return [call, which](const Card& card) { return number(card.get<unsigned int>(call, which), "MHz"); };
}

Cell margin(const Card& card) {
  const auto read = card.get_versioned<nvmlMarginTemperature_v1_t>("nvmlDeviceGetMarginTemperature", 1);
  return signed_number(map(read, [](const auto& it) -> long long { return it.marginTemperature; }));
}

// Older libraries know these calls by the older name.
Reading<unsigned long long> reasons(const Card& card, const char* name, const char* older) {
  auto read = card.get<unsigned long long>(name);
  if (!read.ok() && read.error() == NVML_ERROR_FUNCTION_NOT_FOUND) return card.get<unsigned long long>(older);
  return read;
}
Reading<unsigned long long> active_reasons(const Card& card) {
  return reasons(card, "nvmlDeviceGetCurrentClocksEventReasons", "nvmlDeviceGetCurrentClocksThrottleReasons");
}

void add_temperature(std::vector<Field>& fields) {
  fields.insert(fields.end(),
                {{kThermal,
                  {"temperature.gpu"},
                  "",
                  "The chip's temperature, degrees Celsius.",
                  [](const Card& card) { return number(card.get<unsigned int>("nvmlDeviceGetTemperature", 0u)); }},
                 {kThermal, {"temperature.gpu.tlimit"}, "", "Degrees Celsius left before the card slows down.", margin},
                 {kThermal,
                  {"temperature.memory"},
                  "",
                  "The memory's temperature, degrees Celsius.",
                  [](const Card& card) {
                    const auto read = card.field(NVML_FI_DEV_MEMORY_TEMP);
                    // Cards without such a sensor answer 0.
                    return read.ok() && read.value() == 0 ? missing() : signed_number(read);
                  }},
                 {kThermal, {"fan.speed"}, "%", "Speed that the fan should have.", [](const Card& card) {
                    return number(card.get<unsigned int>("nvmlDeviceGetFanSpeed"), "%");
                  }}});
}

void add_power(std::vector<Field>& fields) {
  fields.insert(
      fields.end(),
      {{kPower,
        {"power.management"},
        "",
        "Whether power is managed.",
        [](const Card& card) { return enabled(card.get<unsigned int>("nvmlDeviceGetPowerManagementMode")); }},
       {kPower, {"power.draw"}, "W", "What the board draws.", watts_of("nvmlDeviceGetPowerUsage")},
       {kPower, {"power.draw.average"}, "W", "The same over one second.", watts_of_field(NVML_FI_DEV_POWER_AVERAGE)},
       {kPower, {"power.draw.instant"}, "W", "The same at this moment.", watts_of_field(NVML_FI_DEV_POWER_INSTANT)},
       {kPower, {"power.limit"}, "W", "The limit that is set.", watts_of("nvmlDeviceGetPowerManagementLimit")},
       {kPower,
        {"enforced.power.limit"},
        "W",
        "The limit in force, from whatever source.",
        watts_of("nvmlDeviceGetEnforcedPowerLimit")},
       {kPower,
        {"power.default_limit"},
        "W",
        "The limit as the card comes.",
        watts_of("nvmlDeviceGetPowerManagementDefaultLimit")},
       {kPower, {"power.min_limit"}, "W", "The lowest limit that can be set.", power_constraint(0)},
       {kPower, {"power.max_limit"}, "W", "The highest limit that can be set.", power_constraint(1)}});
}

void add_clocks(std::vector<Field>& fields) {
  const char* const now = "nvmlDeviceGetClockInfo";
  const char* const most = "nvmlDeviceGetMaxClockInfo";
  const char* const set = "nvmlDeviceGetApplicationsClock";
  const char* const standard = "nvmlDeviceGetDefaultApplicationsClock";
  fields.insert(
      fields.end(),
      {{kClocks, {"clocks.current.graphics", "clocks.gr"}, "MHz", "Graphics clock.", clock(now, NVML_CLOCK_GRAPHICS)},
       {kClocks, {"clocks.current.sm", "clocks.sm"}, "MHz", "The multiprocessors' clock.", clock(now, NVML_CLOCK_SM)},
       {kClocks, {"clocks.current.memory", "clocks.mem"}, "MHz", "Memory clock.", clock(now, NVML_CLOCK_MEM)},
       {kClocks, {"clocks.current.video", "clocks.video"}, "MHz", "Video clock.", clock(now, NVML_CLOCK_VIDEO)},
       {kClocks,
        {"clocks.applications.graphics", "clocks.applications.gr"},
        "MHz",
        "Graphics clock that is set.",
        clock(set, NVML_CLOCK_GRAPHICS)},
       {kClocks,
        {"clocks.applications.memory", "clocks.applications.mem"},
        "MHz",
        "Memory clock that is set.",
        clock(set, NVML_CLOCK_MEM)},
       {kClocks,
        {"clocks.default_applications.graphics", "clocks.default_applications.gr"},
        "MHz",
        "Graphics clock as the card comes.",
        clock(standard, NVML_CLOCK_GRAPHICS)},
       {kClocks,
        {"clocks.default_applications.memory", "clocks.default_applications.mem"},
        "MHz",
        "Memory clock as the card comes.",
        clock(standard, NVML_CLOCK_MEM)},
       {kClocks,
        {"clocks.max.graphics", "clocks.max.gr"},
        "MHz",
        "Highest graphics clock.",
        clock(most, NVML_CLOCK_GRAPHICS)},
       {kClocks, {"clocks.max.sm"}, "MHz", "Highest clock of the multiprocessors.", clock(most, NVML_CLOCK_SM)},
       {kClocks,
        {"clocks.max.memory", "clocks.max.mem"},
        "MHz",
        "Highest memory clock.",
        clock(most, NVML_CLOCK_MEM)}});
}

void add_reasons(std::vector<Field>& fields) {
  const auto both = [](std::string_view name) {
    return std::vector<std::string>{fmt::format("clocks_event_reasons.{}", name),
                                    fmt::format("clocks_throttle_reasons.{}", name)};
  };
  fields.push_back({kReasons, both("supported"), "", "Bits of the reasons that this card knows.", [](const Card& card) {
                      return hex(reasons(card, "nvmlDeviceGetSupportedClocksEventReasons",
                                         "nvmlDeviceGetSupportedClocksThrottleReasons"),
                                 16);
                    }});
  fields.push_back({kReasons, both("active"), "", "Bits of the reasons that hold now.",
                    [](const Card& card) { return hex(active_reasons(card), 16); }});
  for (const names::Reason& reason : names::kClockReasons) {
    if (reason.bit == 0x100) continue;  // Only -q knows it.
    fields.push_back({kReasons, both(reason.name), "", fmt::format("Active when {}.", reason.meaning),
                      [bit = reason.bit](const Card& card) {
                        const auto read = map(active_reasons(card), [&](auto it) { return (it & bit) != 0; });
                        return yes_no(read, "Active", "Not Active");
                      }});
  }
}

// Drivers of one version number some counters in two ways, and what the other way means by a number is another thing,
// which most cards do not support. Where both numbers answer, there is no telling which one it is.
Reading<long long> either_field(const Card& card, unsigned int one, unsigned int other) {
  auto read = card.field(one);
  if (other == 0) return read;
  auto second = card.field(other);
  if (read.ok() && second.ok()) return NVML_ERROR_NOT_SUPPORTED;
  return read.ok() ? read : second;
}

void add_reason_counters(std::vector<Field>& fields) {
  struct Counter {
    const char* name;
    unsigned int field, other_field;
    const char* meaning;
  };
  static constexpr Counter kCounters[] = {
      {"sw_power_cap", NVML_FI_DEV_PERF_POLICY_POWER, 0, "of its power limit"},
      {"sync_boost", NVML_FI_DEV_PERF_POLICY_SYNC_BOOST, 0, "of its group"},
      {"sw_thermal_slowdown", NVML_FI_DEV_CLOCKS_EVENT_REASON_SW_THERM_SLOWDOWN,
       NVML_FI_DEV_CLOCKS_EVENT_REASON_SW_THERM_SLOWDOWN_13_0, "of a temperature that the driver keeps"},
      {"hw_thermal_slowdown", NVML_FI_DEV_CLOCKS_EVENT_REASON_HW_THERM_SLOWDOWN,
       NVML_FI_DEV_CLOCKS_EVENT_REASON_HW_THERM_SLOWDOWN_13_0, "of heat"},
      {"hw_power_brake_slowdown", NVML_FI_DEV_CLOCKS_EVENT_REASON_HW_POWER_BRAKE_SLOWDOWN,
       NVML_FI_DEV_CLOCKS_EVENT_REASON_HW_POWER_BRAKE_SLOWDOWN_13_0, "of the power supply"},
  };
  for (const Counter& counter : kCounters)
    fields.push_back({kReasons,
                      {fmt::format("clocks_event_reasons_counters.{}", counter.name)},
                      "us",
                      fmt::format("For how long clocks were held down because {}, in microseconds.", counter.meaning),
                      [counter](const Card& card) {
                        const auto read = either_field(card, counter.field, counter.other_field);
                        return signed_number(map(read, [](long long ns) { return ns / 1000; }), "us");
                      }});
}

}  // namespace

void add_power_fields(std::vector<Field>& fields) {
  add_temperature(fields);
  add_power(fields);
  add_clocks(fields);
  add_reasons(fields);
  add_reason_counters(fields);
}

}  // namespace vgpu::smi
