// SPDX-License-Identifier: Apache-2.0
// Shared objects that outlive their session: they are kept as long as a lifeline is held.
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>

#include "common/token_text.h"
#include "host/daemon/shared_objects.h"
#include "tests/support/test.h"

namespace vgpu::host {
namespace {

constexpr Owner kUser = {false, 1000};
constexpr uint64_t kSession = 1, kNext = 2;

// What the daemon holds, and what the guest's descriptor is.
struct Lifeline {
  Lifeline() {
    int pair[2] = {-1, -1};
    REQUIRE(::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) == 0);
    daemons.reset(pair[0]);
    guests.reset(pair[1]);
  }
  UniqueFd daemons, guests;
};

struct Scene {
  explicit Scene(SharedObjects::Limits limits = {}) : objects(DriverKind::soft, limits) {}

  wire::SharedObject offer(wire::ShareKind kind = wire::ShareKind::memory_file) {
    wire::SharedObject object = {};
    object.kind = kind;
    REQUIRE(objects.offer(kSession, kUser, object, create_memory_file("test", 4096).value()) == 0);
    return object;
  }
  int keep(const wire::SharedObject& object, UniqueFd file, uint64_t session = kSession) {
    return objects.keep(*loop, session, object.token, std::move(file));
  }
  bool is_there(wire::SharedObject object) {
    int file = -1;
    return objects.claim(kUser, object, file) == 0 && file >= 0;
  }

  std::unique_ptr<EventLoop> loop = EventLoop::create().value();
  SharedObjects objects;
};

TEST_CASE("a kept object outlives its session until its lifeline hangs up", "[unit]") {
  Scene scene;
  Lifeline line;
  const wire::SharedObject kept = scene.offer(), plain = scene.offer();
  REQUIRE(scene.keep(kept, std::move(line.daemons)) == 0);
  scene.objects.drop(kSession);
  scene.loop->turn(0);
  CHECK(scene.is_there(kept));
  CHECK_FALSE(scene.is_there(plain));
  line.guests.reset();
  scene.loop->turn(0);
  CHECK_FALSE(scene.is_there(kept));
  CHECK(scene.objects.size() == 0);
}

TEST_CASE("a kept object goes when its lifeline hangs up before its session ends", "[unit]") {
  Scene scene;
  Lifeline line;
  const wire::SharedObject kept = scene.offer();
  REQUIRE(scene.keep(kept, std::move(line.daemons)) == 0);
  line.guests.reset();
  scene.loop->turn(0);
  CHECK_FALSE(scene.is_there(kept));
}

TEST_CASE("what waits in a lifeline does not end it", "[unit]") {
  Scene scene;
  Lifeline line;
  const wire::SharedObject kept = scene.offer();
  REQUIRE(scene.keep(kept, std::move(line.daemons)) == 0);
  REQUIRE(::send(line.guests.get(), "x", 1, 0) == 1);
  scene.loop->turn(0);
  CHECK(scene.is_there(kept));
}

TEST_CASE("its session can withdraw a kept object, and nobody can when the session has ended", "[unit]") {
  Scene scene;
  Lifeline first, second;
  const wire::SharedObject withdrawn = scene.offer(), orphan = scene.offer();
  REQUIRE(scene.keep(withdrawn, std::move(first.daemons)) == 0);
  REQUIRE(scene.keep(orphan, std::move(second.daemons)) == 0);
  scene.objects.withdraw(kSession, withdrawn.token);
  CHECK_FALSE(scene.is_there(withdrawn));
  scene.objects.drop(kSession);
  scene.objects.withdraw(kSession, orphan.token);
  CHECK(scene.is_there(orphan));
}

TEST_CASE("only descriptors are kept, only by their session, only once, and only with a socket", "[unit]") {
  Scene scene;
  Lifeline line, another;
  const wire::SharedObject object = scene.offer(), name = scene.offer(wire::ShareKind::memory);
  CHECK(scene.keep(object, UniqueFd(::open("/dev/null", O_RDWR | O_CLOEXEC))) == EBADF);
  CHECK(scene.keep(object, UniqueFd()) == EBADF);
  CHECK(scene.keep(object, UniqueFd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0))) == EBADF);
  CHECK(scene.keep(object, std::move(line.guests.duplicate()).value(), kNext) == ENOENT);
  CHECK(scene.keep(name, std::move(line.guests.duplicate()).value()) == ENOENT);
  REQUIRE(scene.keep(object, std::move(line.daemons)) == 0);
  CHECK(scene.keep(object, std::move(another.daemons)) == EBUSY);
}

TEST_CASE("an object that is held outlives its session until it is let go", "[unit]") {
  Scene scene;
  Lifeline line;
  const wire::SharedObject held = scene.offer(), name = scene.offer(wire::ShareKind::memory);
  CHECK(scene.objects.hold({true, 0}, held.token) == ENOENT);
  CHECK(scene.objects.hold(kUser, name.token) == ENOENT);
  scene.objects.let_go(held.token);
  REQUIRE(scene.objects.hold(kUser, held.token) == 0);
  CHECK(scene.objects.hold(kUser, held.token) == EBUSY);
  CHECK(scene.keep(held, std::move(line.daemons)) == EBUSY);
  scene.objects.drop(kSession);
  CHECK(scene.is_there(held));
  scene.objects.let_go(held.token);
  CHECK_FALSE(scene.is_there(held));
}

TEST_CASE("a token is the same after it was text, and no other text is one", "[unit]") {
  const wire::Token token = {{0x0123456789abcdef, 0xf}};
  CHECK(token_text(token) == "0123456789abcdef000000000000000f");
  REQUIRE(parse_token(token_text(token)).has_value());
  CHECK(*parse_token(token_text(token)) == token);
  for (const char* text : {"", "0123456789abcdef000000000000000", "0123456789abcdef000000000000000f0",
                           "0123456789ABCDEF000000000000000f", "0123456789abcdef00000000000000 f"})
    CHECK_FALSE(parse_token(text));
}

TEST_CASE("lifelines count as the daemon's descriptors, and kept objects as their owner's", "[unit]") {
  Scene scene({.per_owner = 2, .files = 3});
  Lifeline first, second;
  const wire::SharedObject object = scene.offer(), next = scene.offer();
  REQUIRE(scene.keep(object, std::move(first.daemons)) == 0);
  CHECK(scene.keep(next, std::move(second.daemons)) == ENOSPC);
  scene.objects.drop(kSession);
  scene.offer();
  wire::SharedObject third = {};
  third.kind = wire::ShareKind::memory_file;
  CHECK(scene.objects.offer(kNext, kUser, third, create_memory_file("test", 4096).value()) == ENOSPC);
  first.guests.reset();
  scene.loop->turn(0);
  CHECK(scene.objects.offer(kNext, kUser, third, create_memory_file("test", 4096).value()) == 0);
}

}  // namespace
}  // namespace vgpu::host
