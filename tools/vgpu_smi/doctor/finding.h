// SPDX-License-Identifier: Apache-2.0
// Finding: one thing that the doctor looked at, in words for a person, and what to do about it. Checks append theirs
// to a list and never stop the others. One thread.
#pragma once

#include <string>
#include <vector>

namespace vgpu::smi::doctor {

enum class State {
  good,
  note,     // worth knowing, nothing to do
  warning,  // works, but not as it should
  problem,  // programs will not find a GPU, or not ours
};

struct Finding {
  State state = State::good;
  std::string subject;  // "device node"
  std::string words;
  std::string advice;  // empty when there is nothing to do
};

using Findings = std::vector<Finding>;

// What the checks read, so that tests can show them another machine: a root for /sys, /dev and /etc, and the
// environment's socket.
struct Place {
  std::string root;    // "" for this machine
  std::string socket;  // VGPU_SOCKET or --socket; empty: neither
};

// How programs reach the GPU from here.
enum class Way { nothing, device, socket };

// The PCI device, the module, the node and its permissions; what the module says of the device.
Way check_device(const Place& place, Findings& findings);
// The daemon's socket, whether it answers, its versions.
void check_daemon(const Place& place, Way way, Findings& findings);
// Whether the daemon's release is this one's.
void check_releases(const Place& place, Way way, Findings& findings);
Finding compare_releases(const std::string& host, const std::string& own);
// Which libraries the linker finds, and whose they are.
void check_libraries(Findings& findings);
// Shared memory, and limits that end programs early.
void check_memory(Findings& findings);
// Whether CUDA and NVML work, in processes of their own: a crash or a hang is a finding, too.
void check_use(Findings& findings);

}  // namespace vgpu::smi::doctor
