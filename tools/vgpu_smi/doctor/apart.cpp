// SPDX-License-Identifier: Apache-2.0
#include "tools/vgpu_smi/doctor/apart.h"

#include <fcntl.h>
#include <fmt/core.h>
#include <poll.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <cstring>

#include "common/fd.h"

namespace vgpu::smi::doctor {
namespace {

using Clock = std::chrono::steady_clock;

[[noreturn]] void be_the_child(const std::function<int(std::string& words)>& work, int to) {
  // What libraries print is theirs; the finding says what matters.
  const int nowhere = ::open("/dev/null", O_RDWR);
  ::dup2(nowhere, STDOUT_FILENO);
  ::dup2(nowhere, STDERR_FILENO);
  std::string words;
  const int status = work(words);
  for (size_t at = 0; at < words.size();) {
    const ssize_t wrote = ::write(to, words.data() + at, words.size() - at);
    if (wrote <= 0) break;
    at += static_cast<size_t>(wrote);
  }
  // Not exit: the parent's buffers are not ours to flush.
  ::_exit(status);
}

// Everything until the other end closes; false when the time is over.
bool read_until(int from, std::string& words, Clock::time_point deadline) {
  char part[4096];
  for (;;) {
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(deadline - Clock::now()).count();
    pollfd watched = {from, POLLIN, 0};
    if (left <= 0 || ::poll(&watched, 1, static_cast<int>(left)) == 0) return false;
    const ssize_t got = ::read(from, part, sizeof part);
    if (got == 0) return true;
    if (got > 0) words.append(part, static_cast<size_t>(got));
    else if (errno != EINTR) return true;
  }
}

}  // namespace

Answer run_apart(const std::function<int(std::string& words)>& work, int seconds) {
  int ends[2] = {-1, -1};
  if (::pipe2(ends, O_CLOEXEC) != 0) return {-1, std::string("cannot create a pipe: ") + std::strerror(errno)};
  const UniqueFd from(ends[0]);
  UniqueFd to(ends[1]);
  std::fflush(nullptr);
  const pid_t child = ::fork();
  if (child < 0) return {-1, std::string("cannot start a process: ") + std::strerror(errno)};
  if (child == 0) be_the_child(work, to.get());
  to.reset();
  Answer answer;
  const bool in_time = read_until(from.get(), answer.words, Clock::now() + std::chrono::seconds(seconds));
  if (!in_time) ::kill(child, SIGKILL);
  int status = 0;
  while (::waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  if (!in_time) return {-1, fmt::format("no answer within {} seconds", seconds)};
  if (WIFSIGNALED(status))
    return {-1, fmt::format("ended by signal {} ({})", WTERMSIG(status), ::strsignal(WTERMSIG(status)))};
  answer.status = WEXITSTATUS(status);
  return answer;
}

}  // namespace vgpu::smi::doctor
