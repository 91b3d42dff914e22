// SPDX-License-Identifier: Apache-2.0
// What a name means while a function is parsed: a hash table with { } scopes, in which an inner declaration hides an
// outer one until its scope closes. Used by the parser only; one per parse, one thread.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

namespace vgpu::soft::ptx {

enum class Meaning : uint8_t {
  none,
  reg,
  variable,
  parameter,
  result,
  module_symbol,
  label,
  prototype,
  call_targets,
  branch_targets,
};

struct Binding {
  Meaning meaning = Meaning::none;
  uint32_t index = 0;  // of the first, for a numbered name
  uint32_t count = 1;  // how many numbers a numbered name (`%r<100>`) has
  uint32_t scope = 0;  // depth of the scope that declared it
};

class NameTable {
 public:
  // Returns false when the innermost scope has the name already. `binding.scope` is set here.
  bool declare(std::string_view name, Binding binding);

  // What the name means now, or nullptr. Valid until the next declare or close_scope.
  const Binding* find(std::string_view name) const;

  uint32_t depth() const { return static_cast<uint32_t>(scopes_.size()); }
  void open_scope() { scopes_.push_back(static_cast<uint32_t>(entries_.size())); }
  void close_scope();
  void clear();  // forgets everything; keeps the memory

 private:
  struct Slot {
    std::string_view name;       // empty data: the slot is free
    uint32_t head = UINT32_MAX;  // newest entry of this name
  };
  struct Entry {
    Binding binding;
    uint32_t slot = 0;
    uint32_t hidden = UINT32_MAX;  // the entry that this one hides
  };

  uint32_t find_slot(std::string_view name) const;
  void grow();

  std::vector<Slot> slots_ = std::vector<Slot>(64);
  std::vector<uint32_t> used_;    // slots that are not free
  std::vector<Entry> entries_;    // by age
  std::vector<uint32_t> scopes_;  // number of entries when each scope opened
};

}  // namespace vgpu::soft::ptx
