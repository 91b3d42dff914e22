// SPDX-License-Identifier: Apache-2.0
// A lowered function of one kernel's code, and what a call needs to know. Made by the lowering, immutable afterwards,
// shared by all threads. Every kernel has its own lowered copies of the functions it reaches, because addresses of
// shared variables are constants in them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <string>
#include <vector>

#include "softgpu/machine/instruction.h"

namespace vgpu::soft {

class Warp;

// A parameter or result in a function's parameter area. Each lane has an area of its own in the frame. Unit: bytes.
struct ParameterSlot {
  uint32_t offset = 0;
  uint32_t size = 0;
};

// Memory aligned for rows.
class RowMemory {
 public:
  RowMemory() = default;
  explicit RowMemory(size_t bytes)
      : bytes_(bytes == 0 ? nullptr : static_cast<std::byte*>(::operator new (bytes, std::align_val_t{64}))) {}
  std::byte* data() const { return bytes_.get(); }

 private:
  struct Free {
    void operator()(std::byte* bytes) const { ::operator delete (bytes, std::align_val_t{64}); }
  };
  std::unique_ptr<std::byte, Free> bytes_;
};

struct Function;

// One argument or result of a call: in the caller either a slot of its parameter area or a row.
struct CallValue {
  bool is_row = false;
  ParameterSlot slot;  // !is_row
  Operand row;         // is_row
  uint32_t width = 0;  // is_row: bytes of an element
  bool is_predicate = false;
};

// One `call`. Instruction::immediate points to it.
struct CallSite {
  const Function* callee = nullptr;  // nullptr: indirect, through the row operand[0]
  std::vector<CallValue> results;
  std::vector<CallValue> arguments;
};

// A jump table of brx.idx. Instruction::immediate points to it.
struct JumpTable {
  std::vector<const Instruction*> targets;
  const Instruction* join = nullptr;
};

// What `bra` needs. Instruction::immediate points to it.
struct BranchTarget {
  const Instruction* target = nullptr;
  const Instruction* join = nullptr;  // where the lanes meet again; nullptr: nowhere before they exit
};

// A parameter whose address is taken, to be copied when the function begins. Instruction::immediate points to it.
struct ParameterCopy {
  ParameterSlot slot;
  uint32_t local_offset = 0;  // among the function's local variables
};

struct Function {
  std::string name;
  std::vector<Instruction> code;                 // ends with a return or exit
  std::vector<std::unique_ptr<Operand[]>> wide;  // behind Instruction::more
  std::deque<BranchTarget> branches;             // behind Instruction::immediate, as are the next three
  std::deque<JumpTable> tables;
  std::deque<CallSite> calls;
  std::deque<ParameterCopy> copies;
  RowMemory constants;
  uint32_t frame_bytes = 0;            // rows and predicates
  uint32_t parameter_stride = 0;       // of a lane's parameter area; multiple of 16
  uint32_t local_bytes = 0;            // local variables per lane; multiple of 16
  std::vector<ParameterSlot> results;  // in the parameter area
  std::vector<ParameterSlot> parameters;
  // Device functions that the machine itself provides (vprintf, malloc ...): called instead of `code`, with a parameter
  // area in the current frame.
  void (*builtin)(Warp& warp, const Instruction& instruction, LaneMask mask) = nullptr;

  uint32_t area_offset() const { return (frame_bytes + 63u) & ~63u; }  // parameter areas, in the frame
  uint32_t total_bytes() const { return area_offset() + parameter_stride * kLanes; }
};

}  // namespace vgpu::soft
