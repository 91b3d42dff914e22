// SPDX-License-Identifier: Apache-2.0
// Runs hidden test cases of this binary in a process of their own: for faults that end a context, for what happens
// before cuInit, and for environment variables that the driver reads once. A child's cases carry the tag "[.]" and one
// tag that nobody else has; the parent names that tag.
#pragma once

#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <string>
#include <thread>
#include <vector>

#include "tests/support/test.h"

extern char** environ;

namespace contract {

struct ChildResult {
  int exit_code = -1;  // -1: it could not be started, -2: it was ended by a signal or by the time limit
  std::string output;
};

inline std::vector<std::string> environment_with(const std::map<std::string, std::string>& changes) {
  std::vector<std::string> result;
  for (char** entry = environ; *entry; ++entry) {
    const std::string text = *entry;
    if (!changes.count(text.substr(0, text.find('=')))) result.push_back(text);
  }
  for (const auto& [name, value] : changes) result.push_back(std::string(name).append("=").append(value));
  return result;
}

inline int wait_for(pid_t child, std::chrono::seconds limit) {
  const auto end = std::chrono::steady_clock::now() + limit;
  int status = 0;
  while (waitpid(child, &status, WNOHANG) == 0) {
    if (std::chrono::steady_clock::now() > end) kill(child, SIGKILL);
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
  return WIFEXITED(status) ? WEXITSTATUS(status) : -2;
}

inline ChildResult run_child(const std::string& tag, const std::map<std::string, std::string>& changes = {}) {
  ChildResult result;
  char self[4096] = "";
  if (readlink("/proc/self/exe", self, sizeof self - 1) < 0) return result;
  std::FILE* file = std::tmpfile();
  if (!file) return result;
  std::vector<std::string> environment = environment_with(changes);
  std::vector<char*> variables;
  variables.reserve(environment.size() + 1);
  for (std::string& entry : environment) variables.push_back(entry.data());
  variables.push_back(nullptr);
  std::string filter = "[" + tag + "]";
  char* arguments[] = {self, filter.data(), nullptr};
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, fileno(file), 1);
  posix_spawn_file_actions_adddup2(&actions, fileno(file), 2);
  pid_t child = -1;
  if (posix_spawn(&child, self, &actions, nullptr, arguments, variables.data()) == 0)
    result.exit_code = wait_for(child, std::chrono::seconds(60));
  posix_spawn_file_actions_destroy(&actions);
  std::rewind(file);
  char chunk[4096];
  for (size_t got; (got = std::fread(chunk, 1, sizeof chunk, file)) > 0;) result.output.append(chunk, got);
  std::fclose(file);
  return result;
}

}  // namespace contract

// A child whose tag matches nothing ends well too, so its report is read as well as its code.
#define REQUIRE_CHILD(...)                                                       \
  do {                                                                           \
    const contract::ChildResult child_result = contract::run_child(__VA_ARGS__); \
    INFO(child_result.output);                                                   \
    REQUIRE(child_result.exit_code == 0);                                        \
    REQUIRE(child_result.output.find("All tests passed") != std::string::npos);  \
  } while (false)
