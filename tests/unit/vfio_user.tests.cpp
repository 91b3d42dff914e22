// SPDX-License-Identifier: Apache-2.0
// The vfio-user server, fed by hand: what it answers, and what it does with messages that QEMU would never send.
#include "host/vfio_user/connection.h"

#include <fcntl.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <deque>
#include <string>

#include "tests/support/test.h"

namespace vgpu::host::vfio_user {
namespace {

// A stream of prepared pieces, each received by a call of its own.
class FakeStream final : public Stream {
 public:
  struct Piece {
    std::vector<std::byte> bytes;
    std::vector<int> files;
  };
  std::deque<Piece> input;
  std::vector<std::vector<std::byte>> sent;
  bool at_end = false;

  ptrdiff_t receive(std::span<std::byte> buffer, std::vector<UniqueFd>& files) override {
    if (input.empty()) return at_end ? 0 : -1;
    Piece& piece = input.front();
    for (const int file : std::exchange(piece.files, {})) files.emplace_back(file);
    const size_t taken = std::min(buffer.size(), piece.bytes.size());
    std::copy_n(piece.bytes.begin(), taken, buffer.begin());
    piece.bytes.erase(piece.bytes.begin(), piece.bytes.begin() + static_cast<ptrdiff_t>(taken));
    if (piece.bytes.empty()) input.pop_front();
    return static_cast<ptrdiff_t>(taken);
  }
  bool send(std::span<const std::byte> message) override {
    sent.emplace_back(message.begin(), message.end());
    return true;
  }
};

class FakeDevice final : public Device {
 public:
  int maps = 0, unmaps = 0, writes = 0, interrupts = 0;
  std::function<void()> reset_done;

  uint64_t region_bytes(uint32_t region) const override { return region == 0 ? 4096 : region == 7 ? 256 : 0; }
  void read(uint32_t, uint64_t offset, std::span<std::byte> data) override {
    for (std::byte& byte : data) byte = static_cast<std::byte>(offset);
  }
  void write(uint32_t, uint64_t, std::span<const std::byte>) override { ++writes; }
  int map(uint64_t, uint64_t, UniqueFd, uint64_t, bool) override { return ++maps, 0; }
  void unmap(uint64_t, uint64_t) override { ++unmaps; }
  void set_interrupt(UniqueFd event) override { interrupts += event ? 1 : 0; }
  void reset(std::function<void()> done) override { reset_done = std::move(done); }
  void connected(int) override {}
  void disconnected() override {}
};

struct Peer {
  FakeStream stream;
  FakeDevice device;
  Connection connection{stream, device};

  template <class... Parts>
  static std::vector<std::byte> message(Command command, uint32_t flags, const Parts&... parts) {
    Header header = {7, static_cast<uint16_t>(command),
                     static_cast<uint32_t>(sizeof(Header) + (sizeof parts + ... + 0)), flags, 0};
    std::vector<std::byte> bytes;
    const auto add = [&bytes](const auto& part) {
      const auto raw = std::as_bytes(std::span(&part, 1));
      bytes.insert(bytes.end(), raw.begin(), raw.end());
    };
    add(header);
    (add(parts), ...);
    return bytes;
  }
  bool feed(std::vector<std::byte> bytes, std::vector<int> files = {}) {
    stream.input.push_back({std::move(bytes), std::move(files)});
    return connection.advance();
  }
  bool greet() {
    char text[200] = {};
    std::strcpy(text + 4, R"({"capabilities":{"max_msg_fds":16}})");
    return feed(message(Command::version, kCommand, text));
  }
  Header answer() const {
    Header header = {};
    REQUIRE_FALSE(stream.sent.empty());
    std::memcpy(&header, stream.sent.back().data(), sizeof header);
    return header;
  }
};

constexpr RegionAccess kWordOfBar = {8, 0, 4};

TEST_CASE("the version is answered within the size of the question, and only then anything else", "[unit]") {
  Peer peer;
  REQUIRE(peer.greet());
  CHECK(peer.answer().flags == kReply);
  CHECK(peer.answer().bytes <= sizeof(Header) + 200);
  Peer rude;
  CHECK_FALSE(rude.feed(Peer::message(Command::get_info, kCommand, DeviceInfo{})));
}

TEST_CASE("a message may arrive byte by byte", "[unit]") {
  Peer peer;
  peer.greet();
  for (const std::byte byte : Peer::message(Command::region_read, kCommand, kWordOfBar))
    REQUIRE(peer.feed(std::vector<std::byte>{byte}));
  CHECK(peer.answer().bytes == sizeof(Header) + sizeof(RegionAccess) + 4);
}

TEST_CASE("a size that is smaller than a header, or enormous, ends the connection", "[unit]") {
  for (const uint32_t bytes : {0u, 15u, 1u << 30}) {
    Peer peer;
    peer.greet();
    const Header header = {1, 4, bytes, kCommand, 0};
    const auto raw = std::as_bytes(std::span(&header, 1));
    CHECK_FALSE(peer.feed({raw.begin(), raw.end()}));
  }
}

TEST_CASE("a message that is too short for its command is refused, and the next one served", "[unit]") {
  for (const Command command : {Command::dma_map, Command::dma_unmap, Command::get_region_info, Command::get_irq_info,
                                Command::set_irqs, Command::region_read, Command::region_write}) {
    Peer peer;
    peer.greet();
    REQUIRE(peer.feed(Peer::message(command, kCommand, uint32_t{0})));
    CHECK(peer.answer().flags == (kReply | kError));
    CHECK(peer.answer().error == EINVAL);
    REQUIRE(peer.feed(Peer::message(Command::get_info, kCommand, DeviceInfo{})));
    CHECK(peer.answer().flags == kReply);
  }
}

TEST_CASE("accesses outside of a region are refused", "[unit]") {
  for (const RegionAccess& access : {RegionAccess{4093, 0, 4}, RegionAccess{~uint64_t{0}, 0, 4}, RegionAccess{0, 1, 4},
                                     RegionAccess{0, 9, 4}, RegionAccess{0, 0, 1 << 20}}) {
    Peer peer;
    peer.greet();
    REQUIRE(peer.feed(Peer::message(Command::region_read, kCommand, access)));
    CHECK(peer.answer().error == EINVAL);
  }
}

TEST_CASE("a write whose data are not as long as it says is refused", "[unit]") {
  Peer peer;
  peer.greet();
  REQUIRE(peer.feed(Peer::message(Command::region_write, kCommand, kWordOfBar, uint64_t{0})));
  CHECK(peer.answer().error == EINVAL);
  CHECK(peer.device.writes == 0);
}

TEST_CASE("a posted write is carried out and not answered, not even when it is wrong", "[unit]") {
  Peer peer;
  peer.greet();
  const size_t before = peer.stream.sent.size();
  REQUIRE(peer.feed(Peer::message(Command::region_write, kCommand | kNoReply, kWordOfBar, uint32_t{1})));
  REQUIRE(peer.feed(Peer::message(Command::region_write, kCommand | kNoReply, uint32_t{1})));
  CHECK(peer.device.writes == 1);
  CHECK(peer.stream.sent.size() == before);
}

TEST_CASE("of several writes in a message those that are right are carried out", "[unit]") {
  Peer peer;
  peer.greet();
  const RegionWrite good = {8, 0, 4, {1}}, outside = {4096, 0, 4, {1}}, too_long = {8, 0, 9, {1}};
  REQUIRE(peer.feed(
      Peer::message(Command::region_write_multi, kCommand | kNoReply, uint64_t{4}, good, outside, too_long, good)));
  CHECK(peer.device.writes == 2);
  REQUIRE(peer.feed(Peer::message(Command::region_write_multi, kCommand, uint64_t{5}, good)));
  CHECK(peer.answer().error == EINVAL);
}

TEST_CASE("a reply that answers nothing is ignored", "[unit]") {
  Peer peer;
  peer.greet();
  const size_t before = peer.stream.sent.size();
  CHECK(peer.feed(Peer::message(Command::dma_map, kReply, DmaMap{})));
  CHECK(peer.stream.sent.size() == before);
}

TEST_CASE("commands that are not served are refused by name", "[unit]") {
  for (const uint16_t command : {6, 11, 14, 16, 17, 18, 999}) {
    Peer peer;
    peer.greet();
    REQUIRE(peer.feed(Peer::message(static_cast<Command>(command), kCommand, uint64_t{0}, uint64_t{0})));
    CHECK(peer.answer().error == EOPNOTSUPP);
  }
}

TEST_CASE("files that a message should not bring are closed", "[unit]") {
  Peer peer;
  peer.greet();
  const int event = ::eventfd(0, EFD_CLOEXEC);
  REQUIRE(peer.feed(Peer::message(Command::get_info, kCommand, DeviceInfo{}), {event}));
  CHECK(::fcntl(event, F_GETFD) == -1);
  const int first = ::eventfd(0, EFD_CLOEXEC), second = ::eventfd(0, EFD_CLOEXEC);
  REQUIRE(peer.feed(Peer::message(Command::dma_map, kCommand, DmaMap{}), {first, second}));
  CHECK(peer.answer().error == EINVAL);
  CHECK(::fcntl(second, F_GETFD) == -1);
}

TEST_CASE("a message in many pieces keeps no more files than a message may have", "[unit]") {
  Peer peer;
  peer.greet();
  const std::vector<std::byte> bytes = Peer::message(Command::get_info, kCommand, DeviceInfo{});
  std::vector<int> files;
  for (size_t i = 0; i + 1 < bytes.size(); ++i) {
    files.push_back(::eventfd(0, EFD_CLOEXEC));
    peer.stream.input.push_back({{bytes[i]}, {files.back()}});
  }
  REQUIRE(peer.connection.advance());
  const auto is_open = [](int file) { return ::fcntl(file, F_GETFD) != -1; };
  CHECK(std::count_if(files.begin(), files.end(), is_open) == kMaxFiles);
}

TEST_CASE("a reset is answered when the device is done, and never after the connection's end", "[unit]") {
  auto peer = std::make_unique<Peer>();
  peer->greet();
  const size_t before = peer->stream.sent.size();
  REQUIRE(peer->feed(Peer::message(Command::device_reset, kCommand)));
  CHECK(peer->stream.sent.size() == before);
  peer->device.reset_done();
  CHECK(peer->answer().command == 13);
  REQUIRE(peer->feed(Peer::message(Command::device_reset, kCommand)));
  const std::function<void()> late = peer->device.reset_done;
  peer.reset();
  late();
  SUCCEED("nothing was touched");
}

TEST_CASE("the end of the stream ends the connection", "[unit]") {
  Peer peer;
  peer.stream.at_end = true;
  CHECK_FALSE(peer.connection.advance());
}

}  // namespace
}  // namespace vgpu::host::vfio_user
