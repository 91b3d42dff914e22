// SPDX-License-Identifier: Apache-2.0
// RowArguments: random arguments for any row, by the roles of its parameters, as a program would hand them over.
// MirrorHandles: a handle map in which the driver's handle is the guest's with some bits turned over, so that a test
// can tell the two apart and knows each from the other. One test owns each.
#pragma once

#include <algorithm>
#include <array>
#include <cstring>
#include <string>
#include <vector>

#include "common/codec/call_codec.h"
#include "common/handle.h"

namespace vgpu::test {

// Reproducible numbers (splitmix64).
class Random {
 public:
  explicit Random(uint64_t seed) : state_(seed) {}
  uint64_t next() {
    uint64_t z = state_ += 0x9e3779b97f4a7c15;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
    z = (z ^ z >> 27) * 0x94d049bb133111eb;
    return z ^ z >> 31;
  }
  uint64_t below(uint64_t limit) { return next() % limit; }
  void fill(std::byte* to, size_t size) {
    for (size_t i = 0; i < size; ++i) to[i] = static_cast<std::byte>(next());
  }
  uint64_t handle(Kind kind) {
    return handle::make(kind, 1 + static_cast<uint32_t>(below(1000)), 1 + static_cast<uint32_t>(below(1000)));
  }

 private:
  uint64_t state_;
};

constexpr uint64_t kMirror = uint64_t{0x5a5a} << 48;

class MirrorHandles final : public codec::HandleMap {
 public:
  bool resolve(Kind kind, uint64_t wire, uint64_t& real) override {
    real = wire == 0 ? 0 : wire ^ kMirror;
    return wire == 0 || handle::kind_of(wire) == kind;
  }
  uint64_t add(Kind, uint64_t real) override { return real ^ kMirror; }
  uint64_t find_or_add(Kind, uint64_t real) override { return real ^ kMirror; }
  void drop(Kind, uint64_t wire) override { dropped.push_back(wire); }

  std::vector<uint64_t> dropped;
};

class RecordingObserver final : public codec::HandleObserver {
 public:
  void made(Kind, uint64_t wire) override { made_handles.push_back(wire); }
  void dropped(Kind, uint64_t wire) override { dropped_handles.push_back(wire); }
  std::vector<uint64_t> made_handles, dropped_handles;
};

inline bool is_pointer(Role role) { return role != Role::value && role != Role::handle && role != Role::drop; }
inline bool has_elements(Role role) { return role == Role::reads || role == Role::writes; }
inline bool is_sized(Role role) { return role == Role::sized_in || role == Role::sized_out; }

class RowArguments {
 public:
  static constexpr uint64_t kMaxElements = 5;

  // `absent`: a bit per pointer parameter that is NULL.
  RowArguments(const Call& call, Random& random, uint32_t absent = 0) : call_(&call) {
    for (int i = 0; i < call.argc; ++i) make_cell(i, random);
    for (int i = 0; i < call.argc; ++i)
      if (is_pointer(call.param[i].role)) make_buffer(i, random, (absent >> i & 1) != 0);
    for (int i = 0; i < call.argc; ++i) {
      if (has_elements(call.param[i].role)) make_elements(i, random);
      if (is_sized(call.param[i].role)) choose_selector(i, random);
    }
  }

  void* const* argv() { return argv_.data(); }
  std::vector<std::byte>& cell(int i) { return cell_[i]; }
  std::vector<std::byte>& buffer(int i) { return buffer_[i]; }
  bool is_null(int i) const {
    void* pointer = nullptr;
    std::memcpy(&pointer, cell_[i].data(), sizeof pointer);
    return pointer == nullptr;
  }
  uint64_t number(int i) const { return load(cell_[i], call_->param[i].size); }
  // The elements of a reads or writes parameter, as its count argument has it.
  uint64_t count(int i) const {
    const Param& param = call_->param[i];
    if (!param.count_is_pointer) return load(cell_[param.count_arg], param.count_size);
    return is_null(param.count_arg) ? 0 : load(buffer_[param.count_arg], param.count_size);
  }
  uint32_t sized_bytes(int i) const {
    return call_->param[i].size_of(static_cast<int32_t>(load(cell_[call_->param[i].count_arg], 4)));
  }

 private:
  static uint64_t load(const std::vector<std::byte>& from, size_t size) {
    uint64_t value = 0;
    std::memcpy(&value, from.data(), std::min(size, sizeof value));
    return value;
  }

  void make_cell(int i, Random& random) {
    const Param& param = call_->param[i];
    cell_[i].resize(std::max<size_t>(param.size, 8));
    argv_[i] = cell_[i].data();
    if (param.role == Role::value) random.fill(cell_[i].data(), param.size);
    if (param.role != Role::handle && param.role != Role::drop) return;
    // A handle parameter may be empty; what is destroyed exists.
    const bool empty = param.role == Role::handle && random.below(8) == 0;
    const uint64_t wire = empty ? 0 : random.handle(param.kind);
    std::memcpy(cell_[i].data(), &wire, sizeof wire);
  }

  void make_buffer(int i, Random& random, bool absent) {
    const Param& param = call_->param[i];
    if (absent || param.role == Role::unused || param.role == Role::hand) return;
    buffer_[i].resize(std::max<size_t>({param.size, 8, kMaxElements * param.size}));
    random.fill(buffer_[i].data(), buffer_[i].size());
    if (param.role == Role::cstr) {
      const std::string text(random.below(30), static_cast<char>('a' + random.below(26)));
      buffer_[i].resize(text.size() + 1);
      std::memcpy(buffer_[i].data(), text.c_str(), text.size() + 1);
    }
    void* const pointer = buffer_[i].data();
    std::memcpy(cell_[i].data(), &pointer, sizeof pointer);
  }

  // Arrays that share a count get the same one: the first decides.
  void make_elements(int i, Random& random) {
    const Param& param = call_->param[i];
    auto& home = param.count_is_pointer ? buffer_[param.count_arg] : cell_[param.count_arg];
    if (!counted_[param.count_arg] && !home.empty()) {
      const uint64_t count = random.below(kMaxElements + 1);
      std::memcpy(home.data(), &count, param.count_size);
      counted_[param.count_arg] = true;
    }
    if (param.kind == Kind::none || param.role != Role::reads || is_null(i)) return;
    for (uint64_t e = 0; e < kMaxElements; ++e) {
      const uint64_t wire = random.below(8) == 0 ? 0 : random.handle(param.kind);
      std::memcpy(buffer_[i].data() + e * param.size, &wire, sizeof wire);
    }
  }

  void choose_selector(int i, Random& random) {
    const Param& param = call_->param[i];
    int32_t selector = 0;
    do selector = static_cast<int32_t>(random.below(64));
    while (param.size_of(selector) == 0);
    std::memcpy(cell_[param.count_arg].data(), &selector, sizeof selector);
  }

  const Call* call_;
  std::array<void*, kMaxArguments> argv_ = {};
  std::array<std::vector<std::byte>, kMaxArguments> cell_;    // the argument itself
  std::array<std::vector<std::byte>, kMaxArguments> buffer_;  // what a pointer points to
  std::array<bool, kMaxArguments> counted_ = {};
};

}  // namespace vgpu::test
