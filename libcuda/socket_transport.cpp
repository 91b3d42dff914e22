// SPDX-License-Identifier: Apache-2.0
// The transport for processes on the daemon's own machine: a SOCK_SEQPACKET connection for control messages, memory
// files for everything shared, an eventfd as doorbell, futexes on shared words for waiting.
#include "libcuda/socket_transport.h"

#include <poll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cstdlib>
#include <cstring>
#include <map>
#include <mutex>
#include <span>

#include "common/bits.h"
#include "common/control_socket.h"
#include "common/driver_variables.h"
#include "common/face/cuda_api.h"
#include "common/futex.h"
#include "libcuda/mapped_here.h"
#include "libcuda/page_swap.h"
#include "libcuda/shared_address.h"
#include "vgpu/wire.h"

namespace vgpu::guest {
namespace {

Result<void> send_message(int socket, const wire::ControlMessage& message, int fd = -1) {
  const std::span<const int> files(&fd, fd >= 0 ? 1 : 0);
  if (send_control(socket, message, files) != Delivery::sent) return Error::from_errno("cannot send to the daemon");
  return {};
}

Result<Incoming> receive_message(int socket) {
  Incoming incoming = receive_control(socket, 0);
  if (incoming.receipt == Receipt::message) return incoming;
  return Error{incoming.receipt == Receipt::closed ? "the daemon closed the connection"
                                                   : "the daemon sent what is no message"};
}

class SocketTransport final : public Transport {
 public:
  SocketTransport(UniqueFd socket, UniqueFd doorbell, SessionMemory memory)
      : socket_(std::move(socket)), doorbell_(std::move(doorbell)), memory_(std::move(memory)) {}

  const SessionMemory& memory() const override { return memory_; }

  void ring_doorbell() override {
    const uint64_t one = 1;
    static_cast<void>(!::write(doorbell_.get(), &one, sizeof one));
  }

  void wait(const std::atomic<uint32_t>& word, uint32_t seen, std::chrono::nanoseconds timeout) override {
    futex::wait(word, seen, timeout);
  }

  bool lost() override {
    pollfd connection = {socket_.get(), 0, 0};
    return ::poll(&connection, 1, 0) > 0 && (connection.revents & (POLLHUP | POLLERR | POLLNVAL)) != 0;
  }

  Result<void*> allocate_shared(size_t size) override {
    const std::lock_guard lock(mutex_);
    const UniqueFd file = TRY(create_memory_file("vgpu-pinned", size));
    void* address = TRY(addresses_.place(file.get(), size, 0));
    const Result<void> mapped = tell_worker(wire::Control::map, address, size, file.get());
    if (mapped.ok()) return address;
    ::munmap(address, size);
    return mapped.error();
  }

  Result<void> share_in_place(void* address, size_t size) override {
    const std::lock_guard lock(mutex_);
    const UniqueFd file = TRY(create_memory_file("vgpu-registered", size));
    Mapping view = TRY(Mapping::shared(file.get(), size));
    // Let the worker map the pages first: what it cannot map stays untouched here.
    TRY(tell_worker(wire::Control::map, address, size, file.get()));
    in_place_[bits_of(address)] = identity_of(file.get());
    return swap_pages(view, address);
  }

  Result<void> adopt(void* address, size_t size) override {
    const std::lock_guard lock(mutex_);
    const UniqueFd file = TRY(create_memory_file("vgpu-managed", size));
    const int protection = PROT_READ | PROT_WRITE;
    void* got = ::mmap(address, size, protection, MAP_SHARED | MAP_FIXED_NOREPLACE, file.get(), 0);
    if (got != address) return Error::from_errno("the address of a managed variable is in use here");
    Result<void> mapped = tell_worker(wire::Control::map, address, size, file.get(), kAdopt);
    if (!mapped.ok()) ::munmap(address, size);
    return mapped;
  }

  void release_shared(void* address, size_t size) override {
    const std::lock_guard lock(mutex_);
    static_cast<void>(tell_worker(wire::Control::unmap, address, size, -1).ok());
    ::munmap(address, size);
  }

  void forget_shared(void* address, size_t size) override {
    const std::lock_guard lock(mutex_);
    in_place_.erase(bits_of(address));
    static_cast<void>(tell_worker(wire::Control::unmap, address, size, -1).ok());
  }

  std::optional<bool> are_in_place(const void* address, size_t size) override {
    const std::lock_guard lock(mutex_);
    auto run = in_place_.upper_bound(bits_of(address));
    if (run == in_place_.begin()) return false;
    --run;
    return is_mapped_here(run->second, bits_of(address) - run->first, bits_of(address), size);
  }

  void unshare_in_place(void* address, size_t size) override {
    const std::lock_guard lock(mutex_);
    in_place_.erase(bits_of(address));
    static_cast<void>(tell_worker(wire::Control::unmap, address, size, -1).ok());
    void* copy = ::mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (copy == MAP_FAILED) return;  // The pages stay shared with nobody: still the program's memory.
    Mapping view(copy, size);
    static_cast<void>(swap_pages(view, address).ok());
  }

  // The daemon sees the other end being closed by itself.
  Result<UniqueFd> keep_export(const wire::Token& token, int lifeline) override {
    const std::lock_guard lock(mutex_);
    wire::ControlMessage message = {};
    message.type = wire::Control::keep;
    std::memcpy(message.text, &token, sizeof token);
    TRY(converse(message, lifeline, "the daemon cannot keep an export"));
    return UniqueFd();
  }

 private:
  Result<void> tell_worker(wire::Control type, const void* address, size_t size, int file, int how = 0) {
    wire::ControlMessage message = {};
    message.type = type;
    message.result = how;
    message.address = bits_of(address);
    message.size = size;
    return converse(message, file, "the worker cannot map shared memory");
  }

  Result<void> converse(wire::ControlMessage& message, int file, const char* failure) {
    message.id = ++last_id_;
    TRY(send_message(socket_.get(), message, file));
    for (;;) {
      const Incoming answer = TRY(receive_message(socket_.get()));
      if (answer.message.type != wire::Control::done || answer.message.id != message.id) continue;
      if (answer.message.result == 0) return {};
      return Error::from_errno(failure, answer.message.result);
    }
  }

  static constexpr int kAdopt = 1;  // wire::Control::map

  const UniqueFd socket_;
  const UniqueFd doorbell_;
  const SessionMemory memory_;
  std::mutex mutex_;  // guards the conversation on socket_, and all below
  uint64_t last_id_ = 0;
  SharedAddresses addresses_;
  std::map<uint64_t, FileIdentity> in_place_;  // what pages shared in place are, by the address of the first
};

OpenFailure no_device(Error error) { return {std::move(error), CUDA_ERROR_NO_DEVICE}; }

wire::ControlMessage hello() {
  wire::ControlMessage message = {};
  message.type = wire::Control::hello;
  message.format = ring::kFormat;
  message.pid = static_cast<uint32_t>(::getpid());
  if (const auto text = text_of(own_driver_variables(), sizeof message.text - 1)) {
    message.result = 1;
    std::memcpy(message.text, text->data(), text->size());
  }
  return message;
}

}  // namespace

Result<std::unique_ptr<Transport>, OpenFailure> open_socket_transport(const std::string& path) {
  Result<UniqueFd> socket = connect_control(path);
  if (!socket.ok()) return no_device(std::move(socket.error()));
  if (Result<void> sent = send_message(socket->get(), hello()); !sent.ok()) return no_device(std::move(sent.error()));
  Result<Incoming> answer = receive_message(socket->get());
  if (!answer.ok()) return no_device(std::move(answer.error()));
  if (answer->message.type != wire::Control::welcome || answer->file_count != kMaxAttachedFiles) {
    const int code = answer->message.result != 0 ? answer->message.result : static_cast<int>(CUDA_ERROR_NO_DEVICE);
    return OpenFailure{Error{std::string("the daemon refused: ") + answer->message.text}, code};
  }
  Result<SessionMemory> memory = SessionMemory::map(answer->files[0].get());
  if (!memory.ok()) return no_device(std::move(memory.error()));
  if (Result<void> checked = memory->check(); !checked.ok()) return no_device(std::move(checked.error()));
  return std::unique_ptr<Transport>(
      std::make_unique<SocketTransport>(std::move(*socket), std::move(answer->files[1]), std::move(*memory)));
}

}  // namespace vgpu::guest
