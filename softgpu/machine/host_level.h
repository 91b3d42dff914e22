// SPDX-License-Identifier: Apache-2.0
// HostLevel: the level of the host's instruction set, of the psABI's x86-64 levels, that instruction classes are
// compiled for. Asked once, when the first instruction is looked up.
#pragma once

#include <cstdint>

namespace vgpu::soft {

enum class HostLevel : uint8_t { baseline, v3, v4 };

// The highest that this host has. VGPU_SOFT_LEVEL=baseline, v3 or v4 names a lower one, for tests of that path; one
// that the host lacks changes nothing. VGPU_SOFT_BASELINE=1 is the first.
HostLevel host_level();

}  // namespace vgpu::soft
