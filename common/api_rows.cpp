// SPDX-License-Identifier: Apache-2.0
// The rows, and the table behind find_row: rows by opcode.
#include "vgpu/api/rows.h"

#include <array>
#include <tuple>

#include "vgpu/api/call.h"
#include "vgpu/api/sizes.h"

namespace vgpu::api {

namespace arg {
#include "cuda_args.inc"
}

#define API(fn, path, ...)                                                                         \
  namespace spec {                                                                                 \
  constexpr Call fn = [] {                                                                         \
    [[maybe_unused]] constexpr int vgpu_scope_ = 0;                                                \
    using namespace arg::fn;                                                                       \
    return build_call<decltype(::fn)>(                                                             \
        #fn, opcode::fn, Path::path,                                                               \
        std::array<Mark, std::tuple_size_v<decltype(std::make_tuple(__VA_ARGS__))>>{__VA_ARGS__}); \
  }();                                                                                             \
  }
#include "vgpu/api/all.api.h"
#undef API

namespace {

constexpr std::array<const Call*, 1024> build_table() {
  std::array<const Call*, 1024> table = {};
#define API(fn, path, ...) table[opcode::fn] = &spec::fn;
#include "vgpu/api/all.api.h"
#undef API
  return table;
}

constexpr std::array<const Call*, 1024> kRows = build_table();

}  // namespace

const Call* find_row(uint16_t opcode) { return opcode < kRows.size() ? kRows[opcode] : nullptr; }

}  // namespace vgpu::api
