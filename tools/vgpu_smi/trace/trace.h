// SPDX-License-Identifier: Apache-2.0
// vgpu-smi trace: follows the calls of one program, until it ends or somebody presses Ctrl-C. One thread.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "common/nvml/report_client.h"
#include "tools/vgpu_smi/card.h"
#include "tools/vgpu_smi/trace/record.h"
#include "vgpu/trace.h"

namespace vgpu::smi {

class TraceClient {
 public:
  // Begins it; a complaint when there is no such program, or it is not ours.
  static Result<std::unique_ptr<TraceClient>, Complaint> begin(uint32_t pid);
  // Ends it.
  ~TraceClient();

  enum class Next { more, waits, ended, ended_in_full };
  // Fetches what has been recorded. `waits`: nothing new at the moment.
  Result<Next, Complaint> fetch();
  RecordStream& records() { return records_; }

 private:
  explicit TraceClient(uint64_t number) : number_(number) {}

  nvml::ReportClient client_;
  const uint64_t number_;
  uint64_t position_ = 0;
  RecordStream records_;
};

struct TraceOptions {
  uint32_t pid = 0;
  uint64_t count = 0;        // end after so many calls; 0: none
  bool only_errors = false;  // only calls that failed
  std::string only;          // only calls whose name has this in it
  bool json = false;         // an object on each line
};

// Prints as calls come. An exit status.
Result<int, Complaint> follow_trace(const TraceOptions& options);

}  // namespace vgpu::smi
