// SPDX-License-Identifier: Apache-2.0
// port_generation: the PCIe generation of the port above a card, from sysfs; NVML does not tell it. Nothing where
// sysfs does not know the card, as on a host whose containers hide it. Any thread.
#pragma once

#include <optional>
#include <string>

namespace vgpu::smi {

// `bus_id` as NVML writes it, with eight digits of domain.
std::optional<unsigned int> port_generation(const std::string& bus_id);

}  // namespace vgpu::smi
