// SPDX-License-Identifier: Apache-2.0
// From the bytes that cuModuleLoadData, cuLibraryLoadData or cuLinkAddData get to the PTX that the machine runs:
// lists what an image holds, chooses by compute capability, decompresses. Called by the driver. Pure functions, safe
// from any thread; entries borrow the image's bytes, which must outlive them.
#pragma once

#include <cuda.h>

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "common/code/entry_text.h"
#include "common/fatbin.h"
#include "common/result.h"

namespace vgpu::soft::ptx {

struct ComputeCapability {
  uint32_t major = 7, minor = 5;
  uint32_t number() const { return major * 10 + minor; }  // 75 of sm_75
};

struct ImageEntry {
  fatbin::Entry entry;  // of a bare PTX text: kind ptx, and what its .target and .version say
  // 0: the image itself. 1, 2, ...: one number per object that device linking combines (nvcc -rdc=true): the driver
  // links one entry of each when group 0 has nothing to run.
  uint32_t group = 0;
  bool bare = false;  // the image is this and no fat binary
};
using ImageEntries = std::vector<ImageEntry>;

// An image in this process, of unknown size: wrapper, container, ELF or NUL-terminated PTX.
// CUDA_ERROR_INVALID_VALUE for NULL, CUDA_ERROR_INVALID_IMAGE when it is none of these, or corrupt.
Result<ImageEntries, CUresult> read_image(const void* image);

// An image of known size: container(s), ELF, an archive, or PTX with or without a NUL. A cubin is one entry; of host
// objects and archives of them (CU_JIT_INPUT_OBJECT, _LIBRARY) every fat binary inside is a group of its own, and there
// may be none. CUDA_ERROR_INVALID_IMAGE also when it is truncated or a wrapper.
Result<ImageEntries, CUresult> read_image(std::span<const std::byte> image);

// Whether PTX for later devices runs where an image has no other: it needs no silicon here. The oldest of it is taken.
enum class LaterCode { refused, runs };

// The newest PTX that this device can run, decompressed: one text, or for a program with relocatable device code one
// per linked object, to be linked together. Cubins are skipped; PTX for "a" targets runs on exactly that capability,
// for "f" targets on later ones of the same family. CUDA_ERROR_NO_BINARY_FOR_GPU when nothing is left, but
// CUDA_ERROR_INVALID_PTX when the image is one PTX text for a later device, CUDA_ERROR_INVALID_IMAGE when the chosen
// entry is corrupt, CUDA_ERROR_NOT_SUPPORTED for a compression of old nvcc.
Result<std::vector<std::string>, CUresult> choose_ptx(const ImageEntries& entries, ComputeCapability device,
                                                      LaterCode later = LaterCode::refused);

using fatbin::entry_text;

}  // namespace vgpu::soft::ptx
