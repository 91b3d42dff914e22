// SPDX-License-Identifier: Apache-2.0
// Which libraries programs get. They are loaded for it, in a process of their own, because loading runs their code.
#include <dlfcn.h>
#include <fmt/core.h>
#include <link.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <functional>
#include <iterator>

#include "tools/vgpu_smi/doctor/apart.h"
#include "tools/vgpu_smi/doctor/finding.h"

namespace vgpu::smi::doctor {
namespace {

struct Library {
  const char* name;
  const char* what;
  bool needed;
};
constexpr Library kLibraries[] = {
    {"libcuda.so.1", "the CUDA driver's library", true},
    {"libnvidia-ml.so.1", "the library that shows the GPU", true},
    {"libcudart.so.13", "CUDA's runtime library; many programs bring their own", false},
    {"libcudart.so.12", "CUDA's runtime library; many programs bring their own", false},
};

// Empty when it cannot be loaded.
std::string loaded_path(const char* name) {
  const Answer answer = run_apart([name](std::string& words) {
    void* const library = ::dlopen(name, RTLD_LAZY | RTLD_LOCAL);
    link_map* map = nullptr;
    if (library == nullptr) return words = ::dlerror(), 1;
    if (::dlinfo(library, RTLD_DI_LINKMAP, &map) != 0) return 1;
    words = map->l_name;
    return 0;
  });
  return answer.status == 0 ? answer.words : "";
}

// All of ours are C++ in this namespace, so the names of types are in them, stripped or not.
bool is_ours(const std::string& path) {
  static constexpr char kMark[] = "N4vgpu";
  std::ifstream file(path, std::ios::binary);
  const std::string bytes((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
  const std::boyer_moore_horspool_searcher searcher(std::begin(kMark), std::end(kMark) - 1);
  return std::search(bytes.begin(), bytes.end(), searcher) != bytes.end();
}

std::string real_path(const std::string& path) {
  std::error_code failed;
  const auto real = std::filesystem::canonical(path, failed);
  return failed ? path : real.string();
}

void check_needed(const Library& library, const std::string& path, Findings& findings) {
  if (path.empty())
    return findings.push_back({State::problem, library.name, fmt::format("not found; it is {}", library.what),
                               "Install the guest libraries and run ldconfig, or name their directory in "
                               "LD_LIBRARY_PATH"});
  const bool ours = is_ours(path);
  findings.push_back({ours ? State::good : State::warning, library.name,
                      fmt::format("{}{}", path, ours ? ", ours" : ", not ours"),
                      ours ? ""
                           : "Programs use that library's GPU. If they should use the virtual one, put our directory "
                             "first: LD_LIBRARY_PATH, or /etc/ld.so.conf.d and ldconfig"});
}

}  // namespace

void check_libraries(Findings& findings) {
  std::string cuda_directory, nvml_directory;
  for (const Library& library : kLibraries) {
    const std::string path = loaded_path(library.name);
    const std::string directory = std::filesystem::path(real_path(path)).parent_path().string();
    if (library.needed) check_needed(library, path, findings);
    else if (!path.empty())
      findings.push_back({State::note, library.name, path + (is_ours(path) ? ", ours" : ", not ours"), ""});
    if (library.name == std::string_view("libcuda.so.1")) cuda_directory = directory;
    if (library.name == std::string_view("libnvidia-ml.so.1")) nvml_directory = directory;
  }
  if (!cuda_directory.empty() && !nvml_directory.empty() && cuda_directory != nvml_directory)
    findings.push_back({State::note, "libraries",
                        "libcuda.so.1 and libnvidia-ml.so.1 are in different directories; they may show different GPUs",
                        ""});
}

}  // namespace vgpu::smi::doctor
