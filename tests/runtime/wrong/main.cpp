// SPDX-License-Identifier: Apache-2.0
// Calls each function of the runtime library with wrong arguments and prints what it answers and what the last error is
// then, a line each: tests/check/wrong_calls.sh compares what two libraries print. Each function has a process of its
// own, so that what one of them breaks is not the next one's trouble; a process that dies is a line, too.
#include "tests/runtime/wrong/call.h"

#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <new>
#include <set>

namespace {

using wrong_calls::Call;
using wrong_calls::Value;
using Case = std::vector<Value>;

constexpr unsigned kSeconds = 20;  // No call of these waits for anything.

// Nothing at all; then room for every result and one parameter wrong: a pointer is NULL, anything else garbage; the
// same beside numbers that are 1, and beside objects that live.
std::vector<Case> cases_of(const Call& call) {
  const size_t count = call.parameters.size();
  const bool handles = std::any_of(call.parameters.begin(), call.parameters.end(),
                                   [](const wrong_calls::Parameter& parameter) { return parameter.handle; });
  std::vector<Case> cases{Case(count, Value::nothing)};
  for (const Value other : {Value::nothing, Value::room, Value::live}) {
    if (other == Value::live && !handles) continue;
    Case base;
    for (const auto& parameter : call.parameters) {
      const bool room = parameter.room && !(parameter.handle && other == Value::live);
      base.push_back(room ? Value::room : other);
    }
    cases.push_back(base);
    for (size_t i = 0; i < count; ++i) {
      for (const Value wrong : {Value::nothing, Value::garbage}) {
        Case one = base;
        one[i] = wrong;
        if (one != base) cases.push_back(std::move(one));
      }
    }
  }
  return cases;
}

std::string described(const Call& call, const Case& values) {
  std::string text = std::string(call.name) + "(";
  for (const Value value : values) text += static_cast<char>(value);
  return text + ")";
}

void answer(const Call& call, const Case& values) {
  static wrong_calls::Rooms rooms;  // What is registered or remembered by its address stays so in both libraries.
  std::memset(&rooms, 0, sizeof rooms);
  const cudaError_t result = call.run(call.function, values.data(), rooms);
  const cudaError_t last = cudaGetLastError();
  std::printf("%s: %d, last %d\n", described(call, values).c_str(), result, last);
  std::fflush(stdout);
}

// Returns the signal that ended it, or 0.
template <class Body>
int in_a_child(Body body) {
  std::fflush(stdout);
  const pid_t child = fork();
  if (child == 0) {
    alarm(kSeconds);
    body();
    std::fflush(stdout);
    _exit(0);
  }
  int status = 0;
  if (child < 0 || waitpid(child, &status, 0) != child) std::abort();
  return WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status);
}

// The cases from `first` on in one process. A shared page says how far it came.
void run_cases(const Call& call, const std::vector<Case>& cases, std::atomic<size_t>& at) {
  for (at = 0; at < cases.size(); ++at) {
    const size_t first = at;
    const int ended = in_a_child([&] {
      for (size_t i = first; i < cases.size(); ++i) {
        at = i;
        answer(call, cases[i]);
        (void)cudaFree(nullptr);  // From the second case on there is a context.
        (void)cudaGetLastError();
      }
    });
    if (ended != 0) std::printf("%s: ended the process with %d\n", described(call, cases[at]).c_str(), ended);
  }
}

void print_errors() {
  for (int code = -1; code <= 10100; ++code) {
    const auto error = static_cast<cudaError_t>(code);
    std::printf("error %d: %s: %s\n", code, cudaGetErrorName(error), cudaGetErrorString(error));
  }
}

}  // namespace

// list: the names of all calls; errors: names and texts of errors; otherwise the calls that are named.
int main(int argc, char** argv) {
  const std::set<std::string> wanted(argv + 1, argv + argc);
  void* shared = mmap(nullptr, sizeof(size_t), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (shared == MAP_FAILED) return 2;
  auto& at = *new (shared) std::atomic<size_t>(0);
  if (wanted.contains("errors")) (void)in_a_child(print_errors);
  for (const Call& call : wrong_calls::all_calls()) {
    if (wanted.contains("list")) std::printf("%s\n", call.name);
    else if (wanted.contains(call.name)) run_cases(call, cases_of(call), at);
  }
  return 0;
}
