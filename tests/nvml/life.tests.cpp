// SPDX-License-Identifier: Apache-2.0
// Start and end of the library, and what each of its names does before and after.
#include <dlfcn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstring>
#include <utility>

#include "common/nvml/calls.h"
#include "tests/nvml/fixture.h"

namespace vgpu::nvml_test {
namespace {

using nvml::Call;
using nvml::Path;
using Word = uint64_t;
// SAFETY: as in libcuda/nvml/entries.cpp: six words take the arguments of any call.
using AnyFunction = nvmlReturn_t (*)(Word, Word, Word, Word, Word, Word);

AnyFunction find(const char* name) { return reinterpret_cast<AnyFunction>(::dlsym(RTLD_DEFAULT, name)); }

TEST_CASE("every name of the interface is there", "[nvml]") {
  for (const Call& call : nvml::calls()) {
    INFO(call.name);
    CHECK(find(call.name) != nullptr);
  }
  CHECK(find("nvmlErrorString") != nullptr);
}

TEST_CASE("nothing works before the library is initialised", "[nvml][ours]") {
  for (const Call& call : nvml::calls()) {
    const std::string_view name = call.name;
    // Those that begin, and one that is about the library itself.
    if (name.starts_with("nvmlInit") || name == "nvmlInternalGetExportTable") continue;
    INFO(call.name);
    CHECK(find(call.name)(0, 0, 0, 0, 0, 0) == NVML_ERROR_UNINITIALIZED);
  }
}

TEST_CASE("the library ends with as many shutdowns as there were initialisations", "[nvml]") {
  unsigned count = 0;
  REQUIRE(nvmlInit_v2() == NVML_SUCCESS);
  REQUIRE(nvmlInitWithFlags(0) == NVML_SUCCESS);
  CHECK(nvmlShutdown() == NVML_SUCCESS);
  CHECK(nvmlDeviceGetCount_v2(&count) == NVML_SUCCESS);
  CHECK(count >= 1);
  CHECK(nvmlShutdown() == NVML_SUCCESS);
  CHECK(nvmlDeviceGetCount_v2(&count) == NVML_ERROR_UNINITIALIZED);
  CHECK(nvmlShutdown() == NVML_ERROR_UNINITIALIZED);
}

TEST_CASE("a handle is good again after the library was ended and begun anew", "[nvml]") {
  nvmlDevice_t device = nullptr;
  {
    const Nvml nvml;
    device = nvml.device;
  }
  char text[96] = {};
  CHECK(nvmlDeviceGetUUID(device, text, sizeof text) == NVML_ERROR_UNINITIALIZED);
  const Nvml nvml;
  CHECK(nvmlDeviceGetUUID(nvml.device, text, sizeof text) == NVML_SUCCESS);
}

TEST_CASE("the child of a fork asks for itself", "[nvml][ours]") {
  const Nvml nvml;
  const std::string uuid = uuid_of(nvml.device);
  const pid_t child = ::fork();
  if (child == 0) {
    char text[96] = {};
    const bool good = nvmlDeviceGetUUID(nvml.device, text, sizeof text) == NVML_SUCCESS && uuid == text;
    ::_exit(good ? 0 : 1);
  }
  CHECK(uuid_of(nvml.device) == uuid);
  int status = -1;
  REQUIRE(::waitpid(child, &status, 0) == child);
  CHECK(status == 0);
}

TEST_CASE("unknown flags are refused", "[nvml][ours]") { CHECK(nvmlInitWithFlags(4) == NVML_ERROR_INVALID_ARGUMENT); }

TEST_CASE("what would change the card is not permitted, the rest that is not carried not supported", "[nvml][ours]") {
  const Nvml nvml;
  for (const Call& call : nvml::calls()) {
    if (call.path != Path::denied && call.path != Path::unsupported) continue;
    INFO(call.name);
    const nvmlReturn_t refusal = call.path == Path::denied ? NVML_ERROR_NO_PERMISSION : NVML_ERROR_NOT_SUPPORTED;
    CHECK(find(call.name)(reinterpret_cast<Word>(nvml.device), 1, 1, 1, 1, 1) == refusal);
  }
}

// What pynvml does in the end: each getter, with places for its results and the first legal arguments.
TEST_CASE("no getter fails otherwise than by not being supported or permitted", "[nvml]") {
  const Nvml nvml;
  alignas(8) static char places[nvml::kMaxParams][nvml::kMaxElements * sizeof(nvmlFBCSessionInfo_t)];
  for (const Call& call : nvml::calls()) {
    if (call.path != Path::reading && call.path != Path::share) continue;
    Word argv[nvml::kMaxParams] = {};
    int at = 0;
    bool generic = true;
    for (int i = 0; i < call.params; ++i) {
      const nvml::Role role = call.param[i].role;
      std::memset(places[i], 0, sizeof places[i]);
      const Word place = reinterpret_cast<Word>(&places[i][0]);
      // The version of a struct is known to who knows the struct.
      if (role == nvml::Role::sized) generic = false;
      if (role == nvml::Role::device) argv[at++] = reinterpret_cast<Word>(nvml.device);
      else if (role == nvml::Role::value) argv[at++] = 0;
      else if (role == nvml::Role::out) argv[at++] = place;
      else if (role == nvml::Role::text) {
        argv[at++] = place;
        argv[at++] = 96;
      } else if (role == nvml::Role::fields) {
        argv[at++] = 4;
        argv[at++] = place;
      } else if (role == nvml::Role::list) {
        static unsigned count;
        count = nvml::kMaxElements;
        argv[at++] = reinterpret_cast<Word>(&count);
        argv[at++] = place;
      }
    }
    if (!generic) continue;
    INFO(call.name);
    const nvmlReturn_t result = find(call.name)(argv[0], argv[1], argv[2], argv[3], argv[4], argv[5]);
    INFO("result " << result);
    const std::string_view name = call.name;
    // Zero is no memory clock that the card supports; a card is not its own peer, and may have no fan and no instance.
    const bool odd = name == "nvmlDeviceGetSupportedGraphicsClocks" || name == "nvmlDeviceGetP2PStatus" ||
                     name == "nvmlDeviceGetTopologyCommonAncestor" || name == "nvmlDeviceGetComputeInstanceId" ||
                     name.find("Fan") != name.npos || name.starts_with("nvmlDeviceGetNvLink");
    CHECK((result == NVML_SUCCESS || result == NVML_ERROR_NOT_SUPPORTED || result == NVML_ERROR_NO_PERMISSION ||
           (odd && (result == NVML_ERROR_NOT_FOUND || result == NVML_ERROR_INVALID_ARGUMENT))));
  }
}

TEST_CASE("each error has a text of its own", "[nvml]") {
  CHECK(std::string(nvmlErrorString(NVML_SUCCESS)) == "Success");
  CHECK(std::string(nvmlErrorString(NVML_ERROR_NOT_SUPPORTED)) == "Not Supported");
  CHECK(std::string(nvmlErrorString(NVML_ERROR_UNINITIALIZED)) == "Uninitialized");
  // Of driver 580, word by word: programs print them, and some compare them.
  const std::pair<int, const char*> told[] = {{17, "GPU access blocked by the operating system"},
                                              {22, "vGPU ECC not supported"},
                                              {24, "Invalid Frequency"},
                                              {26, "Requested functionality has been deprecated"},
                                              {27, "System is not in ready state"},
                                              {28, "No supported GPUs were found"},
                                              {29, "Resource not in correct state to perform requested operation"},
                                              {30, "Reset type is not supported for given device"}};
  for (const auto& [code, text] : told) CHECK(std::string(nvmlErrorString(static_cast<nvmlReturn_t>(code))) == text);
  for (int a = 0; a <= NVML_ERROR_RESET_TYPE_NOT_SUPPORTED; ++a)
    for (int b = 0; b < a; ++b)
      CHECK(std::string(nvmlErrorString(static_cast<nvmlReturn_t>(a))) !=
            nvmlErrorString(static_cast<nvmlReturn_t>(b)));
  CHECK(std::string(nvmlErrorString(static_cast<nvmlReturn_t>(12345))) == nvmlErrorString(NVML_ERROR_UNKNOWN));
}

}  // namespace
}  // namespace vgpu::nvml_test
