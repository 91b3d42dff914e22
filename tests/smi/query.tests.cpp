// SPDX-License-Identifier: Apache-2.0
// --query-gpu, --query-compute-apps and -L, over a library of which every answer is known.
#include "tests/smi/tool.h"
#include "tests/support/test.h"

using namespace vgpu::test;

TEST_CASE("a query prints a head and a line for each card, with units", "[smi]") {
  const Outcome ran =
      smi({"--query-gpu=name,memory.total,memory.used,power.draw,temperature.gpu,clocks.sm", "--format=csv"});
  CHECK(ran.status == 0);
  CHECK(ran.err.empty());
  REQUIRE(ran.lines().size() == 3);
  CHECK(ran.lines()[0] ==
        "name, memory.total [MiB], memory.used [MiB], power.draw [W], temperature.gpu, clocks.current.sm [MHz]");
  CHECK(ran.lines()[1] == "NVIDIA H200, 143771 MiB, 606 MiB, 75.42 W, 30, 345 MHz");
}

TEST_CASE("noheader and nounits leave both out, in any order", "[smi]") {
  for (const char* format : {"csv,noheader,nounits", "nounits,csv,noheader", "csv, noheader, nounits"}) {
    const Outcome ran = smi({"-i", "0", "--query-gpu=memory.used,power.draw,fan.speed", "--format", format});
    CHECK(ran.status == 0);
    CHECK(ran.out == "606, 75.42, [N/A]\n");
  }
}

TEST_CASE("older and shorter names of fields are accepted and printed by their newer ones", "[smi]") {
  const Outcome ran = smi({"-i", "0",
                           "--query-gpu=gpu_name,gpu_bus_id,clocks_throttle_reasons.active,"
                           "clocks_throttle_reasons.gpu_idle,clocks_throttle_reasons.hw_slowdown",
                           "--format=csv"});
  REQUIRE(ran.lines().size() == 2);
  CHECK(ran.lines()[0] ==
        "name, pci.bus_id, clocks_event_reasons.active, clocks_event_reasons.gpu_idle, "
        "clocks_event_reasons.hw_slowdown");
  CHECK(ran.lines()[1] == "NVIDIA H200, 00000000:1B:00.0, 0x0000000000000005, Active, Not Active");
}

TEST_CASE("a counter that drivers number in two ways is read by the number that answers, if one only does", "[smi]") {
  const Outcome ran = smi({"-i", "0",
                           "--query-gpu=clocks_event_reasons_counters.sw_power_cap,"
                           "clocks_event_reasons_counters.sw_thermal_slowdown,"
                           "clocks_event_reasons_counters.hw_thermal_slowdown,"
                           "clocks_event_reasons_counters.hw_power_brake_slowdown",
                           "--format=csv,noheader"});
  CHECK(ran.out == "1202176 us, 251 us, 270 us, [N/A]\n");
}

TEST_CASE("every field that the help names can be queried, and has one column", "[smi]") {
  const auto help = smi({"--help-query-gpu", "--json"}).json();
  REQUIRE(help.size() > 120);
  std::string all;
  for (const auto& field : help) all += (all.empty() ? "" : ",") + field["names"][0].get<std::string>();
  const Outcome ran = smi({"-i", "0", "--query-gpu=" + all, "--format=csv"});
  CHECK(ran.status == 0);
  REQUIRE(ran.lines().size() == 2);
  CHECK(split_csv(ran.lines()[0]).size() == help.size());
  CHECK(split_csv(ran.lines()[1]).size() == help.size());
}

TEST_CASE("the help names each field once, as scripts parse it", "[smi]") {
  const Outcome ran = smi({"--help-query-gpu"});
  CHECK(ran.status == 0);
  CHECK(ran.out.find("\"memory.used\"\n") != std::string::npos);
  CHECK(ran.out.find("\"name\" or \"gpu_name\"\n") != std::string::npos);
  Words names;
  for (const auto& field : smi({"--help-query-gpu", "--json"}).json())
    for (const auto& name : field["names"]) names.push_back(name);
  const size_t count = names.size();
  std::sort(names.begin(), names.end());
  names.erase(std::unique(names.begin(), names.end()), names.end());
  CHECK(names.size() == count);
}

TEST_CASE("what a card cannot tell is [N/A], and why it may not be told is said", "[smi]") {
  const Words query = {"-i", "0", "--query-gpu=memory.used", "--format=csv,noheader"};
  CHECK(smi({"-i", "1", "--query-gpu=memory.used", "--format=csv,noheader"}).out == "[N/A]\n");
  CHECK(smi(query, "denied").out == "[Insufficient Permissions]\n");
  CHECK(smi(query, "lost").out == "[GPU is lost]\n");
}

TEST_CASE("processes that compute are listed with what they hold", "[smi]") {
  const Outcome ran = smi({"--query-compute-apps=pid,used_memory,name", "--format=csv"});
  CHECK(ran.status == 0);
  REQUIRE(ran.lines().size() == 3);
  CHECK(ran.lines()[0] == "pid, used_gpu_memory [MiB], process_name");
  CHECK(ran.lines()[1] == "77, [N/A], [Not Found]");
  CHECK(ran.lines()[2] == "4321, 600 MiB, /usr/bin/python3, with a comma");
}

TEST_CASE("-L names each card with its UUID", "[smi]") {
  const Outcome ran = smi({"-L"});
  CHECK(ran.status == 0);
  REQUIRE(ran.lines().size() == 2);
  CHECK(ran.lines()[0] == "GPU 0: NVIDIA H200 (UUID: GPU-5a1e0d2c-0001-4c1d-9f00-aaaaaaaaaaaa)");
}

TEST_CASE("cards are chosen by index, UUID, PCI address and serial number", "[smi]") {
  const Words ways = {"1,0", "GPU-5a1e0d2c-0002-4c1d-9f00-bbbbbbbbbbbb,GPU-5a1e0d2c-0001-4c1d-9f00-aaaaaaaaaaaa",
                      "0000:FF:00.0, 00000000:1B:00.0", "1,1650522003820"};
  for (const std::string& way : ways) {
    const Outcome ran = smi({"-i", way, "--query-gpu=index", "--format=csv,noheader"});
    CHECK(ran.status == 0);
    CHECK(ran.out == "1\n0\n");
  }
}

TEST_CASE("JSON has numbers, nulls with their reasons, and units", "[smi]") {
  const auto json = smi({"--query-gpu=name,memory.used,fan.speed", "--json"}).json();
  CHECK(json["units"]["memory.used"] == "MiB");
  REQUIRE(json["rows"].size() == 2);
  CHECK(json["rows"][0]["memory.used"] == 606);
  CHECK(json["rows"][0]["fan.speed"].is_null());
  CHECK(json["rows"][0]["unavailable"]["fan.speed"] == "N/A");
}

TEST_CASE("a repeated query has its head once", "[smi]") {
  const Outcome ran = run_program({"/usr/bin/timeout", "1", build() / "bin/vgpu-smi", "-i", "0", "--query-gpu=index",
                                   "--format=csv", "-lms", "100"},
                                  {"LD_LIBRARY_PATH=" + (build() / "tests/smi").string()});
  const Words lines = ran.lines();
  REQUIRE(lines.size() > 2);
  CHECK(lines[0] == "index");
  CHECK(std::count(lines.begin(), lines.end(), "index") == 1);
  CHECK(lines[2] == "0");
}

TEST_CASE("-f writes to a file", "[smi]") {
  const auto file = std::filesystem::temp_directory_path() / ("vgpu-smi-test-" + std::to_string(::getpid()));
  const Outcome ran = smi({"-i", "0", "--query-gpu=index", "--format=csv,noheader", "-f", file.string()});
  CHECK(ran.status == 0);
  CHECK(ran.out.empty());
  CHECK(std::filesystem::file_size(file) == 2);
  std::filesystem::remove(file);
}
