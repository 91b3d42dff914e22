// SPDX-License-Identifier: Apache-2.0
// A worker without a process, for fuzzers: commands are carried out on the software GPU, whose library VGPU_FUZZ_DRIVER
// names (default: build/lib/libcuda-soft.so.1). What it exports it can claim by tokens that can be guessed. One thread.
#pragma once

#include <fcntl.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>

#include "host/worker/session.h"
#include "tests/contract/kernels.h"
#include "vgpu/hand_wire.h"

namespace vgpu::fuzz {

using namespace vgpu::host;

namespace op = vgpu::api::opcode;

class Budget final : public MemoryBudget {
 public:
  bool reserve(uint64_t bytes) override { return bytes <= (1 << 20); }
  void release(uint64_t) override {}
  uint64_t limit() const override { return 64 << 20; }
  uint64_t used() const override { return 0; }
};

class NothingShared final : public SharedRanges {
 public:
  bool contains(uint64_t, uint64_t) const override { return false; }
  void permit_adoption(uint64_t, uint64_t) override {}
};

// What the session has exported lately, by tokens that can be guessed.
class LatestExports final : public ObjectBroker {
 public:
  int offer(wire::SharedObject& object, int file) override {
    object.token = {{++count_ % kKept, 0}};
    Kept& place = kept_[object.token.word[0]];
    place.object = object;
    place.file.reset(file >= 0 ? ::fcntl(file, F_DUPFD_CLOEXEC, 3) : -1);
    return 0;
  }
  int claim(wire::SharedObject& object, UniqueFd& file) override {
    const Kept& place = kept_[object.token.word[0] % kKept];
    if (place.object.kind != object.kind) return ENOENT;
    object = place.object;
    if (place.file) file.reset(::fcntl(place.file.get(), F_DUPFD_CLOEXEC, 3));
    return 0;
  }
  void withdraw(const wire::Token&) override {}

 private:
  static constexpr uint64_t kKept = 8;
  struct Kept {
    wire::SharedObject object = {};
    UniqueFd file;
  };
  uint64_t count_ = 0;
  Kept kept_[kKept];
};

[[noreturn]] inline void die(const std::string& why) {
  std::fprintf(stderr, "%s\n", why.c_str());
  std::exit(1);
}

struct Worker {
  Budget budget;
  NothingShared ranges;
  LatestExports broker;
  WorkerConfig config;
  UniqueFd memory_file = create_memory_file("vgpu-fuzz", ring::kTotalBytes).value();
  std::unique_ptr<Session> session;
  std::vector<uint64_t> known;  // handles and addresses that payloads may name

  Worker() {
    const char* path = std::getenv("VGPU_FUZZ_DRIVER");
    auto driver = Driver::open(path != nullptr ? path : "build/lib/libcuda-soft.so.1");
    if (!driver.ok()) die(driver.error().message);
    auto memory = SessionMemory::map(memory_file.get());
    session = std::make_unique<Session>(config, std::move(driver).value(),
                                        Attachment{std::move(memory).value(), Waker::local()}, budget, ranges, broker, nullptr);
    // Host functions do not wait for a guest that is not there.
    session->callbacks.close();
  }

  std::vector<std::byte> run(uint16_t opcode, std::vector<std::byte> payload, uint64_t context) {
    CommandCopy command;
    command.opcode = opcode;
    command.thread = 1;
    command.context = context;
    command.payload = std::move(payload);
    std::vector<std::byte> reply;
    Invocation invocation(*session, command, reply);
    execute(invocation);
    return reply;
  }

  template <class... T>
  uint64_t made(uint16_t opcode, const T&... values) {
    std::vector<std::byte> payload;
    codec::Writer writer(payload);
    (writer.put(values), ...);
    const auto reply = run(opcode, payload, handle::primary_context(0));
    return codec::Reader(reply).get<uint64_t>();
  }

  // A fresh context with something of everything in it.
  void prepare() {
    const uint64_t context = handle::primary_context(0);
    static_cast<void>(made(op::cuDevicePrimaryCtxReset_v2, int32_t{0}));
    static_cast<void>(made(op::cuDevicePrimaryCtxRetain, int32_t{0}));
    std::vector<std::byte> image;
    codec::Writer writer(image);
    writer.put(uint32_t{0});
    writer.string(std::string_view(contract::kBasicPtx));
    writer.put(uint32_t{0});
    const auto loaded = run(op::cuModuleLoadDataEx, image, context);
    const uint64_t module = codec::Reader(loaded).get<uint64_t>();
    std::vector<std::byte> name;
    codec::Writer function_name(name);
    function_name.put(uint8_t{1});
    function_name.put(module);
    function_name.put(uint8_t{1});
    function_name.string("fill");
    const auto found = run(op::cuModuleGetFunction, name, context);
    const uint64_t graph = made(op::cuGraphCreate, uint8_t{1}, uint32_t{0});
    known = {context,
             module,
             codec::Reader(found).get<uint64_t>(),
             made(op::cuStreamCreate, uint8_t{1}, uint32_t{0}),
             graph,
             made(op::cuGraphAddEmptyNode, uint8_t{1}, graph, uint8_t{0}, uint64_t{0}),
             made(op::cuMemAlloc_v2, uint8_t{1}, uint64_t{4096}),
             made(op::cuEventCreate, uint8_t{1}, uint32_t{0})};
  }
};

}  // namespace vgpu::fuzz
