// SPDX-License-Identifier: Apache-2.0
#include "tools/vgpu_smi/list_query.h"

#include <fmt/core.h>

#include <algorithm>
#include <functional>
#include <nlohmann/json.hpp>

#include "tools/vgpu_smi/field_names.h"
#include "tools/vgpu_smi/split_list.h"

namespace vgpu::smi {
namespace {

using Line = std::vector<Cell>;

struct ListField {
  std::vector<std::string> names;
  std::string_view unit;
  const char* meaning;
};

}  // namespace

struct ListQueryKind {
  const char* option;
  std::vector<ListField> fields;  // those of a line, behind kOfCard
  std::function<std::vector<Line>(const Card&)> lines;
};

namespace {

// What stands in each line of a card, whatever is asked; fields of --query-gpu.
struct CardField {
  ListField shown;
  const char* gpu_field;
};
const std::vector<CardField>& card_fields() {
  static const std::vector<CardField> kFields = {
      {{{"timestamp"}, "", "When the line was read: YYYY/MM/DD HH:MM:SS.mmm."}, "timestamp"},
      {{{"gpu_name"}, "", "The card's product name."}, "name"},
      {{{"gpu_bus_id"}, "", "The card's PCI address."}, "pci.bus_id"},
      {{{"gpu_serial"}, "", "The board's serial number."}, "serial"},
      {{{"gpu_uuid"}, "", "The card's own identifier."}, "uuid"}};
  return kFields;
}

// Elements of a list that NVML gives, after `before`. None where it gives none.
template <class T, class... Before>
std::vector<T> list_of(const Card& card, const char* call, Before... before) {
  std::vector<T> found(1024);
  auto count = static_cast<unsigned int>(found.size());
  const nvmlReturn_t status = card.nvml().call(call, card.device(), before..., &count, found.data());
  found.resize(status == NVML_SUCCESS ? std::min<size_t>(count, found.size()) : 0);
  return found;
}

std::vector<Line> clock_lines(const Card& card) {
  std::vector<Line> lines;
  for (const unsigned int memory : list_of<unsigned int>(card, "nvmlDeviceGetSupportedMemoryClocks"))
    for (const unsigned int clock : list_of<unsigned int>(card, "nvmlDeviceGetSupportedGraphicsClocks", memory))
      lines.push_back({number(uint64_t{memory}, "MHz"), number(uint64_t{clock}, "MHz")});
  return lines;
}

std::vector<Line> accounted_lines(const Card& card) {
  std::vector<Line> lines;
  for (const unsigned int pid : list_of<unsigned int>(card, "nvmlDeviceGetAccountingPids")) {
    const auto read = card.get<nvmlAccountingStats_t>("nvmlDeviceGetAccountingStats", pid);
    const auto of = [&](auto member) { return map(read, [&](const auto& it) { return it.*member; }); };
    lines.push_back({number(uint64_t{pid}), number(of(&nvmlAccountingStats_t::gpuUtilization), "%"),
                     number(of(&nvmlAccountingStats_t::memoryUtilization), "%"),
                     mebibytes(of(&nvmlAccountingStats_t::maxMemoryUsage)),
                     number(of(&nvmlAccountingStats_t::time), "ms")});
  }
  return lines;
}

std::vector<Line> page_lines(const Card& card) {
  constexpr const char* kCauses[] = {"Single Bit ECC", "Double Bit ECC"};
  std::vector<Line> lines;
  for (const unsigned int cause : {0u, 1u})
    for (const auto address : list_of<unsigned long long>(card, "nvmlDeviceGetRetiredPages", cause))
      lines.push_back({hex(Reading<unsigned long long>(address), 16), text(kCauses[cause])});
  return lines;
}

constexpr const char* kRowFields[] = {
    "remapped_rows.correctable",       "remapped_rows.uncorrectable", "remapped_rows.pending",
    "remapped_rows.failure",           "remapped_rows.histogram.max", "remapped_rows.histogram.high",
    "remapped_rows.histogram.partial", "remapped_rows.histogram.low", "remapped_rows.histogram.none"};

std::vector<Line> row_lines(const Card& card) {
  Line line;
  for (const char* name : kRowFields) line.push_back(find_gpu_field(name)->read(card));
  return {line};
}

std::vector<ListField> row_fields() {
  std::vector<ListField> fields;
  for (const char* name : kRowFields) fields.push_back({{name}, "", find_gpu_field(name)->meaning.c_str()});
  return fields;
}

const std::vector<ListQueryKind>& kinds() {
  static const std::vector<ListQueryKind> kKinds = {
      {kListQueries[0],
       {{{"memory", "mem"}, "MHz", "A clock that the card's memory can have."},
        {{"graphics", "gr"}, "MHz", "A clock that the multiprocessors can have beside it."}},
       &clock_lines},
      {kListQueries[1],
       {{{"pid"}, "", "The process's number."},
        {{"gpu_utilization", "gpu_util"}, "%", "How busy it kept the card, over its life."},
        {{"mem_utilization", "mem_util"}, "%", "How much of that time memory was read or written."},
        {{"max_memory_usage", "max_mem_usage"}, "MiB", "The most memory that it held."},
        {{"time"}, "ms", "How long it used the card; 0 while it runs."}},
       &accounted_lines},
      {kListQueries[2],
       {{{"retired_pages.address"}, "", "Where the page was that is not used any more."},
        {{"retired_pages.cause"}, "", "Whether single errors that came again or a double error was the cause."}},
       &page_lines},
      {kListQueries[3], row_fields(), &row_lines}};
  return kKinds;
}

const ListQueryKind& kind_of(const std::string& option) {
  return *std::find_if(kinds().begin(), kinds().end(), [&](const ListQueryKind& it) { return it.option == option; });
}

// The card's, then the line's own.
std::vector<ListField> all_fields(const ListQueryKind& kind) {
  std::vector<ListField> all;
  for (const CardField& field : card_fields()) all.push_back(field.shown);
  all.insert(all.end(), kind.fields.begin(), kind.fields.end());
  return all;
}

}  // namespace

Result<ListQuery, Complaint> ListQuery::parse(const std::string& option, const std::string& list) {
  ListQuery query;
  query.kind_ = &kind_of(option);
  const std::vector<ListField> fields = all_fields(*query.kind_);
  for (const std::string& word : split_list(list)) {
    const auto found = find_by_name(fields, word);
    if (found == fields.end()) return unknown_field(word, fields, option);
    query.fields_.push_back(static_cast<size_t>(found - fields.begin()));
    query.columns_.push_back({found->names.front(), found->unit});
  }
  if (query.fields_.empty())
    return Complaint{fmt::format("--{0} needs fields, for example --{0}=gpu_name,{1}; vgpu-smi --help-{0} lists them.",
                                 option, query.kind_->fields.front().names.front()),
                     kBadArgument};
  return query;
}

std::vector<std::vector<Cell>> ListQuery::rows(const std::vector<Card>& cards) const {
  const size_t of_card = card_fields().size();
  std::vector<std::vector<Cell>> all;
  for (const Card& card : cards)
    for (const Line& line : kind_->lines(card)) {
      std::vector<Cell>& row = all.emplace_back();
      for (const size_t field : fields_)
        row.push_back(field < of_card ? find_gpu_field(card_fields()[field].gpu_field)->read(card)
                                      : line[field - of_card]);
    }
  return all;
}

void print_list_help(std::FILE* to, const std::string& option) {
  fmt::print(to, "List of valid properties to query for the switch \"--{}\":\n", option);
  for (const ListField& field : all_fields(kind_of(option)))
    fmt::print(to, "\n{}\n{}\n", quoted(field.names), field.meaning);
}

nlohmann::json list_help_json(const std::string& option) {
  auto all = nlohmann::json::array();
  for (const ListField& field : all_fields(kind_of(option)))
    all.push_back({{"names", field.names}, {"unit", field.unit}, {"meaning", field.meaning}});
  return all;
}

}  // namespace vgpu::smi
