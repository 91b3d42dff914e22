// SPDX-License-Identifier: Apache-2.0
#include "host/vfio_user/connection.h"

#include <array>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <nlohmann/json.hpp>

#include "common/log.h"

namespace vgpu::host::vfio_user {
namespace {

// Messages of one turn of the loop: a chatty guest must not keep others waiting.
constexpr int kMessagesPerTurn = 64;
// Nor must one whose messages are slow to carry out.
constexpr auto kTurn = std::chrono::milliseconds(20);
constexpr size_t kMaxMessage = sizeof(Header) + sizeof(RegionAccess) + kMaxTransfer;
constexpr uint16_t kMajor = 0, kMinor = 0;

}  // namespace

template <class T>
bool Connection::payload(T& out) const {
  if (input_.size() < sizeof(Header) + sizeof out) return false;
  std::memcpy(&out, input_.data() + sizeof(Header), sizeof out);
  return true;
}

bool Connection::is_whole() const { return input_.size() >= sizeof(Header) && input_.size() == header_.bytes; }

// Reads at most to the end of the current message: files come with the first byte of theirs.
Connection::Taken Connection::take() {
  for (;;) {
    const size_t wanted = input_.size() < sizeof(Header) ? sizeof(Header) : header_.bytes;
    std::array<std::byte, 4096> buffer;
    const size_t room = std::min(buffer.size(), wanted - input_.size());
    const ptrdiff_t got = stream_.receive(std::span(buffer).first(room), files_);
    // More than this side has said it takes. A message in many pieces could bring all the descriptors there are.
    if (files_.size() > kMaxFiles) files_.resize(kMaxFiles);
    if (got < 0) return Taken::nothing;
    if (got == 0) return Taken::broken;
    input_.insert(input_.end(), buffer.begin(), buffer.begin() + got);
    if (input_.size() == sizeof(Header)) {
      std::memcpy(&header_, input_.data(), sizeof header_);
      if (header_.bytes < sizeof(Header) || header_.bytes > kMaxMessage) {
        VGPU_ERROR_THROTTLED("vfio-user: a message of %u bytes; the connection ends", header_.bytes);
        return Taken::broken;
      }
    }
    if (is_whole()) return Taken::message;
  }
}

bool Connection::advance() {
  const auto end = std::chrono::steady_clock::now() + kTurn;
  for (int i = 0; i < kMessagesPerTurn && !broken_ && (i == 0 || std::chrono::steady_clock::now() < end); ++i) {
    const Taken taken = take();
    if (taken == Taken::nothing) return true;
    if (taken == Taken::broken) return false;
    handle();
    input_.clear();
    files_.clear();  // What nobody took is closed.
  }
  return !broken_;
}

void Connection::handle() {
  // We ask for nothing, so a reply answers nothing.
  if ((header_.flags & kTypeMask) != kCommand) {
    VGPU_WARN_THROTTLED("vfio-user: an unexpected reply to message %u is ignored", header_.id);
    return;
  }
  const auto command = static_cast<Command>(header_.command);
  if (!negotiated_ && command != Command::version) {
    VGPU_ERROR_THROTTLED("vfio-user: message %u came before the version; the connection ends", header_.command);
    broken_ = true;
    return;
  }
  dispatch(command);
}

void Connection::dispatch(Command command) {
  switch (command) {
    case Command::version: return on_version();
    case Command::dma_map: return on_dma_map();
    case Command::dma_unmap: return on_dma_unmap();
    case Command::get_info: return on_get_info();
    case Command::get_region_info: return on_get_region_info();
    case Command::get_irq_info: return on_get_irq_info();
    case Command::set_irqs: return on_set_irqs();
    case Command::region_read: return on_region_read();
    case Command::region_write: return on_region_write();
    case Command::device_reset: return on_reset();
    case Command::region_write_multi: return on_region_write_multi();
    case Command::get_region_io_fds: break;
  }
  VGPU_WARN_THROTTLED("vfio-user: command %u is not supported", header_.command);
  refuse(EOPNOTSUPP);
}

void Connection::on_version() {
  struct {
    uint16_t major, minor;
  } version = {};
  if (!payload(version) || version.major != kMajor) {
    VGPU_ERROR_THROTTLED("vfio-user: the other side speaks version %u, this one %u", version.major, kMajor);
    refuse(EPROTONOSUPPORT);
    broken_ = true;
    return;
  }
  negotiated_ = true;
  // QEMU takes no reply that is longer than its request: only what differs from the defaults is said.
  const std::string capabilities =
      nlohmann::json{{"capabilities",
                      {{"max_msg_fds", kMaxFiles}, {"max_data_xfer_size", kMaxTransfer}, {"write_multiple", true}}}}
          .dump();
  version.minor = kMinor;
  std::vector<std::byte> body(sizeof version + capabilities.size() + 1);
  std::memcpy(body.data(), &version, sizeof version);
  std::memcpy(body.data() + sizeof version, capabilities.c_str(), capabilities.size() + 1);
  if (body.size() > input_.size() - sizeof(Header)) body.resize(sizeof version);
  reply(body);
}

void Connection::on_dma_map() {
  DmaMap map = {};
  if (!payload(map) || files_.size() > 1) return refuse(EINVAL);
  UniqueFd file = files_.empty() ? UniqueFd() : std::move(files_.front());
  const int error = device_.map(map.address, map.bytes, std::move(file), map.offset, (map.flags & kDmaWrite) != 0);
  if (error != 0) return refuse(error);
  reply({});
}

void Connection::on_dma_unmap() {
  DmaUnmap unmap = {};
  if (!payload(unmap)) return refuse(EINVAL);
  if ((unmap.flags & kUnmapAll) != 0) device_.unmap(0, ~uint64_t{0});
  else device_.unmap(unmap.address, unmap.bytes);
  reply_struct(unmap);
}

void Connection::on_get_info() { reply_struct(DeviceInfo{sizeof(DeviceInfo), 3, kRegions, kIrqs}); }

void Connection::on_get_region_info() {
  RegionInfo info = {};
  if (!payload(info) || info.index >= kRegions) return refuse(EINVAL);
  info.argument_bytes = sizeof info;
  info.capability_offset = 0;
  info.offset = 0;
  info.bytes = device_.region_bytes(info.index);
  info.flags = info.bytes != 0 ? 3 : 0;
  reply_struct(info);
}

void Connection::on_get_irq_info() {
  IrqInfo info = {};
  if (!payload(info) || info.index >= kIrqs) return refuse(EINVAL);
  reply_struct(IrqInfo{sizeof info, info.index == kMsi ? 1u : 0u, info.index, info.index == kMsi ? 1u : 0u});
}

void Connection::on_set_irqs() {
  SetIrqs set = {};
  if (!payload(set) || set.index >= kIrqs) return refuse(EINVAL);
  const bool all_off = (set.flags & kIrqNone) != 0 && set.count == 0;
  const bool bind = (set.flags & kIrqEventfd) != 0;
  const bool in_range = set.index == kMsi ? set.start == 0 && set.count <= 1 : set.count == 0;
  // Unbinding what was never there is how QEMU begins.
  if (!in_range && !files_.empty()) return refuse(EINVAL);
  if (set.index == kMsi && (all_off || bind))
    device_.set_interrupt(files_.empty() ? UniqueFd() : std::move(files_.front()));
  reply({});
}

bool Connection::access_is_inside(const RegionAccess& access) const {
  if (access.region >= kRegions || access.bytes > kMaxTransfer) return false;
  const uint64_t size = device_.region_bytes(access.region);
  return access.offset <= size && access.bytes <= size - access.offset;
}

void Connection::on_region_read() {
  RegionAccess access = {};
  if (!payload(access) || !access_is_inside(access)) return refuse(EINVAL);
  std::vector<std::byte> body(sizeof access + access.bytes);
  std::memcpy(body.data(), &access, sizeof access);
  device_.read(access.region, access.offset, std::span(body).subspan(sizeof access));
  reply(body);
}

void Connection::on_region_write() {
  RegionAccess access = {};
  if (!payload(access)) return refuse(EINVAL);
  const std::span<const std::byte> data = std::span(input_).subspan(sizeof(Header) + sizeof access);
  if (!access_is_inside(access) || data.size() != access.bytes) return refuse(EINVAL);
  device_.write(access.region, access.offset, data);
  reply_struct(access);
}

// Those that are in order are carried out, whatever the others are: they are as independent as writes of their own.
void Connection::on_region_write_multi() {
  uint64_t count = 0;
  if (!payload(count)) return refuse(EINVAL);
  const std::span<const std::byte> entries = std::span(input_).subspan(sizeof(Header) + sizeof count);
  if (count > kMaxTransfer / sizeof(RegionWrite) || entries.size() != count * sizeof(RegionWrite))
    return refuse(EINVAL);
  for (size_t i = 0; i < count; ++i) {
    RegionWrite write = {};
    std::memcpy(&write, entries.data() + i * sizeof write, sizeof write);
    if (write.bytes > sizeof write.data || !access_is_inside({write.offset, write.region, write.bytes})) continue;
    device_.write(write.region, write.offset, std::as_bytes(std::span(write.data)).first(write.bytes));
  }
  reply_struct(count);
}

void Connection::on_reset() {
  device_.reset([self = self_, request = header_] {
    if (*self != nullptr) (*self)->reply_to(request, {});
  });
}

void Connection::reply(std::span<const std::byte> body) { reply_to(header_, body); }

void Connection::reply_to(const Header& request, std::span<const std::byte> body) {
  if ((request.flags & kNoReply) != 0) return;
  Header answer = {request.id, request.command, static_cast<uint32_t>(sizeof(Header) + body.size()), kReply, 0};
  std::vector<std::byte> message(answer.bytes);
  std::memcpy(message.data(), &answer, sizeof answer);
  if (!body.empty()) std::memcpy(message.data() + sizeof answer, body.data(), body.size());
  broken_ |= !stream_.send(message);
}

void Connection::refuse(int error) {
  if ((header_.flags & kNoReply) != 0) return;
  const Header answer = {header_.id, header_.command, sizeof(Header), kReply | kError, static_cast<uint32_t>(error)};
  broken_ |= !stream_.send(std::as_bytes(std::span(&answer, 1)));
}

}  // namespace vgpu::host::vfio_user
