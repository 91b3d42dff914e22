// SPDX-License-Identifier: Apache-2.0
#include "host/daemon/daemon.h"

#include <fcntl.h>
#include <fmt/core.h>
#include <signal.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <systemd/sd-daemon.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <filesystem>

#include "common/driver_variables.h"
#include "common/log.h"
#include "host/daemon/driver_choice.h"

namespace vgpu::host {
namespace {

constexpr auto kQueryLimit = std::chrono::milliseconds(300);
constexpr int kClientsPerTurn = 16;

}  // namespace

Result<std::unique_ptr<Daemon>> Daemon::create(const Options& options) {
  WorkerOptions worker = TRY(choose_worker(options));
  worker.launch_graphs = options.launch_graphs;
  std::unique_ptr<EventLoop> loop = TRY(EventLoop::create());
  std::unique_ptr<Daemon> daemon(new Daemon(options, std::move(worker), std::move(loop)));
  daemon->spare_fd_.reset(::open("/dev/null", O_RDONLY | O_CLOEXEC));
  TRY(daemon->choose_one_gpu());
  daemon->make_worker_files();
  daemon->prepare_reports();
  TRY(daemon->watch_ends());
  TRY(daemon->listen());
  TRY(daemon->serve_vm());
  TRY(daemon->serve_metrics());
  return daemon;
}

Result<void> Daemon::choose_one_gpu() {
  if (options_.gpu.empty()) return {};
  if (worker_options_.kind == DriverKind::soft)
    return options_.gpu == "0" ? Result<void>() : Error{"--gpu: the software GPU is number 0, and the only one"};
  gpu_ = TRY(choose_gpu(host_gpus(), options_.gpu));
  worker_options_.variables = {{kVisibleDevices, visible_to(*gpu_, std::nullopt)}};
  return {};
}

// Programs of several owners must not share one: whoever may write to it chooses what the others run.
void Daemon::make_worker_files() {
  worker_options_.code_cache = options_.code_cache;
  if (!worker_options_.one_owner || worker_options_.kind == DriverKind::soft) return;
  auto files = WorkerFiles::create(options_.vm_socket.empty() ? FileUsers::same_user : FileUsers::guest);
  if (!files) {
    VGPU_DEBUG("no files for the driver: %s", files.error().message.c_str());
    return;
  }
  worker_files_.emplace(std::move(*files));
  worker_options_.files = worker_files_->path();
}

// The monitor itself is started when somebody asks. Programs can compute without one.
void Daemon::prepare_reports() {
  MonitorOptions options;
  auto executable = find_installed("the monitor", {"vgpu-monitor", "../libexec/vgpu/vgpu-monitor"});
  if (executable.ok()) options.executable = std::move(*executable);
  else VGPU_DEBUG("no readings of the card: %s", executable.error().message.c_str());
  options.driver_path = worker_options_.driver_path;
  options.kind = worker_options_.kind;
  options.sandbox = worker_options_.sandbox;
  if (gpu_) options.only = gpu_->uuid;
  monitor_ = std::make_unique<Monitor>(*loop_, std::move(options));
  events_ = std::make_unique<Events>(*monitor_);
  monitor_->on_event = [this](const monitor::CardEvent& event) { events_->card_event(event); };
  reports_ = std::make_unique<Reports>(*this, *monitor_, traces_, *events_);
}

Result<void> Daemon::watch_ends() {
  ::signal(SIGPIPE, SIG_IGN);
  // A file size limit must fail the call that meets it, not the daemon.
  ::signal(SIGXFSZ, SIG_IGN);
  sigset_t ends;
  ::sigemptyset(&ends);
  for (const int signal : {SIGTERM, SIGINT, SIGHUP}) ::sigaddset(&ends, signal);
  ::sigprocmask(SIG_BLOCK, &ends, nullptr);
  signals_.reset(::signalfd(-1, &ends, SFD_CLOEXEC | SFD_NONBLOCK));
  if (!signals_) return Error::from_errno("cannot receive signals");
  signals_watch_ = TRY(loop_->watch(signals_.get(), EPOLLIN, [this](uint32_t) { stopping_ = true; }));
  if (options_.lifeline_fd < 0) return {};
  lifeline_.reset(options_.lifeline_fd);
  ::fcntl(lifeline_.get(), F_SETFD, FD_CLOEXEC);
  auto watched = loop_->watch(lifeline_.get(), 0, [this](uint32_t) { stopping_ = true; });
  if (!watched) return Error{"--lifeline-fd: " + watched.error().message};
  lifeline_watch_ = std::move(watched).value();
  return {};
}

Result<void> Daemon::listen() {
  if (options_.socket.empty()) return {};
  listener_ = std::make_unique<Listener>(TRY(Listener::open(options_.socket, options_.socket_mode, SOCK_SEQPACKET)));
  listener_watch_ = TRY(loop_->watch(listener_->fd(), EPOLLIN, [this](uint32_t) { accept_clients(); }));
  return {};
}

Result<void> Daemon::serve_metrics() {
  if (options_.metrics.empty()) return {};
  metrics_ = TRY(MetricsServer::open(*loop_, options_.metrics, options_.socket_mode,
                                     [this](auto answered) { reports_->metrics(std::move(answered)); }));
  // A port that was left to the machine is known to nobody yet.
  const bool is_news = metrics_->where() != options_.metrics;
  if (log::level() >= (is_news ? log::Level::error : log::Level::info))
    log::write(log::Level::info, "metrics on %s", metrics_->where().c_str());
  return {};
}

Result<PciIdentity> Daemon::identity() const {
  if (!options_.pci_identity.empty()) return parse_identity(options_.pci_identity);
  if (gpu_) return identity_of(gpu_->address);
  const std::vector<HostGpu> gpus = worker_options_.kind == DriverKind::vendor ? host_gpus() : std::vector<HostGpu>();
  return gpus.empty() ? PciIdentity() : identity_of(gpus.front().address);
}

Result<void> Daemon::serve_vm() {
  if (options_.vm_socket.empty()) return {};
  const std::string executable = TRY(find_installed("the holder", {"vgpu-holder", "../libexec/vgpu/vgpu-holder"}));
  const PciIdentity shown = TRY(identity());
  holder_ = TRY(Holder::start(executable));
  vm_sessions_ = std::make_unique<VmSessions>(
      *loop_, *this, [this](std::unique_ptr<Session> session) { sessions_.add(std::move(session)); },
      [this](int pidfd) { holder_->worker(pidfd); }, options_.max_sessions / 2);
  vm_device_ = TRY(VmDevice::create(*loop_, options_.vm_socket, shown, options_.max_sessions, *vm_sessions_, *holder_));
  vm_sessions_->set_channel(*vm_device_);
  return {};
}

void Daemon::announce_ready() const {
  for (const std::string& path : {options_.socket, options_.vm_socket})
    if (!path.empty()) VGPU_INFO("listening on %s; driver %s", path.c_str(), worker_options_.driver_path.c_str());
  ::sd_notify(0, fmt::format("READY=1\nSTATUS=Driver: {}", worker_options_.driver_path).c_str());
  if (options_.ready_fd < 0) return;
  if (::write(options_.ready_fd, "\n", 1) != 1) VGPU_WARN("--ready-fd %d: nobody reads it", options_.ready_fd);
  ::close(options_.ready_fd);
}

void Daemon::run() {
  announce_ready();
  while (!stopping_) {
    tidy();
    loop_->turn(milliseconds_to_wait());
  }
  ::sd_notify(0, "STOPPING=1");
  VGPU_INFO("ending");
}

Daemon::~Daemon() {
  listener_watch_ = Watch();
  // All are told first, then waited for one by one.
  sessions_.announce_end();
  if (vm_sessions_ != nullptr) vm_sessions_->drop_all([] {});
  sessions_.each_worker([](Worker& worker) { worker.kill(); });
  sessions_.clear();
  spares_.clear();
  // No worker is left that could touch the VM's memory.
  if (vm_device_ != nullptr) vm_device_->end();
  listener_.reset();
  if (options_.lifeline_fd < 0) return;
  // Whoever held the lifeline cannot clean up any more. A directory that is not empty stays.
  const std::string& path = options_.socket.empty() ? options_.vm_socket : options_.socket;
  ::rmdir(std::filesystem::path(path).parent_path().c_str());
}

void Daemon::accept_clients() {
  for (int i = 0; i < kClientsPerTurn; ++i) {
    UniqueFd client(::accept4(listener_->fd(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
    if (!client) {
      if (errno == EMFILE || errno == ENFILE) turn_away();
      return;
    }
    // Connections that never say hello must not pile up.
    if (sessions_.size() >= 2 * size_t{options_.max_sessions} + 16) {
      send_control(client.get(), text_message(wire::Control::refused, "vgpud has too many connections"), {},
                   MSG_DONTWAIT);
      continue;
    }
    auto session = SocketSession::open(*loop_, *this, std::move(client));
    if (session) sessions_.add(std::move(session).value());
    else VGPU_WARN_THROTTLED("%s", session.error().message.c_str());
  }
}

// Without this the client would stay in the queue, and the loop would spin on it.
void Daemon::turn_away() {
  spare_fd_.reset();
  UniqueFd client(::accept4(listener_->fd(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
  if (client) {
    sessions_.note_refused();
    send_control(client.get(),
                 text_message(wire::Control::refused,
                              "vgpud has no file descriptors left; end some programs or raise its limit (ulimit -n)"),
                 {}, MSG_DONTWAIT);
    VGPU_WARN_THROTTLED("out of file descriptors: a client was turned away");
  }
  client.reset();  // Its number is the one that there is for the spare.
  spare_fd_.reset(::open("/dev/null", O_RDONLY | O_CLOEXEC));
}

Result<std::unique_ptr<Worker>> Daemon::take_worker(const DriverVariables& variables) {
  if (sessions_.workers() >= options_.max_sessions)
    return Error{fmt::format("all {} sessions of this vgpud are in use; end a program or raise --max-sessions",
                             options_.max_sessions)};
  // A spare's driver has read them already, as they stand for the daemon itself.
  if (!std::all_of(variables.begin(), variables.end(), says_nothing_new)) {
    WorkerOptions options = worker_options_;
    for (const DriverVariable& variable : variables) {
      std::erase_if(options.variables, [&](const DriverVariable& other) { return other.name == variable.name; });
      const bool is_restricted = gpu_ && variable.name == kVisibleDevices;
      options.variables.push_back({variable.name, is_restricted ? visible_to(*gpu_, variable.value) : variable.value});
    }
    return Worker::start(*loop_, limit_, options);
  }
  if (std::unique_ptr<Worker> spare = spares_.take()) return spare;
  return Worker::start(*loop_, limit_, worker_options_);
}

void Daemon::query_statistics(SocketSession& session, uint64_t id) {
  query(&session, [this, &session, id] {
    wire::ControlMessage message = {};
    message.type = wire::Control::statistics;
    message.id = id;
    const wire::DaemonStatistics sum = daemon_statistics();
    static_assert(sizeof sum <= sizeof message.text);
    std::memcpy(message.text, &sum, sizeof sum);
    session.send(message);
  });
}

void Daemon::query(SocketSession* session, std::function<void()> answer) {
  // More open questions than this is no client of ours: it is told what is known. Others' questions are not its.
  constexpr ptrdiff_t kMostOfSession = 16;
  const auto is_its = [session](const Query& query) { return query.session == session; };
  if (session != nullptr && std::count_if(queries_.begin(), queries_.end(), is_its) >= kMostOfSession) return answer();
  const uint64_t number = next_query_++;
  queries_.push_back({session, number, Clock::now() + kQueryLimit, std::move(answer)});
  sessions_.each_worker([number](Worker& worker) {
    if (worker.ready()) worker.ask_statistics(number);
  });
}

void Daemon::after(std::chrono::milliseconds time, std::function<void()> done) {
  timers_.push_back({Clock::now() + time, std::move(done)});
}

void Daemon::run_timers() {
  std::vector<std::function<void()>> due;
  std::erase_if(timers_, [&, now = Clock::now()](Timer& timer) {
    if (now < timer.when) return false;
    due.push_back(std::move(timer.run));
    return true;
  });
  for (const auto& run : due) run();
}

// Between events: everything that must not happen inside a handler.
void Daemon::tidy() {
  sessions_.each_worker([](Worker& worker) { worker.expire(); });
  if (std::exchange(sessions_changed_, false))
    sessions_.drop_ended([this](const Session& session) {
      std::erase_if(queries_, [&](const Query& query) { return query.session == &session; });
    });
  sessions_.drop_workers();
  spares_.drop_ended();
  monitor_->expire();
  if (metrics_ != nullptr) metrics_->expire();
  traces_.expire();
  events_->expire();
  run_timers();  // Before the questions: it asks some.
  answer_queries();
  if (!stopping_) spares_.fill(worker_options_);
}

// A question waits for the sessions that are just ending, so that a program's last calls are counted.
void Daemon::answer_queries() {
  if (queries_.empty()) return;
  std::vector<std::function<void()>> answers;
  const auto now = Clock::now();
  std::erase_if(queries_, [&](Query& query) {
    bool waits = sessions_.is_leaving();
    sessions_.each_worker(
        [&](Worker& worker) { waits |= worker.ready() && !worker.ended() && worker.answered_query() < query.number; });
    if (waits && now < query.deadline) return false;
    answers.push_back(std::move(query.answer));
    return true;
  });
  for (const auto& answer : answers) answer();
}

wire::DaemonStatistics Daemon::daemon_statistics() const {
  wire::DaemonStatistics sum = sessions_.statistics();
  sum.device_bytes = limit_.used();
  sum.device_peak = limit_.peak();
  sum.device_limit = limit_.limit();
  return sum;
}

int Daemon::milliseconds_to_wait() const {
  std::optional<Clock::time_point> next;
  const auto consider = [&next](Clock::time_point point) { next = next ? std::min(*next, point) : point; };
  sessions_.each_worker([&](Worker& worker) {
    if (worker.deadline()) consider(*worker.deadline());
  });
  for (const Query& query : queries_) consider(query.deadline);
  for (const Timer& timer : timers_) consider(timer.when);
  if (const auto spares = spares_.deadline()) consider(*spares);
  if (const auto monitor = monitor_->deadline()) consider(*monitor);
  if (metrics_ != nullptr && metrics_->deadline()) consider(*metrics_->deadline());
  if (const auto traces = traces_.deadline()) consider(*traces);
  if (const auto events = events_->deadline()) consider(*events);
  if (sessions_changed_) return 0;
  if (!next) return -1;
  const auto left = std::chrono::ceil<std::chrono::milliseconds>(*next - Clock::now()).count();
  return static_cast<int>(std::max<decltype(left)>(left, 0));
}

}  // namespace vgpu::host
