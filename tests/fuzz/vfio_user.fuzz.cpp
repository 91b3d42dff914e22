// SPDX-License-Identifier: Apache-2.0
// Fuzzes what a VM can say to vgpud: a stream of vfio-user messages, and the memory behind them. The input is two
// parts: two bytes of length and as much of the stream; the rest becomes guest memory (the channel's pages first),
// whose file comes with every message. Each command that the channel takes is checked by the sessions.
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <vector>

#include "common/log.h"
#include "host/device/channel.h"
#include "host/vfio_user/connection.h"

namespace {

using namespace vgpu;
using namespace vgpu::host;

constexpr size_t kGuestBytes = 256 << 10;

[[noreturn]] void broken(const char* rule) {
  std::fprintf(stderr, "broken: %s\n", rule);
  std::abort();
}

class Stream final : public vfio_user::Stream {
 public:
  Stream(const uint8_t* data, size_t size, int file) : data_(data), size_(size), file_(file) {}
  ptrdiff_t receive(std::span<std::byte> buffer, std::vector<UniqueFd>& files) override {
    const size_t taken = std::min(buffer.size(), size_);
    if (taken == 0) return 0;
    if (buffer.size() == sizeof(vfio_user::Header)) files.emplace_back(::dup(file_));
    std::memcpy(buffer.data(), data_, taken);
    data_ += taken;
    size_ -= taken;
    return static_cast<ptrdiff_t>(taken);
  }
  bool send(std::span<const std::byte>) override { return true; }

 private:
  const uint8_t* data_;
  size_t size_;
  const int file_;
};

// Looks at every request as the daemon would have to rely on it.
class Sessions final : public DeviceSessions {
 public:
  void check(const GuestPages& pages, uint64_t bytes) {
    if (pages.file < 0 || total_bytes(pages.runs) != bytes) broken("pages of a request are not as long as it says");
    for (const FileRun& run : pages.runs)
      if (run.offset + run.bytes > kGuestBytes || run.offset % 4096 != 0) broken("a run outside of guest memory");
  }
  void open(const OpenRequest& request) override { check(request.pages, request.bytes); }
  void close(uint32_t, uint64_t) override {}
  void map(const MapRequest& request) override { check(request.pages, request.bytes); }
  void unmap(const UnmapRequest&) override {}
  void doorbell(uint32_t) override {}
  void report(const ReportRequest&) override {}
  void drop_all(std::function<void()> done) override { done(); }
  bool any() const override { return false; }
};

class Device final : public vfio_user::Device {
 public:
  uint64_t region_bytes(uint32_t region) const override { return region == 0 || region == 7 ? 4096 : 0; }
  void read(uint32_t region, uint64_t offset, std::span<std::byte> data) override {
    if (offset + data.size() > region_bytes(region)) broken("a read outside of its region");
    std::fill(data.begin(), data.end(), std::byte{});
  }
  void write(uint32_t region, uint64_t offset, std::span<const std::byte> data) override {
    if (offset + data.size() > region_bytes(region)) broken("a write outside of its region");
    uint64_t nonce = 0;
    memory.read(GuestAddr{offset}, std::as_writable_bytes(std::span(&nonce, 1)));
    channel.stop();
    if (channel.start(GuestAddr{offset & ~uint64_t{0xfff}}, nonce) == VGPU_STATUS_RUNNING) channel.advance();
  }
  int map(uint64_t address, uint64_t bytes, UniqueFd file, uint64_t offset, bool writable) override {
    return memory.map(address, bytes, std::move(file), offset, writable);
  }
  void unmap(uint64_t address, uint64_t bytes) override {
    channel.stop();
    memory.unmap(address, bytes);
  }
  void set_interrupt(UniqueFd) override {}
  void reset(std::function<void()> done) override { done(); }
  void connected(int) override {}
  void disconnected() override {}

  GuestMemory memory;
  Sessions sessions;
  Channel channel{memory, sessions, 8};
};

void run(const uint8_t* data, size_t size) {
  if (size < 2) return;
  const size_t stream_bytes = std::min<size_t>(size - 2, data[0] | data[1] << 8);
  const UniqueFd file = create_memory_file("guest", kGuestBytes).value();
  const Mapping guest = Mapping::shared(file.get(), kGuestBytes).value();
  std::memcpy(guest.data(), data + 2 + stream_bytes, std::min(kGuestBytes, size - 2 - stream_bytes));
  Device device;
  device.memory.map(0, kGuestBytes, file.duplicate().value(), 0, true);
  Stream stream(data + 2, stream_bytes, file.get());
  vfio_user::Connection connection(stream, device);
  while (connection.advance()) {
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  run(data, size);
  return 0;
}
