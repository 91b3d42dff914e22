// SPDX-License-Identifier: Apache-2.0
// Fuzzes the software GPU's driver through the worker with the calls that rows describe: well-formed requests whose
// handles mostly live, and whose numbers are small, at an edge, or addresses. Each three bytes of the input are a call:
// two choose it, the third its arguments.
#ifndef __CUDA_API_VERSION_INTERNAL
#define __CUDA_API_VERSION_INTERNAL
#endif
#include <algorithm>
#include <string_view>

#include "tests/fuzz/worker.h"
#include "tests/support/row_arguments.h"

namespace {

using namespace vgpu;
using namespace vgpu::host;
using fuzz::Worker;

// What waits for a value that nobody writes holds up its stream for ever.
bool may_hang(const Call& call) {
  const std::string_view name = call.name;
  return name.find("WaitValue") != name.npos || name.find("BatchMemOp") != name.npos || name.find("cuGreenCtx") == 0 ||
         name.find("CtxDestroy") != name.npos;
}

std::vector<const Call*> row_calls() {
  std::vector<const Call*> calls;
  for (uint16_t opcode = 0; opcode < wire::kFirstPrivate; ++opcode) {
    const Call* const call = api::find_row(opcode);
    if (call != nullptr && call->path != Path::local && call->path != Path::refuse && call->carried_by_row() &&
        !may_hang(*call))
      calls.push_back(call);
  }
  return calls;
}

// Handles that were made, newest last; some are dead by now, as a guest's may be.
class Pool final : public codec::HandleObserver {
 public:
  void made(Kind, uint64_t handle) override { add(handle); }
  void dropped(Kind, uint64_t) override {}
  void add(uint64_t handle) {
    auto& known = handles_[static_cast<size_t>(handle::kind_of(handle))];
    if (known.size() == kMost) known.erase(known.begin());
    known.push_back(handle);
  }
  uint64_t any(Kind kind, test::Random& random) const {
    const auto& known = handles_[static_cast<size_t>(kind)];
    return known.empty() || random.below(16) == 0 ? 0 : known[random.below(known.size())];
  }
  void clear() {
    for (auto& known : handles_) known.clear();
  }

 private:
  static constexpr size_t kMost = 16;
  std::array<std::vector<uint64_t>, static_cast<size_t>(Kind::count_)> handles_;
};

uint64_t number(const Worker& worker, test::Random& random) {
  constexpr uint64_t kEdges[] = {0, 1, 2, 3, 4, 16, 255, 4096, 1 << 16, 1u << 31, ~0u, 1ull << 40, 1ull << 63, ~0ull};
  const uint64_t address = worker.known[6];
  switch (random.below(4)) {
    case 0: return random.below(16);
    case 1: return kEdges[random.below(std::size(kEdges))];
    case 2: return address + random.below(4097);
    default: return random.below(4097);
  }
}

// Counts keep what the arrays have room for, selectors what a value is as long as.
bool counts(const Call& call, int argument) {
  return std::any_of(call.param, call.param + call.argc, [&](const Param& param) {
    return (test::has_elements(param.role) || test::is_sized(param.role)) && param.count_arg == argument;
  });
}

void choose_value(const Worker& worker, const Pool& pool, const Param& param, std::vector<std::byte>& cell,
                  test::Random& random) {
  if (param.role != Role::value && param.role != Role::handle && param.role != Role::drop) return;
  const uint64_t value = param.role == Role::value ? number(worker, random) : pool.any(param.kind, random);
  std::memcpy(cell.data(), &value, std::min<size_t>(sizeof value, param.size));
}

void choose_words(const Worker& worker, const Pool& pool, const Param& param, std::vector<std::byte>& buffer,
                  test::Random& random) {
  if (param.role != Role::reads && param.role != Role::copies && param.role != Role::inout) return;
  const bool handles = param.kind != Kind::none && param.role == Role::reads;
  for (size_t at = 0; at + sizeof(uint64_t) <= buffer.size(); at += sizeof(uint64_t)) {
    const uint64_t word = handles ? pool.any(param.kind, random) : number(worker, random);
    std::memcpy(buffer.data() + at, &word, sizeof word);
  }
}

void choose(const Worker& worker, const Pool& pool, const Call& call, test::RowArguments& arguments,
            test::Random& random) {
  for (int i = 0; i < call.argc; ++i) {
    if (counts(call, i)) continue;
    choose_value(worker, pool, call.param[i], arguments.cell(i), random);
    choose_words(worker, pool, call.param[i], arguments.buffer(i), random);
  }
}

void run(Worker& worker, Pool& pool, const Call& call, uint64_t seed) {
  test::Random random(seed);
  test::RowArguments arguments(call, random, random.below(8) == 0 ? static_cast<uint32_t>(random.next()) : 0);
  choose(worker, pool, call, arguments, random);
  std::vector<std::byte> request;
  codec::Writer writer(request);
  if (!codec::encode_request(call, arguments.argv(), writer)) return;
  const auto reply = worker.run(call.opcode, std::move(request), worker.known[0]);
  codec::Reader reader(reply);
  if (!reply.empty()) static_cast<void>(codec::decode_reply(call, reader, arguments.argv(), pool));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static Worker& worker = *new Worker;  // its driver's threads run until the end
  static Pool& pool = *new Pool;
  static const std::vector<const Call*> calls = row_calls();
  static int inputs = 0;
  if (inputs++ % 2 == 0) {
    worker.prepare();
    pool.clear();
    for (const uint64_t handle : worker.known) pool.add(handle);
  }
  uint64_t seed = 0;
  for (; size >= 3; data += 3, size -= 3) {
    seed = seed * 31 + data[2];
    run(worker, pool, *calls[static_cast<size_t>(data[0] | data[1] << 8) % calls.size()], seed);
  }
  return 0;
}
