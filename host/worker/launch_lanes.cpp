// SPDX-License-Identifier: Apache-2.0
// CUDA C++ Programming Guide, Streams: commands of different streams run out of order with respect to one another.
#include "host/worker/launch_lanes.h"

#include <algorithm>
#include <condition_variable>
#include <system_error>
#include <thread>

#include "common/handle.h"
#include "common/spin.h"
#include "host/worker/own_threads.h"
#include "vgpu/hand_wire.h"

namespace vgpu::host {
namespace {

// Launches that a lane holds at most, beside those that it is making. A thread that was woken before the others writes
// a run of some hundred into the ring, and behind a lane that is full all others wait.
constexpr size_t kDepth = 256;
constexpr unsigned kCreditOfChange = 128, kCreditToEngage = 256, kMostCredit = 1024;
constexpr unsigned kPatience = 512;
constexpr unsigned kMostLanes = 8;
// CUDA's special handles: 0 default, 1 legacy, 2 per thread.
constexpr uint64_t kLastSpecialStream = 2;

}  // namespace

class LaunchLanes::Lane {
 public:
  explicit Lane(const Run& run) : run_(run), waiting_(kDepth), taken_(kDepth), thread_([this] { work(); }) {}

  ~Lane() {
    {
      const std::lock_guard lock(mutex_);
      stopping_ = true;
    }
    wake_.notify_one();
    thread_.join();
  }

  // Its buffer is exchanged for an old one, so that a steady state allocates nothing.
  void give(CommandCopy& command) {
    std::unique_lock lock(mutex_);
    room_.wait(lock, [this] { return count_ < kDepth; });
    std::swap(waiting_[count_++], command);
    given_.fetch_add(1, std::memory_order_relaxed);
    if (asleep_) wake_.notify_one();
  }

  bool is_done() const { return done_.load(std::memory_order_acquire) == given_.load(std::memory_order_relaxed); }

  void wait_until_done() {
    Spinner spinner = Spinner::for_device();
    while (!is_done())
      if (!spinner.spin()) break;
    std::unique_lock lock(mutex_);
    room_.wait(lock, [this] { return is_done(); });
  }

 private:
  void work() {
    count_as_ours();
    Spinner spinner;
    while (const size_t count = fetch(spinner)) {
      for (size_t i = 0; i < count; ++i) run_(taken_[i]);
      {
        const std::lock_guard lock(mutex_);
        done_.fetch_add(count, std::memory_order_release);
      }
      room_.notify_one();
      spinner.reset();
    }
  }

  // Waits for launches and takes all there are into taken_; 0 when it is time to stop.
  size_t fetch(Spinner& spinner) {
    while (is_done())
      if (!spinner.spin()) break;
    std::unique_lock lock(mutex_);
    asleep_ = true;
    wake_.wait(lock, [this] { return stopping_ || count_ != 0; });
    asleep_ = false;
    std::swap(waiting_, taken_);
    const size_t count = std::exchange(count_, 0);
    lock.unlock();
    if (count == kDepth) room_.notify_one();
    return count;
  }

  const Run& run_;
  std::atomic<uint64_t> given_{0}, done_{0};
  std::mutex mutex_;  // guards what follows; taken_ is the thread's own
  std::condition_variable wake_, room_;
  std::vector<CommandCopy> waiting_, taken_;
  size_t count_ = 0;
  bool asleep_ = false, stopping_ = false;
  std::thread thread_;  // last: it uses all the rest
};

LaunchLanes::LaunchLanes(unsigned lanes, Run run) : lane_limit_(std::min(lanes, kMostLanes)), run_(std::move(run)) {}

LaunchLanes::~LaunchLanes() = default;

unsigned LaunchLanes::suitable_count() {
  const unsigned processors = std::thread::hardware_concurrency();
  return processors < 2 ? 0 : std::clamp(processors / 2, 2u, kMostLanes);
}

// Launches that are answered, because something about them only the driver can judge, are the dispatcher's. Work of the
// legacy stream orders all other streams.
LaunchLanes::Key LaunchLanes::key_of(const CommandCopy& command) {
  namespace op = api::opcode;
  if (command.opcode != op::cuLaunchKernel && command.opcode != op::cuLaunchKernelEx) return {};
  if (command.reply_slot != ring::kNoReply || (command.flags & ring::kHelper) != 0) return {};
  // What lanes may come to hold is bounded by this and their depth.
  if (command.payload.size() > ring::kMaxInline) return {};
  codec::Reader request(command.payload);
  const uint64_t stream = request.get<wire::Launch>().stream;
  if (request.failed() || stream <= kLastSpecialStream) return {};
  return {true, command.thread, stream};
}

bool LaunchLanes::wants_to_engage(const Key& key) {
  const bool changed = key.thread != std::exchange(last_thread_, key.thread);
  if (patience_ != 0) {
    --patience_;
    return false;
  }
  // Threads write in runs, so they change less often than they launch.
  if (changed) credit_ = std::min(credit_ + kCreditOfChange, kMostCredit);
  else if (credit_ != 0) --credit_;
  return credit_ >= kCreditToEngage;
}

bool LaunchLanes::give(CommandCopy& command, const Key& key) {
  uint8_t& by_thread = lane_of_thread_[key.thread % kPlaces];
  uint8_t& by_stream = lane_of_stream_[handle::index_of(key.stream) % kPlaces];
  if (by_thread != 0 && by_stream != 0 && by_thread != by_stream) {
    // Threads that share streams: one dispatcher is as fast.
    drain_lanes();
    patience_ = kPatience;
    return false;
  }
  uint8_t lane = std::max(by_thread, by_stream);
  if (lane == 0) {
    lane = static_cast<uint8_t>(next_lane_ + 1);
    next_lane_ = (next_lane_ + 1) % lane_limit_;
  }
  by_thread = by_stream = lane;
  if (!has_lane(lane)) {
    drain_lanes();
    patience_ = kPatience;
    return false;
  }
  engaged_ = true;
  lanes_[lane - 1u]->give(command);
  return true;
}

// False where no thread can be started for it.
bool LaunchLanes::has_lane(size_t lane) {
  try {
    while (lanes_.size() < lane) lanes_.push_back(std::make_unique<Lane>(run_));
  } catch (const std::system_error&) {
    return false;
  }
  return true;
}

void LaunchLanes::drain_lanes() {
  for (const auto& lane : lanes_) lane->wait_until_done();
  disengage();
}

void LaunchLanes::rest() {
  if (engaged_ && std::all_of(lanes_.begin(), lanes_.end(), [](const auto& lane) { return lane->is_done(); }))
    disengage();
}

void LaunchLanes::disengage() {
  engaged_ = false;
  next_lane_ = 0;
  lane_of_thread_ = {};
  lane_of_stream_ = {};
}

}  // namespace vgpu::host
