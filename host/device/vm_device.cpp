// SPDX-License-Identifier: Apache-2.0
#include "host/device/vm_device.h"

#include <sys/timerfd.h>
#include <unistd.h>

#include <cstring>

#include "common/log.h"

namespace vgpu::host {
namespace {

constexpr uint32_t kBar0 = 0;
constexpr time_t kHeartbeatSeconds = 1;

}  // namespace

Result<std::unique_ptr<VmDevice>> VmDevice::create(EventLoop& loop, const std::string& path,
                                                   const PciIdentity& identity, uint32_t max_sessions,
                                                   DeviceSessions& sessions, Holder& holder) {
  std::unique_ptr<VmDevice> device(new VmDevice(loop, identity, max_sessions, sessions, holder));
  TRY(device->watch_heart());
  device->server_ = TRY(vfio_user::Server::listen(loop, path, *device));
  return device;
}

VmDevice::~VmDevice() = default;

Result<void> VmDevice::watch_heart() {
  heart_.reset(::timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC));
  if (!heart_) return Error::from_errno("cannot create a timer");
  heart_watch_ = TRY(loop_.watch(heart_.get(), EPOLLIN, [this](uint32_t) { beat(); }));
  return {};
}

void VmDevice::beat() {
  uint64_t ticks = 0;
  static_cast<void>(!::read(heart_.get(), &ticks, sizeof ticks));
  if (sessions_.any()) channel_.beat();
  // Answers that found no room: the guest may have made some without a doorbell.
  if (channel_.keeps_answers()) advance();
  if (sessions_.any() || channel_.keeps_answers()) return;
  const itimerspec never = {};
  ::timerfd_settime(heart_.get(), 0, &never, nullptr);
  heart_beats_ = false;
}

void VmDevice::keep_beating() {
  if (heart_beats_ || (!sessions_.any() && !channel_.keeps_answers())) return;
  const itimerspec beat = {{kHeartbeatSeconds, 0}, {kHeartbeatSeconds, 0}};
  heart_beats_ = ::timerfd_settime(heart_.get(), 0, &beat, nullptr) == 0;
}

void VmDevice::advance() {
  const Channel::Advance advance = channel_.advance();
  if (advance == Channel::Advance::broken) return stop([] {});
  if (advance == Channel::Advance::interrupt) wake_guest();
  keep_beating();
}

void VmDevice::end() {
  if (channel_.running()) {
    if (auto* state = memory_.locate(GuestAddr{channel_address_}, sizeof(vgpu_channel_state))) {
      // SAFETY: as in Channel::start.
      auto& life = reinterpret_cast<vgpu_channel_state*>(state)->life;
      __atomic_store_n(&life, static_cast<uint32_t>(VGPU_LIFE_DEAD), __ATOMIC_RELEASE);
    }
    wake_guest();
    channel_.stop();
  }
  server_.reset();
  holder_.clear();
}

void VmDevice::complete(uint64_t cookie, int error, int code, const std::string& reason) {
  if (channel_.complete(cookie, error, code, reason)) wake_guest();
  keep_beating();
}

void VmDevice::complete_report(uint64_t ticket, int error, std::span<const std::byte> answer) {
  if (channel_.complete_report(ticket, error, answer)) wake_guest();
  keep_beating();
}

void VmDevice::session_lost(uint32_t session) {
  if (channel_.session_lost(session)) wake_guest();
  keep_beating();
}

void VmDevice::wake_guest() {
  const uint64_t one = 1;
  if (interrupt_ && channel_.running()) static_cast<void>(!::write(interrupt_.get(), &one, sizeof one));
}

uint64_t VmDevice::region_bytes(uint32_t region) const {
  if (region == kBar0) return VGPU_BAR_BYTES;
  return region == vfio_user::kConfigRegion ? PciConfig::kBytes : 0;
}

void VmDevice::read(uint32_t region, uint64_t offset, std::span<std::byte> data) {
  if (region == vfio_user::kConfigRegion) return config_.read(offset, data);
  std::memset(data.data(), 0, data.size());
  if (data.size() != sizeof(uint32_t) || offset % sizeof(uint32_t) != 0) return;
  const uint32_t value = read_register(offset);
  std::memcpy(data.data(), &value, sizeof value);
}

void VmDevice::write(uint32_t region, uint64_t offset, std::span<const std::byte> data) {
  if (region == vfio_user::kConfigRegion) return config_.write(offset, data);
  uint32_t value = 0;
  if (data.size() != sizeof value || offset % sizeof value != 0) return;
  std::memcpy(&value, data.data(), sizeof value);
  write_register(offset, value);
}

uint32_t VmDevice::read_register(uint64_t offset) const {
  switch (offset) {
    case VGPU_REG_MAGIC: return VGPU_MAGIC;
    case VGPU_REG_VERSION: return VGPU_DEVICE_VERSION;
    case VGPU_REG_STATUS: return status_;
    case VGPU_REG_SESSIONS: return max_sessions_;
    case VGPU_REG_CHANNEL_LOW: return channel_low_;
    case VGPU_REG_CHANNEL_HIGH: return channel_high_;
    case VGPU_REG_NONCE_LOW: return nonce_low_;
    case VGPU_REG_NONCE_HIGH: return nonce_high_;
    default: return 0;
  }
}

void VmDevice::write_register(uint64_t offset, uint32_t value) {
  switch (offset) {
    case VGPU_REG_CHANNEL_LOW: channel_low_ = value; return;
    case VGPU_REG_CHANNEL_HIGH: channel_high_ = value; return;
    case VGPU_REG_NONCE_LOW: nonce_low_ = value; return;
    case VGPU_REG_NONCE_HIGH: nonce_high_ = value; return;
    case VGPU_REG_CONTROL: return control(value);
    case VGPU_REG_DOORBELL: return doorbell(value);
    default: return;
  }
}

void VmDevice::control(uint32_t what) {
  if (what == VGPU_CONTROL_STOP) return stop([] {});
  if (what == VGPU_CONTROL_START) return start();
  VGPU_WARN_THROTTLED("the VM's driver wrote %u to the control register: ignored", what);
}

void VmDevice::start() {
  if (status_ == VGPU_STATUS_RUNNING || status_ == VGPU_STATUS_STOPPING) return;
  channel_address_ = uint64_t{channel_high_} << 32 | channel_low_;
  status_ = channel_.start(GuestAddr{channel_address_}, uint64_t{nonce_high_} << 32 | nonce_low_);
  if (status_ != VGPU_STATUS_RUNNING) return;
  const auto place = memory_.place(GuestAddr{channel_address_}, sizeof(vgpu_channel_state));
  if (place) holder_.channel(place->file, place->offset);
}

void VmDevice::stop(std::function<void()> done) {
  channel_.stop();
  holder_.channel(-1, 0);
  status_ = VGPU_STATUS_STOPPING;
  // A reset may come while an earlier stop is under way; the last one decides.
  const uint64_t number = ++stops_;
  sessions_.drop_all([this, number, tell = std::move(done)] {
    if (number == stops_) status_ = VGPU_STATUS_IDLE;
    tell();
  });
}

void VmDevice::doorbell(uint32_t which) {
  if (status_ != VGPU_STATUS_RUNNING) return;
  if (which != 0) return sessions_.doorbell(which);
  advance();
}

int VmDevice::map(uint64_t address, uint64_t bytes, UniqueFd file, uint64_t offset, bool writable) {
  return memory_.map(address, bytes, std::move(file), offset, writable);
}

void VmDevice::unmap(uint64_t address, uint64_t bytes) {
  memory_.unmap(address, bytes);
  // Firmware shuffles the low memory about; only the channel's own pages matter.
  if (channel_.running() && memory_.locate(GuestAddr{channel_address_}, VGPU_CHANNEL_PAGES * 4096ul) == nullptr)
    stop([] {});
}

void VmDevice::set_interrupt(UniqueFd event) {
  interrupt_ = std::move(event);
  holder_.interrupt(interrupt_.get());
}

void VmDevice::reset(std::function<void()> done) {
  config_.reset();
  channel_low_ = channel_high_ = nonce_low_ = nonce_high_ = 0;
  stop(std::move(done));
}

void VmDevice::connected(int socket) { holder_.connection(socket); }

void VmDevice::disconnected() {
  holder_.clear();
  interrupt_.reset();
  reset([] {});
  memory_.clear();
}

}  // namespace vgpu::host
