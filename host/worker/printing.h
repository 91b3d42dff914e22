// SPDX-License-Identifier: Apache-2.0
// Whether the kernels of a code image may print: only calls that wait bring a program the text of its kernels, so where
// none can print they need not be made (sync_debts.h). Device printf is a call of vprintf, which every image that has
// one names (PTX interoperability guide, system calls); what cannot be looked into may print. An assertion's text comes
// with an error, which is told by the call itself. Pure function over untrusted bytes.
#pragma once

#include <cstddef>
#include <span>

namespace vgpu::host {

bool may_print(std::span<const std::byte> image);

}  // namespace vgpu::host
