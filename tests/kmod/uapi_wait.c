// SPDX-License-Identifier: Apache-2.0
// WAIT, WATCH and poll, from inside a guest.
#define _GNU_SOURCE
#include <poll.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "uapi.h"

static uint64_t now(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return (uint64_t)time.tv_sec * 1000000000 + (uint64_t)time.tv_nsec;
}

static volatile uint32_t* map_quiet_word(int fd) {
  char* page = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, (off_t)(QUIET_OFFSET & ~(PAGE - 1)));
  CHECK(page != MAP_FAILED);
  return page == MAP_FAILED ? NULL : (volatile uint32_t*)(page + QUIET_OFFSET % PAGE);
}

// --- WAIT ---

void wait_refuses(void) {
  int fd = open_session();
  struct vgpu_wait wait = {.offset = 2, .deadline = 1};
  CHECK_ERROR(call(fd, VGPU_IOCTL_WAIT, &wait), EINVAL);
  wait.offset = REAL_BYTES;
  CHECK_ERROR(call(fd, VGPU_IOCTL_WAIT, &wait), EINVAL);
  wait.offset = ~3ULL;
  CHECK_ERROR(call(fd, VGPU_IOCTL_WAIT, &wait), EINVAL);
  wait = (struct vgpu_wait){.offset = QUIET_OFFSET, .flags = 1, .deadline = 1};
  CHECK_ERROR(call(fd, VGPU_IOCTL_WAIT, &wait), EINVAL);
  close(fd);
}

void wait_returns(void) {
  int fd = open_session();
  volatile uint32_t* word = map_quiet_word(fd);
  struct vgpu_wait wait = {.offset = QUIET_OFFSET, .expected = 1, .deadline = ~0ULL};
  CHECK(*word == 0);
  CHECK_ERROR(call(fd, VGPU_IOCTL_WAIT, &wait), 0);  // not as expected
  wait = (struct vgpu_wait){.offset = QUIET_OFFSET, .deadline = 0};
  CHECK_ERROR(call(fd, VGPU_IOCTL_WAIT, &wait), ETIMEDOUT);
  uint64_t begin = now();
  wait.deadline = begin + 50000000;
  CHECK_ERROR(call(fd, VGPU_IOCTL_WAIT, &wait), ETIMEDOUT);
  CHECK(now() - begin >= 50000000);
  *word = 5;
  wait.deadline = ~0ULL;
  CHECK_ERROR(call(fd, VGPU_IOCTL_WAIT, &wait), 0);
  CHECK(statistics(fd).waits >= 1);
  // A mapping would keep the file, and so the session.
  munmap((void*)((uintptr_t)word & ~(PAGE - 1)), PAGE);
  close(fd);
}

static void on_alarm(int number) { (void)number; }
void wait_is_interrupted(void) {
  int fd = open_session();
  struct sigaction action = {.sa_handler = on_alarm};
  sigaction(SIGALRM, &action, NULL);
  struct vgpu_wait wait = {.offset = QUIET_OFFSET, .deadline = ~0ULL};
  alarm(1);
  CHECK_ERROR(call(fd, VGPU_IOCTL_WAIT, &wait), EINTR);
  close(fd);
}

// --- WATCH and poll ---

void watch_refuses(void) {
  int fd = open_session(), event = eventfd(0, EFD_NONBLOCK);
  struct vgpu_watch watch = {.offset = 2, .eventfd = event};
  CHECK_ERROR(call(fd, VGPU_IOCTL_WATCH, &watch), EINVAL);
  watch.offset = REAL_BYTES;
  CHECK_ERROR(call(fd, VGPU_IOCTL_WATCH, &watch), EINVAL);
  watch = (struct vgpu_watch){.offset = QUIET_OFFSET, .eventfd = event, .flags = 1};
  CHECK_ERROR(call(fd, VGPU_IOCTL_WATCH, &watch), EINVAL);
  watch = (struct vgpu_watch){.offset = QUIET_OFFSET, .eventfd = event, .reserved = 1};
  CHECK_ERROR(call(fd, VGPU_IOCTL_WATCH, &watch), EINVAL);
  watch = (struct vgpu_watch){.offset = QUIET_OFFSET, .eventfd = -3};
  CHECK_ERROR(call(fd, VGPU_IOCTL_WATCH, &watch), EINVAL);
  watch.eventfd = fd;  // is none
  CHECK_ERROR(call(fd, VGPU_IOCTL_WATCH, &watch), EINVAL);
  watch.eventfd = 1000;
  CHECK_ERROR(call(fd, VGPU_IOCTL_WATCH, &watch), EBADF);
  close(event);
  close(fd);
}

void watch_fires_at_once_when_due(void) {
  int fd = open_session(), event = eventfd(0, EFD_NONBLOCK);
  struct vgpu_watch watch = {.offset = QUIET_OFFSET, .expected = 0, .eventfd = event};
  uint64_t count = 0;
  CHECK_ERROR(call(fd, VGPU_IOCTL_WATCH, &watch), 0);
  CHECK(read(event, &count, sizeof count) < 0 && errno == EAGAIN);
  watch.expected = 7;
  CHECK_ERROR(call(fd, VGPU_IOCTL_WATCH, &watch), 0);
  CHECK(read(event, &count, sizeof count) == sizeof count && count == 1);
  watch.eventfd = -1;
  CHECK_ERROR(call(fd, VGPU_IOCTL_WATCH, &watch), 0);
  close(event);
  close(fd);
}

void poll_stands_for_the_watch(void) {
  int fd = open_session();
  struct pollfd poll_fd = {.fd = fd, .events = POLLIN};
  struct vgpu_watch watch = {.offset = QUIET_OFFSET, .expected = 0, .eventfd = -2};
  CHECK(poll(&poll_fd, 1, 0) == 0);
  CHECK_ERROR(call(fd, VGPU_IOCTL_WATCH, &watch), 0);
  CHECK(poll(&poll_fd, 1, 0) == 0);
  watch.expected = 7;
  CHECK_ERROR(call(fd, VGPU_IOCTL_WATCH, &watch), 0);
  CHECK(poll(&poll_fd, 1, 0) == 1 && poll_fd.revents == POLLIN);
  watch.eventfd = -1;
  CHECK_ERROR(call(fd, VGPU_IOCTL_WATCH, &watch), 0);
  CHECK(poll(&poll_fd, 1, 0) == 0);
  close(fd);
}
