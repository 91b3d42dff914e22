// SPDX-License-Identifier: Apache-2.0
// REPORT, from inside a guest. Requests are vgpu/report.h's: an overview (1, 0) is answered by JSON.
#define _GNU_SOURCE
#include <pthread.h>
#include <signal.h>
#include <stddef.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "uapi.h"

static const uint32_t overview[2] = {1, 0};
static const uint32_t processes = 3;

static struct vgpu_report valid(char* answer, uint32_t room) {
  struct vgpu_report report = {.request = (uintptr_t)overview,
                               .request_bytes = sizeof overview,
                               .answer = (uintptr_t)answer,
                               .answer_bytes = room};
  return report;
}

static char room[VGPU_REPORT_ANSWER_BYTES + 1];

static void refuse(struct vgpu_report report, int expected) {
  int fd = open_device();
  CHECK_ERROR(call(fd, VGPU_IOCTL_REPORT, &report), expected);
  close(fd);
}

void report_refuses(void) {
  struct vgpu_report report = valid(room, sizeof room - 1);
  report.flags = 1;
  refuse(report, EINVAL);
  report = valid(room, sizeof room - 1);
  report.reserved = 1;
  refuse(report, EINVAL);
  report = valid(room, sizeof room - 1);
  report.request_bytes = 0;
  refuse(report, EINVAL);
  report.request_bytes = VGPU_REPORT_REQUEST_BYTES + 1;
  refuse(report, EINVAL);
  report = valid(room, 0);
  refuse(report, EINVAL);
  report = valid(room, VGPU_REPORT_ANSWER_BYTES + 1);
  refuse(report, EINVAL);
  // What the host says of it reaches the program: no such request, and one that is cut off.
  static const uint32_t unknown = 77;
  report = valid(room, sizeof room - 1);
  report.request = (uintptr_t)&unknown;
  report.request_bytes = sizeof unknown;
  refuse(report, ENOSYS);
  report.request_bytes = 1;
  refuse(report, EINVAL);
}

static void check_overview(int fd) {
  struct vgpu_report report = valid(room, sizeof room - 1);
  memset(room, 0, sizeof room);
  CHECK_ERROR(call(fd, VGPU_IOCTL_REPORT, &report), 0);
  CHECK(report.answer_bytes > 100 && report.answer_bytes == strlen(room));
  CHECK(room[0] == '{' && strstr(room, "\"format\":1") != NULL && strstr(room, "\"uuid\":\"GPU-") != NULL);
}

void report_answers_without_a_session(void) {
  int fd = open_device();
  check_overview(fd);
  struct vgpu_statistics statistics = {0};
  CHECK_ERROR(call(fd, VGPU_IOCTL_STATISTICS, &statistics), 0);
  CHECK(statistics.session_bytes == 0);
  close(fd);
}

// A session of this process is among the processes, under its own number.
void report_answers_beside_a_session(void) {
  int fd = open_session();
  check_overview(fd);
  uint32_t answer[1 + 8 * 64] = {0};
  struct vgpu_report report = {.request = (uintptr_t)&processes,
                               .request_bytes = sizeof processes,
                               .answer = (uintptr_t)answer,
                               .answer_bytes = sizeof answer};
  CHECK_ERROR(call(fd, VGPU_IOCTL_REPORT, &report), 0);
  int found = 0;
  for (uint32_t i = 0; i < answer[0] && i < 64; ++i) found |= answer[1 + 8 * i] == (uint32_t)getpid();
  CHECK(found);
  close(fd);
}

void report_tells_when_there_is_too_little_room(void) {
  int fd = open_device();
  struct vgpu_report report = valid(room, 16);
  room[0] = 'x';
  CHECK_ERROR(call(fd, VGPU_IOCTL_REPORT, &report), ENOSPC);
  CHECK(room[0] == 'x');
  close(fd);
}

void report_refuses_bad_addresses(void) {
  struct vgpu_report report = valid(room, sizeof room - 1);
  report.request = 16;
  refuse(report, EFAULT);
  report = valid((char*)16, VGPU_REPORT_ANSWER_BYTES);
  refuse(report, EFAULT);
}

static void* ask_often(void* argument) {
  int fd = *(int*)argument;
  char* answer = malloc(VGPU_REPORT_ANSWER_BYTES);
  for (int i = 0; i < 20; ++i) {
    struct vgpu_report report = valid(answer, VGPU_REPORT_ANSWER_BYTES);
    CHECK_ERROR(call(fd, VGPU_IOCTL_REPORT, &report), 0);
    CHECK(answer[0] == '{' && answer[report.answer_bytes - 1] == '}');
  }
  free(answer);
  return NULL;
}

void many_reports_at_a_time_are_all_answered(void) {
  int fd = open_device();
  pthread_t threads[8];
  for (int i = 0; i < 8; ++i) pthread_create(&threads[i], NULL, ask_often, &fd);
  for (int i = 0; i < 8; ++i) pthread_join(threads[i], NULL);
  close(fd);
}

// The last case looks whether anything is held.
void a_killed_process_leaves_no_report(void) {
  for (int i = 0; i < 10; ++i) {
    pid_t child = fork();
    if (child == 0) {
      int fd = open_device();
      for (;;) {
        struct vgpu_report report = valid(room, VGPU_REPORT_ANSWER_BYTES);
        ioctl(fd, VGPU_IOCTL_REPORT, &report);
      }
    }
    usleep(5000 + 3000 * (unsigned)i);
    kill(child, SIGKILL);
    waitpid(child, NULL, 0);
  }
  int fd = open_device();
  check_overview(fd);
  close(fd);
}

// What comes of a trace of that process, or, for 0, of itself, that a process of the given user begins: an errno; 0:
// the host answered.
static int begin_trace(pid_t process, uid_t user) {
  pid_t child = fork();
  if (child == 0) {
    struct {
      struct vgpu_report_trace begin;
      uint64_t position;
    } request = {.begin = {VGPU_REPORT_TRACE, VGPU_REPORT_TRACE_BEGIN, (uint32_t)(process != 0 ? process : getpid())}};
    struct vgpu_report report = valid(room, sizeof room - 1);
    report.request = (uintptr_t)&request;
    report.request_bytes = sizeof request;
    int fd = open_device();
    if (user != 0 && setuid(user) != 0) _exit(99);
    _exit(call(fd, VGPU_IOCTL_REPORT, &report));
  }
  int status = 0;
  waitpid(child, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

void a_trace_is_of_the_users_own_processes(void) {
  CHECK_ERROR(begin_trace(1, 0), 0);
  CHECK_ERROR(begin_trace(1, 1000), EPERM);
  CHECK_ERROR(begin_trace(getpid(), 1000), EPERM);
  CHECK_ERROR(begin_trace(0, 1000), 0);
  // Nobody's number is for the host to refuse.
  CHECK_ERROR(begin_trace(4194303, 1000), 0);
  // One that ends before there is room for who asks.
  static const struct vgpu_report_trace begin = {VGPU_REPORT_TRACE, VGPU_REPORT_TRACE_BEGIN, 1, 0, 0};
  struct vgpu_report report = valid(room, sizeof room - 1);
  report.request = (uintptr_t)&begin;
  report.request_bytes = offsetof(struct vgpu_report_trace, tracer);
  refuse(report, EINVAL);
}
