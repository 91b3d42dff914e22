// SPDX-License-Identifier: Apache-2.0
#include "host/daemon/code_cache.h"

#include <sys/statfs.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "tests/support/test.h"

using vgpu::host::CacheUsers;
using vgpu::host::CodeCache;

namespace {

// The process gets mounts of its own: not something to do to the other tests.
template <class F>
int in_child(F body) {
  const pid_t child = ::fork();
  if (child == 0) ::_exit(body());
  int status = -1;
  ::waitpid(child, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

bool is_memory(const std::string& path) {
  constexpr long kTmpfs = 0x01021994;  // linux/magic.h
  struct statfs about = {};
  return ::statfs(path.c_str(), &about) == 0 && about.f_type == kTmpfs;
}

}  // namespace

TEST_CASE("a cache of compiled code can be written to and goes with its daemon", "[unit][code_cache]") {
  const int result = in_child([] {
    std::string path;
    {
      auto cache = CodeCache::create(CacheUsers::same_user);
      if (!cache) return 1;
      path = cache->path();
      std::ofstream(path + "/index") << "kept";
      if (!std::filesystem::exists(path + "/index")) return 2;
      const CodeCache moved(std::move(*cache));
      if (!std::filesystem::exists(path + "/index")) return 3;
    }
    return std::filesystem::exists(path) ? 4 : 0;
  });
  CHECK(result == 0);
}

TEST_CASE("a guest's cache of compiled code is of limited size, or there is none", "[unit][code_cache]") {
  const int result = in_child([] {
    auto cache = CodeCache::create(CacheUsers::guest);
    if (!cache) return ::geteuid() == 0 ? 10 : 0;
    return is_memory(cache->path()) ? 0 : 1;
  });
  // A container's root may be forbidden to mount.
  CHECK((result == 0 || result == 10));
}
