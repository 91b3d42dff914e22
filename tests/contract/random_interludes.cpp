// SPDX-License-Identifier: Apache-2.0
// What a RandomProgram does between its launches.
#include <chrono>
#include <thread>

#include "tests/contract/random_program.h"

namespace contract {
namespace {

struct Look {
  const uint32_t* seen;
  uint32_t wanted;
  std::atomic<unsigned>* wrong;
};

void CUDA_CB compare(void* data) {
  const Look* const look = static_cast<Look*>(data);
  if (*look->seen != look->wanted) ++*look->wrong;
  delete look;
}

}  // namespace

void RandomProgram::interlude() {
  const unsigned lane = chance_.below(kLanes);
  switch (chance_.below(16)) {
    case 0: return read_back(lane);
    case 1: return set(lane);
    case 2: return copy_round(lane);
    case 3: return copy_in(lane);
    case 4: return hand_over(lane, (lane + 1 + chance_.below(kLanes - 1)) % kLanes);
    case 5: return use_pool(lane);
    case 6: return call_host(lane);
    case 7: return replace_code();
    case 8: return change_function();
    case 9: return be_refused(lane);
    case 10: return replace_stream(lane);
    case 11: return capture();
    case 12: return ask(lane);
    case 13: return set_attribute(lane);
    case 14: return check_all();
    default: return pause();
  }
}

// A place in pinned memory that nothing of before uses any more.
uint32_t* RandomProgram::slot() {
  if (next_slot_ == kSlots) {
    expect(cuCtxSynchronize(), "cuCtxSynchronize");
    next_slot_ = 0;
  }
  return slots_ + next_slot_++;
}

void RandomProgram::read_back(unsigned lane) {
  uint32_t* const seen = slot();
  expect(cuMemcpyDtoHAsync(seen, lanes_[lane].word, sizeof *seen, lanes_[lane].stream), "cuMemcpyDtoHAsync");
  expect(cuStreamSynchronize(lanes_[lane].stream), "cuStreamSynchronize");
  expect_word(*seen, lanes_[lane].expected, "a word in its stream");
}

void RandomProgram::set(unsigned lane) {
  lanes_[lane].expected = chance_.next();
  expect(cuMemsetD32Async(lanes_[lane].word, lanes_[lane].expected, 1, lanes_[lane].stream), "cuMemsetD32Async");
}

// The launch between is undone by the second copy.
void RandomProgram::copy_round(unsigned lane) {
  const Lane& one = lanes_[lane];
  const CUdeviceptr beside = scratch_ + lane * sizeof(uint32_t);
  expect(cuMemcpyDtoDAsync(beside, one.word, sizeof(uint32_t), one.stream), "cuMemcpyDtoDAsync");
  launch(kFlip, lane, one.word, chance_.next());
  expect(cuMemcpyDtoDAsync(one.word, beside, sizeof(uint32_t), one.stream), "cuMemcpyDtoDAsync");
}

void RandomProgram::copy_in(unsigned lane) {
  uint32_t* const source = slot();
  *source = lanes_[lane].expected = chance_.next();
  expect(cuMemcpyHtoDAsync(lanes_[lane].word, source, sizeof *source, lanes_[lane].stream), "cuMemcpyHtoDAsync");
}

void RandomProgram::hand_over(unsigned from, unsigned to) {
  CUevent given = nullptr, returned = nullptr;
  expect(cuEventCreate(&given, CU_EVENT_DISABLE_TIMING), "cuEventCreate");
  expect(cuEventCreate(&returned, CU_EVENT_DEFAULT), "cuEventCreate");
  expect(cuEventRecord(given, lanes_[from].stream), "cuEventRecord");
  expect(cuStreamWaitEvent(lanes_[to].stream, given, 0), "cuStreamWaitEvent");
  for (unsigned i = 0, count = 1 + chance_.below(40); i < count; ++i) {
    launch(kScale, to, lanes_[from].word, i);
    apply(kScale, lanes_[from], i);
  }
  expect(cuEventRecord(returned, lanes_[to].stream), "cuEventRecord");
  expect(cuStreamWaitEvent(lanes_[from].stream, returned, 0), "cuStreamWaitEvent");
  expect(cuEventDestroy(given), "cuEventDestroy");
  expect(cuEventDestroy(returned), "cuEventDestroy");
}

void RandomProgram::use_pool(unsigned lane) {
  Lane& one = lanes_[lane];
  CUdeviceptr taken = 0;
  const uint32_t value = chance_.next();
  expect(cuMemAllocAsync(&taken, sizeof value, one.stream), "cuMemAllocAsync");
  expect(cuMemsetD32Async(taken, value, 1, one.stream), "cuMemsetD32Async");
  launch(kScaleOfLibrary, lane, taken, value);
  expect(cuMemcpyDtoDAsync(one.word, taken, sizeof value, one.stream), "cuMemcpyDtoDAsync");
  expect(cuMemFreeAsync(taken, one.stream), "cuMemFreeAsync");
  one.expected = after(kScaleOfLibrary, value, value, extra_);
}

void RandomProgram::call_host(unsigned lane) {
  uint32_t* const seen = slot();
  expect(cuMemcpyDtoHAsync(seen, lanes_[lane].word, sizeof *seen, lanes_[lane].stream), "cuMemcpyDtoHAsync");
  auto* const look = new Look{seen, lanes_[lane].expected, &wrong_in_host_functions_};
  expect(cuLaunchHostFunc(lanes_[lane].stream, compare, look), "cuLaunchHostFunc");
}

void RandomProgram::replace_code() {
  check_all();
  unload_code();
  other_text_ = chance_.one_in(2);
  load_code();
}

void RandomProgram::change_function() {
  const int limits[] = {50000, 60000, 65536};
  shared_bytes_ = static_cast<unsigned>(limits[chance_.below(3)]);
  expect(cuFuncSetAttribute(functions_[kShared], CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES,
                            static_cast<int>(shared_bytes_)),
         "cuFuncSetAttribute");
  expect(
      cuFuncSetCacheConfig(functions_[kFlip], chance_.one_in(2) ? CU_FUNC_CACHE_PREFER_L1 : CU_FUNC_CACHE_PREFER_NONE),
      "cuFuncSetCacheConfig");
}

void RandomProgram::be_refused(unsigned lane) {
  uint32_t value = 0;
  void* parameters[] = {&lanes_[lane].word, &value, &value};
  expect(cuLaunchKernel(functions_[kShared], 1, 1, 1, 1, 1, 1, shared_bytes_ + 4, lanes_[lane].stream, parameters,
                        nullptr),
         "a launch of too much shared memory", CUDA_ERROR_INVALID_VALUE);
}

void RandomProgram::replace_stream(unsigned lane) {
  if (lane >= kPerThread) return pause();
  CUevent last = nullptr;
  expect(cuEventCreate(&last, CU_EVENT_DISABLE_TIMING), "cuEventCreate");
  expect(cuEventRecord(last, lanes_[lane].stream), "cuEventRecord");
  expect(cuStreamDestroy(lanes_[lane].stream), "cuStreamDestroy");
  lanes_[lane].stream = make_stream(lane);
  expect(cuStreamWaitEvent(lanes_[lane].stream, last, 0), "cuStreamWaitEvent");
  expect(cuEventDestroy(last), "cuEventDestroy");
}

// What is captured runs twice.
void RandomProgram::capture() {
  if (!habits_.captures) return pause();
  Lane& one = lanes_[kNonBlocking];
  CUgraph graph = nullptr;
  CUgraphExec executable = nullptr;
  const unsigned count = 1 + chance_.below(40);
  expect(cuStreamBeginCapture(one.stream, CU_STREAM_CAPTURE_MODE_RELAXED), "cuStreamBeginCapture");
  for (unsigned i = 0; i < count; ++i) launch(i % 3 == 0 ? kFlip : kScale, kNonBlocking, one.word, i);
  expect(cuStreamEndCapture(one.stream, &graph), "cuStreamEndCapture");
  expect(cuGraphInstantiate(&executable, graph, 0), "cuGraphInstantiate");
  for (unsigned round = 0; round < 2; ++round) {
    expect(cuGraphLaunch(executable, one.stream), "cuGraphLaunch");
    for (unsigned i = 0; i < count; ++i) apply(i % 3 == 0 ? kFlip : kScale, one, i);
  }
  expect(cuGraphExecDestroy(executable), "cuGraphExecDestroy");
  expect(cuGraphDestroy(graph), "cuGraphDestroy");
}

void RandomProgram::ask(unsigned lane) {
  const CUresult answer = cuStreamQuery(lanes_[lane].stream);
  if (answer != CUDA_ERROR_NOT_READY) expect(answer, "cuStreamQuery");
}

void RandomProgram::set_attribute(unsigned lane) {
  if (!habits_.sets_stream_attributes || lane >= kPerThread) return pause();
  CUstreamAttrValue value = {};
  value.syncPolicy = CU_SYNC_POLICY_YIELD;
  expect(cuStreamSetAttribute(lanes_[lane].stream, CU_STREAM_ATTRIBUTE_SYNCHRONIZATION_POLICY, &value),
         "cuStreamSetAttribute");
}

// Whoever carries launches out catches up.
void RandomProgram::pause() { std::this_thread::sleep_for(std::chrono::microseconds(chance_.below(300))); }

}  // namespace contract
