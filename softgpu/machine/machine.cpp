// SPDX-License-Identifier: Apache-2.0
#include "softgpu/machine/machine.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <deque>
#include <list>
#include <mutex>
#include <system_error>
#include <thread>
#include <vector>

#include "softgpu/machine/call.h"
#include "softgpu/machine/cluster.h"
#include "softgpu/machine/float_environment.h"
#include "softgpu/machine/function.h"

namespace vgpu::soft {

namespace {

using Clock = std::chrono::steady_clock;

// How long a pool thread stays with one kernel while others want threads, too.
constexpr auto kTurn = std::chrono::milliseconds(1);
// What blocks that wait for others of their grid may take up before no further ones are started.
constexpr uint64_t kResidentBytes = uint64_t{1} << 29;
// What a cluster may take up. A device's memory would not hold it either.
constexpr uint64_t kMaxClusterBytes = uint64_t{1} << 32;
// Local memory per thread beyond the variables of the functions: recursion takes less per call here than on a GPU,
// where registers are saved, but a driver's default limit should not surprise anybody.
constexpr uint32_t kCallStackFactor = 2;

// One launch while it runs. Lives on the stack of Machine::run.
struct Job {
  Job(const Kernel& kernel, const Environment& environment, MemoryMap& map)
      : state(kernel, kernel.code(), environment, map) {}

  LaunchState state;
  uint64_t total = 0;  // clusters, of a single block mostly
  size_t limit = 1;    // of them in flight
  std::atomic<uint32_t> users{0};
  alignas(64) uint32_t workspace[2] = {sizeof workspace, 0};  // see LaunchState::grid_workspace

  std::mutex mutex;  // guards the rest
  std::condition_variable changed;
  uint64_t next = 0;  // cluster that has not been started
  uint64_t finished = 0;
  size_t made = 0;  // Cluster objects
  size_t due = 0;   // clusters to be started although others wait for a turn
  std::vector<std::unique_ptr<Cluster>> idle;
  std::deque<std::unique_ptr<Cluster>> parked;  // started, not finished, waiting for a turn

  bool over() const { return finished == total || state.stop.load(std::memory_order_relaxed); }
  bool has_work() const { return !over() && (!parked.empty() || (next < total && (!idle.empty() || made < limit))); }
};

}  // namespace

class Machine::Pool {
 public:
  explicit Pool(MemoryMap& map) : map_(map) {}
  ~Pool();

  bool start(unsigned threads);
  unsigned threads() const { return threads_; }
  MemoryMap& map() { return map_; }
  Result<void, Fault> run(const Launch& launch, const Environment& environment);

 private:
  // Adds what the grid left to be done to `after`, whose last is next.
  Result<void, Fault> run_grid(const Launch& launch, const Environment& environment, std::vector<DeviceWork>& after);
  void serve(uint32_t worker);
  // Runs clusters of the job while there are any; a pool thread gives way after its turn.
  void work(Job& job, uint32_t worker, bool own);
  // The next cluster to run; `ended`, if any, is the finished one that the same thread had before.
  std::unique_ptr<Cluster> take(Job& job, uint32_t worker, std::unique_ptr<Cluster> ended);
  // How many wait for a turn then.
  static size_t put(Job& job, std::unique_ptr<Cluster> cluster, Block::Progress progress);
  // Under the job's mutex.
  static void finish(Job& job, std::unique_ptr<Cluster> cluster);
  void wait(Job& job, uint32_t worker);

  MemoryMap& map_;
  unsigned threads_ = 1;
  std::vector<std::thread> workers_;
  std::atomic<uint32_t> callers_{0};

  std::mutex mutex_;  // guards the rest; taken before a job's mutex, never after it
  std::condition_variable work_arrived_;
  std::list<Job*> jobs_;
  bool ending_ = false;
};

bool Machine::Pool::start(unsigned threads) {
  threads_ = std::max(1u, threads);
  // The thread that launches a kernel works on it as well.
  for (unsigned i = 1; i < threads_; ++i) {
    try {
      workers_.emplace_back([this, i] { serve(i); });
    } catch (const std::system_error&) {
      return false;
    }
  }
  return true;
}

Machine::Pool::~Pool() {
  {
    std::lock_guard lock(mutex_);
    ending_ = true;
  }
  work_arrived_.notify_all();
  for (std::thread& worker : workers_) worker.join();
}

void Machine::Pool::serve(uint32_t worker) {
  std::unique_lock lock(mutex_);
  for (;;) {
    Job* job = nullptr;
    for (auto it = jobs_.begin(); it != jobs_.end(); ++it) {
      std::lock_guard guard((*it)->mutex);
      if (!(*it)->has_work()) continue;
      job = *it;
      jobs_.splice(jobs_.end(), jobs_, it);  // The next thread looks at the others first.
      break;
    }
    if (job == nullptr) {
      if (ending_) return;
      work_arrived_.wait(lock);
      continue;
    }
    ++job->users;
    lock.unlock();
    work(*job, worker, false);
    {
      std::lock_guard guard(job->mutex);
      --job->users;
      job->changed.notify_all();
    }
    lock.lock();
  }
}

std::unique_ptr<Cluster> Machine::Pool::take(Job& job, uint32_t worker, std::unique_ptr<Cluster> ended) {
  std::unique_lock lock(job.mutex);
  if (ended != nullptr) finish(job, std::move(ended));
  if (job.over()) return nullptr;
  std::unique_ptr<Cluster> cluster;
  const bool fresh = job.next < job.total && (!job.idle.empty() || job.made < job.limit);
  if (fresh && (job.due > 0 || job.parked.empty())) {
    if (job.due > 0) --job.due;
    const uint64_t index = job.next++;
    if (job.idle.empty()) {
      ++job.made;
    } else {
      cluster = std::move(job.idle.back());
      job.idle.pop_back();
    }
    // What a block begins with takes as long as a short block; the other threads need not wait for it.
    lock.unlock();
    if (cluster == nullptr) cluster = Cluster::create(job.state, worker);
    cluster->start(index);
  } else if (!job.parked.empty()) {
    cluster = std::move(job.parked.front());
    job.parked.pop_front();
  }
  return cluster;
}

void Machine::Pool::finish(Job& job, std::unique_ptr<Cluster> cluster) {
  ++job.finished;
  ++job.due;
  job.idle.push_back(std::move(cluster));
  if (job.over()) job.changed.notify_all();
}

size_t Machine::Pool::put(Job& job, std::unique_ptr<Cluster> cluster, Block::Progress progress) {
  std::lock_guard lock(job.mutex);
  if (progress == Block::Progress::finished) {
    finish(job, std::move(cluster));
    return job.parked.size();
  }
  const bool waits = progress == Block::Progress::spinning || progress == Block::Progress::pausing;
  if (progress == Block::Progress::spinning) ++job.due;
  if (waits) job.parked.push_back(std::move(cluster));
  if (job.over() || waits) job.changed.notify_all();
  return job.parked.size();
}

void Machine::Pool::work(Job& job, uint32_t worker, bool own) {
  const FloatEnvironment environment;
  const Clock::time_point end = Clock::now() + kTurn;
  std::unique_ptr<Cluster> ended;
  size_t spun = 0;  // clusters in a row that ended their turns waiting
  while (auto cluster = take(job, worker, std::move(ended))) {
    const Block::Progress progress = cluster->run();
    const bool turn_is_over = !own && Clock::now() >= end;
    if (progress == Block::Progress::finished && !turn_is_over) {
      ended = std::move(cluster);
      spun = 0;
      continue;
    }
    const size_t parked = put(job, std::move(cluster), progress);
    // What all of them wait for may be the work of a thread that another program's has taken the processor from. Before
    // each has had its turn it is more likely theirs, and on a busy machine the processor comes back late.
    const bool waits = progress == Block::Progress::spinning || progress == Block::Progress::pausing;
    if (waits && ++spun >= parked) {
      std::this_thread::yield();
      spun = 0;
    }
    if (turn_is_over) return;
  }
}

// The launching thread helps until nothing is left to start, then waits for what runs elsewhere.
void Machine::Pool::wait(Job& job, uint32_t worker) {
  for (;;) {
    work(job, worker, true);
    std::unique_lock lock(job.mutex);
    if (job.over()) return;
    if (!job.has_work()) job.changed.wait(lock, [&] { return job.over() || job.has_work(); });
    if (job.over()) return;
  }
}

// A grid has ended when what it launched has, so that comes before anything else that waits.
Result<void, Fault> Machine::Pool::run(const Launch& launch, const Environment& environment) {
  std::vector<DeviceWork> after;
  TRY(run_grid(launch, environment, after));
  Environment inner = environment;
  while (!after.empty()) {
    const DeviceWork work = std::move(after.back());
    after.pop_back();
    if (work.kernel == nullptr) {
      TRY(move_bytes(work, map_));
      continue;
    }
    inner.grid_id = next_device_grid_id();
    Launch child;
    child.kernel = work.kernel;
    child.grid = work.grid;
    child.block = work.block;
    child.dynamic_shared_bytes = work.dynamic_shared_bytes;
    child.parameters = work.parameters;
    TRY(run_grid(child, inner, after));
  }
  return {};
}

Result<void, Fault> Machine::Pool::run_grid(const Launch& launch, const Environment& environment,
                                            std::vector<DeviceWork>& after) {
  const Kernel& kernel = *launch.kernel;
  Job job(kernel, environment, map_);
  LaunchState& state = job.state;
  state.grid = launch.grid;
  state.block = launch.block;
  state.cluster = launch.cluster;
  state.static_shared_bytes = kernel.code().dynamic_shared_begin;
  state.dynamic_shared_bytes = launch.dynamic_shared_bytes;
  state.local_stride = kernel.stack_bytes();
  if (kernel.needs_call_stack())
    state.local_stride += std::clamp(environment.call_stack_bytes, 1024u, kMaxLocalBytes) * kCallStackFactor;
  state.local_stride = (state.local_stride + 15u) / 16u * 16u;
  const uint64_t bytes =
      (uint64_t{state.local_stride} * state.threads_per_block() + state.static_shared_bytes +
       state.dynamic_shared_bytes + uint64_t{kernel.entry().total_bytes() + 16384} * state.warps_per_block()) *
      state.blocks_per_cluster();
  if (bytes > kMaxClusterBytes)
    return Fault{CUDA_ERROR_LAUNCH_OUT_OF_RESOURCES, kernel.name() + ": no memory for so many threads of a block"};
  state.cooperative = launch.cooperative;
  state.nsmid = threads_;
  if (launch.cooperative) {
    state.grid_workspace = reinterpret_cast<uint64_t>(job.workspace);
    map_.add(state.grid_workspace, sizeof job.workspace, true);
  }
  std::vector<std::byte> parameters(launch.parameters.begin(), launch.parameters.end());
  parameters.resize(kernel.parameter_bytes() + 16);
  state.parameters = parameters.data();
  state.parameter_size = kernel.parameter_bytes();
  job.total = uint64_t{launch.grid.x} * launch.grid.y * launch.grid.z / state.blocks_per_cluster();
  job.limit =
      launch.cooperative ? job.total : std::max<uint64_t>(kResidentBytes / bytes, 2 * threads_ + callers_.load() + 2);

  job.due = threads_;

  const uint32_t worker = callers_.fetch_add(1) % threads_;
  const bool shared = job.total > 1 && !workers_.empty();
  if (shared) {
    {
      std::lock_guard lock(mutex_);
      jobs_.push_front(&job);
    }
    if (job.total > 2) {
      work_arrived_.notify_all();
    } else {
      work_arrived_.notify_one();
    }
  }
  wait(job, worker);
  callers_.fetch_sub(1);
  if (shared) {
    std::lock_guard lock(mutex_);
    jobs_.remove(&job);
  }
  {
    std::unique_lock lock(job.mutex);
    job.changed.wait(lock, [&] { return job.users.load() == 0; });
  }
  if (launch.cooperative) map_.remove(state.grid_workspace);
  if (auto fault = state.take_fault()) return std::move(*fault);
  state.launches.take(after);
  return {};
}

Machine::Machine(std::unique_ptr<Pool> pool) : pool_(std::move(pool)) {}
Machine::~Machine() = default;

Result<std::unique_ptr<Machine>, CUresult> Machine::create(MemoryMap& map, unsigned threads) {
  auto pool = std::make_unique<Pool>(map);
  if (!pool->start(threads)) return CUDA_ERROR_OPERATING_SYSTEM;
  return std::unique_ptr<Machine>(new Machine(std::move(pool)));
}

unsigned Machine::threads() const { return pool_->threads(); }

Result<void, Fault> Machine::run(const Launch& launch, const Environment& environment) {
  const uint64_t threads = uint64_t{launch.block.x} * launch.block.y * launch.block.z;
  const bool empty_grid = launch.grid.x == 0 || launch.grid.y == 0 || launch.grid.z == 0;
  if (launch.kernel == nullptr || threads == 0 || threads > 1024 || empty_grid) {
    return Fault{CUDA_ERROR_INVALID_VALUE, "a launch needs a kernel, 1 to 1024 threads per block, and a grid"};
  }
  if (launch.parameters.size() < launch.kernel->parameter_bytes()) {
    return Fault{CUDA_ERROR_INVALID_VALUE, launch.kernel->name() + ": too few parameter bytes"};
  }
  const Dim3& cluster = launch.cluster;
  const uint64_t blocks = uint64_t{cluster.x} * cluster.y * cluster.z;
  if (blocks == 0 || blocks > kMaxClusterSize || launch.grid.x % cluster.x != 0 || launch.grid.y % cluster.y != 0 ||
      launch.grid.z % cluster.z != 0) {
    return Fault{CUDA_ERROR_INVALID_CLUSTER_SIZE, launch.kernel->name() + ": the grid is not made of such clusters"};
  }
  return pool_->run(launch, environment);
}

}  // namespace vgpu::soft
