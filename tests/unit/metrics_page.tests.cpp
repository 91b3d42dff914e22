// SPDX-License-Identifier: Apache-2.0
// Prometheus's page, and the reader that tests hold it against.
#include "host/daemon/metrics_page.h"

#include "tests/support/exposition.h"
#include "tests/support/test.h"

namespace vgpu::host {
namespace {

using test::Exposition;

TEST_CASE("a page is what Prometheus reads, whatever its names and values are", "[unit][metrics]") {
  MetricsPage page;
  page.add("vgpu_b", "gauge", "Help with \\ and \n and \"quotes\".", {{"name", "a \"card\"\\\n\xff\xc3"}}, 1e300);
  page.add("vgpu_a_total", "counter", "More.", {}, 12637962240.0);
  page.add("vgpu_b", "gauge", "Ignored.", {{"name", ""}, {"index", "2"}}, -0.25);
  const std::string text = page.text();
  INFO(text);
  CHECK(Exposition::fault_of(text) == "");
  CHECK(text ==
        "# HELP vgpu_a_total More.\n"
        "# TYPE vgpu_a_total counter\n"
        "vgpu_a_total 12637962240\n"
        "# HELP vgpu_b Help with \\\\ and \\n and \"quotes\".\n"
        "# TYPE vgpu_b gauge\n"
        "vgpu_b{name=\"a \\\"card\\\"\\\\\\n??\"} 1e+300\n"
        "vgpu_b{name=\"\",index=\"2\"} -0.25\n");
}

TEST_CASE("the reader of Prometheus's format finds faults", "[unit][metrics]") {
  const std::string head = "# HELP a_total h\n# TYPE a_total counter\n";
  CHECK(Exposition::fault_of(head + "a_total 1\n") == "");
  CHECK(Exposition::fault_of(head + "a_total{x=\"1\",y=\"\\\\ \\\" \\n\"} 1e3\n") == "");
  for (const char* wrong : {"a_total 1",
                            "a_total\n",
                            "a_total x\n",
                            "a_total 1 \n",
                            "a_total  1\n",
                            "a_total{} 1\n",
                            "a_total{x=1} 1\n",
                            "a_total{x=\"1} 1\n",
                            "a_total{x=\"\\t\"} 1\n",
                            "a_total{x=\"1\",x=\"2\"} 1\n",
                            "a_total{1x=\"\"} 1\n",
                            "a_total{x=\"1\",} 1\n",
                            "a_total 1\na_total 2\n",
                            "b 1\n",
                            "1a 1\n",
                            "\n",
                            "# a comment\n",
                            "a_total 1\n# TYPE a_total counter\n",
                            "# HELP a_total again\na_total 1\n",
                            ""}) {
    INFO(wrong);
    CHECK(Exposition::fault_of(head + wrong) != "");
  }
  CHECK(Exposition::fault_of("") != "");
  CHECK(Exposition::fault_of("a_total 1\n") != "");
  CHECK(Exposition::fault_of("# HELP a h\n# TYPE a counter\na 1\n") != "");
  CHECK(Exposition::fault_of("# HELP a_total h\n# TYPE a_total gauge\na_total 1\n") != "");
  CHECK(Exposition::fault_of("# HELP a \\t\n# TYPE a gauge\na 1\n") != "");
  const std::string other = "# HELP b h\n# TYPE b gauge\nb 1\n";
  CHECK(Exposition::fault_of(head + "a_total 1\n" + other + "a_total{x=\"\"} 1\n") != "");
}

}  // namespace
}  // namespace vgpu::host
