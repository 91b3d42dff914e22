// SPDX-License-Identifier: Apache-2.0
#include "host/daemon/gpu_choice.h"

#include "tests/support/test.h"

namespace vgpu::host {
namespace {

const std::vector<HostGpu> kTwo = {{"0000:17:00.0", "GPU-aaaa1111"}, {"0000:65:00.0", "GPU-aaaa2222"}};

TEST_CASE("a GPU is chosen by number, PCI address or UUID", "[unit]") {
  CHECK(choose_gpu(kTwo, "1").value().address == "0000:65:00.0");
  CHECK(choose_gpu(kTwo, "0000:17:00.0").value().uuid == "GPU-aaaa1111");
  CHECK(choose_gpu(kTwo, "GPU-aaaa2").value().address == "0000:65:00.0");
}

TEST_CASE("a GPU that is not there, or not one, is refused with the list", "[unit]") {
  CHECK(choose_gpu(kTwo, "2").error().message.find("0000:65:00.0") != std::string::npos);
  CHECK(choose_gpu(kTwo, "GPU-aaaa").error().message.find("more than one") != std::string::npos);
  CHECK_FALSE(choose_gpu({}, "0").ok());
}

TEST_CASE("a program sees the one GPU as number 0, and can hide it", "[unit]") {
  CHECK(visible_to(kTwo[1], std::nullopt) == "GPU-aaaa2222");
  CHECK(visible_to(kTwo[1], "0") == "GPU-aaaa2222");
  CHECK(visible_to(kTwo[1], "GPU-aaaa2222,GPU-aaaa1111") == "GPU-aaaa2222");
  CHECK(visible_to(kTwo[1], "1").empty());
  CHECK(visible_to(kTwo[1], "").empty());
}

}  // namespace
}  // namespace vgpu::host
