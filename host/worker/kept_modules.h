// SPDX-License-Identifier: Apache-2.0
// KeptModules: modules that the program has unloaded and the driver has not, because programs that load and unload
// small kernels do it again and again. Loading the same image in the same context gives one of them out. That is sound
// only where nobody can tell it from a new one: the code has no variables, and nobody has set an attribute of its
// functions. The few that are kept are small, and are unloaded when memory runs out (docs/decisions/011). Contexts are
// the guest's handles, modules and functions the driver's. Thread-safe.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace vgpu::host {

class KeptModules {
 public:
  static constexpr size_t kMostKept = 16;
  static constexpr size_t kMostLive = 256;
  static constexpr size_t kMostBytes = 64 << 10;

  // A module that may be kept one day, and what was found in it.
  void loaded(uint64_t context, uint64_t module, std::span<const std::byte> image);
  void found(uint64_t module, std::string_view name, uint64_t function);
  // The answer to a question about the function (wire::kFunctionFacts).
  void told(uint64_t function, std::span<const std::byte> facts);
  // One of its functions is not as it was when it was loaded.
  void changed(uint64_t module);

  // What was found before; 0, or nothing, when the driver is to be asked.
  uint64_t find(uint64_t module, std::string_view name) const;
  std::optional<std::vector<std::byte>> facts_of(uint64_t function) const;

  // The program unloads the module. Returns what the driver is to unload: this one, an older one, or nothing (0).
  uint64_t unload(uint64_t module, bool may_keep);
  bool unloads_nothing(uint64_t module) const;

  // The program loads this image: takes a module of it, 0 when there is none.
  uint64_t revive(uint64_t context, std::span<const std::byte> image);
  bool has(uint64_t context, std::span<const std::byte> image) const;

  // Takes all that are kept in the context, for the driver to unload.
  std::vector<uint64_t> take_all(uint64_t context);
  // The context died, and its modules with it.
  void forget_context(uint64_t context);

 private:
  struct Function {
    uint64_t real = 0;
    std::vector<std::byte> facts;
  };
  struct Module {
    uint64_t context = 0, real = 0;
    std::vector<std::byte> image;
    std::map<std::string, Function, std::less<>> functions;
  };
  std::deque<Module>::const_iterator find_kept(uint64_t context, std::span<const std::byte> image) const;

  mutable std::mutex mutex_;  // guards all below
  std::map<uint64_t, Module> live_;
  std::map<uint64_t, std::pair<uint64_t, std::string>> functions_;  // of live modules: the module, and the name
  std::deque<Module> kept_;                                         // the oldest first
};

}  // namespace vgpu::host
