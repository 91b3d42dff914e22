// SPDX-License-Identifier: Apache-2.0
#include <fmt/core.h>
#include <sys/time.h>

#include <algorithm>
#include <ctime>

#include "tools/vgpu_smi/field.h"

namespace vgpu::smi {

const std::vector<Field>& gpu_fields() {
  static const std::vector<Field> kFields = [] {
    std::vector<Field> fields;
    add_identity_fields(fields);
    add_state_fields(fields);
    add_usage_fields(fields);
    add_error_fields(fields);
    add_power_fields(fields);
    return fields;
  }();
  return kFields;
}

const Field* find_gpu_field(std::string_view name) {
  for (const Field& field : gpu_fields())
    if (std::find(field.names.begin(), field.names.end(), name) != field.names.end()) return &field;
  return nullptr;
}

std::string timestamp_now() {
  timeval now = {};
  ::gettimeofday(&now, nullptr);
  tm parts = {};
  ::localtime_r(&now.tv_sec, &parts);
  char date[32] = {};
  std::strftime(date, sizeof date, "%Y/%m/%d %H:%M:%S", &parts);
  return fmt::format("{}.{:03}", date, now.tv_usec / 1000);
}

}  // namespace vgpu::smi
