// SPDX-License-Identifier: Apache-2.0
// Fields that say which card it is and how it is attached.
#include <fmt/core.h>
#include <limits.h>
#include <unistd.h>

#include "tools/vgpu_smi/field.h"
#include "tools/vgpu_smi/pcie_port.h"

namespace vgpu::smi {
namespace {

Cell pci_number(const Card& card, unsigned int nvmlPciInfo_t::*member, int digits) {
  return hex(map(card.pci(), [&](const nvmlPciInfo_t& pci) -> unsigned long long { return pci.*member; }), digits);
}

Cell pci_class(const Card& card, unsigned int nvmlPciInfoExt_v1_t::*member) {
  const auto pci = card.get_versioned<nvmlPciInfoExt_v1_t>("nvmlDeviceGetPciInfoExt", 1);
  return hex(map(pci, [&](const nvmlPciInfoExt_v1_t& it) -> unsigned long long { return it.*member; }), 1);
}

Cell count_cards(const Card& card) {
  unsigned int count = 0;
  const auto status = card.nvml().call("nvmlDeviceGetCount_v2", &count);
  return status == NVML_SUCCESS ? number(uint64_t{count}) : missing(status);
}

Cell hostname(const Card&) {
  char name[HOST_NAME_MAX + 1] = {};
  return ::gethostname(name, sizeof name - 1) == 0 ? text(std::string(name)) : missing(NVML_ERROR_UNKNOWN);
}

Cell compute_capability(const Card& card) {
  int version[2] = {};
  const auto status = card.nvml().call("nvmlDeviceGetCudaComputeCapability", card.device(), &version[0], &version[1]);
  return status == NVML_SUCCESS ? text(fmt::format("{}.{}", version[0], version[1])) : missing(status);
}

void add_names(std::vector<Field>& fields) {
  fields.insert(fields.end(),
                {{"General",
                  {"timestamp"},
                  "",
                  "When the line was read: YYYY/MM/DD HH:MM:SS.mmm.",
                  [](const Card&) { return text(timestamp_now()); }},
                 {"General",
                  {"driver_version"},
                  "",
                  "Version of the driver behind the card; in a VM, the host's.",
                  [](const Card& card) { return text(card.nvml().text("nvmlSystemGetDriverVersion")); }},
                 {"General", {"count"}, "", "How many cards there are.", count_cards},
                 {"General",
                  {"name", "gpu_name"},
                  "",
                  "The product's name.",
                  [](const Card& card) { return text(card.text("nvmlDeviceGetName")); }},
                 {"General",
                  {"serial", "gpu_serial"},
                  "",
                  "The board's serial number.",
                  [](const Card& card) { return text(card.text("nvmlDeviceGetSerial")); }},
                 {"General",
                  {"uuid", "gpu_uuid"},
                  "",
                  "The card's own identifier, which never changes.",
                  [](const Card& card) { return text(card.text("nvmlDeviceGetUUID")); }},
                 {"General",
                  {"index"},
                  "",
                  "The card's number, from 0; may differ after a restart.",
                  [](const Card& card) { return number(card.get<unsigned int>("nvmlDeviceGetIndex")); }},
                 {"General", {"hostname"}, "", "Name of this machine.", hostname},
                 {"General", {"compute_cap"}, "", "CUDA compute capability, major.minor.", compute_capability},
                 {"General", {"vbios_version"}, "", "Version of the board's firmware.", [](const Card& card) {
                    return text(card.text("nvmlDeviceGetVbiosVersion"));
                  }}});
}

void add_pci(std::vector<Field>& fields) {
  fields.insert(
      fields.end(),
      {{"PCI",
        {"pci.bus_id", "gpu_bus_id"},
        "",
        "PCI address: domain:bus:device.function, hexadecimal.",
        [](const Card& card) { return text(card.bus_id()); }},
       {"PCI",
        {"pci.domain"},
        "",
        "PCI domain, hexadecimal.",
        [](const Card& card) { return pci_number(card, &nvmlPciInfo_t::domain, 4); }},
       {"PCI",
        {"pci.bus"},
        "",
        "PCI bus, hexadecimal.",
        [](const Card& card) { return pci_number(card, &nvmlPciInfo_t::bus, 2); }},
       {"PCI",
        {"pci.device"},
        "",
        "PCI device number, hexadecimal.",
        [](const Card& card) { return pci_number(card, &nvmlPciInfo_t::device, 2); }},
       {"PCI",
        {"pci.baseClass"},
        "",
        "PCI base class, hexadecimal.",
        [](const Card& card) { return pci_class(card, &nvmlPciInfoExt_v1_t::baseClass); }},
       {"PCI",
        {"pci.subClass"},
        "",
        "PCI sub-class, hexadecimal.",
        [](const Card& card) { return pci_class(card, &nvmlPciInfoExt_v1_t::subClass); }},
       {"PCI",
        {"pci.device_id"},
        "",
        "PCI device and vendor, hexadecimal.",
        [](const Card& card) { return pci_number(card, &nvmlPciInfo_t::pciDeviceId, 8); }},
       {"PCI", {"pci.sub_device_id"}, "", "PCI subsystem device and vendor, hexadecimal.", [](const Card& card) {
          return pci_number(card, &nvmlPciInfo_t::pciSubSystemId, 8);
        }}});
}

void add_link(std::vector<Field>& fields) {
  const auto scalar = [](const char* call) {
    return [call](const Card& card) { return number(card.get<unsigned int>(call)); };
  };
  fields.insert(fields.end(), {{"PCIe link",
                                {"pcie.link.gen.gpucurrent", "pcie.link.gen.current"},
                                "",
                                "Generation of the link now; lower when the card rests.",
                                scalar("nvmlDeviceGetCurrPcieLinkGeneration")},
                               {"PCIe link",
                                {"pcie.link.gen.max"},
                                "",
                                "Highest generation that card and slot reach together.",
                                scalar("nvmlDeviceGetMaxPcieLinkGeneration")},
                               {"PCIe link",
                                {"pcie.link.gen.gpumax"},
                                "",
                                "Highest generation of the card.",
                                scalar("nvmlDeviceGetGpuMaxPcieLinkGeneration")},
                               {"PCIe link",
                                {"pcie.link.gen.hostmax"},
                                "",
                                "Highest generation of the port that the card is attached to.",
                                [](const Card& card) {
                                  const auto bus_id = card.bus_id();
                                  const auto generation = bus_id.ok() ? port_generation(bus_id.value()) : std::nullopt;
                                  return generation ? number(uint64_t{*generation}) : missing();
                                }},
                               {"PCIe link",
                                {"pcie.link.width.current"},
                                "",
                                "Lanes of the link now.",
                                scalar("nvmlDeviceGetCurrPcieLinkWidth")},
                               {"PCIe link",
                                {"pcie.link.width.max"},
                                "",
                                "Most lanes that card and slot reach together.",
                                scalar("nvmlDeviceGetMaxPcieLinkWidth")}});
}

}  // namespace

void add_identity_fields(std::vector<Field>& fields) {
  add_names(fields);
  add_pci(fields);
  add_link(fields);
}

}  // namespace vgpu::smi
