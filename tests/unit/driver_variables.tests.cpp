// SPDX-License-Identifier: Apache-2.0
#include "common/driver_variables.h"

#include <cstdlib>

#include "tests/support/test.h"

namespace vgpu {
namespace {

constexpr char kConnections[] = "CUDA_DEVICE_MAX_CONNECTIONS", kOrder[] = "CUDA_DEVICE_ORDER";
constexpr size_t kMuch = 4096;

DriverVariables crossed(const DriverVariables& variables, size_t most = kMuch) {
  const std::optional<std::string> text = text_of(variables, most);
  return text ? parse_driver_variables(*text) : DriverVariables();
}

TEST_CASE("variables cross as they are", "[unit][driver-variables]") {
  const DriverVariables one = {{kVisibleDevices, "1,0"}}, hidden = {{kVisibleDevices, ""}},
                        other = {{kConnections, "1"}};
  const DriverVariables all = {{kVisibleDevices, ""}, {kOrder, "PCI_BUS_ID"}, {kConnections, "32"}};
  for (const DriverVariables& variables : {one, hidden, other, all, DriverVariables()})
    CHECK(crossed(variables) == variables);
}

TEST_CASE("CUDA_VISIBLE_DEVICES alone crosses as its value", "[unit][driver-variables]") {
  CHECK(text_of({{kVisibleDevices, "GPU-1"}}, kMuch) == "GPU-1");
  CHECK(text_of({{kVisibleDevices, "GPU-1"}}, 3) == "GPU");
  CHECK_FALSE(text_of({}, kMuch));
}

TEST_CASE("what does not fit is left out as a whole", "[unit][driver-variables]") {
  const DriverVariables variables = {{kOrder, "PCI_BUS_ID"}, {kConnections, "1"}};
  CHECK(crossed(variables, 32) == DriverVariables{variables[0]});
  CHECK(crossed(variables, 20).empty());
  CHECK(crossed({{kOrder, "two\nlines"}, {kConnections, "1"}}) == DriverVariables{{kConnections, "1"}});
}

TEST_CASE("no program has the driver read anything else", "[unit][driver-variables]") {
  CHECK(parse_driver_variables("\nLD_PRELOAD=/tmp/own.so\nCUDA_CACHE_PATH=/tmp").empty());
  CHECK(parse_driver_variables("\n\n=\n=1\nCUDA_DEVICE_ORDER\nCUDA_DEVICE_ORDERS=1").empty());
  CHECK(parse_driver_variables("\nCUDA_DEVICE_ORDER=" + std::string(1000, 'x')).empty());
  CHECK(parse_driver_variables("\nCUDA_DEVICE_ORDER=a b").empty());
  CHECK(parse_driver_variables("\nCUDA_DEVICE_ORDER=\x7f").empty());
  const DriverVariables first = parse_driver_variables("\nCUDA_DEVICE_ORDER=A\nCUDA_DEVICE_ORDER=B");
  CHECK(first == DriverVariables{{kOrder, "A"}});
}

TEST_CASE("a variable that says what holds anyway is nothing new", "[unit][driver-variables]") {
  ::unsetenv(kConnections);
  ::unsetenv(kVisibleDevices);
  CHECK(says_nothing_new({kConnections, "8"}));
  CHECK_FALSE(says_nothing_new({kConnections, "1"}));
  CHECK_FALSE(says_nothing_new({kVisibleDevices, "0"}));
  ::setenv(kConnections, "1", 1);
  CHECK(says_nothing_new({kConnections, "1"}));
  CHECK_FALSE(says_nothing_new({kConnections, "8"}));
  CHECK(own_driver_variables() == DriverVariables{{kConnections, "1"}});
  ::unsetenv(kConnections);
}

}  // namespace
}  // namespace vgpu
