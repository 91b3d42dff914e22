// SPDX-License-Identifier: Apache-2.0
// cudartgen: extracts the facts of the CUDA runtime API from the toolkit's own headers into build/gen/.
//
// As with apigen, nothing that this tool writes is ever committed. Rows in libcuda/cudart/*.rows.h say what a call
// does; prototypes and parameter names come from here.
//
//   cudartgen PREPROCESSED LOCK NODE OUTDIR PREFIX [OWN]
//
// PREPROCESSED: the runtime's headers after `g++ -E -P`. LOCK: the exported symbols, one a line. NODE: the version node
// of the library, such as libcudart.so.13. PREFIX begins the names of the files. OWN: declarations of ours for a
// library of another release than the headers; they come before the headers', and parameters are written of them alone.
#include <fstream>
#include <iostream>
#include <map>
#include <regex>
#include <sstream>
#include <string>
#include <string_view>
#include <vector>

#include "tools/generator.h"

namespace {

using vgpu::generator::read_file;
using vgpu::generator::squeeze;

struct Function {
  std::string result;
  std::string parameters;  // As declared, without the parentheses.
  std::string names;
};

// The runtime's own prototypes pass functions by typedef, so a comma always ends a parameter.
std::string names_of(const std::string& parameters) {
  static const std::regex last_word(R"((\w+)\s*$)");
  std::string names, part;
  std::istringstream parts(parameters);
  while (std::getline(parts, part, ',')) {
    std::smatch found;
    if (std::regex_search(part, found, last_word)) names += (names.empty() ? "" : ", ") + found[1].str();
  }
  return names;
}

std::string without_comments(const std::string& text) {
  static const std::regex comment(R"(//[^\n]*)");
  return std::regex_replace(text, comment, "");
}

std::map<std::string, Function> find_functions(const std::string& header) {
  std::map<std::string, Function> functions;
  static const std::regex prototype(
      R"(\b(cudaError_t|const char\s*\*|struct cudaChannelFormatDesc)\s*(cuda\w+)\s*\(([^()]*)\)\s*;)");
  for (std::sregex_iterator it(header.begin(), header.end(), prototype), end; it != end; ++it) {
    Function function{squeeze((*it)[1].str()), squeeze((*it)[3].str()), {}};
    if (function.parameters == "void") function.parameters.clear();
    function.names = names_of(function.parameters);
    functions.emplace((*it)[2], std::move(function));
  }
  return functions;
}

std::vector<std::string> read_lock(const char* path) {
  std::vector<std::string> symbols;
  std::istringstream lines(read_file(path));
  for (std::string line; std::getline(lines, line);)
    if (!line.empty() && line[0] != '#') symbols.push_back(line);
  return symbols;
}

// `_ptds` and `_ptsz`: the same call, whose NULL stream is the calling thread's own.
std::pair<std::string, int> flavour_of(const std::string& symbol) {
  if (symbol.ends_with("_ptds") || symbol.ends_with("_ptsz")) return {symbol.substr(0, symbol.size() - 5), 1};
  return {symbol, 0};
}

void write_parameters(const std::string& stem, const std::string& macro,
                      const std::map<std::string, Function>& functions) {
  std::ofstream out(stem + "_parameters.inc");
  for (const auto& [name, function] : functions)
    out << "#define " << macro << name << " (" << function.parameters << ")\n";
}

void write_exports(const std::string& stem, const std::map<std::string, Function>& functions,
                   const std::vector<std::string>& symbols) {
  std::ofstream out(stem + "_exports.inc");
  for (const std::string& symbol : symbols) {
    const auto [base, flavour] = flavour_of(symbol);
    const auto found = functions.find(base);
    if (base.starts_with("__")) continue;  // By hand: libcuda/cudart/hidden.h.
    // What asks for the last error does not change it by what it returns.
    if (found == functions.end()) out << "VGPU_RUNTIME_UNDECLARED(" << symbol << ")\n";
    else if (found->second.result == "cudaError_t" && !symbol.ends_with("LastError"))
      out << "VGPU_RUNTIME(" << symbol << ", " << base << ", " << flavour << ", (" << found->second.parameters << "), ("
          << found->second.names << "))\n";
    else
      out << "VGPU_RUNTIME_VALUE(" << symbol << ", " << found->second.result << ", (" << found->second.parameters
          << "), (" << found->second.names << "))\n";
  }
}

// Calls without a declaration in namespace `calls` fall back to these.
void write_refusals(const std::string& stem, const std::map<std::string, Function>& functions) {
  std::ofstream out(stem + "_refusals.inc");
  for (const auto& [name, function] : functions)
    if (function.result == "cudaError_t" && !name.ends_with("LastError"))
      out << "VGPU_REFUSAL(" << name << ", (" << function.parameters << "))\n";
}

void write_map(const std::string& dir, const std::vector<std::string>& symbols, const std::string& node) {
  std::ofstream out(dir + "/" + node + ".map");
  out << node << " {\n  global:\n";
  for (const std::string& symbol : symbols) out << "    " << symbol << ";\n";
  out << "  local: *;\n};\n";
}

void write_errors(const std::string& stem, const std::string& header) {
  std::ofstream out(stem + "_errors.inc");
  static const std::regex enumerator(R"((cudaSuccess|cudaError\w+)\s*=\s*(\d+))");
  const size_t begin = header.find("enum cudaError\n");
  const size_t from = begin == std::string::npos ? header.find("enum cudaError ") : begin;
  if (from == std::string::npos) return;
  const std::string body = header.substr(from, header.find("};", from) - from);
  for (std::sregex_iterator it(body.begin(), body.end(), enumerator), end; it != end; ++it)
    out << "VGPU_CUDART_ERROR(" << (*it)[1] << ", " << (*it)[2] << ")\n";
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 6 && argc != 7) {
    std::cerr << "usage: cudartgen PREPROCESSED LOCK NODE OUTDIR PREFIX [OWN]\n";
    return 2;
  }
  const std::string header = read_file(argv[1]);
  auto functions = find_functions(header);
  const auto symbols = read_lock(argv[2]);
  if (functions.empty() || symbols.empty()) {
    std::cerr << "cudartgen: nothing found in " << argv[functions.empty() ? 1 : 2] << '\n';
    return 1;
  }
  const std::string dir = argv[4];
  const std::string stem = dir + "/" + argv[5];
  if (argc == 7) {
    auto own = find_functions(without_comments(read_file(argv[6])));
    write_parameters(stem, "VGPU_OWN_PARAMETERS_", own);
    own.merge(functions);
    functions = std::move(own);
  } else {
    write_parameters(stem, "VGPU_PARAMETERS_", functions);
    write_errors(stem, header);
  }
  write_exports(stem, functions, symbols);
  write_refusals(stem, functions);
  write_map(dir, symbols, argv[3]);
  return 0;
}
