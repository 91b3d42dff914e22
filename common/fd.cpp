// SPDX-License-Identifier: Apache-2.0
#include "common/fd.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

namespace vgpu {

void UniqueFd::reset(int fd) {
  if (fd_ >= 0) ::close(fd_);
  fd_ = fd;
}

Result<UniqueFd> UniqueFd::duplicate() const {
  UniqueFd copy(::fcntl(fd_, F_DUPFD_CLOEXEC, 3));
  if (!copy) return Error::from_errno("cannot duplicate a file descriptor");
  return copy;
}

Mapping& Mapping::operator=(Mapping&& other) noexcept {
  if (this != &other) {
    if (address_ != nullptr) ::munmap(address_, size_);
    address_ = std::exchange(other.address_, nullptr);
    size_ = std::exchange(other.size_, 0);
  }
  return *this;
}

Mapping::~Mapping() {
  if (address_ != nullptr) ::munmap(address_, size_);
}

Result<Mapping> Mapping::shared(int fd, size_t size, size_t offset) {
  void* address = ::mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, static_cast<off_t>(offset));
  if (address == MAP_FAILED) return Error::from_errno("cannot map " + std::to_string(size) + " bytes of shared memory");
  return Mapping(address, size);
}

Result<UniqueFd> create_memory_file(const char* name, size_t size) {
  UniqueFd fd(::memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING));
  if (!fd) return Error::from_errno("cannot create a memory file");
  if (::ftruncate(fd.get(), static_cast<off_t>(size)) != 0)
    return Error::from_errno("cannot size a memory file to " + std::to_string(size) + " bytes");
  if (::fcntl(fd.get(), F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) != 0)
    return Error::from_errno("cannot seal a memory file");
  return fd;
}

}  // namespace vgpu
