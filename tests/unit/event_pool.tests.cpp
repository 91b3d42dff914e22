// SPDX-License-Identifier: Apache-2.0
// Rows name exported symbols, so their header needs the internal names of CUDA's.
#ifndef __CUDA_API_VERSION_INTERNAL
#define __CUDA_API_VERSION_INTERNAL
#endif
#include "host/worker/event_pool.h"

#include "common/bits.h"
#include "tests/support/test.h"

namespace vgpu::host {
namespace {

// A driver whose events are numbers.
struct Told {
  uint64_t created = 0;
  CUevent asked = nullptr, waited_for = nullptr;
  CUresult creating = CUDA_SUCCESS, recording = CUDA_SUCCESS, state = CUDA_ERROR_NOT_READY;
} told;

CUresult create(CUevent* event, unsigned) {
  if (told.creating == CUDA_SUCCESS) *event = from_bits<CUevent>(++told.created);
  return told.creating;
}
CUresult record(CUevent, CUstream) { return told.recording; }
CUresult synchronize(CUevent event) {
  told.waited_for = event;
  return CUDA_SUCCESS;
}
CUresult query(CUevent event) {
  told.asked = event;
  return told.state;
}

Driver telling_driver() {
  told = {};
  std::array<void*, kOpcodes> entries = {};
  const auto set = [&](uint16_t opcode, auto* function) { entries[opcode] = reinterpret_cast<void*>(function); };
  set(api::opcode::cuEventCreate, &create);
  set(api::opcode::cuEventRecord, &record);
  set(api::opcode::cuEventQuery, &query);
  set(api::opcode::cuEventSynchronize, &synchronize);
  return Driver::of(entries);
}

TEST_CASE("an end is asked about as often as one likes, and its event serves again", "[unit][event-pool]") {
  const Driver driver = telling_driver();
  EventPool pool;
  const EventPool::Event first = pool.record(driver, 7, nullptr), second = pool.record(driver, 7, nullptr);
  REQUIRE((first && second));
  CHECK(first.event != second.event);
  CHECK(pool.query(driver, first) == CUDA_ERROR_NOT_READY);
  told.state = CUDA_SUCCESS;
  CHECK(pool.query(driver, first) == CUDA_SUCCESS);
  CHECK(told.asked == first.event);
  pool.put_back(first);
  CHECK(pool.record(driver, 7, nullptr).event == first.event);
  CHECK(told.created == 2);
}

TEST_CASE("an event that was taken can be recorded and waited for", "[unit][event-pool]") {
  const Driver driver = telling_driver();
  EventPool pool;
  told.recording = CUDA_ERROR_INVALID_HANDLE;
  const EventPool::Event taken = pool.take(driver, 7);
  REQUIRE(taken);
  CHECK(pool.wait(driver, taken) == CUDA_SUCCESS);
  CHECK(told.waited_for == taken.event);
}

TEST_CASE("events are of one context", "[unit][event-pool]") {
  const Driver driver = telling_driver();
  EventPool pool;
  const EventPool::Event one = pool.record(driver, 7, nullptr);
  pool.put_back(one);
  CHECK(pool.record(driver, 8, nullptr).event != one.event);
  CHECK_FALSE(pool.record(driver, 0, nullptr));
}

TEST_CASE("an event is gone with its context, and does not come back with its handle", "[unit][event-pool]") {
  const Driver driver = telling_driver();
  EventPool pool;
  const EventPool::Event old = pool.record(driver, 7, nullptr);
  pool.forget_context(7);
  CHECK(pool.query(driver, old) == CUDA_ERROR_CONTEXT_IS_DESTROYED);
  CHECK(pool.wait(driver, old) == CUDA_ERROR_CONTEXT_IS_DESTROYED);
  CHECK((told.asked == nullptr && told.waited_for == nullptr));
  const EventPool::Event young = pool.record(driver, 7, nullptr);
  CHECK(young.event != old.event);
  pool.put_back(old);
  CHECK(pool.query(driver, old) == CUDA_ERROR_CONTEXT_IS_DESTROYED);
  CHECK(pool.record(driver, 7, nullptr).event != old.event);
}

TEST_CASE("there is no end where the driver refuses", "[unit][event-pool]") {
  const Driver driver = telling_driver();
  EventPool pool;
  told.creating = CUDA_ERROR_OUT_OF_MEMORY;
  CHECK_FALSE(pool.record(driver, 7, nullptr));
  told.creating = CUDA_SUCCESS;
  told.recording = CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED;
  CHECK_FALSE(pool.record(driver, 7, nullptr));
  told.recording = CUDA_SUCCESS;
  CHECK(pool.record(driver, 7, nullptr).event == from_bits<CUevent>(1));
}

}  // namespace
}  // namespace vgpu::host
