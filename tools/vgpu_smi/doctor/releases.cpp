// SPDX-License-Identifier: Apache-2.0
// Whether both sides are of one release.
#include <fmt/core.h>

#include "common/version.h"
#include "tools/vgpu_smi/daemon/overview.h"
#include "tools/vgpu_smi/doctor/finding.h"

namespace vgpu::smi::doctor {

Finding compare_releases(const std::string& host, const std::string& own) {
  if (host == own) return {State::good, "releases", fmt::format("vgpud on the host and these tools are {}", own), ""};
  return {State::warning, "releases", fmt::format("the host's vgpud is {}, these tools are {}", host, own),
          "Mostly they work together; when something does not, install the same release on both sides"};
}

void check_releases(const Place& place, Way way, Findings& findings) {
  if (way == Way::nothing) return;
  const auto overview = place.socket.empty() ? Overview::ask() : Overview::ask_at(place.socket);
  if (!overview.ok()) {
    // Other checks say what keeps it from answering.
    if (overview.error().code == kNoFunction)
      findings.push_back({State::warning, "releases", "the host's vgpud, or the module, is older than these tools",
                          "Install the same release on both sides"});
    return;
  }
  findings.push_back(compare_releases(find_words(find_object(overview.value().json(), "host"), "release"), kVersion));
}

}  // namespace vgpu::smi::doctor
