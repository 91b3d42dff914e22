// SPDX-License-Identifier: Apache-2.0
#include "libcuda/nvml/library.h"

#include <algorithm>
#include <memory>

#include "common/log.h"
#include "common/nvml/reading.h"

namespace vgpu::nvml {

nvmlReturn_t error_of(NoReport kind) {
  switch (kind) {
    case NoReport::no_device: return NVML_ERROR_DRIVER_NOT_LOADED;
    case NoReport::no_permission: return NVML_ERROR_NO_PERMISSION;
    case NoReport::lost: return NVML_ERROR_GPU_IS_LOST;
    case NoReport::not_understood: return NVML_ERROR_LIB_RM_VERSION_MISMATCH;
    case NoReport::failed: return NVML_ERROR_UNKNOWN;
  }
  return NVML_ERROR_UNKNOWN;
}

namespace {

uint32_t index_of(nvmlDevice_t device) { return device->index; }

}  // namespace

Library::Library() {
  for (uint32_t i = 0; i < kMaxDevices; ++i) handles_[i].index = i;
}

Library& Library::get() {
  // Never destroyed: exit handlers of programs use it to the very end.
  static Library* const library = new Library;
  return *library;
}

nvmlReturn_t Library::count_devices(uint32_t& count) {
  const Call* const call = find_call("nvmlDeviceGetCount_v2");
  const Word argv[kMaxParams] = {reinterpret_cast<Word>(&count)};
  std::vector<std::byte> request, answer;
  codec::Writer writer(request);
  put_request(*call, argv, &index_of, writer);
  if (const nvmlReturn_t bad = ask(request, answer); bad != NVML_SUCCESS) return bad;
  codec::Reader reader(answer);
  const nvmlReturn_t result = take_answer(*call, argv, reader);
  return result == NVML_SUCCESS && count > kMaxDevices ? NVML_ERROR_UNKNOWN : result;
}

nvmlReturn_t Library::initialise(unsigned flags) {
  if ((flags & ~static_cast<unsigned>(NVML_INIT_FLAG_NO_GPUS | NVML_INIT_FLAG_NO_ATTACH)) != 0)
    return NVML_ERROR_INVALID_ARGUMENT;
  const std::lock_guard lock(mutex_);
  if (users_.load(std::memory_order_relaxed) == 0) {
    uint32_t count = 0;
    if (const nvmlReturn_t bad = count_devices(count); bad != NVML_SUCCESS) return bad;
    if (count == 0 && (flags & NVML_INIT_FLAG_NO_GPUS) == 0) return NVML_ERROR_DRIVER_NOT_LOADED;
    device_count_.store(count, std::memory_order_release);
  }
  users_.fetch_add(1, std::memory_order_release);
  return NVML_SUCCESS;
}

nvmlReturn_t Library::shut_down() {
  const std::lock_guard lock(mutex_);
  if (users_.load(std::memory_order_relaxed) == 0) return NVML_ERROR_UNINITIALIZED;
  users_.fetch_sub(1, std::memory_order_release);
  return NVML_SUCCESS;
}

nvmlDevice_t Library::handle(uint32_t index) { return index < device_count() ? &handles_[index] : nullptr; }

bool Library::knows(nvmlDevice_t device) const {
  // Compared as numbers: it may be any pointer.
  const auto at = reinterpret_cast<uintptr_t>(device), first = reinterpret_cast<uintptr_t>(&handles_[0]);
  return at >= first && (at - first) % sizeof(nvmlDevice_st) == 0 &&
         (at - first) / sizeof(nvmlDevice_st) < device_count();
}

nvmlReturn_t Library::ask(std::span<const std::byte> request, std::vector<std::byte>& answer) {
  if (request.size() > report::kMaxRequest) return NVML_ERROR_INVALID_ARGUMENT;
  auto got = client_.ask(request);
  if (!got.ok()) {
    VGPU_DEBUG("NVML: %s", got.error().error.message.c_str());
    return error_of(got.error().kind);
  }
  answer = std::move(*got);
  return NVML_SUCCESS;
}

nvmlReturn_t Library::processes(uint32_t device, std::vector<report::Process>& found) {
  const auto kind = report::Kind::processes;
  std::vector<std::byte> answer;
  if (const nvmlReturn_t bad = ask(std::as_bytes(std::span(&kind, 1)), answer); bad != NVML_SUCCESS) return bad;
  codec::Reader reader(answer);
  const auto count = reader.get<uint32_t>();
  for (uint32_t i = 0; i < count && !reader.failed(); ++i) {
    const auto process = reader.get<report::Process>();
    if ((process.devices >> device & 1) != 0) found.push_back(process);
  }
  return reader.complete() ? NVML_SUCCESS : NVML_ERROR_UNKNOWN;
}

nvmlReturn_t invoke(const Call& call, const uint64_t* argv) {
  Library& library = Library::get();
  if (!library.ready()) return NVML_ERROR_UNINITIALIZED;
  for (int i = 0; i < call.params && call.param[i].role == Role::device; ++i)
    if (!library.knows(reinterpret_cast<nvmlDevice_t>(argv[i]))) return NVML_ERROR_INVALID_ARGUMENT;
  if (const nvmlReturn_t bad = check_arguments(call, argv); bad != NVML_SUCCESS) return bad;
  std::vector<std::byte> request, answer;
  codec::Writer writer(request);
  put_request(call, argv, &index_of, writer);
  if (const nvmlReturn_t bad = library.ask(request, answer); bad != NVML_SUCCESS) return bad;
  codec::Reader reader(answer);
  return take_answer(call, argv, reader);
}

nvmlReturn_t invoke_inner(const char* name, std::initializer_list<uint64_t> arguments) {
  Word argv[kMaxParams] = {};
  std::copy(arguments.begin(), arguments.end(), argv);
  return invoke(*find_call(name), argv);
}

nvmlReturn_t refuse(const Call& call, uint64_t first_argument) {
  Library& library = Library::get();
  if (!library.ready()) return NVML_ERROR_UNINITIALIZED;
  if (call.param[0].role == Role::device && !library.knows(reinterpret_cast<nvmlDevice_t>(first_argument)))
    return NVML_ERROR_INVALID_ARGUMENT;
  VGPU_DEBUG("NVML: %s is not carried", call.name);
  return call.path == Path::denied ? NVML_ERROR_NO_PERMISSION : NVML_ERROR_NOT_SUPPORTED;
}

}  // namespace vgpu::nvml
