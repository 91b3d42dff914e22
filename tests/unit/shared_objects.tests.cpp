// SPDX-License-Identifier: Apache-2.0
#include "host/daemon/shared_objects.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "tests/support/test.h"

namespace vgpu::host {
namespace {

constexpr Owner kVm = {true, 0}, kUser = {false, 1000}, kOther = {false, 1001};
constexpr uint64_t kSession = 1, kNext = 2;

wire::SharedObject object_of(wire::ShareKind kind, uint8_t byte = 0) {
  wire::SharedObject object = {};
  object.kind = kind;
  std::memset(object.bytes, byte, sizeof object.bytes);
  return object;
}

// As the software GPU exports memory.
UniqueFd memory_file() { return create_memory_file("test", 4096).value(); }
// What NVIDIA's driver exports is an open device.
UniqueFd device_file() { return UniqueFd(::open("/dev/null", O_RDWR | O_CLOEXEC)); }

wire::SharedObject offered(SharedObjects& objects, uint64_t session = kSession, Owner owner = kUser) {
  wire::SharedObject object = object_of(wire::ShareKind::memory_file);
  REQUIRE(objects.offer(session, owner, object, memory_file()) == 0);
  return object;
}

int claim(const SharedObjects& objects, Owner owner, wire::SharedObject object) {
  int file = -1;
  return objects.claim(owner, object, file);
}

TEST_CASE("a shared object is claimed by its token, with its bytes and its file", "[unit]") {
  SharedObjects objects(DriverKind::soft);
  wire::SharedObject made = object_of(wire::ShareKind::memory, 0x5a);
  REQUIRE(objects.offer(kSession, kUser, made, memory_file()) == 0);
  wire::SharedObject found = object_of(wire::ShareKind::memory);
  found.token = made.token;
  int file = -1;
  REQUIRE(objects.claim(kUser, found, file) == 0);
  CHECK(std::memcmp(found.bytes, made.bytes, sizeof made.bytes) == 0);
  CHECK(::lseek(file, 0, SEEK_END) == 4096);
}

TEST_CASE("tokens are not alike, and not zero", "[unit]") {
  SharedObjects objects(DriverKind::soft);
  const wire::Token first = offered(objects).token, second = offered(objects).token;
  CHECK_FALSE(first == second);
  CHECK((first.word[0] != 0 && first.word[1] != 0 && second.word[0] != 0 && second.word[1] != 0));
}

TEST_CASE("nobody but the owner can claim a shared object", "[unit]") {
  SharedObjects objects(DriverKind::soft);
  const wire::SharedObject of_user = offered(objects), of_vm = offered(objects, kNext, kVm);
  CHECK(claim(objects, kUser, of_user) == 0);
  CHECK(claim(objects, kOther, of_user) == ENOENT);
  CHECK(claim(objects, kVm, of_user) == ENOENT);
  CHECK(claim(objects, kVm, of_vm) == 0);
  CHECK(claim(objects, Owner{false, 0}, of_vm) == ENOENT);
}

TEST_CASE("a shared object is claimed only as what it is, and only with the whole token", "[unit]") {
  SharedObjects objects(DriverKind::soft);
  wire::SharedObject object = offered(objects);
  object.kind = wire::ShareKind::pool_file;
  CHECK(claim(objects, kUser, object) == ENOENT);
  object.kind = wire::ShareKind::memory_file;
  object.token.word[1] ^= 1;
  CHECK(claim(objects, kUser, object) == ENOENT);
  object.token = {};
  CHECK(claim(objects, kUser, object) == ENOENT);
}

TEST_CASE("shared objects die with their session, and nobody else's with them", "[unit]") {
  SharedObjects objects(DriverKind::soft);
  const wire::SharedObject gone = offered(objects), stays = offered(objects, kNext);
  objects.drop(kSession);
  CHECK(claim(objects, kUser, gone) == ENOENT);
  CHECK(claim(objects, kUser, stays) == 0);
  CHECK(objects.size() == 1);
}

TEST_CASE("only the session that offered an object withdraws it", "[unit]") {
  SharedObjects objects(DriverKind::soft);
  const wire::SharedObject object = offered(objects);
  objects.withdraw(kNext, object.token);
  CHECK(claim(objects, kUser, object) == 0);
  objects.withdraw(kSession, object.token);
  CHECK(claim(objects, kUser, object) == ENOENT);
  objects.withdraw(kSession, object.token);
  CHECK(objects.size() == 0);
}

TEST_CASE("an owner's shared objects are bounded, and another owner's are not touched by that", "[unit]") {
  SharedObjects objects(DriverKind::soft, {.per_owner = 2, .files = 100});
  const wire::SharedObject first = offered(objects);
  offered(objects, kNext);
  wire::SharedObject third = object_of(wire::ShareKind::memory_file);
  CHECK(objects.offer(kSession, kUser, third, memory_file()) == ENOSPC);
  CHECK(objects.offer(3, kOther, third, memory_file()) == 0);
  objects.withdraw(kSession, first.token);
  CHECK(objects.offer(kSession, kUser, third, memory_file()) == 0);
}

TEST_CASE("the daemon's descriptors are bounded for all owners together", "[unit]") {
  SharedObjects objects(DriverKind::soft, {.per_owner = 100, .files = 1});
  offered(objects);
  wire::SharedObject object = object_of(wire::ShareKind::memory_file);
  CHECK(objects.offer(kNext, kOther, object, memory_file()) == ENOSPC);
  objects.drop(kSession);
  CHECK(objects.offer(kNext, kOther, object, memory_file()) == 0);
}

TEST_CASE("with the software GPU, only files that cannot shrink are exports", "[unit]") {
  SharedObjects objects(DriverKind::soft);
  wire::SharedObject object = object_of(wire::ShareKind::memory_file);
  CHECK(objects.offer(kSession, kUser, object, device_file()) == EINVAL);
  CHECK(objects.offer(kSession, kUser, object, UniqueFd(::memfd_create("open", MFD_CLOEXEC | MFD_ALLOW_SEALING))) ==
        EINVAL);
  CHECK(objects.offer(kSession, kUser, object, UniqueFd()) == EINVAL);
}

TEST_CASE("with NVIDIA's driver, exports are devices, and IPC handles have no file", "[unit]") {
  SharedObjects objects(DriverKind::vendor);
  wire::SharedObject file = object_of(wire::ShareKind::memory_file), bytes = object_of(wire::ShareKind::memory);
  CHECK(objects.offer(kSession, kUser, file, memory_file()) == EINVAL);
  CHECK(objects.offer(kSession, kUser, file, device_file()) == 0);
  CHECK(objects.offer(kSession, kUser, bytes, device_file()) == EINVAL);
  CHECK(objects.offer(kSession, kUser, bytes, UniqueFd()) == 0);
}

TEST_CASE("an object of no kind is refused", "[unit]") {
  SharedObjects objects(DriverKind::vendor);
  for (const uint32_t kind : {0u, 6u, ~0u}) {
    wire::SharedObject object = object_of(static_cast<wire::ShareKind>(kind));
    CHECK(objects.offer(kSession, kUser, object, UniqueFd()) == EINVAL);
    CHECK(claim(objects, kUser, object) == ENOENT);
  }
  wire::SharedObject object = object_of(wire::ShareKind::memory);
  object.reserved = 1;
  CHECK(objects.offer(kSession, kUser, object, UniqueFd()) == EINVAL);
}

}  // namespace
}  // namespace vgpu::host
