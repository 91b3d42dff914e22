// SPDX-License-Identifier: Apache-2.0
// All rows of the driver API: vgpu::api::spec::<call> for each described call. They are built in common/api_rows.cpp
// alone, because that takes a compiler longer than the rest of what most files include.
#pragma once

#include "vgpu/api/kinds.h"

namespace vgpu::api {

// The opcode of every call, whether it has a row or not.
namespace opcode {
#define VGPU_EXPORT(symbol, base, number, flavour, params, args) inline constexpr uint16_t symbol = number;
#include "cuda_exports.inc"
#undef VGPU_EXPORT
}  // namespace opcode

namespace spec {
#define API(fn, path, ...) extern const Call fn;
#include "vgpu/api/all.api.h"
#undef API
}  // namespace spec

// The row of an opcode that is known only at run time; null for a call that nobody has described yet (it is refused).
const Call* find_row(uint16_t opcode);

}  // namespace vgpu::api
