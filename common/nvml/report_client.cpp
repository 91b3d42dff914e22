// SPDX-License-Identifier: Apache-2.0
#include "common/nvml/report_client.h"

#include <fcntl.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>

#include "common/control_socket.h"
#include "common/endpoints.h"
#include "uapi/linux/vgpu.h"
#include "vgpu/report.h"

namespace vgpu::nvml {
namespace {

NoReport kind_of(int error) {
  switch (error) {
    case ENOENT:
    case ENXIO:
    case ECONNREFUSED: return NoReport::no_device;
    case EACCES:
    case EPERM: return NoReport::no_permission;
    case ENODEV:
    case EPIPE: return NoReport::lost;
    case ENOTTY:
    case ENOSYS:
    case EOPNOTSUPP: return NoReport::not_understood;
    default: return NoReport::failed;
  }
}

ReportFailure failure(const std::string& what, int error) {
  return {kind_of(error), error, Error::from_errno(what, error)};
}

bool write_all(int file, std::span<const std::byte> bytes) {
  return ::pwrite(file, bytes.data(), bytes.size(), 0) == static_cast<ssize_t>(bytes.size());
}

}  // namespace

Result<void, ReportFailure> ReportClient::open() {
  connection_.reset();
  owner_ = ::getpid();
  const char* const configured = std::getenv("VGPU_SOCKET");
  is_device_ = configured == nullptr && has_device_node();
  if (is_device_) {
    connection_.reset(::open(kDeviceNode, O_RDWR | O_CLOEXEC));
    if (!connection_) return failure(std::string("cannot open ") + kDeviceNode, errno);
    return {};
  }
  const std::string path = configured != nullptr ? configured : kDefaultSocket;
  auto connected = connect_control(path);
  if (!connected) return ReportFailure{kind_of(errno), errno, connected.error()};
  connection_ = std::move(*connected);
  paper_.reset(::memfd_create("vgpu-report", MFD_CLOEXEC));
  if (!paper_) return failure("cannot create a memory file", errno);
  return {};
}

Result<std::vector<std::byte>, ReportFailure> ReportClient::ask_socket(std::span<const std::byte> request) {
  if (!write_all(paper_.get(), request)) return failure("cannot write a request", errno);
  wire::ControlMessage message = {};
  message.type = wire::Control::report;
  message.id = ++last_id_;
  message.size = request.size();
  const int files[] = {paper_.get()};
  if (send_control(connection_.get(), message, files) != Delivery::sent) return failure("cannot send to vgpud", EPIPE);
  for (;;) {
    const Incoming incoming = receive_control(connection_.get(), 0);
    // A daemon of before reports takes the message for a violation, and closes.
    if (incoming.receipt != Receipt::message) return failure("vgpud closed the connection", EPIPE);
    const wire::ControlMessage& answer = incoming.message;
    if (answer.type != wire::Control::report || answer.id != message.id) continue;
    if (answer.result != 0) return failure("vgpud has no report", answer.result);
    if (answer.size > report::kMaxAnswer) return failure("vgpud's answer is too long", EPROTO);
    std::vector<std::byte> bytes(answer.size);
    if (::pread(paper_.get(), bytes.data(), bytes.size(), 0) != static_cast<ssize_t>(bytes.size()))
      return failure("vgpud's answer is not there", EPROTO);
    return bytes;
  }
}

Result<std::vector<std::byte>, ReportFailure> ReportClient::ask_device(std::span<const std::byte> request,
                                                                       size_t room) {
  // Nearly all answers fit into a page; the module takes as many as there is room for.
  auto answer = ask_module(request, room);
  if (answer.ok() || answer.error().error_number != ENOSPC) return answer;
  return ask_module(request, report::kMaxAnswer);
}

Result<std::vector<std::byte>, ReportFailure> ReportClient::ask_module(std::span<const std::byte> request,
                                                                       size_t room) {
  std::vector<std::byte> bytes(room);
  vgpu_report report = {};
  // SAFETY: addresses as the module wants them, of memory that outlives the call.
  report.request = reinterpret_cast<uint64_t>(request.data());
  report.request_bytes = static_cast<uint32_t>(request.size());
  report.answer = reinterpret_cast<uint64_t>(bytes.data());
  report.answer_bytes = static_cast<uint32_t>(bytes.size());
  int status = 0;
  do status = ::ioctl(connection_.get(), VGPU_IOCTL_REPORT, &report);
  while (status != 0 && errno == EINTR);
  if (status != 0) return failure("the virtual GPU has no report", errno);
  bytes.resize(report.answer_bytes);
  return bytes;
}

Result<std::vector<std::byte>, ReportFailure> ReportClient::ask(std::span<const std::byte> request, size_t room) {
  const std::lock_guard lock(mutex_);
  const bool fresh = !connection_ || owner_ != ::getpid();
  if (fresh) TRY(open());
  auto answer = is_device_ ? ask_device(request, room) : ask_socket(request);
  if (answer.ok() || fresh || answer.error().kind != NoReport::lost) {
    if (!answer.ok()) connection_.reset();
    return answer;
  }
  // The daemon that this connection was to may have been replaced.
  TRY(open());
  answer = is_device_ ? ask_device(request, room) : ask_socket(request);
  if (!answer.ok()) connection_.reset();
  return answer;
}

Result<std::string, ReportFailure> ReportClient::overview() {
  const uint32_t request[] = {static_cast<uint32_t>(report::Kind::overview), 0};
  const auto answer = TRY(ask(std::as_bytes(std::span(request))));
  // SAFETY: char may alias anything.
  return std::string(reinterpret_cast<const char*>(answer.data()), answer.size());
}

}  // namespace vgpu::nvml
