// SPDX-License-Identifier: Apache-2.0
// The device code inside host files: fat binary containers in ELF objects (nvcc -dc) and in archives of them, as
// cuLinkAddData and cuLinkAddFile get with CU_JIT_INPUT_OBJECT and CU_JIT_INPUT_LIBRARY. Called by image.cpp. Pure
// functions over untrusted bytes, safe from any thread; results borrow the bytes.
#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <vector>

namespace vgpu::soft::ptx {

using Containers = std::vector<std::span<const std::byte>>;

// The containers of sections .nv_fatbin and __nv_relfatbin of a 64-bit ELF file, in order; none when it has no such
// section. Nothing when the file is malformed.
std::optional<Containers> containers_of_object(std::span<const std::byte> elf);

// The same over all ELF members of an archive (ar, System V names); other members are passed over.
std::optional<Containers> containers_of_archive(std::span<const std::byte> archive);

}  // namespace vgpu::soft::ptx
