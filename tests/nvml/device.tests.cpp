// SPDX-License-Identifier: Apache-2.0
// Handles, what a device is, and that CUDA says the same.
#include <cstring>

#include "tests/nvml/fixture.h"

namespace vgpu::nvml_test {
namespace {

TEST_CASE("a device is found by its index, UUID and PCI address, and nothing else is", "[nvml]") {
  const Nvml nvml;
  nvmlDevice_t found = nullptr;
  CHECK(nvmlDeviceGetHandleByUUID(uuid_of(nvml.device).c_str(), &found) == NVML_SUCCESS);
  CHECK(found == nvml.device);
  nvmlPciInfo_t pci = {};
  REQUIRE(nvmlDeviceGetPciInfo_v3(nvml.device, &pci) == NVML_SUCCESS);
  for (const char* text : {pci.busId, pci.busIdLegacy}) {
    INFO(text);
    found = nullptr;
    CHECK(nvmlDeviceGetHandleByPciBusId_v2(text, &found) == NVML_SUCCESS);
    CHECK(found == nvml.device);
  }
  unsigned count = 0, index = 99;
  REQUIRE(nvmlDeviceGetCount_v2(&count) == NVML_SUCCESS);
  CHECK(nvmlDeviceGetHandleByIndex_v2(count, &found) == NVML_ERROR_INVALID_ARGUMENT);
  CHECK(nvmlDeviceGetHandleByUUID("GPU-00000000-0000-0000-0000-000000000000", &found) == NVML_ERROR_NOT_FOUND);
  CHECK(nvmlDeviceGetHandleByPciBusId_v2("0000:00:00.0", &found) == NVML_ERROR_NOT_FOUND);
  // A GPU is the first function of its device.
  CHECK(nvmlDeviceGetHandleByPciBusId_v2("0000:f7:1e.3", &found) == NVML_ERROR_INVALID_ARGUMENT);
  nvmlPstates_t states[16] = {};
  CHECK(nvmlDeviceGetSupportedPerformanceStates(nvml.device, states, 0) == NVML_ERROR_INVALID_ARGUMENT);
  CHECK(nvmlDeviceGetIndex(nvml.device, &index) == NVML_SUCCESS);
  CHECK(index == 0);
}

TEST_CASE("a device is found by its UUID as text and as bytes", "[nvml]") {
  const Nvml nvml;
  const Cuda cuda(nvml.device);
  nvmlDevice_t found = nullptr;
  nvmlUUID_t uuid = {};
  uuid.version = nvmlUUID_v1;
  uuid.type = NVML_UUID_TYPE_ASCII;
  std::strncpy(uuid.value.str, uuid_of(nvml.device).c_str(), sizeof uuid.value.str - 1);
  CHECK(nvmlDeviceGetHandleByUUIDV(&uuid, &found) == NVML_SUCCESS);
  CHECK(found == nvml.device);
  CUuuid bytes = {};
  REQUIRE(cuDeviceGetUuid(&bytes, cuda.device) == CUDA_SUCCESS);
  uuid.type = NVML_UUID_TYPE_BINARY;
  uuid.value = {};
  std::memcpy(uuid.value.bytes, bytes.bytes, sizeof bytes.bytes);
  found = nullptr;
  CHECK(nvmlDeviceGetHandleByUUIDV(&uuid, &found) == NVML_SUCCESS);
  CHECK(found == nvml.device);
}

TEST_CASE("a UUID of another kind, or of another version, is refused", "[nvml][ours]") {
  const Nvml nvml;
  nvmlDevice_t found = nullptr;
  nvmlUUID_t uuid = {};
  uuid.version = nvmlUUID_v1;
  CHECK(nvmlDeviceGetHandleByUUIDV(&uuid, &found) == NVML_ERROR_INVALID_ARGUMENT);
  CHECK(nvmlDeviceGetHandleByUUIDV(nullptr, &found) == NVML_ERROR_INVALID_ARGUMENT);
  uuid.type = NVML_UUID_TYPE_BINARY;
  CHECK(nvmlDeviceGetHandleByUUIDV(&uuid, &found) == NVML_ERROR_NOT_FOUND);
  uuid.version = 1;
  CHECK(nvmlDeviceGetHandleByUUIDV(&uuid, &found) == NVML_ERROR_ARGUMENT_VERSION_MISMATCH);
}

TEST_CASE("a device that is alone has no neighbours", "[nvml][ours]") {
  const Nvml nvml;
  unsigned count = 0, devices = 0;
  REQUIRE(nvmlDeviceGetCount_v2(&devices) == NVML_SUCCESS);
  if (devices != 1) SKIP("several devices");
  CHECK(nvmlDeviceGetTopologyNearestGpus(nvml.device, NVML_TOPOLOGY_SINGLE, &count, nullptr) == NVML_SUCCESS);
  CHECK(count == 0);
  CHECK(nvmlDeviceGetTopologyNearestGpus(nvml.device, NVML_TOPOLOGY_SINGLE, nullptr, nullptr) ==
        NVML_ERROR_INVALID_ARGUMENT);
}

TEST_CASE("texts that are no PCI addresses are invalid", "[nvml][ours]") {
  const Nvml nvml;
  nvmlDevice_t found = nullptr;
  for (const char* text : {"", "x", "0000", "0000:", "0000:ff:00.0x", "1:2:3:4", "0000:ff:00.", "-1:00.0"}) {
    INFO(text);
    CHECK(nvmlDeviceGetHandleByPciBusId_v2(text, &found) == NVML_ERROR_INVALID_ARGUMENT);
  }
}

TEST_CASE("null pointers and handles of nobody are invalid arguments", "[nvml][ours]") {
  const Nvml nvml;
  char text[96] = {};
  unsigned number = 0;
  int local = 0;
  CHECK(nvmlDeviceGetName(nullptr, text, sizeof text) == NVML_ERROR_INVALID_ARGUMENT);
  CHECK(nvmlDeviceGetName(reinterpret_cast<nvmlDevice_t>(&local), text, sizeof text) == NVML_ERROR_INVALID_ARGUMENT);
  CHECK(nvmlDeviceGetName(reinterpret_cast<nvmlDevice_t>(reinterpret_cast<char*>(nvml.device) + 1), text,
                          sizeof text) == NVML_ERROR_INVALID_ARGUMENT);
  CHECK(nvmlDeviceGetName(nvml.device, nullptr, 96) == NVML_ERROR_INVALID_ARGUMENT);
  CHECK(nvmlDeviceGetName(nvml.device, text, 1) == NVML_ERROR_INSUFFICIENT_SIZE);
  CHECK(nvmlDeviceGetCount_v2(nullptr) == NVML_ERROR_INVALID_ARGUMENT);
  CHECK(nvmlDeviceGetHandleByIndex_v2(0, nullptr) == NVML_ERROR_INVALID_ARGUMENT);
  CHECK(nvmlDeviceGetHandleByUUID(nullptr, nullptr) == NVML_ERROR_INVALID_ARGUMENT);
  CHECK(nvmlDeviceGetTemperature(nvml.device, NVML_TEMPERATURE_COUNT, &number) == NVML_ERROR_INVALID_ARGUMENT);
}

TEST_CASE("CUDA and NVML agree on what the device is", "[nvml]") {
  const Nvml nvml;
  const Cuda cuda(nvml.device);
  char name[96] = {}, address[32] = {};
  REQUIRE(cuDeviceGetName(name, sizeof name, cuda.device) == CUDA_SUCCESS);
  CHECK(text_of(&nvmlDeviceGetName, nvml.device) == name);

  CUuuid uuid = {};
  REQUIRE(cuDeviceGetUuid(&uuid, cuda.device) == CUDA_SUCCESS);
  std::string digits;
  for (const char byte : uuid.bytes) {
    char two[3];
    std::snprintf(two, sizeof two, "%02x", static_cast<unsigned char>(byte));
    digits += two;
  }
  std::string plain = uuid_of(nvml.device);
  REQUIRE(plain.substr(0, 4) == "GPU-");
  std::erase(plain, '-');
  CHECK(plain.substr(3) == digits);

  REQUIRE(cuDeviceGetPCIBusId(address, sizeof address, cuda.device) == CUDA_SUCCESS);
  nvmlDevice_t found = nullptr;
  CHECK(nvmlDeviceGetHandleByPciBusId_v2(address, &found) == NVML_SUCCESS);
  CHECK(found == nvml.device);

  int major = 0, minor = 0, cuda_major = 0, cuda_minor = 0;
  REQUIRE(nvmlDeviceGetCudaComputeCapability(nvml.device, &major, &minor) == NVML_SUCCESS);
  cuDeviceGetAttribute(&cuda_major, CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR, cuda.device);
  cuDeviceGetAttribute(&cuda_minor, CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MINOR, cuda.device);
  CHECK((major == cuda_major && minor == cuda_minor));

  int version = 0, cuda_version = 0;
  CHECK(nvmlSystemGetCudaDriverVersion_v2(&version) == NVML_SUCCESS);
  cuDriverGetVersion(&cuda_version);
  CHECK(version == cuda_version);
}

TEST_CASE("the driver's version begins with a number that programs compare", "[nvml]") {
  const Nvml nvml;
  char driver[80] = {}, library[80] = {};
  REQUIRE(nvmlSystemGetDriverVersion(driver, sizeof driver) == NVML_SUCCESS);
  REQUIRE(nvmlSystemGetNVMLVersion(library, sizeof library) == NVML_SUCCESS);
  CHECK(std::atoi(driver) >= 550);
  CHECK(std::strchr(driver, '.') != nullptr);
  CHECK(std::strstr(library, driver) != nullptr);
}

TEST_CASE("old and new names of a call answer alike", "[nvml]") {
  const Nvml nvml;
  unsigned old_count = 0, count = 0;
  CHECK(nvmlDeviceGetCount(&old_count) == NVML_SUCCESS);
  CHECK(nvmlDeviceGetCount_v2(&count) == NVML_SUCCESS);
  CHECK(old_count == count);
  nvmlPciInfo_t pci = {};
  nvmlPciInfo_v2_t old_pci = {};
  REQUIRE(nvmlDeviceGetPciInfo_v3(nvml.device, &pci) == NVML_SUCCESS);
  REQUIRE(nvmlDeviceGetPciInfo_v2(nvml.device, &old_pci) == NVML_SUCCESS);
  CHECK(std::string(pci.busIdLegacy) == old_pci.busId);
  CHECK(pci.bus == old_pci.bus);
}

TEST_CASE("a field that is not there has its own result", "[nvml]") {
  const Nvml nvml;
  nvmlFieldValue_t fields[2] = {};
  fields[0].fieldId = 1;
  fields[1].fieldId = 999'999;
  CHECK(nvmlDeviceGetFieldValues(nvml.device, 2, fields) == NVML_SUCCESS);
  CHECK(fields[1].fieldId == 999'999);
  CHECK(fields[1].nvmlReturn != NVML_SUCCESS);
}

}  // namespace
}  // namespace vgpu::nvml_test
