// SPDX-License-Identifier: Apache-2.0
#include "host/device/run_list.h"

#include <algorithm>
#include <cerrno>

#include "common/log.h"
#include "vgpu/pci.h"

namespace vgpu::host {
namespace {

constexpr uint64_t kPage = 4096;

void append(GuestPages& pages, uint64_t offset, uint64_t bytes) {
  if (!pages.runs.empty() && pages.runs.back().offset + pages.runs.back().bytes == offset)
    pages.runs.back().bytes += bytes;
  else pages.runs.push_back({offset, bytes});
}

int add_run(const GuestMemory& memory, const vgpu_run& run, uint64_t left, GuestPages& pages) {
  if (run.bytes == 0 || run.bytes % kPage != 0 || run.address % kPage != 0 || run.bytes > left) return EINVAL;
  const auto place = memory.place(GuestAddr{run.address}, run.bytes);
  if (!place) return EINVAL;
  if (pages.file >= 0 && pages.file != place->file) {
    VGPU_WARN_THROTTLED("the VM's memory consists of several files: give it one memory backend");
    return EOPNOTSUPP;
  }
  pages.file = place->file;
  append(pages, place->offset, run.bytes);
  return 0;
}

}  // namespace

int read_run_list(const GuestMemory& memory, GuestAddr list, uint64_t bytes, GuestPages& pages) {
  uint64_t left = bytes;
  uint32_t seen = 0;
  while (left != 0) {
    vgpu_run_page page = {};
    if (!memory.read(list, std::as_writable_bytes(std::span(&page, 1)))) return EINVAL;
    // An empty page in the chain would allow an endless one.
    if (page.count == 0 || page.count > VGPU_RUNS_PER_PAGE) return EINVAL;
    if (seen += page.count; seen > VGPU_MAX_RUNS) return E2BIG;
    for (uint32_t i = 0; i < page.count; ++i) {
      if (const int error = add_run(memory, page.runs[i], left, pages); error != 0) return error;
      left -= page.runs[i].bytes;
    }
    if (left != 0 && page.next == 0) return EINVAL;
    list = GuestAddr{page.next};
  }
  return pages.runs.empty() ? EINVAL : 0;
}

}  // namespace vgpu::host
