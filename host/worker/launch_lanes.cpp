// SPDX-License-Identifier: Apache-2.0
// CUDA C++ Programming Guide, Streams: commands of different streams run out of order with respect to one another.
#include "host/worker/launch_lanes.h"

#include <algorithm>
#include <chrono>
#include <system_error>
#include <thread>

#include "common/futex.h"
#include "common/handle.h"
#include "common/processors.h"
#include "common/spin.h"
#include "host/worker/own_threads.h"
#include "vgpu/hand_wire.h"

namespace vgpu::host {
namespace {

// Launches that a lane holds at most. A thread that was woken before the others writes
// a run of some hundred into the ring, and behind a lane that is full all others wait.
constexpr uint64_t kDepth = 512;
constexpr unsigned kCreditOfChange = 128, kCreditToEngage = 256, kMostCredit = 1024;
constexpr unsigned kPatience = 512;
// More than a run of one thread is where others launch as well.
constexpr unsigned kLaunchesAlone = 1024;
constexpr unsigned kMostLanes = 8;
// Launches behind one that may be a sequence's first.
constexpr uint64_t kFewBehind = 5;
// CUDA's special handles: 0 default, 1 legacy, 2 per thread.
constexpr uint64_t kLastSpecialStream = 2;

}  // namespace

// A queue of one writer, the dispatcher, and one reader, without a lock: a lock would wait for what the writer has just
// stored to arrive. Commands stay in their places while they are made.
class LaunchLanes::Lane {
 public:
  explicit Lane(std::unique_ptr<LaunchSequences> sequences)
      : sequences_(std::move(sequences)), places_(kDepth), thread_([this] { work(); }) {}

  ~Lane() {
    stopping_.store(true, std::memory_order_seq_cst);
    asleep_.exchange(0, std::memory_order_seq_cst);
    futex::wake_all(asleep_);
    thread_.join();
  }

  // Its buffer is exchanged for an old one, so that a steady state allocates nothing.
  void give(CommandCopy& command) {
    const uint64_t at = given_.load(std::memory_order_relaxed);
    if (at - known_done_ >= kDepth) wait_for(at - kDepth + 1, at - kDepth / 2);
    std::swap(places_[at % kDepth].command, command);
    given_.store(at + 1, std::memory_order_release);
    // No fence, as for the ring's own sleeper (ring::must_ring).
    if (asleep_.load(std::memory_order_relaxed) != 0 && asleep_.exchange(0, std::memory_order_relaxed) != 0)
      futex::wake_all(asleep_);
  }

  bool is_done() const { return done_.load(std::memory_order_acquire) == given_.load(std::memory_order_relaxed); }

  // When it is done: nobody else looks at them then.
  LaunchSequences& sequences() { return *sequences_; }

  void wait_until_done() {
    const uint64_t all = given_.load(std::memory_order_relaxed);
    wait_for(all, all);
  }

 private:
  struct alignas(64) Place {
    CommandCopy command;
  };

  // Returns when `enough` launches have been made; who has to sleep does so until `many` have. The dispatcher only.
  void wait_for(uint64_t enough, uint64_t many) {
    Spinner spinner = Spinner::for_device();
    while ((known_done_ = done_.load(std::memory_order_acquire)) < enough) {
      if (spinner.spin()) continue;
      const uint32_t seen = woken_.load(std::memory_order_acquire);
      wake_at_.store(many, std::memory_order_relaxed);
      std::atomic_thread_fence(std::memory_order_seq_cst);  // pairs with the one in tell()
      if (done_.load(std::memory_order_relaxed) < many) futex::wait(woken_, seen, kForever);
    }
  }

  void tell(uint64_t done) {
    done_.store(done, std::memory_order_release);
    std::atomic_thread_fence(std::memory_order_seq_cst);  // pairs with the one in wait_for()
    if (done < wake_at_.load(std::memory_order_relaxed)) return;
    wake_at_.store(kNobody, std::memory_order_relaxed);
    woken_.fetch_add(1, std::memory_order_release);  // a target set by who has seen this is set for good
    futex::wake_all(woken_);
  }

  void work() {
    count_as_ours();
    for (uint64_t at = 0; wait_for_command(at); ++at) {
      prefetch_after(at);
      make(places_[at % kDepth].command, at);
      if (sequences_->keeps()) sequences_->look();
      if (!sequences_->keeps()) tell(at + 1);
    }
  }

  void make(CommandCopy& command, uint64_t at) {
    if (sequences_->go_on_with(command)) return;
    sequences_->end_before(command);
    const auto others_wait = [&] { return given_.load(std::memory_order_acquire) - at > kFewBehind; };
    if (!sequences_->begin_with(command, others_wait)) sequences_->make_alone(command);
  }

  // Nothing comes. What is kept may have been kept for too long.
  void look(uint64_t at) {
    sequences_->look();
    if (!sequences_->keeps()) tell(at);
  }

  // What the dispatcher wrote comes from its processor; while one launch is made, the next one's bytes do, and before
  // that the place that says where they are.
  void prefetch_after(uint64_t at) const {
    const uint64_t ready = given_.load(std::memory_order_acquire) - at;
    if (ready > 2) __builtin_prefetch(&places_[(at + 2) % kDepth]);
    if (ready <= 1) return;
    const std::vector<std::byte>& payload = places_[(at + 1) % kDepth].command.payload;
    for (size_t line = 0; line < std::min<size_t>(payload.size(), 4 * ring::kUnit); line += ring::kUnit)
      __builtin_prefetch(payload.data() + line);
  }

  // False when it is time to stop.
  bool wait_for_command(uint64_t at) {
    Spinner spinner;
    while (given_.load(std::memory_order_acquire) == at) {
      if (sequences_->keeps()) {
        look(at);
        continue;
      }
      if (stopping_.load(std::memory_order_acquire)) return given_.load(std::memory_order_acquire) != at;
      if (spinner.spin()) continue;
      sleep(at);
      spinner.reset();
    }
    return true;
  }

  bool has_news(uint64_t at) const {
    return given_.load(std::memory_order_acquire) != at || stopping_.load(std::memory_order_seq_cst);
  }

  // As the ring's consumer sleeps: announced, then watched for as long as a store can be on its way.
  void sleep(uint64_t at) {
    asleep_.store(1, std::memory_order_relaxed);
    std::atomic_thread_fence(std::memory_order_seq_cst);
    const auto until = std::chrono::steady_clock::now() + ring::kParkGrace;
    while (!has_news(at) && std::chrono::steady_clock::now() < until) cpu_relax();
    if (!has_news(at)) futex::wait(asleep_, 1, ring::kFirstSleep);
    while (!has_news(at) && asleep_.load(std::memory_order_relaxed) != 0) futex::wait(asleep_, 1, kForever);
    asleep_.store(0, std::memory_order_relaxed);
  }

  static constexpr uint64_t kNobody = ~uint64_t{0};
  static constexpr std::chrono::hours kForever{1};

  const std::unique_ptr<LaunchSequences> sequences_;
  std::vector<Place> places_;
  std::atomic<bool> stopping_{false};
  alignas(128) std::atomic<uint64_t> given_{0};  // the dispatcher's
  uint64_t known_done_ = 0;                      // the dispatcher's, too
  alignas(128) std::atomic<uint64_t> done_{0};   // the thread's
  alignas(128) std::atomic<uint32_t> asleep_{0};
  std::atomic<uint32_t> woken_{0};
  std::atomic<uint64_t> wake_at_{kNobody};  // the dispatcher sleeps until so many are done
  std::thread thread_;                      // last: it uses all the rest
};

LaunchLanes::LaunchLanes(unsigned lanes, MakeSequences make_sequences)
    : lane_limit_(std::min(lanes, kMostLanes)), make_sequences_(std::move(make_sequences)) {}

LaunchLanes::~LaunchLanes() = default;

unsigned LaunchLanes::suitable_count() {
  const unsigned processors = allowed_processors();
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

// One thread's launches are made one after the other, in a lane as well as here, and come here cheaper.
bool LaunchLanes::is_alone(const Key& key) {
  alone_ = key.thread == std::exchange(last_thread_, key.thread) ? alone_ + 1 : 0;
  if (alone_ < kLaunchesAlone) return false;
  drain_lanes();
  credit_ = 0;
  return true;
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
    while (lanes_.size() < lane) lanes_.push_back(std::make_unique<Lane>(make_sequences_(may_make_graphs_)));
  } catch (const std::system_error&) {
    return false;
  }
  return true;
}

void LaunchLanes::drain_lanes() {
  for (const auto& lane : lanes_) lane->wait_until_done();
  disengage();
}

void LaunchLanes::notice(uint16_t opcode) {
  if (LaunchSequences::changes_meaning(opcode)) may_make_graphs_ = false;
  for (const auto& lane : lanes_) lane->sequences().notice(opcode);
}

void LaunchLanes::rest() {
  if (engaged_ && std::all_of(lanes_.begin(), lanes_.end(), [](const auto& lane) { return lane->is_done(); }))
    disengage();
}

void LaunchLanes::disengage() {
  engaged_ = false;
  alone_ = 0;
  next_lane_ = 0;
  lane_of_thread_ = {};
  lane_of_stream_ = {};
}

}  // namespace vgpu::host
