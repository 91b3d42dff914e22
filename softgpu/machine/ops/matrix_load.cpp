// SPDX-License-Identifier: Apache-2.0
// ldmatrix, stmatrix and movmatrix (PTX ISA 9.7.14.5.15 to 9.7.14.5.17): 8x8 matrices of 16-bit elements between shared
// memory and fragments. Lane l of a fragment has elements 2 (l % 4) and the next of row l / 4.
#include "softgpu/machine/ops/matrix.h"
#include "softgpu/machine/ops/memory_access.h"

namespace vgpu::soft::VGPU_ISA {
namespace {

constexpr uint8_t kCountMask = 7, kTranspose = 8, kGeneric = 16, kWide = 32;  // aux

using Matrix = uint16_t[8][8];

// The rows' addresses come from lanes 8 m to 8 m + 7 for matrix m; each row has 16 bytes.
bool find_rows(Warp& warp, const Instruction& instruction, Operand base, bool write, std::byte** rows) {
  const unsigned lanes = (instruction.aux & kCountMask) * 8;
  const LaneMask mask = lanes == kLanes ? kAllLanes : (LaneMask{1} << lanes) - 1;
  Addresses addresses;
  if ((instruction.aux & kWide) != 0) load_addresses<uint64_t>(warp, instruction, base, addresses);
  else load_addresses<uint32_t>(warp, instruction, base, addresses);
  const Space space = (instruction.aux & kGeneric) != 0 ? Space::generic : Space::shared;
  return resolve_lanes(warp, instruction, mask, space, addresses.at, 16, write, rows);
}

// The fragment register of a matrix, and the way back.
void distribute(const Matrix& matrix, bool transpose, uint32_t* out) {
  for (unsigned i = 0; i < kLanes; ++i) {
    const unsigned row = i / 4, column = i % 4 * 2;
    const uint16_t low = transpose ? matrix[column][row] : matrix[row][column];
    const uint16_t high = transpose ? matrix[column + 1][row] : matrix[row][column + 1];
    out[i] = low | uint32_t{high} << 16;
  }
}
void collect(const uint32_t* in, bool transpose, Matrix& matrix) {
  for (unsigned i = 0; i < kLanes; ++i) {
    const unsigned row = i / 4, column = i % 4 * 2;
    (transpose ? matrix[column][row] : matrix[row][column]) = static_cast<uint16_t>(in[i]);
    (transpose ? matrix[column + 1][row] : matrix[row][column + 1]) = static_cast<uint16_t>(in[i] >> 16);
  }
}

void complete_load(Warp& warp, const Instruction& instruction, LaneMask mask, LaneMask) {
  const unsigned count = instruction.aux & kCountMask;
  std::byte* rows[kLanes];
  if (!find_rows(warp, instruction, instruction.at(count), false, rows)) return;
  for (unsigned m = 0; m < count; ++m) {
    Matrix matrix;
    for (unsigned row = 0; row < 8; ++row) std::memcpy(matrix[row], rows[m * 8 + row], sizeof matrix[row]);
    uint32_t fragment[kLanes];
    distribute(matrix, (instruction.aux & kTranspose) != 0, fragment);
    for_lanes(mask, warp.row<uint32_t>(instruction.at(m)), [&](unsigned i) { return fragment[i]; });
  }
}

void complete_store(Warp& warp, const Instruction& instruction, LaneMask, LaneMask) {
  const unsigned count = instruction.aux & kCountMask;
  std::byte* rows[kLanes];
  if (!find_rows(warp, instruction, instruction.at(0), true, rows)) return;
  for (unsigned m = 0; m < count; ++m) {
    Matrix matrix;
    collect(warp.row<uint32_t>(instruction.at(1 + m)), (instruction.aux & kTranspose) != 0, matrix);
    for (unsigned row = 0; row < 8; ++row) std::memcpy(rows[m * 8 + row], matrix[row], sizeof matrix[row]);
  }
}

void complete_move(Warp& warp, const Instruction& instruction, LaneMask mask, LaneMask) {
  Matrix matrix;
  uint32_t fragment[kLanes];
  collect(warp.row<uint32_t>(instruction.operand[1]), false, matrix);
  distribute(matrix, true, fragment);
  for_lanes(mask, warp.row<uint32_t>(instruction.operand[0]), [&](unsigned i) { return fragment[i]; });
}

void ldmatrix(Warp& warp, const Instruction& instruction, LaneMask mask) {
  with_whole_warp(warp, instruction, mask, complete_load);
}
void stmatrix(Warp& warp, const Instruction& instruction, LaneMask mask) {
  with_whole_warp(warp, instruction, mask, complete_store);
}
void movmatrix(Warp& warp, const Instruction& instruction, LaneMask mask) {
  with_whole_warp(warp, instruction, mask, complete_move);
}

struct Form {
  unsigned count = 0;
  uint8_t aux = 0;
};

// .sync.aligned.m8n8.num{.trans}{.shared}.b16
Form take_form(Choice& choice) {
  static constexpr const char* kCounts[] = {"x1", "x2", "x4"};
  static constexpr const char* kShared[] = {"shared", "shared::cta"};
  Form form;
  if (!choice.take("sync") || !choice.take("aligned") || !choice.take("m8n8")) return form;
  const int count = choice.take_one(kCounts);
  if (count < 0) return form;
  form.count = 1u << count;
  form.aux = static_cast<uint8_t>(form.count);
  if (choice.take("trans")) form.aux |= kTranspose;
  if (choice.take_one(kShared) < 0) form.aux |= kGeneric;
  if (choice.take_type() != Type::b16) form.count = 0;
  return form;
}

void set_address(Choice& choice, Form form) {
  const bool wide = choice.address() == 64;
  choice.set_aux(static_cast<uint8_t>(form.aux | (wide ? kWide : 0)));
}

Handler choose_ldmatrix(Choice& choice) {
  const Form form = take_form(choice);
  if (form.count == 0) return nullptr;
  choice.results(Type::b32, form.count);
  set_address(choice, form);
  return ldmatrix;
}

Handler choose_stmatrix(Choice& choice) {
  const Form form = take_form(choice);
  if (form.count == 0) return nullptr;
  set_address(choice, form);
  choice.sources(Type::b32, form.count);
  return stmatrix;
}

Handler choose_movmatrix(Choice& choice) {
  if (!choice.take("sync") || !choice.take("aligned") || !choice.take("m8n8") || !choice.take("trans")) return nullptr;
  if (choice.take_type() != Type::b16) return nullptr;
  choice.result(Type::b32);
  choice.source(Type::b32);
  return movmatrix;
}

constexpr OpcodeRow kRows[] = {
    {"ldmatrix", kAnyType, choose_ldmatrix, "9.7.14.5.15"},
    {"stmatrix", kAnyType, choose_stmatrix, "9.7.14.5.16"},
    {"movmatrix", kAnyType, choose_movmatrix, "9.7.14.5.17"},
};

}  // namespace
VGPU_SOFT_ROWS(matrix_load, kRows)
}  // namespace vgpu::soft::VGPU_ISA
