// SPDX-License-Identifier: Apache-2.0
#include "bench/runner.h"

#include <fcntl.h>
#include <sched.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <sstream>

#include "bench/gpu.h"

namespace vgpu::bench {
namespace {

namespace fs = std::filesystem;

// A call that never returns ends its process, not the run.
constexpr unsigned kPatienceSeconds = 180;

// Where things are, seen from this binary: build/bench/vgpu-bench.
struct Places {
  std::string self, vgpu_run;
  std::string native;  // the directory of the libcuda.so.1 that native samples use
};

Result<std::string> output_of(std::vector<std::string> command, std::vector<std::string> environment);
std::vector<std::string> environment_with(const std::string& library_path);

// The directory of the system's libcuda.so.1, from the dynamic loader's cache ("name (libc6,x86-64) => path").
// This binary's own RUNPATH comes before that cache, so the directory must be named.
Result<std::string> find_system_driver() {
  std::istringstream lines(TRY(output_of({"/sbin/ldconfig", "-p"}, environment_with(""))));
  for (std::string line; std::getline(lines, line);) {
    const size_t arrow = line.find("=> ");
    if (line.find("\tlibcuda.so.1 ") == 0 && line.find("x86-64") != std::string::npos && arrow != std::string::npos)
      return fs::path(line.substr(arrow + 3)).parent_path().string();
  }
  return Error{"this system has no libcuda.so.1: NVIDIA's driver is not installed"};
}

Result<Places> find_places(const Options& options) {
  std::error_code error;
  const fs::path self = fs::read_symlink("/proc/self/exe", error);
  if (error) return Error{"cannot find this program's own file: " + error.message()};
  if (options.here) return Places{self.string(), "", ""};
  const fs::path base = self.parent_path().parent_path();
  const std::string native = options.driver == "soft" ? (base / "soft").string() : TRY(find_system_driver());
  Places places = {self.string(), (base / "bin/vgpu-run").string(), native};
  for (const std::string& needed : {places.vgpu_run, places.native + "/libcuda.so.1"})
    if (!fs::exists(needed, error)) return Error{needed + " is missing: build it with make"};
  return places;
}

// Children inherit the processors of the process that starts them.
class OneProcessor {
 public:
  explicit OneProcessor(bool wanted) : wanted_(wanted && sched_getaffinity(0, sizeof before_, &before_) == 0) {
    if (!wanted_) return;
    int first = 0;
    while (!CPU_ISSET(first, &before_)) ++first;
    cpu_set_t one;
    CPU_ZERO(&one);
    CPU_SET(first, &one);
    sched_setaffinity(0, sizeof one, &one);
  }
  ~OneProcessor() {
    if (wanted_) sched_setaffinity(0, sizeof before_, &before_);
  }
  OneProcessor(const OneProcessor&) = delete;
  OneProcessor& operator=(const OneProcessor&) = delete;

 private:
  cpu_set_t before_ = {};
  bool wanted_;
};

std::vector<std::string> environment_with(const std::string& library_path) {
  constexpr std::string_view kName = "LD_LIBRARY_PATH=";
  std::vector<std::string> out;
  std::string value = library_path;
  for (char** entry = environ; *entry != nullptr; ++entry) {
    if (!std::string_view(*entry).starts_with(kName)) out.emplace_back(*entry);
    else value += (value.empty() ? "" : ":") + std::string(*entry + kName.size());
  }
  if (!value.empty()) out.push_back(std::string(kName) + value);
  return out;
}

std::vector<char*> pointers(std::vector<std::string>& texts) {
  std::vector<char*> out;
  out.reserve(texts.size() + 1);
  for (std::string& text : texts) out.push_back(text.data());
  out.push_back(nullptr);
  return out;
}

std::string read_all(int fd) {
  std::string text;
  char buffer[4096];
  for (ssize_t got = 0; (got = read(fd, buffer, sizeof buffer)) > 0;) text.append(buffer, static_cast<size_t>(got));
  return text;
}

// What the program wrote to its standard output. The error: it could not be started.
Result<std::string> output_of(std::vector<std::string> command, std::vector<std::string> environment) {
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) != 0) return Error::from_errno("pipe");
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, ends[1], STDOUT_FILENO);
  pid_t child = -1;
  const int status = posix_spawn(&child, command[0].c_str(), &actions, nullptr, pointers(command).data(),
                                 pointers(environment).data());
  posix_spawn_file_actions_destroy(&actions);
  close(ends[1]);
  std::string text = read_all(ends[0]);
  close(ends[0]);
  if (status != 0) return Error::from_errno("cannot start " + command[0], status);
  waitpid(child, nullptr, 0);
  return text;
}

Result<std::string> sample_family(const Places& places, const Options& options, const Family& family, int round,
                                  Side side) {
  std::vector<std::string> command = {places.self, "--measure", family.name, options.rows, std::to_string(round)};
  const OneProcessor processor(family.one_processor);
  if (side == Side::native) return output_of(command, environment_with(places.native));
  if (options.here) return output_of(command, environment_with(""));
  std::vector<std::string> run = {places.vgpu_run, "--driver", options.driver};
  run.insert(run.end(), family.run_options.begin(), family.run_options.end());
  run.emplace_back("--");
  command.insert(command.begin(), run.begin(), run.end());
  return output_of(command, environment_with(""));
}

void read_samples(const std::string& text, Side side, std::vector<RowResult>& results) {
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    const size_t tab = line.find('\t');
    if (tab == std::string::npos) continue;
    for (RowResult& result : results) {
      if (line.compare(0, tab, result.name) != 0) continue;
      Samples& samples = side == Side::native ? result.native : result.ours;
      const std::string value = line.substr(tab + 1);
      if (value.starts_with("!\t")) samples.failure = value.substr(2);
      else if (value.starts_with("-\t")) samples.skipped = value.substr(2);
      else samples.values.push_back(std::strtod(value.c_str(), nullptr));
    }
  }
}

// On a terminal one line that changes, elsewhere a line each, so that a log says what took long.
void show_progress(const std::string& what) {
  static const auto begin = std::chrono::steady_clock::now();
  const std::chrono::duration<double> elapsed = std::chrono::steady_clock::now() - begin;
  if (isatty(STDERR_FILENO)) std::fprintf(stderr, "\r\033[K%s", what.c_str());
  else if (!what.empty()) std::fprintf(stderr, "%5.1f s  %s\n", elapsed.count(), what.c_str());
}

std::vector<RowResult> wanted_rows(const Family& family, const std::string& pattern) {
  std::vector<RowResult> out;
  for (const Row& row : family.rows)
    if (is_wanted(pattern, row.name)) out.push_back({row.name, row.unit, {}, {}});
  return out;
}

int most_rounds(const Family& family, const Options& options) {
  int most = 0;
  for (const Row& row : family.rows)
    if (is_wanted(options.rows, row.name)) most = std::max(most, std::min(row.rounds, options.rounds));
  return most;
}

// Who goes first changes, too.
std::vector<Side> sides(const Options& options, int round) {
  if (options.here) return {Side::ours};
  if (round % 2 == 0) return {Side::native, Side::ours};
  return {Side::ours, Side::native};
}

// One line for the process that takes the samples' parent. Whether the row has failed.
bool print_sample(const Row& row, const Measured<double>& sample) {
  if (sample.ok()) {
    std::printf("%s\t%.9g\n", row.name.c_str(), sample.value());
    return false;
  }
  if (sample.error().skipped) {
    std::printf("%s\t-\t%s\n", row.name.c_str(), sample.error().call);
    return false;
  }
  const char* reason = nullptr;
  if (cuGetErrorName(sample.error().code, &reason) != CUDA_SUCCESS) reason = "unknown error";
  std::printf("%s\t!\t%s: %s\n", row.name.c_str(), reason, sample.error().call);
  return true;
}

}  // namespace

Result<std::vector<RowResult>> run_all(const Options& options) {
  const Places places = TRY(find_places(options));
  std::vector<RowResult> all;
  for (const Family& family : families()) {
    if (family.takes_long && !options.takes_long && options.rows == Options().rows) continue;
    std::vector<RowResult> results = wanted_rows(family, options.rows);
    for (int round = 0; round < most_rounds(family, options); ++round) {
      show_progress(std::string(family.name) + ", round " + std::to_string(round + 1));
      for (const Side side : sides(options, round))
        read_samples(TRY(sample_family(places, options, family, round, side)), side, results);
    }
    all.insert(all.end(), results.begin(), results.end());
  }
  show_progress("");
  return all;
}

int measure_family(const std::string& name, const std::string& pattern, int round) {
  alarm(kPatienceSeconds);
  const Measured<Gpu> gpu = Gpu::create();
  bool failed = false;
  for (const Family& family : families())
    for (const Row& row : family.rows) {
      if (name != family.name || !is_wanted(pattern, row.name) || round >= row.rounds) continue;
      const Measured<double> sample = gpu.ok() ? row.measure(gpu.value()) : Measured<double>(gpu.error());
      failed |= print_sample(row, sample);
      std::fflush(stdout);
    }
  return failed ? 1 : 0;
}

}  // namespace vgpu::bench
