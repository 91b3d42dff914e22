// SPDX-License-Identifier: Apache-2.0
#include "host/worker/trace.h"

#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <vector>

#include "common/api_names.h"
#include "common/call_name.h"
#include "common/face/error_names.h"
#include "host/worker/private_calls.h"
#include "host/worker/session.h"
#include "host/worker/trace_text.h"
#include "vgpu/trace.h"

namespace vgpu::host {
namespace {

void put_list(codec::Writer& writer, const std::vector<codec::NamedText>& list) {
  writer.put(static_cast<uint32_t>(list.size()));
  for (const auto& [name, text] : list) {
    writer.string(name);
    writer.string(text);
  }
}

// Empty for what is no call of the program's.
std::string name_of(const CommandCopy& command) {
  if (command.opcode == wire::kRefusedCall) {
    codec::Reader reader(command.payload);
    const std::string_view name = reader.string();
    return is_call_name(name) ? std::string(name) : "";
  }
  const char* const name = api::find_call_name(call_of(command.opcode));
  return name != nullptr ? name : "";
}

// The texts of a record. One that would be too long loses arguments from the end.
std::vector<std::byte> encode_texts(const std::string& name, const std::string& result, TracedCall call) {
  for (;;) {
    std::vector<std::byte> bytes;
    codec::Writer writer(bytes);
    writer.string(name);
    writer.string(result);
    put_list(writer, call.arguments);
    put_list(writer, call.results);
    if (bytes.size() <= trace::kMaxRecord - sizeof(trace::Record)) return bytes;
    auto& longest = call.results.empty() ? call.arguments : call.results;
    longest.pop_back();
  }
}

}  // namespace

uint64_t Trace::now() {
  const auto now = std::chrono::steady_clock::now().time_since_epoch();
  return static_cast<uint64_t>(std::chrono::duration_cast<std::chrono::nanoseconds>(now).count());
}

void Trace::start(UniqueFd pipe) {
  const std::lock_guard lock(mutex_);
  pipe_ = std::move(pipe);
  begin_ = now();
  next_number_ = 0;
  on_.store(true, std::memory_order_relaxed);
}

void Trace::record(Invocation& invocation, uint64_t taken, CUresult result, std::span<const std::byte> reply) {
  const CommandCopy& command = invocation.command;
  const uint64_t done = now();
  const std::string name = name_of(command);
  if (name.empty()) return;
  // The worker has understood it; the program was told by its library what follows.
  const bool is_refused = command.opcode == wire::kRefusedCall;
  if (is_refused && result == CUDA_SUCCESS) result = CUDA_ERROR_NOT_SUPPORTED;
  const char* const known = face::error_name(static_cast<int>(result));
  const std::string words = known != nullptr ? known : "error " + std::to_string(static_cast<int>(result));
  const std::vector<std::byte> texts =
      encode_texts(name, words, describe_call(invocation, result == CUDA_SUCCESS ? reply : decltype(reply)()));

  const std::lock_guard lock(mutex_);
  if (!pipe_) return;
  trace::Record record = {};
  record.bytes = static_cast<uint32_t>(sizeof record + texts.size());
  record.thread = command.thread;
  record.number = next_number_++;
  record.start = taken > begin_ ? taken - begin_ : 0;
  record.duration = done - taken;
  record.result = static_cast<int32_t>(result);
  const bool is_posted = command.reply_slot == ring::kNoReply && !is_refused;
  record.flags = is_posted ? static_cast<uint32_t>(trace::kPosted) : 0;
  std::vector<std::byte> bytes;
  codec::Writer writer(bytes);
  writer.put(record);
  writer.bytes(texts.data(), texts.size());
  if (::write(pipe_.get(), bytes.data(), bytes.size()) >= 0 || errno == EAGAIN) return;
  // Nobody reads any more.
  on_.store(false, std::memory_order_relaxed);
  pipe_.reset();
}

}  // namespace vgpu::host
