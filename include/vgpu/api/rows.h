// SPDX-License-Identifier: Apache-2.0
// All rows of the driver API: vgpu::api::spec::<call> for each described call, and row_of<opcode>, which is null for
// a call that nobody has described yet (it is refused).
#pragma once

#include "vgpu/api/call.h"
#include "vgpu/api/sizes.h"

namespace vgpu::api {

namespace arg {
#include "cuda_args.inc"
}

// The opcode of every call, whether it has a row or not.
namespace opcode {
#define VGPU_EXPORT(symbol, base, number, flavour, params, args) inline constexpr uint16_t symbol = number;
#include "cuda_exports.inc"
#undef VGPU_EXPORT
}  // namespace opcode

template <uint16_t opcode>
inline constexpr const Call* row_of = nullptr;

#define API(fn, path, ...)                                                                         \
  namespace spec {                                                                                 \
  inline constexpr Call fn = [] {                                                                  \
    [[maybe_unused]] constexpr int vgpu_scope_ = 0;                                                \
    using namespace arg::fn;                                                                       \
    return build_call<decltype(::fn)>(                                                             \
        #fn, opcode::fn, Path::path,                                                               \
        std::array<Mark, std::tuple_size_v<decltype(std::make_tuple(__VA_ARGS__))>>{__VA_ARGS__}); \
  }();                                                                                             \
  }                                                                                                \
  template <>                                                                                      \
  inline constexpr const Call* row_of<opcode::fn> = &spec::fn;

#include "vgpu/api/array.api.h"
#include "vgpu/api/context.api.h"
#include "vgpu/api/device.api.h"
#include "vgpu/api/event.api.h"
#include "vgpu/api/execution.api.h"
#include "vgpu/api/graph.api.h"
#include "vgpu/api/green_context.api.h"
#include "vgpu/api/library.api.h"
#include "vgpu/api/memory.api.h"
#include "vgpu/api/module.api.h"
#include "vgpu/api/multicast.api.h"
#include "vgpu/api/pool.api.h"
#include "vgpu/api/process.api.h"
#include "vgpu/api/stream.api.h"
#include "vgpu/api/tensor_map.api.h"
#include "vgpu/api/texture.api.h"
#include "vgpu/api/virtual_memory.api.h"

#undef API

// The row of an opcode that is known only at run time; null when there is none.
const Call* find_row(uint16_t opcode);

}  // namespace vgpu::api
