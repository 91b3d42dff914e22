// SPDX-License-Identifier: Apache-2.0
// Rows name exported symbols, so their header needs the internal names of CUDA's.
#ifndef __CUDA_API_VERSION_INTERNAL
#define __CUDA_API_VERSION_INTERNAL
#endif
#include "host/worker/hardware_queues.h"

#include "common/handle.h"
#include "host/worker/session.h"
#include "tests/support/test.h"

namespace vgpu::host {
namespace {

uint64_t stream(uint32_t number) { return handle::make(Kind::stream, handle::kPrimaryContexts + number, 1); }

void note(HardwareQueues& queues, uint32_t first, uint32_t count) {
  for (uint32_t i = first; i < first + count; ++i) queues.note_use(stream(i), false, 1);
}

CUstream driver_stream(uint64_t number) { return from_bits<CUstream>(0x1000 + number); }

bool has_room(HardwareQueues& queues) { return queues.has_room_for(driver_stream(0)); }

CommandCopy launch_of_graph(uint64_t in_stream, uint32_t thread, uint16_t flags) {
  CommandCopy command;
  command.opcode = api::opcode::cuGraphLaunch;
  command.thread = thread;
  command.flags = flags;
  codec::Writer payload(command.payload);
  payload.put(uint64_t{1});
  payload.put(in_stream);
  return command;
}

TEST_CASE("nine streams are more than there are queues", "[unit][hardware-queues]") {
  HardwareQueues queues(8);
  CHECK(has_room(queues));
  note(queues, 0, 8);
  note(queues, 0, 8);
  CHECK(has_room(queues));
  note(queues, 8, 1);
  CHECK_FALSE(has_room(queues));
}

TEST_CASE("with one queue no stream may have a word", "[unit][hardware-queues]") {
  HardwareQueues one(1), two(2), many(32);
  CHECK_FALSE(has_room(one));
  CHECK(has_room(two));
  note(two, 0, 3);
  CHECK_FALSE(has_room(two));
  note(many, 0, 32);
  CHECK(has_room(many));
}

TEST_CASE("streams that are left alone for long do not count", "[unit][hardware-queues]") {
  HardwareQueues queues(8);
  note(queues, 0, 20);
  for (int i = 0; i < 64; ++i) queues.count_wait();
  CHECK_FALSE(has_room(queues));
  for (int i = 0; i < 64; ++i) {
    note(queues, 3, 1);
    queues.count_wait();
  }
  CHECK(has_room(queues));
}

TEST_CASE("launches count in the stream that they name, or in their thread's", "[unit][hardware-queues]") {
  HardwareQueues queues(8);
  for (uint32_t thread = 0; thread < 20; ++thread) queues.note_launch(launch_of_graph(0, thread, 0));
  CHECK(has_room(queues));
  SECTION("by its handle") {
    for (uint32_t i = 0; i < 9; ++i) queues.note_launch(launch_of_graph(stream(i), 1, 0));
    CHECK_FALSE(has_room(queues));
  }
  SECTION("as each thread's default") {
    for (uint32_t thread = 0; thread < 9; ++thread)
      queues.note_launch(launch_of_graph(0, thread, ring::kPerThreadStream));
    CHECK_FALSE(has_room(queues));
  }
  SECTION("as each thread's") {
    for (uint32_t thread = 0; thread < 9; ++thread) queues.note_launch(launch_of_graph(2, thread, 0));
    CHECK_FALSE(has_room(queues));
  }
}

TEST_CASE("a command without its stream counts nowhere", "[unit][hardware-queues]") {
  HardwareQueues queues(8);
  note(queues, 0, 8);
  CommandCopy command = launch_of_graph(stream(8), 1, 0);
  command.payload.resize(12);
  queues.note_launch(command);
  command.opcode = api::opcode::cuLaunchKernel;
  queues.note_launch(command);
  command = launch_of_graph(stream(8), 1, 0);
  command.opcode = api::opcode::cuGraphUpload;
  queues.note_launch(command);
  CHECK(has_room(queues));
}

TEST_CASE("few streams have words to be written at a time", "[unit][hardware-queues]") {
  HardwareQueues queues(8);
  std::array<HardwareQueues::Word, 6> word = {};
  for (uint32_t i = 0; i < 4; ++i) {
    CHECK(queues.has_room_for(driver_stream(i)));
    queues.add(driver_stream(i), word[i], 1);
  }
  CHECK_FALSE(queues.has_room_for(driver_stream(4)));
  SECTION("but one that has one may have more") {
    CHECK(queues.has_room_for(driver_stream(2)));
    queues.add(driver_stream(2), word[4], 1);
    // Its first one does not count any more.
    word[2] = 1;
    CHECK_FALSE(queues.has_room_for(driver_stream(4)));
    word[4] = 1;
    CHECK(queues.has_room_for(driver_stream(4)));
  }
  SECTION("until one is written") {
    word[1] = 1;
    CHECK(queues.has_room_for(driver_stream(4)));
  }
  SECTION("until a context dies") {
    queues.forget();
    CHECK(queues.has_room_for(driver_stream(4)));
  }
}

TEST_CASE("a word that has another stream by now has been written for the first", "[unit][hardware-queues]") {
  HardwareQueues queues(8);
  std::array<HardwareQueues::Word, 5> word = {};
  for (uint32_t i = 0; i < 4; ++i) queues.add(driver_stream(i), word[i], 1);
  word[0] = 1;
  queues.add(driver_stream(4), word[0], 2);
  CHECK_FALSE(queues.has_room_for(driver_stream(0)));
  word[0] = 2;
  CHECK(queues.has_room_for(driver_stream(0)));
}

}  // namespace
}  // namespace vgpu::host
