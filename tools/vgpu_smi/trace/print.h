// SPDX-License-Identifier: Apache-2.0
// A traced call as a line of text or of JSON. Pure.
#pragma once

#include <nlohmann/json.hpp>
#include <string>

#include "tools/vgpu_smi/trace/record.h"

namespace vgpu::smi {

// "0.001234   1  cuMemAlloc_v2(bytesize=1024) -> dptr=0x700000000000 <12.3 us>", with the error's name where there is
// one.
std::string trace_line(const TracedCall& call);
nlohmann::json trace_json(const TracedCall& call);
// Calls between two that were not seen.
std::string gap_line(uint64_t lost);

}  // namespace vgpu::smi
