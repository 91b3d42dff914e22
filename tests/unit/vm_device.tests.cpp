// SPDX-License-Identifier: Apache-2.0
// Guest memory and the channel, with a memory file in a VM's place.
#include <cerrno>
#include <cstring>

#include "host/device/pci_config.h"
#include "host/device/run_list.h"
#include "tests/unit/vm_guest.h"

namespace vgpu::host {
namespace {

TEST_CASE("unmapping takes away every overlap and keeps the rest where it is", "[unit]") {
  Guest guest;
  std::memset(guest.view.data(), 7, 4 * kMiB);
  guest.memory.unmap(kMiB, kPage);
  std::byte byte = {};
  CHECK_FALSE(guest.memory.read(GuestAddr{kMiB}, {&byte, 1}));
  CHECK(guest.memory.read(GuestAddr{kMiB - 1}, {&byte, 1}));
  CHECK(guest.memory.place(GuestAddr{kMiB + kPage}, kPage)->offset == kMiB + kPage);
  CHECK_FALSE(guest.memory.place(GuestAddr{kMiB - kPage}, 3 * kPage));
  guest.memory.unmap(2 * kMiB, 0);
  CHECK(guest.memory.read(GuestAddr{2 * kMiB}, {&byte, 1}));
  guest.memory.unmap(0, ~uint64_t{0});
  CHECK_FALSE(guest.memory.read(GuestAddr{0}, {&byte, 1}));
}

TEST_CASE("a section replaces what it overlaps, and one beyond its file is not mapped", "[unit]") {
  Guest guest;
  REQUIRE(guest.memory.map(0, kPage, guest.file.duplicate().value(), 2 * kMiB, true) == 0);
  CHECK(guest.memory.place(GuestAddr{0}, kPage)->offset == 2 * kMiB);
  REQUIRE(guest.memory.map(8 * kMiB, 8 * kMiB, guest.file.duplicate().value(), 0, true) == 0);
  CHECK_FALSE(guest.memory.place(GuestAddr{8 * kMiB}, kPage));
  CHECK(guest.memory.map(~uint64_t{0} - kPage + 1, 2 * kPage, UniqueFd(), 0, true) == EINVAL);
}

TEST_CASE("a section that is not made of pages is refused", "[unit]") {
  Guest guest;
  CHECK(guest.memory.map(8 * kMiB + 8, kPage, guest.file.duplicate().value(), 0, true) == EINVAL);
  CHECK(guest.memory.map(8 * kMiB, kPage + 8, guest.file.duplicate().value(), 0, true) == EINVAL);
  CHECK(guest.memory.map(8 * kMiB, kPage, guest.file.duplicate().value(), 8, true) == EINVAL);
}

TEST_CASE("memory that may only be read is no place for the device", "[unit]") {
  Guest guest;
  guest.memory.map(0, kMiB, guest.file.duplicate().value(), 0, false);
  std::byte byte = {};
  CHECK(guest.memory.read(GuestAddr{0}, {&byte, 1}));
  CHECK_FALSE(guest.memory.write(GuestAddr{0}, {&byte, 1}));
  CHECK_FALSE(guest.memory.place(GuestAddr{0}, kPage));
}

TEST_CASE("the handshake tells shared memory from memory that only looks like it", "[unit]") {
  Guest guest;
  CHECK(guest.channel.start(GuestAddr{0x10000}, kNonce) == VGPU_STATUS_NOT_SHARED);
  CHECK(guest.channel.start(GuestAddr{0x10010}, 0) == VGPU_STATUS_BAD_ADDRESS);
  CHECK(guest.channel.start(GuestAddr{64 * kMiB}, 0) == VGPU_STATUS_BAD_ADDRESS);
  GuestMemory none;
  none.map(0, kMiB, UniqueFd(), 0, true);
  CHECK(Channel(none, guest.sessions, 8).start(GuestAddr{0}, 0) == VGPU_STATUS_NO_FILE);
  guest.start();
  CHECK(guest.state().answer == ~kNonce);
}

TEST_CASE("a command reaches the sessions once, and its answer the guest", "[unit]") {
  Guest guest;
  guest.start();
  guest.submit(guest.open());
  REQUIRE(guest.channel.advance() == Channel::Advance::quiet);
  REQUIRE(guest.sessions.opened.size() == 1);
  CHECK(guest.sessions.opened[0].pages.runs == std::vector<FileRun>{{kMiB, 2 * kPage}});
  CHECK(guest.state().submission_head == 1);
  CHECK(guest.channel.complete(5, 0, 0, {}));
  CHECK(guest.state().completion_tail == 1);
  CHECK(guest.completion(0).cookie == 5);
  CHECK_FALSE(guest.channel.complete(5, 0, 0, {}));
}

TEST_CASE("each wrong field of a command is refused, and the sessions hear nothing", "[unit]") {
  const auto refused_with = [](auto change) {
    Guest guest;
    guest.start();
    vgpu_command command = guest.open();
    change(command, guest.list());
    guest.submit(command);
    // Whoever waits for the refusal sleeps.
    CHECK(guest.channel.advance() == Channel::Advance::interrupt);
    CHECK(guest.sessions.opened.empty());
    REQUIRE(guest.state().completion_tail == 1);
    return guest.completion(0).error;
  };
  CHECK(refused_with([](vgpu_command& c, vgpu_run_page&) { c.session = 0; }) == EINVAL);
  CHECK(refused_with([](vgpu_command& c, vgpu_run_page&) { c.session = 9; }) == EINVAL);
  CHECK(refused_with([](vgpu_command& c, vgpu_run_page&) { c.flags = 2; }) == EINVAL);
  CHECK(refused_with([](vgpu_command& c, vgpu_run_page&) { c.flags = VGPU_COMMAND_ADOPT; }) == EINVAL);
  CHECK(refused_with([](vgpu_command& c, vgpu_run_page&) { c.reserved = 1; }) == EINVAL);
  CHECK(refused_with([](vgpu_command& c, vgpu_run_page&) { c.opcode = 99; }) == EOPNOTSUPP);
  CHECK(refused_with([](vgpu_command& c, vgpu_run_page&) { c.bytes = 3 * kPage; }) == EINVAL);
  CHECK(refused_with([](vgpu_command& c, vgpu_run_page&) { c.bytes = kPage; }) == EINVAL);
  CHECK(refused_with([](vgpu_command& c, vgpu_run_page&) { c.bytes = 0; }) == EINVAL);
  CHECK(refused_with([](vgpu_command& c, vgpu_run_page&) { c.list = ~uint64_t{0}; }) == EINVAL);
  CHECK(refused_with([](vgpu_command& c, vgpu_run_page&) { c.has_text = 1, c.text = 64 * kMiB; }) == EINVAL);
  CHECK(refused_with([](vgpu_command&, vgpu_run_page& l) { l.count = 0; }) == EINVAL);
  CHECK(refused_with([](vgpu_command&, vgpu_run_page& l) { l.count = 256; }) == EINVAL);
  CHECK(refused_with([](vgpu_command&, vgpu_run_page& l) { l.runs[0].address += 1; }) == EINVAL);
  CHECK(refused_with([](vgpu_command&, vgpu_run_page& l) { l.runs[0].address = ~uint64_t{4095}; }) == EINVAL);
  CHECK(refused_with([](vgpu_command&, vgpu_run_page& l) { l.runs[0].bytes = 0; }) == EINVAL);
}

TEST_CASE("a list that leads in a circle ends", "[unit]") {
  Guest guest;
  vgpu_run_page& list = guest.list();
  list = {};
  list.count = 1;
  list.next = 0x20000;
  list.runs[0] = {0, kPage};
  GuestPages pages;
  CHECK(read_run_list(guest.memory, GuestAddr{0x20000}, uint64_t{1} << 40, pages) == E2BIG);
}

TEST_CASE("memory of two files in one list is refused", "[unit]") {
  Guest guest;
  UniqueFd second = create_memory_file("second", kMiB).value();
  guest.memory.map(8 * kMiB, kMiB, std::move(second), 0, true);
  guest.list() = {};
  guest.list().count = 2;
  guest.list().runs[0] = {0, kPage};
  guest.list().runs[1] = {8 * kMiB, kPage};
  GuestPages pages;
  CHECK(read_run_list(guest.memory, GuestAddr{0x20000}, 2 * kPage, pages) == EOPNOTSUPP);
}

TEST_CASE("a queue position that cannot be stops the channel", "[unit]") {
  Guest guest;
  guest.start();
  guest.state().submission_tail = VGPU_SUBMISSIONS + 1;
  CHECK(guest.channel.advance() == Channel::Advance::broken);
  guest.channel.stop();
  CHECK(guest.channel.advance() == Channel::Advance::quiet);
}

TEST_CASE("a guest that claims to have read more than there was stops the channel", "[unit]") {
  Guest guest;
  guest.start();
  guest.state().completion_head = 1;
  CHECK(guest.channel.advance() == Channel::Advance::broken);
}

TEST_CASE("a guest that never reads its answers is served no further than they can be kept", "[unit]") {
  Guest guest;
  guest.start();
  vgpu_command wrong = {};
  wrong.opcode = 99;
  wrong.session = 1;
  for (int round = 0; round < 1000; ++round) {
    while (guest.tail - guest.state().submission_head < VGPU_SUBMISSIONS) {
      ++wrong.cookie;
      guest.submit(wrong);
    }
    guest.channel.advance();
  }
  const uint32_t taken = guest.state().submission_head;
  CHECK(taken < 2000);
  // It is served again once it reads.
  for (uint32_t read = 0; read <= taken; read += VGPU_COMPLETIONS) {
    guest.state().completion_head = guest.state().completion_tail;
    guest.channel.advance();
  }
  CHECK(guest.state().submission_head == guest.tail);
}

TEST_CASE("what does not fit into the guest's queue comes when there is room", "[unit]") {
  Guest guest;
  guest.start();
  for (uint32_t i = 0; i < VGPU_COMPLETIONS + 3; ++i) guest.channel.session_lost(1 + i % 8);
  CHECK(guest.state().completion_tail == VGPU_COMPLETIONS);
  guest.state().completion_head = VGPU_COMPLETIONS;
  CHECK(guest.channel.keeps_answers());
  // The guest has been told of those before only.
  REQUIRE(guest.channel.advance() == Channel::Advance::interrupt);
  CHECK_FALSE(guest.channel.keeps_answers());
  CHECK(guest.state().completion_tail == VGPU_COMPLETIONS + 3);
  CHECK(guest.completion(VGPU_COMPLETIONS).event == VGPU_EVENT_LOST);
}

TEST_CASE("a refused open leaves its reason in the guest's page", "[unit]") {
  Guest guest;
  guest.start();
  vgpu_command command = guest.open();
  command.text = 0x30000;
  guest.submit(command);
  guest.channel.advance();
  guest.channel.complete(5, ECONNREFUSED, 3, "no room");
  CHECK(std::string(reinterpret_cast<char*>(guest.view.data() + 0x30000)) == "no room");
  CHECK(guest.completion(0).code == 3);
}

TEST_CASE("a PCI identity is read as people write it", "[unit]") {
  const PciIdentity full = parse_identity("10de:2335:030200:a1").value();
  CHECK(full.device == 0x2335);
  CHECK(full.class_code == 0x030200);
  CHECK(parse_identity("10de:1eb8").value().revision == 0xa1);
  for (const char* wrong : {"", "10de", "10de:", "10de:12345", "x:y", "10de:1eb8:030200:a1:0", "10de:1eb8:030200:1a1"})
    CHECK_FALSE(parse_identity(wrong).ok());
}

}  // namespace
}  // namespace vgpu::host
