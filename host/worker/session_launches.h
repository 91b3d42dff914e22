// SPDX-License-Identifier: Apache-2.0
// SessionLaunches: what a session notes of launches that are made as a graph, so that nobody can tell.
// Thread-safe.
#pragma once

#include <functional>
#include <utility>

#include "host/worker/launch_sequences.h"
#include "host/worker/session.h"

namespace vgpu::host {

class SessionLaunches final : public LaunchSequences::Maker {
 public:
  // `run` carries out a command by itself.
  SessionLaunches(Session& session, std::function<CUresult(const CommandCopy&)> run)
      : session_(session), run_(std::move(run)) {}

  bool make(const CommandCopy& launch) override { return run_(launch) == CUDA_SUCCESS; }
  bool enter(const CommandCopy& launch, CUstream& stream) override;
  void begins(std::span<const CommandCopy> launches, CUstream stream) override;
  void made(std::span<const CommandCopy> launches) override;

 private:
  Session& session_;
  const std::function<CUresult(const CommandCopy&)> run_;
};

}  // namespace vgpu::host
