// SPDX-License-Identifier: Apache-2.0
#include "libcuda/mapped_here.h"

#include <sys/stat.h>
#include <sys/sysmacros.h>

#include <cinttypes>
#include <cstdio>
#include <fstream>
#include <string>

namespace vgpu::guest {
namespace {

struct Line {
  uint64_t begin = 0;
  uint64_t end = 0;
  uint64_t offset = 0;
  FileIdentity file;
};

// proc(5): address range, permissions, offset, device, inode, path.
bool read_line(const std::string& text, Line& line) {
  unsigned major_number = 0, minor_number = 0;
  const int found = std::sscanf(text.c_str(), "%" SCNx64 "-%" SCNx64 " %*s %" SCNx64 " %x:%x %lu", &line.begin,
                                &line.end, &line.offset, &major_number, &minor_number, &line.file.number);
  line.file.device = makedev(major_number, minor_number);
  return found == 6;
}

}  // namespace

FileIdentity identity_of(int file) {
  struct stat status = {};
  if (::fstat(file, &status) != 0) return {};
  return {status.st_dev, status.st_ino};
}

bool is_mapped_in(std::istream& maps, const FileIdentity& file, uint64_t offset, uint64_t address, uint64_t bytes) {
  const uint64_t end = address + bytes;
  uint64_t covered = address;
  std::string text;
  while (covered < end && std::getline(maps, text)) {
    Line line;
    if (!read_line(text, line) || line.end <= covered) continue;
    if (line.begin > covered) return false;
    if (line.file.device != file.device || line.file.number != file.number) return false;
    if (line.offset + (covered - line.begin) != offset + (covered - address)) return false;
    covered = line.end;
  }
  return covered >= end;
}

bool is_mapped_here(const FileIdentity& file, uint64_t offset, uint64_t address, uint64_t bytes) {
  std::ifstream maps("/proc/self/maps");
  return file.number != 0 && is_mapped_in(maps, file, offset, address, bytes);
}

}  // namespace vgpu::guest
