// SPDX-License-Identifier: Apache-2.0
// The overview as JSON (docs/nvml.md).
#include <unistd.h>

#include <fstream>
#include <iterator>
#include <nlohmann/json.hpp>

#include "common/version.h"
#include "host/daemon/reports.h"
#include "vgpu/report.h"

namespace vgpu::host {
namespace {

using nlohmann::json;

// Of a process of this machine; a VM's processes have their names there.
json name_of(const SessionFacts& session) {
  if (session.vm_session != 0 || session.pid == 0) return nullptr;
  std::ifstream file("/proc/" + std::to_string(session.pid) + "/comm");
  std::string name(std::istreambuf_iterator<char>(file), {});
  // A name may have lines of its own; the last one's end is the kernel's.
  if (name.ends_with('\n')) name.pop_back();
  return name.empty() ? json(nullptr) : json(name);
}

void put_work(json& to, const wire::Statistics& work) {
  to["calls"] = work.commands;
  to["posted"] = work.posted;
  to["replies"] = work.replies;
  to["helper_calls"] = work.helper_calls;
  to["worker_parks"] = work.worker_parks;
  to["wakeups"] = work.wakeups;
  to["bytes_inline"] = work.bytes_inline;
  to["bytes_window"] = work.bytes_window;
  to["bytes_shared"] = work.bytes_shared;
  to["launches"] = work.launches;
  to["refused"] = work.refused;
  to["device_bytes"] = work.device_bytes;
  to["busy"] = work.busy_nanoseconds;
  to["ring_depth"] = work.ring_depth;
  to["answered_in_guest"] = work.answered_in_guest;
}

json host_of(const CardFacts& facts, const wire::DaemonStatistics& all) {
  json host = {{"release", kVersion}, {"pid", ::getpid()}};
  host["memory_limit"] = all.device_limit != 0 ? json(all.device_limit) : json(nullptr);
  if (facts.error != NVML_SUCCESS) {
    host["error"] = {{"nvml", facts.error}, {"reason", facts.reason}};
    return host;
  }
  host["software"] = facts.identity.software != 0;
  host["driver"] = facts.identity.software != 0 ? "soft" : "nvidia";
  host["driver_version"] = facts.identity.driver_version;
  host["nvml_version"] = facts.identity.nvml_version;
  host["cuda_version"] = facts.identity.cuda_version;
  return host;
}

json totals_of(const wire::DaemonStatistics& all, const CallCounts& unsupported) {
  json totals = {{"sessions", all.sessions},
                 {"sessions_open", all.sessions_open},
                 {"sessions_refused", all.sessions_refused},
                 {"workers_lost", all.workers_lost},
                 {"mapped_bytes", all.mapped_bytes},
                 {"unsupported", unsupported}};
  // Workers without a limit take memory without a word.
  if (all.device_limit != 0) totals["device_peak"] = all.device_peak;
  put_work(totals, all.work);
  return totals;
}

}  // namespace

std::string Reports::overview_text(bool in_vm) const {
  const CardFacts& facts = monitor_.facts();
  const wire::DaemonStatistics all = source_.daemon_statistics();
  json report = {{"format", report::kFormat},
                 {"host", host_of(facts, all)},
                 {"totals", totals_of(all, source_.unsupported_calls())}};
  report["devices"] = json::array();
  for (uint32_t i = 0; i < facts.devices.size(); ++i) {
    const monitor::DeviceIdentity& device = facts.devices[i];
    const nvmlMemory_t memory = memory_share(i, {device.total_bytes, device.total_bytes, 0});
    json shown = {{"index", i},
                  {"uuid", device.uuid},
                  {"name", device.name},
                  {"pci_bus_id", device.pci_bus_id},
                  {"compute_capability", std::to_string(device.major) + "." + std::to_string(device.minor)}};
    shown["memory"] = {{"total", memory.total}, {"used", memory.used}, {"card_total", device.total_bytes}};
    if (const Share ours = share_of_all(i); ours.told) shown["utilization"] = {{"gpu", ours.gpu_percent}, {"of", "vm"}};
    report["devices"].push_back(std::move(shown));
  }
  report["sessions"] = json::array();
  for (const SessionFacts& session : source_.session_facts()) {
    // A VM learns nothing of the host's programs but what all of them use.
    if (in_vm && session.vm_session == 0) continue;
    json shown = {{"pid", session.pid}, {"name", name_of(session)}, {"state", session.state}};
    shown["vm_session"] = session.vm_session != 0 ? json(session.vm_session) : json(nullptr);
    shown["mapped_bytes"] = session.mapped_bytes;
    put_work(shown, session.work);
    shown["unsupported"] = session.unsupported;
    shown["devices"] = json::array();
    for (uint32_t i = 0; i < facts.devices.size(); ++i) {
      const Share share = share_of(session, i);
      if (!share.there) continue;
      json use = {{"index", i}, {"bytes", share.bytes}};
      if (share.told) use["gpu_percent"] = share.gpu_percent;
      shown["devices"].push_back(std::move(use));
    }
    report["sessions"].push_back(std::move(shown));
  }
  // Text of a driver may be in any encoding; what is not UTF-8 is replaced.
  return report.dump(-1, ' ', false, json::error_handler_t::replace);
}

}  // namespace vgpu::host
