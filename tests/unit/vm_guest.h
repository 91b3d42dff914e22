// SPDX-License-Identifier: Apache-2.0
// A guest without a VM: its memory is a file, its driver is the test. For tests of the channel.
#pragma once

#include <vector>

#include "host/device/channel.h"
#include "tests/support/test.h"

namespace vgpu::host {

inline constexpr uint64_t kPage = 4096, kMiB = 1 << 20;
inline constexpr uint64_t kNonce = 0x1122334455667788;

struct Sessions final : DeviceSessions {
  std::vector<OpenRequest> opened;
  std::vector<MapRequest> mapped;
  std::vector<uint64_t> closed;
  std::vector<uint32_t> rung;
  std::vector<ReportRequest> reports;
  void open(const OpenRequest& request) override { opened.push_back(request); }
  void close(uint32_t, uint64_t cookie) override { closed.push_back(cookie); }
  void map(const MapRequest& request) override { mapped.push_back(request); }
  void unmap(const UnmapRequest&) override {}
  void doorbell(uint32_t session) override { rung.push_back(session); }
  void report(const ReportRequest& request) override { reports.push_back(request); }
  void drop_all(std::function<void()> done) override { done(); }
  bool any() const override { return !opened.empty(); }
};

// A VM with 4 MiB, whose driver has its channel at 64 KiB and a run list at 128 KiB.
struct Guest {
  UniqueFd file = create_memory_file("guest", 4 * kMiB).value();
  Mapping view = Mapping::shared(file.get(), 4 * kMiB).value();
  GuestMemory memory;
  Sessions sessions;
  Channel channel{memory, sessions, 8};
  uint32_t tail = 0;

  Guest() { memory.map(0, 4 * kMiB, file.duplicate().value(), 0, true); }
  vgpu_channel_state& state() { return *reinterpret_cast<vgpu_channel_state*>(view.data() + 0x10000); }
  vgpu_run_page& list() { return *reinterpret_cast<vgpu_run_page*>(view.data() + 0x20000); }
  void start() {
    state().nonce = kNonce;
    REQUIRE(channel.start(GuestAddr{0x10000}, kNonce) == VGPU_STATUS_RUNNING);
  }
  void submit(const vgpu_command& command) {
    auto* entries = reinterpret_cast<vgpu_command*>(view.data() + 0x10000 + VGPU_SUBMISSIONS_OFFSET);
    entries[tail % VGPU_SUBMISSIONS] = command;
    state().submission_tail = ++tail;
  }
  vgpu_completion completion(uint32_t position) {
    const auto* entries = reinterpret_cast<vgpu_completion*>(view.data() + 0x10000 + VGPU_COMPLETIONS_OFFSET);
    return entries[position % VGPU_COMPLETIONS];
  }
  vgpu_command open() {
    list() = {};
    list().count = 1;
    list().runs[0] = {kMiB, 2 * kPage};
    vgpu_command command = {};
    command.opcode = VGPU_OP_OPEN;
    command.session = 1;
    command.cookie = 5;
    command.bytes = 2 * kPage;
    command.list = 0x20000;
    return command;
  }
};

}  // namespace vgpu::host
