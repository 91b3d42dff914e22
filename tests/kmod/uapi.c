// SPDX-License-Identifier: Apache-2.0
// The ioctls of /dev/vgpuN, from inside a guest: one case per refusal, with otherwise valid data, and what works without
// knowing the worker. Plain C, linked statically, so that it runs in the smallest guest: uapi /dev/vgpu0
// It needs a device that opens sessions; it never rings a command, so any worker will do.
#define _GNU_SOURCE
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "uapi.h"

const char* device;
static int passed, failed;
const char* current;
int current_failed;

int open_device(void) {
  int fd = open(device, O_RDWR | O_CLOEXEC);
  if (fd < 0) {
    printf("%s: %s\n", device, strerror(errno));
    exit(1);
  }
  return fd;
}

struct vgpu_open valid_open(void) {
  struct vgpu_open open = {.bytes = REAL_BYTES, .format = REAL_FORMAT};
  return open;
}

int open_session(void) {
  int fd = open_device();
  struct vgpu_open open = valid_open();
  char reason[256] = "";
  open.reason = (uintptr_t)reason;
  open.reason_bytes = sizeof reason;
  int error = call(fd, VGPU_IOCTL_OPEN, &open);
  if (error) {
    printf("OPEN: %s: %s (code %d)\n  in: %s\n", strerror(error), reason, open.code, current);
    current_failed = 1;
  }
  return fd;
}

char* own_pages(size_t pages) {
  char* memory = mmap(NULL, pages * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  memset(memory, 1, pages * PAGE);
  return memory;
}

struct vgpu_statistics statistics(int fd) {
  struct vgpu_statistics statistics = {0};
  CHECK_ERROR(call(fd, VGPU_IOCTL_STATISTICS, &statistics), 0);
  return statistics;
}

// --- The end ---

static void a_killed_process_leaves_nothing(void) {
  pid_t child = fork();
  if (child == 0) {
    int fd = open_session();
    struct vgpu_pin pin = {.address = (uintptr_t)own_pages(16), .bytes = 16 * PAGE};
    call(fd, VGPU_IOCTL_PIN, &pin);
    struct vgpu_wait wait = {.offset = QUIET_OFFSET, .deadline = ~0ULL};
    call(fd, VGPU_IOCTL_WAIT, &wait);
    _exit(0);
  }
  usleep(700000);
  kill(child, SIGKILL);
  int status = 0;
  CHECK(waitpid(child, &status, 0) == child && WIFSIGNALED(status));
}

// Of debugfs' counters, where there are some: sessions, objects, pages and commands go back to what they were.
static long held(void) {
  char path[128], line[128], name[64];
  const char* base = strrchr(device, '/');
  long value, sum = 0;
  snprintf(path, sizeof path, "/sys/kernel/debug/vgpu/%s/counters", base ? base + 1 : device);
  FILE* file = fopen(path, "r");
  if (!file) return 0;
  while (fgets(line, sizeof line, file))
    if (sscanf(line, "%63s %ld", name, &value) == 2 && strncmp(name, "total_", 6) != 0) sum += value;
  fclose(file);
  return sum;
}

static void nothing_is_held_in_the_end(void) {
  for (int i = 0; i < 100 && held() != 0; ++i) usleep(100000);
  CHECK(held() == 0);
}

#define CASE(name) {#name, name}
static const struct {
  const char* name;
  void (*run)(void);
} cases[] = {
    CASE(unknown_numbers_are_refused),
    CASE(bad_addresses_are_refused),
    CASE(calls_before_open_are_refused),
    CASE(sizes_of_other_versions),
    CASE(query_tells),
    CASE(query_refuses_reserved),
    CASE(open_refuses_sizes),
    CASE(open_refuses_unknown_flags),
    CASE(open_refuses_text),
    CASE(open_refuses_half_a_reason),
    CASE(open_works_once_per_file),
    CASE(the_host_says_no),
    CASE(wait_refuses),
    CASE(wait_returns),
    CASE(wait_is_interrupted),
    CASE(watch_refuses),
    CASE(watch_fires_at_once_when_due),
    CASE(poll_stands_for_the_watch),
    CASE(alloc_refuses),
    CASE(map_refuses),
    CASE(an_object_is_mapped_once_and_freed),
    CASE(pin_refuses),
    CASE(pinned_pages_count_as_locked),
    CASE(free_refuses),
    CASE(mmap_refuses),
    CASE(any_part_is_mapped_any_number_of_times),
    CASE(report_refuses),
    CASE(report_answers_without_a_session),
    CASE(report_answers_beside_a_session),
    CASE(report_tells_when_there_is_too_little_room),
    CASE(report_refuses_bad_addresses),
    CASE(many_reports_at_a_time_are_all_answered),
    CASE(a_killed_process_leaves_no_report),
    CASE(a_trace_is_of_the_users_own_processes),
    CASE(a_killed_process_leaves_nothing),
    CASE(nothing_is_held_in_the_end),
};

int main(int argc, char** argv) {
  device = argc > 1 ? argv[1] : "/dev/vgpu0";
  setvbuf(stdout, NULL, _IOLBF, 0);
  for (size_t i = 0; i < sizeof cases / sizeof *cases; ++i) {
    if (argc > 2 && strcmp(argv[2], cases[i].name) != 0) continue;
    current = cases[i].name;
    current_failed = 0;
    cases[i].run();
    current_failed ? ++failed : ++passed;
  }
  printf("%d passed, %d failed\n", passed, failed);
  return failed != 0 || passed == 0;
}
