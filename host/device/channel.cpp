// SPDX-License-Identifier: Apache-2.0
#include "host/device/channel.h"

#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstring>

#include "common/log.h"
#include "host/device/run_list.h"
#include "vgpu/report.h"

namespace vgpu::host {
namespace {

constexpr size_t kPage = 4096;
// Commands under way: more than the guest's queue holds, because a taken entry is free again. Beyond, it is told to
// wait.
constexpr size_t kMaxPending = 1024;
// Answers that the guest has not made room for. Each command has one, so a guest that reads none gets no further.
constexpr size_t kMaxWaiting = 1024;
constexpr size_t kMaxReports = 64;

// Copies between `bytes` and the beginning of the runs; whether all was copied.
template <class Transfer, class Bytes>
bool transfer(Transfer how, int file, const std::vector<FileRun>& runs, Bytes bytes) {
  for (const FileRun& run : runs) {
    const size_t part = std::min<size_t>(bytes.size(), run.bytes);
    if (part == 0) break;
    if (how(file, bytes.data(), part, static_cast<off_t>(run.offset)) != static_cast<ssize_t>(part)) return false;
    bytes = bytes.subspan(part);
  }
  return bytes.empty();
}

}  // namespace

vgpu_device_status Channel::start(GuestAddr address, uint64_t nonce) {
  if (!memory_.has_files()) return VGPU_STATUS_NO_FILE;
  std::byte* const pages = memory_.locate(address, VGPU_CHANNEL_PAGES * kPage);
  if (pages == nullptr || static_cast<uint64_t>(address) % kPage != 0) return VGPU_STATUS_BAD_ADDRESS;
  // SAFETY: four whole pages of guest memory, mapped until stop(); the structs are as large as their parts of them.
  auto* const state = reinterpret_cast<vgpu_channel_state*>(pages);
  if (__atomic_load_n(&state->nonce, __ATOMIC_ACQUIRE) != nonce) {
    VGPU_ERROR_THROTTLED(
        "the VM's memory is not shared with this process: QEMU needs -object memory-backend-memfd,...,share=on");
    return VGPU_STATUS_NOT_SHARED;
  }
  state_ = state;
  submissions_ = reinterpret_cast<vgpu_command*>(pages + VGPU_SUBMISSIONS_OFFSET);
  completions_ = reinterpret_cast<vgpu_completion*>(pages + VGPU_COMPLETIONS_OFFSET);
  submission_head_ = completion_tail_ = 0;
  store(state_->submission_head, 0);
  store(state_->completion_tail, 0);
  store(state_->life, VGPU_LIFE_RUNNING);
  __atomic_store_n(&state_->answer, ~nonce, __ATOMIC_RELEASE);
  return VGPU_STATUS_RUNNING;
}

void Channel::stop() {
  state_ = nullptr;
  pending_.clear();
  reports_.clear();
  waiting_.clear();
}

bool Channel::positions_make_sense(uint32_t submission_tail) const {
  const uint32_t submitted = submission_tail - submission_head_;
  const uint32_t unread = completion_tail_ - load(state_->completion_head);
  if (submitted <= VGPU_SUBMISSIONS && unread <= VGPU_COMPLETIONS) return true;
  VGPU_ERROR_THROTTLED("the VM's driver breaks the rules of its queues (%u commands, %u answers): the device stops",
                       submitted, unread);
  return false;
}

Channel::Advance Channel::advance() {
  if (state_ == nullptr) return Advance::quiet;
  // Pairs with the module's store of the tail: the entries came first. Looked at once: what comes later has a doorbell
  // of its own, and a guest that never stops submitting must not keep the loop here.
  const uint32_t tail = load(state_->submission_tail);
  if (!positions_make_sense(tail)) return Advance::broken;
  bool interrupt = flush();
  while (submission_head_ != tail && waiting_.size() < kMaxWaiting) {
    vgpu_command command = {};
    std::memcpy(&command, &submissions_[submission_head_ % VGPU_SUBMISSIONS], sizeof command);
    std::atomic_signal_fence(std::memory_order_seq_cst);  // The compiler looks at the guest's entry once, too.
    store(state_->submission_head, ++submission_head_);
    interrupt |= submit(command);
    if (state_ == nullptr) return Advance::quiet;
  }
  return interrupt ? Advance::interrupt : Advance::quiet;
}

bool Channel::submit(const vgpu_command& command) {
  if (command.cookie == 0 || pending_.contains(command.cookie)) {
    VGPU_WARN_THROTTLED("a command of the VM's driver without a cookie of its own is ignored");
    return false;
  }
  pending_[command.cookie] = {command.session, command.opcode == VGPU_OP_OPEN ? command.text : 0};
  const int error = pending_.size() > kMaxPending ? EAGAIN : submit_checked(command);
  return error != 0 && complete(command.cookie, error, 0, {});
}

int Channel::submit_checked(const vgpu_command& command) {
  const bool adopt = command.flags == VGPU_COMMAND_ADOPT && command.opcode == VGPU_OP_MAP;
  if (command.reserved != 0 || (command.flags != 0 && !adopt)) return EINVAL;
  if (command.session > max_sessions_ || (command.session == 0 && command.opcode != VGPU_OP_REPORT)) return EINVAL;
  switch (command.opcode) {
    case VGPU_OP_OPEN: return open(command);
    case VGPU_OP_MAP: return map(command);
    case VGPU_OP_CLOSE: sessions_.close(command.session, command.cookie); return 0;
    case VGPU_OP_UNMAP: sessions_.unmap({command.cookie, command.session, command.address, command.bytes}); return 0;
    case VGPU_OP_REPORT: return report(command);
    default: return EOPNOTSUPP;
  }
}

int Channel::open(const vgpu_command& command) {
  if (command.has_text > 1 || command.bytes % kPage != 0) return EINVAL;
  OpenRequest request;
  request.cookie = command.cookie;
  request.session = command.session;
  request.format = command.format;
  request.bytes = command.bytes;
  request.program = static_cast<uint32_t>(command.address);
  request.user = static_cast<uint32_t>(command.address >> 32);
  if (const int error = read_run_list(memory_, GuestAddr{command.list}, command.bytes, request.pages); error != 0)
    return error;
  if (command.has_text != 0) {
    char text[kPage];
    if (!memory_.read(GuestAddr{command.text}, std::as_writable_bytes(std::span(text)))) return EINVAL;
    request.text.emplace(text, ::strnlen(text, sizeof text));
  }
  sessions_.open(request);
  return 0;
}

int Channel::map(const vgpu_command& command) {
  MapRequest request;
  request.cookie = command.cookie;
  request.session = command.session;
  request.address = command.address;
  request.bytes = command.bytes;
  request.adopt = command.flags == VGPU_COMMAND_ADOPT;
  if (const int error = read_run_list(memory_, GuestAddr{command.list}, command.bytes, request.pages); error != 0)
    return error;
  sessions_.map(request);
  return 0;
}

int Channel::report(const vgpu_command& command) {
  constexpr uint64_t kMaxBytes = std::max(report::kMaxRequest, report::kMaxAnswer);
  if (command.bytes == 0 || command.bytes % kPage != 0 || command.bytes > kMaxBytes || command.has_text != 0)
    return EINVAL;
  if (command.format == 0 || command.format > report::kMaxRequest || command.format > command.bytes ||
      command.address > command.bytes)
    return EINVAL;
  if (reports_.size() >= kMaxReports) return EAGAIN;
  GuestPages pages;
  if (const int error = read_run_list(memory_, GuestAddr{command.list}, command.bytes, pages); error != 0) return error;
  Report kept = {command.cookie, command.address, UniqueFd(::dup(pages.file)), std::move(pages.runs)};
  ReportRequest request;
  request.ticket = next_ticket_++;
  request.bytes.resize(command.format);
  if (!kept.file || !transfer(::pread, kept.file.get(), kept.runs, std::span(request.bytes))) return EFAULT;
  reports_[request.ticket] = std::move(kept);
  sessions_.report(request);
  return 0;
}

bool Channel::complete_report(uint64_t ticket, int error, std::span<const std::byte> answer) {
  const auto found = reports_.find(ticket);
  if (state_ == nullptr || found == reports_.end()) return false;
  const Report report = std::move(found->second);
  reports_.erase(found);
  if (error == 0 && answer.size() > report.room) error = ENOSPC;
  if (error == 0 && !transfer(::pwrite, report.file.get(), report.runs, answer)) error = EFAULT;
  return complete(report.cookie, error, error == 0 ? static_cast<int>(answer.size()) : 0, {});
}

bool Channel::complete(uint64_t cookie, int error, int code, const std::string& reason) {
  const auto found = pending_.find(cookie);
  if (state_ == nullptr || found == pending_.end()) return false;
  const Open open = found->second;
  pending_.erase(found);
  if (error != 0 && open.text != 0) {
    char text[kPage] = {};
    std::copy_n(reason.begin(), std::min(reason.size(), sizeof text - 1), text);
    memory_.write(GuestAddr{open.text}, std::as_bytes(std::span(text)));
  }
  vgpu_completion completion = {};
  completion.cookie = cookie;
  completion.error = error;
  completion.code = code;
  completion.session = open.session;
  return put(completion);
}

bool Channel::session_lost(uint32_t session) {
  if (state_ == nullptr) return false;
  vgpu_completion completion = {};
  completion.session = session;
  completion.event = VGPU_EVENT_LOST;
  return put(completion);
}

bool Channel::put(const vgpu_completion& completion) {
  waiting_.push_back(completion);
  return flush();
}

bool Channel::flush() {
  bool any = false;
  // Pairs with the module's store of the head: it has read the entries.
  while (!waiting_.empty() && completion_tail_ - load(state_->completion_head) < VGPU_COMPLETIONS) {
    std::memcpy(&completions_[completion_tail_ % VGPU_COMPLETIONS], &waiting_.front(), sizeof(vgpu_completion));
    waiting_.pop_front();
    store(state_->completion_tail, ++completion_tail_);
    any = true;
  }
  return any;
}

void Channel::beat() {
  if (state_ != nullptr) store(state_->heartbeat, state_->heartbeat + 1);
}

}  // namespace vgpu::host
