// SPDX-License-Identifier: Apache-2.0
#include "softgpu/ptx/image.h"

#include <algorithm>
#include <charconv>
#include <set>
#include <string_view>

#include "softgpu/ptx/object_file.h"

namespace vgpu::soft::ptx {
namespace {

using fatbin::Compression;
using fatbin::Entry;
using fatbin::EntryKind;
using fatbin::ImageKind;
using Bytes = std::span<const std::byte>;

std::string_view as_text(Bytes bytes) { return {reinterpret_cast<const char*>(bytes.data()), bytes.size()}; }

// "sm_90a" behind `.target`, "9.0" behind `.version`: read loosely, the parser judges the text later.
void read_headline(std::string_view text, Entry& entry) {
  const std::string_view head = text.substr(0, 4096);
  const auto behind = [head](std::string_view word) {
    const size_t at = head.find(word);
    if (at == std::string_view::npos) return std::string_view();
    const size_t begin = head.find_first_not_of(" \t", at + word.size());
    return begin == std::string_view::npos ? std::string_view() : head.substr(begin);
  };
  const auto number = [](std::string_view& from, auto& to) {
    const auto [rest, error] = std::from_chars(from.data(), from.data() + from.size(), to);
    from.remove_prefix(static_cast<size_t>(rest - from.data()));
    return error == std::errc();
  };
  std::string_view version = behind(".version");
  if (number(version, entry.version_major) && version.starts_with('.')) {
    version.remove_prefix(1);
    number(version, entry.version_minor);
  }
  std::string_view target = behind(".target");
  const size_t mark = target.find('_');
  if (mark == std::string_view::npos || mark > 7) return;  // "sm", "compute"
  target.remove_prefix(mark + 1);
  number(target, entry.architecture);
  if (target.starts_with('a') || target.starts_with('f')) entry.suffix = target[0];
}

Result<void, CUresult> add_containers(ImageEntries& entries, Bytes bytes, uint32_t group) {
  const auto listed = fatbin::list_entries(bytes);
  if (!listed) return CUDA_ERROR_INVALID_IMAGE;
  for (const Entry& entry : *listed) entries.push_back({entry, group, false});
  return {};
}

// Each container of a host object or archive is an object to link.
Result<ImageEntries, CUresult> list_objects(const std::optional<Containers>& containers) {
  if (!containers) return CUDA_ERROR_INVALID_IMAGE;
  ImageEntries entries;
  uint32_t group = 0;
  for (const Bytes container : *containers) TRY(add_containers(entries, container, ++group));
  return entries;
}

Result<ImageEntries, CUresult> list_image(const fatbin::Image& image) {
  ImageEntries entries;
  Entry single;
  single.payload = image.bytes;
  switch (image.kind) {
    case ImageKind::container:
      TRY(add_containers(entries, image.bytes, 0));
      for (uint32_t i = 0; i < image.prelinked.size(); ++i) TRY(add_containers(entries, image.prelinked[i], i + 1));
      return entries;
    case ImageKind::ptx:
      single.kind = EntryKind::ptx;
      read_headline(as_text(image.bytes), single);
      break;
    case ImageKind::elf:
      if (!fatbin::is_cubin(image.bytes)) return list_objects(containers_of_object(image.bytes));
      single.kind = EntryKind::cubin;
      break;
    case ImageKind::archive: return list_objects(containers_of_archive(image.bytes));
    case ImageKind::wrapper:
    case ImageKind::unknown: return CUDA_ERROR_INVALID_IMAGE;
  }
  entries.push_back({single, 0, true});
  return entries;
}

bool runs_on(const Entry& entry, ComputeCapability device) {
  if (entry.kind != EntryKind::ptx || entry.architecture > device.number()) return false;
  switch (entry.suffix) {
    case 'a': return entry.architecture == device.number();
    case 'f': return entry.architecture / 10 == device.major;
    default: return true;
  }
}

// Whether one runnable PTX entry is to be preferred to another: the newer one. Of equal ones the plain target, which
// uses the fewest special instructions, then the first.
bool better(const Entry& entry, const Entry& best) {
  if (entry.architecture != best.architecture) return entry.architecture > best.architecture;
  return entry.suffix == '\0' && best.suffix != '\0';
}

}  // namespace

Result<ImageEntries, CUresult> read_image(const void* image) {
  if (image == nullptr) return CUDA_ERROR_INVALID_VALUE;
  const auto located = fatbin::locate_image(image);
  if (!located) return CUDA_ERROR_INVALID_IMAGE;
  return list_image(*located);
}

Result<ImageEntries, CUresult> read_image(Bytes image) {
  const auto located = fatbin::locate_image(image);
  if (!located) return CUDA_ERROR_INVALID_IMAGE;
  return list_image(*located);
}

namespace {

// One text per group, the best of those that suit.
template <class Suits, class Better>
Result<std::vector<std::string>, CUresult> choose_by(const ImageEntries& entries, Suits suits, Better better) {
  std::vector<const Entry*> chosen;
  uint64_t unpacked = 0;
  for (auto first = entries.begin(); first != entries.end();) {
    const auto in_group = [first](const ImageEntry& other) { return other.group == first->group; };
    const auto last = std::find_if_not(first, entries.end(), in_group);
    const Entry* best = nullptr;
    for (auto candidate = first; candidate != last; ++candidate) {
      if (!suits(*candidate)) continue;
      if (best == nullptr || better(candidate->entry, *best)) best = &candidate->entry;
    }
    if (best != nullptr) chosen.push_back(best);
    // All together may be as large as one text: thousands of small entries could say they are.
    if (best != nullptr) unpacked += std::min(best->uncompressed_size, fatbin::kMaxText);
    if (unpacked > fatbin::kMaxText) return CUDA_ERROR_OUT_OF_MEMORY;
    if (best != nullptr && first->group == 0) break;  // Nothing needs linking.
    first = last;
  }
  std::vector<std::string> texts;
  texts.reserve(chosen.size());
  for (const Entry* const entry : chosen) texts.push_back(TRY(entry_text(*entry)));
  return texts;
}

// What needs no silicon of its own: PTX for any device of its capability and later.
bool is_plain(const Entry& entry) { return entry.kind == EntryKind::ptx && entry.suffix == '\0'; }

// Code that is all for later devices runs as on the first of them. What an object has machine code for there, in its
// place of PTX for devices yet later, is the device runtime, whose functions are the machine's own.
class FirstLater {
 public:
  explicit FirstLater(const ImageEntries& entries) {
    for (const ImageEntry& each : entries)
      if (is_plain(each.entry)) device_ = std::min(device_, each.entry.architecture);
    for (const ImageEntry& each : entries)
      if (each.entry.kind == EntryKind::cubin && each.entry.architecture / 10 == device_ / 10 &&
          each.entry.architecture <= device_)
        has_machine_code_.insert(each.group);
  }

  bool suits(const ImageEntry& each) const {
    return is_plain(each.entry) &&
           (each.group == 0 || each.entry.architecture <= device_ || has_machine_code_.count(each.group) == 0);
  }

 private:
  uint32_t device_ = UINT32_MAX;
  std::set<uint32_t> has_machine_code_;
};

bool is_older(const Entry& entry, const Entry& best) { return entry.architecture < best.architecture; }

}  // namespace

Result<std::vector<std::string>, CUresult> choose_ptx(const ImageEntries& entries, ComputeCapability device,
                                                      LaterCode later) {
  auto texts = TRY(choose_by(
      entries, [device](const ImageEntry& each) { return runs_on(each.entry, device); }, better));
  if (texts.empty() && later == LaterCode::runs) {
    const FirstLater first(entries);
    texts = TRY(choose_by(
        entries, [&first](const ImageEntry& each) { return first.suits(each); }, is_older));
  }
  if (!texts.empty()) return texts;
  const bool bare_text = entries.size() == 1 && entries[0].bare && entries[0].entry.kind == EntryKind::ptx;
  return bare_text ? CUDA_ERROR_INVALID_PTX : CUDA_ERROR_NO_BINARY_FOR_GPU;
}

}  // namespace vgpu::soft::ptx
