// SPDX-License-Identifier: Apache-2.0
// Generic addresses that are not host memory: windows through which a kernel sees shared, local and parameter space
// (PTX ISA 5.1, cvta), and the numbers that stand for functions. They lie above the 47-bit addresses of user space, so
// no allocation can be there. Constants only.
#pragma once

#include <cstdint>

namespace vgpu::soft {

inline constexpr uint64_t kWindowSize = uint64_t{1} << 32;
inline constexpr uint64_t kSharedWindow = (uint64_t{1} << 47) + 1 * kWindowSize;
// In the shared window, the shared memory of block r of a cluster begins at (r + 1) steps, too; at 0 is the block's
// own.
inline constexpr uint32_t kClusterStep = uint32_t{1} << 24;
// Inside a step: what a block has beside the kernel's own shared memory (PTX ISA 10, %reserved_smem_offset).
inline constexpr uint32_t kReservedShared = kClusterStep / 2;
inline constexpr uint32_t kReservedSharedSize = 1024;
inline constexpr uint64_t kLocalWindow = (uint64_t{1} << 47) + 2 * kWindowSize;
inline constexpr uint64_t kParameterWindow = (uint64_t{1} << 47) + 3 * kWindowSize;
inline constexpr uint64_t kFunctionWindow = (uint64_t{1} << 47) + 4 * kWindowSize;
inline constexpr uint64_t kFunctionStep = 16;  // function pointers are aligned like code

}  // namespace vgpu::soft
