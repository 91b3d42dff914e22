// SPDX-License-Identifier: Apache-2.0
// Queries of which a card has a line for each of several things: clocks that it can have, programs that were accounted,
// pages and rows of its memory that were replaced. One thread.
#pragma once

#include <cstdio>
#include <nlohmann/json_fwd.hpp>
#include <span>
#include <string>
#include <vector>

#include "tools/vgpu_smi/query.h"

namespace vgpu::smi {

// Names of the options, without their dashes.
constexpr const char* kListQueries[] = {"query-supported-clocks", "query-accounted-apps", "query-retired-pages",
                                        "query-remapped-rows"};

struct ListQueryKind;

class ListQuery {
 public:
  // `option`: one of kListQueries.
  static Result<ListQuery, Complaint> parse(const std::string& option, const std::string& list);
  const std::vector<Column>& columns() const { return columns_; }
  std::vector<std::vector<Cell>> rows(const std::vector<Card>& cards) const;

 private:
  const ListQueryKind* kind_ = nullptr;
  std::vector<Column> columns_;
  std::vector<size_t> fields_;
};

void print_list_help(std::FILE* to, const std::string& option);
nlohmann::json list_help_json(const std::string& option);

}  // namespace vgpu::smi
