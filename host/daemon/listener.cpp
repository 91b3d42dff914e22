// SPDX-License-Identifier: Apache-2.0
#include "host/daemon/listener.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstring>

namespace vgpu::host {
namespace {

constexpr int kBacklog = 128;

std::string lock_path(const std::string& path) { return path + ".lock"; }

Result<UniqueFd> take_lock(const std::string& path) {
  const std::string name = lock_path(path);
  for (;;) {
    UniqueFd lock(::open(name.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600));
    if (!lock) return Error::from_errno("cannot create " + name);
    if (::flock(lock.get(), LOCK_EX | LOCK_NB) != 0) {
      if (errno == EWOULDBLOCK)
        return Error{"another vgpud already serves " + path + "; stop it or choose another --socket"};
      return Error::from_errno("cannot lock " + name);
    }
    // An ending daemon removes the file while it holds the lock: what we hold then is not the file that others find.
    struct stat held = {}, found = {};
    if (::fstat(lock.get(), &held) == 0 && ::stat(name.c_str(), &found) == 0 && held.st_ino == found.st_ino &&
        held.st_dev == found.st_dev)
      return lock;
  }
}

// With the lock held: the socket of a dead daemon goes, anything else stays.
Result<void> remove_stale(const std::string& path) {
  struct stat about = {};
  if (::lstat(path.c_str(), &about) != 0) {
    if (errno == ENOENT) return {};
    return Error::from_errno("cannot look at " + path);
  }
  if (!S_ISSOCK(about.st_mode)) return Error{path + " exists and is not a socket; choose another --socket"};
  if (::unlink(path.c_str()) != 0) return Error::from_errno("cannot replace the old socket " + path);
  return {};
}

}  // namespace

Result<Listener> Listener::open(const std::string& path, mode_t mode, int type) {
  if (path.empty() || path.size() >= sizeof(sockaddr_un::sun_path))
    return Error{"the socket path '" + path + "' must have 1 to " + std::to_string(sizeof(sockaddr_un::sun_path) - 1) +
                 " characters"};
  Listener listener(path, TRY(take_lock(path)));
  TRY(listener.bind(mode, type));
  return listener;
}

Result<void> Listener::bind(mode_t mode, int type) {
  TRY(remove_stale(path_));
  UniqueFd fd(::socket(AF_UNIX, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!fd) return Error::from_errno("cannot create a socket");
  sockaddr_un address = {};
  address.sun_family = AF_UNIX;
  std::memcpy(address.sun_path, path_.c_str(), path_.size());
  // Nobody may connect before the mode that was asked for is in place.
  const mode_t before = ::umask(0177);
  // SAFETY: the socket calls take every address family through sockaddr.
  const int bound = ::bind(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address);
  const int error = errno;
  ::umask(before);
  if (bound != 0) return Error::from_errno("cannot create the socket " + path_, error);
  socket_ = std::move(fd);
  if (::chmod(path_.c_str(), mode) != 0) return Error::from_errno("cannot set the permissions of " + path_);
  if (::listen(socket_.get(), kBacklog) != 0) return Error::from_errno("cannot listen on " + path_);
  return {};
}

Listener::~Listener() {
  if (socket_) ::unlink(path_.c_str());
  if (lock_) ::unlink(lock_path(path_).c_str());
}

}  // namespace vgpu::host
