// SPDX-License-Identifier: Apache-2.0
// Reading: an NVML call on its way from a guest's library to the host's, and its result back. One interpreter of rows
// for both ends; it checks every length, whoever the sender is. Stateless but for Prepared, which has one owner.
//
// Request: u32 report::Kind::reading, string name, then each parameter: device: u32 index; value: u32; sized: u32
// bytes, the struct; fields: u32 count, (u32 field, u32 scope) each; nothing for others.
// Answer: i32 nvmlReturn_t; if it is a success, each result: out: its bytes; sized: as many as came; text: string;
// list: u32 count, elements; fields: nvmlFieldValue_t each.
#pragma once

#include <optional>
#include <vector>

#include "common/codec/bytes.h"
#include "common/nvml/calls.h"

namespace vgpu::nvml {

// A parameter of a C function as it travels in a register.
using Word = uint64_t;

// --- The guest's end. argv[i]: the i-th argument of the C function. ---

// NVML_ERROR_INVALID_ARGUMENT for what no driver would accept: null pointers, values out of range.
nvmlReturn_t check_arguments(const Call& call, const Word* argv);
// `index_of` translates handles, which check_arguments does not look at.
void put_request(const Call& call, const Word* argv, uint32_t (*index_of)(nvmlDevice_t), codec::Writer& request);
// Stores the results through the caller's pointers. NVML_ERROR_UNKNOWN when the answer makes no sense: nothing, or
// some of it, is stored then.
nvmlReturn_t take_answer(const Call& call, const Word* argv, codec::Reader& answer);

// --- The host's end. ---

// What a request names, before its parameters.
struct Named {
  const Call* call = nullptr;  // null: no such call
  codec::Reader parameters;
};
// Nothing: not a reading at all. `request` begins with the kind.
std::optional<Named> read_name(std::span<const std::byte> request);

// The arguments of one call, and room for what it returns.
class Prepared {
 public:
  // Nothing: malformed.
  static std::optional<Prepared> create(const Call& call, codec::Reader& parameters);

  const Call& call() const { return *call_; }
  // Indices of devices, in the order of the parameters.
  const std::vector<uint32_t>& devices() const { return devices_; }
  uint32_t value(int parameter) const { return static_cast<uint32_t>(argv_[first_[parameter]]); }
  // kMaxParams arguments; those of devices are to be set first.
  Word* argv();
  void set_device(size_t which, Word handle);
  // Where the result of a parameter is: out, sized, list (the elements), text, fields.
  std::byte* storage(int parameter) { return storage_[parameter].data(); }
  size_t storage_bytes(int parameter) const { return size_[parameter]; }
  // Of a list: what the call said, or is to say.
  uint32_t& count(int parameter) { return count_[parameter]; }

  void put_answer(nvmlReturn_t result, codec::Writer& answer) const;

 private:
  explicit Prepared(const Call& call) : call_(&call) {}
  bool take_parameter(int parameter, int argument, codec::Reader& parameters);
  void make_room(int parameter);
  void point_at_storage();

  const Call* call_;
  Word argv_[kMaxParams] = {};
  int first_[kMaxParams] = {};  // the C argument with which a parameter begins
  std::vector<uint32_t> devices_;
  std::vector<int> device_arguments_;
  std::vector<std::byte> storage_[kMaxParams];
  size_t size_[kMaxParams] = {};  // of what is in it; the storage has room behind that
  uint32_t count_[kMaxParams] = {};
};

// A refusal without results.
void put_refusal(nvmlReturn_t result, codec::Writer& answer);

}  // namespace vgpu::nvml
