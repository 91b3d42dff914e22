// SPDX-License-Identifier: Apache-2.0
// load_here: what a second process of the module rows does, which is this binary, started anew.
#pragma once

namespace vgpu::bench {

// Loads the text with this remark, which another process has loaded, and says on standard output how many seconds it
// took. The process's exit status.
int load_here(const char* remark);

}  // namespace vgpu::bench
