// SPDX-License-Identifier: Apache-2.0
// Reports through a VM's channel: one case per refusal, with otherwise valid commands.
#include <cerrno>
#include <cstring>

#include "tests/unit/vm_guest.h"
#include "vgpu/report.h"

namespace vgpu::host {
namespace {

constexpr uint64_t kFirst = kMiB, kSecond = 2 * kMiB;  // where the pages of a report are: not neighbours

// A request of eight bytes, on two pages.
vgpu_command ask(Guest& guest, uint64_t cookie = 9) {
  guest.list() = {};
  guest.list().count = 2;
  guest.list().runs[0] = {kFirst, kPage};
  guest.list().runs[1] = {kSecond, kPage};
  std::memcpy(guest.view.data() + kFirst, "question", 8);
  vgpu_command command = {};
  command.opcode = VGPU_OP_REPORT;
  command.cookie = cookie;
  command.bytes = 2 * kPage;
  command.list = 0x20000;
  command.format = 8;
  command.address = 2 * kPage;
  return command;
}

// What the device answers at once.
int refusal(Guest& guest, const vgpu_command& command) {
  guest.start();
  guest.submit(command);
  guest.channel.advance();
  CHECK(guest.sessions.reports.empty());
  REQUIRE(guest.state().completion_tail == 1);
  return guest.completion(0).error;
}

std::vector<std::byte> bytes_of(size_t count, char value) { return std::vector<std::byte>(count, std::byte(value)); }

TEST_CASE("a report's request is copied, and its answer lies in the same pages", "[unit][report]") {
  Guest guest;
  guest.start();
  guest.submit(ask(guest));
  guest.channel.advance();
  REQUIRE(guest.sessions.reports.size() == 1);
  const ReportRequest& request = guest.sessions.reports.front();
  REQUIRE(request.bytes.size() == 8);
  CHECK(std::memcmp(request.bytes.data(), "question", 8) == 0);
  CHECK(guest.channel.complete_report(request.ticket, 0, bytes_of(kPage + 3, 'a')));
  const vgpu_completion completion = guest.completion(0);
  CHECK(completion.cookie == 9);
  CHECK(completion.error == 0);
  CHECK(completion.code == static_cast<int>(kPage) + 3);
  CHECK(guest.view.data()[kFirst + kPage - 1] == std::byte('a'));
  CHECK(guest.view.data()[kSecond + 2] == std::byte('a'));
  CHECK(guest.view.data()[kSecond + 3] == std::byte(0));
}

TEST_CASE("an answer that is longer than its room is not written", "[unit][report]") {
  Guest guest;
  guest.start();
  vgpu_command command = ask(guest);
  command.address = 100;
  guest.submit(command);
  guest.channel.advance();
  guest.channel.complete_report(guest.sessions.reports.front().ticket, 0, bytes_of(101, 'a'));
  CHECK(guest.completion(0).error == ENOSPC);
  CHECK(std::memcmp(guest.view.data() + kFirst, "question", 8) == 0);
}

TEST_CASE("a report's failure reaches the guest as it is", "[unit][report]") {
  Guest guest;
  guest.start();
  guest.submit(ask(guest));
  guest.channel.advance();
  guest.channel.complete_report(guest.sessions.reports.front().ticket, ENOSYS, {});
  CHECK(guest.completion(0).error == ENOSYS);
}

TEST_CASE("an answer that comes after a reset is dropped, whatever the guest asks then", "[unit][report]") {
  Guest guest;
  guest.start();
  guest.submit(ask(guest));
  guest.channel.advance();
  const uint64_t late = guest.sessions.reports.front().ticket;
  guest.channel.stop();
  guest.tail = 0;
  guest.state().submission_tail = 0;
  guest.start();
  guest.submit(ask(guest));
  guest.channel.advance();
  CHECK_FALSE(guest.channel.complete_report(late, 0, bytes_of(8, 'x')));
  CHECK(std::memcmp(guest.view.data() + kFirst, "question", 8) == 0);
  CHECK(guest.channel.complete_report(guest.sessions.reports.back().ticket, 0, bytes_of(8, 'y')));
}

TEST_CASE("a report whose pages are unplugged meanwhile is answered into the file that they were", "[unit][report]") {
  Guest guest;
  guest.start();
  guest.submit(ask(guest));
  guest.channel.advance();
  guest.memory.unmap(kFirst, 2 * kMiB);
  CHECK(guest.channel.complete_report(guest.sessions.reports.front().ticket, 0, bytes_of(8, 'a')));
  CHECK(guest.completion(0).error == 0);
}

TEST_CASE("reports of wrong sizes are refused", "[unit][report]") {
  const std::pair<const char*, void (*)(vgpu_command&)> changes[] = {
      {"no request", [](vgpu_command& command) { command.format = 0; }},
      {"a request that is too long", [](vgpu_command& command) { command.format = report::kMaxRequest + 1; }},
      {"no pages", [](vgpu_command& command) { command.bytes = 0; }},
      {"parts of pages", [](vgpu_command& command) { command.bytes = kPage + 8; }},
      {"too many pages", [](vgpu_command& command) { command.bytes = report::kMaxAnswer + kPage; }},
      {"more room than pages", [](vgpu_command& command) { command.address = 2 * kPage + 1; }},
      {"a text", [](vgpu_command& command) { command.has_text = 1; }},
      {"flags", [](vgpu_command& command) { command.flags = VGPU_COMMAND_ADOPT; }},
      {"a session that cannot be", [](vgpu_command& command) { command.session = 9; }},
  };
  for (const auto& [what, change] : changes) {
    INFO(what);
    Guest guest;
    vgpu_command command = ask(guest);
    change(command);
    CHECK(refusal(guest, command) == EINVAL);
  }
}

TEST_CASE("a report whose list leads nowhere is refused", "[unit][report]") {
  Guest guest;
  vgpu_command command = ask(guest);
  guest.list().runs[1].address = 64 * kMiB;
  CHECK(refusal(guest, command) == EINVAL);
}

TEST_CASE("no more than 64 reports wait at a time", "[unit][report]") {
  Guest guest;
  guest.start();
  for (uint64_t cookie = 1; cookie <= 65; ++cookie) {
    guest.submit(ask(guest, cookie));
    guest.channel.advance();
  }
  CHECK(guest.sessions.reports.size() == 64);
  CHECK(guest.completion(0).cookie == 65);
  CHECK(guest.completion(0).error == EAGAIN);
}

}  // namespace
}  // namespace vgpu::host
