// SPDX-License-Identifier: Apache-2.0
// ReportClient: asks vgpud for reports (vgpu/report.h), by $VGPU_SOCKET, else /dev/vgpu0, else the daemon's usual
// socket, as libcuda.so.1 does. Opens nothing before the first question, opens anew after a failure and in the child of
// a fork. Thread-safe: one question at a time.
#pragma once

#include <sys/types.h>

#include <mutex>
#include <span>
#include <string>
#include <vector>

#include "common/fd.h"
#include "common/result.h"

namespace vgpu::nvml {

enum class NoReport {
  no_device,       // neither a module's node nor a daemon's socket
  no_permission,   // it is there, but not for this user
  lost,            // the device or the daemon does not answer any more
  not_understood,  // an older module or daemon: it knows no reports
  failed,          // anything else
};

struct ReportFailure {
  NoReport kind = NoReport::failed;
  int error_number = 0;
  Error error;
};

class ReportClient {
 public:
  static constexpr size_t kUsualAnswer = 4096;

  ReportClient() = default;
  ReportClient(const ReportClient&) = delete;
  ReportClient& operator=(const ReportClient&) = delete;

  // `room`: how long answers usually are. In a VM a longer one is asked for twice.
  Result<std::vector<std::byte>, ReportFailure> ask(std::span<const std::byte> request, size_t room = kUsualAnswer);
  // The JSON text of report::Kind::overview.
  Result<std::string, ReportFailure> overview();

 private:
  Result<void, ReportFailure> open();
  Result<std::vector<std::byte>, ReportFailure> ask_socket(std::span<const std::byte> request);
  Result<std::vector<std::byte>, ReportFailure> ask_device(std::span<const std::byte> request, size_t room);
  Result<std::vector<std::byte>, ReportFailure> ask_module(std::span<const std::byte> request, size_t room);

  std::mutex mutex_;  // guards what follows
  UniqueFd connection_;
  UniqueFd paper_;  // a memory file for request and answer; the socket's way only
  bool is_device_ = false;
  pid_t owner_ = 0;
  uint64_t last_id_ = 0;
};

}  // namespace vgpu::nvml
