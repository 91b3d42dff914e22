// SPDX-License-Identifier: Apache-2.0
// The exported symbol behind a name in a program's source: cuda.h renames many calls by macros (cuMemAlloc is
// cuMemAlloc_v2), while rows name symbols. A file of its own, because rows are compiled without those macros.
// Used by apidump only; pure.
#pragma once

#include <string>

namespace apidump {

// The name itself when the header has no macro for it.
std::string symbol_of_header_name(const std::string& name);

}  // namespace apidump
