// SPDX-License-Identifier: Apache-2.0
// PTX text to syntax tree: what a module and its functions contain, and what is refused how.
#include "softgpu/ptx/parser.h"

#include <algorithm>
#include <cstring>
#include <string>

#include "tests/support/test.h"

using namespace vgpu::soft::ptx;

namespace {

const std::string kHeader = ".version 8.5\n.target sm_90a, debug\n.address_size 64\n";

std::unique_ptr<Module> parsed(const std::string& text) {
  auto module = parse(kHeader + text);
  INFO((module.ok() ? std::string() : module.error().message));
  REQUIRE(module.ok());
  return std::move(module).value();
}

// A kernel around these statements, with some registers declared. Its first line is the text's fifth.
std::string kernel(const std::string& body, const std::string& before = "") {
  return before + ".visible .entry k(.param .u64 p, .param .align 8 .b8 s[24]) {\n" +
         ".reg .b32 %r<10>; .reg .b64 %rd<10>; .reg .f32 %f<10>; .reg .pred %p<4>;\n" + body + "\n}\n";
}

const Function& first_defined(const Module& module) {
  return *std::find_if(module.functions.begin(), module.functions.end(), [](const Function& f) { return f.entry; });
}

ParseError error_of(const std::string& text) {
  auto module = parse(text);
  REQUIRE_FALSE(module.ok());
  return module.error();
}

std::string message_of(const std::string& body) { return error_of(kHeader + kernel(body)).message; }

template <class T>
T initial_at(const Variable& variable, size_t index) {
  T value{};
  REQUIRE(variable.initial.size() >= (index + 1) * sizeof(T));
  std::memcpy(&value, variable.initial.data() + index * sizeof(T), sizeof(T));
  return value;
}

// The operands of the only instruction of a kernel.
struct Single {
  std::unique_ptr<Module> module;
  const Function* function;
  const Instruction* instruction;

  explicit Single(const std::string& body, const std::string& before = "") : module(parsed(kernel(body, before))) {
    function = &first_defined(*module);
    REQUIRE(function->instructions.size() == 1);
    instruction = &function->instructions[0];
  }
  const Operand& operand(size_t i) const { return function->operands_of(*instruction)[i]; }
  const Operand& element(size_t i, size_t j) const { return function->elements_of(operand(i))[j]; }
  std::string register_name(const Operand& operand) const { return function->register_name(operand.index); }
};

uint64_t constant_of(const std::string& expression) {
  return Single("mov.u64 %rd1, " + expression + ";").operand(1).value;
}

}  // namespace

TEST_CASE("the header gives version, target and address size", "[unit]") {
  const auto module = parsed("");
  CHECK(module->version_major == 8);
  CHECK(module->version_minor == 5);
  CHECK(module->target_capability == 90);
  CHECK(module->target_suffix == 'a');
  CHECK(module->debug);
  CHECK(module->address_size == 64);
}

TEST_CASE("a version beyond the newest known is refused as unsupported", "[unit]") {
  const ParseError error = error_of(".version 10.0\n.target sm_90\n");
  CHECK(error.code == CUDA_ERROR_UNSUPPORTED_PTX_VERSION);
  CHECK(error.line == 1);
  CHECK(parse(".version 9.9\n.target sm_90\n").ok());
}

TEST_CASE("text that is not PTX is invalid", "[unit]") {
  CHECK(error_of("hello").code == CUDA_ERROR_INVALID_PTX);
  CHECK(error_of("").message == "line 1: expected '.version' before the end of the text");
}

TEST_CASE("an instruction has opcode, modifiers, guard and line", "[unit]") {
  const Single single("\n@!%p2 mad.lo.s32 %r1, %r2, %r3, -4;");
  CHECK(single.instruction->opcode == Word::mad_);
  CHECK(single.module->instruction_text(*single.function, *single.instruction) == "mad.lo.s32");
  CHECK(single.function->modifiers_of(*single.instruction)[1] == Word::s32_);
  CHECK(single.instruction->guard_negated);
  CHECK(single.function->register_name(single.instruction->guard) == "%p2");
  CHECK(single.instruction->line == 7);
  CHECK(single.register_name(single.operand(0)) == "%r1");
  CHECK(single.operand(3).signed_value() == -4);
}

TEST_CASE("a modifier that no list knows keeps its text", "[unit]") {
  const Single single("mov.fancy::new.u32 %r1, 1;");
  CHECK(single.module->instruction_text(*single.function, *single.instruction) == "mov.fancy::new.u32");
}

TEST_CASE("an unknown instruction is refused unless the text is newer than our list", "[unit]") {
  CHECK(message_of("frobnicate.u32 %r1, 1;") == "line 6: 'frobnicate' is not an instruction");
  CHECK(parse(".version 9.1\n.target sm_90\n" + kernel("frobnicate.u32 %r1, 1;")).ok());
}

TEST_CASE("a module needs a target", "[unit]") {
  CHECK(error_of(".version 8.0\n.global .b32 x;").message == "line 2: expected '.target' before '.global'");
  CHECK(error_of(".version 8.0\n").message == "line 2: expected '.target' before the end of the text");
}

TEST_CASE("registers are numbered densely and keep their type", "[unit]") {
  const auto module = parsed(kernel(".reg .v4 .f32 v; .reg .b16 h; mov.b16 h, 1; mov.f32 v.z, %f3;"));
  const Function& function = first_defined(*module);
  CHECK(function.registers.size() == 10 + 10 + 10 + 4 + 4 + 1);
  const Operand h = function.operands_of(function.instructions[0])[0];
  CHECK(function.registers[h.index].type == Type::b16);
  const Operand z = function.operands_of(function.instructions[1])[0];
  CHECK(z.kind == OperandKind::reg);
  CHECK(function.register_name(z.index) == "v.z");
}

TEST_CASE("a vector register used whole is a vector of its parts", "[unit]") {
  const Single single(".reg .v2 .f32 v; ld.global.v2.f32 v, [%rd1];");
  CHECK(single.operand(0).kind == OperandKind::vector);
  REQUIRE(single.operand(0).count == 2);
  CHECK(single.register_name(single.element(0, 1)) == "v.y");
}

TEST_CASE("an inner scope hides outer registers and labels", "[unit]") {
  const auto module = parsed(kernel("L: { .reg .f32 %r1; mov.f32 %r1, 1.0; bra L; L: bra L; } mov.u32 %r1, 2; bra L;"));
  const Function& function = first_defined(*module);
  const auto operand = [&](size_t i) { return function.operands_of(function.instructions[i])[0]; };
  CHECK(function.registers[operand(0).index].type == Type::f32);
  CHECK(function.registers[operand(3).index].type == Type::b32);
  REQUIRE(function.labels.size() == 2);
  CHECK(operand(1).index == 1);
  CHECK(operand(2).index == 1);
  CHECK(operand(4).index == 0);
  CHECK(function.labels[1].instruction == 2);
}

TEST_CASE("labels are found forwards, out of scopes, but not into them", "[unit]") {
  const auto module = parsed(kernel("{ bra Out; } Out:"));
  const Function& function = first_defined(*module);
  CHECK(function.operands_of(function.instructions[0])[0].kind == OperandKind::label);
  CHECK(function.labels[0].instruction == 1);
  CHECK(message_of("bra In; { In: }") == "line 6: undefined name 'In'");
}

TEST_CASE("addresses have a base and an offset", "[unit]") {
  const Single by_register("ld.global.u32 %r1, [%rd1+-8];");
  CHECK(by_register.operand(1).base == Base::reg);
  CHECK(by_register.operand(1).signed_value() == -8);
  const Single by_parameter("ld.param.u32 %r1, [s+16];");
  CHECK(by_parameter.operand(1).kind == OperandKind::address);
  CHECK(by_parameter.operand(1).base == Base::parameter);
  CHECK(by_parameter.operand(1).index == 1);
  CHECK(by_parameter.operand(1).value == 16);
  const Single by_variable("ld.shared.u32 %r1, [b+4*2];", ".shared .b32 a, b[9];\n");
  CHECK(by_variable.operand(1).base == Base::module);
  CHECK(by_variable.module->symbols[by_variable.operand(1).index].name == "b");
  CHECK(by_variable.operand(1).value == 8);
  const Single absolute("ld.local.u32 %r1, [0x10];");
  CHECK(absolute.operand(1).base == Base::none);
  CHECK(absolute.operand(1).value == 16);
}

TEST_CASE("an indexed array is the address of the element", "[unit]") {
  const Single single("mov.u64 %rd1, a[3];", ".global .v2 .f32 a[8];\n");
  CHECK(single.operand(1).kind == OperandKind::symbol);
  CHECK(single.operand(1).value == 24);
}

TEST_CASE("tuples, vectors, pairs, sinks and negations are operands", "[unit]") {
  const Single texture("tex.2d.v4.f32.f32 {%f1, _, %f3, %f4}, [%rd1, {%f1, %f2}];");
  CHECK(texture.element(0, 1).kind == OperandKind::sink);
  CHECK(texture.operand(1).kind == OperandKind::tuple);
  CHECK(texture.element(1, 0).base == Base::reg);
  CHECK(texture.element(1, 1).kind == OperandKind::vector);
  const Single compare("setp.eq.and.s32 %p1|_, %r1, WARP_SZ, !%p3;");
  CHECK(compare.operand(0).kind == OperandKind::pair);
  CHECK(compare.element(0, 1).kind == OperandKind::sink);
  CHECK(compare.operand(2).value == 32);
  CHECK(compare.operand(3).negated);
}

TEST_CASE("special registers have a component or a number", "[unit]") {
  const Single thread("mov.u32 %r1, %tid.y;");
  CHECK(thread.operand(1).kind == OperandKind::special);
  CHECK(thread.operand(1).special == Word::sr_tid_);
  CHECK(thread.operand(1).selector == Word::y_);
  const Single numbered("mov.u32 %r1, %envreg31;");
  CHECK(numbered.operand(1).special == Word::sr_envreg_);
  CHECK(numbered.operand(1).value == 31);
  const Single counter("mov.u64 %rd1, %pm3_64;");
  CHECK(counter.operand(1).special == Word::sr_pm_64_);
  CHECK(message_of("mov.u32 %r1, %nope;") == "line 6: undefined register '%nope'");
}

TEST_CASE("constant expressions are computed", "[unit]") {
  CHECK(constant_of("(1+2)*3") == 9);
  CHECK(constant_of("1 + 2 << 3") == 24);
  CHECK(constant_of("7 % 4 - -1") == 4);
  CHECK(constant_of("-8 / 3") == static_cast<uint64_t>(-2));
  CHECK(constant_of("(.u64) -1 >> 60") == 15);
  CHECK(constant_of("-16 >> 2") == static_cast<uint64_t>(-4));
  CHECK(constant_of("0 ? 1 : 2 > 1 ? 3 : 4") == 3);
  CHECK(constant_of("!0 && ~0 == -1") == 1);
  CHECK(constant_of("6 & 3 ^ 1 | 8") == 11);
  CHECK(constant_of("1 - 2 - 3") == static_cast<uint64_t>(-4));
  CHECK(message_of("mov.u64 %rd1, 1/0;") == "line 6: division by zero in a constant expression");
}

TEST_CASE("float operands keep their class", "[unit]") {
  const Single single("fma.rn.f32 %f1, 0fBF800000, -1.5, -0f3F800000;");
  CHECK(single.operand(1).kind == OperandKind::float32);
  CHECK(single.operand(1).value == 0xBF800000);
  CHECK(single.operand(2).kind == OperandKind::float64);
  CHECK(single.operand(2).value == 0xBFF8000000000000);
  CHECK(single.operand(3).value == 0xBF800000);
}

TEST_CASE("a call always has results, callee, arguments and targets", "[unit]") {
  const std::string callee = ".func (.param .b32 o) f (.param .b32 a, .reg .b32 b) { ret; }\n";
  const Single direct("call.uni (%r1), f, (%r2, 3);", callee);
  CHECK(direct.instruction->operand_count == 4);
  CHECK(direct.operand(0).count == 1);
  CHECK(direct.operand(1).base == Base::module);
  CHECK(direct.element(2, 1).value == 3);
  CHECK(direct.operand(3).kind == OperandKind::none);
  const Single bare("call f;", callee);
  CHECK(bare.operand(0).count == 0);
  CHECK(bare.operand(2).kind == OperandKind::list);
  const Single indirect(
      "pr: .callprototype (.param .b32 _) _ (.param .b64 _) .noreturn; call (%r1), %rd1, (%rd2), pr;");
  CHECK(indirect.operand(1).kind == OperandKind::reg);
  CHECK(indirect.operand(3).kind == OperandKind::prototype);
  CHECK(indirect.function->prototypes[0].parameters[0].type == Type::b64);
  CHECK(indirect.function->prototypes[0].noreturn);
  const Single listed("t: .calltargets f, f; call (%r1), %rd1, (%r2), t;", callee);
  CHECK(listed.operand(3).kind == OperandKind::call_targets);
  CHECK(listed.function->target_lists[0].targets.size() == 2);
}

TEST_CASE("branch targets are labels", "[unit]") {
  const Single single("A: ts: .branchtargets A, B; brx.idx %r1, ts; B:");
  CHECK(single.operand(1).kind == OperandKind::branch_targets);
  CHECK(single.function->target_lists[0].targets == std::vector<uint32_t>{0, 1});
  CHECK(single.function->labels[1].instruction == 1);
}

TEST_CASE("parameters have spaces, alignment, arrays and pointer hints", "[unit]") {
  const auto module = parsed(".entry k(.param .u64 .ptr .global .align 16 q, .param .align 8 .b8 s[24]) {}\n");
  const auto& parameters = module->functions[0].parameters;
  CHECK(parameters[0].pointer);
  CHECK(parameters[0].pointee_space == Space::global);
  CHECK(parameters[0].pointee_alignment == 16);
  CHECK(parameters[0].alignment == 8);
  CHECK(parameters[1].size == 24);
  CHECK(parameters[1].alignment == 8);
}

TEST_CASE("performance directives are kept", "[unit]") {
  const auto module = parsed(
      ".entry k() .maxntid 128, 2 .minnctapersm 3 .maxnreg 64 .reqnctapercluster 2 .explicitcluster\n"
      ".pragma \"nounroll\"; { ret; }\n");
  const Directives& directives = module->functions[0].directives;
  CHECK(directives.maxntid[0] == 128);
  CHECK(directives.maxntid[1] == 2);
  CHECK(directives.maxntid[2] == 1);
  CHECK(directives.reqntid[0] == 0);
  CHECK(directives.minnctapersm == 3);
  CHECK(directives.maxnreg == 64);
  CHECK(directives.reqnctapercluster[0] == 2);
  CHECK(directives.explicitcluster);
}

TEST_CASE("a declaration and its definition are one function", "[unit]") {
  const auto module = parsed(
      ".visible .func f(.param .b32 a);\n.func g() { call f, (1); }\n.visible .func f(.param .b32 a) { ret; }\n");
  REQUIRE(module->functions.size() == 2);
  CHECK(module->functions[0].name == "f");
  CHECK(module->functions[0].defined);
  CHECK(module->symbols[module->functions[0].symbol].name == "f");
  CHECK_FALSE(parse(kHeader + ".func f() {}\n.func f() {}\n").ok());
}

TEST_CASE("initialisers become bytes", "[unit]") {
  const auto module = parsed(
      ".global .b32 a[2][3] = {{1, 2}, {3}};\n.const .f32 b[] = {1, 1.5, 0f40000000};\n.global .s8 c[2] = {-1, 200};\n"
      ".global .v2 .f64 d = {1.0, 2.0};\n.global .b64 e = -1;\n.global .b8 f[3] = \"ab\";\n.global .b32 g = 1.0;\n");
  const auto& v = module->variables;
  CHECK(v[0].size == 24);
  CHECK(initial_at<uint32_t>(v[0], 1) == 2);
  CHECK(initial_at<uint32_t>(v[0], 3) == 3);
  CHECK(v[1].size == 12);
  CHECK(initial_at<float>(v[1], 0) == 1.0F);
  CHECK(initial_at<float>(v[1], 2) == 2.0F);
  CHECK(initial_at<uint8_t>(v[2], 1) == 200);
  CHECK(v[3].alignment == 16);
  CHECK(initial_at<double>(v[3], 1) == 2.0);
  CHECK(initial_at<int64_t>(v[4], 0) == -1);
  CHECK(initial_at<char>(v[5], 1) == 'b');
  CHECK(initial_at<float>(v[6], 0) == 1.0F);
}

TEST_CASE("addresses in initialisers become relocations", "[unit]") {
  const auto module = parsed(
      ".global .b32 x;\n.func f();\n.global .u64 t[4] = {f, generic(x)+8, 7, x-4};\n"
      ".global .u8 m[2] = {0xFF(x), 0xFF00(generic(x))};\n");
  const Variable& table = module->variables[1];
  REQUIRE(table.relocations.size() == 3);
  CHECK(module->symbols[table.relocations[0].symbol].kind == SymbolKind::function);
  CHECK(table.relocations[1].generic);
  CHECK(table.relocations[1].addend == 8);
  CHECK(table.relocations[1].offset == 8);
  CHECK(table.relocations[2].addend == -4);
  const Variable& bytes = module->variables[2];
  CHECK(bytes.relocations[1].mask == 0xFF00);
  CHECK(bytes.relocations[1].size == 1);
  CHECK(bytes.relocations[1].offset == 1);
}

TEST_CASE("linkage, managed attribute, unsized and numbered variables", "[unit]") {
  const auto module = parsed(kernel(".local .align 16 .b8 depot[40]; .shared .b32 n<3>; mov.u32 %r1, n2;",
                                    ".extern .shared .align 16 .b8 dynamic[];\n"
                                    ".visible .global .attribute(.managed) .s32 m = 3;\n.weak .const .b32 w;\n"));
  CHECK(module->variables[0].unsized);
  CHECK(module->variables[0].linkage == Linkage::external);
  CHECK(module->variables[1].managed);
  CHECK(module->variables[2].linkage == Linkage::weak);
  const Function& function = first_defined(*module);
  CHECK(function.variables[0].alignment == 16);
  CHECK(function.variables.size() == 4);
  const Operand operand = function.operands_of(function.instructions[0])[1];
  CHECK(operand.base == Base::variable);
  CHECK(function.variables[operand.index].number == 2);
}

TEST_CASE("source positions, files, pragmas and debug sections do not disturb", "[unit]") {
  const auto module = parsed(".file 1 \"x.cu\", 17, 42\n" +
                             kernel(".loc 1 3 4\n.pragma \"used_bytes_mask 15\"; ret;\n.loc 1 5 6, function_name "
                                    "$L_i+2, inlined_at 1 2 3\nret;") +
                             ".section .debug_str { $L_i: .b8 1, 2 { .b64 x-y } }\n");
  const Function& function = first_defined(*module);
  CHECK(module->files[0].name == "x.cu");
  REQUIRE(function.locations.size() == 2);
  CHECK(function.locations[1].instruction == 1);
  CHECK(function.locations[1].line == 5);
  CHECK(function.pragmas[0].text == "used_bytes_mask 15");
}

TEST_CASE("an alias names two functions", "[unit]") {
  const auto module = parsed(".func f() { ret; }\n.func g();\n.alias g, f;\n");
  REQUIRE(module->aliases.size() == 1);
  CHECK(module->symbols[module->aliases[0].aliasee].name == "f");
}

TEST_CASE("errors name the line and what was expected", "[unit]") {
  CHECK(message_of("add.s32 %r1, %r2 foo") == "line 6: expected ';' before 'foo'");
  CHECK(message_of("@%r1 ret;") == "line 6: '%r1' is not a predicate");
  CHECK(message_of("call nowhere;") == "line 6: undefined name 'nowhere'");
  CHECK(message_of(".reg .b32 %r<3>;") == "line 6: '%r' is declared twice");
  CHECK(error_of(kHeader + ".entry k() { ret;").message == "line 4: expected '}' before the end of the text");
  CHECK(error_of(kHeader + ".global .b32 a[2] = {1,2,3};").message == "line 4: too many initial values for 'a'");
}

TEST_CASE("deep nesting is refused instead of overflowing the stack", "[unit]") {
  const auto many = [](const char* text) {
    std::string all;
    for (int i = 0; i < 200000; ++i) all += text;
    return all;
  };
  CHECK_FALSE(parse(kHeader + kernel(many("{"))).ok());
  CHECK_FALSE(parse(kHeader + kernel("mov.u32 %r1, " + many("("))).ok());
  CHECK_FALSE(parse(kHeader + kernel("mov.u32 %r1, " + many("-") + "1;")).ok());
  CHECK_FALSE(parse(kHeader + kernel("mov.u32 %r1, " + many("{"))).ok());
  CHECK_FALSE(parse(kHeader + kernel("mov.u32 %r1, " + many("["))).ok());
  CHECK_FALSE(parse(kHeader + kernel("mov.u32 %r1, " + many("1?"))).ok());
  CHECK_FALSE(parse(kHeader + kernel("mov.u32 %r1, " + many("1?2:"))).ok());
  CHECK_FALSE(parse(kHeader + kernel("mov.u32 %r1, " + many("(.s64)"))).ok());
  CHECK_FALSE(parse(kHeader + ".global .b32 a" + many("[1]") + " = " + many("{")).ok());
}

TEST_CASE("sizes that outgrow the text are refused", "[unit]") {
  CHECK_FALSE(parse(kHeader + kernel(".reg .b32 %x<99999999>;")).ok());
  CHECK_FALSE(parse(kHeader + ".global .b8 a[9999999999][9999999999];").ok());
  CHECK_FALSE(parse(kHeader + ".global .b8 a[2][99999999999] = {{1},{2}};").ok());
}

TEST_CASE("every prefix of a module is refused or parsed, never worse", "[unit]") {
  const std::string text =
      kHeader +
      kernel(
          "L: mad.lo.s32 %r1, %r2, (1<<3), 0x10; @%p1 bra L; ld.global.v2.f32 {%f1,%f2}, [%rd1+8];"
          "{ .param .b32 x; call (x), f, (x); }",
          ".func (.param .b32 o) f(.param .b32 a);\n.global .b32 g;\n.global .u64 t[2] = {f, generic(g)+8};\n");
  for (size_t length = 0; length <= text.size(); ++length) {
    const auto module = parse(text.substr(0, length));
    CHECK((module.ok() || !module.error().message.empty()));
  }
}
