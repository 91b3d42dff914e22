// SPDX-License-Identifier: Apache-2.0
// --query-gpu and --query-compute-apps: chosen fields, a line per card or process, as CSV or JSON. One thread.
#pragma once

#include <cstdio>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "tools/vgpu_smi/card.h"
#include "tools/vgpu_smi/field.h"

namespace vgpu::smi {

struct CsvFormat {
  bool header = true;
  bool units = true;
};
// "csv", "csv,noheader", "csv,noheader,nounits" in any order; csv must be among them.
Result<CsvFormat, Complaint> parse_csv_format(const std::string& text);

// A column of either query: a name, its unit, and how a row's cell comes about.
struct Column {
  std::string name;
  std::string_view unit;
};
std::string csv_header(const std::vector<Column>& columns, bool units);
std::string csv_row(const std::vector<Cell>& row, bool units);
// An array of objects by name; null is a missing value, whose reason is in "unavailable". Units are in "units".
nlohmann::json json_rows(const std::vector<Column>& columns, const std::vector<std::vector<Cell>>& rows);

class GpuQuery {
 public:
  static Result<GpuQuery, Complaint> parse(const std::string& list);
  const std::vector<Column>& columns() const { return columns_; }
  std::vector<std::vector<Cell>> rows(const std::vector<Card>& cards) const;

 private:
  std::vector<Column> columns_;
  std::vector<const Field*> fields_;
};

class ProcessQuery {
 public:
  static Result<ProcessQuery, Complaint> parse(const std::string& list);
  const std::vector<Column>& columns() const { return columns_; }
  std::vector<std::vector<Cell>> rows(const std::vector<Card>& cards) const;

 private:
  std::vector<Column> columns_;
  std::vector<size_t> fields_;
};

void print_gpu_help(std::FILE* to);
void print_process_help(std::FILE* to);
nlohmann::json gpu_help_json();
nlohmann::json process_help_json();

}  // namespace vgpu::smi
