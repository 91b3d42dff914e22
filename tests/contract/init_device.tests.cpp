// SPDX-License-Identifier: Apache-2.0
// Initialisation, version, error names, and what identifies a device. CUDA driver API: Initialization, Error handling,
// Version management, Device management.
#include <algorithm>
#include <cctype>

#include "tests/contract/child.h"
#include "tests/contract/fixture.h"

TEST_CASE_METHOD(NoContext, "cuInit may be called again", "[contract][init]") {
  CHECK_CUDA(cuInit(0));
  CHECK_CUDA(cuInit(0));
}

TEST_CASE("before cuInit a process gets CUDA_ERROR_NOT_INITIALIZED", "[contract][init]") {
  REQUIRE_CHILD("child-before-init");
}

TEST_CASE("child: calls before cuInit", "[.][child-before-init]") {
  int number = -1;
  CHECK_CUDA(cuDriverGetVersion(&number));
  CHECK(number >= 11000);
  CUdevice device = -1;
  CUcontext context = nullptr;
  CUdeviceptr address = 0;
  CHECK(cuDeviceGetCount(&number) == CUDA_ERROR_NOT_INITIALIZED);
  CHECK(cuDeviceGet(&device, 0) == CUDA_ERROR_NOT_INITIALIZED);
  CHECK(cuCtxGetCurrent(&context) == CUDA_ERROR_NOT_INITIALIZED);
  CHECK(cuMemAlloc(&address, 16) == CUDA_ERROR_NOT_INITIALIZED);
  CHECK(cuDevicePrimaryCtxRetain(&context, 0) == CUDA_ERROR_NOT_INITIALIZED);
  const char* name = nullptr;
  CHECK_CUDA(cuGetErrorName(CUDA_ERROR_NOT_INITIALIZED, &name));
  CHECK(std::string(name) == "CUDA_ERROR_NOT_INITIALIZED");
  CHECK(cuInit(1) == CUDA_ERROR_INVALID_VALUE);
  CHECK_CUDA(cuInit(0));
  CHECK_CUDA(cuDeviceGetCount(&number));
}

TEST_CASE("cuInit in eight threads at once succeeds in all of them", "[contract][init]") {
  REQUIRE_CHILD("child-init-threads");
}

TEST_CASE("child: eight threads call cuInit first", "[.][child-init-threads]") {
  CUresult results[8];
  std::vector<std::thread> threads;
  for (CUresult& result : results) threads.emplace_back([&result] { result = cuInit(0); });
  for (std::thread& thread : threads) thread.join();
  for (CUresult result : results) CHECK(result == CUDA_SUCCESS);
}

TEST_CASE_METHOD(NoContext, "cuDriverGetVersion reports a version that does not change", "[contract][init]") {
  int first = 0, second = 0;
  REQUIRE_CUDA(cuDriverGetVersion(&first));
  REQUIRE_CUDA(cuDriverGetVersion(&second));
  CHECK(first >= 11000);
  CHECK(first % 10 == 0);
  CHECK(first == second);
  CHECK(cuDriverGetVersion(nullptr) == CUDA_ERROR_INVALID_VALUE);
}

TEST_CASE_METHOD(NoContext, "every known error has its own name and a text", "[contract][init]") {
  const CUresult known[] = {CUDA_SUCCESS,
                            CUDA_ERROR_INVALID_VALUE,
                            CUDA_ERROR_OUT_OF_MEMORY,
                            CUDA_ERROR_NOT_INITIALIZED,
                            CUDA_ERROR_NO_DEVICE,
                            CUDA_ERROR_INVALID_DEVICE,
                            CUDA_ERROR_INVALID_IMAGE,
                            CUDA_ERROR_INVALID_CONTEXT,
                            CUDA_ERROR_INVALID_PTX,
                            CUDA_ERROR_INVALID_HANDLE,
                            CUDA_ERROR_NOT_FOUND,
                            CUDA_ERROR_NOT_READY,
                            CUDA_ERROR_ILLEGAL_ADDRESS,
                            CUDA_ERROR_LAUNCH_OUT_OF_RESOURCES,
                            CUDA_ERROR_LAUNCH_FAILED,
                            CUDA_ERROR_NOT_SUPPORTED,
                            CUDA_ERROR_STREAM_CAPTURE_INVALIDATED,
                            CUDA_ERROR_UNKNOWN};
  std::vector<std::string> names;
  for (CUresult error : known) {
    const char *name = nullptr, *text = nullptr;
    REQUIRE_CUDA(cuGetErrorName(error, &name));
    REQUIRE_CUDA(cuGetErrorString(error, &text));
    REQUIRE(name != nullptr);
    REQUIRE(text != nullptr);
    CHECK(std::string(name).rfind("CUDA_", 0) == 0);
    CHECK(std::strlen(text) > 0);
    names.push_back(name);
  }
  std::sort(names.begin(), names.end());
  CHECK(std::adjacent_find(names.begin(), names.end()) == names.end());
}

TEST_CASE_METHOD(NoContext, "an unknown error has no name and the pointer becomes NULL", "[contract][init]") {
  const char* text = "before";
  CHECK(cuGetErrorName(static_cast<CUresult>(12345), &text) == CUDA_ERROR_INVALID_VALUE);
  CHECK(text == nullptr);
  text = "before";
  CHECK(cuGetErrorString(static_cast<CUresult>(12345), &text) == CUDA_ERROR_INVALID_VALUE);
  CHECK(text == nullptr);
}

TEST_CASE_METHOD(NoContext, "cuDeviceGet counts from zero and refuses what lies outside", "[contract][device]") {
  int count = 0;
  REQUIRE_CUDA(cuDeviceGetCount(&count));
  REQUIRE(count >= 1);
  for (int ordinal = 0; ordinal < count; ++ordinal) {
    CUdevice found = -1;
    CHECK_CUDA(cuDeviceGet(&found, ordinal));
    CHECK(found == ordinal);
  }
  CUdevice none = -1;
  CHECK(cuDeviceGet(&none, count) == CUDA_ERROR_INVALID_DEVICE);
  CHECK(cuDeviceGet(&none, -1) == CUDA_ERROR_INVALID_DEVICE);
  CHECK(cuDeviceGet(nullptr, 0) == CUDA_ERROR_INVALID_VALUE);
  CHECK(cuDeviceGetCount(nullptr) == CUDA_ERROR_INVALID_VALUE);
}

TEST_CASE_METHOD(NoContext, "cuDeviceGetName gives a terminated name", "[contract][device]") {
  char name[256];
  std::memset(name, 'x', sizeof name);
  REQUIRE_CUDA(cuDeviceGetName(name, sizeof name, device));
  REQUIRE(std::memchr(name, 0, sizeof name) != nullptr);
  CHECK(std::strlen(name) > 0);
  CHECK(cuDeviceGetName(nullptr, 10, device) == CUDA_ERROR_INVALID_VALUE);
  CHECK(cuDeviceGetName(name, sizeof name, 9999) == CUDA_ERROR_INVALID_DEVICE);
}

TEST_CASE_METHOD(NoContext, "cuDeviceGetName writes no further than its length", "[contract][device]") {
  char name[16];
  std::memset(name, 'x', sizeof name);
  (void)cuDeviceGetName(name, 5, device);
  for (size_t i = 5; i < sizeof name; ++i) CHECK(name[i] == 'x');
}

TEST_CASE_METHOD(NoContext, "a device has a UUID that does not change", "[contract][device]") {
  CUuuid first = {}, second = {}, zero = {};
  REQUIRE_CUDA(cuDeviceGetUuid(&first, device));
  REQUIRE_CUDA(cuDeviceGetUuid(&second, device));
  CHECK(std::memcmp(&first, &second, sizeof first) == 0);
  CHECK(std::memcmp(&first, &zero, sizeof first) != 0);
  CHECK(cuDeviceGetUuid(nullptr, device) == CUDA_ERROR_INVALID_VALUE);
}

TEST_CASE_METHOD(NoContext, "cuDeviceTotalMem reports memory for a valid device only", "[contract][device]") {
  size_t bytes = 0;
  CHECK_CUDA(cuDeviceTotalMem(&bytes, device));
  CHECK(bytes >= size_t{64} << 20);
  CHECK(cuDeviceTotalMem(&bytes, 9999) == CUDA_ERROR_INVALID_DEVICE);
  CHECK(cuDeviceTotalMem(nullptr, device) == CUDA_ERROR_INVALID_VALUE);
}

TEST_CASE_METHOD(NoContext, "a PCI bus id leads back to its device", "[contract][device]") {
  char id[32] = "";
  REQUIRE_CUDA(cuDeviceGetPCIBusId(id, sizeof id, device));
  unsigned domain = 99, bus = 99, slot = 99, function = 99;
  CHECK(std::sscanf(id, "%x:%x:%x.%x", &domain, &bus, &slot, &function) == 4);
  CHECK(static_cast<int>(bus) == [&] {
    int value = -1;
    cuDeviceGetAttribute(&value, CU_DEVICE_ATTRIBUTE_PCI_BUS_ID, device);
    return value;
  }());
  CUdevice found = -1;
  CHECK_CUDA(cuDeviceGetByPCIBusId(&found, id));
  CHECK(found == device);
}

TEST_CASE_METHOD(NoContext, "a PCI bus id that names no device is refused", "[contract][device]") {
  CUdevice found = -1;
  CHECK_REFUSED(cuDeviceGetByPCIBusId(&found, "no bus id"));
  CHECK_REFUSED(cuDeviceGetByPCIBusId(&found, "fffe:fe:1e.0"));
  CHECK(cuDeviceGetByPCIBusId(nullptr, "0000:00:00.0") == CUDA_ERROR_INVALID_VALUE);
  CHECK(cuDeviceGetByPCIBusId(&found, nullptr) == CUDA_ERROR_INVALID_VALUE);
}

TEST_CASE_METHOD(NoContext, "the loading mode is eager or lazy", "[contract][device]") {
  CUmoduleLoadingMode mode = static_cast<CUmoduleLoadingMode>(99);
  CHECK_CUDA(cuModuleGetLoadingMode(&mode));
  CHECK((mode == CU_MODULE_EAGER_LOADING || mode == CU_MODULE_LAZY_LOADING));
}

TEST_CASE_METHOD(NoContext, "peer access is asked between devices that exist", "[contract][device]") {
  int can = -1;
  CHECK_CUDA(cuDeviceCanAccessPeer(&can, device, device));
  CHECK((can == 0 || can == 1));
  CHECK(cuDeviceCanAccessPeer(&can, device, 9999) == CUDA_ERROR_INVALID_DEVICE);
}

TEST_CASE("notifications of a device are registered for, one by one, and none is sent", "[contract][device]") {
  REQUIRE_CUDA(cuInit(0));
  int heard = 0;
  const CUasyncCallback hear = [](CUasyncNotificationInfo*, void* count, CUasyncCallbackHandle) {
    ++*static_cast<int*>(count);
  };
  CUasyncCallbackHandle one = nullptr;
  CUasyncCallbackHandle other = nullptr;
  REQUIRE_CUDA(cuDeviceRegisterAsyncNotification(0, hear, &heard, &one));
  REQUIRE_CUDA(cuDeviceRegisterAsyncNotification(0, hear, &heard, &other));
  CHECK(one != nullptr);
  CHECK(one != other);
  CHECK(cuDeviceRegisterAsyncNotification(0, nullptr, &heard, &other) == CUDA_ERROR_INVALID_VALUE);
  CHECK(cuDeviceRegisterAsyncNotification(-1, hear, &heard, &other) == CUDA_ERROR_INVALID_DEVICE);
  CHECK(cuDeviceUnregisterAsyncNotification(-1, one) == CUDA_ERROR_INVALID_DEVICE);
  REQUIRE_CUDA(cuDeviceUnregisterAsyncNotification(0, other));
  REQUIRE_CUDA(cuDeviceUnregisterAsyncNotification(0, one));
  CHECK(heard == 0);
}

// NVIDIA's driver does not survive it.
TEST_CASE("a registration for notifications wants a place for its handle, and ends once", "[contract][device][soft]") {
  REQUIRE_CUDA(cuInit(0));
  const CUasyncCallback hear = [](CUasyncNotificationInfo*, void*, CUasyncCallbackHandle) {};
  CHECK(cuDeviceRegisterAsyncNotification(0, hear, nullptr, nullptr) == CUDA_ERROR_INVALID_VALUE);
  CUasyncCallbackHandle one = nullptr;
  REQUIRE_CUDA(cuDeviceRegisterAsyncNotification(0, hear, nullptr, &one));
  REQUIRE_CUDA(cuDeviceUnregisterAsyncNotification(0, one));
  CHECK(cuDeviceUnregisterAsyncNotification(0, one) == CUDA_ERROR_INVALID_VALUE);
  CHECK(cuDeviceUnregisterAsyncNotification(0, nullptr) == CUDA_ERROR_INVALID_VALUE);
}
