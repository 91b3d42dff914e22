// SPDX-License-Identifier: Apache-2.0
// The tiled product of f32 matrices as PTX text, as a compiler would write it: 16x16 tiles in shared memory, the inner
// product unrolled. Also the text that the module rows load. Thread-safe.
#pragma once

#include <string>

namespace vgpu::bench {

constexpr int kTile = 16;

// .entry product(c, a, b, n): c = a * b, all n x n, n a multiple of kTile; blocks of kTile x kTile threads.
// `remark` is a comment on top: texts with different remarks are different modules to any cache.
std::string matrix_product_ptx(const std::string& remark = "");

// Instructions between the loop's label and its branch, the branch included: what every warp issues for each pair of
// tiles. Counted in the text; declarations and labels are not instructions.
int instructions_per_tile();

}  // namespace vgpu::bench
