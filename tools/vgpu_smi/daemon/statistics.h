// SPDX-License-Identifier: Apache-2.0
// vgpu-smi stats and --host: what vgpud counts, for people. JSON is the daemon's own. One thread.
#pragma once

#include <string>
#include <vector>

#include "tools/vgpu_smi/daemon/overview.h"

namespace vgpu::smi {

// All programs, or the one with `pid`; a complaint when there is none.
Result<std::string, Complaint> statistics_page(const Overview& overview, unsigned int pid);
// One daemon's part of --host.
std::string host_page(const Overview& overview, const std::string& socket);

}  // namespace vgpu::smi
