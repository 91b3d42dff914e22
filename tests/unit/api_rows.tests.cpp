// SPDX-License-Identifier: Apache-2.0
// Every row of the driver API against the codec that interprets it: what is sent arrives, what is broken is refused.
#ifndef __CUDA_API_VERSION_INTERNAL
#define __CUDA_API_VERSION_INTERNAL
#endif
#include "vgpu/api/rows.h"

#include <algorithm>
#include <map>
#include <span>

#include "tests/support/row_arguments.h"
#include "tests/support/test.h"

using namespace vgpu;
using namespace vgpu::test;
using codec::Decoded;

namespace {

constexpr uint16_t kOpcodes = 1024;
constexpr int kRounds = 8;  // of random arguments for each row

std::vector<const Call*> carried_rows() {
  std::vector<const Call*> rows;
  for (uint16_t opcode = 0; opcode < kOpcodes; ++opcode) {
    const Call* call = api::find_row(opcode);
    if (call != nullptr && call->path != Path::local && call->path != Path::refuse && call->carried_by_row())
      rows.push_back(call);
  }
  return rows;
}

using Bytes = std::vector<std::byte>;

Bytes encode(const Call& call, RowArguments& arguments) {
  Bytes message;
  codec::Writer writer(message);
  REQUIRE(codec::encode_request(call, arguments.argv(), writer));
  return message;
}

// Where parameter `index` begins in the message.
size_t offset_of(const Call& call, RowArguments& arguments, int index) {
  Call beginning = call;
  beginning.argc = static_cast<uint8_t>(index);
  return encode(beginning, arguments).size();
}

// A decoded request with everything that it points to.
struct Request {
  codec::Arena arena;
  MirrorHandles handles;
  codec::Arguments arguments;
  codec::DecodeResult result;

  Request(const Call& call, std::span<const std::byte> message) {
    codec::Reader reader(message);
    result = codec::decode_request(call, reader, handles, arena, arguments);
  }
  std::byte* pointer(int i) const {
    std::byte* out = nullptr;
    std::memcpy(&out, arguments.argv[i], sizeof out);
    return out;
  }
};

uint64_t word_at(const std::byte* from) {
  uint64_t value = 0;
  std::memcpy(&value, from, sizeof value);
  return value;
}

bool same_elements(const Param& param, uint64_t count, const Bytes& sent, const std::byte* arrived) {
  if (param.kind == Kind::none) return std::equal(arrived, arrived + count * param.size, sent.begin());
  for (uint64_t i = 0; i < count; ++i) {
    const uint64_t wire = word_at(sent.data() + i * param.size);
    if (word_at(arrived + i * param.size) != (wire == 0 ? 0 : wire ^ kMirror)) return false;
  }
  return true;
}

// Whether the driver sees argument `i` as the program gave it.
bool arrived(const Call& call, RowArguments& sent, const Request& request, int i) {
  const Param& param = call.param[i];
  const auto* value = static_cast<const std::byte*>(request.arguments.argv[i]);
  if (param.role == Role::value) return std::equal(value, value + param.size, sent.cell(i).begin());
  if (param.role == Role::handle || param.role == Role::drop) {
    const uint64_t wire = sent.number(i);
    return word_at(value) == (wire == 0 ? 0 : wire ^ kMirror) && request.arguments.wire_handle[i] == wire;
  }
  const std::byte* pointer = request.pointer(i);
  if (sent.is_null(i) || pointer == nullptr) return sent.is_null(i) && pointer == nullptr;
  switch (param.role) {
    case Role::inout:
    case Role::copies: return std::equal(pointer, pointer + param.size, sent.buffer(i).begin());
    case Role::cstr: return std::equal(sent.buffer(i).begin(), sent.buffer(i).end(), pointer);
    case Role::sized_in: return std::equal(pointer, pointer + sent.sized_bytes(i), sent.buffer(i).begin());
    case Role::reads:
      return request.arguments.capacity[i] == sent.count(i) &&
             same_elements(param, sent.count(i), sent.buffer(i), pointer);
    case Role::writes: return request.arguments.capacity[i] == sent.count(i);
    default: return true;
  }
}

void check_arrival(const Call& call, RowArguments& sent) {
  const Bytes message = encode(call, sent);
  const Request request(call, message);
  INFO(call.name);
  REQUIRE(request.result.status == Decoded::ok);
  for (int i = 0; i < call.argc; ++i) {
    INFO("argument " << i);
    CHECK(arrived(call, sent, request, i));
  }
}

// What a driver leaves behind its output pointers: random values, handles where handles belong. Returns what the
// program must then find, by argument.
std::map<int, Bytes> fill_outputs(const Call& call, Request& request, Random& random) {
  std::map<int, Bytes> expected;
  const auto fill = [&](int i, size_t size) {
    random.fill(request.pointer(i), size);
    expected[i].assign(request.pointer(i), request.pointer(i) + size);
  };
  for (int i = 0; i < call.argc; ++i) {
    const Param& param = call.param[i];
    if (!is_pointer(param.role) || request.pointer(i) == nullptr) continue;
    if (param.role == Role::out || param.role == Role::inout) fill(i, param.size);
    if (param.role == Role::sized_out)
      fill(i, param.size_of(
                  static_cast<int32_t>(word_at(static_cast<std::byte*>(request.arguments.argv[param.count_arg])))));
    if (param.role != Role::make && param.role != Role::borrow) continue;
    const uint64_t wire = random.handle(param.kind), real = wire ^ kMirror;
    std::memcpy(request.pointer(i), &real, sizeof real);
    expected[i].resize(sizeof wire);
    std::memcpy(expected[i].data(), &wire, sizeof wire);
  }
  for (int i = 0; i < call.argc; ++i) {
    const Param& param = call.param[i];
    if (param.role != Role::writes || request.pointer(i) == nullptr) continue;
    uint64_t count = request.arguments.capacity[i];
    if (param.count_is_pointer && request.pointer(param.count_arg) != nullptr) {
      // Arrays that share their count have the same capacity, so writing it again changes nothing.
      std::memcpy(request.pointer(param.count_arg), &count, param.count_size);
      std::memcpy(expected[param.count_arg].data(), &count, param.count_size);
    }
    Bytes& elements = expected[i];
    elements.resize(count * param.size);
    random.fill(elements.data(), elements.size());
    for (uint64_t e = 0; param.kind != Kind::none && e < count; ++e) {
      const uint64_t wire = random.handle(param.kind);
      std::memcpy(elements.data() + e * param.size, &wire, sizeof wire);
    }
    std::copy(elements.begin(), elements.end(), request.pointer(i));
    for (uint64_t e = 0; param.kind != Kind::none && e < count; ++e) {
      const uint64_t real = word_at(elements.data() + e * param.size) ^ kMirror;
      std::memcpy(request.pointer(i) + e * param.size, &real, sizeof real);
    }
  }
  return expected;
}

Bytes reply_to(const Call& call, Request& request) {
  Bytes reply;
  codec::Writer writer(reply);
  codec::encode_reply(call, request.arguments, request.handles, writer);
  return reply;
}

bool accept(const Call& call, std::span<const std::byte> reply, RowArguments& arguments) {
  codec::Reader reader(reply);
  RecordingObserver observer;
  return codec::decode_reply(call, reader, arguments.argv(), observer);
}

void put_word(Bytes& message, size_t at, uint64_t value) { std::memcpy(message.data() + at, &value, sizeof value); }

Decoded status_of(const Call& call, std::span<const std::byte> message) { return Request(call, message).result.status; }

}  // namespace

TEST_CASE("every row's arguments arrive at the driver as they were given", "[unit][rows]") {
  Random random(1);
  const auto rows = carried_rows();
  REQUIRE(rows.size() > 150);
  for (const Call* call : rows)
    for (int round = 0; round < kRounds; ++round) {
      RowArguments arguments(*call, random);
      check_arrival(*call, arguments);
    }
}

TEST_CASE("a NULL pointer arrives as NULL, whichever parameter it is", "[unit][rows]") {
  Random random(2);
  for (const Call* call : carried_rows()) {
    for (int i = 0; i < call->argc; ++i) {
      RowArguments arguments(*call, random, 1u << i);
      check_arrival(*call, arguments);
    }
    RowArguments nothing(*call, random, ~0u);
    check_arrival(*call, nothing);
  }
}

TEST_CASE("every row's results arrive where the program wants them", "[unit][rows]") {
  Random random(3);
  for (const Call* call : carried_rows())
    for (int round = 0; round < kRounds; ++round) {
      INFO(call->name);
      RowArguments guest(*call, random, round == 0 ? 0 : static_cast<uint32_t>(random.next()));
      Request request(*call, encode(*call, guest));
      REQUIRE(request.result.status == Decoded::ok);
      const auto expected = fill_outputs(*call, request, random);
      REQUIRE(accept(*call, reply_to(*call, request), guest));
      for (const auto& [i, bytes] : expected) {
        INFO("argument " << i);
        CHECK(std::equal(bytes.begin(), bytes.end(), guest.buffer(i).begin()));
      }
    }
}

TEST_CASE("made and dropped handles are announced on both sides", "[unit][rows]") {
  Random random(4);
  for (const Call* call : carried_rows()) {
    INFO(call->name);
    RowArguments guest(*call, random);
    Request request(*call, encode(*call, guest));
    fill_outputs(*call, request, random);
    const Bytes reply = reply_to(*call, request);
    codec::Reader reader(reply);
    RecordingObserver observer;
    REQUIRE(codec::decode_reply(*call, reader, guest.argv(), observer));
    const auto of_role = [&](Role role) {
      return static_cast<size_t>(
          std::count_if(call->param, call->param + call->argc, [&](const Param& p) { return p.role == role; }));
    };
    CHECK(observer.made_handles.size() == of_role(Role::make));
    CHECK(observer.dropped_handles.size() == of_role(Role::drop));
    CHECK(request.handles.dropped == observer.dropped_handles);
  }
}

TEST_CASE("every prefix of every request is refused", "[unit][rows]") {
  Random random(5);
  for (const Call* call : carried_rows()) {
    RowArguments arguments(*call, random);
    const Bytes message = encode(*call, arguments);
    INFO(call->name);
    for (size_t length = 0; length < message.size(); ++length) {
      // A copy of that length: a read past its end is seen by the sanitizers.
      const Bytes prefix(message.begin(), message.begin() + static_cast<ptrdiff_t>(length));
      REQUIRE(status_of(*call, prefix) != Decoded::ok);
    }
  }
}

TEST_CASE("every prefix of every reply is refused", "[unit][rows]") {
  Random random(6);
  for (const Call* call : carried_rows()) {
    RowArguments guest(*call, random);
    Request request(*call, encode(*call, guest));
    fill_outputs(*call, request, random);
    const Bytes reply = reply_to(*call, request);
    INFO(call->name);
    // The longest first: a reply's beginning may change the counts that the program passed in.
    for (size_t length = reply.size(); length-- > 0;) {
      const Bytes prefix(reply.begin(), reply.begin() + static_cast<ptrdiff_t>(length));
      REQUIRE_FALSE(accept(*call, prefix, guest));
    }
  }
}

TEST_CASE("a byte too many is refused in requests and replies", "[unit][rows]") {
  Random random(7);
  for (const Call* call : carried_rows()) {
    INFO(call->name);
    RowArguments guest(*call, random);
    Bytes message = encode(*call, guest);
    Request request(*call, message);
    fill_outputs(*call, request, random);
    Bytes reply = reply_to(*call, request);
    message.push_back(std::byte{0});
    reply.push_back(std::byte{0});
    CHECK(status_of(*call, message) == Decoded::malformed);
    CHECK_FALSE(accept(*call, reply, guest));
  }
}

TEST_CASE("a handle of another kind is refused and the kind that was wanted is named", "[unit][rows]") {
  Random random(8);
  size_t tried = 0;
  for (const Call* call : carried_rows())
    for (int i = 0; i < call->argc; ++i) {
      const Param& param = call->param[i];
      if (param.role != Role::handle && param.role != Role::drop) continue;
      RowArguments arguments(*call, random);
      const Kind other = param.kind == Kind::event ? Kind::stream : Kind::event;
      const uint64_t wrong = random.handle(other);
      std::memcpy(arguments.cell(i).data(), &wrong, sizeof wrong);
      const Request request(*call, encode(*call, arguments));
      INFO(call->name << " argument " << i);
      CHECK(request.result.status == Decoded::bad_handle);
      CHECK(request.result.bad_kind == param.kind);
      ++tried;
    }
  CHECK(tried > 100);
}

TEST_CASE("a handle of another kind inside an array is refused", "[unit][rows]") {
  Random random(9);
  size_t tried = 0;
  for (const Call* call : carried_rows())
    for (int i = 0; i < call->argc; ++i) {
      const Param& param = call->param[i];
      if (param.role != Role::reads || param.kind == Kind::none) continue;
      RowArguments arguments(*call, random);
      while (arguments.count(i) == 0) arguments = RowArguments(*call, random);
      const uint64_t wrong = random.handle(param.kind == Kind::event ? Kind::stream : Kind::event);
      std::memcpy(arguments.buffer(i).data(), &wrong, sizeof wrong);
      INFO(call->name << " argument " << i);
      CHECK(status_of(*call, encode(*call, arguments)) == Decoded::bad_handle);
      ++tried;
    }
  CHECK(tried > 5);
}

TEST_CASE("an array that promises more elements than the message brings is refused", "[unit][rows]") {
  Random random(10);
  size_t tried = 0;
  for (const Call* call : carried_rows())
    for (int i = 0; i < call->argc; ++i) {
      if (call->param[i].role != Role::reads) continue;
      RowArguments arguments(*call, random);
      Bytes message = encode(*call, arguments);
      const size_t at = offset_of(*call, arguments, i) + 1;  // behind the presence byte
      // The last ones overflow when they are multiplied by an element's size.
      for (const uint64_t count : {arguments.count(i) + 100000, uint64_t{1} << 32, uint64_t{1} << 61, ~uint64_t{0}}) {
        put_word(message, at, count);
        INFO(call->name << " argument " << i << " count " << count);
        CHECK(status_of(*call, message) != Decoded::ok);
      }
      ++tried;
    }
  CHECK(tried > 10);
}

TEST_CASE("room for more output than the cap is refused", "[unit][rows]") {
  Random random(11);
  for (const Call* call : carried_rows())
    for (int i = 0; i < call->argc; ++i) {
      if (call->param[i].role != Role::writes) continue;
      RowArguments arguments(*call, random);
      Bytes message = encode(*call, arguments);
      const size_t at = offset_of(*call, arguments, i) + 1;
      for (const uint64_t count : {uint64_t{codec::Arena::kMax} + 1, uint64_t{1} << 61, ~uint64_t{0}}) {
        put_word(message, at, count);
        INFO(call->name << " argument " << i << " count " << count);
        CHECK(status_of(*call, message) == Decoded::too_large);
      }
    }
}

TEST_CASE("a count argument beyond what the array has room for is refused", "[unit][rows]") {
  Random random(12);
  size_t tried = 0;
  for (const Call* call : carried_rows())
    for (int i = 0; i < call->argc; ++i) {
      const Param& param = call->param[i];
      if (!has_elements(param.role) || param.count_is_pointer) continue;
      RowArguments arguments(*call, random);
      Bytes message = encode(*call, arguments);
      const uint64_t more = arguments.count(i) + 1;
      std::memcpy(message.data() + offset_of(*call, arguments, param.count_arg), &more, param.count_size);
      INFO(call->name << " argument " << i);
      CHECK(status_of(*call, message) == Decoded::malformed);
      ++tried;
    }
  CHECK(tried > 10);
}

TEST_CASE("a count behind a pointer beyond the room of its array is refused", "[unit][rows]") {
  Random random(13);
  size_t tried = 0;
  for (const Call* call : carried_rows())
    for (int i = 0; i < call->argc; ++i) {
      const Param& param = call->param[i];
      if (!has_elements(param.role) || !param.count_is_pointer || call->param[param.count_arg].role != Role::inout)
        continue;
      RowArguments arguments(*call, random);
      Bytes message = encode(*call, arguments);
      const uint64_t more = arguments.count(i) + 1;
      std::memcpy(message.data() + offset_of(*call, arguments, param.count_arg) + 1, &more, param.count_size);
      INFO(call->name << " argument " << i);
      CHECK(status_of(*call, message) == Decoded::malformed);
      ++tried;
    }
  CHECK(tried > 5);
}

TEST_CASE("a reply with more elements than the program has room for is refused and writes nothing", "[unit][rows]") {
  Random random(14);
  for (const Call* call : carried_rows())
    for (int i = 0; i < call->argc; ++i) {
      if (call->param[i].role != Role::writes) continue;
      RowArguments guest(*call, random);
      const Bytes before = guest.buffer(i);
      Call only = *call;  // this array alone answers
      for (int other = 0; other < call->argc; ++other)
        if (other != i && is_pointer(only.param[other].role)) only.param[other].role = Role::unused;
      const uint64_t count = guest.count(i) + 1;
      Bytes reply(sizeof count + count * call->param[i].size, std::byte{0xee});
      put_word(reply, 0, count);
      INFO(call->name << " argument " << i);
      CHECK_FALSE(accept(only, reply, guest));
      CHECK(guest.buffer(i) == before);
    }
}

TEST_CASE("a presence byte that is neither 0 nor 1 is refused", "[unit][rows]") {
  Random random(15);
  for (const Call* call : carried_rows())
    for (int i = 0; i < call->argc; ++i) {
      if (!is_pointer(call->param[i].role) || call->param[i].role == Role::unused) continue;
      RowArguments arguments(*call, random);
      Bytes message = encode(*call, arguments);
      message[offset_of(*call, arguments, i)] = std::byte{2};
      INFO(call->name << " argument " << i);
      CHECK(status_of(*call, message) == Decoded::malformed);
    }
}

TEST_CASE("a string longer than its message is refused", "[unit][rows]") {
  Random random(16);
  size_t tried = 0;
  for (const Call* call : carried_rows())
    for (int i = 0; i < call->argc; ++i) {
      if (call->param[i].role != Role::cstr) continue;
      RowArguments arguments(*call, random);
      Bytes message = encode(*call, arguments);
      put_word(message, offset_of(*call, arguments, i) + 1, ~uint64_t{0});
      CHECK(status_of(*call, message) == Decoded::malformed);
      ++tried;
    }
  CHECK(tried > 0);
}

TEST_CASE("a sized value of more bytes than any has is refused", "[unit][rows]") {
  Random random(17);
  size_t tried = 0;
  for (const Call* call : carried_rows())
    for (int i = 0; i < call->argc; ++i) {
      if (call->param[i].role != Role::sized_in) continue;
      RowArguments arguments(*call, random);
      Bytes message = encode(*call, arguments);
      const uint32_t size = call->param[i].size + 1;
      std::memcpy(message.data() + offset_of(*call, arguments, i) + 1, &size, sizeof size);
      message.resize(message.size() + size);
      CHECK(status_of(*call, message) == Decoded::malformed);
      ++tried;
    }
  CHECK(tried > 0);
}

TEST_CASE("a selector that no table knows is refused before anything is sent", "[unit][rows]") {
  Random random(18);
  size_t tried = 0;
  for (const Call* call : carried_rows())
    for (int i = 0; i < call->argc; ++i) {
      const Param& param = call->param[i];
      if (!is_sized(param.role)) continue;
      RowArguments arguments(*call, random);
      const int32_t unknown = 0x7fffffff;
      std::memcpy(arguments.cell(param.count_arg).data(), &unknown, sizeof unknown);
      Bytes message;
      codec::Writer writer(message);
      CHECK_FALSE(codec::encode_request(*call, arguments.argv(), writer));
      ++tried;
    }
  CHECK(tried > 0);
}

TEST_CASE("a count that no memory holds is refused before anything is read", "[unit][rows]") {
  Random random(20);
  size_t tried = 0;
  for (const Call* call : carried_rows())
    for (int i = 0; i < call->argc; ++i) {
      const Param& param = call->param[i];
      if (param.role != Role::reads || param.count_is_pointer || param.size == 0) continue;
      RowArguments arguments(*call, random);
      std::vector<std::byte>& count = arguments.cell(param.count_arg);
      std::fill(count.begin(), count.end(), std::byte{0xff});
      Bytes message;
      codec::Writer writer(message);
      INFO(call->name);
      CHECK_FALSE(codec::encode_request(*call, arguments.argv(), writer));
      ++tried;
    }
  CHECK(tried > 0);
}

TEST_CASE("random bytes are refused or decoded within bounds by every row", "[unit][rows]") {
  Random random(19);
  for (const Call* call : carried_rows())
    for (int round = 0; round < 200; ++round) {
      Bytes message(random.below(120));
      random.fill(message.data(), message.size());
      const Decoded status = status_of(*call, message);
      CHECK((status == Decoded::ok || status == Decoded::malformed || status == Decoded::bad_handle ||
             status == Decoded::too_large));
    }
}
