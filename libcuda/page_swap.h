// SPDX-License-Identifier: Apache-2.0
// Puts other pages in the place of the program's, with the same contents, for the transport that registers memory by
// sharing it. The pages may hold the calling thread's own stack, and what other threads use: they wait where they
// write there meanwhile, if the kernel can stop them (userfaultfd); otherwise what they write is lost. Threads: any.
#pragma once

#include "common/fd.h"
#include "common/result.h"

namespace vgpu::guest {

// Copies what lies at `address` into `view` and moves `view` there, which is empty afterwards; on an error it is as
// before.
Result<void> swap_pages(Mapping& view, void* address);

}  // namespace vgpu::guest
