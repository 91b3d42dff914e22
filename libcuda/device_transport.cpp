// SPDX-License-Identifier: Apache-2.0
// The transport of a VM: /dev/vgpu0, the node of the kernel module. The file is the session (uapi/linux/vgpu.h): its
// memory is mapped from it, a doorbell is a call, sleeping is a call that the device's interrupt ends, and pages are
// shared by pinning them or by taking them from the module.
#include "libcuda/device_transport.h"

#include <fcntl.h>
#include <sys/ioctl.h>
#include <sys/mman.h>

#include <cstdlib>
#include <cstring>
#include <map>
#include <mutex>

#include "common/bits.h"
#include "common/driver_variables.h"
#include "common/endpoints.h"
#include "common/face/cuda_api.h"
#include "common/log.h"
#include "common/token_text.h"
#include "libcuda/shared_address.h"
#include "uapi/linux/vgpu.h"

namespace vgpu::guest {
namespace {

// A call of the module; EINTR is a call that has not begun.
int control(int fd, unsigned long request, void* argument = nullptr) {
  int status = 0;
  do status = ::ioctl(fd, request, argument);
  while (status != 0 && errno == EINTR);
  return status == 0 ? 0 : errno;
}

uint64_t deadline_in(std::chrono::nanoseconds timeout) {
  timespec now = {};
  ::clock_gettime(CLOCK_MONOTONIC, &now);
  return static_cast<uint64_t>(now.tv_sec) * 1'000'000'000 + static_cast<uint64_t>(now.tv_nsec) +
         static_cast<uint64_t>(timeout.count());
}

class DeviceTransport final : public Transport {
 public:
  DeviceTransport(UniqueFd device, SessionMemory memory) : device_(std::move(device)), memory_(std::move(memory)) {}

  const SessionMemory& memory() const override { return memory_; }
  void ring_doorbell() override { control(device_.get(), VGPU_IOCTL_RING); }

  void wait(const std::atomic<uint32_t>& word, uint32_t seen, std::chrono::nanoseconds timeout) override {
    vgpu_wait wait = {};
    wait.offset = bits_of(&word) - bits_of(&memory_.header());
    wait.expected = seen;
    wait.deadline = deadline_in(timeout);
    // One call: a signal's handler may have changed what the caller waits for.
    static_cast<void>(::ioctl(device_.get(), VGPU_IOCTL_WAIT, &wait));
  }

  bool lost() override { return control(device_.get(), VGPU_IOCTL_CHECK) != 0; }

  Result<void*> allocate_shared(size_t size) override {
    const std::lock_guard lock(mutex_);
    const vgpu_alloc alloc = TRY(allocate(size));
    Result<void*> address = addresses_.place(device_.get(), size, alloc.map_offset);
    const int error = address.ok() ? map(alloc.object, address.value(), 0) : 0;
    if (address.ok() && error == 0) return address;
    if (address.ok()) ::munmap(address.value(), size);
    free(alloc.object);
    return address.ok() ? Error::from_errno("the worker cannot map shared memory", error) : address.error();
  }

  Result<void> share_in_place(void* address, size_t size) override {
    const std::lock_guard lock(mutex_);
    vgpu_pin pin = {};
    pin.address = bits_of(address);
    pin.bytes = size;
    if (const int error = control(device_.get(), VGPU_IOCTL_PIN, &pin); error != 0)
      return Error::from_errno("cannot pin pages for the GPU", error);
    objects_[bits_of(address)] = pin.object;
    return {};
  }

  Result<void> adopt(void* address, size_t size) override {
    const std::lock_guard lock(mutex_);
    const vgpu_alloc alloc = TRY(allocate(size));
    const int flags = MAP_SHARED | MAP_FIXED_NOREPLACE;
    void* const got =
        ::mmap(address, size, PROT_READ | PROT_WRITE, flags, device_.get(), static_cast<off_t>(alloc.map_offset));
    int error = got == MAP_FAILED ? errno : 0;
    if (error == 0) error = got == address ? map(alloc.object, address, VGPU_MAP_ADOPT) : EEXIST;
    if (error == 0) return {};
    if (got != MAP_FAILED) ::munmap(got, size);
    free(alloc.object);
    return Error::from_errno("cannot take over the pages of a managed variable", error);
  }

  void release_shared(void* address, size_t size) override {
    unshare_in_place(address, size);
    ::munmap(address, size);
  }

  void forget_shared(void* address, size_t size) override { unshare_in_place(address, size); }

  // A file of the device that is in the descriptor's socket is closed with that, and the host is told. When there are
  // too many such files, the export ends with this process.
  Result<UniqueFd> keep_export(const wire::Token& token, int) override {
    UniqueFd file(::open(kDeviceNode, O_RDWR | O_CLOEXEC));
    const std::string text = token_text(token);
    vgpu_open open = {};
    open.bytes = ring::kPage;
    open.format = wire::kLifelineFormat;
    open.flags = VGPU_OPEN_TEXT;
    open.text = bits_of(text.data());
    open.text_bytes = static_cast<uint32_t>(text.size());
    if (!file || control(file.get(), VGPU_IOCTL_OPEN, &open) != 0) return UniqueFd();
    return file;
  }

  // The module holds the pages, whatever the program maps at their address.
  std::optional<bool> are_in_place(const void*, size_t) override { return std::nullopt; }

  void unshare_in_place(void* address, size_t) override {
    const std::lock_guard lock(mutex_);
    const auto found = objects_.find(bits_of(address));
    if (found == objects_.end()) return;
    free(found->second);
    objects_.erase(found);
  }

 private:
  Result<vgpu_alloc> allocate(size_t size) {
    vgpu_alloc alloc = {};
    alloc.bytes = size;
    if (const int error = control(device_.get(), VGPU_IOCTL_ALLOC, &alloc); error != 0)
      return Error::from_errno("cannot allocate memory that the GPU can use", error);
    return alloc;
  }

  // An errno. The object is known by its address from then on.
  int map(uint32_t object, void* address, uint32_t flags) {
    vgpu_map map = {};
    map.object = object;
    map.flags = flags;
    map.address = bits_of(address);
    const int error = control(device_.get(), VGPU_IOCTL_MAP, &map);
    if (error == 0) objects_[map.address] = object;
    return error;
  }

  void free(uint32_t object) {
    vgpu_free free = {};
    free.object = object;
    control(device_.get(), VGPU_IOCTL_FREE, &free);
  }

  const UniqueFd device_;
  const SessionMemory memory_;
  std::mutex mutex_;                      // guards what follows
  std::map<uint64_t, uint32_t> objects_;  // the module's numbers, by address
  SharedAddresses addresses_;
};

OpenFailure no_device(Error error) { return {std::move(error), CUDA_ERROR_NO_DEVICE}; }

// What a user can do about it.
Error cannot_open(int error) {
  if (error == EPERM)
    return Error{std::string(kDeviceNode) + " is not among the devices of this service or container: allow it " +
                 "(DeviceAllow=" + kDeviceNode + " rw in a unit of systemd's)"};
  if (error == EACCES)
    return Error{std::string(kDeviceNode) + " is not accessible to this user: see its group and mode (ls -l " +
                 kDeviceNode + ")"};
  if (error == ENODEV) return Error{std::string(kDeviceNode) + ": the virtual GPU does not answer; see dmesg"};
  return Error::from_errno(std::string("cannot open ") + kDeviceNode, error);
}

}  // namespace

Result<std::unique_ptr<Transport>, OpenFailure> open_device_transport() {
  UniqueFd device(::open(kDeviceNode, O_RDWR | O_CLOEXEC));
  if (!device) return no_device(cannot_open(errno));
  char reason[VGPU_TEXT_BYTES] = {};
  vgpu_open open = {};
  open.bytes = ring::kTotalBytes;
  open.format = ring::kFormat;
  open.reason = bits_of(&reason[0]);
  open.reason_bytes = sizeof reason;
  const std::optional<std::string> text = text_of(own_driver_variables(), VGPU_TEXT_BYTES - 1);
  if (text) {
    open.flags = VGPU_OPEN_TEXT;
    open.text = bits_of(text->c_str());
    open.text_bytes = static_cast<uint32_t>(text->size());
  }
  if (const int error = control(device.get(), VGPU_IOCTL_OPEN, &open); error != 0) {
    if (error != ECONNREFUSED) return no_device(cannot_open(error));
    reason[sizeof reason - 1] = '\0';
    return OpenFailure{Error{std::string("the host refused: ") + reason},
                       open.code != 0 ? open.code : static_cast<int>(CUDA_ERROR_NO_DEVICE)};
  }
  Result<SessionMemory> memory = SessionMemory::map_device(device.get());
  if (!memory.ok()) return no_device(std::move(memory.error()));
  if (Result<void> checked = memory->check(); !checked.ok()) return no_device(std::move(checked.error()));
  return std::unique_ptr<Transport>(std::make_unique<DeviceTransport>(std::move(device), std::move(*memory)));
}

}  // namespace vgpu::guest
