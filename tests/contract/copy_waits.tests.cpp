// SPDX-License-Identifier: Apache-2.0
// Large copies that the calling thread waits for: behind other work, beside other threads, and refused ones. CUDA
// driver API: Memory Management; API synchronization behavior.
#include <algorithm>
#include <atomic>
#include <cstring>
#include <functional>
#include <thread>

#include "tests/contract/fixture.h"

namespace {

constexpr size_t kLarge = (3 << 20) + 12345;

// The copy returns only when the gate has been opened, and then well.
void check_that_it_waits(CUcontext context, Gate& gate, const std::function<CUresult()>& copy) {
  std::atomic<bool> returned{false};
  CUresult copied = CUDA_ERROR_UNKNOWN;
  std::thread thread([&] {
    cuCtxSetCurrent(context);
    copied = copy();
    returned = true;
  });
  // Longer than anybody watches the copy. (No other call meanwhile: NVIDIA's driver lets it wait for the copy.)
  std::this_thread::sleep_for(std::chrono::milliseconds(80));
  const bool too_early = returned;
  gate.open();
  thread.join();
  CHECK_FALSE(too_early);
  CHECK_FALSE(gate.timed_out());
  CHECK_CUDA(copied);
}

}  // namespace

TEST_CASE_METHOD(Gpu, "a large copy from pinned memory waits for the work before it", "[contract][copy]") {
  DeviceBuffer memory(kLarge);
  HostBuffer host(kLarge);
  const auto bytes = pattern(kLarge, 5);
  std::memcpy(host.data, bytes.data(), kLarge);
  Gate gate(CU_STREAM_LEGACY);
  check_that_it_waits(context, gate, [&] { return cuMemcpyHtoD(memory, host.data, kLarge); });
  CHECK((read_bytes(memory, kLarge) == bytes));
}

TEST_CASE_METHOD(Gpu, "a small copy to pinned memory waits for the work before it", "[contract][copy]") {
  const size_t bytes = GENERATE(size_t{4}, size_t{70'001});
  DeviceBuffer memory(bytes);
  HostBuffer host(bytes);
  std::memset(host.data, 0, bytes);
  Gate gate(CU_STREAM_LEGACY);
  REQUIRE_CUDA(cuMemsetD8Async(memory, 7, bytes, CU_STREAM_LEGACY));
  check_that_it_waits(context, gate, [&] { return cuMemcpyDtoH(host.data, memory, bytes); });
  const auto* const data = static_cast<const unsigned char*>(host.data);
  CHECK(std::all_of(data, data + bytes, [](unsigned char byte) { return byte == 7; }));
}

TEST_CASE_METHOD(Gpu, "a small copy does not wait for what another thread sends behind it", "[contract][copy]") {
  Stream stream(CU_STREAM_DEFAULT);
  DeviceBuffer memory(4);
  HostBuffer host(4);
  bool returned_before = false;
  // Whether the copy is sent first is for the scheduler to say, as a rule.
  for (int tries = 0; tries < 5 && !returned_before; ++tries) {
    Gate before(CU_STREAM_LEGACY);
    std::atomic<bool> returned{false};
    CUresult copied = CUDA_ERROR_UNKNOWN;
    std::thread copier([&] {
      cuCtxSetCurrent(context);
      copied = cuMemcpyDtoH(host.data, memory, 4);
      returned = true;
    });
    std::thread opener([&] {
      std::this_thread::sleep_for(std::chrono::milliseconds(80));
      before.open();
    });
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
    // NVIDIA's driver lets this wait until the copy is done.
    Gate behind(stream);
    opener.join();
    for (int rounds = 0; rounds < 1000 && !returned; ++rounds)
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    returned_before = returned;
    behind.open();
    copier.join();
    CHECK_CUDA(copied);
    stream.synchronize();
  }
  CHECK(returned_before);
}

TEST_CASE_METHOD(Gpu, "pinned copies of any size, one after the other, carry what was there last", "[contract][copy]") {
  constexpr size_t kMost = 5 << 20;
  DeviceBuffer memory(kMost);
  HostBuffer from(kMost), to(kMost);
  for (const size_t bytes : {size_t{1}, size_t{4}, size_t{1000}, size_t{1} << 16, size_t{1} << 20, kMost}) {
    INFO("bytes " << bytes);
    size_t wrong = 0;
    for (int round = 1; round <= 20; ++round) {
      std::memset(from.data, round, bytes);
      REQUIRE_CUDA(cuMemcpyHtoD(memory, from.data, bytes));
      std::memset(from.data, 0, bytes);
      REQUIRE_CUDA(cuMemcpyDtoH(to.data, memory, bytes));
      const auto* const data = static_cast<const unsigned char*>(to.data);
      wrong +=
          static_cast<size_t>(std::count_if(data, data + bytes, [&](unsigned char byte) { return byte != round; }));
    }
    CHECK(wrong == 0);
  }
}

TEST_CASE_METHOD(Gpu, "a large copy to ordinary memory waits for the work before it", "[contract][copy]") {
  DeviceBuffer memory(kLarge);
  const auto bytes = pattern(kLarge, 6);
  REQUIRE_CUDA(cuMemcpyHtoD(memory, bytes.data(), kLarge));
  Gate gate(CU_STREAM_LEGACY);
  REQUIRE_CUDA(cuMemsetD8Async(memory, 9, 100, CU_STREAM_LEGACY));
  std::vector<unsigned char> back(kLarge);
  CUresult copied = CUDA_ERROR_UNKNOWN;
  std::thread thread([&] {
    cuCtxSetCurrent(context);
    copied = cuMemcpyDtoH(back.data(), memory, kLarge);
  });
  std::this_thread::sleep_for(std::chrono::milliseconds(80));
  gate.open();
  thread.join();
  CHECK_CUDA(copied);
  auto expected = bytes;
  std::fill_n(expected.begin(), 100, static_cast<unsigned char>(9));
  CHECK((back == expected));
}

TEST_CASE_METHOD(Gpu, "large copies of several threads, pinned and not, are exact", "[contract][copy]") {
  constexpr size_t kThreads = 4, kRounds = 5;
  size_t wrong[kThreads] = {};
  std::vector<std::thread> threads;
  for (size_t t = 0; t < kThreads; ++t)
    threads.emplace_back([&, t] {
      cuCtxSetCurrent(context);
      CUdeviceptr memory = 0;
      void* pinned = nullptr;
      wrong[t] += cuMemAlloc(&memory, kLarge) != CUDA_SUCCESS;
      wrong[t] += cuMemHostAlloc(&pinned, kLarge, 0) != CUDA_SUCCESS;
      std::vector<unsigned char> ordinary(kLarge);
      for (size_t r = 0; r < kRounds; ++r) {
        const auto bytes = pattern(kLarge - r, static_cast<unsigned>(t * 10 + r));
        std::memcpy(pinned, bytes.data(), bytes.size());
        wrong[t] += cuMemcpyHtoD(memory, pinned, bytes.size()) != CUDA_SUCCESS;
        // The bytes have left the buffer when the call has returned.
        std::memset(pinned, 0, bytes.size());
        wrong[t] += cuMemcpyDtoH(ordinary.data(), memory, bytes.size()) != CUDA_SUCCESS;
        wrong[t] += cuMemcpyDtoH(pinned, memory, bytes.size()) != CUDA_SUCCESS;
        wrong[t] += !std::equal(bytes.begin(), bytes.end(), ordinary.begin());
        wrong[t] += std::memcmp(pinned, bytes.data(), bytes.size()) != 0;
      }
      wrong[t] += cuMemFreeHost(pinned) != CUDA_SUCCESS;
      wrong[t] += cuMemFree(memory) != CUDA_SUCCESS;
    });
  for (std::thread& thread : threads) thread.join();
  for (size_t count : wrong) CHECK(count == 0);
}

TEST_CASE_METHOD(Gpu, "cuMemcpy of many bytes between pinned memory and the device is done when it returns",
                 "[contract][copy]") {
  DeviceBuffer memory(kLarge);
  HostBuffer from(kLarge), to(kLarge);
  const auto bytes = pattern(kLarge, 8);
  std::memcpy(from.data, bytes.data(), kLarge);
  std::memset(to.data, 0, kLarge);
  REQUIRE_CUDA(cuMemcpy(memory, from.device(), kLarge));
  REQUIRE_CUDA(cuMemcpy(to.device(), memory, kLarge));
  CHECK(std::memcmp(to.data, bytes.data(), kLarge) == 0);
}

TEST_CASE_METHOD(Gpu, "a large copy from pinned memory to nowhere is refused, and the next one works",
                 "[contract][copy]") {
  DeviceBuffer memory(kLarge);
  HostBuffer host(kLarge);
  std::memset(host.data, 3, kLarge);
  CHECK(cuMemcpyHtoD(CUdeviceptr{64}, host.data, kLarge) == CUDA_ERROR_INVALID_VALUE);
  CHECK(cuMemcpyDtoH(host.data, CUdeviceptr{64}, kLarge) == CUDA_ERROR_INVALID_VALUE);
  REQUIRE_CUDA(cuMemcpyHtoD(memory, host.data, kLarge));
  CHECK((read_bytes(memory, kLarge) == std::vector<unsigned char>(kLarge, 3)));
}
