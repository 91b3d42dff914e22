// SPDX-License-Identifier: Apache-2.0
// Fuzzes the worker's hand-written calls with random payloads. A command is: two bytes that choose the call, two bytes
// of length, the payload. In a payload, 0xf0 to 0xf7 at the beginning of a word stand for handles and addresses that
// exist.
#ifndef __CUDA_API_VERSION_INTERNAL
#define __CUDA_API_VERSION_INTERNAL
#endif
#include "tests/fuzz/worker.h"

namespace {

using namespace vgpu;
using namespace vgpu::host;
using fuzz::Worker;
namespace op = vgpu::api::opcode;

// A grid that would keep the processor busy for years says nothing about the decoder.
bool takes_long(uint16_t opcode, const std::vector<std::byte>& payload) {
  if (opcode != op::cuLaunchKernel && opcode != op::cuLaunchKernelEx) return false;
  codec::Reader reader(payload);
  const auto launch = reader.get<wire::Launch>();
  return !reader.failed() && uint64_t{launch.grid[0]} * launch.grid[1] > 64 / (1 + uint64_t{launch.grid[2]});
}

std::vector<uint16_t> hand_calls() {
  std::vector<uint16_t> calls;
  for (uint16_t opcode = 0; opcode < wire::kOpcodeEnd; ++opcode)
    if (find_hand_call(opcode) != nullptr) calls.push_back(opcode);
  return calls;
}

std::vector<std::byte> translate(const Worker& worker, const uint8_t* data, size_t size) {
  std::vector<std::byte> payload(size);
  if (size != 0) std::memcpy(payload.data(), data, size);
  for (size_t at = 0; at + sizeof(uint64_t) <= size; at += sizeof(uint64_t)) {
    const uint8_t first = data[at];
    if (first >= 0xf0 && first <= 0xf7) std::memcpy(payload.data() + at, &worker.known[first - 0xf0], sizeof(uint64_t));
  }
  return payload;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static Worker& worker = *new Worker;  // its driver's threads run until the end
  static const std::vector<uint16_t> calls = hand_calls();
  static int inputs = 0;
  if (inputs++ % 500 == 0) worker.prepare();
  while (size >= 4) {
    const uint16_t opcode = calls[static_cast<size_t>(data[0] | data[1] << 8) % calls.size()];
    const size_t length = std::min<size_t>(static_cast<size_t>(data[2] | data[3] << 8) % 1024, size - 4);
    std::vector<std::byte> payload = translate(worker, data + 4, length);
    if (!takes_long(opcode, payload)) static_cast<void>(worker.run(opcode, std::move(payload), worker.known[0]));
    data += 4 + length, size -= 4 + length;
  }
  return 0;
}
