// SPDX-License-Identifier: Apache-2.0
// Survey: what the PTX of a program asks for and the software GPU's machine does not run. Collects forms of
// instructions ("mma.sync.aligned...") and whole kernels that are refused, with counts and an example. Called by
// main.cpp, one thread.
#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <string_view>

namespace vgpu::survey {

struct Form {
  uint64_t count = 0;               // of instructions in the texts
  std::set<uint32_t> targets;       // 75 of sm_75
  std::set<std::string> functions;  // that use it; mangled names
};

class Survey {
 public:
  // Reads one PTX text. A text that does not parse is a line in refused().
  void add(const std::string& text);

  uint64_t texts() const { return texts_; }
  uint64_t kernels() const { return kernels_; }
  uint64_t instructions() const { return instructions_; }
  // Instruction forms that the opcode table lacks.
  const std::map<std::string, Form>& missing() const { return missing_; }
  // Everything else that keeps a text or kernel from running, by the machine's own message without the line's number.
  const std::map<std::string, Form>& refused() const { return refused_; }

 private:
  void scan(const std::string& text);
  void build_kernels(std::string_view text, uint32_t target);

  uint64_t texts_ = 0, kernels_ = 0, instructions_ = 0;
  std::map<std::string, Form> missing_;
  std::map<std::string, Form> refused_;
};

}  // namespace vgpu::survey
