// SPDX-License-Identifier: Apache-2.0
// SharedObjects: what programs have exported to other programs of the same owner: for each object the driver's name or
// file, and a random token that stands for it in guests. An object is claimed only with its token, as what it was
// offered as, and by a session of its owner; it is gone when it is withdrawn or when its session ends. An object that
// is kept has a lifeline, and is gone when that hangs up instead of with its session. Workers are not trusted: what one
// offers is checked to be of the kind that its driver makes. The daemon's thread only.
#pragma once

#include <cstdint>
#include <map>
#include <unordered_map>

#include "common/fd.h"
#include "host/daemon/event_loop.h"
#include "host/daemon/owner.h"
#include "host/daemon/worker_process.h"
#include "vgpu/wire.h"

namespace vgpu::host {

class SharedObjects {
 public:
  // Limits: objects of one owner; files and lifelines of all owners, which are descriptors of this process.
  struct Limits {
    size_t per_owner = 4096;
    size_t files = 1024;
  };
  // A quarter of the descriptors that the process may have.
  static Limits default_limits();

  explicit SharedObjects(DriverKind driver, Limits limits = default_limits()) : driver_(driver), limits_(limits) {}

  // Enters the object and sets its token. An errno: EINVAL for an object or a file that is not of its kind, ENOSPC when
  // a limit is reached.
  int offer(uint64_t session, Owner owner, wire::SharedObject& object, UniqueFd file);
  // Fills in the object whose token and kind are given; `file` is borrowed until the next call, -1 for none. ENOENT
  // when there is none that this owner may open: also for one that is another owner's.
  int claim(Owner owner, wire::SharedObject& object, int& file) const;
  // Objects of other sessions stay.
  void withdraw(uint64_t session, const wire::Token& token);
  // The object lasts until the other end of `lifeline`, a Unix socket, is closed. An errno: ENOENT for an object that
  // is not this session's or that is not named by a descriptor, EBADF for another file, EBUSY for one that is kept
  // already, ENOSPC when a limit is reached. The loop outlives this.
  int keep(EventLoop& loop, uint64_t session, const wire::Token& token, UniqueFd lifeline);
  // The same without a file, for what any program of this owner has exported: it lasts until let_go. ENOENT, EBUSY.
  int hold(Owner owner, const wire::Token& token);
  void let_go(const wire::Token& token);
  // The session has ended: what is not kept is gone.
  void drop(uint64_t session);

  size_t size() const { return entries_.size(); }

 private:
  struct Entry {
    uint64_t session = 0;
    Owner owner;
    wire::SharedObject object = {};
    UniqueFd file, lifeline;
    Watch watch;
    bool held = false;
  };
  // Tokens are random already.
  struct Hash {
    size_t operator()(const wire::Token& token) const { return token.word[0]; }
  };
  using Entries = std::unordered_map<wire::Token, Entry, Hash>;

  static constexpr uint64_t kNoSession = 0;

  int check(const wire::SharedObject& object, int file) const;
  Entries::iterator erase(Entries::iterator at);

  const DriverKind driver_;
  const Limits limits_;
  Entries entries_;
  std::map<Owner, size_t> count_;
  size_t files_ = 0;
};

}  // namespace vgpu::host
