// SPDX-License-Identifier: Apache-2.0
// A second process of this binary that does CUDA calls on request, for tests of what processes share. It runs the
// hidden case of peer.tests.cpp; requests and answers are datagrams, which may carry a descriptor. Answers hold
// results; judging them is the test's business.
#pragma once

#include <sys/socket.h>

#include <array>

#include "common/attached_files.h"
#include "tests/contract/child.h"
#include "tests/contract/fixture.h"

namespace contract {

enum class Ask : int {
  open_memory,     // bytes: IPC handle; value: address
  close_memory,    // a: address
  allocate,        // a: words; value: address; bytes: IPC handle
  free,            // a: address
  fill,            // a: address, b: value, c: words
  read,            // a: address; value: the word there
  import_memory,   // descriptor, a: bytes; maps it; value: address. The peer's descriptor is closed then
  create_memory,   // a: bytes, b: value; value: address; descriptor: its export
  drop_memory,     // takes back all that the two above have made but the descriptors
  open_event,      // bytes: IPC handle; value: the event
  query_event,     // a: event
  wait_for_event,  // a: event
  hold,            // holds a stream back, and records the event `a` behind that
  let_go,          // ends that
  import_pool,     // descriptor; value: the pool
  import_pointer,  // a: pool; bytes: export data; value: address
};

struct PeerRequest {
  Ask ask{};
  uint64_t a = 0, b = 0, c = 0;
  std::array<unsigned char, 64> bytes{};
};

struct PeerAnswer {
  CUresult result = CUDA_ERROR_UNKNOWN;
  uint64_t value = 0;
  std::array<unsigned char, 64> bytes{};
};

constexpr int kPeerSocket = 60;  // the peer's descriptor

// One message with perhaps a descriptor. False when the other side is gone.
template <class T>
bool send_to_peer(int socket, const T& message, int descriptor = -1) {
  const std::span<const int> files(&descriptor, descriptor >= 0 ? 1 : 0);
  return vgpu::send_with_files(socket, &message, sizeof message, files, 0) == ssize_t{sizeof message};
}

template <class T>
bool receive_from_peer(int socket, T& message, int& descriptor) {
  vgpu::UniqueFd files[vgpu::kMaxAttachedFiles];
  const vgpu::Arrival arrival = vgpu::receive_with_files(socket, &message, sizeof message, files, 0);
  descriptor = files[0].release();
  return arrival.size == ssize_t{sizeof message};
}

class Peer {
 public:
  Peer() {
    int pair[2] = {-1, -1};
    REQUIRE(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) == 0);
    socket_ = pair[0];
    timeval limit = {60, 0};
    setsockopt(socket_, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    start(pair[1]);
    close(pair[1]);
    REQUIRE(child_ > 0);
  }
  ~Peer() { end(); }
  Peer(const Peer&) = delete;
  Peer& operator=(const Peer&) = delete;

  // Does the call in the peer and waits for it. `descriptor` of the answer is the caller's.
  PeerAnswer ask(const PeerRequest& request, int sent = -1) {
    PeerAnswer answer;
    REQUIRE(send_to_peer(socket_, request, sent));
    REQUIRE(receive_from_peer(socket_, answer, descriptor));
    return answer;
  }

  // The peer ends as a process ends that has nothing more to do.
  void end() {
    if (child_ <= 0) return;
    close(socket_);
    wait_for(child_, std::chrono::seconds(30));
    child_ = -1;
  }

  // It ends in the middle of what it does.
  void kill() {
    REQUIRE(::kill(child_, SIGKILL) == 0);
    end();
  }

  int descriptor = -1;

 private:
  void start(int socket) {
    char self[4096] = "";
    REQUIRE(readlink("/proc/self/exe", self, sizeof self - 1) > 0);
    char filter[] = "[child-peer]";
    char* arguments[] = {self, filter, nullptr};
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, socket, kPeerSocket);
    posix_spawn_file_actions_addopen(&actions, 1, "/dev/null", O_WRONLY, 0);
    if (posix_spawn(&child_, self, &actions, nullptr, arguments, environ) != 0) child_ = -1;
    posix_spawn_file_actions_destroy(&actions);
  }

  int socket_ = -1;
  pid_t child_ = -1;
};

inline CUmemAllocationProp shareable_memory(CUdevice device) {
  CUmemAllocationProp properties = {};
  properties.type = CU_MEM_ALLOCATION_TYPE_PINNED;
  properties.location.type = CU_MEM_LOCATION_TYPE_DEVICE;
  properties.location.id = device;
  properties.requestedHandleTypes = CU_MEM_HANDLE_TYPE_POSIX_FILE_DESCRIPTOR;
  return properties;
}

// Maps memory at an address of its own, for device 0 to read and write.
inline CUresult map_memory(CUmemGenericAllocationHandle handle, size_t bytes, CUdeviceptr& address) {
  if (const CUresult status = cuMemAddressReserve(&address, bytes, 0, 0, 0); status != CUDA_SUCCESS) return status;
  if (const CUresult status = cuMemMap(address, bytes, 0, handle, 0); status != CUDA_SUCCESS) return status;
  CUmemAccessDesc access = {};
  access.location = {CU_MEM_LOCATION_TYPE_DEVICE, 0};
  access.flags = CU_MEM_ACCESS_FLAGS_PROT_READWRITE;
  return cuMemSetAccess(address, bytes, &access, 1);
}

// What CUDA hands out for other processes, as a request carries it.
template <class Handle>
std::array<unsigned char, 64> bytes_of(const Handle& handle) {
  std::array<unsigned char, 64> bytes;
  static_assert(sizeof handle == sizeof bytes);
  std::memcpy(bytes.data(), &handle, sizeof handle);
  return bytes;
}

// Setting memory of the device is asynchronous, and another process does not wait for it.
inline void set_words(CUdeviceptr address, unsigned value, size_t count) {
  REQUIRE_CUDA(cuMemsetD32(address, value, count));
  REQUIRE_CUDA(cuCtxSynchronize());
}

}  // namespace contract
