// SPDX-License-Identifier: Apache-2.0
// WorkerFiles: the directory that NVIDIA's driver may write to in the workers of one daemon. In `code` it keeps the
// machine code that it made of PTX, so that the next process need not make it again (CUDA programming guide: CUDA
// Environment Variables); `shm` is their /dev/shm, where it keeps events that processes share. All programs of a daemon
// use one, and no others: who writes to it decides what the rest run. Gone when the daemon is; what a
// killed one left, the next one of the same user takes away. One owner.
#pragma once

#include <string>

#include "common/fd.h"
#include "common/result.h"

namespace vgpu::host {

// Whose programs share it.
enum class FileUsers { guest, same_user };

class WorkerFiles {
 public:
  // In memory and of limited size where the daemon may mount, else refused for a guest, which could fill the machine's
  // files; for programs of the daemon's own user a directory of temporary files is as good. Call it before any socket
  // is opened: files made by others later on may be out of the daemon's sight.
  static Result<WorkerFiles> create(FileUsers users);

  WorkerFiles(WorkerFiles&& other) noexcept;
  WorkerFiles& operator=(WorkerFiles&&) = delete;
  ~WorkerFiles();

  const std::string& path() const { return path_; }

 private:
  WorkerFiles(std::string path, UniqueFd lock) : path_(std::move(path)), lock_(std::move(lock)) {}

  std::string path_;  // empty: moved away
  UniqueFd lock_;     // on the directory, so that others see that somebody uses it
};

}  // namespace vgpu::host
