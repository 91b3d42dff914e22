// SPDX-License-Identifier: Apache-2.0
// fmt's code, once, so that vgpu-smi needs no libfmt where it runs: a guest of any distribution. Debian has no static
// library of it. The functions are inline here, and stay because something points at them.
#define FMT_HEADER_ONLY
#include <fmt/core.h>

namespace vgpu::smi {

[[gnu::used]] std::string (*const kFormat)(fmt::string_view, fmt::format_args) = fmt::vformat;
[[gnu::used]] void (*const kPrint)(std::FILE*, fmt::string_view, fmt::format_args) = fmt::vprint;
[[gnu::used]] void (*const kPrintOut)(fmt::string_view, fmt::format_args) = fmt::vprint;

}  // namespace vgpu::smi
