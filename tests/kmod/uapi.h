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
// The memory of a session as libcuda makes it; the worker checks it (vgpu/ring.h). REAL_FORMAT comes from the makefile.
#define REAL_BYTES ((1 + 64 + 32 * 64 + 256) * PAGE)
// A word of the session's memory that no worker changes: the last one of a staging chunk that nobody has taken.
#define QUIET_OFFSET ((1 + 64 + 32 * 64) * PAGE - 4)

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
struct vgpu_open valid_open(void);
int open_session(void);
char* own_pages(size_t pages);
struct vgpu_statistics statistics(int fd);

// uapi_session.c
void unknown_numbers_are_refused(void);
void bad_addresses_are_refused(void);
void calls_before_open_are_refused(void);
void sizes_of_other_versions(void);
void query_tells(void);
void query_refuses_reserved(void);
void open_refuses_sizes(void);
void open_refuses_unknown_flags(void);
void open_refuses_text(void);
void open_refuses_half_a_reason(void);
void open_works_once_per_file(void);
void the_host_says_no(void);

// uapi_wait.c
void wait_refuses(void);
void wait_returns(void);
void wait_is_interrupted(void);
void watch_refuses(void);
void watch_fires_at_once_when_due(void);
void poll_stands_for_the_watch(void);

// uapi_memory.c
void alloc_refuses(void);
void map_refuses(void);
void an_object_is_mapped_once_and_freed(void);
void pin_refuses(void);
void pinned_pages_count_as_locked(void);
void free_refuses(void);
void mmap_refuses(void);
void any_part_is_mapped_any_number_of_times(void);

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
