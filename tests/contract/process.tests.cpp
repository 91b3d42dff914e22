// SPDX-License-Identifier: Apache-2.0
// What concerns the whole process: fork, and the variable that hides devices. CUDA C++ programming guide: CUDA
// environment variables.
#include <sys/wait.h>
#include <unistd.h>

#include "tests/contract/child.h"
#include "tests/contract/fixture.h"

namespace {

// The first eight characters of a device's UUID, as the variable accepts them.
std::string uuid_prefix(CUdevice device) {
  CUuuid uuid = {};
  REQUIRE_CUDA(cuDeviceGetUuid(&uuid, device));
  char text[16];
  std::snprintf(text, sizeof text, "GPU-%02x%02x%02x%02x", static_cast<unsigned char>(uuid.bytes[0]),
                static_cast<unsigned char>(uuid.bytes[1]), static_cast<unsigned char>(uuid.bytes[2]),
                static_cast<unsigned char>(uuid.bytes[3]));
  return text;
}

const std::string kVariable = "CUDA_VISIBLE_DEVICES";

void initialise_on_both_sides_of_a_fork() {
  const pid_t child = fork();
  if (child == 0) {
    int count = 0;
    const bool good = cuInit(0) == CUDA_SUCCESS && cuDeviceGetCount(&count) == CUDA_SUCCESS && count > 0;
    _exit(good ? 0 : 1);
  }
  REQUIRE(child > 0);
  int status = -1;
  REQUIRE(waitpid(child, &status, 0) == child);
  CHECK(status == 0);
  CHECK_CUDA(cuInit(0));
}

}  // namespace

TEST_CASE("an empty list of visible devices hides them all", "[contract][process]") {
  REQUIRE_CHILD("child-no-device", {{kVariable, ""}});
}

TEST_CASE("an invalid first entry hides all devices", "[contract][process]") {
  REQUIRE_CHILD("child-no-device", {{kVariable, "-1"}});
}

TEST_CASE("child: no device is visible", "[.][child-no-device]") { CHECK(cuInit(0) == CUDA_ERROR_NO_DEVICE); }

TEST_CASE("the first device alone is visible when it is named", "[contract][process]") {
  REQUIRE_CHILD("child-one-device", {{kVariable, "0"}});
}

TEST_CASE("what follows an invalid entry is hidden", "[contract][process]") {
  REQUIRE_CHILD("child-one-device", {{kVariable, "0,-1,1"}});
}

TEST_CASE_METHOD(NoContext, "a device is visible by the beginning of its UUID", "[contract][process]") {
  REQUIRE_CHILD("child-one-device", {{kVariable, uuid_prefix(device)}});
}

TEST_CASE("child: one device is visible", "[.][child-one-device]") {
  int count = 0;
  CHECK_CUDA(cuInit(0));
  CHECK_CUDA(cuDeviceGetCount(&count));
  CHECK(count == 1);
}

TEST_CASE_METHOD(NoContext, "a UUID that no device has hides all devices", "[contract][process]") {
  REQUIRE_CHILD("child-no-device", {{kVariable, "GPU-00000000-0000-0000-0000-00000000000f"}});
}

TEST_CASE("a process that only forked may initialise in the child", "[contract][process]") {
  REQUIRE_CHILD("child-fork-before");
}

TEST_CASE("child: fork before cuInit", "[.][child-fork-before]") { initialise_on_both_sides_of_a_fork(); }

TEST_CASE("what needs no cuInit leaves a later child free to initialise", "[contract][process]") {
  REQUIRE_CHILD("child-fork-version");
}

TEST_CASE("child: the driver's version, then fork", "[.][child-fork-version]") {
  int version = 0;
  void* entry = nullptr;
  CUdriverProcAddressQueryResult found = CU_GET_PROC_ADDRESS_SUCCESS;
  REQUIRE_CUDA(cuDriverGetVersion(&version));
  REQUIRE_CUDA(cuGetProcAddress("cuInit", &entry, version, CU_GET_PROC_ADDRESS_DEFAULT, &found));
  initialise_on_both_sides_of_a_fork();
}

TEST_CASE("a forked child ends without harm to its parent's context", "[contract][process]") {
  REQUIRE_CHILD("child-fork-after");
}

TEST_CASE_METHOD(Gpu, "child: fork while a context is in use", "[.][child-fork-after]") {
  DeviceBuffer memory(64);
  REQUIRE_CUDA(cuMemsetD32(memory, 5, 16));
  const pid_t child = fork();
  if (child == 0) _exit(0);
  REQUIRE(child > 0);
  int status = -1;
  REQUIRE(waitpid(child, &status, 0) == child);
  CHECK(status == 0);
  CHECK(read_words(memory, 16) == repeated(16, 5));
}
