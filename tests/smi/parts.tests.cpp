// SPDX-License-Identifier: Apache-2.0
// Parts of vgpu-smi that stand alone: what the doctor makes of a machine, words fit to print, a daemon's answer.
#include <fstream>

#include "tests/smi/tool.h"
#include "tests/support/test.h"
#include "tools/vgpu_smi/clean_text.h"
#include "tools/vgpu_smi/daemon/statistics.h"
#include "tools/vgpu_smi/doctor/finding.h"
#include "tools/vgpu_smi/fit.h"
#include "tools/vgpu_smi/similar.h"
#include "tools/vgpu_smi/topology.h"

using namespace vgpu::smi;
namespace fs = std::filesystem;

namespace {

// A machine of a few files.
class Machine {
 public:
  Machine() : root_(fs::temp_directory_path() / ("vgpu-doctor-" + std::to_string(::getpid()))) {
    fs::create_directories(root_ / "dev");
  }
  ~Machine() { fs::remove_all(root_); }

  void plug(const std::string& driver) {
    const fs::path device = root_ / "sys/bus/pci/devices/0000:00:05.0";
    fs::create_directories(device);
    write(device / "subsystem_vendor", "0x1af4\n");
    write(device / "subsystem_device", "0x10f7\n");
    if (!driver.empty()) fs::create_symlink("/sys/bus/pci/drivers/" + driver, device / "driver");
  }
  void load() {
    fs::create_directories(root_ / "sys/module/vgpu");
    write(root_ / "sys/module/vgpu/version", "0.1.0\n");
  }
  void announce_node() { fs::create_directories(root_ / "sys/class/misc/vgpu0"); }
  void put_node() { write(root_ / "dev/vgpu0", ""); }

  doctor::Findings examine(doctor::Way& way, const std::string& socket = "") {
    doctor::Findings findings;
    way = doctor::check_device({root_.string(), socket}, findings);
    return findings;
  }

 private:
  static void write(const fs::path& file, const std::string& words) { std::ofstream(file) << words; }
  const fs::path root_;
};

bool finds(const doctor::Findings& findings, doctor::State state, const std::string& words) {
  for (const auto& finding : findings)
    if (finding.state == state && (finding.words + finding.advice).find(words) != std::string::npos) return true;
  return false;
}

}  // namespace

TEST_CASE("a machine without the device has no way to a GPU, and that is not the device's fault", "[smi]") {
  Machine machine;
  doctor::Way way = doctor::Way::device;
  CHECK(machine.examine(way).empty());
  CHECK(way == doctor::Way::nothing);
}

TEST_CASE("a device without a module wants the module", "[smi]") {
  Machine machine;
  machine.plug("");
  doctor::Way way = doctor::Way::nothing;
  const auto findings = machine.examine(way);
  CHECK(way == doctor::Way::device);
  CHECK(finds(findings, doctor::State::note, "waits for the module"));
  CHECK(finds(findings, doctor::State::problem, "modprobe vgpu"));
  CHECK(finds(findings, doctor::State::problem, "/dev/vgpu0 does not exist"));
}

TEST_CASE("a node that only this process lacks is kept from it", "[smi]") {
  Machine machine;
  machine.plug("vgpu");
  machine.load();
  machine.announce_node();
  doctor::Way way = doctor::Way::nothing;
  const auto findings = machine.examine(way);
  CHECK(finds(findings, doctor::State::problem, "/dev/vgpu0 does not exist here"));
  CHECK(finds(findings, doctor::State::problem, "PrivateDevices=no"));
}

TEST_CASE("a device that another driver has taken is to be released", "[smi]") {
  Machine machine;
  machine.plug("nouveau");
  machine.load();
  doctor::Way way = doctor::Way::nothing;
  const auto findings = machine.examine(way);
  CHECK(finds(findings, doctor::State::problem, "driven by nouveau"));
  CHECK(finds(findings, doctor::State::problem, "/sys/bus/pci/drivers/nouveau/unbind"));
  CHECK(finds(findings, doctor::State::good, "vgpu 0.1.0 is loaded"));
}

TEST_CASE("releases that differ are told, with both numbers", "[smi]") {
  CHECK(doctor::compare_releases("0.1.0", "0.1.0").state == doctor::State::good);
  const doctor::Finding other = doctor::compare_releases("0.0.9", "0.1.0");
  CHECK(other.state == doctor::State::warning);
  CHECK(other.words == "the host's vgpud is 0.0.9, these tools are 0.1.0");
  CHECK_FALSE(other.advice.empty());
}

TEST_CASE("a file in the node's place is no node, and VGPU_SOCKET goes first", "[smi]") {
  Machine machine;
  machine.plug("vgpu");
  machine.load();
  machine.put_node();
  doctor::Way way = doctor::Way::nothing;
  const auto findings = machine.examine(way, "/run/some.sock");
  CHECK(finds(findings, doctor::State::good, "driven by vgpu"));
  CHECK(finds(findings, doctor::State::problem, "is no device"));
  CHECK(way == doctor::Way::socket);
}

TEST_CASE("words of others keep their letters and lose what a terminal would obey", "[smi]") {
  CHECK(clean_text("python3 -m é 漢 😀") == "python3 -m é 漢 😀");
  CHECK(clean_text("\x1b[2J\r\n\t") == "?[2J???");
  CHECK(clean_text("\xc2\x9b") == "??");                      // a control character of the second set
  CHECK(clean_text("\xed\xa0\x80") == "???");                 // half of a pair
  CHECK(clean_text("\xc0\xaf\xe0\x80\xaf") == "?????");       // too long forms
  CHECK(clean_text("\xf5\x80\x80\x80\xe2\x82") == "??????");  // beyond Unicode, and cut off
}

TEST_CASE("a mistyped name finds its neighbour, and nonsense finds none", "[smi]") {
  const std::vector<std::string> names = {"memory.used", "memory.free", "name"};
  CHECK(find_similar("memory.usde", names) == "memory.used");
  CHECK(find_similar("nmae", names) == "name");
  CHECK(find_similar("xxxxxxxxxxxx", names).empty());
  CHECK(find_similar(std::string(5000, 'x'), names).empty());
}

TEST_CASE("numbers of bits become ranges", "[smi]") {
  CHECK(number_ranges({0}) == "N/A");
  CHECK(number_ranges({0b1011, 1}) == "0-1,3,64");
  CHECK(number_ranges({~0ul, ~0ul}) == "0-127");
}

TEST_CASE("a daemon's answer may lack anything, and have anything of another type", "[smi]") {
  for (const char* text : {"{}", R"({"sessions": 3, "host": [], "totals": "x", "devices": [1, null]})",
                           R"({"sessions": [{"pid": "x", "calls": -1, "name": 5}], "totals": {}})"}) {
    const auto overview = Overview::parse(text);
    REQUIRE(overview.ok());
    CHECK(statistics_page(overview.value(), 0).ok());
    CHECK_FALSE(host_page(overview.value(), "/run/x").empty());
  }
  for (const char* text : {"", "[]", "{", "null"}) CHECK_FALSE(Overview::parse(text).ok());
}

TEST_CASE("words are cut by columns, not within a character", "[smi]") {
  CHECK(fit("12345", 5) == "12345");
  CHECK(fit("123456", 5) == "12...");
  CHECK(fit_end("123456", 5) == "...56");
  CHECK(fit("", 5).empty());
  CHECK(fit("\u00e9\u00e9\u00e9\u00e9\u00e9", 5) == "\u00e9\u00e9\u00e9\u00e9\u00e9");
  CHECK(fit("\u00e9\u00e9\u00e9\u00e9\u00e9\u00e9", 5) == "\u00e9\u00e9...");
  CHECK(fit_end("\u00e9\u00e9\u00e9\u00e9\u00e9\u00e9", 5) == "...\u00e9\u00e9");
  // Characters of two columns.
  CHECK(fit("\u6f22\u6f22\u6f22", 6) == "\u6f22\u6f22\u6f22");
  CHECK(fit("\u6f22\u6f22\u6f22", 5) == "\u6f22...");
  CHECK(fit_end("\u6f22\u6f22\u6f22\u6f22", 6) == "...\u6f22");
}
