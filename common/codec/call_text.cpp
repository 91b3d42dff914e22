// SPDX-License-Identifier: Apache-2.0
#include "common/codec/call_text.h"

#include <algorithm>
#include <cstdio>

namespace vgpu::codec {
namespace {

constexpr size_t kShownCharacters = 64;
constexpr size_t kShownBytes = 16;
constexpr uint64_t kShownElements = 8;
// Sizes are below, addresses of a device or a process above.
constexpr uint64_t kFirstAddress = uint64_t{1} << 32;

std::string elements_text(const Param& param, const std::byte* data, uint64_t count) {
  std::string text = "[";
  for (uint64_t i = 0; i < std::min(count, kShownElements); ++i) {
    uint64_t handle = 0;
    if (param.kind != Kind::none) std::memcpy(&handle, data + i * param.size, std::min<size_t>(param.size, 8));
    text += i == 0 ? "" : ", ";
    text += param.kind != Kind::none ? hex_text(handle) : value_text(data + i * param.size, param.size);
  }
  if (count > kShownElements) text += ", ... " + std::to_string(count);
  return text + "]";
}

// Raw bytes have a length and no meaning; arrays of numbers, structs and handles have both.
std::string array_text(const Param& param, const std::byte* data, uint64_t count) {
  if (param.size == 1) return std::to_string(count) + " bytes";
  return elements_text(param, data, count);
}

bool read_array(const Param& param, Reader& reader, std::string& text) {
  const auto count = reader.get<uint64_t>();
  if (param.size == 0 || count > reader.left() / param.size) return false;
  const std::byte* data = reader.take(count * param.size);
  if (data == nullptr) return false;
  text = array_text(param, data, count);
  return true;
}

bool read_value(Reader& reader, size_t size, std::string& text) {
  const std::byte* data = reader.take(size);
  if (data == nullptr) return false;
  text = value_text(data, size);
  return true;
}

}  // namespace

std::string hex_text(uint64_t value) {
  char text[24];
  std::snprintf(text, sizeof text, "0x%llx", static_cast<unsigned long long>(value));
  return text;
}

std::string value_text(const std::byte* value, size_t size) {
  if (size == sizeof(int32_t)) {
    int32_t number = 0;
    std::memcpy(&number, value, sizeof number);
    return std::to_string(number);
  }
  if (size <= sizeof(uint64_t)) {
    uint64_t number = 0;
    std::memcpy(&number, value, size);
    return number < kFirstAddress ? std::to_string(number) : hex_text(number);
  }
  std::string text = "{";
  for (size_t i = 0; i < std::min(size, kShownBytes); ++i) {
    char digits[4];
    std::snprintf(digits, sizeof digits, "%02x", static_cast<unsigned>(value[i]));
    text += digits;
  }
  return text + (size > kShownBytes ? "... " + std::to_string(size) + " bytes}" : "}");
}

std::string quoted_text(std::string_view text) {
  std::string out = "\"";
  for (const char c : text.substr(0, kShownCharacters)) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\') {
      (out += '\\') += c;
    } else if (byte >= 0x20 && byte < 0x7f) {
      out += c;
    } else {
      char escape[8];
      std::snprintf(escape, sizeof escape, "\\x%02x", byte);
      out += escape;
    }
  }
  return out + (text.size() > kShownCharacters ? "\"..." : "\"");
}

CallText::CallText(const Call& call, std::string_view parameters) : call_(call) {
  size_t at = 1;  // behind the parenthesis
  for (int i = 0; i < call.argc && at < parameters.size(); ++i) {
    const size_t end = std::min(parameters.find_first_of(",)", at), parameters.size());
    names_[static_cast<size_t>(i)] = parameters.substr(at, end - at);
    at = std::min(parameters.find_first_not_of(' ', end + 1), parameters.size());
  }
}

bool CallText::read_pointed(int index, Reader& reader, std::string& text) {
  const Param& param = call_.param[index];
  switch (param.role) {
    case Role::inout:
    case Role::copies: return read_value(reader, param.size, text);
    case Role::reads: return read_array(param, reader, text);
    case Role::writes: text = "room for " + std::to_string(reader.get<uint64_t>()); return !reader.failed();
    case Role::cstr: text = quoted_text(reader.string()); return !reader.failed();
    case Role::sized_in: {
      const auto size = reader.get<uint32_t>();
      return size <= param.size && read_value(reader, size, text);
    }
    case Role::sized_out:
    case Role::out:
    case Role::make:
    case Role::borrow: return true;  // What it gets is in the reply.
    case Role::value:
    case Role::handle:
    case Role::drop:
    case Role::unused:
    case Role::hand: break;
  }
  return false;
}

bool CallText::read_argument(int index, Reader& reader, std::string& text) {
  const Param& param = call_.param[index];
  const auto at = static_cast<size_t>(index);
  switch (param.role) {
    case Role::value: {
      const std::byte* data = reader.take(param.size);
      if (data == nullptr) return false;
      std::memcpy(&numbers_[at], data, std::min<size_t>(param.size, sizeof numbers_[at]));
      text = value_text(data, param.size);
      return true;
    }
    case Role::handle:
    case Role::drop: text = hex_text(reader.get<uint64_t>()); return !reader.failed();
    case Role::unused: return true;
    case Role::hand: return false;
    case Role::out:
    case Role::inout:
    case Role::copies:
    case Role::reads:
    case Role::writes:
    case Role::cstr:
    case Role::sized_in:
    case Role::sized_out:
    case Role::make:
    case Role::borrow: break;
  }
  const auto present = reader.get<uint8_t>();
  if (reader.failed() || present > 1) return false;
  present_[at] = present == 1;
  if (present == 1) return read_pointed(index, reader, text);
  text = "NULL";
  return true;
}

std::vector<NamedText> CallText::request(std::span<const std::byte> message) {
  std::vector<NamedText> arguments;
  Reader reader(message);
  for (int i = 0; i < call_.argc; ++i) {
    std::string text;
    if (!read_argument(i, reader, text)) return {};
    if (!text.empty()) arguments.push_back({std::string(names_[static_cast<size_t>(i)]), std::move(text)});
  }
  if (!reader.complete()) return {};
  return arguments;
}

bool CallText::read_result(int index, Reader& reader, std::string& text) const {
  const Param& param = call_.param[index];
  switch (param.role) {
    case Role::out:
    case Role::inout: return read_value(reader, param.size, text);
    case Role::writes: return read_array(param, reader, text);
    case Role::make:
    case Role::borrow: {
      uint64_t handle = 0;
      const std::byte* data = reader.take(param.size);
      if (data == nullptr) return false;
      std::memcpy(&handle, data, std::min<size_t>(param.size, sizeof handle));
      text = hex_text(handle);
      return true;
    }
    case Role::sized_out: {
      const uint32_t size = param.size_of(static_cast<int32_t>(numbers_[param.count_arg]));
      return size != 0 && size <= param.size && read_value(reader, size, text);
    }
    case Role::value:
    case Role::handle:
    case Role::copies:
    case Role::reads:
    case Role::cstr:
    case Role::sized_in:
    case Role::drop:
    case Role::unused:
    case Role::hand: break;
  }
  return true;
}

std::vector<NamedText> CallText::reply(std::span<const std::byte> message) const {
  std::vector<NamedText> results;
  Reader reader(message);
  for (int i = 0; i < call_.argc; ++i) {
    if (!present_[static_cast<size_t>(i)]) continue;
    std::string text;
    if (!read_result(i, reader, text)) return {};
    if (!text.empty()) results.push_back({std::string(names_[static_cast<size_t>(i)]), std::move(text)});
  }
  if (!reader.complete()) return {};
  return results;
}

}  // namespace vgpu::codec
