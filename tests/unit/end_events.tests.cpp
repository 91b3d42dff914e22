// SPDX-License-Identifier: Apache-2.0
// Rows name exported symbols, so their header needs the internal names of CUDA's.
#ifndef __CUDA_API_VERSION_INTERNAL
#define __CUDA_API_VERSION_INTERNAL
#endif
#include "host/worker/end_events.h"

#include "common/bits.h"
#include "tests/support/test.h"

namespace vgpu::host {
namespace {

// A driver whose events are numbers.
struct Told {
  uint64_t created = 0;
  CUevent asked = nullptr;
  CUresult creating = CUDA_SUCCESS, recording = CUDA_SUCCESS, state = CUDA_ERROR_NOT_READY;
} told;

CUresult create(CUevent* event, unsigned) {
  if (told.creating == CUDA_SUCCESS) *event = from_bits<CUevent>(++told.created);
  return told.creating;
}
CUresult record(CUevent, CUstream) { return told.recording; }
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
  return Driver::of(entries);
}

TEST_CASE("an end is asked about as often as one likes, and its event serves again", "[unit][end-events]") {
  const Driver driver = telling_driver();
  EndEvents events;
  const EndEvents::Event first = events.record(driver, 7, nullptr), second = events.record(driver, 7, nullptr);
  REQUIRE((first && second));
  CHECK(first.event != second.event);
  CHECK(events.query(driver, first) == CUDA_ERROR_NOT_READY);
  told.state = CUDA_SUCCESS;
  CHECK(events.query(driver, first) == CUDA_SUCCESS);
  CHECK(told.asked == first.event);
  events.put_back(first);
  CHECK(events.record(driver, 7, nullptr).event == first.event);
  CHECK(told.created == 2);
}

TEST_CASE("events are of one context", "[unit][end-events]") {
  const Driver driver = telling_driver();
  EndEvents events;
  const EndEvents::Event one = events.record(driver, 7, nullptr);
  events.put_back(one);
  CHECK(events.record(driver, 8, nullptr).event != one.event);
  CHECK_FALSE(events.record(driver, 0, nullptr));
}

TEST_CASE("an event is gone with its context, and does not come back with its handle", "[unit][end-events]") {
  const Driver driver = telling_driver();
  EndEvents events;
  const EndEvents::Event old = events.record(driver, 7, nullptr);
  events.forget_context(7);
  CHECK(events.query(driver, old) == CUDA_ERROR_CONTEXT_IS_DESTROYED);
  CHECK(told.asked == nullptr);
  const EndEvents::Event young = events.record(driver, 7, nullptr);
  CHECK(young.event != old.event);
  events.put_back(old);
  CHECK(events.query(driver, old) == CUDA_ERROR_CONTEXT_IS_DESTROYED);
  CHECK(events.record(driver, 7, nullptr).event != old.event);
}

TEST_CASE("there is no end where the driver refuses", "[unit][end-events]") {
  const Driver driver = telling_driver();
  EndEvents events;
  told.creating = CUDA_ERROR_OUT_OF_MEMORY;
  CHECK_FALSE(events.record(driver, 7, nullptr));
  told.creating = CUDA_SUCCESS;
  told.recording = CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED;
  CHECK_FALSE(events.record(driver, 7, nullptr));
  told.recording = CUDA_SUCCESS;
  CHECK(events.record(driver, 7, nullptr).event == from_bits<CUevent>(1));
}

}  // namespace
}  // namespace vgpu::host
