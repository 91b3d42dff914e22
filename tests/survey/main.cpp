// SPDX-License-Identifier: Apache-2.0
// survey [--target N]... FILE...: the PTX inside programs and libraries (ELF with fat binaries, cubin archives, .ptx),
// and what of it the software GPU does not run. Exit status 0: runs all; 1: something is missing; 2: bad arguments.
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include "softgpu/ptx/image.h"
#include "tests/survey/survey.h"

namespace {

using vgpu::survey::Form;

struct Arguments {
  std::vector<uint32_t> targets;  // empty: all
  std::vector<std::string> files;
};

bool parse_arguments(int count, char** words, Arguments& arguments) {
  for (int i = 1; i < count; ++i) {
    if (std::strcmp(words[i], "--target") != 0) {
      arguments.files.emplace_back(words[i]);
      continue;
    }
    if (++i == count) return false;
    arguments.targets.push_back(static_cast<uint32_t>(std::strtoul(words[i], nullptr, 10)));
  }
  return !arguments.files.empty();
}

bool wanted(const Arguments& arguments, uint32_t target) {
  if (arguments.targets.empty()) return true;
  for (const uint32_t one : arguments.targets) {
    if (one == target) return true;
  }
  return false;
}

bool add_file(const Arguments& arguments, const std::string& path, vgpu::survey::Survey& survey) {
  std::ifstream file(path, std::ios::binary);
  const std::vector<char> bytes((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
  auto entries = vgpu::soft::ptx::read_image(std::as_bytes(std::span(bytes)));
  if (!entries) {
    std::fprintf(stderr, "%s: no image that CUDA would load\n", path.c_str());
    return false;
  }
  for (const vgpu::soft::ptx::ImageEntry& one : *entries) {
    if (one.entry.kind != vgpu::fatbin::EntryKind::ptx || !wanted(arguments, one.entry.architecture)) continue;
    auto text = vgpu::soft::ptx::entry_text(one.entry);
    if (!text) {
      std::fprintf(stderr, "%s: a PTX entry that does not decompress\n", path.c_str());
      return false;
    }
    survey.add(*text);
  }
  return true;
}

void print(const char* title, const std::map<std::string, Form>& forms) {
  std::printf("\n# %s: instances, kernels, targets, example\n", title);
  for (const auto& [name, form] : forms) {
    std::string targets;
    for (const uint32_t target : form.targets) targets += (targets.empty() ? "" : ",") + std::to_string(target);
    std::printf("%-60s %8llu %5zu  %-8s %s\n", name.c_str(), static_cast<unsigned long long>(form.count),
                form.functions.size(), targets.c_str(), form.functions.begin()->c_str());
  }
}

}  // namespace

int main(int count, char** words) {
  Arguments arguments;
  if (!parse_arguments(count, words, arguments)) {
    std::fprintf(stderr, "usage: survey [--target 75]... FILE...\n");
    return 2;
  }
  vgpu::survey::Survey survey;
  for (const std::string& path : arguments.files) {
    if (!add_file(arguments, path, survey)) return 2;
  }
  print("instructions without a handler", survey.missing());
  print("texts and kernels that are refused", survey.refused());
  std::printf("\n%llu texts, %llu kernels, %llu instructions; %zu missing forms, %zu reasons for refusal\n",
              static_cast<unsigned long long>(survey.texts()), static_cast<unsigned long long>(survey.kernels()),
              static_cast<unsigned long long>(survey.instructions()), survey.missing().size(), survey.refused().size());
  return survey.missing().empty() && survey.refused().empty() ? 0 : 1;
}
