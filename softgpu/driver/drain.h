// SPDX-License-Identifier: Apache-2.0
// Waiting for all work of a context without anything else that a synchronising call does (error, printf output, capture
// rules): for calls that take away what queued work may use. Any thread but those that run work.
#pragma once

namespace vgpu::soft {

class Context;

void drain(Context& context);

}  // namespace vgpu::soft
