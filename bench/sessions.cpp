// SPDX-License-Identifier: Apache-2.0
#include "bench/sessions.h"

#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <utility>

#include "bench/stopwatch.h"
#include "common/fd.h"

namespace vgpu::bench {
namespace {

constexpr int kLaunchesOfAll = 16384;
constexpr int kPatienceSeconds = 120;

// A process at the other end of two pipes. It ends when its input closes, or when its work is done.
class Other {
 public:
  Other() = default;
  Other(Other&& from) noexcept
      : pid_(std::exchange(from.pid_, -1)), to_(std::move(from.to_)), from_(std::move(from.from_)) {}
  Other& operator=(Other&&) = delete;
  ~Other() {
    to_.reset();
    if (pid_ > 0) ::waitpid(pid_, nullptr, 0);
  }

  bool start(int launches) {
    int to[2], from[2];
    if (::pipe2(to, O_CLOEXEC) != 0) return false;
    UniqueFd input(to[0]);
    to_ = UniqueFd(to[1]);
    if (::pipe2(from, O_CLOEXEC) != 0) return false;
    from_ = UniqueFd(from[0]);
    const UniqueFd output(from[1]);
    posix_spawn_file_actions_t actions;
    ::posix_spawn_file_actions_init(&actions);
    ::posix_spawn_file_actions_adddup2(&actions, input.get(), STDIN_FILENO);
    ::posix_spawn_file_actions_adddup2(&actions, output.get(), STDOUT_FILENO);
    std::string count = std::to_string(launches);
    char name[] = "vgpu-bench", option[] = "--session";
    char* const arguments[] = {name, option, count.data(), nullptr};
    const int error = ::posix_spawn(&pid_, "/proc/self/exe", &actions, nullptr, arguments, environ);
    ::posix_spawn_file_actions_destroy(&actions);
    if (error != 0) pid_ = -1;
    return error == 0;
  }

  // Whether it says the next line; its end is a no.
  bool hear() const {
    char letter = 0;
    while (::read(from_.get(), &letter, 1) == 1)
      if (letter == '\n') return true;
    return false;
  }
  bool tell() const { return ::write(to_.get(), "\n", 1) == 1; }

 private:
  pid_t pid_ = -1;
  UniqueFd to_, from_;
};

bool say(const char* word) { return std::puts(word) >= 0 && std::fflush(stdout) == 0; }

Measured<void> launch_and_wait(const Gpu& gpu, int count) {
  for (int i = 0; i < count; ++i) TRY(gpu.launch());
  return gpu.synchronize();
}

}  // namespace

Measured<double> launch_from_sessions(const Gpu&, int sessions) {
  const Failure failure = {"a session of many: it did not start, or did not do its work", CUDA_ERROR_UNKNOWN};
  std::vector<Other> others;
  for (int i = 0; i < sessions; ++i)
    if (!others.emplace_back().start(kLaunchesOfAll / sessions)) return failure;
  for (const Other& other : others)
    if (!other.hear()) return failure;
  const double begin = now();
  for (const Other& other : others)
    if (!other.tell()) return failure;
  for (const Other& other : others)
    if (!other.hear()) return failure;
  return (now() - begin) / kLaunchesOfAll;
}

int run_session(int launches) {
  ::alarm(kPatienceSeconds);
  const Measured<Gpu> gpu = Gpu::create();
  if (!gpu.ok() || !say("ready")) return 1;
  if (std::getchar() != '\n') return 1;
  return launch_and_wait(gpu.value(), launches).ok() && say("done") ? 0 : 1;
}

}  // namespace vgpu::bench
