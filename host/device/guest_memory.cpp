// SPDX-License-Identifier: Apache-2.0
#include "host/device/guest_memory.h"

#include <sys/stat.h>

#include <atomic>
#include <cerrno>
#include <cstring>

#include "common/log.h"

namespace vgpu::host {
namespace {

constexpr uint64_t kPage = 4096;

}  // namespace

GuestMemory::File* GuestMemory::file_for(UniqueFd fd, uint64_t end) {
  struct stat about = {};
  if (::fstat(fd.get(), &about) != 0 || about.st_size < 0 || end > static_cast<uint64_t>(about.st_size)) return nullptr;
  std::unique_ptr<File>& file = files_[{about.st_dev, about.st_ino}];
  if (file != nullptr) return file.get();
  auto view = Mapping::shared(fd.get(), static_cast<size_t>(about.st_size));
  if (!view) {
    VGPU_ERROR_THROTTLED("cannot map the VM's memory: %s", view.error().message.c_str());
    files_.erase({about.st_dev, about.st_ino});
    return nullptr;
  }
  file.reset(new File{std::move(fd), std::move(*view)});
  return file.get();
}

int GuestMemory::map(uint64_t address, uint64_t bytes, UniqueFd fd, uint64_t offset, bool writable) {
  uint64_t end = 0, file_end = 0;
  if (bytes == 0 || __builtin_add_overflow(address, bytes, &end) || __builtin_add_overflow(offset, bytes, &file_end))
    return EINVAL;
  // Runs, the channel and its words rely on it. QEMU announces whole pages only.
  if ((address | bytes | offset) % kPage != 0) return EINVAL;
  File* const file = fd ? file_for(std::move(fd), file_end) : nullptr;
  unmap(address, bytes);
  sections_[address] = {bytes, file, offset, writable};
  return 0;
}

void GuestMemory::unmap(uint64_t address, uint64_t bytes) {
  if (bytes == 0) return;
  // The end may be the end of all addresses.
  const uint64_t last = address + (bytes - 1) < address ? ~uint64_t{0} : address + (bytes - 1);
  auto at = sections_.upper_bound(address);
  if (at != sections_.begin()) --at;
  while (at != sections_.end() && at->first <= last) {
    const uint64_t begin = at->first;
    const Section section = at->second;
    if (begin + section.bytes <= address) {
      ++at;
      continue;
    }
    at = sections_.erase(at);
    if (begin < address) {
      Section left = section;
      left.bytes = address - begin;
      sections_[begin] = left;
    }
    if (begin + (section.bytes - 1) > last) {
      Section right = section;
      const uint64_t skipped = last + 1 - begin;
      right.bytes -= skipped;
      right.offset += skipped;
      at = std::next(sections_.insert_or_assign(last + 1, right).first);
    }
  }
}

void GuestMemory::clear() {
  sections_.clear();
  files_.clear();
}

const GuestMemory::Section* GuestMemory::find(uint64_t address, uint64_t bytes, uint64_t& inside) const {
  auto at = sections_.upper_bound(address);
  if (at == sections_.begin()) return nullptr;
  --at;
  inside = address - at->first;
  const Section& section = at->second;
  if (section.file == nullptr || inside >= section.bytes || bytes > section.bytes - inside) return nullptr;
  return &section;
}

std::byte* GuestMemory::locate(GuestAddr address, uint64_t bytes) const {
  uint64_t inside = 0;
  const Section* const section = find(static_cast<uint64_t>(address), bytes, inside);
  if (section == nullptr || !section->writable) return nullptr;
  // SAFETY: the section lies within the file, as map() checked, and the file is mapped as a whole.
  return section->file->view.data() + section->offset + inside;
}

std::optional<GuestMemory::Place> GuestMemory::place(GuestAddr address, uint64_t bytes) const {
  uint64_t inside = 0;
  const Section* const section = find(static_cast<uint64_t>(address), bytes, inside);
  if (section == nullptr || !section->writable) return std::nullopt;
  return Place{section->file->fd.get(), section->offset + inside};
}

bool GuestMemory::read(GuestAddr address, std::span<std::byte> out) const {
  uint64_t inside = 0;
  const Section* const section = find(static_cast<uint64_t>(address), out.size(), inside);
  if (section == nullptr) return false;
  std::memcpy(out.data(), section->file->view.data() + section->offset + inside, out.size());
  std::atomic_signal_fence(std::memory_order_seq_cst);  // Callers judge the copy: nothing is read again.
  return true;
}

bool GuestMemory::write(GuestAddr address, std::span<const std::byte> data) const {
  std::byte* const to = locate(address, data.size());
  if (to == nullptr) return false;
  std::memcpy(to, data.data(), data.size());
  return true;
}

}  // namespace vgpu::host
