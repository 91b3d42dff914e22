// SPDX-License-Identifier: Apache-2.0
// Waits for streams and events as programs do that only ask.
#pragma once

#include <cuda.h>

#include <chrono>
#include <functional>

namespace contract {

// Asks until the answer is not "not ready"; for ten seconds at most.
inline CUresult poll(const std::function<CUresult()>& ask) {
  const auto limit = std::chrono::steady_clock::now() + std::chrono::seconds(10);
  CUresult answer = ask();
  while (answer == CUDA_ERROR_NOT_READY && std::chrono::steady_clock::now() < limit) answer = ask();
  return answer;
}
inline CUresult poll(CUstream stream) {
  return poll([=] { return cuStreamQuery(stream); });
}
inline CUresult poll(CUevent event) {
  return poll([=] { return cuEventQuery(event); });
}

}  // namespace contract
