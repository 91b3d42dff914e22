// SPDX-License-Identifier: Apache-2.0
// A software GPU without a driver, for unit tests: PTX text in, kernels run on buffers of the test. One per test.
#pragma once

#include <cstdint>
#include <cstdlib>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "softgpu/machine/machine.h"

namespace vgpu::soft::test {

// Module variables and in-kernel malloc, both from the process's heap.
class TestStorage : public Storage {
 public:
  explicit TestStorage(MemoryMap& map) : map_(map) {}
  Result<uint64_t, CUresult> allocate(size_t size, size_t, Kind kind) override {
    const uint64_t address = reinterpret_cast<uint64_t>(std::aligned_alloc(256, (size + 255) / 256 * 256));
    map_.add(address, size, kind != Kind::constant);
    return address;
  }
  void release(uint64_t address) override {
    map_.remove(address);
    std::free(reinterpret_cast<void*>(address));
  }

 private:
  MemoryMap& map_;
};

class TestHeap : public DeviceHeap {
 public:
  explicit TestHeap(MemoryMap& map) : map_(map) {}
  uint64_t allocate(size_t size) override {
    const uint64_t address = reinterpret_cast<uint64_t>(std::malloc(size));
    map_.add(address, size, true);
    return address;
  }
  bool release(uint64_t address) override {
    if (!map_.remove(address)) return false;
    std::free(reinterpret_cast<void*>(address));
    return true;
  }

 private:
  MemoryMap& map_;
};

class TestOutput : public OutputSink {
 public:
  void write(std::string_view text) override {
    std::lock_guard lock(mutex_);
    text_ += text;
  }
  const std::string& text() const { return text_; }

 private:
  std::mutex mutex_;
  std::string text_;  // guarded by mutex_ while kernels run
};

class SoftMachine {
 public:
  explicit SoftMachine(unsigned threads = 2)
      : storage_(map_), heap_(map_), machine_(std::move(Machine::create(map_, threads)).value()) {}

  // The log of what was refused, empty on success.
  std::string load(std::string_view body, std::string_view header = ".version 7.8\n.target sm_75\n.address_size 64\n") {
    auto program = Program::load(std::string(header) + std::string(body), storage_, LoadOptions{});
    if (!program.ok()) return program.error().log;
    program_ = std::move(program).value();
    return "";
  }

  // A buffer that kernels may touch until the test ends.
  template <class T>
  std::vector<T>& buffer(size_t count, T value = T{}, bool writable = true) {
    auto owned = std::make_shared<std::vector<T>>(count, value);
    buffers_.push_back(owned);
    map_.add(reinterpret_cast<uint64_t>(owned->data()), count * sizeof(T), writable);
    return *owned;
  }

  // Runs kernel `test`, whose parameters are 64-bit each. CUDA_SUCCESS, or the fault's code; its text is message().
  CUresult run(Dim3 grid, Dim3 block, std::vector<uint64_t> parameters, uint32_t dynamic_shared = 0,
               bool cooperative = false) {
    auto kernel = program_->get_kernel("test");
    if (!kernel.ok()) {
      message_ = kernel.error().log;
      return kernel.error().code;
    }
    Launch launch;
    launch.kernel = kernel.value();
    launch.grid = grid;
    launch.block = block;
    launch.dynamic_shared_bytes = dynamic_shared;
    launch.parameters = std::as_bytes(std::span<const uint64_t>(parameters));
    launch.cooperative = cooperative;
    Environment environment{output_, heap_};
    environment.call_stack_bytes = call_stack_bytes;
    auto result = machine_->run(launch, environment);
    if (result.ok()) return CUDA_SUCCESS;
    message_ = result.error().message;
    return result.error().code;
  }

  uint32_t call_stack_bytes = 1024;

  Program& program() { return *program_; }
  const std::string& message() const { return message_; }
  const std::string& output() const { return output_.text(); }

 private:
  MemoryMap map_;
  TestStorage storage_;
  TestHeap heap_;
  TestOutput output_;
  std::string message_;
  std::vector<std::shared_ptr<void>> buffers_;
  std::unique_ptr<Machine> machine_;
  std::unique_ptr<Program> program_;
};

template <class T>
uint64_t address_of(const std::vector<T>& buffer) {
  return reinterpret_cast<uint64_t>(buffer.data());
}

}  // namespace vgpu::soft::test
