// SPDX-License-Identifier: Apache-2.0
// GuestMemory: where the VM's memory is. QEMU announces sections, each a piece of a file; a file is mapped once as a
// whole, known by its inode, and sections are entries of an interval table. All access copies, with every address
// checked. The event loop's thread only.
#pragma once

#include <sys/types.h>

#include <map>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "common/fd.h"
#include "common/file_run.h"

namespace vgpu::host {

// An address in the VM's memory, as the guest's driver names it. No pointer of this process.
enum class GuestAddr : uint64_t {};
inline GuestAddr operator+(GuestAddr address, uint64_t bytes) {
  return GuestAddr{static_cast<uint64_t>(address) + bytes};
}

class GuestMemory {
 public:
  // An errno. A section without a file is remembered as such.
  int map(uint64_t address, uint64_t bytes, UniqueFd file, uint64_t offset, bool writable);
  // Takes away every overlap.
  void unmap(uint64_t address, uint64_t bytes);
  void clear();

  bool has_files() const { return !files_.empty(); }
  // False when any byte is not there (or, for write, not writable).
  bool read(GuestAddr address, std::span<std::byte> out) const;
  bool write(GuestAddr address, std::span<const std::byte> data) const;
  // A pointer to shared words: `bytes` must lie in one section. Valid until the next unmap or clear.
  std::byte* locate(GuestAddr address, uint64_t bytes) const;

  struct Place {
    int file = -1;  // borrowed
    uint64_t offset = 0;
  };
  // Where in a file `bytes` bytes are, all of them writable and in one section.
  std::optional<Place> place(GuestAddr address, uint64_t bytes) const;

 private:
  struct File {
    UniqueFd fd;
    Mapping view;
  };
  struct Section {
    uint64_t bytes = 0;
    File* file = nullptr;  // null: none
    uint64_t offset = 0;
    bool writable = false;
  };
  File* file_for(UniqueFd fd, uint64_t end);
  const Section* find(uint64_t address, uint64_t bytes, uint64_t& inside) const;

  std::map<std::pair<dev_t, ino_t>, std::unique_ptr<File>> files_;
  std::map<uint64_t, Section> sections_;  // by address; never overlapping
};

}  // namespace vgpu::host
