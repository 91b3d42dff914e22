// SPDX-License-Identifier: Apache-2.0
#include "tools/vgpu_smi/trace/print.h"

#include <fmt/core.h>

namespace vgpu::smi {
namespace {

std::string list(const TracedCall::Values& values) {
  std::string text;
  for (const auto& [name, value] : values) text += fmt::format("{}{}={}", text.empty() ? "" : ", ", name, value);
  return text;
}

nlohmann::json object(const TracedCall::Values& values) {
  auto json = nlohmann::json::object();
  for (const auto& [name, value] : values) json[name] = value;
  return json;
}

std::string duration_text(uint64_t nanoseconds) {
  if (nanoseconds < 1'000'000) return fmt::format("{:.1f} us", static_cast<double>(nanoseconds) / 1e3);
  if (nanoseconds < 1'000'000'000) return fmt::format("{:.1f} ms", static_cast<double>(nanoseconds) / 1e6);
  return fmt::format("{:.2f} s", static_cast<double>(nanoseconds) / 1e9);
}

}  // namespace

std::string trace_line(const TracedCall& call) {
  std::string line = fmt::format("{:12.6f} {:>3}  {}({})", static_cast<double>(call.start) / 1e9, call.thread,
                                 call.name, list(call.arguments));
  if (!call.results.empty()) line += " -> " + list(call.results);
  if (call.result != 0) line += fmt::format(" = {} {}", call.result, call.result_name);
  return line + fmt::format(" <{}{}>\n", duration_text(call.duration), call.posted ? ", posted" : "");
}

nlohmann::json trace_json(const TracedCall& call) {
  return {{"number", call.number},
          {"thread", call.thread},
          {"start_ns", call.start},
          {"duration_ns", call.duration},
          {"call", call.name},
          {"arguments", object(call.arguments)},
          {"results", object(call.results)},
          {"result", call.result},
          {"result_name", call.result_name},
          {"posted", call.posted}};
}

std::string gap_line(uint64_t lost) {
  return fmt::format("{:>16}  {} calls were not seen: they came too fast\n", "...", lost);
}

}  // namespace vgpu::smi
