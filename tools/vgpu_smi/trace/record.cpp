// SPDX-License-Identifier: Apache-2.0
#include "tools/vgpu_smi/trace/record.h"

#include <cstring>

#include "common/codec/bytes.h"
#include "tools/vgpu_smi/clean_text.h"
#include "vgpu/trace.h"

namespace vgpu::smi {
namespace {

std::string read_text(codec::Reader& reader) { return clean_text(std::string(reader.string())); }

TracedCall::Values read_values(codec::Reader& reader) {
  TracedCall::Values values;
  for (auto count = reader.get<uint32_t>(); count > 0 && !reader.failed(); --count) {
    std::string name = read_text(reader);
    values.emplace_back(std::move(name), read_text(reader));
  }
  return values;
}

}  // namespace

void RecordStream::add(std::span<const std::byte> bytes) {
  bytes_.erase(bytes_.begin(), bytes_.begin() + static_cast<ptrdiff_t>(std::exchange(at_, 0)));
  bytes_.insert(bytes_.end(), bytes.begin(), bytes.end());
}

std::optional<TracedCall> RecordStream::next() {
  const std::span<const std::byte> left = std::span(bytes_).subspan(at_);
  trace::Record record = {};
  if (broken_ || left.size() < sizeof record) return std::nullopt;
  std::memcpy(&record, left.data(), sizeof record);
  broken_ = record.bytes < sizeof record || record.bytes > trace::kMaxRecord;
  if (broken_ || left.size() < record.bytes) return std::nullopt;
  codec::Reader reader(left.subspan(sizeof record, record.bytes - sizeof record));
  TracedCall call;
  call.number = record.number;
  call.thread = record.thread;
  call.start = record.start;
  call.duration = record.duration;
  call.result = record.result;
  call.posted = (record.flags & trace::kPosted) != 0;
  call.name = read_text(reader);
  call.result_name = read_text(reader);
  call.arguments = read_values(reader);
  call.results = read_values(reader);
  at_ += record.bytes;
  // A newer worker may have more to say behind it.
  broken_ = reader.failed();
  return broken_ ? std::nullopt : std::optional(std::move(call));
}

}  // namespace vgpu::smi
