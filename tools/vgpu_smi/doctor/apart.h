// SPDX-License-Identifier: Apache-2.0
// run_apart: does something in a process of its own, which may crash or hang without harm. One thread.
#pragma once

#include <functional>
#include <string>

namespace vgpu::smi::doctor {

struct Answer {
  int status = -1;    // what the work returned; -1: it did not come to that
  std::string words;  // the work's, or what became of its process
};

// `work` returns 0 to 100 and may leave words. It is killed after `seconds`.
Answer run_apart(const std::function<int(std::string& words)>& work, int seconds = 30);

}  // namespace vgpu::smi::doctor
