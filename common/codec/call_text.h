// SPDX-License-Identifier: Apache-2.0
// CallText: what a call's messages say, as text: arguments by name, and what came out. For traces. Handles and
// addresses are the guest's; the memory that pointers lead to is shown where the row describes it, cut to what a line
// can hold. Messages are a guest's: nothing in them is trusted. One owner, not thread-safe.
#pragma once

#include <array>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "common/codec/bytes.h"
#include "vgpu/call_row.h"

namespace vgpu::codec {

struct NamedText {
  std::string name, text;
};

class CallText {
 public:
  // `parameters`: their names as in "(dptr, bytesize)".
  CallText(const Call& call, std::string_view parameters);

  // Arguments of a request. Nothing where the message is not what the row describes, as a hand-written call's may be.
  std::vector<NamedText> request(std::span<const std::byte> message);
  // Results of the reply to that request, if the call was a success.
  std::vector<NamedText> reply(std::span<const std::byte> message) const;

 private:
  bool read_argument(int index, Reader& reader, std::string& text);
  bool read_pointed(int index, Reader& reader, std::string& text);
  bool read_result(int index, Reader& reader, std::string& text) const;

  const Call& call_;
  std::array<std::string_view, kMaxArguments> names_ = {};
  std::array<bool, kMaxArguments> present_ = {};      // pointers that were not NULL
  std::array<uint64_t, kMaxArguments> numbers_ = {};  // values, for selectors
};

// "1024", "-1", "0x7f0000000000", or bytes of something larger.
std::string value_text(const std::byte* value, size_t size);
std::string hex_text(uint64_t value);
// In quotation marks, with escapes, cut to a few dozen characters.
std::string quoted_text(std::string_view text);

}  // namespace vgpu::codec
