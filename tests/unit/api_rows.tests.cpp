// SPDX-License-Identifier: Apache-2.0
// Every row of the driver API against the codec that interprets it: what is sent arrives.
#include "tests/unit/row_messages.h"

using namespace vgpu;
using namespace vgpu::test;

namespace {

constexpr int kRounds = 8;  // of random arguments for each row

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
