// SPDX-License-Identifier: Apache-2.0
#include "libcuda/error_log.h"

#include <pthread.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <vector>

#include "common/bits.h"
#include "common/face/error_names.h"

namespace vgpu::guest {
namespace {

constexpr char kLeftOut[] = "[CUDA][W] older messages are left out\n";

// Calls that a callback makes are kept, and told to nobody.
thread_local bool telling = false;

// The thread is named as NVIDIA's driver names it.
std::string head() {
  timespec now = {};
  clock_gettime(CLOCK_REALTIME, &now);
  tm local = {};
  localtime_r(&now.tv_sec, &local);
  char text[64];
  std::snprintf(text, sizeof text, "[%02d:%02d:%02d.%03ld][%lu][CUDA][E] ", local.tm_hour, local.tm_min, local.tm_sec,
                now.tv_nsec / 1'000'000, pthread_self());
  return text;
}

// Programs that run with somebody else's rights write no files for whoever started them.
std::FILE* open_file() {
  const char* const path = secure_getenv("CUDA_LOG_FILE");
  if (path == nullptr || *path == '\0') return nullptr;
  if (std::strcmp(path, "stdout") == 0) return stdout;
  if (std::strcmp(path, "stderr") == 0) return stderr;
  return std::fopen(path, "ae");
}

void write_to_file(const std::string& line) {
  static std::FILE* const file = open_file();
  if (file == nullptr) return;
  std::fputs(line.c_str(), file);
  std::fflush(file);
}

}  // namespace

ErrorLog& ErrorLog::get() {
  static auto* the_log = new ErrorLog;  // Exit handlers may still make calls that fail.
  return *the_log;
}

void ErrorLog::note(const char* call, CUresult result) {
  if (result == CUDA_ERROR_NOT_READY) return;
  const char* const name = face::error_name(result);
  const std::string message = "Returning " + std::to_string(static_cast<int>(result)) + " (" +
                              (name == nullptr ? "unknown" : name) + ") from " + call;
  const std::string line = head() + message + "\n";
  keep(line);
  write_to_file(line);
  tell(message);
}

void ErrorLog::keep(const std::string& line) {
  const std::lock_guard lock(mutex_);
  lines_[next_++ % kMessages] = line;
}

void ErrorLog::tell(const std::string& message) {
  if (telling) return;
  const std::lock_guard lock(callbacks_mutex_);
  if (callbacks_.empty()) return;
  telling = true;
  std::vector<uint64_t> handles;
  for (const Callback& callback : callbacks_) handles.push_back(bits_of(&callback));
  for (const uint64_t handle : handles) {
    const auto found = find(handle);  // unless one before it has removed it
    if (found == callbacks_.end()) continue;
    std::string copy = message;
    found->function(found->data, CU_LOG_LEVEL_ERROR, copy.data(), copy.size());
  }
  telling = false;
}

CUlogIterator ErrorLog::end() const {
  const std::lock_guard lock(mutex_);
  return next_;
}

std::string ErrorLog::text(CUlogIterator& from, size_t most) const {
  const std::lock_guard lock(mutex_);
  const CUlogIterator oldest = next_ - std::min(next_, kMessages);
  const CUlogIterator wanted = std::min(from, next_);
  from = next_;
  CUlogIterator first = next_;
  size_t size = 0;
  const auto fits = [&](CUlogIterator at) {
    const size_t note = at > wanted ? sizeof kLeftOut - 1 : 0;
    return size + lines_[at % kMessages].size() + note <= most;
  };
  while (first > std::max(oldest, wanted) && fits(first - 1)) size += lines_[--first % kMessages].size();
  std::string text = first > wanted && first < next_ ? kLeftOut : "";
  for (; first < next_; ++first) text += lines_[first % kMessages];
  return text;
}

std::list<ErrorLog::Callback>::iterator ErrorLog::find(uint64_t handle) {
  return std::find_if(callbacks_.begin(), callbacks_.end(),
                      [&](const Callback& callback) { return bits_of(&callback) == handle; });
}

CUlogsCallbackHandle ErrorLog::add(CUlogsCallback function, void* data) {
  const std::lock_guard lock(callbacks_mutex_);
  callbacks_.push_back({function, data});
  return from_bits<CUlogsCallbackHandle>(bits_of(&callbacks_.back()));
}

bool ErrorLog::remove(CUlogsCallbackHandle handle) {
  const std::lock_guard lock(callbacks_mutex_);
  const auto found = find(bits_of(handle));
  if (found == callbacks_.end()) return false;
  callbacks_.erase(found);
  return true;
}

}  // namespace vgpu::guest
