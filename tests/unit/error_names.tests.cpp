// SPDX-License-Identifier: Apache-2.0
#include "common/face/error_names.h"

#include <string>

#include "common/face/cuda_api.h"
#include "tests/support/test.h"

using namespace vgpu::face;

namespace {

struct Row {
  const char* name;
  int value;
};

constexpr Row kErrors[] = {
#define VGPU_CUDA_ERROR(name, value) {#name, value},
#include "cuda_errors.inc"
#undef VGPU_CUDA_ERROR
};

}  // namespace

TEST_CASE("every CUresult has its name and a description", "[unit]") {
  for (const Row& row : kErrors) {
    INFO(row.name);
    REQUIRE(error_name(row.value) == std::string(row.name));
    REQUIRE(error_text(row.value) != nullptr);
    CHECK(error_text(row.value) != std::string(row.name));
  }
}

// The runtime has neither, so that its texts have no row for these.
TEST_CASE("what only the driver can report is described as NVIDIA's driver does", "[unit]") {
  CHECK(error_text(CUDA_ERROR_CONTEXT_ALREADY_CURRENT) == std::string("context already current"));
  CHECK(error_text(CUDA_ERROR_KEY_ROTATION) == std::string("an error happened during the key rotation sequence"));
}

TEST_CASE("a code that no header knows has neither name nor description", "[unit]") {
  CHECK(error_name(12345) == nullptr);
  CHECK(error_text(-1) == nullptr);
}

TEST_CASE("an error that only the runtime can report has a description, which cuGetErrorString does not give",
          "[unit]") {
  constexpr int kInvalidConfiguration = 9;
  CHECK(error_name(kInvalidConfiguration) == nullptr);
  CHECK(error_text(kInvalidConfiguration) == std::string("invalid configuration argument"));
  const char* text = "untouched";
  CHECK(cuGetErrorString(static_cast<CUresult>(kInvalidConfiguration), &text) == CUDA_ERROR_INVALID_VALUE);
  CHECK(text == nullptr);
}

TEST_CASE("cuGetErrorName of an unknown code is an invalid value and clears the result", "[unit]") {
  const char* name = "untouched";
  CHECK(cuGetErrorName(static_cast<CUresult>(12345), &name) == CUDA_ERROR_INVALID_VALUE);
  CHECK(name == nullptr);
}

TEST_CASE("cuGetErrorString without a place for the answer is an invalid value", "[unit]") {
  CHECK(cuGetErrorString(CUDA_SUCCESS, nullptr) == CUDA_ERROR_INVALID_VALUE);
}
