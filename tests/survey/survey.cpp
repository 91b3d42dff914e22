// SPDX-License-Identifier: Apache-2.0
#include "tests/survey/survey.h"

#include <cstdlib>
#include <memory>
#include <unordered_map>

#include "softgpu/machine/choice_source.h"
#include "softgpu/machine/program.h"
#include "softgpu/ptx/parser.h"

namespace vgpu::survey {
namespace {

using soft::Choice;
using soft::ptx::Word;

// Lowering itself takes these to pieces; they have no row in the opcode table.
bool is_control(Word opcode) {
  switch (opcode) {
    case Word::bra_:
    case Word::brx_:
    case Word::call_:
    case Word::ret_:
    case Word::exit_:
    case Word::trap_:
    case Word::brkpt_:
    case Word::nanosleep_:
    case Word::pmevent_:
    case Word::alloca_:
    case Word::stacksave_:
    case Word::stackrestore_: return true;
    default: return false;
  }
}

// Module variables are only placed, never used: no kernel runs here.
class HostStorage : public soft::Storage {
 public:
  Result<uint64_t, CUresult> allocate(size_t size, size_t alignment, Kind) override {
    const size_t step = alignment < 64 ? 64 : alignment;
    void* memory = std::aligned_alloc(step, (size / step + 1) * step);
    if (memory == nullptr) return CUDA_ERROR_OUT_OF_MEMORY;
    return reinterpret_cast<uint64_t>(memory);
  }
  void release(uint64_t address) override { std::free(reinterpret_cast<void*>(address)); }
};

bool has_handler(const soft::ptx::Module& module, const soft::ptx::Function& function,
                 const soft::ptx::Instruction& instruction) {
  Choice::Source source;
  source.opcode = std::string(module.word_text(instruction.opcode));
  for (const Word word : function.modifiers_of(instruction)) source.modifiers.push_back(module.word_text(word));
  source.function = &function;
  source.operands = function.operands_of(instruction);
  source.entry = function.entry;
  Choice choice(source);
  bool mismatch = false;
  return soft::choose_handler(source, choice, mismatch) != nullptr;
}

void count(std::map<std::string, Form>& forms, const std::string& name, uint32_t target, std::string_view function) {
  Form& form = forms[name];
  ++form.count;
  form.targets.insert(target);
  form.functions.emplace(function);
}

// "line 17: what" -> "what": the same reason on another line is the same reason.
std::string without_line(const std::string& log) {
  const size_t colon = log.starts_with("line ") ? log.find(": ") : std::string::npos;
  return colon == std::string::npos ? log : log.substr(colon + 2);
}

}  // namespace

void Survey::add(const std::string& text) {
  ++texts_;
  scan(text);
}

void Survey::scan(const std::string& text) {
  auto parsed = soft::ptx::parse(text);
  if (!parsed) {
    count(refused_, without_line(parsed.error().message), 0, "(text)");
    return;
  }
  const soft::ptx::Module& module = **parsed;
  for (const soft::ptx::Function& function : module.functions) {
    for (const soft::ptx::Instruction& instruction : function.instructions) {
      ++instructions_;
      if (is_control(instruction.opcode) || has_handler(module, function, instruction)) continue;
      count(missing_, module.instruction_text(function, instruction), module.target_capability, function.name);
    }
  }
  build_kernels(text, module.target_capability);
}

void Survey::build_kernels(std::string_view text, uint32_t target) {
  HostStorage storage;
  auto program = soft::Program::load(text, storage, {static_cast<int>(target)});
  if (!program) {
    count(refused_, without_line(program.error().log), target, "(text)");
    return;
  }
  for (const std::string& name : (*program)->kernel_names()) {
    ++kernels_;
    auto kernel = (*program)->get_kernel(name);
    if (!kernel) count(refused_, without_line(kernel.error().log), target, name);
  }
}

}  // namespace vgpu::survey
