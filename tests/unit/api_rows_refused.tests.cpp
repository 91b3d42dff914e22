// SPDX-License-Identifier: Apache-2.0
// Every row of the driver API against the codec that interprets it: what is broken is refused.
#include "tests/unit/row_messages.h"

using namespace vgpu;
using namespace vgpu::test;

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
