// SPDX-License-Identifier: Apache-2.0
// The page for Prometheus: its text format 0.0.4. Names are in docs/nvml.md.
#include <cstring>
#include <map>
#include <memory>

#include "common/version.h"
#include "host/daemon/metrics_page.h"
#include "host/daemon/reports.h"

namespace vgpu::host {
namespace {

// A value of the card that is asked of the monitor: one 32-bit result.
struct Sensor {
  const char* call;
  bool has_argument;
  uint32_t argument;
  const char* metric;
  const char* help;
  double scale;
};
constexpr Sensor kSensors[] = {
    {"nvmlDeviceGetTemperature", true, NVML_TEMPERATURE_GPU, "vgpu_device_temperature_celsius",
     "Temperature of the card.", 1},
    {"nvmlDeviceGetPowerUsage", false, 0, "vgpu_device_power_watts", "Power that the card draws.", 0.001},
    {"nvmlDeviceGetClockInfo", true, NVML_CLOCK_SM, "vgpu_device_sm_clock_hertz", "Clock of the multiprocessors.", 1e6},
    {"nvmlDeviceGetClockInfo", true, NVML_CLOCK_MEM, "vgpu_device_memory_clock_hertz", "Clock of the memory.", 1e6},
};

void add_work(MetricsPage& page, const wire::Statistics& work) {
  const auto count = [&](const char* name, const char* help, uint64_t value, const MetricLabels& labels = {}) {
    page.add(name, "counter", help, labels, static_cast<double>(value));
  };
  count("vgpu_calls_total", "CUDA calls that workers carried out.", work.commands);
  count("vgpu_calls_refused_total", "Calls that were answered: not supported.", work.refused);
  count("vgpu_launches_total", "Kernels that were launched.", work.launches);
  for (const auto& [path, bytes] : {std::pair("inline", work.bytes_inline), std::pair("window", work.bytes_window),
                                    std::pair("shared", work.bytes_shared)})
    count("vgpu_bytes_total", "Bytes between programs and workers, by path.", bytes, {{"path", path}});
}

}  // namespace

struct Reports::Readings {
  std::map<std::pair<size_t, uint32_t>, uint32_t> values;  // by sensor and device
  size_t missing = 0;
  std::function<void(const std::string&)> done;
};

void Reports::metrics(std::function<void(const std::string&)> answered) {
  look(true, [this, answered = std::move(answered)] {
    auto readings = std::make_shared<Readings>();
    readings->done = answered;
    const CardFacts& facts = monitor_.facts();
    // The software GPU has no sensors.
    const uint32_t devices = facts.identity.software != 0 ? 0 : static_cast<uint32_t>(facts.devices.size());
    readings->missing = 1 + devices * std::size(kSensors);
    for (uint32_t device = 0; device < devices; ++device)
      for (size_t sensor = 0; sensor < std::size(kSensors); ++sensor) read_sensor(readings, sensor, device);
    have_reading(*readings);
  });
}

void Reports::read_sensor(const std::shared_ptr<Readings>& readings, size_t sensor, uint32_t device) {
  const Sensor& wanted = kSensors[sensor];
  std::vector<std::byte> request;
  codec::Writer writer(request);
  writer.put(report::Kind::reading);
  writer.string(wanted.call);
  writer.put(device);
  if (wanted.has_argument) writer.put(wanted.argument);
  monitor_.ask(request, [this, readings, sensor, device](std::span<const std::byte> bytes) {
    codec::Reader reader(bytes);
    const bool good = reader.get<int32_t>() == NVML_SUCCESS;
    const auto value = reader.get<uint32_t>();
    if (good && reader.complete()) readings->values[{sensor, device}] = value;
    have_reading(*readings);
  });
}

void Reports::have_reading(Readings& readings) const {
  if (--readings.missing == 0) readings.done(metrics_text(readings));
}

std::string Reports::metrics_text(const Readings& readings) const {
  const CardFacts& facts = monitor_.facts();
  const wire::DaemonStatistics all = source_.daemon_statistics();
  MetricsPage page;
  page.add("vgpu_info", "gauge", "Releases.",
           {{"release", kVersion}, {"driver_version", facts.identity.driver_version}}, 1);
  for (uint32_t i = 0; i < facts.devices.size(); ++i) {
    const monitor::DeviceIdentity& device = facts.devices[i];
    const MetricLabels labels = {{"index", std::to_string(i)}, {"uuid", device.uuid}};
    const nvmlMemory_t memory = memory_share(i, {device.total_bytes, device.total_bytes, 0});
    page.add("vgpu_device_info", "gauge", "Names of the devices.", {labels[0], labels[1], {"name", device.name}}, 1);
    page.add("vgpu_device_memory_total_bytes", "gauge", "Memory that programs may have.", labels,
             static_cast<double>(memory.total));
    page.add("vgpu_device_memory_used_bytes", "gauge", "Memory that programs hold.", labels,
             static_cast<double>(memory.used));
    if (const Share ours = share_of_all(i); ours.told)
      page.add("vgpu_device_utilization_ratio", "gauge", "How busy programs of this vgpud keep the device.", labels,
               ours.gpu_percent / 100.0);
    for (size_t sensor = 0; sensor < std::size(kSensors); ++sensor)
      if (const auto found = readings.values.find({sensor, i}); found != readings.values.end())
        page.add(kSensors[sensor].metric, "gauge", kSensors[sensor].help, labels,
                 found->second * kSensors[sensor].scale);
  }
  page.add("vgpu_sessions_open", "gauge", "Programs with a session.", {}, static_cast<double>(all.sessions_open));
  page.add("vgpu_sessions_total", "counter", "Sessions since the start.", {}, static_cast<double>(all.sessions));
  page.add("vgpu_sessions_refused_total", "counter", "Sessions that were refused.", {},
           static_cast<double>(all.sessions_refused));
  page.add("vgpu_workers_lost_total", "counter", "Workers that ended without being told to.", {},
           static_cast<double>(all.workers_lost));
  for (const SessionFacts& session : source_.session_facts())
    if (session.open)
      page.add("vgpu_session_memory_bytes", "gauge", "Device memory of a program.",
               {{"pid", std::to_string(session.pid)}, {"session", std::to_string(session.key)}},
               static_cast<double>(describe(session).device_bytes));
  add_work(page, all.work);
  return page.text();
}

}  // namespace vgpu::host
