// SPDX-License-Identifier: Apache-2.0
#include "tests/gpu/nvml_values/asking.h"

#include <dlfcn.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstring>
#include <thread>

namespace vgpu::nvml_values {

namespace {

using Six = int (*)(Word, Word, Word, Word, Word, Word);

}  // namespace

Asking::Asking(Progress& progress) : library_(::dlopen("libnvidia-ml.so.1", RTLD_NOW)), progress_(progress) {
  if (library_ == nullptr) std::fprintf(stderr, "nvml_values: %s\n", ::dlerror());
}

bool Asking::begin() {
  constexpr int kAttempts = 15;
  for (int i = 0; i < kAttempts && !begun_; ++i) {
    if (i > 0) std::this_thread::sleep_for(std::chrono::seconds(1));
    if (call("nvmlInit_v2", "", {}) != NVML_SUCCESS) continue;
    begun_ = call("nvmlDeviceGetHandleByIndex_v2", "0", {0, word(&device_)}) == NVML_SUCCESS;
    if (!begun_) call("nvmlShutdown", "", {});
  }
  return begun_;
}

void* Asking::find(const char* name) const { return library_ != nullptr ? ::dlsym(library_, name) : nullptr; }

int Asking::call(const char* name, const std::string& text, std::initializer_list<Word> arguments) {
  std::snprintf(progress_.question, sizeof progress_.question, "%s(%s)", name, text.c_str());
  const auto function = reinterpret_cast<Six>(find(name));
  if (function == nullptr) return NVML_ERROR_FUNCTION_NOT_FOUND;
  Word argv[nvml::kMaxParams] = {};
  std::copy(arguments.begin(), arguments.end(), argv);
  return function(argv[0], argv[1], argv[2], argv[3], argv[4], argv[5]);
}

void Asking::tell(const char* name, const std::string& text, int code, const std::vector<std::string>& values) {
  std::string line = std::string(name) + "(" + text + ") -> " + std::to_string(code);
  for (const std::string& value : values) line += " | " + value;
  std::puts(line.c_str());
  std::fflush(stdout);
}

std::string quoted(const char* text) {
  std::string result = "\"";
  for (const char* at = text; *at != '\0'; ++at) result += *at >= ' ' && *at <= '~' ? *at : '?';
  return result + "\"";
}

std::string shown(std::span<const std::byte> bytes, size_t unit) {
  if (unit == 1) {
    const std::string text(reinterpret_cast<const char*>(bytes.data()), bytes.size());
    return quoted(text.c_str());
  }
  // A large place of which little was written.
  size_t used = bytes.size();
  while (used > 8 && bytes[used - 1] == std::byte{}) --used;
  std::string result;
  for (size_t at = 0; at < used && at + unit <= bytes.size(); at += unit) {
    uint64_t value = 0;
    std::memcpy(&value, &bytes[at], unit);
    result += (result.empty() ? "" : " ") + std::to_string(value);
  }
  return result;
}

}  // namespace vgpu::nvml_values
