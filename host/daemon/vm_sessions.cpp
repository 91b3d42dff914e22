// SPDX-License-Identifier: Apache-2.0
#include "host/daemon/vm_sessions.h"

#include <cerrno>
#include <utility>

#include "common/token_text.h"

namespace vgpu::host {

VmSession* VmSessions::find(uint32_t session) const {
  const auto found = sessions_.find(session);
  return found == sessions_.end() ? nullptr : found->second;
}

void VmSessions::open(const OpenRequest& request) {
  const uint32_t number = request.session;
  if (sessions_.contains(number) || leaving_.contains(number) || lifelines_.contains(number))
    return channel_->complete(request.cookie, EBUSY);
  if (request.format == wire::kLifelineFormat) return channel_->complete(request.cookie, open_lifeline(request));
  auto session = std::make_unique<VmSession>(loop_, host_, *channel_, guard_, number);
  VmSession* const self = session.get();
  adopt_(std::move(session));
  sessions_[number] = self;
  const auto refused = [this, number] {
    sessions_.erase(number);
    leaving_.insert(number);
  };
  self->open(request, refused, [this, number] { left(number); });
}

int VmSessions::open_lifeline(const OpenRequest& request) {
  const auto token = parse_token(request.text.value_or(""));
  if (!token) return EINVAL;
  if (lifelines_.size() >= max_lifelines_) return ENOSPC;
  if (const int error = host_.shared_objects().hold({.in_vm = true}, *token); error != 0) return error;
  lifelines_[request.session] = *token;
  return 0;
}

void VmSessions::drop_lifelines() {
  for (const auto& [number, token] : std::exchange(lifelines_, {})) host_.shared_objects().let_go(token);
}

void VmSessions::close(uint32_t session, uint64_t cookie) {
  if (const auto lifeline = lifelines_.find(session); lifeline != lifelines_.end()) {
    host_.shared_objects().let_go(lifeline->second);
    lifelines_.erase(lifeline);
    return channel_->complete(cookie, 0);
  }
  VmSession* const closing = find(session);
  if (closing == nullptr) return channel_->complete(cookie, leaving_.contains(session) ? EALREADY : ENOENT);
  sessions_.erase(session);
  leaving_.insert(session);
  closing->leave([this, session, cookie] {
    channel_->complete(cookie, 0);
    left(session);
  });
}

void VmSessions::map(const MapRequest& request) {
  if (VmSession* const session = find(request.session)) return session->map(request);
  channel_->complete(request.cookie, ENOENT);
}

void VmSessions::unmap(const UnmapRequest& request) {
  if (VmSession* const session = find(request.session)) return session->unmap(request);
  channel_->complete(request.cookie, ENOENT);
}

void VmSessions::doorbell(uint32_t session) {
  if (VmSession* const ringing = find(session)) ringing->ring();
}

void VmSessions::report(const ReportRequest& request) {
  // The device outlives all answers: it knows which tickets still count.
  host_.report({.in_vm = true}, request.bytes,
               [channel = channel_, ticket = request.ticket](int error, std::span<const std::byte> answer) {
                 channel->complete_report(ticket, error, answer);
               });
}

void VmSessions::left(uint32_t session) {
  leaving_.erase(session);
  if (!leaving_.empty() || !sessions_.empty()) return;
  for (const auto& done : std::exchange(when_empty_, {})) done();
}

void VmSessions::drop_all(std::function<void()> done) {
  drop_lifelines();
  for (const auto& [number, session] : std::exchange(sessions_, {})) {
    leaving_.insert(number);
    session->leave([this, number = number] { left(number); });
  }
  if (leaving_.empty()) done();
  else when_empty_.push_back(std::move(done));
}

}  // namespace vgpu::host
