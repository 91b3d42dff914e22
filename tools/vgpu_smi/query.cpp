// SPDX-License-Identifier: Apache-2.0
#include "tools/vgpu_smi/query.h"

#include <fmt/core.h>

#include <nlohmann/json.hpp>

#include "tools/vgpu_smi/field_names.h"
#include "tools/vgpu_smi/split_list.h"

namespace vgpu::smi {
namespace {

struct ProcessRow {
  const Card& card;
  const Process& process;
};
struct ProcessField {
  std::vector<std::string> names;
  std::string_view unit;
  const char* meaning;
  Cell (*read)(const ProcessRow&);
};

const std::vector<ProcessField>& process_fields() {
  static const std::vector<ProcessField> kFields = {
      {{"timestamp"},
       "",
       "When the line was read: YYYY/MM/DD HH:MM:SS.mmm.",
       [](const ProcessRow&) { return text(timestamp_now()); }},
      {{"gpu_name"},
       "",
       "The card's product name.",
       [](const ProcessRow& row) { return text(row.card.text("nvmlDeviceGetName")); }},
      {{"gpu_bus_id"}, "", "The card's PCI address.", [](const ProcessRow& row) { return text(row.card.bus_id()); }},
      {{"gpu_serial"},
       "",
       "The board's serial number.",
       [](const ProcessRow& row) { return text(row.card.text("nvmlDeviceGetSerial")); }},
      {{"gpu_uuid"},
       "",
       "The card's own identifier.",
       [](const ProcessRow& row) { return text(row.card.text("nvmlDeviceGetUUID")); }},
      {{"pid"},
       "",
       "The process's number; in a VM, the VM's.",
       [](const ProcessRow& row) { return number(uint64_t{row.process.info.pid}); }},
      {{"process_name", "name"},
       "",
       "The process's name.",
       [](const ProcessRow& row) { return text(row.card.process_name(row.process.info.pid)); }},
      {{"used_gpu_memory", "used_memory"},
       "MiB",
       "Memory of the card that it holds.",
       [](const ProcessRow& row) {
         const unsigned long long bytes = row.process.info.usedGpuMemory;
         return bytes == kNvmlUnknownMemory ? missing() : mebibytes(Reading<unsigned long long>(bytes));
       }},
  };
  return kFields;
}

Complaint no_field(std::string_view option) {
  return {fmt::format("--{} needs fields, for example --{}={}; vgpu-smi --help-{} lists them.", option, option,
                      option == "query-gpu" ? "name,memory.used" : "pid,used_memory", option),
          kBadArgument};
}

}  // namespace

Result<CsvFormat, Complaint> parse_csv_format(const std::string& text) {
  CsvFormat format;
  bool csv = false;
  for (const std::string& word : split_list(text)) {
    if (word == "csv") csv = true;
    else if (word == "noheader") format.header = false;
    else if (word == "nounits") format.units = false;
    else return Complaint{fmt::format("\"{}\" is not a format: csv, noheader and nounits are", word), kBadArgument};
  }
  if (!csv) return Complaint{"--format must contain csv: --format=csv[,noheader][,nounits]", kBadArgument};
  return format;
}

std::string csv_header(const std::vector<Column>& columns, bool units) {
  std::string line;
  for (const Column& column : columns) {
    if (!line.empty()) line += ", ";
    line += units && !column.unit.empty() ? fmt::format("{} [{}]", column.name, column.unit) : column.name;
  }
  return line;
}

std::string csv_row(const std::vector<Cell>& row, bool units) {
  std::string line;
  for (size_t i = 0; i < row.size(); ++i) line += (i == 0 ? "" : ", ") + row[i].csv(units);
  return line;
}

nlohmann::json json_rows(const std::vector<Column>& columns, const std::vector<std::vector<Cell>>& rows) {
  auto all = nlohmann::json::array();
  nlohmann::json units = nlohmann::json::object();
  for (const Column& column : columns)
    if (!column.unit.empty()) units[column.name] = column.unit;
  for (const auto& row : rows) {
    nlohmann::json object = nlohmann::json::object(), unavailable = nlohmann::json::object();
    for (size_t i = 0; i < columns.size(); ++i) {
      object[columns[i].name] = row[i].json();
      if (!row[i].ok()) unavailable[columns[i].name] = words_for(row[i].status);
    }
    if (!unavailable.empty()) object["unavailable"] = unavailable;
    all.push_back(std::move(object));
  }
  return {{"units", units}, {"rows", all}};
}

Result<GpuQuery, Complaint> GpuQuery::parse(const std::string& list) {
  GpuQuery query;
  for (const std::string& word : split_list(list)) {
    const Field* const field = find_gpu_field(word);
    if (field == nullptr) return unknown_field(word, gpu_fields(), "query-gpu");
    query.fields_.push_back(field);
    query.columns_.push_back({field->names.front(), field->unit});
  }
  if (query.fields_.empty()) return no_field("query-gpu");
  return query;
}

std::vector<std::vector<Cell>> GpuQuery::rows(const std::vector<Card>& cards) const {
  std::vector<std::vector<Cell>> all;
  for (const Card& card : cards) {
    std::vector<Cell>& row = all.emplace_back();
    for (const Field* field : fields_) row.push_back(field->read(card));
  }
  return all;
}

Result<ProcessQuery, Complaint> ProcessQuery::parse(const std::string& list) {
  ProcessQuery query;
  const auto& fields = process_fields();
  for (const std::string& word : split_list(list)) {
    const auto found = find_by_name(fields, word);
    if (found == fields.end()) return unknown_field(word, fields, "query-compute-apps");
    query.fields_.push_back(static_cast<size_t>(found - fields.begin()));
    query.columns_.push_back({found->names.front(), found->unit});
  }
  if (query.fields_.empty()) return no_field("query-compute-apps");
  return query;
}

std::vector<std::vector<Cell>> ProcessQuery::rows(const std::vector<Card>& cards) const {
  std::vector<std::vector<Cell>> all;
  for (const Card& card : cards) {
    const auto processes = card.processes(true, false);
    if (!processes.ok()) continue;
    for (const Process& process : processes.value()) {
      std::vector<Cell>& row = all.emplace_back();
      for (const size_t field : fields_) row.push_back(process_fields()[field].read({card, process}));
    }
  }
  return all;
}

void print_gpu_help(std::FILE* to) {
  fmt::print(to, "List of valid properties to query for the switch \"--query-gpu\":\n");
  std::string_view section;
  for (const Field& field : gpu_fields()) {
    if (field.section != section) fmt::print(to, "\nSection: {}\n", section = field.section);
    fmt::print(to, "\n{}\n{}\n", quoted(field.names), field.meaning);
  }
}

void print_process_help(std::FILE* to) {
  fmt::print(to, "List of valid properties to query for the switch \"--query-compute-apps\":\n");
  for (const ProcessField& field : process_fields()) fmt::print(to, "\n{}\n{}\n", quoted(field.names), field.meaning);
}

nlohmann::json process_help_json() {
  auto all = nlohmann::json::array();
  for (const ProcessField& field : process_fields())
    all.push_back({{"names", field.names}, {"unit", field.unit}, {"meaning", field.meaning}});
  return all;
}

nlohmann::json gpu_help_json() {
  auto all = nlohmann::json::array();
  for (const Field& field : gpu_fields())
    all.push_back(
        {{"names", field.names}, {"section", field.section}, {"unit", field.unit}, {"meaning", field.meaning}});
  return all;
}

}  // namespace vgpu::smi
