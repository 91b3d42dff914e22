// SPDX-License-Identifier: Apache-2.0
// What goes wrong: the message names the cause and the next step, and the exit status is the known tool's.
#include "tests/smi/tool.h"
#include "tests/support/test.h"

using namespace vgpu::test;

namespace {

bool says(const Outcome& ran, const std::string& words) { return ran.err.find(words) != std::string::npos; }

}  // namespace

TEST_CASE("an unknown field is named, with one that may be meant", "[smi]") {
  const Outcome ran = smi({"--query-gpu=name,memory.usd", "--format=csv"});
  CHECK(ran.status == 2);
  CHECK(ran.out.empty());
  CHECK(says(ran, "\"memory.usd\" is not a valid field"));
  CHECK(says(ran, "\"memory.used\""));
  CHECK(says(ran, "--help-query-gpu"));
  CHECK(smi({"--query-compute-apps=pid,foo", "--format=csv"}).status == 2);
}

TEST_CASE("a query without fields, without a format or with a wrong one is refused", "[smi]") {
  CHECK(smi({"--query-gpu=", "--format=csv"}).status == 2);
  CHECK(smi({"--query-gpu=,,", "--format=csv"}).status == 2);
  CHECK(smi({"--query-gpu=name"}).status == 2);
  CHECK(smi({"--query-gpu=name", "--format=noheader"}).status == 2);
  CHECK(smi({"--query-gpu=name", "--format=csv,pretty"}).status == 2);
}

TEST_CASE("an unknown card is not found", "[smi]") {
  for (const char* name : {"7", "4294967296", "-1", "GPU-nonsense", "0000:01:00.0", "no-serial"}) {
    const Outcome ran = smi({"-L", "-i", name});
    CHECK(ran.status == 6);
    CHECK(says(ran, std::string("\"") + name + "\""));
    CHECK(says(ran, "vgpu-smi -L"));
  }
}

TEST_CASE("no card, no driver and no library have statuses of their own", "[smi]") {
  const Outcome empty = smi({"-L"}, "empty");
  CHECK(empty.status == 6);
  CHECK(says(empty, "No devices were found"));
  const Outcome no_driver = smi({"-L"}, "no-driver");
  CHECK(no_driver.status == 9);
  CHECK(says(no_driver, "doctor"));
  const Outcome no_library =
      run_program({build() / "bin/vgpu-smi", "-L"}, {"LD_LIBRARY_PATH=/nowhere", "VGPU_SOCKET=/nowhere/vgpud.sock"});
  // A machine with NVIDIA's driver has a library in the usual place.
  if (no_library.status != 0) {
    CHECK((no_library.status == 12 || no_library.status == 9));
    CHECK(says(no_library, "doctor"));
  }
}

TEST_CASE("a dead daemon and a missing one are told by our own library", "[smi]") {
  const Words environment = {"LD_LIBRARY_PATH=" + (build() / "lib/guest").string(), "VGPU_SOCKET=/nowhere/vgpud.sock"};
  for (const char* way : {"-L", "stats", "--host"}) {
    const Outcome ran = run_program({build() / "bin/vgpu-smi", way}, environment);
    CHECK(ran.status == 9);
    CHECK(ran.out.empty());
    CHECK(says(ran, "doctor"));
  }
}

TEST_CASE("options that contradict each other or are unknown are refused", "[smi]") {
  const std::vector<Words> wrong = {{"--nonsense"},
                                    {"-L", "-q"},
                                    {"-x"},
                                    {"-d", "MEMORY"},
                                    {"-q", "-d", "NONSENSE"},
                                    {"-q", "-x", "--json"},
                                    {"-l", "soon"},
                                    {"-l", "0"},
                                    {"-lms", "-5"},
                                    {"--format=csv"},
                                    {"dmon", "-s", "xyz"},
                                    {"pmon", "-s", "q"},
                                    {"dmon", "-c", "0"},
                                    {"dmon", "-o", "X"},
                                    {"dmon", "-d", "0"},
                                    {"trace"},
                                    {"nonsense"}};
  for (const Words& words : wrong) {
    const Outcome ran = smi(words);
    CAPTURE(words);
    CHECK(ran.status == 2);
    CHECK(ran.out.empty());
    CHECK_FALSE(ran.err.empty());
  }
}

TEST_CASE("options that would change the card are refused for want of permission", "[smi]") {
  const std::vector<Words> changes = {{"-pm", "1"},   {"-i", "0", "-pl", "300"}, {"--power-limit=300"},
                                      {"-c", "3"},    {"-lgc", "300,400"},       {"-mig", "1"},
                                      {"--gpu-reset"}};
  for (const Words& words : changes) {
    const Outcome ran = smi(words);
    CAPTURE(words);
    CHECK(ran.status == 4);
    CHECK(says(ran, "host"));
  }
}

TEST_CASE("commands of the known tool that are not here are named, and are not available", "[smi]") {
  for (const Words& words : {Words{"mig", "-lgi"}, Words{"vgpu", "-q"}, Words{"drain", "-q"}, Words{"gpm", "-g"}}) {
    const Outcome ran = smi(words);
    CAPTURE(words);
    CHECK(ran.status == 3);
    CHECK(ran.out.empty());
    CHECK(says(ran, words.front() + " is a command of nvidia-smi"));
  }
}

TEST_CASE("a full disk and a file that cannot be written are told", "[smi]") {
  CHECK(smi({"-L", "-f", "/nowhere/file"}).status == 255);
  CHECK(smi({"-L", "-f", "/dev/full"}).status == 255);
  // Short and long texts, and help.
  const std::vector<Words> views = {
      {},         {"-q"},   {"-q", "-x"}, {"--json"}, {"--help-query-gpu"}, {"--help-query-compute-apps"},
      {"--help"}, {"dmon"}, {"topo"},     {"doctor"}};
  for (const Words& view : views) {
    Words command = {"/bin/sh", "-c", "exec \"$0\" \"$@\" >/dev/full", build() / "bin/vgpu-smi"};
    command.insert(command.end(), view.begin(), view.end());
    const Outcome ran = run_program(command, {"LD_LIBRARY_PATH=" + (build() / "tests/smi").string()});
    CAPTURE(view);
    CHECK((ran.status == 255 || view == Words{"doctor"}));
    CHECK(says(ran, "vgpu-smi: not everything could be written: No space left on device"));
  }
}
