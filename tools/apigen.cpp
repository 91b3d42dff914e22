// SPDX-License-Identifier: Apache-2.0
// apigen: extracts the facts of the CUDA driver API from the toolkit's own headers into build/gen/.
//
// The headers may not be reproduced, so nothing that this tool writes is ever committed. What people know about a
// call (its path, what each pointer means) is written by hand in include/vgpu/api/*.api.h; what the headers know
// (prototypes, parameter names, versions) comes from here.
//
//   apigen PREPROCESSED TYPEDEFS INTEROP LOCK UNLISTED OUTDIR
//
// PREPROCESSED: cuda.h and cudaProfiler.h after `g++ -E -P -D__CUDA_API_VERSION_INTERNAL`, which declares every
// exported symbol. TYPEDEFS: cudaTypedefs.h and cudaProfilerTypedefs.h, concatenated. INTEROP:
// the typedefs of OpenGL, EGL and VDPAU, likewise. LOCK: opcodes.lock. UNLISTED: what is exported though no header
// declares it.
#include <algorithm>
#include <fstream>
#include <iostream>
#include <map>
#include <regex>
#include <set>
#include <sstream>
#include <string>
#include <string_view>
#include <tuple>
#include <vector>

#include "tools/generator.h"

namespace {

using vgpu::generator::read_file;
using vgpu::generator::squeeze;

struct Function {
  std::string symbol;
  std::string parameters;  // As declared, without the parentheses.
  std::vector<std::string> names;
};

struct Flavoured {
  std::string base;  // The symbol without _ptds or _ptsz.
  int flavour;       // 0 plain; 1 the NULL stream is the calling thread's own (_ptds, _ptsz).
};

// The declared name in "const char **pStr", "CUuuid id[16]" or "int (*f)(void *)".
std::string parameter_name(const std::string& declaration) {
  static const std::regex function_pointer(R"(\(\s*\*\s*(\w+)\s*\))");
  static const std::regex plain(R"((\w+)\s*(\[[^\]]*\])?\s*$)");
  std::smatch found;
  if (std::regex_search(declaration, found, function_pointer)) return found[1];
  if (std::regex_search(declaration, found, plain)) return found[1];
  return {};
}

std::vector<std::string> split_parameters(const std::string& parameters) {
  std::vector<std::string> parts;
  int depth = 0;
  std::string part;
  for (const char c : parameters) {
    if (c == '(') ++depth;
    if (c == ')') --depth;
    if (c == ',' && depth == 0) {
      parts.push_back(squeeze(part));
      part.clear();
    } else {
      part += c;
    }
  }
  if (!squeeze(part).empty()) parts.push_back(squeeze(part));
  return parts;
}

std::vector<Function> find_functions(const std::string& header) {
  std::vector<Function> functions;
  std::set<std::string> seen;
  static const std::regex start(R"(\bCUresult\s+(cu\w+)\s*\()");
  for (std::sregex_iterator it(header.begin(), header.end(), start), end; it != end; ++it) {
    size_t at = static_cast<size_t>(it->position() + it->length());
    const size_t begin = at;
    for (int depth = 1; depth > 0 && at < header.size(); ++at) {
      if (header[at] == '(') ++depth;
      if (header[at] == ')') --depth;
    }
    Function function{(*it)[1], squeeze(std::string_view(header).substr(begin, at - 1 - begin)), {}};
    if (!seen.insert(function.symbol).second) continue;
    if (function.parameters == "void") function.parameters.clear();
    for (const std::string& part : split_parameters(function.parameters))
      function.names.push_back(parameter_name(part));
    functions.push_back(std::move(function));
  }
  std::sort(functions.begin(), functions.end(), [](auto& a, auto& b) { return a.symbol < b.symbol; });
  return functions;
}

Flavoured flavour_of(const std::string& symbol) {
  for (const char* suffix : {"_ptds", "_ptsz"})
    if (symbol.ends_with(suffix)) return {symbol.substr(0, symbol.size() - 5), 1};
  return {symbol, 0};
}

std::map<std::string, int> read_opcodes(const char* path) {
  std::map<std::string, int> opcodes;
  std::istringstream lines(read_file(path));
  for (std::string line; std::getline(lines, line);) {
    std::istringstream fields(line);
    int number = 0;
    std::string name;
    if (fields >> number >> name) opcodes[name] = number;
  }
  return opcodes;
}

// Which ABI generation of its name a base symbol is: cuMemAlloc is 1, cuMemAlloc_v2 is 2.
int generation_of(const std::string& base) {
  static const std::regex suffix(R"(_v(\d+)$)");
  std::smatch found;
  return std::regex_search(base, found, suffix) ? std::stoi(found[1]) : 1;
}

std::string public_name_of(const std::string& base) {
  static const std::regex suffix(R"(_v\d+$)");
  return std::regex_replace(base, suffix, "");
}

struct ProcAddress {
  std::string name;
  int flavour;
  int since;
  std::string symbol;
};

// The versions of a name in cudaTypedefs.h, ascending, pair one to one with its exports in order of _vN.
std::vector<ProcAddress> pair_versions(const std::vector<Function>& functions, const std::string& typedefs) {
  std::map<std::pair<std::string, int>, std::set<int>> versions;
  static const std::regex pfn(R"(\*\s*PFN_(cu\w+?)_v(\d{4,5})(_ptds|_ptsz)?\s*\))");
  for (std::sregex_iterator it(typedefs.begin(), typedefs.end(), pfn), end; it != end; ++it)
    versions[{(*it)[1], (*it)[3].matched ? 1 : 0}].insert(std::stoi((*it)[2]));

  std::map<std::pair<std::string, int>, std::map<int, std::string>> exports;
  for (const Function& function : functions) {
    const Flavoured split = flavour_of(function.symbol);
    exports[{public_name_of(split.base), split.flavour}][generation_of(split.base)] = function.symbol;
  }
  std::vector<ProcAddress> rows;
  for (const auto& [key, symbols] : exports) {
    const auto found = versions.find(key);
    if (found == versions.end() || found->second.size() != symbols.size()) {
      std::cerr << "apigen: " << key.first << ": " << symbols.size() << " exports but "
                << (found == versions.end() ? 0 : found->second.size()) << " versions in the typedefs\n";
      std::exit(1);
    }
    auto version = found->second.begin();
    for (const auto& [generation, symbol] : symbols) rows.push_back({key.first, key.second, *version++, symbol});
  }
  return rows;
}

// Graphics interoperation: names of the typedefs alone, because its headers need OpenGL's, EGL's and VDPAU's. The
// driver exports them, generation by generation; a per-thread flavour is the newest one's. Calls of other systems stay
// out.
std::vector<ProcAddress> find_interop(const std::string& typedefs) {
  static const std::regex pfn(R"(\*\s*PFN_(cu(?:GL|EGL|VDPAU|Graphics)\w+?)_v(\d{4,5})(_ptds|_ptsz)?\s*\))");
  std::map<std::string, std::set<int>> versions;
  std::map<std::string, std::pair<int, std::string>> flavours;
  for (std::sregex_iterator it(typedefs.begin(), typedefs.end(), pfn), end; it != end; ++it)
    if ((*it)[3].matched) flavours[(*it)[1]] = {std::stoi((*it)[2]), (*it)[3]};
    else versions[(*it)[1]].insert(std::stoi((*it)[2]));
  std::vector<ProcAddress> rows;
  for (const auto& [name, all] : versions) {
    std::string symbol = name;
    int generation = 0;
    for (const int version : all) {
      if (++generation > 1) symbol = name + "_v" + std::to_string(generation);
      rows.push_back({name, 0, version, symbol});
    }
    if (const auto found = flavours.find(name); found != flavours.end())
      rows.push_back({name, 1, found->second.first, symbol + found->second.second});
  }
  return rows;
}

std::string joined(const std::vector<std::string>& names) {
  std::string out;
  for (const std::string& name : names) out += (out.empty() ? "" : ", ") + name;
  return out;
}

// The names in VGPU_UNLISTED_...(name).
std::vector<std::string> find_unlisted(const std::string& text) {
  std::vector<std::string> names;
  static const std::regex entry(R"(\nVGPU_UNLISTED_\w+\((\w+)\))");
  for (std::sregex_iterator it(text.begin(), text.end(), entry), end; it != end; ++it) names.push_back((*it)[1]);
  return names;
}

struct WithoutPrototype {
  std::vector<ProcAddress> interop;
  std::vector<std::string> unlisted;
};

void write_exports(const std::string& dir, const std::vector<Function>& functions,
                   const std::map<std::string, int>& opcodes, const WithoutPrototype& others) {
  std::ofstream exports(dir + "/cuda_exports.inc");
  std::ofstream map(dir + "/cuda.map");
  map << "{\n  global:\n";
  for (const Function& function : functions) {
    const Flavoured split = flavour_of(function.symbol);
    const auto opcode = opcodes.find(split.base);
    if (opcode == opcodes.end()) {
      std::cerr << "apigen: no opcode for " << split.base << ": append it to include/vgpu/api/opcodes.lock\n";
      std::exit(1);
    }
    exports << "VGPU_EXPORT(" << function.symbol << ", " << split.base << ", " << opcode->second << ", "
            << split.flavour << ", (" << function.parameters << "), (" << joined(function.names) << "))\n";
    map << "    " << function.symbol << ";\n";
  }
  std::ofstream refused(dir + "/cuda_interop.inc");
  for (const ProcAddress& row : others.interop) {
    refused << "VGPU_INTEROP(" << row.symbol << ")\n";
    map << "    " << row.symbol << ";\n";
  }
  for (const std::string& name : others.unlisted) map << "    " << name << ";\n";
  map << "  local: *;\n};\n";
}

void write_arguments(const std::string& dir, const std::vector<Function>& functions) {
  std::ofstream arguments(dir + "/cuda_args.inc");
  for (const Function& function : functions) {
    if (flavour_of(function.symbol).flavour != 0) continue;
    arguments << "namespace " << function.symbol << " {";
    for (size_t i = 0; i < function.names.size(); ++i)
      arguments << " inline constexpr Argument " << function.names[i] << "{" << i << "};";
    arguments << " }\n";
  }
}

void write_proc_addresses(const std::string& dir, std::vector<ProcAddress> rows,
                          const std::vector<ProcAddress>& interop) {
  rows.insert(rows.end(), interop.begin(), interop.end());
  std::sort(rows.begin(), rows.end(), [](const ProcAddress& a, const ProcAddress& b) {
    return std::tie(a.name, a.flavour, a.since) < std::tie(b.name, b.flavour, b.since);
  });
  std::ofstream table(dir + "/cuda_procaddr.inc");
  for (const ProcAddress& row : rows)
    table << "VGPU_PROC(" << row.name << ", " << row.flavour << ", " << row.since << ", " << row.symbol << ")\n";
}

// The enumerators of CUresult, in the header's order.
std::vector<std::pair<std::string, int>> find_errors(const std::string& header) {
  std::vector<std::pair<std::string, int>> errors;
  const size_t begin = header.find("typedef enum cudaError_enum");
  const size_t end = begin == std::string::npos ? begin : header.find("CUresult;", begin);
  if (end == std::string::npos) return errors;
  const std::string body = header.substr(begin, end - begin);
  static const std::regex enumerator(R"((CUDA_\w+)\s*=\s*(\d+))");
  for (std::sregex_iterator it(body.begin(), body.end(), enumerator), last; it != last; ++it)
    errors.emplace_back((*it)[1], std::stoi((*it)[2]));
  return errors;
}

void write_errors(const std::string& dir, const std::vector<std::pair<std::string, int>>& errors) {
  std::ofstream table(dir + "/cuda_errors.inc");
  for (const auto& [name, value] : errors) table << "VGPU_CUDA_ERROR(" << name << ", " << value << ")\n";
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 7) {
    std::cerr << "usage: apigen PREPROCESSED TYPEDEFS INTEROP LOCK UNLISTED OUTDIR\n";
    return 2;
  }
  const std::string header = read_file(argv[1]);
  const std::vector<Function> functions = find_functions(header);
  const auto errors = find_errors(header);
  if (functions.empty() || errors.empty()) {
    std::cerr << "apigen: no " << (functions.empty() ? "function" : "CUresult") << " found in " << argv[1] << '\n';
    return 1;
  }
  const WithoutPrototype others = {find_interop(read_file(argv[3])), find_unlisted(read_file(argv[5]))};
  const std::string out = argv[6];
  write_exports(out, functions, read_opcodes(argv[4]), others);
  write_arguments(out, functions);
  write_errors(out, errors);
  write_proc_addresses(out, pair_versions(functions, read_file(argv[2])), others.interop);
  return 0;
}
