// SPDX-License-Identifier: Apache-2.0
// Special registers (PTX ISA 10) as rows: most are set once for a warp and read like any register; clocks and timers
// are read by an instruction that lowering puts in front. The lowering asks where a register lies; a Block fills the
// rows.
#pragma once

#include <cstdint>
#include <optional>

#include "softgpu/machine/instruction.h"
#include "softgpu/ptx/words.h"

namespace vgpu::soft {

struct LaunchState;
struct Dim3;

// The sink `_`: wide enough for any row.
inline constexpr uint32_t kSinkRow = 0;
inline constexpr uint32_t kSpecialBytes = 8192;

// The row (Operand::special) of a register that does not change while a warp runs. `component`: 0 to 3 for x to w of a
// vector register. Predicates are masks, %gridid and other 64-bit ones are rows of uint64_t.
// `number`: n of %envreg<n>.
std::optional<Operand> find_special_row(ptx::Word word, unsigned component, uint64_t number);

// Whether the register changes while a warp runs; then read_special puts it into row operand[0], `immediate` is its
// Word.
bool is_changing_special(ptx::Word word);
void read_special(Warp& warp, const Instruction& instruction, LaneMask mask);

// Fills all rows of warp number `warp` of a block; then, for each block the warp runs, only those that differ.
void fill_special_rows(std::byte* rows, const LaunchState& launch, uint32_t warp, uint32_t worker);
// `rank`: of the block in its cluster.
void fill_block_rows(std::byte* rows, const LaunchState& launch, const Dim3& block, uint32_t rank);

}  // namespace vgpu::soft
