// SPDX-License-Identifier: Apache-2.0
// Prints what is known of every exported call, from the rows themselves: docs/coverage.md, or JSON with --json.
//   apidump [--json] CONTRACT_TEST_FILE...
// A call is tested by a file that names it, under its own name or under the name that cuda.h's macros give it.
// `make docs` writes the page, `make check` fails when it is stale. The output is sorted, so that it changes only where
// a row, an opcode or a test does.
#include <algorithm>
#include <cctype>
#include <cstdio>
#include <fstream>
#include <iostream>
#include <iterator>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "tools/apidump/header_names.h"
#include "vgpu/api/rows.h"

namespace vgpu {
namespace {

struct Entry {
  std::string name, family;
  int opcode = 0;
  int since = 0;  // CUDA version, 1000 * major + 10 * minor; 0 when cuGetProcAddress does not know the call
  std::vector<std::string> parameters;
  const Call* row = nullptr;
  std::set<std::string> tests;
};

using Entries = std::map<std::string, Entry>;

// A family is the file that has its rows: "stream" of include/vgpu/api/stream.api.h.
std::string family_in(std::string_view file) {
  file.remove_prefix(file.rfind('/') + 1);
  return std::string(file.substr(0, file.find('.')));
}

const std::map<std::string, std::string>& families() {
  static const std::map<std::string, std::string> result = {
#define API(fn, ...) {#fn, family_in(__FILE__)},
#include "vgpu/api/all.api.h"
#undef API
  };
  return result;
}

// Why a call is refused on purpose.
const std::map<std::string, std::string>& reasons() {
  static const std::map<std::string, std::string> result = {
#define REFUSE(fn, reason) {#fn, reason},
#include "vgpu/api/refused.h"
#undef REFUSE
  };
  return result;
}

bool is_identifier(char c) { return std::isalnum(static_cast<unsigned char>(c)) || c == '_'; }

std::vector<std::string> identifiers(std::string_view text) {
  std::vector<std::string> result;
  for (size_t i = 0; i < text.size();) {
    const size_t begin = i;
    while (i < text.size() && is_identifier(text[i])) ++i;
    if (i > begin) result.emplace_back(text.substr(begin, i - begin));
    else ++i;
  }
  return result;
}

Entries collect_calls() {
  Entries entries;
  const auto add = [&](const char* name, int opcode, const char* parameters) {
    Entry& entry = entries[name];
    entry.name = name;
    entry.opcode = opcode;
    entry.parameters = identifiers(parameters);
    entry.row = api::find_row(static_cast<uint16_t>(opcode));
    if (const auto family = families().find(name); family != families().end()) entry.family = family->second;
  };
  // Per-thread flavours share their base's row and opcode.
#define VGPU_EXPORT(symbol, base, opcode, flavour, params, args) \
  if (flavour == 0) add(#symbol, opcode, #args);
#include "cuda_exports.inc"
#undef VGPU_EXPORT
#define VGPU_PROC(name, flavour, version, symbol) \
  if (const auto found = entries.find(#symbol); flavour == 0 && found != entries.end()) found->second.since = version;
#include "cuda_procaddr.inc"
#undef VGPU_PROC
  return entries;
}

// "tests/contract/stream.tests.cpp" is "stream".
std::string subject_of(const std::string& path) {
  const std::string file = path.substr(path.find_last_of('/') + 1);
  return file.substr(0, file.find('.'));
}

bool find_tests(Entries& entries, const std::string& path) {
  std::ifstream file(path);
  if (!file) {
    std::cerr << "apidump: cannot read " << path << "\n";
    return false;
  }
  const std::string text{std::istreambuf_iterator<char>(file), {}};
  for (const std::string& word : identifiers(text)) {
    const auto found = entries.find(apidump::symbol_of_header_name(word));
    if (found != entries.end()) found->second.tests.insert(subject_of(path));
  }
  return true;
}

const char* path_name(Path path) {
  switch (path) {
    case Path::refuse: return "refuse";
    case Path::local: return "local";
    case Path::sync: return "sync";
    case Path::wait: return "wait";
    case Path::post: return "post";
    case Path::bulk: return "bulk";
    case Path::hand: return "hand";
  }
  return "?";
}

const char* role_name(Role role) {
  switch (role) {
    case Role::value: return "value";
    case Role::handle: return "handle";
    case Role::out: return "out";
    case Role::inout: return "inout";
    case Role::copies: return "copies";
    case Role::reads: return "reads";
    case Role::writes: return "writes";
    case Role::cstr: return "cstr";
    case Role::sized_in: return "sized_in";
    case Role::sized_out: return "sized_out";
    case Role::make: return "make";
    case Role::borrow: return "borrow";
    case Role::drop: return "drop";
    case Role::unused: return "unused";
    case Role::hand: return "hand";
  }
  return "?";
}

// The parameters whose role does not follow from their type alone: "make(phStream)", "reads(pData, count)". A call that
// is answered in the guest has none, because nothing of it travels.
std::vector<std::string> roles_of(const Entry& entry) {
  std::vector<std::string> result;
  if (entry.row == nullptr || entry.row->path == Path::local) return result;
  for (size_t i = 0; i < entry.row->argc; ++i) {
    const Param& param = entry.row->param[i];
    if (param.role == Role::value || param.role == Role::handle) continue;
    std::string text = std::string(role_name(param.role)) + "(" + entry.parameters.at(i);
    if (param.count_arg != kNoCount)
      text += (param.count_is_pointer ? ", *" : ", ") + entry.parameters.at(param.count_arg);
    result.push_back(text + ")");
  }
  return result;
}

std::string version_text(int version) {
  if (version == 0) return "";
  return std::to_string(version / 1000) + "." + std::to_string(version % 1000 / 10);
}

template <class Range>
std::string join(const Range& range, std::string_view separator) {
  std::string result;
  for (const std::string& text : range) result.append(result.empty() ? "" : separator).append(text);
  return result;
}

void print_page(const Entries& entries) {
  std::map<std::string, std::vector<const Entry*>> by_family;
  std::map<std::string, int> by_path;
  std::vector<const Entry*> refused;
  for (const auto& [name, entry] : entries) {
    (entry.row != nullptr ? by_family[entry.family] : refused).push_back(&entry);
    ++by_path[path_name(entry.row != nullptr ? entry.row->path : Path::refuse)];
  }

  std::cout
      << "<!-- SPDX-License-Identifier: Apache-2.0 -->\n# Coverage of the driver API\n\n"
      << "Written by `make docs` from the rows in `include/vgpu/api/`; do not edit. Per-thread flavours (`_ptds`, "
         "`_ptsz`) share\ntheir base's row. Paths and roles are explained in `include/vgpu/call_row.h`. *Tests* "
         "are the files of\n`tests/contract/` that name the call.\n\n| Path | Calls |\n|---|---:|\n";
  for (const auto& [path, count] : by_path) std::cout << "| " << path << " | " << count << " |\n";
  std::cout << "| **all** | **" << entries.size() << "** |\n";

  for (const auto& [family, calls] : by_family) {
    std::cout << "\n## " << family
              << "\n\n| Call | Opcode | Since | Path | Roles | Tests |\n|---|---:|---|---|---|---|\n";
    for (const Entry* entry : calls)
      std::cout << "| " << entry->name << " | " << entry->opcode << " | " << version_text(entry->since) << " | "
                << path_name(entry->row->path) << " | " << join(roles_of(*entry), ", ") << " | "
                << join(entry->tests, ", ") << " |\n";
  }

  std::cout << "\n## Refused\n\nThese " << refused.size()
            << " calls are exported and return `CUDA_ERROR_NOT_SUPPORTED`. The reasons are in "
               "`include/vgpu/api/refused.h`.\n\n| Call | Opcode | Reason |\n|---|---:|---|\n";
  for (const Entry* entry : refused) {
    const auto reason = reasons().find(entry->name);
    std::cout << "| " << entry->name << " | " << entry->opcode << " | "
              << (reason == reasons().end() ? "not described yet" : reason->second) << " |\n";
  }
}

std::string json_list(const std::vector<std::string>& items) {
  return items.empty() ? "[]" : "[\"" + join(items, "\", \"") + "\"]";
}

// Names are identifiers and roles are made of them, so nothing needs escaping.
void print_json(const Entries& entries) {
  const char* separator = "[\n";
  for (const auto& [name, entry] : entries) {
    std::cout << separator << R"(  {"call": ")" << name << R"(", "opcode": )" << entry.opcode << R"(, "since": )"
              << entry.since << R"(, "family": ")" << entry.family << R"(", "path": ")"
              << path_name(entry.row != nullptr ? entry.row->path : Path::refuse) << R"(", "roles": )"
              << json_list(roles_of(entry)) << R"(, "tests": )" << json_list({entry.tests.begin(), entry.tests.end()})
              << "}";
    separator = ",\n";
  }
  std::cout << "\n]\n";
}

}  // namespace
}  // namespace vgpu

int main(int argc, char** argv) {
  vgpu::Entries entries = vgpu::collect_calls();
  bool json = false;
  for (int i = 1; i < argc; ++i) {
    if (std::string_view(argv[i]) == "--json") json = true;
    else if (!vgpu::find_tests(entries, argv[i])) return 1;
  }
  json ? vgpu::print_json(entries) : vgpu::print_page(entries);
  return std::cout.flush() ? 0 : 1;
}
