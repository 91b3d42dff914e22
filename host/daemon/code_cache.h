// SPDX-License-Identifier: Apache-2.0
// CodeCache: the directory in which NVIDIA's driver keeps the machine code that it made of PTX, so that the next
// process need not make it again. All programs of a daemon use one, and no others: who writes to it decides what the
// rest run. Gone when the daemon is. CUDA programming guide: CUDA Environment Variables. One owner.
#pragma once

#include <string>

#include "common/result.h"

namespace vgpu::host {

// Whose programs share the cache.
enum class CacheUsers { guest, same_user };

class CodeCache {
 public:
  // In memory and of limited size where the daemon may mount, else refused for a guest, which could fill the machine's
  // files; for programs of the daemon's own user a directory of temporary files is as good. Call it before any socket
  // is opened: files made by others later on may be out of the daemon's sight.
  static Result<CodeCache> create(CacheUsers users);

  CodeCache(CodeCache&& other) noexcept;
  CodeCache& operator=(CodeCache&&) = delete;
  ~CodeCache();

  const std::string& path() const { return path_; }

 private:
  explicit CodeCache(std::string path) : path_(std::move(path)) {}

  std::string path_;  // empty: moved away
};

}  // namespace vgpu::host
