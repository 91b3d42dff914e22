// SPDX-License-Identifier: Apache-2.0
// Synchronous copies between the device and pages that both sides map, whose thread looks for their end itself, at a
// word that the device writes behind them (marked_wait.h): the driver takes longer to see it.
#pragma once

#include <optional>

#include "libcuda/invoke.h"
#include "vgpu/hand_wire.h"

namespace vgpu::guest::bulk {

// Makes the copy that `call` asks for. Nothing when it must be made in the driver's way: it may have been made already,
// and need not have been.
std::optional<CUresult> copy_marked(const Admitted& admitted, uint16_t call, const wire::Copy& copy);

}  // namespace vgpu::guest::bulk
