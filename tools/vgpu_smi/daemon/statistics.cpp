// SPDX-License-Identifier: Apache-2.0
#include "tools/vgpu_smi/daemon/statistics.h"

#include <fmt/core.h>

#include <algorithm>
#include <utility>

#include "tools/bytes_text.h"
#include "tools/vgpu_smi/clean_text.h"

namespace vgpu::smi {
namespace {

using nlohmann::json;

constexpr size_t kMostColumns = 5;

enum class Kind { count, bytes, times };
struct Row {
  const char* label;
  const char* member;
  Kind kind;
};
constexpr Row kRows[] = {
    {"calls", "calls", Kind::count},
    {"  posted, without an answer", "posted", Kind::count},
    {"  answered", "replies", Kind::count},
    {"  on helper threads", "helper_calls", Kind::count},
    {"  not supported", "refused", Kind::count},
    {"calls answered by the library", "answered_in_guest", Kind::count},
    {"launches", "launches", Kind::count},
    {"bytes in the ring", "bytes_inline", Kind::bytes},
    {"bytes by the window", "bytes_window", Kind::bytes},
    {"bytes in shared pages", "bytes_shared", Kind::bytes},
    {"ring, deepest", "ring_depth", Kind::bytes},
    {"worker parked", "worker_parks", Kind::times},
    {"program woken", "wakeups", Kind::times},
    {"device memory", "device_bytes", Kind::bytes},
    {"device memory, most", "device_peak", Kind::bytes},
    {"memory shared with the GPU", "mapped_bytes", Kind::bytes},
};

std::string show(const json& from, const Row& row) {
  const auto number = find_number(from, row.member);
  if (!number) return "-";
  switch (row.kind) {
    case Kind::count: return fmt::format("{}", *number);
    case Kind::bytes: return in_bytes(*number);
    case Kind::times: return fmt::format("{} times", *number);
  }
  return "?";
}

std::string count(const json& from, const char* member) {
  const auto number = find_number(from, member);
  return number ? fmt::format("{}", *number) : "?";
}

// "python3 (1234)"; a VM's processes have no name here.
std::string title(const json& session) {
  const std::string name = find_words(session, "name");
  return name == "?" ? fmt::format("process {}", count(session, "pid"))
                     : fmt::format("{} ({})", name, count(session, "pid"));
}

struct Column {
  std::string title;
  const json* from;
};

std::string table(const std::vector<Column>& columns) {
  std::string page = fmt::format("{:<30}", "");
  for (const Column& column : columns) page += fmt::format(" {:>20}", column.title.substr(0, 20));
  page += "\n";
  for (const Row& row : kRows) {
    std::string line = fmt::format("{:<30}", row.label);
    bool known = false;
    for (const Column& column : columns) {
      const std::string words = show(*column.from, row);
      known |= words != "-";
      line += fmt::format(" {:>20}", words);
    }
    if (known) page += line + "\n";
  }
  return page;
}

// "  cuFoo 3 times": the most frequent first.
std::string unsupported_lines(const json& from) {
  std::vector<std::pair<uint64_t, std::string>> calls;
  for (const auto& [name, times] : find_object(from, "unsupported").items())
    if (times.is_number_unsigned()) calls.emplace_back(times.get<uint64_t>(), clean_text(name));
  std::sort(calls.rbegin(), calls.rend());
  std::string lines;
  for (const auto& [times, name] : calls) lines += fmt::format("  {:<44} {:>10} times\n", name, times);
  return lines.empty() ? "" : "\nCalls that are not supported (docs/coverage.md says why):\n" + lines;
}

std::string daemon_line(const Overview& overview) {
  const json& host = find_object(overview.json(), "host");
  const json& totals = find_object(overview.json(), "totals");
  return fmt::format(
      "vgpud {} (process {}), {} driver {}; programs: {} now, {} since it started, {} refused, {} lost\n",
      find_words(host, "release"), count(host, "pid"), find_words(host, "driver"), find_words(host, "driver_version"),
      count(totals, "sessions_open"), count(totals, "sessions"), count(totals, "sessions_refused"),
      count(totals, "workers_lost"));
}

std::string memory_words(const json& device) {
  const json& memory = find_object(device, "memory");
  const auto used = find_number(memory, "used"), total = find_number(memory, "total");
  return used && total ? fmt::format("{} of {}", in_bytes(*used), in_bytes(*total)) : "?";
}

std::string device_line(const json& device) {
  const json& utilization = find_object(device, "utilization");
  std::string line = fmt::format("  GPU {}: {}, {}; memory {}", count(device, "index"), find_words(device, "name"),
                                 find_words(device, "uuid"), memory_words(device));
  if (const auto busy = find_number(utilization, "gpu"))
    line += fmt::format("; {} % busy{}", *busy, find_words(utilization, "of") == "vm" ? " with these programs" : "");
  return line + "\n";
}

std::string session_line(const json& session) {
  const auto vm = find_number(session, "vm_session");
  const auto busy = find_number(session, "gpu_percent");
  return fmt::format("  {:>10}  {:<20} {:<10} {:<10} {:>12} {:>6} {:>12} {:>12}\n", count(session, "pid"),
                     find_words(session, "name").substr(0, 20), vm ? fmt::format("VM, {}", *vm) : "this host",
                     find_words(session, "state"), in_bytes(find_number(session, "device_bytes").value_or(0)),
                     busy ? fmt::format("{} %", *busy) : "?", count(session, "calls"), count(session, "launches"));
}

}  // namespace

Result<std::string, Complaint> statistics_page(const Overview& overview, unsigned int pid) {
  const std::vector<json> sessions = overview.list("sessions");
  std::vector<Column> columns;
  if (pid == 0) columns.push_back({"all, since the start", &find_object(overview.json(), "totals")});
  size_t left_out = 0;
  for (const json& session : sessions) {
    if (pid != 0 && find_number(session, "pid") != pid) continue;
    if (columns.size() < kMostColumns) columns.push_back({title(session), &session});
    else ++left_out;
  }
  if (columns.empty())
    return Complaint{fmt::format("Process {} does not use the GPU. vgpu-smi stats shows all that do.", pid), kNotFound};
  std::string page = daemon_line(overview) + "\n" + table(columns) + unsupported_lines(*columns.front().from);
  if (left_out != 0) page += fmt::format("\n{} more programs: vgpu-smi stats PID, or --json\n", left_out);
  return page;
}

std::string host_page(const Overview& overview, const std::string& socket) {
  std::string page = socket + ": " + daemon_line(overview);
  const json& host = find_object(overview.json(), "host");
  if (const json& error = find_object(host, "error"); !error.empty())
    page += fmt::format("  The card cannot be read: {}\n", find_words(error, "reason"));
  if (const auto limit = find_number(host, "memory_limit"))
    page += fmt::format("  Memory limit: {}\n", in_bytes(*limit));
  for (const json& device : overview.list("devices")) page += device_line(device);
  const std::vector<json> sessions = overview.list("sessions");
  if (sessions.empty()) return page + "  No program uses it now.\n";
  page += fmt::format("  {:>10}  {:<20} {:<10} {:<10} {:>12} {:>6} {:>12} {:>12}\n", "PID", "Name", "Where", "State",
                      "Memory", "GPU", "Calls", "Launches");
  for (const json& session : sessions) page += session_line(session);
  return page;
}

}  // namespace vgpu::smi
