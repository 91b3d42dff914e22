// SPDX-License-Identifier: Apache-2.0
#include "softgpu/driver/device_facts.h"

#include <algorithm>
#include <map>
#include <string>

#include "common/face/error_names.h"
#include "softgpu/driver/device.h"
#include "softgpu/driver/occupancy.h"
#include "softgpu/driver/process.h"

namespace vgpu::soft {
namespace {

struct Error {
  int code;
  const char* name;
};

// The runtime's names, from the toolkit's header.
constexpr Error kErrors[] = {
#define VGPU_CUDART_ERROR(name, number) {number, #name},
#include "cudart_errors.inc"
#undef VGPU_CUDART_ERROR
};

// All texts in one piece of memory, so that one range of a MemoryMap makes them readable.
class ErrorTexts {
 public:
  ErrorTexts() {
    const Place unknown{append("unrecognized error code"), 0};
    for (const Error& error : kErrors) {
      const char* const text = face::error_text(error.code);
      places_[error.code] = {append(error.name), text != nullptr ? append(text) : unknown.name};
    }
    unknown_ = {unknown.name, unknown.name};
  }
  uint64_t begin() const { return reinterpret_cast<uint64_t>(bytes_.data()); }
  uint64_t size() const { return bytes_.size() + 1; }
  uint64_t name(int code) const { return begin() + find(code).name; }
  uint64_t text(int code) const { return begin() + find(code).text; }

 private:
  struct Place {
    size_t name = 0, text = 0;  // offsets
  };
  size_t append(const char* text) {
    const size_t at = bytes_.size();
    bytes_.append(text).push_back('\0');
    return at;
  }
  const Place& find(int code) const {
    const auto found = places_.find(code);
    return found != places_.end() ? found->second : unknown_;
  }

  std::string bytes_;
  std::map<int, Place> places_;
  Place unknown_;
};

// Never destroyed, like the devices.
const ErrorTexts& texts() {
  static const ErrorTexts* const all = new ErrorTexts;
  return *all;
}

}  // namespace

Facts::Facts(Device& device) : device_(device) { device.memory_map().add(texts().begin(), texts().size(), false); }

int Facts::ordinal() const { return device_.ordinal(); }
int Facts::count() const { return Process::get()->device_count(); }

std::optional<int> Facts::attribute(int device, int number) const {
  const CuResult<int> value = Process::get()->find_device(device)->attribute(static_cast<CUdevice_attribute>(number));
  return value ? std::optional<int>(value.value()) : std::nullopt;
}

// What the host set for its handle of the kernel is not the kernel's: these are the values that the code itself has.
std::optional<int> Facts::function_attribute(const Kernel& kernel, int number) const {
  const CuResult<int> value =
      soft::function_attribute(static_cast<CUfunction_attribute>(number), kernel, device_, FunctionSettings{}, nullptr);
  return value ? std::optional<int>(value.value()) : std::nullopt;
}

int Facts::occupancy(const Kernel& kernel, int threads, size_t dynamic_shared) const {
  const Kernel::Attributes& code = kernel.attributes();
  const DeviceLimits& limits = device_.limits();
  BlockNeeds needs;
  needs.registers = static_cast<int>(code.registers);
  needs.static_shared = code.static_shared_bytes;
  // Device code launches with as much as the device has, without opting in.
  needs.max_dynamic_shared = static_cast<size_t>(limits.shared_per_block_optin) -
                             std::min<size_t>(static_cast<size_t>(limits.shared_per_block_optin), needs.static_shared);
  return blocks_per_multiprocessor(limits, needs, threads, dynamic_shared);
}

uint64_t Facts::error_name(int code) const { return texts().name(code); }
uint64_t Facts::error_text(int code) const { return texts().text(code); }

}  // namespace vgpu::soft
