// SPDX-License-Identifier: Apache-2.0
// The identity of a card of this machine: libdrm tells where the card has DRM nodes, sysfs where it has none.
#include <xf86drm.h>

#include <cstdio>
#include <fstream>
#include <vector>

#include "host/device/pci_config.h"

namespace vgpu::host {
namespace {

Result<uint32_t> read_number(const std::string& path) {
  std::ifstream file(path);
  uint32_t value = 0;
  if (!(file >> std::hex >> value)) return Error{"cannot read " + path};
  return value;
}

struct DrmDevices {
  std::vector<drmDevicePtr> devices;
  DrmDevices() {
    const int count = ::drmGetDevices2(0, nullptr, 0);
    if (count <= 0) return;
    devices.resize(static_cast<size_t>(count));
    devices.resize(static_cast<size_t>(std::max(0, ::drmGetDevices2(0, devices.data(), count))));
  }
  ~DrmDevices() { ::drmFreeDevices(devices.data(), static_cast<int>(devices.size())); }
};

bool has_address(const drmDevice& device, const std::string& address) {
  if (device.bustype != DRM_BUS_PCI) return false;
  const drmPciBusInfo& bus = *device.businfo.pci;
  char text[32];
  std::snprintf(text, sizeof text, "%04x:%02x:%02x.%x", bus.domain, bus.bus, bus.dev, bus.func);
  return address == text;
}

}  // namespace

Result<PciIdentity> identity_of(const std::string& address) {
  const std::string folder = "/sys/bus/pci/devices/" + address + "/";
  PciIdentity identity;
  // libdrm has no class.
  identity.class_code = TRY(read_number(folder + "class"));
  const DrmDevices drm;
  for (const drmDevicePtr device : drm.devices) {
    if (!has_address(*device, address)) continue;
    const drmPciDeviceInfo& info = *device->deviceinfo.pci;
    identity.vendor = info.vendor_id;
    identity.device = info.device_id;
    // Without DRM_DEVICE_GET_PCI_REVISION libdrm does not wake the card, and knows no revision.
    identity.revision = static_cast<uint8_t>(TRY(read_number(folder + "revision")));
    return identity;
  }
  identity.vendor = static_cast<uint16_t>(TRY(read_number(folder + "vendor")));
  identity.device = static_cast<uint16_t>(TRY(read_number(folder + "device")));
  identity.revision = static_cast<uint8_t>(TRY(read_number(folder + "revision")));
  return identity;
}

}  // namespace vgpu::host
