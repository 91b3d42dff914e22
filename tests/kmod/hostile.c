// SPDX-License-Identifier: Apache-2.0
// An unprivileged user who does everything to /dev/vgpuN that can be done, from inside a guest, in several processes
// with threads that share their files; and is killed in the midst of it: hostile DEVICE PROCESSES SECONDS [SEED]
// What comes back does not matter. What is looked at is the kernel (its log), the host, and what is left (guest/hostile.sh).
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "tests/kmod/chance.h"
#include "uapi/linux/vgpu.h"

#define FILES 4
#define VIEWS 16
#define THREADS 3
#define NOBODY 65534

static const char* device;
static _Atomic int files[FILES];       // a thread closes what another one uses
static char* _Atomic views[VIEWS];     // mappings, of REAL_BYTES or less, that may be gone
static _Atomic size_t view_bytes[VIEWS];
static char* own;  // memory to pin, PAGE * 256

// A number as they are in these structs, or near the edge of something.
static uint64_t number(void) {
  static const uint64_t edges[] = {0, 1, 2, 4, PAGE - 1, PAGE, PAGE + 1, 2 * PAGE, REAL_BYTES, 1 << 23, 1 << 30, 1ULL << 31,
                                   1ULL << 32, 1ULL << 40, 1ULL << 47, 1ULL << 63, ~0ULL, ~0ULL - PAGE + 1, ~0ULL << 32};
  switch (below(6)) {
    case 0: return any();
    case 1: return below(64);
    case 2: return below(512) * PAGE;
    case 3: return (uintptr_t)own + below(256) * PAGE;
    case 4: return (uintptr_t)views[below(VIEWS)] + below(4) * PAGE;
    default: return edges[below(sizeof edges / sizeof *edges)];
  }
}

static struct timespec soon(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  time.tv_nsec += (long)below(20000000);
  return time;
}

static int file(void) { return files[below(FILES)]; }

static void start_session(int fd) {
  char reason[128];
  struct vgpu_open open = {.bytes = REAL_BYTES, .format = REAL_FORMAT, .reason = (uintptr_t)reason, .reason_bytes = sizeof reason};
  if (!below(8)) open.bytes = number();
  if (!below(8)) open.format = (uint32_t)any();
  if (!below(8)) open.text = number(), open.flags = (uint32_t)below(4), open.text_bytes = (uint32_t)number();
  if (!below(8)) open.reason = number(), open.reason_bytes = (uint32_t)number();
  ioctl(fd, VGPU_IOCTL_OPEN, &open);
}

static void renew_file(void) {
  int fresh = open(device, O_RDWR | O_CLOEXEC);
  int old = atomic_exchange(&files[below(FILES)], fresh);
  if (old >= 0) close(old);
  if (fresh >= 0 && below(4)) start_session(fresh);
}

// Any number, any direction, any size, any bytes.
static void noise(void) {
  static const unsigned sizes[] = {0, 1, 4, 8, 16, 20, 24, 32, 40, 48, 56, 64, 128, 4096, 16383};
  uint64_t bytes[2048];
  for (size_t i = 0; i < sizeof bytes / sizeof *bytes; ++i) bytes[i] = i < 8 ? number() : 0;
  unsigned command = 0x80 + (unsigned)below(14);
  // Not OPEN: each would start a worker.
  if (command == 0x81) command = 0x8c;
  unsigned size = sizes[below(sizeof sizes / sizeof *sizes)];
  void* where = below(6) ? bytes : (void*)number();
  ioctl(file(), _IOC((unsigned)below(4), VGPU_IOCTL_BASE, command, size), where);
}

static void wait_or_watch(void) {
  struct timespec until = soon();
  struct vgpu_wait wait = {.offset = below(REAL_BYTES / 4) * 4, .deadline = (uint64_t)until.tv_sec * 1000000000 + (uint64_t)until.tv_nsec};
  struct vgpu_watch watch = {.offset = wait.offset, .eventfd = (int)below(8) - 3};
  if (below(2)) {
    ioctl(file(), VGPU_IOCTL_WAIT, &wait);
    return;
  }
  int event = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC), all = epoll_create1(EPOLL_CLOEXEC), fd = file();
  if (below(2)) watch.eventfd = event;
  struct epoll_event interest = {.events = EPOLLIN | EPOLLET};
  epoll_ctl(all, EPOLL_CTL_ADD, fd, &interest);
  epoll_ctl(all, EPOLL_CTL_ADD, event, &interest);
  ioctl(fd, VGPU_IOCTL_WATCH, &watch);
  epoll_wait(all, &interest, 1, (int)below(3));
  close(event);
  close(all);
}

static void keep_view(char* view, size_t bytes) {
  size_t place = below(VIEWS);
  char* old = atomic_exchange(&views[place], NULL);
  if (old) munmap(old, view_bytes[place]);
  if (view == MAP_FAILED) return;
  view_bytes[place] = bytes;
  views[place] = view;
}

static void map_something(void) {
  size_t bytes = (1 + below(16)) * PAGE;
  off_t offset = (off_t)(below(3) ? below(600) * PAGE : number() & ~(PAGE - 1));
  if (!below(3)) bytes = REAL_BYTES, offset = 0;
  int protection = below(4) ? PROT_READ | PROT_WRITE : (int)below(8);
  keep_view(mmap(NULL, bytes, protection, below(8) ? MAP_SHARED : MAP_PRIVATE, file(), offset), bytes);
}

static void use_memory(void) {
  int fd = file();
  struct vgpu_alloc alloc = {.bytes = (1 + below(64)) * PAGE};
  if (ioctl(fd, VGPU_IOCTL_ALLOC, &alloc)) return;
  char* view = mmap(NULL, alloc.bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, (off_t)alloc.map_offset);
  struct vgpu_map map = {.object = alloc.object, .address = (uintptr_t)view, .flags = !below(8)};
  if (!below(4)) map.address = number();
  ioctl(fd, VGPU_IOCTL_MAP, &map);
  keep_view(view, alloc.bytes);
  struct vgpu_free free = {.object = below(3) ? alloc.object : (uint32_t)below(32)};
  if (below(4)) ioctl(fd, VGPU_IOCTL_FREE, &free);
}

static void pin_memory(void) {
  struct vgpu_pin pin = {.address = (uintptr_t)own + below(256) * PAGE, .bytes = (1 + below(32)) * PAGE};
  if (!below(4)) pin.address = (uintptr_t)views[below(VIEWS)];
  int fd = file();
  if (ioctl(fd, VGPU_IOCTL_PIN, &pin)) return;
  struct vgpu_free free = {.object = pin.object};
  if (below(4)) ioctl(fd, VGPU_IOCTL_FREE, &free);
}

static void report(void) {
  uint64_t request[8] = {below(8) | below(4) << 32, number(), number()};
  char answer[4096];
  struct vgpu_report ask = {.request = (uintptr_t)request, .answer = (uintptr_t)answer, .request_bytes = 1 + (uint32_t)below(64), .answer_bytes = sizeof answer};
  if (!below(8)) ask.answer = number(), ask.answer_bytes = (uint32_t)number();
  ioctl(file(), VGPU_IOCTL_REPORT, &ask);
}

// The worker finds there what it likes. Through the kernel, because the mapping may be gone.
static void scribble(void) {
  static int pipes[2] = {-1, -1};
  if (pipes[0] < 0 && pipe2(pipes, O_CLOEXEC | O_NONBLOCK)) return;
  char* view = views[below(VIEWS)];
  uint64_t words[8];
  for (int i = 0; i < 8; ++i) words[i] = number();
  if (!view || write(pipes[1], words, sizeof words) < 0) return;
  if (read(pipes[0], view + below(REAL_BYTES / 64) * 64, sizeof words) < 0 && read(pipes[0], words, sizeof words) < 0) return;
  ioctl(file(), VGPU_IOCTL_RING);
}

// The files in other hands: a child's, or in a socket that nobody reads.
static void pass_on(void) {
  int pair[2], fd = file();
  if (below(2)) {
    pid_t child = fork();
    if (child == 0) {
      struct vgpu_alloc alloc = {.bytes = PAGE};
      ioctl(fd, VGPU_IOCTL_ALLOC, &alloc);
      ioctl(fd, VGPU_IOCTL_CHECK);
      _exit(0);
    }
    if (child > 0) waitpid(child, NULL, 0);
    return;
  }
  if (socketpair(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0, pair)) return;
  union {
    struct cmsghdr header;
    char bytes[CMSG_SPACE(sizeof(int))];
  } control = {.header = {.cmsg_len = CMSG_LEN(sizeof(int)), .cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS}};
  memcpy(CMSG_DATA(&control.header), &fd, sizeof fd);
  struct iovec part = {"x", 1};
  struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof control};
  sendmsg(pair[0], &message, MSG_DONTWAIT);
  close(pair[0]);
  close(pair[1]);
}

static void change_view(void) {
  size_t place = below(VIEWS);
  char* view = views[place];
  if (!view) return;
  switch (below(4)) {
    case 0: mprotect(view, PAGE, (int)below(8)); return;
    case 1: madvise(view, view_bytes[place], (int)below(26)); return;
    case 2: mremap(view, below(2) * PAGE, (1 + below(4)) * PAGE, MREMAP_MAYMOVE); return;
    default: munmap(view + PAGE, PAGE); return;
  }
}

static void* misbehave(void* seed) {
  static void (*const acts[])(void) = {noise,      noise,  noise,    wait_or_watch, map_something, use_memory,
                                       pin_memory, report, scribble, scribble,      change_view};
  state = (uintptr_t)seed;
  for (;;) {
    uint64_t rare = below(400);
    if (rare == 0) renew_file();
    else if (rare == 1) pass_on();
    else acts[below(sizeof acts / sizeof *acts)]();
  }
  return NULL;
}

static void one_process(uint64_t seed) {
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (setgid(NOBODY) || setuid(NOBODY)) _exit(1);
  signal(SIGSEGV, SIG_DFL);
  state = seed;
  own = mmap(NULL, 256 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  memset(own, 1, 256 * PAGE);
  for (int i = 0; i < FILES; ++i) files[i] = -1;
  for (int i = 0; i < FILES; ++i) renew_file();
  pthread_t thread;
  for (int i = 1; i < THREADS; ++i) pthread_create(&thread, NULL, misbehave, (void*)(uintptr_t)any());
  misbehave((void*)(uintptr_t)any());
}

int main(int argc, char** argv) {
  if (argc < 4) {
    fprintf(stderr, "usage: hostile DEVICE PROCESSES SECONDS [SEED]\n");
    return 2;
  }
  device = argv[1];
  int count = atoi(argv[2]);
  time_t end = time(NULL) + atoi(argv[3]);
  state = argc > 4 ? strtoull(argv[4], NULL, 0) : (uint64_t)time(NULL);
  printf("seed %llu\n", (unsigned long long)state);
  fflush(stdout);
  pid_t children[64] = {0};
  long killed = 0, ended = 0;
  while (time(NULL) < end) {
    int which = (int)below((uint64_t)count);
    if (children[which] > 0) {
      int status;
      pid_t gone = waitpid(children[which], &status, WNOHANG);
      ended += gone > 0;
      if (gone == 0 && !below(4)) {
        kill(children[which], SIGKILL);
        waitpid(children[which], NULL, 0);
        ++killed;
        gone = 1;
      }
      if (gone) children[which] = 0;
    }
    if (children[which] == 0) {
      uint64_t seed = any();
      children[which] = fork();
      if (children[which] == 0) one_process(seed);
    }
    usleep((useconds_t)below(300000));
  }
  for (int i = 0; i < count; ++i)
    if (children[i] > 0) kill(children[i], SIGKILL), waitpid(children[i], NULL, 0);
  printf("%ld processes killed, %ld ended by themselves\n", killed, ended);
  return killed + ended > 0 ? 0 : 1;
}
