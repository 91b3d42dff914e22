// SPDX-License-Identifier: Apache-2.0
#include "host/worker/syscall_filter.h"

#include <fcntl.h>
#include <linux/sched.h>
#include <seccomp.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <initializer_list>

#include "common/log.h"

namespace vgpu::host {
namespace {

// Memory, threads, time, and traffic on descriptors that are open already.
constexpr int kSoftAllowed[] = {
    SCMP_SYS(munmap),
    SCMP_SYS(mremap),
    SCMP_SYS(madvise),
    SCMP_SYS(brk),
    SCMP_SYS(msync),
    SCMP_SYS(mincore),
    SCMP_SYS(membarrier),
    SCMP_SYS(futex),
    SCMP_SYS(set_robust_list),
    SCMP_SYS(rseq),
    SCMP_SYS(set_tid_address),
    SCMP_SYS(exit),
    SCMP_SYS(exit_group),
    SCMP_SYS(read),
    SCMP_SYS(write),
    SCMP_SYS(readv),
    SCMP_SYS(writev),
    SCMP_SYS(pread64),
    SCMP_SYS(pwrite64),
    SCMP_SYS(recvmsg),
    SCMP_SYS(sendmsg),
    SCMP_SYS(poll),
    SCMP_SYS(ppoll),
    SCMP_SYS(epoll_create1),
    SCMP_SYS(epoll_ctl),
    SCMP_SYS(epoll_wait),
    SCMP_SYS(epoll_pwait),
    SCMP_SYS(eventfd2),
    SCMP_SYS(close),
    SCMP_SYS(dup),
    SCMP_SYS(fstat),
    SCMP_SYS(newfstatat),
    SCMP_SYS(lseek),
    SCMP_SYS(ftruncate),
    SCMP_SYS(fallocate),
    SCMP_SYS(memfd_create),
    SCMP_SYS(rt_sigaction),
    SCMP_SYS(rt_sigprocmask),
    SCMP_SYS(rt_sigreturn),
    SCMP_SYS(sigaltstack),
    SCMP_SYS(clock_gettime),
    SCMP_SYS(clock_getres),
    SCMP_SYS(clock_nanosleep),
    SCMP_SYS(nanosleep),
    SCMP_SYS(gettimeofday),
    SCMP_SYS(restart_syscall),
    SCMP_SYS(sched_yield),
    SCMP_SYS(sched_getaffinity),
    SCMP_SYS(sched_setaffinity),
    SCMP_SYS(sched_getparam),
    SCMP_SYS(sched_getscheduler),
    SCMP_SYS(getcpu),
    SCMP_SYS(getuid),
    SCMP_SYS(geteuid),
    SCMP_SYS(getgid),
    SCMP_SYS(getegid),
    SCMP_SYS(getppid),
    SCMP_SYS(getpid),
    SCMP_SYS(gettid),
    SCMP_SYS(getrandom),
    SCMP_SYS(getrusage),
    SCMP_SYS(sysinfo),
    SCMP_SYS(uname),
#ifdef VGPU_SANITIZED
    SCMP_SYS(pipe2),  // How a sanitizer finds out whether an address can be read.
#endif
};
// Calls that libraries make in passing and survive without: refused, not punished.
constexpr int kSoftRefused[] = {
    SCMP_SYS(open),   SCMP_SYS(openat), SCMP_SYS(access), SCMP_SYS(faccessat), SCMP_SYS(faccessat2),
    SCMP_SYS(stat),   SCMP_SYS(lstat),  SCMP_SYS(statx),  SCMP_SYS(readlink),  SCMP_SYS(readlinkat),
    SCMP_SYS(getcwd), SCMP_SYS(ioctl),  SCMP_SYS(mlock),  SCMP_SYS(mbind),     SCMP_SYS(setpriority),
};

// What no CUDA driver has a use for, and what has been a way out of processes before.
constexpr int kVendorForbidden[] = {
    SCMP_SYS(ptrace),
    SCMP_SYS(process_vm_readv),
    SCMP_SYS(process_vm_writev),
    SCMP_SYS(kexec_load),
    SCMP_SYS(kexec_file_load),
    SCMP_SYS(bpf),
    SCMP_SYS(perf_event_open),
    SCMP_SYS(userfaultfd),
    SCMP_SYS(mount),
    SCMP_SYS(umount2),
    SCMP_SYS(pivot_root),
    SCMP_SYS(chroot),
    SCMP_SYS(move_mount),
    SCMP_SYS(open_tree),
    SCMP_SYS(fsopen),
    SCMP_SYS(fsmount),
    SCMP_SYS(fsconfig),
    SCMP_SYS(fspick),
    SCMP_SYS(mount_setattr),
    SCMP_SYS(setns),
    SCMP_SYS(unshare),
    SCMP_SYS(init_module),
    SCMP_SYS(finit_module),
    SCMP_SYS(delete_module),
    SCMP_SYS(reboot),
    SCMP_SYS(swapon),
    SCMP_SYS(swapoff),
    SCMP_SYS(acct),
    SCMP_SYS(keyctl),
    SCMP_SYS(add_key),
    SCMP_SYS(request_key),
    SCMP_SYS(open_by_handle_at),
    SCMP_SYS(io_uring_setup),
    SCMP_SYS(io_uring_enter),
    SCMP_SYS(io_uring_register),
    SCMP_SYS(quotactl),
    SCMP_SYS(settimeofday),
    SCMP_SYS(clock_settime),
    SCMP_SYS(adjtimex),
    SCMP_SYS(sethostname),
    SCMP_SYS(pidfd_getfd),
    SCMP_SYS(personality),
    SCMP_SYS(iopl),
    SCMP_SYS(ioperm),
};
// A driver may try these (a helper program that loads its kernel module) and goes on without.
constexpr int kVendorRefused[] = {SCMP_SYS(execve), SCMP_SYS(execveat), SCMP_SYS(fork), SCMP_SYS(vfork)};

struct Filter {
  scmp_filter_ctx context;
  int status = 0;  // first failure
  explicit Filter(uint32_t otherwise) : context(::seccomp_init(otherwise)) {
    if (context == nullptr) status = -ENOMEM;
  }
  ~Filter() { ::seccomp_release(context); }
  Filter(const Filter&) = delete;
  Filter& operator=(const Filter&) = delete;

  void rule(uint32_t action, int call, std::initializer_list<scmp_arg_cmp> conditions = {}) {
    if (status == 0)
      status =
          ::seccomp_rule_add_array(context, action, call, static_cast<unsigned>(conditions.size()), conditions.begin());
    // An old libseccomp or kernel may not know a call: then there is nothing to forbid.
    if (status == -EDOM) status = 0;
  }
};

scmp_arg_cmp bits(unsigned argument, uint64_t mask, uint64_t value) {
  return {argument, SCMP_CMP_MASKED_EQ, mask, value};
}
scmp_arg_cmp equals(unsigned argument, uint64_t value) { return {argument, SCMP_CMP_EQ, value, 0}; }

// Threads may be started, processes may not. clone3 hides its flags behind a pointer, so the C library is told that
// the kernel does not have it, and uses clone.
void allow_threads_only(Filter& filter, bool is_default) {
  constexpr uint64_t kThread = CLONE_THREAD | CLONE_VM | CLONE_SIGHAND;
  filter.rule(SCMP_ACT_ERRNO(ENOSYS), SCMP_SYS(clone3));
  if (!is_default) filter.rule(SCMP_ACT_ALLOW, SCMP_SYS(clone), {bits(0, kThread, kThread)});
  if (is_default) filter.rule(SCMP_ACT_ERRNO(EPERM), SCMP_SYS(clone), {bits(0, CLONE_THREAD, 0)});
}

// vgpud writes to a worker's doorbell and reads its wake event, whose flags both have: none may come to block.
constexpr int kSoftControl[] = {F_DUPFD, F_DUPFD_CLOEXEC, F_GETFD, F_SETFD, F_GETFL, F_ADD_SEALS, F_GET_SEALS};

void fill_soft(Filter& filter) {
  for (const int call : kSoftAllowed) filter.rule(SCMP_ACT_ALLOW, call);
  for (const int what : kSoftControl)
    filter.rule(SCMP_ACT_ALLOW, SCMP_SYS(fcntl), {equals(1, static_cast<uint64_t>(what))});
  filter.rule(SCMP_ACT_ALLOW, SCMP_SYS(fcntl), {equals(1, F_SETFL), bits(2, O_NONBLOCK, O_NONBLOCK)});
  for (const int call : kSoftRefused) filter.rule(SCMP_ACT_ERRNO(EACCES), call);
  allow_threads_only(filter, false);
  // No new code: everything that runs was loaded before the guest was heard.
  filter.rule(SCMP_ACT_ALLOW, SCMP_SYS(mmap), {bits(2, PROT_EXEC, 0)});
  filter.rule(SCMP_ACT_ALLOW, SCMP_SYS(mprotect), {bits(2, PROT_EXEC, 0)});
  filter.rule(SCMP_ACT_ALLOW, SCMP_SYS(tgkill), {equals(0, static_cast<uint64_t>(::getpid()))});
  filter.rule(SCMP_ACT_ALLOW, SCMP_SYS(prctl), {equals(0, PR_SET_NAME)});
  filter.rule(SCMP_ACT_ALLOW, SCMP_SYS(prctl), {equals(0, PR_SET_VMA)});
}

void fill_vendor(Filter& filter, uint32_t violation) {
  for (const int call : kVendorForbidden) filter.rule(violation, call);
  for (const int call : kVendorRefused) filter.rule(SCMP_ACT_ERRNO(EPERM), call);
  allow_threads_only(filter, true);
  constexpr uint64_t kInt = 0xffffffff;
  filter.rule(SCMP_ACT_ERRNO(EPERM), SCMP_SYS(fcntl), {bits(1, kInt, F_SETFL), bits(2, O_NONBLOCK, 0)});
  filter.rule(SCMP_ACT_ERRNO(EPERM), SCMP_SYS(ioctl), {bits(1, kInt, FIONBIO)});
  const auto self = static_cast<uint64_t>(::getpid());
  for (const int call : {SCMP_SYS(kill), SCMP_SYS(tgkill)})
    filter.rule(SCMP_ACT_ERRNO(EPERM), call, {{0, SCMP_CMP_NE, self, 0}});
  filter.rule(SCMP_ACT_ERRNO(EPERM), SCMP_SYS(pidfd_send_signal));
  filter.rule(SCMP_ACT_ERRNO(EPERM), SCMP_SYS(prlimit64), {{0, SCMP_CMP_NE, 0, 0}});
  filter.rule(SCMP_ACT_ERRNO(EAFNOSUPPORT), SCMP_SYS(socket), {{0, SCMP_CMP_NE, AF_UNIX, 0}});
}

// Debugging only: the process ends all the same, but says first what it tried.
void name_violations() {
  struct sigaction action = {};
  action.sa_flags = SA_SIGINFO;
  action.sa_sigaction = [](int, siginfo_t* about, void*) {
    char* const name = ::seccomp_syscall_resolve_num_arch(SCMP_ARCH_NATIVE, about->si_syscall);
    VGPU_ERROR("sandbox: forbidden system call %d (%s)", about->si_syscall, name != nullptr ? name : "unknown");
    ::_exit(159);
  };
  ::sigaction(SIGSYS, &action, nullptr);
}

}  // namespace

Result<void> install_syscall_filter(SandboxProfile profile) {
  const bool named = log::level() >= log::Level::debug;
  if (named) name_violations();
  const uint32_t violation = named ? SCMP_ACT_TRAP : SCMP_ACT_KILL_PROCESS;
  Filter filter(profile == SandboxProfile::soft ? violation : SCMP_ACT_ALLOW);
  if (filter.status == 0) filter.status = ::seccomp_attr_set(filter.context, SCMP_FLTATR_CTL_TSYNC, 1);
  if (profile == SandboxProfile::soft) fill_soft(filter);
  else fill_vendor(filter, violation);
  if (filter.status == 0) filter.status = ::seccomp_load(filter.context);
  if (filter.status == 0) return {};
  return Error::from_errno("cannot install the worker's system call filter (vgpud --no-sandbox goes without)",
                           -filter.status);
}

}  // namespace vgpu::host
