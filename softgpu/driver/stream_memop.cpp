// SPDX-License-Identifier: Apache-2.0
// Stream memory operations: cuStreamWriteValue*, cuStreamWaitValue*, cuStreamBatchMemOp, in both versions.
#include <atomic>
#include <ctime>

#include "softgpu/driver/address_space.h"
#include "softgpu/driver/context.h"
#include "softgpu/driver/operations.h"
#include "softgpu/driver/process.h"

namespace vgpu::soft {
namespace {

using Parameters = CUstreamBatchMemOpParams;

constexpr unsigned kWaitKinds = 3;  // GEQ, EQ, AND, NOR: the low bits of the flags

bool is_64_bit(CUstreamBatchMemOpType type) {
  return type == CU_STREAM_MEM_OP_WAIT_VALUE_64 || type == CU_STREAM_MEM_OP_WRITE_VALUE_64;
}

CUresult check_target(uint64_t address, size_t size) {
  if (address % size != 0) return CUDA_ERROR_INVALID_VALUE;
  return Process::get()->memory().check_range(address, size, false);
}

CUresult validate(const Parameters& operation) {
  const size_t size = is_64_bit(operation.operation) ? 8 : 4;
  switch (operation.operation) {
    case CU_STREAM_MEM_OP_WAIT_VALUE_32:
    case CU_STREAM_MEM_OP_WAIT_VALUE_64:
      if ((operation.waitValue.flags & ~(kWaitKinds | CU_STREAM_WAIT_VALUE_FLUSH)) != 0)
        return CUDA_ERROR_INVALID_VALUE;
      return check_target(operation.waitValue.address, size);
    case CU_STREAM_MEM_OP_WRITE_VALUE_32:
    case CU_STREAM_MEM_OP_WRITE_VALUE_64:
      if ((operation.writeValue.flags & ~unsigned{CU_STREAM_WRITE_VALUE_NO_MEMORY_BARRIER}) != 0)
        return CUDA_ERROR_INVALID_VALUE;
      return check_target(operation.writeValue.address, size);
    case CU_STREAM_MEM_OP_FLUSH_REMOTE_WRITES:
      return operation.flushRemoteWrites.flags == 0 ? CUDA_SUCCESS : CUDA_ERROR_INVALID_VALUE;
    case CU_STREAM_MEM_OP_BARRIER:
      return operation.memoryBarrier.flags <= CU_STREAM_MEMORY_BARRIER_TYPE_GPU ? CUDA_SUCCESS
                                                                                : CUDA_ERROR_INVALID_VALUE;
    default: return CUDA_ERROR_INVALID_VALUE;
  }
}

// cuda.h, CUstreamWaitValue_flags; GEQ compares cyclically.
template <class T>
bool is_met(T present, T wanted, unsigned kind) {
  switch (kind) {
    case CU_STREAM_WAIT_VALUE_GEQ: return static_cast<std::make_signed_t<T>>(present - wanted) >= 0;
    case CU_STREAM_WAIT_VALUE_EQ: return present == wanted;
    case CU_STREAM_WAIT_VALUE_AND: return (present & wanted) != 0;
    default: return static_cast<T>(~(present | wanted)) != 0;
  }
}

template <class T>
void wait_for_value(const Context& context, uint64_t address, T wanted, unsigned kind) {
  // SAFETY: the range was checked, and freeing it waits for this stream.
  const std::atomic_ref<T> at(*reinterpret_cast<T*>(address));
  // Whoever writes the value cannot wake this thread: look often at first, then ever more rarely.
  long pause_ns = 1000;
  constexpr long kLongestPause = 200'000;
  for (unsigned look = 0; !is_met(at.load(std::memory_order_acquire), wanted, kind); ++look) {
    if (context.error() != CUDA_SUCCESS) return;
    if (look < 64) continue;
    const timespec pause{0, pause_ns};
    nanosleep(&pause, nullptr);
    if (pause_ns < kLongestPause) pause_ns *= 2;
  }
}

template <class T>
void write_value(uint64_t address, T value) {
  const std::shared_lock writes(Process::get()->memory().writers());
  std::atomic_ref<T>(*reinterpret_cast<T*>(address)).store(value, std::memory_order_release);
}

CUresult enqueue(CUstream handle, const Parameters* operations, unsigned count) {
  const Ref<Stream> stream = TRY(find_stream(handle));
  return stream->enqueue(TRY(MemOpOperation::create(operations, count)));
}

CUresult wait_value(CUstream stream, CUstreamBatchMemOpType type, CUdeviceptr address, uint64_t value, unsigned flags) {
  Parameters operation{};
  operation.waitValue.operation = type;
  operation.waitValue.address = address;
  operation.waitValue.value64 = value;
  operation.waitValue.flags = flags;
  return enqueue(stream, &operation, 1);
}

CUresult write_value(CUstream stream, CUstreamBatchMemOpType type, CUdeviceptr address, uint64_t value,
                     unsigned flags) {
  Parameters operation{};
  operation.writeValue.operation = type;
  operation.writeValue.address = address;
  operation.writeValue.value64 = value;
  operation.writeValue.flags = flags;
  return enqueue(stream, &operation, 1);
}

CUresult batch(CUstream stream, unsigned count, const Parameters* operations, unsigned flags) {
  constexpr unsigned kMost = 256;  // cuda.h: cuStreamBatchMemOp
  if (flags != 0 || count > kMost || (count > 0 && operations == nullptr)) return CUDA_ERROR_INVALID_VALUE;
  return enqueue(stream, operations, count);
}

// The calls of the first ABI cannot be captured.
CUresult refuse_first_abi_in_capture(CUstream handle) {
  const Ref<Stream> stream = TRY(find_stream(handle));
  return stream->refuse_in_capture();
}

}  // namespace

CuResult<Ref<MemOpOperation>> MemOpOperation::create(const CUstreamBatchMemOpParams* operations, unsigned count) {
  Ref<MemOpOperation> result(new MemOpOperation);
  for (unsigned i = 0; i < count; ++i) {
    if (const CUresult status = validate(operations[i]); status != CUDA_SUCCESS) return status;
    result->operations_.push_back(operations[i]);
  }
  return result;
}

CUresult MemOpOperation::run(Context& context) {
  for (const Parameters& operation : operations_) {
    VGPU_CHECK(validate(operation));
    const auto& wait = operation.waitValue;
    const auto& write = operation.writeValue;
    switch (operation.operation) {
      case CU_STREAM_MEM_OP_WAIT_VALUE_32:
        wait_for_value<uint32_t>(context, wait.address, wait.value, wait.flags & kWaitKinds);
        break;
      case CU_STREAM_MEM_OP_WAIT_VALUE_64:
        wait_for_value<uint64_t>(context, wait.address, wait.value64, wait.flags & kWaitKinds);
        break;
      case CU_STREAM_MEM_OP_WRITE_VALUE_32: write_value<uint32_t>(write.address, write.value); break;
      case CU_STREAM_MEM_OP_WRITE_VALUE_64: write_value<uint64_t>(write.address, write.value64); break;
      // Earlier work is ordered before the release stores above as it is: there is no remote memory.
      case CU_STREAM_MEM_OP_FLUSH_REMOTE_WRITES:
      case CU_STREAM_MEM_OP_BARRIER: break;
    }
  }
  return CUDA_SUCCESS;
}

}  // namespace vgpu::soft

using namespace vgpu::soft;

extern "C" {

CUresult cuStreamWaitValue32_v2(CUstream stream, CUdeviceptr addr, cuuint32_t value, unsigned int flags) {
  return wait_value(stream, CU_STREAM_MEM_OP_WAIT_VALUE_32, addr, value, flags);
}
CUresult cuStreamWaitValue64_v2(CUstream stream, CUdeviceptr addr, cuuint64_t value, unsigned int flags) {
  return wait_value(stream, CU_STREAM_MEM_OP_WAIT_VALUE_64, addr, value, flags);
}
CUresult cuStreamWriteValue32_v2(CUstream stream, CUdeviceptr addr, cuuint32_t value, unsigned int flags) {
  return write_value(stream, CU_STREAM_MEM_OP_WRITE_VALUE_32, addr, value, flags);
}
CUresult cuStreamWriteValue64_v2(CUstream stream, CUdeviceptr addr, cuuint64_t value, unsigned int flags) {
  return write_value(stream, CU_STREAM_MEM_OP_WRITE_VALUE_64, addr, value, flags);
}
CUresult cuStreamBatchMemOp_v2(CUstream stream, unsigned int count, CUstreamBatchMemOpParams* paramArray,
                               unsigned int flags) {
  return batch(stream, count, paramArray, flags);
}

// The first versions differ only in the rules for old hardware.
CUresult cuStreamWaitValue32(CUstream stream, CUdeviceptr addr, cuuint32_t value, unsigned int flags) {
  VGPU_CHECK(refuse_first_abi_in_capture(stream));
  return wait_value(stream, CU_STREAM_MEM_OP_WAIT_VALUE_32, addr, value, flags);
}
CUresult cuStreamWaitValue64(CUstream stream, CUdeviceptr addr, cuuint64_t value, unsigned int flags) {
  VGPU_CHECK(refuse_first_abi_in_capture(stream));
  return wait_value(stream, CU_STREAM_MEM_OP_WAIT_VALUE_64, addr, value, flags);
}
CUresult cuStreamWriteValue32(CUstream stream, CUdeviceptr addr, cuuint32_t value, unsigned int flags) {
  VGPU_CHECK(refuse_first_abi_in_capture(stream));
  return write_value(stream, CU_STREAM_MEM_OP_WRITE_VALUE_32, addr, value, flags);
}
CUresult cuStreamWriteValue64(CUstream stream, CUdeviceptr addr, cuuint64_t value, unsigned int flags) {
  VGPU_CHECK(refuse_first_abi_in_capture(stream));
  return write_value(stream, CU_STREAM_MEM_OP_WRITE_VALUE_64, addr, value, flags);
}
CUresult cuStreamBatchMemOp(CUstream stream, unsigned int count, CUstreamBatchMemOpParams* paramArray,
                            unsigned int flags) {
  VGPU_CHECK(refuse_first_abi_in_capture(stream));
  return batch(stream, count, paramArray, flags);
}

}  // extern "C"
