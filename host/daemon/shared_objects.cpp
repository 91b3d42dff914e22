// SPDX-License-Identifier: Apache-2.0
#include "host/daemon/shared_objects.h"

#include <fcntl.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>

namespace vgpu::host {
namespace {

// What the driver's exports of this kind consist of.
bool has_file(wire::ShareKind kind, DriverKind driver) {
  switch (kind) {
    case wire::ShareKind::memory_file:
    case wire::ShareKind::pool_file: return true;
    case wire::ShareKind::pool_pointer:
    case wire::ShareKind::memory:
    case wire::ShareKind::event: return driver == DriverKind::soft;
  }
  return false;
}

bool is_known(wire::ShareKind kind) { return kind >= wire::ShareKind::memory_file && kind <= wire::ShareKind::event; }

// The software GPU's are memory files that nobody can shorten under their users; NVIDIA's are open device files.
bool is_export(int file, DriverKind driver) {
  if (driver == DriverKind::soft) {
    const int seals = ::fcntl(file, F_GET_SEALS);
    return seals >= 0 && (seals & F_SEAL_SHRINK) != 0;
  }
  struct stat about = {};
  return ::fstat(file, &about) == 0 && S_ISCHR(about.st_mode);
}

// Those that a guest holds as descriptors. The others are names, which die with their process as CUDA has it.
bool is_descriptor(wire::ShareKind kind) {
  return kind == wire::ShareKind::memory_file || kind == wire::ShareKind::pool_file;
}

// Whatever else a client may send could hold this process up when it is closed.
bool is_unix_socket(int file) {
  int domain = 0;
  socklen_t bytes = sizeof domain;
  return ::getsockopt(file, SOL_SOCKET, SO_DOMAIN, &domain, &bytes) == 0 && domain == AF_UNIX;
}

}  // namespace

SharedObjects::Limits SharedObjects::default_limits() {
  Limits limits;
  rlimit files = {};
  if (::getrlimit(RLIMIT_NOFILE, &files) == 0) limits.files = std::min<size_t>(files.rlim_cur / 4, 65536);
  return limits;
}

int SharedObjects::check(const wire::SharedObject& object, int file) const {
  if (!is_known(object.kind) || object.reserved != 0) return EINVAL;
  if (has_file(object.kind, driver_) != (file >= 0)) return EINVAL;
  return file < 0 || is_export(file, driver_) ? 0 : EINVAL;
}

int SharedObjects::offer(uint64_t session, Owner owner, wire::SharedObject& object, UniqueFd file) {
  if (const int error = check(object, file.get()); error != 0) return error;
  if (file && files_ >= limits_.files) return ENOSPC;
  const auto count = count_.find(owner);
  if (count != count_.end() && count->second >= limits_.per_owner) return ENOSPC;
  if (::getrandom(&object.token, sizeof object.token, 0) != sizeof object.token) return EIO;
  if (entries_.contains(object.token)) return EIO;  // The same 128 random bits twice.
  files_ += file ? 1 : 0;
  ++count_[owner];
  entries_.emplace(object.token, Entry{session, owner, object, std::move(file), {}, {}, false});
  return 0;
}

int SharedObjects::claim(Owner owner, wire::SharedObject& object, int& file) const {
  const auto found = entries_.find(object.token);
  if (found == entries_.end() || found->second.owner != owner || found->second.object.kind != object.kind)
    return ENOENT;
  object = found->second.object;
  file = found->second.file.get();
  return 0;
}

SharedObjects::Entries::iterator SharedObjects::erase(Entries::iterator at) {
  files_ -= (at->second.file ? 1 : 0) + (at->second.lifeline ? 1 : 0);
  const auto count = count_.find(at->second.owner);
  if (--count->second == 0) count_.erase(count);
  return entries_.erase(at);
}

void SharedObjects::withdraw(uint64_t session, const wire::Token& token) {
  const auto found = entries_.find(token);
  if (found != entries_.end() && found->second.session == session) erase(found);
}

int SharedObjects::keep(EventLoop& loop, uint64_t session, const wire::Token& token, UniqueFd lifeline) {
  const auto found = entries_.find(token);
  if (found == entries_.end() || found->second.session != session || !is_descriptor(found->second.object.kind))
    return ENOENT;
  if (!is_unix_socket(lifeline.get())) return EBADF;
  if (found->second.lifeline || found->second.held) return EBUSY;
  if (files_ >= limits_.files) return ENOSPC;
  // No event is asked for: hang-ups are told unasked.
  auto watch = loop.watch(lifeline.get(), 0, [this, token](uint32_t) {
    if (const auto kept = entries_.find(token); kept != entries_.end()) erase(kept);
  });
  if (!watch) return EIO;
  ++files_;
  found->second.lifeline = std::move(lifeline);
  found->second.watch = std::move(*watch);
  return 0;
}

int SharedObjects::hold(Owner owner, const wire::Token& token) {
  const auto found = entries_.find(token);
  if (found == entries_.end() || found->second.owner != owner || !is_descriptor(found->second.object.kind))
    return ENOENT;
  if (found->second.lifeline || found->second.held) return EBUSY;
  found->second.held = true;
  return 0;
}

void SharedObjects::let_go(const wire::Token& token) {
  const auto found = entries_.find(token);
  if (found != entries_.end() && found->second.held) erase(found);
}

void SharedObjects::drop(uint64_t session) {
  for (auto at = entries_.begin(); at != entries_.end();) {
    Entry& entry = at->second;
    const bool goes = entry.session == session && !entry.lifeline && !entry.held;
    if (entry.session == session) entry.session = kNoSession;
    at = goes ? erase(at) : std::next(at);
  }
}

}  // namespace vgpu::host
