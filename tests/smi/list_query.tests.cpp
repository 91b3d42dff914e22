// SPDX-License-Identifier: Apache-2.0
// Queries with several lines for a card, links, and what -q sums up of samples; over a library of which every answer is
// known.
#include "tests/smi/tool.h"
#include "tests/smi/xml.h"
#include "tests/support/test.h"

using namespace vgpu::test;

TEST_CASE("clocks that a card can have are listed, the second below the first", "[smi]") {
  const Outcome ran = smi({"--query-supported-clocks=gpu_name,memory,gr", "--format=csv"});
  CHECK(ran.status == 0);
  CHECK(ran.lines() == Words{"gpu_name, memory [MHz], graphics [MHz]", "NVIDIA H200, 3201 MHz, 1980 MHz",
                             "NVIDIA H200, 3201 MHz, 1965 MHz", "NVIDIA H200, 1593 MHz, 345 MHz"});
}

TEST_CASE("programs that were accounted are listed, and what is not known of them any more is missing", "[smi]") {
  const Outcome ran =
      smi({"--query-accounted-apps=pid,gpu_util,mem_util,max_memory_usage,time", "--format=csv,noheader"});
  CHECK(ran.status == 0);
  CHECK(ran.lines() == Words{"1001, 55 %, 21 %, 600 MiB, 1234 ms", "1002, [N/A], [N/A], [N/A], [N/A]"});
}

TEST_CASE("pages and rows of memory that were replaced are listed", "[smi]") {
  CHECK(smi({"--query-retired-pages=gpu_bus_id,retired_pages.address,retired_pages.cause", "--format=csv,noheader"})
            .out == "00000000:1B:00.0, 0x000000000ABCD000, Double Bit ECC\n");
  const auto json = smi({"--query-remapped-rows=gpu_uuid,remapped_rows.correctable,remapped_rows.failure", "--json"});
  REQUIRE(json.json()["rows"].size() == 2);
  CHECK(json.json()["rows"][0]["remapped_rows.correctable"] == 2);
  CHECK(json.json()["rows"][0]["remapped_rows.failure"] == "Yes");
  CHECK(json.json()["rows"][1]["remapped_rows.failure"].is_null());
}

TEST_CASE("every property that a list's help names can be queried", "[smi]") {
  for (const char* query :
       {"query-supported-clocks", "query-accounted-apps", "query-retired-pages", "query-remapped-rows"}) {
    CAPTURE(query);
    const std::string option = std::string("--") + query;
    const auto help = smi({"--help-" + std::string(query), "--json"}).json();
    std::string all;
    for (const auto& field : help)
      for (const auto& name : field["names"]) all += (all.empty() ? "" : ",") + name.get<std::string>();
    const Outcome ran = smi({option + "=" + all, "--format=csv"});
    CHECK(ran.status == 0);
    CHECK(ran.lines().size() >= 2);
    const Outcome text = smi({"--help-" + std::string(query)});
    CHECK(text.out.find("\"gpu_uuid\"\n") != std::string::npos);
    const Outcome wrong = smi({option + "=gpu_uid", "--format=csv"});
    CHECK(wrong.status == 2);
    CHECK(wrong.err.find("\"gpu_uuid\"") != std::string::npos);
    CHECK(smi({option + "=", "--format=csv"}).status == 2);
    CHECK(smi({option + "=gpu_uuid"}).status == 2);
  }
}

TEST_CASE("links are listed with their speed", "[smi]") {
  const Outcome ran = smi({"nvlink", "-s", "-i", "0"});
  CHECK(ran.status == 0);
  REQUIRE(ran.lines().size() == 19);
  CHECK(ran.lines()[0].starts_with("GPU 0: NVIDIA H200 (UUID: "));
  CHECK(ran.lines()[1] == "\t Link 0: 26.562 GB/s");
  CHECK(ran.lines()[2] == "\t Link 1: N/A");
  const auto json = smi({"nvlink", "--json"}).json();
  CHECK(json["gpus"][0]["links"][0]["megabytes_per_second"] == 26562);
  CHECK(json["gpus"][0]["links"][1]["megabytes_per_second"].is_null());
}

TEST_CASE("-q sums up samples of the sections that were asked for", "[smi]") {
  const auto card = smi({"-q", "-d", "POWER,UTILIZATION", "--json"}).json()["gpu"][0];
  CHECK(card["power_samples"]["duration"]["value"] == 1.5);
  CHECK(card["power_samples"]["sample_count"] == 4);
  CHECK(card["power_samples"]["max"]["value"] == 73);
  CHECK(card["power_samples"]["avg"]["value"] == 71.5);
  CHECK(card["gpu_util_samples"]["min"]["value"] == 37);
  CHECK(card["encoder_util_samples"]["max"].is_null());
  CHECK_FALSE(card.contains("sm_clock_samples"));
  const Outcome xml = smi({"-q", "-x", "-d", "CLOCK"});
  CHECK(xml_fault(xml.out) == "");
  CHECK(xml.out.find("<sm_clock_samples>") != std::string::npos);
  CHECK(smi({"-q"}).out.find("Samples") == std::string::npos);
}
