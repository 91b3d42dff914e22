// SPDX-License-Identifier: Apache-2.0
// Prints what the libnvidia-ml.so.1 of the library path answers to every call that is carried (asking.h), so that two
// libraries can be compared (tests/gpu/nvml_values.py). A question that kills the library, or hangs, costs its own
// family only, and is named. usage: nvml_values [WHAT_ANOTHER_PRINTED], whose versions of structs are asked for then.
#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <cstring>

#include "tests/gpu/nvml_values/asking.h"

namespace vgpu::nvml_values {
namespace {

constexpr unsigned kPatience = 20;  // seconds that one question may take
constexpr int kNotBegun = 77;       // exit status: the library could not be initialised

// Runs families from `first` on; how many it came through is in `*done`.
[[noreturn]] void ask_from(const std::vector<Family>& families, size_t first, Progress& progress,
                           volatile size_t* done) {
  Asking asking(progress);
  for (size_t i = first; i < families.size(); ++i) {
    // Those that follow have nothing to ask, either: that it does not begin is the one answer.
    ::alarm(2 * kPatience);
    if (!asking.begin()) ::_exit(kNotBegun);
    ::alarm(kPatience);
    families[i].ask(asking, families[i]);
    std::fflush(stdout);
    *done = i + 1;
  }
  ::_exit(0);
}

std::string fate(int status) {
  if (WIFSIGNALED(status)) return std::string("killed by ") + ::strsignal(WTERMSIG(status));
  return "exited with " + std::to_string(WEXITSTATUS(status));
}

struct Shared {
  Progress progress;
  size_t done;
};

int ask_all() {
  std::vector<Family> families = families_of_rows();
  for (Family& family : families_by_hand()) families.push_back(std::move(family));
  void* const place = ::mmap(nullptr, sizeof(Shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (place == MAP_FAILED) return 1;
  auto& shared = *static_cast<Shared*>(place);
  for (size_t next = 0; next < families.size();) {
    std::fflush(stdout);
    const pid_t child = ::fork();
    if (child < 0) return 1;
    if (child == 0) ask_from(families, next, shared.progress, &shared.done);
    int status = 0;
    ::waitpid(child, &status, 0);
    if (status == 0) break;
    std::printf("%s -> %s, in %s\n", shared.progress.question, fate(status).c_str(),
                families[shared.done].name.c_str());
    if (WIFEXITED(status) && WEXITSTATUS(status) == kNotBegun) return 1;
    next = shared.done + 1;
    shared.done = next;
  }
  return 0;
}

// So that whoever compares sees what was never asked.
void list_rows() {
#define NVML(name, path, ...)                                                                \
  if (nvml::Path::path != nvml::Path::denied && nvml::Path::path != nvml::Path::unsupported) \
    std::puts("carried " #name);
#include "vgpu/nvml/rows.h"
}

}  // namespace
}  // namespace vgpu::nvml_values

int main(int argc, char** argv) {
  if (argc > 2) {
    std::fputs("usage: nvml_values [WHAT_ANOTHER_PRINTED]\n", stderr);
    return 2;
  }
  if (argc == 2) vgpu::nvml_values::take_versions_of(argv[1]);
  vgpu::nvml_values::list_rows();
  return vgpu::nvml_values::ask_all();
}
