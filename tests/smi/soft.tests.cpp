// SPDX-License-Identifier: Apache-2.0
// vgpu-smi over our own libnvidia-ml.so.1, vgpud and the software GPU.
#include <algorithm>

#include "tests/smi/tool.h"
#include "tests/smi/xml.h"
#include "tests/support/test.h"

using namespace vgpu::test;

namespace {

// A shell script that runs beside a program which holds 64 MiB of the GPU; its number is $HOLDER.
Outcome beside_holder(const std::string& script, const Words& daemon_options = {}) {
  Words command = {build() / "bin/vgpu-run", "--driver", "soft"};
  command.insert(command.end(), daemon_options.begin(), daemon_options.end());
  command.insert(command.end(), {"--", build() / "tests/smi/holder", "64", "/bin/sh", "-c",
                                 "smi=" + (build() / "bin/vgpu-smi").string() + "; " + script});
  return run_program(command, {});
}

}  // namespace

TEST_CASE("the software GPU is shown with its memory, and nothing is made up", "[smi]") {
  const Outcome ran = soft_smi(
      {"--query-gpu=name,memory.total,memory.used,utilization.gpu,temperature.gpu,power.draw", "--format=csv,noheader"},
      {"--memory-limit", "1G"});
  CHECK(ran.status == 0);
  const Words cells = split_csv(ran.lines().at(0));
  REQUIRE(cells.size() == 6);
  CHECK(cells[0].find("software") != std::string::npos);
  CHECK(cells[1] == "1024 MiB");
  CHECK(cells[2] == "0 MiB");
  CHECK(cells[3].find(" %") != std::string::npos);
  CHECK(cells[4] == "[N/A]");
  CHECK(cells[5] == "[N/A]");
}

TEST_CASE("a program and its memory are seen while it runs", "[smi]") {
  const Outcome ran = beside_holder(
      "echo $HOLDER; $smi --query-compute-apps=pid,used_memory,name --format=csv,noheader,nounits;"
      "$smi --query-gpu=memory.used --format=csv,noheader,nounits; $smi");
  CHECK(ran.status == 0);
  const Words lines = ran.lines();
  REQUIRE(lines.size() > 3);
  const Words process = split_csv(lines[1]);
  REQUIRE(process.size() == 3);
  CHECK(process[0] == lines[0]);
  CHECK(std::stoi(process[1]) >= 64);
  CHECK(process[2].find("holder") != std::string::npos);
  CHECK(std::stoi(lines[2]) >= 64);
  CHECK(ran.out.find("No running processes") == std::string::npos);
}

TEST_CASE("a program's name may be any, and the table keeps its shape", "[smi]") {
  const std::filesystem::path place =
      std::filesystem::temp_directory_path() / ("vgpu-names-" + std::to_string(::getpid()));
  // Of bytes there are more than of columns; and a name that is cut within a character.
  const std::filesystem::path named = place /
                                      "\u00e9\u00e9\u00e9\u00e9\u00e9\u00e9\u00e9\u00e9\u00e9\u00e9\u00e9\u00e9\u00e9"
                                      "\u00e9\u00e9\u00e9\u00e9 q\"\\\nend";
  const std::filesystem::path lines = place / "a\nb";
  std::filesystem::create_directories(place);
  for (const auto& name : {named, lines}) std::filesystem::copy_file(build() / "tests/smi/holder", name);
  const std::string tool = build() / "bin/vgpu-smi";
  const Outcome ran =
      run_program({build() / "bin/vgpu-run", "--driver", "soft", "--", named, "8", lines, "4", tool}, {});
  const Outcome told =
      run_program({build() / "bin/vgpu-run", "--driver", "soft", "--", lines, "4", tool, "stats", "--json"}, {});
  std::filesystem::remove_all(place);
  size_t rows = 0;
  for (const std::string& line : ran.lines()) {
    if (!line.starts_with("|") && !line.starts_with("+")) continue;
    CAPTURE(line);
    CHECK(std::count_if(line.begin(), line.end(), [](char byte) { return (byte & 0xc0) != 0x80; }) == 91);
    if (line.ends_with(" 8MiB |")) CHECK(line.find("\u00e9 q\"\\?end ") != std::string::npos);
    rows += line.ends_with(" 8MiB |") || line.ends_with(" 4MiB |") ? 1 : 0;
  }
  CHECK(rows == 2);
  CHECK(told.json()["sessions"][0]["name"] == "a\nb");
}

TEST_CASE("after a program has ended, nothing of it is left", "[smi]") {
  const std::string holder = build() / "tests/smi/holder", smi_path = build() / "bin/vgpu-smi";
  const Outcome ran = run_program(
      {build() / "bin/vgpu-run", "--driver", "soft", "--", "/bin/sh", "-c",
       holder + " 64 /bin/true; sleep 0.5; " + smi_path + " --query-gpu=memory.used --format=csv,noheader,nounits; " +
           smi_path + " --query-compute-apps=pid --format=csv,noheader"},
      {});
  CHECK(ran.status == 0);
  CHECK(ran.out == "0\n");
}

TEST_CASE("stats shows what programs did, one of them, and none that is not there", "[smi]") {
  const Outcome all = beside_holder("$smi stats --json; exec $smi stats $HOLDER");
  CHECK(all.status == 0);
  CHECK(all.out.find("bytes in the ring") != std::string::npos);
  CHECK(all.out.find("64.") != std::string::npos);
  const auto json = nlohmann::json::parse(beside_holder("exec $smi stats --json").out);
  REQUIRE(json["sessions"].size() == 1);
  CHECK(json["sessions"][0]["calls"] > 0);
  const Outcome nobody = soft_smi({"stats", "999999"});
  CHECK(nobody.status == 6);
  CHECK(nobody.err.find("999999") != std::string::npos);
}

TEST_CASE("--host shows the daemon, its card and its programs", "[smi]") {
  const Outcome ran = beside_holder("exec $smi --host");
  CHECK(ran.status == 0);
  CHECK(ran.out.find("soft driver") != std::string::npos);
  CHECK(ran.out.find("this host") != std::string::npos);
  CHECK(soft_smi({"--host", "--json"}).json()["daemons"].size() == 1);
}

TEST_CASE("every view works on the software GPU", "[smi]") {
  for (const Words& view :
       std::vector<Words>{Words{}, {"-L"}, {"-q"}, {"topo", "-m"}, {"dmon", "-c", "1"}, {"pmon", "-c", "1"}}) {
    const Outcome ran = soft_smi(view);
    CAPTURE(view);
    CHECK(ran.status == 0);
    CHECK(ran.err.empty());
    CHECK_FALSE(ran.out.empty());
  }
  CHECK(xml_fault(soft_smi({"-q", "-x"}).out) == "");
}

TEST_CASE("the doctor is content where programs find the GPU", "[smi]") {
  const Outcome ran = soft_smi({"doctor", "--json"});
  CHECK(ran.status == 0);
  CHECK(ran.json()["healthy"] == true);
  CHECK(ran.out.find("vgpud on the host and these tools are ") != std::string::npos);
}

TEST_CASE("in a guest vgpu-smi is installed as nvidia-smi, too, unless there is another", "[smi]") {
  const Outcome ran =
      run_program({"/bin/bash", "-c",
                   "set -e; cd $(mktemp -d); trap \"rm -rf $PWD\" EXIT; export DESTDIR=$PWD; " +
                       (build().parent_path() / "tools/guest-install.sh").string() + " " + build().string() +
                       "; readlink usr/local/bin/nvidia-smi; usr/local/bin/nvidia-smi --version >/dev/null; find . "
                       "-type f | sort;" +
                       (build().parent_path() / "tools/guest-install.sh").string() + " " + build().string() +
                       "; rm usr/local/bin/nvidia-smi; echo another >usr/local/bin/nvidia-smi; " +
                       (build().parent_path() / "tools/guest-install.sh").string() + " " + build().string() +
                       " >/dev/null; cat usr/local/bin/nvidia-smi"},
                  {});
  CHECK(ran.status == 0);
  CHECK(ran.lines() == Words{"vgpu-smi", "./etc/udev/rules.d/60-vgpu.rules", "./usr/local/bin/vgpu-smi",
                             "./usr/local/lib/libcuda.so.1", "./usr/local/lib/libnvidia-ml.so.1", "another"});
}

// Halide and others that load the driver at run time ask for no other name.
TEST_CASE("in a guest the libraries are found without a version as well", "[smi]") {
  const Outcome ran =
      run_program({"/bin/bash", "-c",
                   "set -e; cd $(mktemp -d); trap \"rm -rf $PWD\" EXIT; export DESTDIR=$PWD; " +
                       (build().parent_path() / "tools/guest-install.sh").string() + " " + build().string() +
                       "; cd usr/local/lib; for name in *.so; do readlink -e $name | sed 's,.*/,,'; done"},
                  {});
  CHECK(ran.status == 0);
  CHECK(ran.lines() == Words{"libcuda.so.1", "libnvidia-ml.so.1"});
}

TEST_CASE("the doctor says what is missing, and exits with 1", "[smi]") {
  const Outcome ran =
      run_program({build() / "bin/vgpu-smi", "doctor"},
                  {"LD_LIBRARY_PATH=" + (build() / "lib/guest").string(), "VGPU_SOCKET=/nowhere/vgpud.sock"});
  CHECK(ran.status == 1);
  CHECK(ran.out.find("/nowhere/vgpud.sock does not exist") != std::string::npos);
  CHECK(ran.out.find("-> Start vgpud with --socket") != std::string::npos);
  CHECK(ran.out.find("CUDA_ERROR_NO_DEVICE") != std::string::npos);
}
