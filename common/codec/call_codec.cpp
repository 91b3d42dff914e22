// SPDX-License-Identifier: Apache-2.0
#include "common/codec/call_codec.h"

#include <algorithm>
#include <memory>

namespace vgpu::codec {
namespace {

// An argument is reached through a pointer to its storage, whatever its type; memcpy is the only access.
uint64_t load_unsigned(const void* from, size_t size) {
  uint64_t value = 0;
  std::memcpy(&value, from, std::min(size, sizeof value));
  return value;
}

void* load_pointer(const void* argument) {
  void* pointer = nullptr;
  std::memcpy(&pointer, argument, sizeof pointer);
  return pointer;
}

// The element count of a reads or writes parameter; a missing pointer to the count counts as zero.
uint64_t load_count(const Param& param, void* const* argv) {
  const void* source = argv[param.count_arg];
  if (param.count_is_pointer) source = load_pointer(source);
  return source == nullptr ? 0 : load_unsigned(source, param.count_size);
}

int64_t load_selector(const Param& param, void* const* argv) {
  return static_cast<int32_t>(load_unsigned(argv[param.count_arg], 4));
}

bool has_handle_elements(const Param& param) { return param.kind != Kind::none; }

// A count that is no count must not make us look for memory, or read any.
bool encode_elements(const Param& param, const void* data, uint64_t count, Writer& writer) {
  if (param.size != 0 && count > Arena::kMax / param.size) return false;
  writer.put(count);
  writer.bytes(data, static_cast<size_t>(count) * param.size);
  return true;
}

bool encode_one(const Param& param, void* const* argv, int index, Writer& writer) {
  const void* argument = argv[index];
  if (param.role == Role::value) {
    writer.bytes(argument, param.size);
    return true;
  }
  if (param.role == Role::handle || param.role == Role::drop) {
    writer.put(load_unsigned(argument, param.size));
    return true;
  }
  if (param.role == Role::unused || param.role == Role::hand) return true;

  const void* pointer = load_pointer(argument);
  writer.put(static_cast<uint8_t>(pointer != nullptr));
  if (pointer == nullptr) return true;
  switch (param.role) {
    case Role::inout:
    case Role::copies: writer.bytes(pointer, param.size); break;
    case Role::reads: return encode_elements(param, pointer, load_count(param, argv), writer);
    case Role::writes: writer.put(load_count(param, argv)); break;
    case Role::cstr: writer.string(static_cast<const char*>(pointer)); break;
    case Role::sized_in:
    case Role::sized_out: {
      const uint32_t size = param.size_of(load_selector(param, argv));
      if (size == 0) return false;
      if (param.role == Role::sized_in) {
        writer.put(size);
        writer.bytes(pointer, size);
      }
      break;
    }
    case Role::out:
    case Role::make:
    case Role::borrow: break;
    case Role::value:
    case Role::handle:
    case Role::drop:
    case Role::unused:
    case Role::hand: break;
  }
  return true;
}

bool store_elements(const Param& param, Reader& reader, void* pointer, uint64_t capacity) {
  const uint64_t count = reader.get<uint64_t>();
  if (count > capacity) return false;
  const std::byte* data = reader.take(count * param.size);
  if (data == nullptr) return false;
  if (count > 0) std::memcpy(pointer, data, static_cast<size_t>(count) * param.size);
  return true;
}

void observe_drops(const Call& call, void* const* argv, HandleObserver& observer) {
  for (int i = 0; i < call.argc; ++i)
    if (call.param[i].role == Role::drop)
      observer.dropped(call.param[i].kind, load_unsigned(argv[i], call.param[i].size));
}

}  // namespace

bool encode_request(const Call& call, void* const* argv, Writer& writer) {
  for (int i = 0; i < call.argc; ++i)
    if (!encode_one(call.param[i], argv, i, writer)) return false;
  return true;
}

bool decode_reply(const Call& call, Reader& reader, void* const* argv, HandleObserver& observer) {
  // Capacities come from before the call: the count itself may be an output that is stored on the way.
  uint64_t capacity[kMaxArguments] = {};
  for (int i = 0; i < call.argc; ++i)
    if (call.param[i].role == Role::writes) capacity[i] = load_count(call.param[i], argv);

  for (int i = 0; i < call.argc; ++i) {
    const Param& param = call.param[i];
    switch (param.role) {
      case Role::out:
      case Role::inout:
      case Role::make:
      case Role::borrow:
      case Role::writes:
      case Role::sized_out: break;
      case Role::value:
      case Role::handle:
      case Role::copies:
      case Role::reads:
      case Role::cstr:
      case Role::sized_in:
      case Role::drop:
      case Role::unused:
      case Role::hand: continue;
    }
    void* pointer = load_pointer(argv[i]);
    if (pointer == nullptr) continue;
    if (param.role == Role::writes) {
      if (!store_elements(param, reader, pointer, capacity[i])) return false;
      continue;
    }
    const uint32_t size = param.role == Role::sized_out ? param.size_of(load_selector(param, argv)) : param.size;
    const std::byte* data = reader.take(size);
    if (data == nullptr) return false;
    std::memcpy(pointer, data, size);
    if (param.role == Role::make) observer.made(param.kind, load_unsigned(pointer, size));
  }
  observe_drops(call, argv, observer);
  return reader.complete();
}

std::byte* Arena::allocate(size_t size) {
  const size_t rounded = std::max<size_t>((size + 15) & ~size_t{15}, 16);
  if (rounded > kMax - used_) return nullptr;
  used_ += rounded;
  // Tensor maps must lie on 64 bytes; new[] promises 16.
  constexpr size_t kLine = 64;
  const size_t slack = rounded < kLine ? 0 : kLine - 16;
  blocks_.push_back(std::make_unique<std::byte[]>(rounded + slack));
  std::byte* block = blocks_.back().get();
  void* aligned = block;
  size_t space = rounded + slack;
  if (slack != 0 && std::align(kLine, rounded, aligned, space) != nullptr) block = static_cast<std::byte*>(aligned);
  return block;
}

namespace {

// Decodes one parameter; keeps what every step needs in one place.
class RequestDecoder {
 public:
  RequestDecoder(const Call& call, Reader& reader, HandleMap& handles, Arena& arena, Arguments& out)
      : call_(call), reader_(reader), handles_(handles), arena_(arena), out_(out) {}

  DecodeResult run() {
    for (index_ = 0; index_ < call_.argc; ++index_) {
      const Param& param = call_.param[index_];
      const Decoded status = decode(param);
      if (status != Decoded::ok) return {status, param.kind};
    }
    return {reader_.complete() && counts_hold() ? Decoded::ok : Decoded::malformed, Kind::none};
  }

 private:
  // Storage for the argument itself: its value, or the pointer that is passed.
  std::byte* cell(size_t size) {
    std::byte* storage = arena_.allocate(size);
    out_.argv[index_] = storage;
    return storage;
  }

  Decoded pass_pointer(const void* pointer) {
    std::byte* storage = cell(sizeof pointer);
    if (storage == nullptr) return Decoded::too_large;
    std::memcpy(storage, &pointer, sizeof pointer);
    return Decoded::ok;
  }

  // Memory behind a pointer argument, filled from `data` when there is any.
  Decoded pass_buffer(const std::byte* data, uint64_t used, uint64_t size) {
    if (size > Arena::kMax) return Decoded::too_large;
    std::byte* buffer = arena_.allocate(static_cast<size_t>(size));
    if (buffer == nullptr) return Decoded::too_large;
    if (data != nullptr) std::memcpy(buffer, data, static_cast<size_t>(used));
    return pass_pointer(buffer);
  }

  Decoded decode_handle(const Param& param) {
    const uint64_t wire = reader_.get<uint64_t>();
    if (reader_.failed()) return Decoded::malformed;
    uint64_t real = 0;
    // A stream of 0 is not "none" but the default stream, and which one the map knows.
    const bool asks_map = wire != 0 || param.kind == Kind::stream;
    if (asks_map && !handles_.resolve(param.kind, wire, real)) return Decoded::bad_handle;
    out_.wire_handle[index_] = wire;
    std::byte* storage = cell(sizeof real);
    if (storage == nullptr) return Decoded::too_large;
    std::memcpy(storage, &real, sizeof real);
    return Decoded::ok;
  }

  Decoded decode_reads(const Param& param) {
    const uint64_t count = reader_.get<uint64_t>();
    if (param.size == 0 || count > reader_.left() / param.size) return Decoded::malformed;
    out_.capacity[index_] = count;
    const uint64_t bytes = count * param.size;
    const std::byte* data = reader_.take(bytes);
    if (data == nullptr) return Decoded::malformed;
    const Decoded status = pass_buffer(data, bytes, bytes);
    if (status != Decoded::ok || !has_handle_elements(param)) return status;
    auto* elements = static_cast<std::byte*>(load_pointer(out_.argv[index_]));
    for (uint64_t i = 0; i < count; ++i) {
      uint64_t real = load_unsigned(elements + i * param.size, param.size);
      if (real != 0 && !handles_.resolve(param.kind, real, real)) return Decoded::bad_handle;
      std::memcpy(elements + i * param.size, &real, param.size);
    }
    return Decoded::ok;
  }

  Decoded decode_writes(const Param& param) {
    const uint64_t count = reader_.get<uint64_t>();
    if (reader_.failed()) return Decoded::malformed;
    if (count > Arena::kMax / std::max<uint32_t>(param.size, 1)) return Decoded::too_large;
    out_.capacity[index_] = count;
    return pass_buffer(nullptr, 0, count * param.size);
  }

  Decoded decode_string() {
    const std::string_view text = reader_.string();
    if (reader_.failed()) return Decoded::malformed;
    // One byte more than the text, zeroed: the terminator.
    return pass_buffer(std::as_bytes(std::span(text)).data(), text.size(), text.size() + 1);
  }

  // The selector may be a later argument, so the buffer always has room for the largest value.
  Decoded decode_sized(const Param& param) {
    const uint32_t size = param.role == Role::sized_in ? reader_.get<uint32_t>() : 0;
    if (size > param.size) return Decoded::malformed;
    const std::byte* data = reader_.take(size);
    if (reader_.failed()) return Decoded::malformed;
    return pass_buffer(data, size, param.size);
  }

  // The driver trusts its count arguments: none may promise more elements than the message brought room for.
  bool counts_hold() const {
    for (int i = 0; i < call_.argc; ++i) {
      const Param& param = call_.param[i];
      if (param.role != Role::reads && param.role != Role::writes) continue;
      if (load_pointer(out_.argv[i]) != nullptr && load_count(param, out_.argv) > out_.capacity[i]) return false;
    }
    return true;
  }

  Decoded decode(const Param& param) {
    switch (param.role) {
      case Role::value: {
        const std::byte* data = reader_.take(param.size);
        if (data == nullptr) return Decoded::malformed;
        std::byte* storage = cell(param.size);
        if (storage == nullptr) return Decoded::too_large;
        std::memcpy(storage, data, param.size);
        return Decoded::ok;
      }
      case Role::handle:
      case Role::drop: return decode_handle(param);
      case Role::unused:
      case Role::hand: return pass_pointer(nullptr);
      case Role::out:
      case Role::inout:
      case Role::copies:
      case Role::reads:
      case Role::writes:
      case Role::cstr:
      case Role::sized_in:
      case Role::sized_out:
      case Role::make:
      case Role::borrow: break;
    }
    const uint8_t present = reader_.get<uint8_t>();
    if (reader_.failed() || present > 1) return Decoded::malformed;
    if (present == 0) return pass_pointer(nullptr);
    switch (param.role) {
      case Role::inout:
      case Role::copies: {
        const std::byte* data = reader_.take(param.size);
        return data == nullptr ? Decoded::malformed : pass_buffer(data, param.size, param.size);
      }
      case Role::reads: return decode_reads(param);
      case Role::writes: return decode_writes(param);
      case Role::cstr: return decode_string();
      case Role::sized_in:
      case Role::sized_out: return decode_sized(param);
      case Role::out:
      case Role::make:
      case Role::borrow: return pass_buffer(nullptr, 0, std::max<uint32_t>(param.size, 8));
      case Role::value:
      case Role::handle:
      case Role::drop:
      case Role::unused:
      case Role::hand: break;
    }
    return Decoded::malformed;
  }

  const Call& call_;
  Reader& reader_;
  HandleMap& handles_;
  Arena& arena_;
  Arguments& out_;
  int index_ = 0;
};

void encode_written(const Param& param, const Arguments& arguments, int index, HandleMap& handles, Writer& writer) {
  auto* data = static_cast<std::byte*>(load_pointer(arguments.argv[index]));
  const uint64_t count = std::min(load_count(param, arguments.argv), arguments.capacity[index]);
  writer.put(count);
  for (uint64_t i = 0; has_handle_elements(param) && i < count; ++i) {
    const uint64_t real = load_unsigned(data + i * param.size, param.size);
    const uint64_t wire = real == 0 ? 0 : handles.find_or_add(param.kind, real);
    std::memcpy(data + i * param.size, &wire, param.size);
  }
  writer.bytes(data, static_cast<size_t>(count) * param.size);
}

}  // namespace

DecodeResult decode_request(const Call& call, Reader& reader, HandleMap& handles, Arena& arena, Arguments& out) {
  return RequestDecoder(call, reader, handles, arena, out).run();
}

void encode_reply(const Call& call, const Arguments& arguments, HandleMap& handles, Writer& writer) {
  for (int i = 0; i < call.argc; ++i) {
    const Param& param = call.param[i];
    if (param.role == Role::drop) handles.drop(param.kind, arguments.wire_handle[i]);
    const void* pointer = arguments.argv[i] == nullptr ? nullptr : load_pointer(arguments.argv[i]);
    if (pointer == nullptr) continue;
    switch (param.role) {
      case Role::out:
      case Role::inout: writer.bytes(pointer, param.size); break;
      case Role::sized_out: writer.bytes(pointer, param.size_of(load_selector(param, arguments.argv))); break;
      case Role::writes: encode_written(param, arguments, i, handles, writer); break;
      case Role::make:
      case Role::borrow: {
        const uint64_t real = load_unsigned(pointer, param.size);
        const bool made = param.role == Role::make;
        const uint64_t wire = real == 0 ? 0
                              : made    ? handles.add(param.kind, real)
                                        : handles.find_or_add(param.kind, real);
        writer.bytes(&wire, param.size);
        break;
      }
      case Role::value:
      case Role::handle:
      case Role::copies:
      case Role::reads:
      case Role::cstr:
      case Role::sized_in:
      case Role::drop:
      case Role::unused:
      case Role::hand: break;
    }
  }
}

}  // namespace vgpu::codec
