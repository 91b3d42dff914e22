// SPDX-License-Identifier: Apache-2.0
// Runs vgpu-smi, or another program of this build, and keeps what it printed. One test at a time.
#pragma once

#include <fcntl.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <nlohmann/json.hpp>
#include <sstream>
#include <string>
#include <vector>

namespace vgpu::test {

using Words = std::vector<std::string>;

struct Outcome {
  int status = -1;  // 128 + N after signal N
  std::string out, err;

  Words lines() const {
    Words all;
    std::istringstream stream(out);
    for (std::string line; std::getline(stream, line);) all.push_back(line);
    return all;
  }
  nlohmann::json json() const { return nlohmann::json::parse(out); }
};

// The build's directory, two above this program's.
inline std::filesystem::path build() {
  return std::filesystem::read_symlink("/proc/self/exe").parent_path().parent_path().parent_path();
}

inline std::string read_all(int file) {
  std::string text(static_cast<size_t>(::lseek(file, 0, SEEK_END)), '\0');
  return text.resize(static_cast<size_t>(::pread(file, text.data(), text.size(), 0))), text;
}

// `environment`: NAME=VALUE, on top of ours.
inline Outcome run_program(const Words& command, const Words& environment, unsigned int limit_seconds = 60) {
  const int out = ::memfd_create("out", 0), err = ::memfd_create("err", 0);
  const pid_t child = ::fork();
  if (child == 0) {
    ::dup2(out, STDOUT_FILENO);
    ::dup2(err, STDERR_FILENO);
    for (const std::string& variable : environment) ::putenv(const_cast<char*>(variable.c_str()));
    std::vector<char*> argv;
    for (const std::string& word : command) argv.push_back(const_cast<char*>(word.c_str()));
    argv.push_back(nullptr);
    ::alarm(limit_seconds);
    ::execv(argv[0], argv.data());
    ::_exit(127);
  }
  Outcome outcome;
  int status = 0;
  ::waitpid(child, &status, 0);
  outcome.status = WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
  outcome.out = read_all(out);
  outcome.err = read_all(err);
  ::close(out);
  ::close(err);
  return outcome;
}

// vgpu-smi over the fake library, which plays `role`.
inline Outcome smi(const Words& arguments, const std::string& role = "") {
  Words command = {build() / "bin/vgpu-smi"};
  command.insert(command.end(), arguments.begin(), arguments.end());
  return run_program(command, {"LD_LIBRARY_PATH=" + (build() / "tests/smi").string(), "VGPU_FAKE_NVML=" + role,
                               "VGPU_SOCKET=/nowhere/vgpud.sock"});
}

// vgpu-smi over our own library and the software GPU.
inline Outcome soft_smi(const Words& arguments, const Words& daemon_options = {}) {
  Words command = {build() / "bin/vgpu-run", "--driver", "soft"};
  command.insert(command.end(), daemon_options.begin(), daemon_options.end());
  command.insert(command.end(), {"--", build() / "bin/vgpu-smi"});
  command.insert(command.end(), arguments.begin(), arguments.end());
  return run_program(command, {});
}

// One line of CSV; no value of ours has a comma unless it is the last.
inline Words split_csv(const std::string& line) {
  Words cells;
  for (size_t at = 0; at <= line.size();) {
    const size_t end = std::min(line.find(", ", at), line.size());
    cells.push_back(line.substr(at, end - at));
    at = end + 2;
  }
  return cells;
}

}  // namespace vgpu::test
