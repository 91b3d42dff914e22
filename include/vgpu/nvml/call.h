// SPDX-License-Identifier: Apache-2.0
// What a row of the NVML table says (include/vgpu/nvml/*.rows.h): a call's name, who answers it, and the shape of its
// parameters. From the shape follow the C declaration (nvml.h), the message to the daemon and its answer
// (common/nvml/reading.h), the exported entry point, and the call of the host's own library. Plain constants.
//
// All parameters of NVML are integers or pointers, at most six, so each travels in a register of its own.
#pragma once

#include <cstdint>
#include <type_traits>

#include "vgpu/nvml/nvml_types.h"

namespace vgpu::nvml {

enum class Path : uint8_t {
  local,        // by the guest's library alone, by hand
  reading,      // by the host's library, or by the software GPU
  share,        // like reading, but the daemon puts this VM's share into the answer
  denied,       // would change the card, which others use: NVML_ERROR_NO_PERMISSION
  unsupported,  // NVML_ERROR_NOT_SUPPORTED
};

enum class Role : uint8_t {
  none,
  device,  // a handle; its index on the wire
  value,   // 32 bits, below `limit`
  out,     // `bytes` bytes of result
  sized,   // a struct of the caller's version: its first word says how many bytes it has (24 bits) and which version;
           // `limit` bytes at least, whatever it says
  text,    // two parameters: a buffer, and its length in a uint32_t; the result ends with NUL
  list,    // two parameters: a count of `bytes`-sized elements, in and out, and their place
  fields,  // two parameters: a count, and as many nvmlFieldValue_t, whose ids are read
};

struct Param {
  Role role = Role::none;
  uint32_t bytes = 0;
  uint32_t limit = 0;  // of a value: the first that is refused with NVML_ERROR_INVALID_ARGUMENT
};

constexpr int kMaxParams = 6;

struct Call {
  const char* name = nullptr;
  Path path = Path::unsupported;
  Param param[kMaxParams] = {};
  uint8_t params = 0;     // how many of `param` are used
  uint8_t arguments = 0;  // of the C function
};

// Caps, so that an answer has a bounded size whatever the host's library says.
constexpr uint32_t kMaxText = 256;
constexpr uint32_t kMaxElements = 1024;
constexpr uint32_t kMaxFields = 256;
constexpr uint32_t kMaxStruct = 16384;
// What of a versioned struct is sent to the host: what the caller says is at the beginning of it.
constexpr uint32_t kMaxInput = 2048;

// A performance metric's names. Texts end with NUL, and are cut where they are longer; empty: it has none.
struct GpmName {
  char short_name[64];
  char long_name[160];
  char unit[32];
};

// --- Marks: the parameters of a row, as types. ---

template <class... T>
struct Types {};

struct Device {
  using C = Types<nvmlDevice_t>;
  static constexpr Param kParam = {Role::device, 0, 0};
};
template <class T, uint32_t kLimit>
struct Value {
  static_assert(sizeof(T) == 4);
  using C = Types<T>;
  static constexpr Param kParam = {Role::value, 4, kLimit};
};
template <class T>
struct Out {
  static_assert(std::is_trivially_copyable_v<T>);
  using C = Types<T*>;
  static constexpr Param kParam = {Role::out, sizeof(T), 0};
};
// `kLeast`: bytes that the call fills without a look at the version.
template <class T, uint32_t kLeast = 0>
struct Sized {
  using C = Types<T*>;
  static constexpr Param kParam = {Role::sized, kMaxStruct, kLeast};
};
struct Text {
  using C = Types<char*, unsigned int>;
  static constexpr Param kParam = {Role::text, kMaxText, 0};
};
// A text whose place has a size that the interface promises.
template <uint32_t kBytes>
struct Buffer {
  using C = Types<char*>;
  static constexpr Param kParam = {Role::out, kBytes, 0};
};
template <class T>
struct List {
  using C = Types<unsigned int*, T*>;
  static constexpr Param kParam = {Role::list, sizeof(T), 0};
};
struct Fields {
  using C = Types<int, nvmlFieldValue_t*>;
  static constexpr Param kParam = {Role::fields, sizeof(nvmlFieldValue_t), 0};
};
// A parameter of a call that never leaves the guest's library: any C type.
template <class T>
struct Plain {
  using C = Types<T>;
  static constexpr Param kParam = {Role::none, 0, 0};
};

template <class... Lists>
struct Joined;
template <class... A>
struct Joined<Types<A...>> {
  using Function = nvmlReturn_t(A...);
  static constexpr int kCount = sizeof...(A);
};
template <class... A, class... B, class... Rest>
struct Joined<Types<A...>, Types<B...>, Rest...> : Joined<Types<A..., B...>, Rest...> {};

// The C function type of a row's marks.
template <class... Marks>
using Function = typename Joined<Types<>, typename Marks::C...>::Function;

template <class... Marks>
constexpr Call make_call(const char* name, Path path) {
  using All = Joined<Types<>, typename Marks::C...>;
  static_assert(All::kCount <= kMaxParams, "NVML has no call with so many parameters");
  Call call = {name, path, {}, 0, All::kCount};
  ((call.param[call.params++] = Marks::kParam), ...);
  return call;
}

}  // namespace vgpu::nvml
