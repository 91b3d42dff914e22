// SPDX-License-Identifier: Apache-2.0
#include "tools/vgpu_smi/doctor/doctor.h"

#include <fmt/core.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "common/version.h"

namespace vgpu::smi::doctor {
namespace {

const char* mark(State state) {
  switch (state) {
    case State::good: return "ok";
    case State::note: return "note";
    case State::warning: return "warning";
    case State::problem: return "PROBLEM";
  }
  return "?";
}

}  // namespace

Findings examine(const Place& place) {
  Findings findings;
  const Way way = check_device(place, findings);
  check_daemon(place, way, findings);
  check_releases(place, way, findings);
  check_memory(findings);
  check_libraries(findings);
  check_use(findings);
  return findings;
}

bool has_problem(const Findings& findings) {
  return std::any_of(findings.begin(), findings.end(), [](const Finding& it) { return it.state == State::problem; });
}

std::string page(const Findings& findings) {
  std::string text = fmt::format("vgpu-smi {} looks at this machine\n\n", kVersion);
  for (const Finding& finding : findings) {
    text += fmt::format("{:<8} {:<18} {}\n", mark(finding.state), finding.subject, finding.words);
    if (!finding.advice.empty()) text += fmt::format("{:<8} {:<18} -> {}\n", "", "", finding.advice);
  }
  const auto problems =
      std::count_if(findings.begin(), findings.end(), [](const Finding& it) { return it.state == State::problem; });
  return text + (problems == 0
                     ? "\nPrograms find the GPU.\n"
                     : fmt::format("\n{} problem{}; begin with the first.\n", problems, problems == 1 ? "" : "s"));
}

nlohmann::json to_json(const Findings& findings) {
  auto all = nlohmann::json::array();
  for (const Finding& finding : findings)
    all.push_back({{"state", mark(finding.state)},
                   {"subject", finding.subject},
                   {"words", finding.words},
                   {"advice", finding.advice}});
  return {{"version", kVersion}, {"healthy", !has_problem(findings)}, {"findings", all}};
}

}  // namespace vgpu::smi::doctor
