// SPDX-License-Identifier: Apache-2.0
// Machine: runs kernels. Blocks of a grid run on a pool of threads, a warp at a time. The driver makes one per device
// and calls run() from its stream threads. run() is safe from several threads at once: concurrent kernels share the
// pool fairly. Pool threads sleep while nothing runs.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include <cuda.h>

#include "common/result.h"
#include "softgpu/machine/memory_map.h"
#include "softgpu/machine/program.h"

namespace vgpu::soft {

struct Dim3 {
  uint32_t x = 1, y = 1, z = 1;
};

// Of a cluster, in blocks; CUDA promises 8.
inline constexpr uint32_t kMaxClusterSize = 16;

struct Launch {
  const Kernel* kernel = nullptr;
  Dim3 grid, block, cluster;
  uint32_t dynamic_shared_bytes = 0;
  std::span<const std::byte> parameters;  // laid out as Kernel::parameters() says; read during run() only
  bool cooperative = false;               // all blocks make progress, so that grid.sync() works
};

// Why a launch ended early. Codes: CUDA_ERROR_ILLEGAL_ADDRESS, MISALIGNED_ADDRESS, ASSERT, ILLEGAL_INSTRUCTION,
// HARDWARE_STACK_ERROR, LAUNCH_FAILED (trap), LAUNCH_TIMEOUT (threads wait for each other for ever), INVALID_PC,
// INVALID_ADDRESS_SPACE, LAUNCH_OUT_OF_RESOURCES, INVALID_VALUE, INVALID_CLUSTER_SIZE, OUT_OF_MEMORY. The message is
// one line for a log: kernel, block, thread, PTX line, address.
struct Fault {
  CUresult code = CUDA_ERROR_LAUNCH_FAILED;
  std::string message;
};

// Takes the output of device printf and assert: whole formatted texts, as the kernel's calls make them. Called from
// pool threads, several at once.
class OutputSink {
 public:
  virtual ~OutputSink() = default;
  virtual void write(std::string_view text) = 0;
};

// In-kernel malloc and free. What it returns is in the MemoryMap; 0 when there is no memory. `release` is false for an
// address that it did not return. Called from pool threads, several at once.
class DeviceHeap {
 public:
  virtual ~DeviceHeap() = default;
  virtual uint64_t allocate(size_t size) = 0;
  virtual bool release(uint64_t address) = 0;
};

// Conditions of graphs, which kernels set by their handles. False when there is no such handle. Any thread.
class ConditionSink {
 public:
  virtual ~ConditionSink() = default;
  virtual bool set(uint64_t handle, unsigned value) = 0;
};

// What kernels may ask about devices and the runtime's errors. Any thread.
class DeviceFacts {
 public:
  virtual ~DeviceFacts() = default;
  virtual int ordinal() const = 0;
  virtual int count() const = 0;
  // `device` is below count(). Nothing for numbers that are no attribute's.
  virtual std::optional<int> attribute(int device, int number) const = 0;
  // Of a kernel on this device, by the numbers of CUfunction_attribute.
  virtual std::optional<int> function_attribute(const Kernel& kernel, int number) const = 0;
  // How many blocks of a kernel a multiprocessor of this device holds.
  virtual int occupancy(const Kernel& kernel, int threads, size_t dynamic_shared) const = 0;
  // Where the texts lie for the kernels of this device to read.
  virtual uint64_t error_name(int code) const = 0;
  virtual uint64_t error_text(int code) const = 0;
};

// The limits of the context that a grid runs in, by the numbers of CUlimit. Nothing for numbers that are no limit's.
// Any thread.
class ContextLimits {
 public:
  virtual ~ContextLimits() = default;
  virtual std::optional<uint64_t> limit(int number) const = 0;
};

class TextureMap;

struct Environment {
  OutputSink& output;
  DeviceHeap& heap;
  uint64_t grid_id = 1;              // %gridid
  uint32_t call_stack_bytes = 1024;  // CU_LIMIT_STACK_SIZE: local memory per thread for recursion and indirect calls
  const TextureMap* textures = nullptr;  // outlives the run; nullptr: the device has none
  ConditionSink* conditions = nullptr;
  const DeviceFacts* facts = nullptr;
  const ContextLimits* limits = nullptr;
};

class Machine {
 public:
  // `threads`: size of the pool, at least 1. The map must outlive the machine. Fails with CUDA_ERROR_OUT_OF_MEMORY or
  // CUDA_ERROR_OPERATING_SYSTEM when threads cannot be started.
  static Result<std::unique_ptr<Machine>, CUresult> create(MemoryMap& map, unsigned threads);
  ~Machine();

  // Returns when all blocks are done, or promptly after the first fault in any of them. The limits of the device
  // (threads per block, shared memory) are the driver's to check; what the machine cannot hold is a Fault.
  Result<void, Fault> run(const Launch& launch, const Environment& environment);

  unsigned threads() const;  // also %nsmid

 private:
  class Pool;
  explicit Machine(std::unique_ptr<Pool> pool);
  std::unique_ptr<Pool> pool_;
};

}  // namespace vgpu::soft
