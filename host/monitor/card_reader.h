// SPDX-License-Identifier: Apache-2.0
// CardReader: where a monitor's answers come from: NVIDIA's library (library_reader.cpp) or the software GPU's driver
// (soft_reader.cpp). The monitor's main thread.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "common/nvml/reading.h"
#include "common/result.h"
#include "host/monitor/protocol.h"

namespace vgpu::host::monitor {

// Why there are no readings, as NVML says it, and in words.
struct Unreadable {
  nvmlReturn_t code = NVML_ERROR_UNKNOWN;
  Error error;
};

// Called from a thread of the reader's own.
using EventSink = std::function<void(const CardEvent&)>;

class CardReader {
 public:
  virtual ~CardReader() = default;
  virtual const Identity& identity() const = 0;
  virtual const std::vector<DeviceIdentity>& devices() const = 0;
  // Carries the call out; its indices of devices are in range.
  virtual nvmlReturn_t read(nvml::Prepared& reading) = 0;
  // Who uses the devices. NVML_ERROR_NOT_SUPPORTED: not known.
  virtual nvmlReturn_t usage(std::vector<Usage>& found) = 0;
  // Hands the events of all devices to `sink` from now on; what that is of each, in `found`.
  virtual nvmlReturn_t watch(const EventSink& sink, std::vector<Watched>& found) = 0;
};

// `only`: the UUID of the one device that may be seen; empty: all.
Result<std::unique_ptr<CardReader>, Unreadable> open_library_reader(const std::string& only);
// `path`: of the driver's library.
Result<std::unique_ptr<CardReader>, Unreadable> open_soft_reader(const std::string& path);

// Copies `text`, cut to what fits, with a NUL.
template <size_t kBytes>
void put_text(char (&to)[kBytes], std::string_view text) {
  const size_t length = std::min(text.size(), kBytes - 1);
  text.copy(to, length);
  to[length] = '\0';
}

}  // namespace vgpu::host::monitor
