// SPDX-License-Identifier: Apache-2.0
// The VM's side: PCI device, kernel module, node.
#include <fcntl.h>
#include <fmt/core.h>
#include <grp.h>
#include <pwd.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>

#include "common/fd.h"
#include "tools/vgpu_smi/doctor/finding.h"
#include "uapi/linux/vgpu.h"
#include "vgpu/pci.h"

namespace vgpu::smi::doctor {
namespace {

namespace fs = std::filesystem;

std::string first_line(const fs::path& path) {
  std::ifstream file(path);
  std::string line;
  std::getline(file, line);
  return line;
}

bool is_ours(const fs::path& device) {
  return first_line(device / "subsystem_vendor") == fmt::format("0x{:04x}", VGPU_PCI_SUBVENDOR) &&
         first_line(device / "subsystem_device") == fmt::format("0x{:04x}", VGPU_PCI_SUBDEVICE);
}

std::string find_pci_device(const Place& place) {
  std::error_code failed;
  for (const auto& entry : fs::directory_iterator(place.root + "/sys/bus/pci/devices", failed))
    if (is_ours(entry.path())) return entry.path().filename().string();
  return "";
}

void check_binding(const Place& place, const std::string& address, bool module_loaded, Findings& findings) {
  std::error_code failed;
  const auto driver = fs::read_symlink(place.root + "/sys/bus/pci/devices/" + address + "/driver", failed);
  const std::string name = failed ? "" : driver.filename().string();
  if (name == "vgpu") return findings.push_back({State::good, "PCI device", address + ", driven by vgpu", ""});
  if (name.empty() && !module_loaded)
    return findings.push_back({State::note, "PCI device", address + " is there and waits for the module", ""});
  if (name.empty())
    return findings.push_back({State::problem, "PCI device", address + " has no driver, though vgpu is loaded",
                               "The module refused the device: dmesg | grep vgpu says why"});
  findings.push_back(
      {State::problem, "PCI device", fmt::format("{} is driven by {}, not by vgpu", address, name),
       fmt::format("Release it: echo {} > /sys/bus/pci/drivers/{}/unbind; then modprobe vgpu", address, name)});
}

bool check_module(const Place& place, bool has_pci_device, Findings& findings) {
  const fs::path module = place.root + "/sys/module/vgpu";
  std::error_code failed;
  if (fs::exists(module, failed)) {
    const std::string version = first_line(module / "version");
    findings.push_back({State::good, "kernel module",
                        version.empty() ? "vgpu is loaded" : fmt::format("vgpu {} is loaded", version), ""});
    return true;
  }
  if (has_pci_device)
    findings.push_back({State::problem, "kernel module", "vgpu is not loaded",
                        "modprobe vgpu; if there is no such module for this kernel, install the vgpu DKMS package, or "
                        "build it with make modules"});
  return false;
}

std::string group_name(gid_t id) {
  const group* const found = ::getgrgid(id);
  return found != nullptr ? found->gr_name : fmt::format("{}", id);
}
std::string user_name() {
  const passwd* const found = ::getpwuid(::geteuid());
  return found != nullptr ? found->pw_name : fmt::format("{}", ::geteuid());
}

Finding cannot_open(const std::string& node, int error) {
  struct stat about = {};
  // What the file's mode does not forbid, a control group does.
  if (error == EPERM)
    return {State::problem, "device node", node + " is not among the devices of this service or container",
            "In a unit of systemd's: DeviceAllow=/dev/vgpu0 rw; for a container: --device /dev/vgpu0"};
  if (error == EACCES && ::stat(node.c_str(), &about) == 0) {
    const std::string group = group_name(about.st_gid);
    // Nobody is to join root's group for this.
    const bool group_may = (about.st_mode & 0060) == 0060 && about.st_gid != 0;
    return {
        State::problem, "device node",
        fmt::format("{} may not be used by {} (mode {:04o}, group {})", node, user_name(), about.st_mode & 07777,
                    group),
        group_may
            ? fmt::format("Add the user to that group and log in again: usermod -aG {} {}", group, user_name())
            : "Let users in: the udev rule packaging/udev/60-vgpu.rules does it, or chmod 666 until the next start"};
  }
  if (error == ENODEV || error == ENXIO)
    return {
        State::problem, "device node", node + " is there, but its device is gone",
        "The host's vgpud has ended, or the device was unplugged: on the host, start vgpud and plug the device again"};
  return {State::problem, "device node", fmt::format("{} cannot be opened: {}", node, std::strerror(error)),
          "dmesg | grep vgpu says more"};
}

void check_query(int node, const std::string& path, Findings& findings) {
  vgpu_query query = {};
  if (::ioctl(node, VGPU_IOCTL_QUERY, &query) != 0)
    return findings.push_back(
        {State::problem, "device",
         fmt::format("{} does not answer as the module's node does: {}", path, std::strerror(errno)),
         "Is another driver's file in its place? ls -l " + path});
  if (query.alive == 0)
    return findings.push_back({State::problem, "device", "the virtual GPU no longer answers",
                               "On the host: is vgpud running? Start it, unplug the device, plug it again"});
  findings.push_back(
      {State::good, "device",
       fmt::format("{:04x}:{:04x} answers; interface {}, device version {}, up to {} programs", query.pci_vendor,
                   query.pci_device, query.abi_version, query.device_version, query.max_sessions),
       ""});
  if (query.abi_version < VGPU_ABI_VERSION)
    findings.push_back(
        {State::warning, "versions",
         fmt::format("the module speaks interface {}, these tools {}", query.abi_version, VGPU_ABI_VERSION),
         "Install the module of the same release as the libraries"});
  if (query.device_version != VGPU_DEVICE_VERSION)
    findings.push_back({State::warning, "versions",
                        fmt::format("the host's device has version {}, this release knows {}", query.device_version,
                                    VGPU_DEVICE_VERSION),
                        "Install the same release on host and VM"});
}

Finding no_node(const Place& place, const std::string& path) {
  std::error_code failed;
  if (fs::exists(place.root + "/sys/class/misc/vgpu0", failed))
    return {State::problem, "device node", path + " does not exist here, but the module has the device",
            "This process has a /dev of its own. In a unit of systemd's: PrivateDevices=no; for a container: --device "
            "/dev/vgpu0"};
  return {State::problem, "device node", path + " does not exist",
          "The module makes it when it has a device: dmesg | grep vgpu says why it has not"};
}

bool check_node(const Place& place, bool expected, Findings& findings) {
  const std::string path = place.root + "/dev/vgpu0";
  struct stat about = {};
  if (::stat(path.c_str(), &about) != 0) {
    if (expected) findings.push_back(no_node(place, path));
    return false;
  }
  if (!S_ISCHR(about.st_mode)) {
    findings.push_back({State::problem, "device node", path + " is no device", "Remove it and load the module again"});
    return false;
  }
  const UniqueFd node(::open(path.c_str(), O_RDWR | O_CLOEXEC));
  if (!node) return findings.push_back(cannot_open(path, errno)), true;
  findings.push_back({State::good, "device node", fmt::format("{} can be used by {}", path, user_name()), ""});
  check_query(node.get(), path, findings);
  return true;
}

}  // namespace

Way check_device(const Place& place, Findings& findings) {
  const std::string address = find_pci_device(place);
  const bool loaded = check_module(place, !address.empty(), findings);
  if (!address.empty()) check_binding(place, address, loaded, findings);
  const bool has_node = check_node(place, !address.empty(), findings);
  // The same order as the guest library's.
  if (!place.socket.empty()) {
    if (has_node)
      findings.push_back(
          {State::note, "way", "VGPU_SOCKET is set, so programs use that socket and not /dev/vgpu0", ""});
    return Way::socket;
  }
  return has_node || !address.empty() ? Way::device : Way::nothing;
}

}  // namespace vgpu::smi::doctor
