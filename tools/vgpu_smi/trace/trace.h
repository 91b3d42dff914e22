// SPDX-License-Identifier: Apache-2.0
// vgpu-smi trace: follows the calls of one program, until it ends or somebody presses Ctrl-C. One thread.
#pragma once

#include <cstdint>
#include <cstdio>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "common/nvml/report_client.h"
#include "tools/vgpu_smi/card.h"
#include "tools/vgpu_smi/trace/record.h"
#include "vgpu/trace.h"

namespace vgpu::smi {

class TraceClient {
 public:
  // Begins it; a complaint when there is no such program, or it is not ours.
  // With `awaits`: also of a process that does not use the GPU yet, from its first call on.
  static Result<std::unique_ptr<TraceClient>, Complaint> begin(uint32_t pid, bool awaits = false);
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
  std::FILE* out = stdout;
};

// Prints as calls come. An exit status.
Result<int, Complaint> follow_trace(const TraceOptions& options);

// Starts a program and prints its calls from the first one on. The program's exit status; 128+N when signal N ended it,
// 126 when it cannot be executed, 127 when it is not found. Calls go to `file`, or, without one, to standard error.
Result<int, Complaint> trace_program(TraceOptions options, const std::vector<std::string>& command,
                                     const std::string& file);

}  // namespace vgpu::smi
