// SPDX-License-Identifier: Apache-2.0
// dmon and pmon: a line for each card or process, again and again, in columns that keep their places. One thread.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "tools/vgpu_smi/card.h"
#include "tools/vgpu_smi/cell.h"

namespace vgpu::smi {

class Monitor {
 public:
  virtual ~Monitor() = default;
  // One sample, a row for each card or process.
  virtual std::vector<std::vector<Cell>> sample(const std::vector<Card>& cards) = 0;

  // Two lines: names and units.
  std::string head() const;
  std::string line(const std::vector<Cell>& row) const;
  nlohmann::json json(const std::vector<std::vector<Cell>>& rows) const;

 protected:
  struct Column {
    std::string name;
    std::string unit;
    int width;
    bool left = false;
  };
  std::vector<Column> columns_;
};

// `letters`: groups of columns; empty: the usual ones. `clocks`: D and T, for the date and the time.
Result<std::unique_ptr<Monitor>, Complaint> device_monitor(const std::string& letters, const std::string& clocks);
Result<std::unique_ptr<Monitor>, Complaint> process_monitor(const std::string& letters, const std::string& clocks);

}  // namespace vgpu::smi
