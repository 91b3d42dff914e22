// SPDX-License-Identifier: Apache-2.0
// The numbers of the driver API's calls: stable, CUPTI's, each with a row or a reason.
#ifndef __CUDA_API_VERSION_INTERNAL
#define __CUDA_API_VERSION_INTERNAL
#endif
#include <fstream>
#include <map>
#include <set>
#include <string>

#include "tests/support/test.h"
#include "vgpu/api/rows.h"
#include "vgpu/wire.h"

#if __has_include(<cupti_driver_cbid.h>)
#include <cupti_driver_cbid.h>
#define VGPU_HAS_CBID 1
#endif

using namespace vgpu;

TEST_CASE("each opcode belongs to one call, below the private ones", "[unit][rows]") {
  std::map<uint16_t, std::string> owner;
#define VGPU_EXPORT_0(symbol, number) CHECK(owner.emplace(uint16_t{number}, #symbol).second);
#define VGPU_EXPORT_1(symbol, number)
#define VGPU_EXPORT(symbol, base, number, flavour, params, args) VGPU_EXPORT_##flavour(symbol, number)
#include "cuda_exports.inc"
#undef VGPU_EXPORT
#undef VGPU_EXPORT_0
#undef VGPU_EXPORT_1
  CHECK(owner.rbegin()->first < wire::kServedOpcodes);
  for (const auto& [opcode, name] : owner) {
    const Call* call = api::find_row(opcode);
    if (call != nullptr) CHECK(call->name == name);
    if (call != nullptr) CHECK(call->opcode == opcode);
  }
}

#ifdef VGPU_HAS_CBID
TEST_CASE("opcodes are the numbers that CUPTI gives the calls", "[unit][rows]") {
  // A per-thread flavour travels under its base's opcode.
#define VGPU_EXPORT(symbol, base, number, flavour, params, args) CHECK(CUPTI_DRIVER_TRACE_CBID_##base == number);
#include "cuda_exports.inc"
#undef VGPU_EXPORT
}
#endif

TEST_CASE("the lock file names each number once, in order", "[unit][rows]") {
  std::ifstream lock("include/vgpu/api/opcodes.lock");
  if (!lock) SKIP("not run from the project's root");
  std::set<std::string> names;
  int last = -1;
  for (std::string line; std::getline(lock, line);) {
    if (line.empty() || line[0] == '#') continue;
    const size_t space = line.find(' ');
    const int number = std::stoi(line);
    INFO(line);
    CHECK(number > last);
    CHECK(names.insert(line.substr(space + 1)).second);
    last = number;
  }
  CHECK(names.size() > 500);
}

TEST_CASE("every call has either a row or a reason why it is refused", "[unit][rows]") {
  const std::set<std::string> refused = {
#define REFUSE(fn, reason) #fn,
#include "vgpu/api/refused.h"
#undef REFUSE
  };
  std::set<std::string> described;
#define VGPU_EXPORT(symbol, base, opcode, flavour, params, args)            \
  if (flavour == 0) {                                                       \
    INFO(#symbol);                                                          \
    CHECK((api::find_row(opcode) == nullptr) == refused.contains(#symbol)); \
    described.insert(#symbol);                                              \
  }
#include "cuda_exports.inc"
#undef VGPU_EXPORT
  for (const std::string& name : refused) {
    INFO(name);
    CHECK(described.contains(name));
  }
}
