// SPDX-License-Identifier: Apache-2.0
// What vgpud and vgpu-monitor say to each other, on a SOCK_SEQPACKET pair: a datagram is a header and its bytes.
// The monitor begins with a greeting (id 0): an Identity, or why it cannot serve. Then vgpud asks, by numbers of its
// own, with the request of a reading, and the monitor answers each, in order. Both on one machine, of one release.
#pragma once

#include <cstdint>

namespace vgpu::host::monitor {

constexpr int kSocketFd = 3;
constexpr uint32_t kMaxDatagram = 64 * 1024;
constexpr uint32_t kMaxDevices = 64;

struct Header {
  uint64_t id;
  int32_t result;  // of the greeting: an nvmlReturn_t. Of a question: enum Question
  uint32_t bytes;  // that follow
};
static_assert(sizeof(Header) == 16);

enum Question : int32_t {
  kReading = 0,  // the request of a reading -> its answer
  kUsage = 1,    // nothing -> i32 nvmlReturn_t, then Usage of each process and device
  kWatch = 2,    // nothing -> i32 nvmlReturn_t, then Watched of each device. From then on a datagram with id 0 and a
                 // CardEvent for each that comes
};

// What can be had of a device's events: all of these types, whether somebody wants them or not.
struct Watched {
  int32_t result;  // an nvmlReturn_t: why there are none
  uint32_t reserved;
  uint64_t types;  // as NVML numbers them
};
static_assert(sizeof(Watched) == 16);

struct CardEvent {
  uint32_t device;
  int32_t result;  // NVML_SUCCESS, or why no more will come, of any device, until somebody asks to watch again
  uint64_t type, data;
};
static_assert(sizeof(CardEvent) == 24);

// What a process of the host does with a device, as the driver tells.
struct Usage {
  uint32_t device;
  uint32_t pid;
  uint64_t bytes;                        // kUnknown: it does not tell
  uint32_t gpu_percent, memory_percent;  // kUnknownPercent: it does not tell
};
static_assert(sizeof(Usage) == 24);
constexpr uint64_t kUnknown = ~uint64_t{0};
constexpr uint32_t kUnknownPercent = ~uint32_t{0};

// Texts end with NUL.
struct Identity {
  uint32_t devices;  // DeviceIdentity each follow
  uint32_t software;
  int32_t cuda_version;
  uint32_t reserved;
  char driver_version[80];
  char nvml_version[80];
};
static_assert(sizeof(Identity) == 176);

struct DeviceIdentity {
  char uuid[96];
  char name[96];
  char pci_bus_id[32];
  uint64_t total_bytes;
  int32_t major, minor;
  int32_t threads;  // of the software GPU: how many threads run its blocks; else 0
  int32_t reserved;
};
static_assert(sizeof(DeviceIdentity) == 248);

}  // namespace vgpu::host::monitor
