// SPDX-License-Identifier: Apache-2.0
// The one encoder and the one decoder of calls: they interpret rows (vgpu/call_row.h). The guest encodes requests and
// decodes replies, the worker decodes requests and encodes replies. docs/wire.md shows the bytes.
// Pure functions over their arguments; safe from any thread.
#pragma once

#include <array>
#include <memory>

#include "common/codec/bytes.h"
#include "vgpu/call_row.h"

namespace vgpu::codec {

// Guest: appends the arguments that `argv` points to. False when a sized value's selector is unknown to us, or
// a count is one that no memory holds; the caller reports an invalid value.
bool encode_request(const Call& call, void* const* argv, Writer& writer);

// Guest: told about handles that a successful call made or destroyed.
class HandleObserver {
 public:
  virtual void made(Kind kind, uint64_t handle) = 0;
  virtual void dropped(Kind kind, uint64_t handle) = 0;

 protected:
  ~HandleObserver() = default;
};

// Guest: stores a successful call's results through the caller's pointers. False when the reply is malformed.
bool decode_reply(const Call& call, Reader& reader, void* const* argv, HandleObserver& observer);

// Worker: what handles on the wire stand for.
class HandleMap {
 public:
  // The driver's handle; false when there is no live handle of that kind. Asked about zero only for streams.
  virtual bool resolve(Kind kind, uint64_t wire, uint64_t& real) = 0;
  // A new handle for something the call has made.
  virtual uint64_t add(Kind kind, uint64_t real) = 0;
  // The handle of something that may be known already.
  virtual uint64_t find_or_add(Kind kind, uint64_t real) = 0;
  virtual void drop(Kind kind, uint64_t wire) = 0;

 protected:
  ~HandleMap() = default;
};

// Zeroed temporary memory of one command, with a hard cap; everything is gone when it is.
class Arena {
 public:
  static constexpr size_t kMax = size_t{256} << 20;
  // Null when the cap is reached.
  std::byte* allocate(size_t size);

 private:
  std::vector<std::unique_ptr<std::byte[]>> blocks_;
  size_t used_ = 0;
};

// A decoded call, ready for the typed caller: argv[i] points to the i-th argument.
struct Arguments {
  void* argv[kMaxArguments] = {};
  uint64_t wire_handle[kMaxArguments] = {};  // of handle and drop parameters
  uint64_t capacity[kMaxArguments] = {};     // elements that a reads or writes parameter has room for
};

enum class Decoded { ok, malformed, bad_handle, too_large };

struct DecodeResult {
  Decoded status = Decoded::ok;
  Kind bad_kind = Kind::none;
};

DecodeResult decode_request(const Call& call, Reader& reader, HandleMap& handles, Arena& arena, Arguments& out);
void encode_reply(const Call& call, const Arguments& arguments, HandleMap& handles, Writer& writer);

}  // namespace vgpu::codec
