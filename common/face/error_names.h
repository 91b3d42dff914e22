// SPDX-License-Identifier: Apache-2.0
// Names and short descriptions of errors. The names come from the toolkit's header at build time. The descriptions are
// the toolkit's runtime library's (tools/error_texts.cpp): both APIs number alike what both can report. What that
// library has no words for is described in ours. All are constants with static storage; pure, callable from any thread
// and before cuInit.
#pragma once

namespace vgpu::face {

// "CUDA_ERROR_INVALID_VALUE" for 1, or NULL for a code that the header does not know.
const char* error_name(int code) noexcept;

// "invalid argument" for 1, or NULL for a code that neither API has.
const char* error_text(int code) noexcept;

}  // namespace vgpu::face
