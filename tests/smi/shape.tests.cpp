// SPDX-License-Identifier: Apache-2.0
// The table, -q, the monitors and topo: what programs that read them rely on.
#include "tests/smi/tool.h"
#include "tests/smi/xml.h"
#include "tests/support/test.h"

using namespace vgpu::test;

namespace {

bool has(const Outcome& ran, const std::string& words) { return ran.out.find(words) != std::string::npos; }

}  // namespace

TEST_CASE("the table shows versions, cards and processes, in lines of one length", "[smi]") {
  const Outcome ran = smi({});
  CHECK(ran.status == 0);
  CHECK(has(ran, "Driver Version: 580.159.04"));
  CHECK(has(ran, "CUDA Version: 13.0"));
  CHECK(has(ran, "606MiB / 143771MiB"));
  CHECK(has(ran, "75W / 700W"));
  CHECK(has(ran, "4321      C   /usr/bin/python3"));
  for (const std::string& line : ran.lines())
    if (line.starts_with('|') || line.starts_with('+')) CHECK(line.size() == 91);
}

TEST_CASE("under the known tool's name the table has that name, too", "[smi]") {
  const auto link = std::filesystem::temp_directory_path() / ("smi-" + std::to_string(::getpid())) / "nvidia-smi";
  std::filesystem::create_directory(link.parent_path());
  std::filesystem::create_symlink(build() / "bin/vgpu-smi", link);
  const Outcome ran = run_program({link}, {"LD_LIBRARY_PATH=" + (build() / "tests/smi").string()});
  std::filesystem::remove_all(link.parent_path());
  CHECK(ran.status == 0);
  CHECK(has(ran, "| NVIDIA-SMI "));
}

TEST_CASE("the table as JSON has the same figures", "[smi]") {
  const auto json = smi({"--json"}).json();
  CHECK(json["cuda_version"] == "13.0");
  REQUIRE(json["gpus"].size() == 2);
  CHECK(json["gpus"][0]["memory.used"] == 606);
  CHECK(json["gpus"][0]["processes"].size() == 3);
  CHECK(json["gpus"][0]["processes"][2]["pid"] == 4321);
  CHECK(json["gpus"][1]["memory.used"].is_null());
}

TEST_CASE("-q shows all sections, with -d only those that are named", "[smi]") {
  const Outcome all = smi({"-q"});
  CHECK(all.status == 0);
  for (const char* label : {"Product Name", "FB Memory Usage", "Utilization", "GPU Power Readings", "Processes"})
    CHECK(has(all, label));
  const Outcome some = smi({"-q", "-d", "memory,UTILIZATION"});
  CHECK(has(some, "FB Memory Usage"));
  CHECK(has(some, "Utilization"));
  CHECK_FALSE(has(some, "Product Name"));
  CHECK_FALSE(has(some, "Processes"));
}

TEST_CASE("-q -x is well-formed and has the tags that scripts read", "[smi]") {
  const Outcome ran = smi({"-q", "-x"});
  CHECK(ran.status == 0);
  CHECK(xml_fault(ran.out) == "");
  CHECK(has(ran, "<gpu id=\"00000000:1B:00.0\">"));
  CHECK(has(ran, "<attached_gpus>2</attached_gpus>"));
  CHECK(has(ran, "<used>606 MiB</used>"));
  CHECK(has(ran, "<gpu_util>37 %</gpu_util>"));
  CHECK(has(ran, "<pid>4321</pid>"));
  // A name with all that XML must not contain.
  CHECK(has(ran, "&lt;column&gt; &amp; &quot;more&quot;"));
}

TEST_CASE("-q --json is the same tree", "[smi]") {
  const auto json = smi({"-q", "--json"}).json();
  REQUIRE(json["gpu"].size() == 2);
  CHECK(json["gpu"][0]["fb_memory_usage"]["used"]["value"] == 606);
  CHECK(json["gpu"][0]["processes"][2]["process_name"] == "/usr/bin/python3, with a comma");
  CHECK(json["gpu"][1]["processes"].is_null());
}

TEST_CASE("the checker of XML finds faults", "[smi]") {
  CHECK(xml_fault("<?xml version=\"1.0\" ?>\n<a><b id=\"1\">x &amp; y</b></a>\n") == "");
  CHECK(xml_fault("<a><b></a></b>") != "");
  CHECK(xml_fault("<a>") != "");
  CHECK(xml_fault("<a>x & y</a>") != "");
  CHECK(xml_fault("<a>\x01</a>") != "");
}

TEST_CASE("dmon has a column for each figure, and ends after its count", "[smi]") {
  const Outcome ran = smi({"dmon", "-s", "pucm", "-c", "2", "-d", "0.05", "-i", "0", "-o", "DT"});
  CHECK(ran.status == 0);
  REQUIRE(ran.lines().size() == 4);
  CHECK(ran.lines()[0].starts_with("#"));
  const auto words = [&](size_t line) {
    std::istringstream stream(ran.lines()[line]);
    Words all;
    for (std::string word; stream >> word;) all.push_back(word);
    return all;
  };
  // The head begins with a mark of its own.
  CHECK(words(0).size() == words(2).size() + 1);
  CHECK(words(1).size() == words(2).size() + 1);
  CHECK(words(2)[3] == "75");
}

TEST_CASE("dmon shows which share of the time a limit took", "[smi]") {
  const Outcome ran = smi({"dmon", "-s", "v", "-c", "3", "-d", "0.05", "-i", "0"});
  REQUIRE(ran.lines().size() == 5);
  CHECK(ran.lines()[2].ends_with("     0      -"));
  CHECK(ran.lines()[3].ends_with("    25      -"));
}

TEST_CASE("pmon has a line for each process, and one for a card without", "[smi]") {
  const Outcome ran = smi({"pmon", "-c", "1"});
  CHECK(ran.status == 0);
  REQUIRE(ran.lines().size() == 6);
  CHECK(ran.lines()[4].find("4321     C     20      7") != std::string::npos);
  CHECK(smi({"pmon", "-c", "1", "--json"}).json()[2]["fb"] == 600);
}

TEST_CASE("topo has a row and a column for each card", "[smi]") {
  const Outcome ran = smi({"topo", "-m"});
  CHECK(ran.status == 0);
  CHECK(ran.lines()[0].starts_with("\tGPU0\tGPU1\tCPU Affinity"));
  CHECK(ran.lines()[1].starts_with("GPU0\t X\tNV18\t0-3,64"));
  CHECK(smi({"topo", "--json"}).json()["gpus"][0]["connections"]["1"] == "NV18");
}

TEST_CASE("a process's name cannot speak to the terminal", "[smi]") {
  const Outcome ran = smi({"--query-compute-apps=name", "--format=csv,noheader"}, "rude");
  CHECK(ran.status == 0);
  CHECK(ran.out == "?[31mred??, \xc3\xa9?\n?[31mred??, \xc3\xa9?\n");
  CHECK(xml_fault(smi({"-q", "-x"}, "rude").out) == "");
}
