// SPDX-License-Identifier: Apache-2.0
#include "libcuda/shared_descriptors.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/support/test.h"

namespace vgpu::guest {
namespace {

wire::SharedName name_of(uint64_t number) {
  return {wire::kSharedNameMagic, {{number, ~number}}, wire::ShareKind::memory_file, 0};
}

Result<UniqueFd> make(SharedDescriptors& descriptors, uint64_t number) {
  return descriptors.make(name_of(number), [](int) { return Result<UniqueFd>(UniqueFd()); });
}

TEST_CASE("a shared descriptor's name can be read any number of times, from any copy", "[unit]") {
  SharedDescriptors descriptors;
  const UniqueFd made = std::move(make(descriptors, 5)).value();
  const UniqueFd copy = std::move(made.duplicate()).value();
  for (const int descriptor : {made.get(), copy.get(), made.get()}) {
    const auto name = SharedDescriptors::read(descriptor);
    REQUIRE(name.has_value());
    CHECK(name->token == name_of(5).token);
  }
}

TEST_CASE("an export is over when the last copy of its descriptor is closed, and told once", "[unit]") {
  SharedDescriptors descriptors;
  UniqueFd first = std::move(make(descriptors, 1)).value();
  const UniqueFd second = std::move(make(descriptors, 2)).value();
  UniqueFd copy = std::move(first.duplicate()).value();
  first.reset();
  CHECK(descriptors.take_closed().empty());
  copy.reset();
  const auto closed = descriptors.take_closed();
  REQUIRE(closed.size() == 1);
  CHECK(closed[0] == name_of(1).token);
  CHECK(descriptors.take_closed().empty());
}

TEST_CASE("the end that is lent hangs up with the last copy of the descriptor, whoever has it", "[unit]") {
  UniqueFd lent, made;
  {
    SharedDescriptors descriptors;
    const auto keep = [&lent](int end) -> Result<UniqueFd> {
      lent.reset(::fcntl(end, F_DUPFD_CLOEXEC, 0));
      return UniqueFd();
    };
    made = std::move(descriptors.make(name_of(6), keep)).value();
  }
  pollfd hang_up = {lent.get(), 0, 0};
  CHECK(::poll(&hang_up, 1, 0) == 0);
  REQUIRE(SharedDescriptors::read(made.get()).has_value());
  made.reset();
  CHECK(::poll(&hang_up, 1, 0) == 1);
}

TEST_CASE("a file that goes with a name is closed with the last copy of the descriptor, and not by reading", "[unit]") {
  int ends[2] = {-1, -1};
  REQUIRE(::pipe2(ends, O_CLOEXEC) == 0);
  const UniqueFd in(ends[0]);
  UniqueFd made;
  {
    SharedDescriptors descriptors;
    made = std::move(descriptors.make(name_of(8), [&](int) { return Result<UniqueFd>(UniqueFd(ends[1])); })).value();
  }
  pollfd hang_up = {in.get(), 0, 0};
  for (int i = 0; i < 3; ++i) REQUIRE(SharedDescriptors::read(made.get()).has_value());
  CHECK(::poll(&hang_up, 1, 0) == 0);
  made.reset();
  CHECK(::poll(&hang_up, 1, 0) == 1);
}

TEST_CASE("there is no descriptor for an export that the host does not keep", "[unit]") {
  SharedDescriptors descriptors;
  CHECK_FALSE(descriptors.make(name_of(7), [](int) { return Result<UniqueFd>(Error{"no"}); }).ok());
  CHECK(descriptors.take_closed().empty());
}

TEST_CASE("what is no shared descriptor has no name, and loses nothing by the question", "[unit]") {
  CHECK_FALSE(SharedDescriptors::read(-1));
  const UniqueFd file(::open("/dev/null", O_RDWR | O_CLOEXEC));
  CHECK_FALSE(SharedDescriptors::read(file.get()));
  int pair[2] = {-1, -1};
  REQUIRE(::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) == 0);
  const UniqueFd left(pair[0]), right(pair[1]);
  CHECK_FALSE(SharedDescriptors::read(left.get()));  // Nothing there; it does not wait.
  wire::SharedName name = name_of(3);
  name.magic = 0;
  REQUIRE(::send(right.get(), &name, sizeof name, 0) == sizeof name);
  CHECK_FALSE(SharedDescriptors::read(left.get()));
  CHECK(::recv(left.get(), &name, sizeof name, MSG_DONTWAIT) == sizeof name);
}

TEST_CASE("a longer message is no name", "[unit]") {
  int pair[2] = {-1, -1};
  REQUIRE(::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) == 0);
  const UniqueFd left(pair[0]), right(pair[1]);
  struct {
    wire::SharedName name;
    uint64_t more;
  } message = {name_of(4), 0};
  REQUIRE(::send(right.get(), &message, sizeof message, 0) == sizeof message);
  CHECK_FALSE(SharedDescriptors::read(left.get()));
}

}  // namespace
}  // namespace vgpu::guest
