// SPDX-License-Identifier: Apache-2.0
// Fuzzes what lies behind the PTX parser: any bytes that parse are loaded, each kernel is lowered and run as one block
// of 40 threads. Its parameters are the addresses of a small buffer, which is all of global memory that there is.
// Kernels that could run for long are lowered only: those with a branch backwards, or a call of code of their own.
#include <algorithm>
#include <string>

#include "softgpu/ptx/parser.h"
#include "tests/support/soft_machine.h"

namespace {

using namespace vgpu::soft;

constexpr size_t kBufferBytes = 4096;
constexpr uint64_t kMostMemory = 1 << 20;

// Refuses what a driver would refuse for its size.
class SmallStorage final : public test::TestStorage {
 public:
  using test::TestStorage::TestStorage;
  vgpu::Result<uint64_t, CUresult> allocate(size_t size, size_t alignment, Kind kind) override {
    if (size == 0 || size > kMostMemory || alignment > kBufferBytes) return CUDA_ERROR_OUT_OF_MEMORY;
    return test::TestStorage::allocate(size, alignment, kind);
  }
};

class SmallHeap final : public test::TestHeap {
 public:
  using test::TestHeap::TestHeap;
  uint64_t allocate(size_t size) override {
    return size == 0 || size > kMostMemory ? 0 : test::TestHeap::allocate(size);
  }
};

class Silence final : public OutputSink {
 public:
  void write(std::string_view) override {}
};

bool goes_back(const ptx::Function& function, size_t at, const ptx::Operand& operand) {
  if (operand.kind == ptx::OperandKind::label) return function.labels[operand.index].instruction <= at;
  return operand.kind == ptx::OperandKind::branch_targets;
}

// What an instruction leads to that may take long: earlier instructions, functions of the text, sleep, other kernels.
bool may_repeat(const ptx::Module& module, const ptx::Function& function, size_t at) {
  const ptx::Instruction& instruction = function.instructions[at];
  if (module.instruction_text(function, instruction).starts_with("nanosleep")) return true;
  const auto operands = function.operands_of(instruction);
  if (instruction.opcode == ptx::Word::call_) {
    const ptx::Operand& callee = operands[1];
    if (callee.kind != ptx::OperandKind::symbol || callee.base != ptx::Base::module) return true;
    const ptx::Symbol& symbol = module.symbols[callee.index];
    return symbol.kind != ptx::SymbolKind::function || module.functions[symbol.index].defined ||
           symbol.name.starts_with("cuda");
  }
  return std::any_of(operands.begin(), operands.end(),
                     [&](const ptx::Operand& operand) { return goes_back(function, at, operand); });
}

bool is_short(const std::string& text) {
  const auto module = ptx::parse(text);
  if (!module.ok()) return false;
  for (const ptx::Function& function : module.value()->functions)
    for (size_t i = 0; i < function.instructions.size(); ++i)
      if (may_repeat(*module.value(), function, i)) return false;
  return true;
}

struct Bench {
  MemoryMap map;
  std::unique_ptr<Machine> machine = std::move(Machine::create(map, 1)).value();
  Silence output;
  SmallHeap heap{map};
  SmallStorage storage{map};
};

void run(Bench& bench, const Kernel& kernel, std::vector<std::byte>& buffer) {
  const Kernel::Attributes& needs = kernel.attributes();
  if (kernel.parameter_bytes() > kBufferBytes || needs.static_shared_bytes > 48 << 10) return;
  if (kernel.stack_bytes() > kMostMemory / 64) return;
  std::vector<uint64_t> parameters(kernel.parameter_bytes() / sizeof(uint64_t) + 1,
                                   reinterpret_cast<uint64_t>(buffer.data()));
  Launch launch;
  launch.kernel = &kernel;
  launch.block = {40, 1, 1};
  launch.parameters = std::as_bytes(std::span<const uint64_t>(parameters)).first(kernel.parameter_bytes());
  const auto result = bench.machine->run(launch, Environment{bench.output, bench.heap});
  if (!result.ok() && result.error().code == CUDA_SUCCESS) __builtin_trap();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static Bench& bench = *new Bench;  // its threads run until the end
  const std::string text(reinterpret_cast<const char*>(data), size);
  auto program = Program::load(text, bench.storage, LoadOptions{90});
  if (!program.ok()) {
    if (program.error().code == CUDA_SUCCESS || program.error().log.empty()) __builtin_trap();
    return 0;
  }
  const bool runs = is_short(text);
  std::vector<std::byte> buffer(kBufferBytes);
  bench.map.add(reinterpret_cast<uint64_t>(buffer.data()), kBufferBytes, true);
  for (const std::string& name : program.value()->kernel_names()) {
    const auto kernel = program.value()->get_kernel(name);
    if (kernel.ok() && runs) run(bench, *kernel.value(), buffer);
  }
  bench.map.remove(reinterpret_cast<uint64_t>(buffer.data()));
  return 0;
}
