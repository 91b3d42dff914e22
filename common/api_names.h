// SPDX-License-Identifier: Apache-2.0
// Names of the driver API's calls and of their parameters, by opcode, whether they have rows or not. Constants of the
// toolkit's header; thread-safe.
#pragma once

#include <cstdint>

namespace vgpu::api {

// "cuMemAlloc_v2"; null when there is no such call.
const char* find_call_name(uint16_t opcode);
// "(dptr, bytesize)"; null when there is no such call.
const char* find_parameter_names(uint16_t opcode);

}  // namespace vgpu::api
