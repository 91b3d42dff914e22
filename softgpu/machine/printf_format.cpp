// SPDX-License-Identifier: Apache-2.0
#include "softgpu/machine/printf_format.h"

#include <cstdint>
#include <cstdio>
#include <cstring>

namespace vgpu::soft {

namespace {

// No width or precision makes more text than this; CUDA's own buffer is 1 MB.
constexpr int kMaxField = 4096;

class Formatter {
 public:
  Formatter(std::string_view format, const ReadArgument& argument, const ReadString& string)
      : format_(format), argument_(argument), string_(string) {}

  std::optional<DeviceText> run() {
    while (at_ < format_.size() && good_) {
      const size_t percent = format_.find('%', at_);
      out_.append(format_.substr(at_, percent - at_));
      if (percent == std::string_view::npos) break;
      at_ = percent + 1;
      convert();
    }
    if (!good_) return std::nullopt;
    return DeviceText{std::move(out_), arguments_};
  }

 private:
  template <class T>
  T next() {
    offset_ = (offset_ + sizeof(T) - 1) / sizeof(T) * sizeof(T);
    ++arguments_;
    T value{};
    good_ = argument_(offset_, &value, sizeof value) && good_;
    offset_ += sizeof(T);
    return value;
  }

  char peek() const { return at_ < format_.size() ? format_[at_] : '\0'; }

  // `*` or digits.
  int field(bool& given) {
    given = true;
    if (peek() == '*') {
      ++at_;
      return next<int32_t>();
    }
    int value = 0;
    given = false;
    for (; peek() >= '0' && peek() <= '9'; ++at_) {
      given = true;
      if (value <= kMaxField) value = value * 10 + (peek() - '0');
    }
    return value;
  }

  void convert() {
    const size_t begin = at_;
    std::string spec = "%";
    for (; peek() != '\0' && std::strchr("-+ #0", peek()) != nullptr; ++at_) {
      if (spec.size() < 8) spec += peek();
    }
    bool given = false;
    int width = field(given);
    if (width < 0) {
      spec += '-';
      width = -width;
    }
    if (given) spec += std::to_string(std::min(width, kMaxField));
    if (peek() == '.') {
      ++at_;
      const int precision = field(given);
      if (precision >= 0) spec += "." + std::to_string(std::min(precision, kMaxField));
    }
    int longs = 0;
    for (; peek() != '\0' && std::strchr("hljztL", peek()) != nullptr; ++at_) {
      if (peek() == 'l') ++longs;
      if (peek() == 'j' || peek() == 'z' || peek() == 't') longs = 2;
      if (peek() == 'h') --longs;
    }
    const char conversion = peek();
    if (conversion != '\0') ++at_;
    write(spec, longs, conversion, format_.substr(begin - 1, at_ - begin + 1));
  }

  void write(const std::string& spec, int longs, char conversion, std::string_view text) {
    switch (conversion) {
      case '%': out_ += '%'; return;
      case 'd':
      case 'i': return write_signed(spec, longs, conversion);
      case 'u':
      case 'x':
      case 'X':
      case 'o': return write_unsigned(spec, longs, conversion);
      case 'c': return print((spec + 'c').c_str(), next<int32_t>());
      case 'f':
      case 'F':
      case 'e':
      case 'E':
      case 'g':
      case 'G':
      case 'a':
      case 'A': return print((spec + conversion).c_str(), next<double>());
      case 'p': return write_pointer(spec);
      case 's': return write_string(spec);
      default: out_.append(text); return;  // CUDA prints what it does not know as it is.
    }
  }

  // `l` and `ll` are 64 bits wide on a device.
  void write_signed(const std::string& spec, int longs, char conversion) {
    if (longs > 0) return print((spec + "ll" + conversion).c_str(), static_cast<long long>(next<int64_t>()));
    const int32_t value = next<int32_t>();
    if (longs == -1) return print((spec + conversion).c_str(), static_cast<int>(static_cast<int16_t>(value)));
    if (longs < -1) return print((spec + conversion).c_str(), static_cast<int>(static_cast<int8_t>(value)));
    print((spec + conversion).c_str(), value);
  }

  void write_unsigned(const std::string& spec, int longs, char conversion) {
    if (longs > 0) return print((spec + "ll" + conversion).c_str(), static_cast<unsigned long long>(next<uint64_t>()));
    const uint32_t value = next<uint32_t>();
    if (longs == -1) return print((spec + conversion).c_str(), static_cast<unsigned>(static_cast<uint16_t>(value)));
    if (longs < -1) return print((spec + conversion).c_str(), static_cast<unsigned>(static_cast<uint8_t>(value)));
    print((spec + conversion).c_str(), value);
  }

  void write_pointer(const std::string& spec) {
    // A null pointer is "(nil)" in the host's printf, which is also what formats the device's.
    const uint64_t value = next<uint64_t>();
    print((spec + 'p').c_str(), reinterpret_cast<void*>(value));
  }

  void write_string(const std::string& spec) {
    const uint64_t address = next<uint64_t>();
    if (!good_) return;
    if (address == 0) return print((spec + 's').c_str(), "(null)");
    const auto text = string_(address);
    if (!text) {
      good_ = false;
      return;
    }
    print((spec + 's').c_str(), text->c_str());
  }

  template <class T>
  void print(const char* spec, T value) {
    char small[256];
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
    const int size = std::snprintf(small, sizeof small, spec, value);
    if (size < 0) return;
    if (static_cast<size_t>(size) < sizeof small) {
      out_.append(small, static_cast<size_t>(size));
      return;
    }
    std::string large(static_cast<size_t>(size) + 1, '\0');
    std::snprintf(large.data(), large.size(), spec, value);
#pragma GCC diagnostic pop
    large.pop_back();
    out_ += large;
  }

  std::string_view format_;
  const ReadArgument& argument_;
  const ReadString& string_;
  size_t at_ = 0;
  size_t offset_ = 0;
  int arguments_ = 0;
  bool good_ = true;
  std::string out_;
};

}  // namespace

std::optional<DeviceText> format_device_text(std::string_view format, const ReadArgument& argument,
                                             const ReadString& string) {
  return Formatter(format, argument, string).run();
}

}  // namespace vgpu::soft
