// SPDX-License-Identifier: Apache-2.0
// Rows name exported symbols, so their header needs the internal names of CUDA's.
#ifndef __CUDA_API_VERSION_INTERNAL
#define __CUDA_API_VERSION_INTERNAL
#endif
#include "host/worker/streams_in_use.h"

#include "common/handle.h"
#include "host/worker/session.h"
#include "tests/support/test.h"

namespace vgpu::host {
namespace {

uint64_t stream(uint32_t number) { return handle::make(Kind::stream, handle::kPrimaryContexts + number, 1); }

void note(StreamsInUse& streams, uint32_t first, uint32_t count) {
  for (uint32_t i = first; i < first + count; ++i) streams.note(stream(i), false, 1);
}

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

TEST_CASE("nine streams are more than have a queue of their own", "[unit][streams-in-use]") {
  StreamsInUse streams;
  CHECK_FALSE(streams.are_many());
  note(streams, 0, 8);
  note(streams, 0, 8);
  CHECK_FALSE(streams.are_many());
  note(streams, 8, 1);
  CHECK(streams.are_many());
}

TEST_CASE("streams that are left alone for long do not count", "[unit][streams-in-use]") {
  StreamsInUse streams;
  note(streams, 0, 20);
  for (int i = 0; i < 64; ++i) streams.count_wait();
  CHECK(streams.are_many());
  for (int i = 0; i < 64; ++i) {
    note(streams, 3, 1);
    streams.count_wait();
  }
  CHECK_FALSE(streams.are_many());
}

TEST_CASE("launches count in the stream that they name, or in their thread's", "[unit][streams-in-use]") {
  StreamsInUse streams;
  for (uint32_t thread = 0; thread < 20; ++thread) streams.note_launch(launch_of_graph(0, thread, 0));
  CHECK_FALSE(streams.are_many());
  SECTION("by its handle") {
    for (uint32_t i = 0; i < 9; ++i) streams.note_launch(launch_of_graph(stream(i), 1, 0));
  }
  SECTION("as each thread's default") {
    for (uint32_t thread = 0; thread < 9; ++thread)
      streams.note_launch(launch_of_graph(0, thread, ring::kPerThreadStream));
  }
  SECTION("as each thread's") {
    for (uint32_t thread = 0; thread < 9; ++thread) streams.note_launch(launch_of_graph(2, thread, 0));
  }
  CHECK(streams.are_many());
}

TEST_CASE("a command without its stream counts nowhere", "[unit][streams-in-use]") {
  StreamsInUse streams;
  note(streams, 0, 8);
  CommandCopy command = launch_of_graph(stream(8), 1, 0);
  command.payload.resize(12);
  streams.note_launch(command);
  command.opcode = api::opcode::cuLaunchKernel;
  streams.note_launch(command);
  command = launch_of_graph(stream(8), 1, 0);
  command.opcode = api::opcode::cuGraphUpload;
  streams.note_launch(command);
  CHECK_FALSE(streams.are_many());
}

}  // namespace
}  // namespace vgpu::host
