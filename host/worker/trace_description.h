// SPDX-License-Identifier: Apache-2.0
// Description: a call's message that was written by hand, while it is put into words for a trace. What is cut short has
// none of what follows. Any thread that carries out the call.
#pragma once

#include <algorithm>
#include <span>
#include <string>

#include "common/codec/bytes.h"
#include "host/worker/trace_text.h"

namespace vgpu::host {

// One description: what is being read, and what it says so far.
struct Description {
  Invocation& invocation;
  codec::Reader message, reply;
  TracedCall& traced;

  void say(const char* name, std::string text) { traced.arguments.push_back({name, std::move(text)}); }
  void say(const char* name, uint64_t number) { say(name, std::to_string(number)); }
  void came_out(const char* name, std::string text) { traced.results.push_back({name, std::move(text)}); }
  // The next word of the message: a handle or an address; a number; the first word of the reply.
  void handle(const char* name) {
    const auto value = message.get<uint64_t>();
    if (!message.failed()) say(name, codec::hex_text(value));
  }
  template <class T>
  void number(const char* name) {
    const auto value = message.get<T>();
    if (!message.failed()) say(name, uint64_t{value});
  }
  void made(const char* name) {
    const auto value = reply.get<uint64_t>();
    if (!reply.failed()) came_out(name, codec::hex_text(value));
  }
};

struct DescriptionRow {
  uint16_t opcode;
  void (*describe)(Description&);
};

// Null: none is of this call.
inline const DescriptionRow* find_description(std::span<const DescriptionRow> rows, uint16_t opcode) {
  const auto at =
      std::find_if(rows.begin(), rows.end(), [opcode](const DescriptionRow& one) { return one.opcode == opcode; });
  return at == rows.end() ? nullptr : &*at;
}

inline std::string bytes_text(uint64_t count) { return std::to_string(count) + " bytes"; }

// Where a new node goes (NodePlace), and which one is meant (NodeTarget).
inline void say_place(Description& description) {
  description.handle("hGraph");
  const auto count = description.message.get<uint64_t>();
  description.message.take(count > description.message.left() ? count : count * sizeof(uint64_t));
  if (!description.message.failed()) description.say("numDependencies", count);
}

inline void say_target(Description& description) {
  const auto executable = description.message.get<uint64_t>();
  if (executable != 0) description.say("hGraphExec", codec::hex_text(executable));
  description.handle("hNode");
}

}  // namespace vgpu::host
