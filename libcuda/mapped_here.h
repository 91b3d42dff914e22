// SPDX-License-Identifier: Apache-2.0
// Which file lies at an address of this process. Nobody tells a library that the program has unmapped memory, so where
// that matters the kernel is asked. Thread-safe; the answer is true for the moment of the question.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <istream>

namespace vgpu::guest {

struct FileIdentity {
  dev_t device = 0;
  ino_t number = 0;
};

FileIdentity identity_of(int file);

// Whether all of [address, address + bytes) shows the file, byte for byte from `offset` on.
bool is_mapped_here(const FileIdentity& file, uint64_t offset, uint64_t address, uint64_t bytes);

// The same by a text in the form of /proc/self/maps.
bool is_mapped_in(std::istream& maps, const FileIdentity& file, uint64_t offset, uint64_t address, uint64_t bytes);

}  // namespace vgpu::guest
