// SPDX-License-Identifier: Apache-2.0
#include "tools/vgpu_smi/cell.h"

#include <fmt/core.h>

#include <nlohmann/json.hpp>

namespace vgpu::smi {
namespace {

constexpr uint64_t kMebibyte = 1 << 20;

template <class T, class Make>
Cell from(const Reading<T>& value, Make make) {
  return value.ok() ? make(value.value()) : missing(value.error());
}

}  // namespace

std::string_view words_for(nvmlReturn_t status) {
  switch (status) {
    case NVML_ERROR_NO_PERMISSION: return "Insufficient Permissions";
    case NVML_ERROR_GPU_IS_LOST: return "GPU is lost";
    case NVML_ERROR_RESET_REQUIRED: return "GPU requires reset";
    case NVML_ERROR_UNKNOWN: return "Unknown Error";
    case NVML_ERROR_TIMEOUT: return "Timeout";
    default: return "N/A";
  }
}

std::string Cell::without_unit() const { return ok() ? text : std::string(words_for(status)); }

std::string Cell::with_unit() const {
  if (!ok()) return without_unit();
  return unit.empty() ? text : fmt::format("{} {}", text, unit);
}

std::string Cell::csv(bool units) const {
  if (!ok()) return fmt::format("[{}]", words_for(status));
  return units ? with_unit() : text;
}

nlohmann::json Cell::json() const {
  if (!ok()) return nullptr;
  return std::visit([](const auto& it) { return nlohmann::json(it); }, value);
}

Cell missing(nvmlReturn_t why) {
  Cell cell;
  cell.status = why;
  cell.is_missing = true;
  return cell;
}

Cell text(std::string value) {
  Cell cell;
  cell.value = value;
  cell.text = std::move(value);
  return cell;
}
Cell text(const char* value) { return text(std::string(value)); }
Cell text(Reading<std::string> value) { return value.ok() ? text(std::move(value).value()) : missing(value.error()); }

Cell number(uint64_t value, std::string_view unit) {
  Cell cell;
  cell.text = fmt::format("{}", value);
  cell.value = value;
  cell.unit = unit;
  return cell;
}
Cell number(const Reading<unsigned int>& value, std::string_view unit) {
  return from(value, [&](uint64_t it) { return number(it, unit); });
}
Cell number(const Reading<unsigned long long>& value, std::string_view unit) {
  return from(value, [&](uint64_t it) { return number(it, unit); });
}
Cell signed_number(const Reading<long long>& value, std::string_view unit) {
  return from(value, [&](long long it) {
    Cell cell;
    cell.text = fmt::format("{}", it);
    cell.value = int64_t{it};
    cell.unit = unit;
    return cell;
  });
}

Cell choice(const Reading<unsigned int>& value, std::span<const std::string_view> names) {
  return from(value, [&](unsigned int it) {
    return it < names.size() ? text(std::string(names[it])) : text(fmt::format("{}", it));
  });
}
Cell yes_no(const Reading<bool>& value, std::string_view yes, std::string_view no) {
  return from(value, [&](bool it) { return text(std::string(it ? yes : no)); });
}
Cell enabled(const Reading<unsigned int>& value) {
  return from(value, [](unsigned int it) { return text(it != 0 ? "Enabled" : "Disabled"); });
}

Cell mebibytes(const Reading<unsigned long long>& bytes) {
  return from(bytes, [](uint64_t it) { return number(it / kMebibyte, "MiB"); });
}
Cell watts(const Reading<unsigned int>& milliwatts) {
  return from(milliwatts, [](unsigned int it) {
    Cell cell;
    cell.text = fmt::format("{:.2f}", it / 1000.0);
    cell.value = it / 1000.0;
    cell.unit = "W";
    return cell;
  });
}
Cell hex(const Reading<unsigned long long>& value, int digits) {
  return from(value, [&](uint64_t it) { return text(fmt::format("0x{:0{}X}", it, digits)); });
}

}  // namespace vgpu::smi
