// SPDX-License-Identifier: Apache-2.0
#include "common/nvml/reading.h"

#include <algorithm>
#include <cstring>

#include "vgpu/report.h"

namespace vgpu::nvml {
namespace {

constexpr size_t kMaxName = 96;
constexpr uint32_t kSizeMask = 0xffffff;

template <class T>
T* pointer(Word word) {
  // SAFETY: the row says that this argument is a pointer to T; check_arguments has refused null.
  return reinterpret_cast<T*>(word);
}

int arguments_of(Role role) { return role == Role::text || role == Role::list || role == Role::fields ? 2 : 1; }

// The size that a versioned struct says it has, or has in any case.
uint32_t size_of(const Param& param, const void* object) {
  uint32_t first = 0;
  std::memcpy(&first, object, sizeof first);
  return std::max(first & kSizeMask, param.limit);
}

nvmlReturn_t check_argument(const Param& param, const Word* at) {
  switch (param.role) {
    case Role::none:
    case Role::device: return NVML_SUCCESS;
    case Role::value: return static_cast<uint32_t>(at[0]) < param.limit ? NVML_SUCCESS : NVML_ERROR_INVALID_ARGUMENT;
    case Role::out: return at[0] != 0 ? NVML_SUCCESS : NVML_ERROR_INVALID_ARGUMENT;
    case Role::sized: {
      if (at[0] == 0) return NVML_ERROR_INVALID_ARGUMENT;
      const uint32_t size = size_of(param, pointer<void>(at[0]));
      return size >= sizeof(uint32_t) && size <= kMaxStruct ? NVML_SUCCESS : NVML_ERROR_ARGUMENT_VERSION_MISMATCH;
    }
    case Role::text: return at[0] != 0 ? NVML_SUCCESS : NVML_ERROR_INVALID_ARGUMENT;
    case Role::list:
      // No place for elements is a question for their number.
      if (at[0] == 0 || (at[1] == 0 && *pointer<uint32_t>(at[0]) != 0)) return NVML_ERROR_INVALID_ARGUMENT;
      return NVML_SUCCESS;
    case Role::fields: {
      const auto count = static_cast<uint32_t>(at[0]);
      return count != 0 && count <= kMaxFields && at[1] != 0 ? NVML_SUCCESS : NVML_ERROR_INVALID_ARGUMENT;
    }
  }
  return NVML_ERROR_INVALID_ARGUMENT;
}

void put_fields(const Word* at, codec::Writer& request) {
  const auto count = static_cast<uint32_t>(at[0]);
  const auto* fields = pointer<const nvmlFieldValue_t>(at[1]);
  request.put(count);
  for (uint32_t i = 0; i < count; ++i) {
    request.put(fields[i].fieldId);
    request.put(fields[i].scopeId);
  }
}

nvmlReturn_t take_text(const Word* at, codec::Reader& answer) {
  const std::string_view text = answer.string();
  if (answer.failed() || text.size() >= kMaxText) return NVML_ERROR_UNKNOWN;
  if (text.size() >= static_cast<uint32_t>(at[1])) return NVML_ERROR_INSUFFICIENT_SIZE;
  char* const to = pointer<char>(at[0]);
  std::copy(text.begin(), text.end(), to);
  to[text.size()] = '\0';
  return NVML_SUCCESS;
}

nvmlReturn_t take_list(const Param& param, const Word* at, codec::Reader& answer) {
  const auto count = answer.get<uint32_t>();
  if (count > kMaxElements) return NVML_ERROR_UNKNOWN;
  const std::byte* const from = answer.take(uint64_t{count} * param.bytes);
  if (answer.failed()) return NVML_ERROR_UNKNOWN;
  auto* const room = pointer<uint32_t>(at[0]);
  const bool fits = count <= *room;
  if (fits && count != 0) std::memcpy(pointer<std::byte>(at[1]), from, size_t{count} * param.bytes);
  *room = count;
  return fits ? NVML_SUCCESS : NVML_ERROR_INSUFFICIENT_SIZE;
}

nvmlReturn_t take_fields(const Word* at, codec::Reader& answer) {
  const auto count = static_cast<uint32_t>(at[0]);
  const std::byte* const from = answer.take(count * sizeof(nvmlFieldValue_t));
  if (from == nullptr) return NVML_ERROR_UNKNOWN;
  std::memcpy(pointer<nvmlFieldValue_t>(at[1]), from, count * sizeof(nvmlFieldValue_t));
  return NVML_SUCCESS;
}

nvmlReturn_t take_bytes(void* to, size_t size, codec::Reader& answer) {
  const std::byte* const from = answer.take(size);
  if (from == nullptr) return NVML_ERROR_UNKNOWN;
  std::memcpy(to, from, size);
  return NVML_SUCCESS;
}

nvmlReturn_t take_result(const Param& param, const Word* at, codec::Reader& answer) {
  switch (param.role) {
    case Role::none:
    case Role::device:
    case Role::value: return NVML_SUCCESS;
    case Role::out: return take_bytes(pointer<void>(at[0]), param.bytes, answer);
    case Role::sized: return take_bytes(pointer<void>(at[0]), size_of(param, pointer<void>(at[0])), answer);
    case Role::text: return take_text(at, answer);
    case Role::list: return take_list(param, at, answer);
    case Role::fields: return take_fields(at, answer);
  }
  return NVML_ERROR_UNKNOWN;
}

}  // namespace

nvmlReturn_t check_arguments(const Call& call, const Word* argv) {
  const Word* at = argv;
  for (int i = 0; i < call.params; ++i) {
    if (const nvmlReturn_t bad = check_argument(call.param[i], at); bad != NVML_SUCCESS) return bad;
    at += arguments_of(call.param[i].role);
  }
  return NVML_SUCCESS;
}

void put_request(const Call& call, const Word* argv, uint32_t (*index_of)(nvmlDevice_t), codec::Writer& request) {
  request.put(report::Kind::reading);
  request.string(call.name);
  const Word* at = argv;
  for (int i = 0; i < call.params; ++i) {
    const Param& param = call.param[i];
    if (param.role == Role::device) request.put(index_of(pointer<nvmlDevice_st>(at[0])));
    if (param.role == Role::value) request.put(static_cast<uint32_t>(at[0]));
    if (param.role == Role::fields) put_fields(at, request);
    if (param.role == Role::sized) {
      const uint32_t size = size_of(param, pointer<void>(at[0]));
      request.put(size);
      request.bytes(pointer<void>(at[0]), std::min(size, kMaxInput));
    }
    at += arguments_of(param.role);
  }
}

nvmlReturn_t take_answer(const Call& call, const Word* argv, codec::Reader& answer) {
  const auto result = static_cast<nvmlReturn_t>(answer.get<int32_t>());
  if (answer.failed()) return NVML_ERROR_UNKNOWN;
  if (result != NVML_SUCCESS) return result;
  nvmlReturn_t outcome = NVML_SUCCESS;
  const Word* at = argv;
  for (int i = 0; i < call.params; ++i) {
    const nvmlReturn_t taken = take_result(call.param[i], at, answer);
    if (outcome == NVML_SUCCESS) outcome = taken;
    at += arguments_of(call.param[i].role);
  }
  return answer.complete() ? outcome : NVML_ERROR_UNKNOWN;
}

std::optional<Named> read_name(std::span<const std::byte> request) {
  codec::Reader reader(request);
  if (reader.get<report::Kind>() != report::Kind::reading) return std::nullopt;
  const std::string_view name = reader.string();
  if (reader.failed() || name.empty() || name.size() > kMaxName) return std::nullopt;
  return Named{find_call(name), reader};
}

bool Prepared::take_parameter(int parameter, int argument, codec::Reader& parameters) {
  const Param& param = call_->param[parameter];
  std::vector<std::byte>& storage = storage_[parameter];
  switch (param.role) {
    case Role::none: return false;
    case Role::device:
      devices_.push_back(parameters.get<uint32_t>());
      device_arguments_.push_back(argument);
      return true;
    case Role::value: argv_[argument] = parameters.get<uint32_t>(); return argv_[argument] < param.limit;
    case Role::out: size_[parameter] = param.bytes; return true;
    case Role::text: size_[parameter] = kMaxText; return true;
    case Role::list:
      size_[parameter] = size_t{kMaxElements} * param.bytes;
      count_[parameter] = kMaxElements;
      return true;
    case Role::sized: {
      const auto size = parameters.get<uint32_t>();
      if (size < sizeof(uint32_t) || size > kMaxStruct) return false;
      const std::byte* const from = parameters.take(std::min(size, kMaxInput));
      if (from == nullptr || size_of(param, from) != size) return false;
      storage.assign(from, from + std::min(size, kMaxInput));
      size_[parameter] = size;
      return true;
    }
    case Role::fields: {
      count_[parameter] = parameters.get<uint32_t>();
      if (count_[parameter] == 0 || count_[parameter] > kMaxFields) return false;
      for (uint32_t i = 0; i < count_[parameter] && !parameters.failed(); ++i) {
        nvmlFieldValue_t field = {};
        field.fieldId = parameters.get<uint32_t>();
        field.scopeId = parameters.get<uint32_t>();
        const auto* const bytes = reinterpret_cast<const std::byte*>(&field);
        storage.insert(storage.end(), bytes, bytes + sizeof field);
      }
      size_[parameter] = storage.size();
      return true;
    }
  }
  return false;
}

// The host's library reads more of a struct of an unknown version than that says it has, or writes more. What lies
// behind it is zero then, as it was for whoever asked.
void Prepared::make_room(int parameter) {
  constexpr size_t kBehind = 64;
  if (size_[parameter] == 0) return;
  const bool sized = call_->param[parameter].role == Role::sized;
  storage_[parameter].resize(sized ? kMaxStruct + kBehind : size_[parameter] + kBehind);
}

void Prepared::point_at_storage() {
  for (int i = 0; i < call_->params; ++i) {
    Word* const at = &argv_[first_[i]];
    const Role role = call_->param[i].role;
    const Word place = reinterpret_cast<Word>(storage_[i].data());
    if (role == Role::out || role == Role::sized || role == Role::text) at[0] = place;
    if (role == Role::text) at[1] = kMaxText;
    if (role == Role::list) at[0] = reinterpret_cast<Word>(&count_[i]);
    if (role == Role::fields) at[0] = count_[i];
    if (role == Role::list || role == Role::fields) at[1] = place;
  }
}

std::optional<Prepared> Prepared::create(const Call& call, codec::Reader& parameters) {
  Prepared prepared(call);
  int argument = 0;
  for (int i = 0; i < call.params; ++i) {
    prepared.first_[i] = argument;
    if (!prepared.take_parameter(i, argument, parameters) || parameters.failed()) return std::nullopt;
    prepared.make_room(i);
    argument += arguments_of(call.param[i].role);
  }
  if (!parameters.complete()) return std::nullopt;
  return prepared;
}

void Prepared::set_device(size_t which, Word handle) { argv_[device_arguments_[which]] = handle; }

Word* Prepared::argv() {
  // Here, because a moved object has its counts elsewhere.
  point_at_storage();
  return argv_;
}

void Prepared::put_answer(nvmlReturn_t result, codec::Writer& answer) const {
  answer.put(static_cast<int32_t>(result));
  if (result != NVML_SUCCESS) return;
  for (int i = 0; i < call_->params; ++i) {
    const auto storage = std::span(storage_[i]).first(size_[i]);
    switch (call_->param[i].role) {
      case Role::none:
      case Role::device:
      case Role::value: break;
      case Role::out:
      case Role::sized:
      case Role::fields: answer.bytes(storage.data(), storage.size()); break;
      case Role::text: {
        // SAFETY: char may alias anything. The last byte is ours to make a NUL of.
        const auto* const text = reinterpret_cast<const char*>(storage.data());
        answer.string({text, ::strnlen(text, storage.size() - 1)});
        break;
      }
      case Role::list: {
        const uint32_t count = std::min(count_[i], kMaxElements);
        answer.put(count);
        answer.bytes(storage.data(), size_t{count} * call_->param[i].bytes);
        break;
      }
    }
  }
}

void put_refusal(nvmlReturn_t result, codec::Writer& answer) { answer.put(static_cast<int32_t>(result)); }

}  // namespace vgpu::nvml
