// SPDX-License-Identifier: Apache-2.0
// VmDevice: the PCI device of one VM: configuration space, registers, channel, interrupt, behind the vfio-user server.
// The daemon gives it the sessions and hears of what they are asked. The event loop's thread only.
#pragma once

#include <memory>
#include <string>

#include "host/device/channel.h"
#include "host/device/guest_memory.h"
#include "host/device/pci_config.h"
#include "host/holder/holder.h"
#include "host/vfio_user/server.h"

namespace vgpu::host {

class VmDevice final : public DeviceChannel, private vfio_user::Device {
 public:
  static Result<std::unique_ptr<VmDevice>> create(EventLoop& loop, const std::string& path, const PciIdentity& identity,
                                                  uint32_t max_sessions, DeviceSessions& sessions, Holder& holder);
  ~VmDevice() override;

  // The daemon ends, and all workers are dead: tells the guest, and lets QEMU go in order.
  void end();

  void complete(uint64_t cookie, int error, int code, const std::string& reason) override;
  void complete_report(uint64_t ticket, int error, std::span<const std::byte> answer) override;
  void session_lost(uint32_t session) override;
  void wake_guest() override;

 private:
  VmDevice(EventLoop& loop, const PciIdentity& identity, uint32_t max_sessions, DeviceSessions& sessions,
           Holder& holder)
      : loop_(loop),
        sessions_(sessions),
        holder_(holder),
        max_sessions_(max_sessions),
        config_(identity),
        channel_(memory_, sessions, max_sessions) {}

  uint64_t region_bytes(uint32_t region) const override;
  void read(uint32_t region, uint64_t offset, std::span<std::byte> data) override;
  void write(uint32_t region, uint64_t offset, std::span<const std::byte> data) override;
  int map(uint64_t address, uint64_t bytes, UniqueFd file, uint64_t offset, bool writable) override;
  void unmap(uint64_t address, uint64_t bytes) override;
  void set_interrupt(UniqueFd event) override;
  void reset(std::function<void()> done) override;
  void connected(int socket) override;
  void disconnected() override;

  uint32_t read_register(uint64_t offset) const;
  void write_register(uint64_t offset, uint32_t value);
  void control(uint32_t what);
  void start();
  void stop(std::function<void()> done);
  void doorbell(uint32_t which);
  Result<void> watch_heart();
  void beat();
  // Serves the channel, and sees to it that the heart beats while it has to.
  void advance();
  void keep_beating();

  EventLoop& loop_;
  DeviceSessions& sessions_;
  Holder& holder_;
  const uint32_t max_sessions_;
  PciConfig config_;
  GuestMemory memory_;
  Channel channel_;
  UniqueFd interrupt_;
  uint32_t status_ = VGPU_STATUS_IDLE;
  uint64_t stops_ = 0;  // which STOP an answer belongs to
  uint32_t channel_low_ = 0, channel_high_ = 0, nonce_low_ = 0, nonce_high_ = 0;
  uint64_t channel_address_ = 0;
  UniqueFd heart_;
  Watch heart_watch_;
  bool heart_beats_ = false;
  std::unique_ptr<vfio_user::Server> server_;
};

}  // namespace vgpu::host
