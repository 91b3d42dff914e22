// SPDX-License-Identifier: Apache-2.0
// What two processes share by IPC handles: memory and events. CUDA driver API: Memory Management (cuIpc*).
#include "tests/contract/kernels.h"
#include "tests/contract/peer.h"

namespace {

constexpr size_t kWords = size_t{1} << 18;
constexpr size_t kBytes = kWords * sizeof(unsigned);
constexpr unsigned kInterprocess = CU_EVENT_INTERPROCESS | CU_EVENT_DISABLE_TIMING;

CUipcMemHandle export_memory(CUdeviceptr address) {
  CUipcMemHandle handle = {};
  REQUIRE_CUDA(cuIpcGetMemHandle(&handle, address));
  return handle;
}

CUresult open_memory(CUdeviceptr& address, const std::array<unsigned char, 64>& bytes) {
  CUipcMemHandle handle;
  std::memcpy(&handle, bytes.data(), sizeof handle);
  return cuIpcOpenMemHandle(&address, handle, CU_IPC_MEM_LAZY_ENABLE_PEER_ACCESS);
}

}  // namespace

TEST_CASE_METHOD(Gpu, "memory opened by its IPC handle is the exporter's memory", "[contract][share]") {
  DeviceBuffer buffer(kBytes);
  set_words(buffer, 7, kWords);
  Peer peer;
  const PeerAnswer opened = peer.ask({.ask = Ask::open_memory, .bytes = bytes_of(export_memory(buffer))});
  REQUIRE(opened.result == CUDA_SUCCESS);
  CHECK(peer.ask({.ask = Ask::read, .a = opened.value + kBytes - 4}).value == 7);
  CHECK(peer.ask({.ask = Ask::fill, .a = opened.value, .b = 9, .c = kWords}).result == CUDA_SUCCESS);
  CHECK(read_words(buffer, kWords) == repeated(kWords, 9));
  set_words(buffer, 11, kWords);
  CHECK(peer.ask({.ask = Ask::read, .a = opened.value}).value == 11);
  CHECK(peer.ask({.ask = Ask::close_memory, .a = opened.value}).result == CUDA_SUCCESS);
}

TEST_CASE_METHOD(Gpu, "an IPC handle that is opened twice gives one address, to be closed twice", "[contract][share]") {
  Peer peer;
  const PeerAnswer made = peer.ask({.ask = Ask::allocate, .a = kWords});
  REQUIRE(made.result == CUDA_SUCCESS);
  CUdeviceptr first = 0, second = 0;
  REQUIRE_CUDA(open_memory(first, made.bytes));
  REQUIRE_CUDA(open_memory(second, made.bytes));
  CHECK(first == second);
  CHECK_CUDA(cuIpcCloseMemHandle(first));
  set_words(first, 5, kWords);
  CHECK_CUDA(cuIpcCloseMemHandle(second));
  CHECK_REFUSED(cuIpcCloseMemHandle(second));
  CHECK(peer.ask({.ask = Ask::read, .a = made.value}).value == 5);
}

TEST_CASE_METHOD(Gpu, "a process cannot open its own IPC handle", "[contract][share]") {
  DeviceBuffer buffer(kBytes);
  CUdeviceptr address = 0;
  CHECK_REFUSED(open_memory(address, bytes_of(export_memory(buffer))));
}

TEST_CASE_METHOD(Gpu, "what is no IPC handle cannot be opened", "[contract][share]") {
  std::array<unsigned char, 64> bytes{};
  CUdeviceptr address = 0;
  CHECK_REFUSED(open_memory(address, bytes));
  bytes.fill(0xa5);
  CHECK_REFUSED(open_memory(address, bytes));
  CUipcEventHandle handle = {};
  CUevent event = nullptr;
  CHECK_REFUSED(cuIpcOpenEventHandle(&event, handle));
  std::memset(&handle, 0xa5, sizeof handle);
  CHECK_REFUSED(cuIpcOpenEventHandle(&event, handle));
}

TEST_CASE_METHOD(Gpu, "an IPC handle dies with its process", "[contract][share]") {
  Peer peer;
  const PeerAnswer made = peer.ask({.ask = Ask::allocate, .a = kWords});
  REQUIRE(made.result == CUDA_SUCCESS);
  peer.end();
  CUdeviceptr address = 0;
  CUresult status = CUDA_SUCCESS;
  // Where a daemon keeps the handle, it learns of the end a moment later.
  for (int i = 0; i < 500 && status == CUDA_SUCCESS; ++i) {
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
    status = open_memory(address, made.bytes);
    if (status == CUDA_SUCCESS) cuIpcCloseMemHandle(address);
  }
  CHECK_REFUSED(status);
}

TEST_CASE_METHOD(Gpu, "wrong calls of IPC memory are refused", "[contract][share]") {
  Peer peer;
  const PeerAnswer made = peer.ask({.ask = Ask::allocate, .a = kWords});
  CUipcMemHandle handle;
  std::memcpy(&handle, made.bytes.data(), sizeof handle);
  CUdeviceptr address = 0;
  CHECK(cuIpcOpenMemHandle(nullptr, handle, CU_IPC_MEM_LAZY_ENABLE_PEER_ACCESS) == CUDA_ERROR_INVALID_VALUE);
  CHECK(cuIpcOpenMemHandle(&address, handle, 0x80) == CUDA_ERROR_INVALID_VALUE);
  CHECK_REFUSED(cuIpcCloseMemHandle(12345));
  CHECK_REFUSED(cuIpcGetMemHandle(&handle, 12345));
}

TEST_CASE_METHOD(Gpu, "memory with the address of freed memory has another IPC handle", "[contract][share]") {
  CUdeviceptr address = 0;
  REQUIRE_CUDA(cuMemAlloc(&address, kBytes));
  const CUipcMemHandle before = export_memory(address);
  REQUIRE_CUDA(cuMemFree(address));
  REQUIRE_CUDA(cuMemAlloc(&address, kBytes));
  const CUipcMemHandle after = export_memory(address);
  CHECK(bytes_of(before) != bytes_of(after));
  REQUIRE_CUDA(cuMemFree(address));
}

TEST_CASE_METHOD(Gpu, "freed and allocated anew, exported memory is no longer the other process's",
                 "[contract][share]") {
  Peer peer;
  CUdeviceptr address = 0;
  REQUIRE_CUDA(cuMemAlloc(&address, kBytes));
  set_words(address, 1, kWords);
  const PeerAnswer opened = peer.ask({.ask = Ask::open_memory, .bytes = bytes_of(export_memory(address))});
  REQUIRE(opened.result == CUDA_SUCCESS);
  REQUIRE(peer.ask({.ask = Ask::close_memory, .a = opened.value}).result == CUDA_SUCCESS);
  REQUIRE_CUDA(cuMemFree(address));
  DeviceBuffer again(kBytes);
  set_words(again, 2, kWords);
  CHECK(read_words(again, 4) == repeated(4, 2));
}

// An exporting driver that moves memory must not lose what kernels write meanwhile.
TEST_CASE_METHOD(Gpu, "memory can be exported while kernels write to it", "[contract][share]") {
  constexpr unsigned kLaunches = 200;
  Module module(kBasicPtx);
  const CUfunction add = module.function("add");
  Stream stream;
  DeviceBuffer buffer(kBytes);
  set_words(buffer, 0, kWords);
  CUresult launched = CUDA_SUCCESS;
  std::thread writer([&] {
    cuCtxSetCurrent(context);
    for (unsigned i = 0; i < kLaunches && launched == CUDA_SUCCESS; ++i)
      launched = launch(add, 8, 128, stream, buffer.address, 1u, 1024u);
  });
  CUipcMemHandle handle = {};
  CUresult exported = CUDA_SUCCESS;
  for (int i = 0; i < 20 && exported == CUDA_SUCCESS; ++i) exported = cuIpcGetMemHandle(&handle, buffer);
  writer.join();
  CHECK_CUDA(launched);
  CHECK_CUDA(exported);
  stream.synchronize();
  CHECK(read_words(buffer, 1024) == repeated(1024, kLaunches));
}

TEST_CASE_METHOD(Gpu, "an event opened by its IPC handle completes with the exporter's work", "[contract][share]") {
  if (attribute(CU_DEVICE_ATTRIBUTE_IPC_EVENT_SUPPORTED) == 0) SKIP("no events between processes");
  Stream stream;
  Event event(kInterprocess);
  CUipcEventHandle handle = {};
  REQUIRE_CUDA(cuIpcGetEventHandle(&handle, event));
  Peer peer;
  const PeerAnswer opened = peer.ask({.ask = Ask::open_event, .bytes = bytes_of(handle)});
  REQUIRE(opened.result == CUDA_SUCCESS);
  CHECK(peer.ask({.ask = Ask::query_event, .a = opened.value}).result == CUDA_SUCCESS);
  Gate gate(stream);
  REQUIRE_CUDA(cuEventRecord(event, stream));
  CHECK(peer.ask({.ask = Ask::query_event, .a = opened.value}).result == CUDA_ERROR_NOT_READY);
  gate.open();
  CHECK(peer.ask({.ask = Ask::wait_for_event, .a = opened.value}).result == CUDA_SUCCESS);
  CHECK(peer.ask({.ask = Ask::query_event, .a = opened.value}).result == CUDA_SUCCESS);
}

TEST_CASE_METHOD(Gpu, "a stream waits for an event that another process has recorded", "[contract][share]") {
  if (attribute(CU_DEVICE_ATTRIBUTE_IPC_EVENT_SUPPORTED) == 0) SKIP("no events between processes");
  Stream stream;
  Event event(kInterprocess);
  CUipcEventHandle handle = {};
  REQUIRE_CUDA(cuIpcGetEventHandle(&handle, event));
  REQUIRE_CUDA(cuEventRecord(event, stream));
  REQUIRE_CUDA(cuEventSynchronize(event));
  Peer peer;
  const PeerAnswer opened = peer.ask({.ask = Ask::open_event, .bytes = bytes_of(handle)});
  REQUIRE(opened.result == CUDA_SUCCESS);
  REQUIRE(peer.ask({.ask = Ask::hold, .a = opened.value}).result == CUDA_SUCCESS);
  CHECK(peer.ask({.ask = Ask::query_event, .a = opened.value}).result == CUDA_ERROR_NOT_READY);
  CHECK(cuEventQuery(event) == CUDA_ERROR_NOT_READY);
  REQUIRE_CUDA(cuStreamWaitEvent(stream, event, 0));
  CHECK(cuStreamQuery(stream) == CUDA_ERROR_NOT_READY);
  CHECK(peer.ask({.ask = Ask::let_go}).result == CUDA_SUCCESS);
  CHECK_CUDA(cuStreamSynchronize(stream));
  CHECK_CUDA(cuEventQuery(event));
}

TEST_CASE_METHOD(Gpu, "a record that a process shares is reached when its stream has been waited for",
                 "[contract][share]") {
  if (attribute(CU_DEVICE_ATTRIBUTE_IPC_EVENT_SUPPORTED) == 0) SKIP("no events between processes");
  Module module(kBasicPtx);
  const CUfunction empty = module.function("empty");
  Stream stream;
  Event event(kInterprocess);
  unsigned late = 0;
  for (int i = 0; i < 2000; ++i) {
    REQUIRE_CUDA(cuLaunchKernel(empty, 1, 1, 1, 32, 1, 1, 0, stream, nullptr, nullptr));
    REQUIRE_CUDA(cuEventRecord(event, stream));
    REQUIRE_CUDA(cuStreamSynchronize(stream));
    if (cuEventQuery(event) != CUDA_SUCCESS) ++late;
  }
  CHECK(late == 0);
}

TEST_CASE_METHOD(Gpu, "an event without the interprocess flag has no IPC handle", "[contract][share]") {
  Event event(CU_EVENT_DISABLE_TIMING);
  CUipcEventHandle handle = {};
  CHECK_REFUSED(cuIpcGetEventHandle(&handle, event));
}
