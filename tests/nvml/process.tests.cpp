// SPDX-License-Identifier: Apache-2.0
// Memory, processes and how busy the device is: what this program does is what it sees.
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <functional>
#include <thread>
#include <vector>

#include "tests/nvml/fixture.h"
#include "tests/nvml/work.h"

namespace vgpu::nvml_test {
namespace {

constexpr size_t kMiB = 1 << 20;

nvmlMemory_t memory_of(nvmlDevice_t device) {
  nvmlMemory_t memory = {};
  REQUIRE(nvmlDeviceGetMemoryInfo(device, &memory) == NVML_SUCCESS);
  return memory;
}

std::vector<nvmlProcessInfo_t> processes_of(nvmlDevice_t device) {
  std::vector<nvmlProcessInfo_t> infos(64);
  unsigned count = 64;
  REQUIRE(nvmlDeviceGetComputeRunningProcesses_v3(device, &count, infos.data()) == NVML_SUCCESS);
  infos.resize(count);
  return infos;
}

const nvmlProcessInfo_t* find(const std::vector<nvmlProcessInfo_t>& infos, pid_t pid) {
  for (const nvmlProcessInfo_t& info : infos)
    if (info.pid == static_cast<unsigned>(pid)) return &info;
  return nullptr;
}

bool eventually(const std::function<bool()>& condition) {
  for (int i = 0; i < 200; ++i) {
    if (condition()) return true;
    std::this_thread::sleep_for(std::chrono::milliseconds(25));
  }
  return false;
}

TEST_CASE("memory that is allocated is used, until it is freed", "[nvml]") {
  const Nvml nvml;
  const Cuda cuda(nvml.device);
  // A card is read ten times a second: what is read after this is with the context.
  std::this_thread::sleep_for(std::chrono::milliseconds(300));
  const nvmlMemory_t before = memory_of(nvml.device);
  CHECK(before.free + before.used <= before.total);
  CUdeviceptr pointer = 0;
  REQUIRE(cuMemAlloc(&pointer, 64 * kMiB) == CUDA_SUCCESS);
  CHECK(eventually([&] { return memory_of(nvml.device).used >= before.used + 64 * kMiB; }));
  // What is free on the card and what programs hold may be of two moments.
  CHECK(eventually([&] { return memory_of(nvml.device).free <= before.free - 64 * kMiB; }));
  REQUIRE(cuMemFree(pointer) == CUDA_SUCCESS);
  CHECK(eventually([&] { return memory_of(nvml.device).used < before.used + 64 * kMiB; }));
}

TEST_CASE("the total is what CUDA calls the total, and free memory is what CUDA calls free", "[nvml][ours][soft]") {
  const Nvml nvml;
  const Cuda cuda(nvml.device);
  size_t free = 0, total = 0;
  REQUIRE(cuMemGetInfo(&free, &total) == CUDA_SUCCESS);
  const nvmlMemory_t memory = memory_of(nvml.device);
  CHECK(memory.total == total);
  CHECK(memory.free == free);
  CHECK(memory.used == 0);
}

TEST_CASE("both versions of memory agree", "[nvml]") {
  const Nvml nvml;
  nvmlMemory_v2_t memory = {};
  memory.version = nvmlMemory_v2;
  REQUIRE(nvmlDeviceGetMemoryInfo_v2(nvml.device, &memory) == NVML_SUCCESS);
  CHECK(memory.total == memory_of(nvml.device).total);
  CHECK(memory.version == nvmlMemory_v2);
  memory.version = NVML_STRUCT_VERSION(nvmlMemory_v2_t, 7);
  // NVIDIA's library says of a version it does not know that there is no such function.
  CHECK(nvmlDeviceGetMemoryInfo_v2(nvml.device, &memory) == NVML_ERROR_FUNCTION_NOT_FOUND);
}

TEST_CASE("this program is among the processes, under its own number, with the memory that it holds", "[nvml]") {
  const Nvml nvml;
  const Cuda cuda(nvml.device);
  CUdeviceptr pointer = 0;
  REQUIRE(cuMemAlloc(&pointer, 16 * kMiB) == CUDA_SUCCESS);
  std::vector<nvmlProcessInfo_t> infos;
  const nvmlProcessInfo_t* mine = nullptr;
  CHECK(eventually([&] {
    infos = processes_of(nvml.device);
    mine = find(infos, ::getpid());
    return mine != nullptr && mine->usedGpuMemory >= 16 * kMiB;
  }));
  REQUIRE(mine != nullptr);
  CHECK(mine->gpuInstanceId == 0xffffffff);
  cuMemFree(pointer);

  nvmlProcessInfo_v1_t old[64] = {};
  unsigned count = 64;
  REQUIRE(nvmlDeviceGetComputeRunningProcesses(nvml.device, &count, old) == NVML_SUCCESS);
  CHECK(count == infos.size());
}

TEST_CASE("a list of processes that does not fit says how long it is", "[nvml][ours]") {
  const Nvml nvml;
  const Cuda cuda(nvml.device);
  unsigned count = 0;
  CHECK(nvmlDeviceGetComputeRunningProcesses_v3(nvml.device, &count, nullptr) == NVML_ERROR_INSUFFICIENT_SIZE);
  CHECK(count >= 1);
  nvmlProcessDetailList_t list = {};
  list.version = nvmlProcessDetailList_v1;
  CHECK(nvmlDeviceGetRunningProcessDetailList(nvml.device, &list) == NVML_ERROR_INSUFFICIENT_SIZE);
  CHECK(list.numProcArrayEntries == count);
  list.version = 1;
  CHECK(nvmlDeviceGetRunningProcessDetailList(nvml.device, &list) == NVML_ERROR_ARGUMENT_VERSION_MISMATCH);
}

TEST_CASE("nobody draws, and nobody shares a process", "[nvml][ours]") {
  const Nvml nvml;
  const Cuda cuda(nvml.device);
  nvmlProcessInfo_t infos[4] = {};
  unsigned count = 4;
  CHECK(nvmlDeviceGetGraphicsRunningProcesses_v3(nvml.device, &count, infos) == NVML_SUCCESS);
  CHECK(count == 0);
  count = 4;
  CHECK(nvmlDeviceGetMPSComputeRunningProcesses_v3(nvml.device, &count, infos) == NVML_SUCCESS);
  CHECK(count == 0);
}

// A program of its own: CUDA does not survive a fork. It says that it has memory, and ends when it is told.
constexpr const char* kPipes = "VGPU_TEST_PIPES";
TEST_CASE("holds 32 MiB until it is told to end", "[.][holder]") {
  int from = -1, to = -1;
  REQUIRE(std::sscanf(std::getenv(kPipes), "%d %d", &from, &to) == 2);
  CUdeviceptr pointer = 0;
  CUcontext context = nullptr;
  REQUIRE(cuInit(0) == CUDA_SUCCESS);
  REQUIRE(cuDevicePrimaryCtxRetain(&context, 0) == CUDA_SUCCESS);
  REQUIRE(cuCtxSetCurrent(context) == CUDA_SUCCESS);
  REQUIRE(cuMemAlloc(&pointer, 32 * kMiB) == CUDA_SUCCESS);
  char byte = 'y';
  REQUIRE(::write(to, &byte, 1) == 1);
  static_cast<void>(!::read(from, &byte, 1));
  ::_exit(0);
}

TEST_CASE("another program appears while it computes, and is gone when it has ended", "[nvml][ours]") {
  const Nvml nvml;
  int go[2], ready[2];
  REQUIRE((::pipe(go) == 0 && ::pipe(ready) == 0));
  const pid_t child = ::fork();
  if (child == 0) {
    ::setenv(kPipes, (std::to_string(go[0]) + " " + std::to_string(ready[1])).c_str(), 1);
    ::close(ready[0]);
    ::execl("/proc/self/exe", "nvml", "[holder]", nullptr);
    ::_exit(1);
  }
  ::close(ready[1]);
  char byte = 0;
  REQUIRE(::read(ready[0], &byte, 1) == 1);
  CHECK(byte == 'y');
  const auto infos = processes_of(nvml.device);
  const nvmlProcessInfo_t* const other = find(infos, child);
  CHECK(other != nullptr);
  // A card counts what the driver holds for the program, too.
  if (other != nullptr) CHECK(other->usedGpuMemory >= 32 * kMiB);
  char name[256] = {}, own[256] = {};
  CHECK(nvmlSystemGetProcessName(static_cast<unsigned>(child), name, sizeof name) == NVML_SUCCESS);
  CHECK(nvmlSystemGetProcessName(static_cast<unsigned>(::getpid()), own, sizeof own) == NVML_SUCCESS);
  CHECK(std::string(name) == "nvml");
  CHECK(std::string(own).ends_with("nvml"));
  static_cast<void>(!::write(go[1], "g", 1));
  ::waitpid(child, nullptr, 0);
  CHECK(eventually([&] { return find(processes_of(nvml.device), child) == nullptr; }));
  CHECK(nvmlSystemGetProcessName(static_cast<unsigned>(child), name, sizeof name) == NVML_ERROR_NOT_FOUND);
  for (const int fd : {go[0], go[1], ready[0]}) ::close(fd);
}

TEST_CASE("a device that computes is busy, and one that does not is idle", "[nvml][ours]") {
  const Nvml nvml;
  const Cuda cuda(nvml.device);
  // A reading is about the second before it.
  CHECK(eventually([&] {
    nvmlUtilization_t idle = {};
    return nvmlDeviceGetUtilizationRates(nvml.device, &idle) == NVML_SUCCESS && idle.gpu <= 5;
  }));
  const Work work;
  unsigned busiest = 0, mine = 0;
  for (int i = 0; i < 40 && (busiest == 0 || mine == 0); ++i) {
    work.launch();
    std::this_thread::sleep_for(std::chrono::milliseconds(120));
    nvmlUtilization_t now = {};
    REQUIRE(nvmlDeviceGetUtilizationRates(nvml.device, &now) == NVML_SUCCESS);
    busiest = std::max(busiest, now.gpu);
    nvmlProcessUtilizationSample_t samples[16] = {};
    unsigned count = 16;
    if (nvmlDeviceGetProcessUtilization(nvml.device, samples, &count, 0) != NVML_SUCCESS) continue;
    for (unsigned k = 0; k < count; ++k)
      if (samples[k].pid == static_cast<unsigned>(::getpid())) mine = std::max(mine, samples[k].smUtil);
  }
  REQUIRE(cuCtxSynchronize() == CUDA_SUCCESS);
  CHECK(busiest > 0);
  CHECK(busiest <= 100);
  CHECK(mine > 0);
}

}  // namespace
}  // namespace vgpu::nvml_test
