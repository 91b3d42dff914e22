// SPDX-License-Identifier: Apache-2.0
// The other process of the tests of sharing.
#include "tests/contract/peer.h"

#include <optional>

#include "tests/contract/kernels.h"

namespace {

template <class Handle, class Bytes>
Handle handle_in(const Bytes& bytes) {
  Handle handle;
  static_assert(sizeof handle == sizeof bytes);
  std::memcpy(&handle, bytes.data(), sizeof handle);
  return handle;
}

class Server {
 public:
  // False when the test is done with it.
  bool serve_one() {
    PeerRequest request;
    int received = -1, sent = -1;
    if (!receive_from_peer(kPeerSocket, request, received)) return false;
    PeerAnswer answer;
    answer.result = request.ask < Ask::open_event ? on_memory(request, received, answer, sent)
                                                  : on_order(request, received, answer);
    if (received >= 0) close(received);
    const bool delivered = send_to_peer(kPeerSocket, answer, sent);
    if (sent >= 0) close(sent);
    return delivered;
  }

 private:
  struct Made {
    CUmemGenericAllocationHandle handle;
    CUdeviceptr address;
    size_t bytes;
  };

  CUresult on_memory(const PeerRequest& request, int received, PeerAnswer& answer, int& sent) {
    switch (request.ask) {
      case Ask::open_memory:
        return cuIpcOpenMemHandle(reinterpret_cast<CUdeviceptr*>(&answer.value),
                                  handle_in<CUipcMemHandle>(request.bytes), CU_IPC_MEM_LAZY_ENABLE_PEER_ACCESS);
      case Ask::close_memory: return cuIpcCloseMemHandle(request.a);
      case Ask::allocate: return allocate(request.a, answer);
      case Ask::free: return cuMemFree(request.a);
      case Ask::fill: return fill(request);
      case Ask::read: return cuMemcpyDtoH(&answer.value, request.a, sizeof(unsigned));
      case Ask::import_memory: return import(received, request.a, answer.value);
      case Ask::create_memory: return create(request, answer.value, sent);
      case Ask::drop_memory: return drop();
      default: return CUDA_ERROR_UNKNOWN;
    }
  }

  CUresult on_order(const PeerRequest& request, int received, PeerAnswer& answer) {
    const auto event = reinterpret_cast<CUevent>(request.a);
    switch (request.ask) {
      case Ask::open_event:
        return cuIpcOpenEventHandle(reinterpret_cast<CUevent*>(&answer.value),
                                    handle_in<CUipcEventHandle>(request.bytes));
      case Ask::query_event: return cuEventQuery(event);
      case Ask::wait_for_event: return cuEventSynchronize(event);
      case Ask::hold: gate_.emplace(stream_); return cuEventRecord(event, stream_);
      case Ask::let_go: gate_->open(); return cuStreamSynchronize(stream_);
      case Ask::import_pool:
        return cuMemPoolImportFromShareableHandle(reinterpret_cast<CUmemoryPool*>(&answer.value),
                                                  reinterpret_cast<void*>(static_cast<intptr_t>(received)),
                                                  CU_MEM_HANDLE_TYPE_POSIX_FILE_DESCRIPTOR, 0);
      case Ask::import_pointer: {
        auto data = handle_in<CUmemPoolPtrExportData>(request.bytes);
        return cuMemPoolImportPointer(reinterpret_cast<CUdeviceptr*>(&answer.value),
                                      reinterpret_cast<CUmemoryPool>(request.a), &data);
      }
      default: return CUDA_ERROR_UNKNOWN;
    }
  }

  static CUresult allocate(size_t words, PeerAnswer& answer) {
    CUdeviceptr address = 0;
    CUipcMemHandle handle = {};
    CUresult status = cuMemAlloc(&address, words * sizeof(unsigned));
    if (status == CUDA_SUCCESS) status = cuIpcGetMemHandle(&handle, address);
    std::memcpy(answer.bytes.data(), &handle, sizeof handle);
    answer.value = address;
    return status;
  }

  CUresult fill(const PeerRequest& request) {
    const auto words = static_cast<unsigned>(request.c);
    const CUresult status = launch(module_.function("fill"), (words + 127) / 128, 128, stream_, request.a,
                                   static_cast<unsigned>(request.b), words);
    return status == CUDA_SUCCESS ? cuStreamSynchronize(stream_) : status;
  }

  CUresult import(int descriptor, size_t bytes, uint64_t& address) {
    CUmemGenericAllocationHandle handle = 0;
    const CUresult status = cuMemImportFromShareableHandle(
        &handle, reinterpret_cast<void*>(static_cast<intptr_t>(descriptor)), CU_MEM_HANDLE_TYPE_POSIX_FILE_DESCRIPTOR);
    return status == CUDA_SUCCESS ? map(handle, bytes, address) : status;
  }

  CUresult create(const PeerRequest& request, uint64_t& address, int& sent) {
    const CUmemAllocationProp properties = shareable_memory(0);
    CUmemGenericAllocationHandle handle = 0;
    CUresult status = cuMemCreate(&handle, request.a, &properties, 0);
    if (status == CUDA_SUCCESS) status = map(handle, request.a, address);
    if (status == CUDA_SUCCESS) status = cuMemsetD32(address, static_cast<unsigned>(request.b), request.a / 4);
    if (status == CUDA_SUCCESS) status = cuCtxSynchronize();
    if (status != CUDA_SUCCESS) return status;
    return cuMemExportToShareableHandle(&sent, handle, CU_MEM_HANDLE_TYPE_POSIX_FILE_DESCRIPTOR, 0);
  }

  CUresult map(CUmemGenericAllocationHandle handle, size_t bytes, uint64_t& address) {
    CUdeviceptr mapped = 0;
    const CUresult status = map_memory(handle, bytes, mapped);
    made_.push_back({handle, mapped, bytes});
    address = mapped;
    return status;
  }

  CUresult drop() {
    CUresult status = CUDA_SUCCESS;
    for (const Made& made : made_) {
      if (status == CUDA_SUCCESS) status = cuMemUnmap(made.address, made.bytes);
      if (status == CUDA_SUCCESS) status = cuMemRelease(made.handle);
      if (status == CUDA_SUCCESS) status = cuMemAddressFree(made.address, made.bytes);
    }
    made_.clear();
    return status;
  }

  Module module_{kBasicPtx};
  Stream stream_;
  std::optional<Gate> gate_;
  std::vector<Made> made_;
};

}  // namespace

TEST_CASE_METHOD(Gpu, "child: does what the test asks for", "[.][child-peer]") {
  Server server;
  while (server.serve_one()) {
  }
  SUCCEED("the test has ended");
}
