// SPDX-License-Identifier: Apache-2.0
// What the cases of uapi.c and its neighbours share. One thread, one case at a time.
#ifndef TESTS_KMOD_UAPI_H
#define TESTS_KMOD_UAPI_H

#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>

#include "uapi/linux/vgpu.h"

#define PAGE 4096ULL

extern const char* device;
extern const char* current;  // the case that runs
extern int current_failed;

#define CHECK(condition)                                                        \
  do {                                                                          \
    if (!(condition)) {                                                         \
      printf("%s:%d: %s\n  in: %s\n", __FILE__, __LINE__, #condition, current); \
      current_failed = 1;                                                       \
    }                                                                           \
  } while (0)

// What a call returned: 0, or the error.
static inline int call(int fd, unsigned long command, void* argument) {
  return ioctl(fd, command, argument) < 0 ? errno : 0;
}

#define CHECK_ERROR(expression, expected)                                                                          \
  do {                                                                                                             \
    int got_ = (expression);                                                                                       \
    if (got_ != (expected)) {                                                                                      \
      printf("%s:%d: %s is %s, not %s\n  in: %s\n", __FILE__, __LINE__, #expression, strerrorname_np(got_) ?: "0", \
             strerrorname_np(expected) ?: "0", current);                                                           \
      current_failed = 1;                                                                                          \
    }                                                                                                              \
  } while (0)

int open_device(void);
int open_session(void);

// uapi_report.c
void report_refuses(void);
void report_answers_without_a_session(void);
void report_answers_beside_a_session(void);
void report_tells_when_there_is_too_little_room(void);
void report_refuses_bad_addresses(void);
void many_reports_at_a_time_are_all_answered(void);
void a_killed_process_leaves_no_report(void);
void a_trace_is_of_the_users_own_processes(void);

#endif
