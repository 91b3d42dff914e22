// SPDX-License-Identifier: Apache-2.0
// Whether code has variables: whatever has none is the same after any number of launches as when it was loaded
// (kept_modules.h). PTX ISA, State Spaces: variables of a module lie in .global or .const, or are texture, sampler and
// surface references. What cannot be read, because it is no text, may have some. Pure function over untrusted bytes.
#pragma once

#include <cstddef>
#include <span>

namespace vgpu::host {

bool may_have_variables(std::span<const std::byte> image);

}  // namespace vgpu::host
