// SPDX-License-Identifier: Apache-2.0
// The ioctls of /dev/vgpuN, from inside a guest: one case per refusal, with otherwise valid data, and what works without
// knowing the worker. Plain C, linked statically, so that it runs in the smallest guest: uapi /dev/vgpu0
// It needs a device that opens sessions; it never rings a command, so any worker will do.
#define _GNU_SOURCE
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "uapi.h"

// The memory of a session as libcuda makes it; the worker checks it (vgpu/ring.h). REAL_FORMAT comes from the makefile.
#define REAL_BYTES ((1 + 64 + 32 * 64 + 256) * PAGE)

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

static struct vgpu_open valid_open(void) {
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

static uint64_t now(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return (uint64_t)time.tv_sec * 1000000000 + (uint64_t)time.tv_nsec;
}

static char* own_pages(size_t pages) {
  char* memory = mmap(NULL, pages * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  memset(memory, 1, pages * PAGE);
  return memory;
}

static struct vgpu_statistics statistics(int fd) {
  struct vgpu_statistics statistics = {0};
  CHECK_ERROR(call(fd, VGPU_IOCTL_STATISTICS, &statistics), 0);
  return statistics;
}

// A word of the session's memory that no worker changes: the last one of a staging chunk that nobody has taken.
#define QUIET_OFFSET ((1 + 64 + 32 * 64) * PAGE - 4)
static volatile uint32_t* map_quiet_word(int fd) {
  char* page = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, (off_t)(QUIET_OFFSET & ~(PAGE - 1)));
  CHECK(page != MAP_FAILED);
  return page == MAP_FAILED ? NULL : (volatile uint32_t*)(page + QUIET_OFFSET % PAGE);
}

// --- Every call ---

static void unknown_numbers_are_refused(void) {
  int fd = open_device();
  CHECK_ERROR(call(fd, _IO(VGPU_IOCTL_BASE, 0xf0), NULL), ENOTTY);
  CHECK_ERROR(call(fd, _IO('x', 0x82), NULL), ENOTTY);
  CHECK_ERROR(call(fd, _IOR(VGPU_IOCTL_BASE, 0x80, struct vgpu_query), NULL), ENOTTY);
  close(fd);
}

static void bad_addresses_are_refused(void) {
  int fd = open_session();
  static const unsigned long commands[] = {VGPU_IOCTL_QUERY, VGPU_IOCTL_OPEN, VGPU_IOCTL_WAIT, VGPU_IOCTL_WATCH, VGPU_IOCTL_ALLOC,
                                           VGPU_IOCTL_MAP,   VGPU_IOCTL_PIN,  VGPU_IOCTL_FREE, VGPU_IOCTL_STATISTICS,
                                           VGPU_IOCTL_REPORT};
  for (size_t i = 0; i < sizeof commands / sizeof *commands; ++i) CHECK_ERROR(call(fd, commands[i], (void*)16), EFAULT);
  close(fd);
}

static void calls_before_open_are_refused(void) {
  int fd = open_device();
  struct vgpu_wait wait = {.deadline = 1};
  struct vgpu_watch watch = {.eventfd = -1};
  struct vgpu_alloc alloc = {.bytes = PAGE};
  struct vgpu_map map = {.object = 1, .address = PAGE};
  struct vgpu_pin pin = {.address = (uintptr_t)own_pages(1), .bytes = PAGE};
  struct vgpu_free free = {.object = 1};
  CHECK_ERROR(call(fd, VGPU_IOCTL_RING, NULL), ENOTCONN);
  CHECK_ERROR(call(fd, VGPU_IOCTL_WAIT, &wait), ENOTCONN);
  CHECK_ERROR(call(fd, VGPU_IOCTL_WATCH, &watch), ENOTCONN);
  CHECK_ERROR(call(fd, VGPU_IOCTL_ALLOC, &alloc), ENOTCONN);
  CHECK_ERROR(call(fd, VGPU_IOCTL_MAP, &map), ENOTCONN);
  CHECK_ERROR(call(fd, VGPU_IOCTL_PIN, &pin), ENOTCONN);
  CHECK_ERROR(call(fd, VGPU_IOCTL_FREE, &free), ENOTCONN);
  CHECK_ERROR(call(fd, VGPU_IOCTL_CHECK, NULL), ENOTCONN);
  CHECK(mmap(NULL, PAGE, PROT_READ, MAP_SHARED, fd, 0) == MAP_FAILED && errno == ENOTCONN);
  close(fd);
}

static void sizes_of_other_versions(void) {
  int fd = open_device();
  struct {
    struct vgpu_query query;
    uint64_t more[2];
  } larger = {0};
  uint32_t smaller[2] = {0, 0};
  unsigned long larger_query = _IOC(_IOC_READ | _IOC_WRITE, VGPU_IOCTL_BASE, 0x80, sizeof larger);
  unsigned long smaller_query = _IOC(_IOC_READ | _IOC_WRITE, VGPU_IOCTL_BASE, 0x80, 4);
  CHECK_ERROR(call(fd, larger_query, &larger), 0);
  CHECK(larger.query.abi_version == VGPU_ABI_VERSION && larger.more[0] == 0);
  memset(&larger, 0, sizeof larger);
  larger.more[1] = 1;
  CHECK_ERROR(call(fd, larger_query, &larger), E2BIG);
  CHECK_ERROR(call(fd, smaller_query, smaller), 0);
  CHECK(smaller[0] == VGPU_ABI_VERSION && smaller[1] == 0);
  close(fd);
}

// --- QUERY ---

static void query_tells(void) {
  int fd = open_device();
  struct vgpu_query query = {0};
  CHECK_ERROR(call(fd, VGPU_IOCTL_QUERY, &query), 0);
  CHECK(query.abi_version == VGPU_ABI_VERSION && query.device_version == 1 && query.alive == 1);
  CHECK(query.max_sessions > 0 && query.pci_vendor == 0x10de && query.pci_class >> 16 == 3);
  close(fd);
}

static void query_refuses_reserved(void) {
  int fd = open_device();
  struct vgpu_query query = {.reserved = 1};
  CHECK_ERROR(call(fd, VGPU_IOCTL_QUERY, &query), EINVAL);
  close(fd);
}

// --- OPEN ---

static void refuse_open(struct vgpu_open open, int expected) {
  int fd = open_device();
  CHECK_ERROR(call(fd, VGPU_IOCTL_OPEN, &open), expected);
  // A refusal leaves the file as it was.
  open = valid_open();
  CHECK_ERROR(call(fd, VGPU_IOCTL_OPEN, &open), 0);
  close(fd);
}

static void open_refuses_sizes(void) {
  struct vgpu_open open = valid_open();
  open.bytes = 0;
  refuse_open(open, EINVAL);
  open.bytes = REAL_BYTES + 1;
  refuse_open(open, EINVAL);
  open.bytes = VGPU_MAX_SESSION_BYTES + PAGE;
  refuse_open(open, EINVAL);
  open.bytes = ~0ULL << 12;
  refuse_open(open, EINVAL);
}

static void open_refuses_unknown_flags(void) {
  struct vgpu_open open = valid_open();
  open.flags = 2;
  refuse_open(open, EINVAL);
}

static void open_refuses_text(void) {
  static char text[VGPU_TEXT_BYTES];
  struct vgpu_open open = valid_open();
  open.text = (uintptr_t)text;
  refuse_open(open, EINVAL);  // without its flag
  open.flags = VGPU_OPEN_TEXT;
  open.text_bytes = VGPU_TEXT_BYTES;
  refuse_open(open, EINVAL);
  open.text = 16;
  open.text_bytes = 1;
  refuse_open(open, EFAULT);
}

static void open_refuses_half_a_reason(void) {
  char reason[16];
  struct vgpu_open open = valid_open();
  open.reason = (uintptr_t)reason;
  refuse_open(open, EINVAL);
  open.reason = 0;
  open.reason_bytes = sizeof reason;
  refuse_open(open, EINVAL);
}

static void open_works_once_per_file(void) {
  int fd = open_session();
  struct vgpu_open open = valid_open();
  CHECK_ERROR(call(fd, VGPU_IOCTL_OPEN, &open), EBUSY);
  CHECK(statistics(fd).session_bytes == REAL_BYTES);
  CHECK_ERROR(call(fd, VGPU_IOCTL_CHECK, NULL), 0);
  CHECK_ERROR(call(fd, VGPU_IOCTL_RING, NULL), 0);
  CHECK(statistics(fd).doorbells == 1);
  close(fd);
}

static void the_host_says_no(void) {
  int fd = open_device();
  char reason[128];
  struct vgpu_open open = valid_open();
  memset(reason, 'x', sizeof reason);
  open.format = 0x7fffffff;  // no host knows it
  open.reason = (uintptr_t)reason;
  open.reason_bytes = sizeof reason;
  CHECK_ERROR(call(fd, VGPU_IOCTL_OPEN, &open), ECONNREFUSED);
  CHECK(memchr(reason, 0, sizeof reason) != NULL && reason[0] != 0);
  close(fd);
}

// --- WAIT ---

static void wait_refuses(void) {
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

static void wait_returns(void) {
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
static void wait_is_interrupted(void) {
  int fd = open_session();
  struct sigaction action = {.sa_handler = on_alarm};
  sigaction(SIGALRM, &action, NULL);
  struct vgpu_wait wait = {.offset = QUIET_OFFSET, .deadline = ~0ULL};
  alarm(1);
  CHECK_ERROR(call(fd, VGPU_IOCTL_WAIT, &wait), EINTR);
  close(fd);
}

// --- WATCH and poll ---

static void watch_refuses(void) {
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

static void watch_fires_at_once_when_due(void) {
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

static void poll_stands_for_the_watch(void) {
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

// --- Memory ---

static void alloc_refuses(void) {
  int fd = open_session();
  struct vgpu_alloc alloc = {.bytes = 0};
  CHECK_ERROR(call(fd, VGPU_IOCTL_ALLOC, &alloc), EINVAL);
  alloc.bytes = PAGE + 1;
  CHECK_ERROR(call(fd, VGPU_IOCTL_ALLOC, &alloc), EINVAL);
  alloc = (struct vgpu_alloc){.bytes = PAGE, .flags = 1};
  CHECK_ERROR(call(fd, VGPU_IOCTL_ALLOC, &alloc), EINVAL);
  alloc = (struct vgpu_alloc){.bytes = 1ULL << 39};
  CHECK_ERROR(call(fd, VGPU_IOCTL_ALLOC, &alloc), ENOMEM);
  alloc.bytes = ~0ULL << 12;
  CHECK_ERROR(call(fd, VGPU_IOCTL_ALLOC, &alloc), ENOMEM);
  CHECK(statistics(fd).objects == 0 && statistics(fd).allocated_bytes == 0);
  close(fd);
}

static struct vgpu_alloc allocate(int fd, uint64_t bytes) {
  struct vgpu_alloc alloc = {.bytes = bytes};
  CHECK_ERROR(call(fd, VGPU_IOCTL_ALLOC, &alloc), 0);
  return alloc;
}

static void map_refuses(void) {
  int fd = open_session();
  struct vgpu_alloc alloc = allocate(fd, 2 * PAGE);
  uint64_t address = (uintptr_t)own_pages(2);
  struct vgpu_map map = {.object = alloc.object + 1, .address = address};
  CHECK_ERROR(call(fd, VGPU_IOCTL_MAP, &map), ENOENT);
  map = (struct vgpu_map){.object = alloc.object, .address = address, .flags = 2};
  CHECK_ERROR(call(fd, VGPU_IOCTL_MAP, &map), EINVAL);
  map = (struct vgpu_map){.object = alloc.object, .address = address + 1};
  CHECK_ERROR(call(fd, VGPU_IOCTL_MAP, &map), EINVAL);
  map.address = 0;
  CHECK_ERROR(call(fd, VGPU_IOCTL_MAP, &map), EINVAL);
  map.address = ~0ULL << 12;
  CHECK_ERROR(call(fd, VGPU_IOCTL_MAP, &map), EINVAL);
  map.address = 1ULL << 62;
  CHECK_ERROR(call(fd, VGPU_IOCTL_MAP, &map), EINVAL);
  close(fd);
}

static void an_object_is_mapped_once_and_freed(void) {
  int fd = open_session();
  struct vgpu_alloc alloc = allocate(fd, 5 << 20);
  char* memory = mmap(NULL, 5 << 20, PROT_READ | PROT_WRITE, MAP_SHARED, fd, (off_t)alloc.map_offset);
  CHECK(memory != MAP_FAILED);
  CHECK(memory[0] == 0 && memory[(5 << 20) - 1] == 0);
  struct vgpu_map map = {.object = alloc.object, .address = (uintptr_t)memory};
  CHECK_ERROR(call(fd, VGPU_IOCTL_MAP, &map), 0);
  CHECK_ERROR(call(fd, VGPU_IOCTL_MAP, &map), EBUSY);
  CHECK(statistics(fd).allocated_bytes == 5 << 20 && statistics(fd).objects == 1);
  struct vgpu_free free = {.object = alloc.object};
  CHECK_ERROR(call(fd, VGPU_IOCTL_FREE, &free), 0);
  CHECK_ERROR(call(fd, VGPU_IOCTL_FREE, &free), ENOENT);
  CHECK(statistics(fd).allocated_bytes == 0 && statistics(fd).objects == 0);
  memset(memory, 3, 5 << 20);  // lives on here
  munmap(memory, 5 << 20);
  close(fd);
}

static void pin_refuses(void) {
  int fd = open_session();
  uint64_t address = (uintptr_t)own_pages(4);
  struct vgpu_pin pin = {.address = address + 1, .bytes = PAGE};
  CHECK_ERROR(call(fd, VGPU_IOCTL_PIN, &pin), EINVAL);
  pin = (struct vgpu_pin){.address = address, .bytes = 0};
  CHECK_ERROR(call(fd, VGPU_IOCTL_PIN, &pin), EINVAL);
  pin.bytes = PAGE + 1;
  CHECK_ERROR(call(fd, VGPU_IOCTL_PIN, &pin), EINVAL);
  pin.bytes = ~0ULL << 12;
  CHECK_ERROR(call(fd, VGPU_IOCTL_PIN, &pin), EINVAL);
  pin = (struct vgpu_pin){.address = address, .bytes = PAGE, .flags = 1};
  CHECK_ERROR(call(fd, VGPU_IOCTL_PIN, &pin), EINVAL);
  munmap((void*)(address + 2 * PAGE), PAGE);
  pin = (struct vgpu_pin){.address = address, .bytes = 4 * PAGE};
  CHECK_ERROR(call(fd, VGPU_IOCTL_PIN, &pin), EFAULT);
  mprotect((void*)address, PAGE, PROT_READ);
  pin.bytes = PAGE;
  CHECK_ERROR(call(fd, VGPU_IOCTL_PIN, &pin), EFAULT);
  CHECK(statistics(fd).objects == 0 && statistics(fd).pinned_bytes == 0);
  close(fd);
}

static long locked_kb(void) {
  char line[256];
  long kb = -1;
  FILE* file = fopen("/proc/self/status", "r");
  while (file && fgets(line, sizeof line, file))
    if (sscanf(line, "VmLck: %ld", &kb) == 1) break;
  if (file) fclose(file);
  return kb;
}

static void pinned_pages_count_as_locked(void) {
  int fd = open_session();
  struct vgpu_pin pin = {.address = (uintptr_t)own_pages(600), .bytes = 600 * PAGE};
  long before = locked_kb();
  CHECK_ERROR(call(fd, VGPU_IOCTL_PIN, &pin), 0);
  CHECK(locked_kb() == before + 2400 && statistics(fd).pinned_bytes == 600 * PAGE);
  struct vgpu_map map = {.object = pin.object, .address = pin.address};
  CHECK_ERROR(call(fd, VGPU_IOCTL_MAP, &map), EBUSY);
  struct vgpu_free free = {.object = pin.object};
  CHECK_ERROR(call(fd, VGPU_IOCTL_FREE, &free), 0);
  CHECK(locked_kb() == before && statistics(fd).pinned_bytes == 0);
  close(fd);
}

static void free_refuses(void) {
  int fd = open_session();
  struct vgpu_alloc alloc = allocate(fd, PAGE);
  struct vgpu_free free = {.object = alloc.object, .flags = 1};
  CHECK_ERROR(call(fd, VGPU_IOCTL_FREE, &free), EINVAL);
  free = (struct vgpu_free){.object = 0};
  CHECK_ERROR(call(fd, VGPU_IOCTL_FREE, &free), ENOENT);
  free.object = alloc.object + 1;
  CHECK_ERROR(call(fd, VGPU_IOCTL_FREE, &free), ENOENT);
  close(fd);
}

// --- mmap ---

static void refuse_mmap(int fd, uint64_t bytes, int flags, uint64_t offset) {
  CHECK(mmap(NULL, bytes, PROT_READ | PROT_WRITE, flags, fd, (off_t)offset) == MAP_FAILED && errno == EINVAL);
}

static void mmap_refuses(void) {
  int fd = open_session();
  struct vgpu_alloc alloc = allocate(fd, 2 * PAGE);
  struct vgpu_pin pin = {.address = (uintptr_t)own_pages(1), .bytes = PAGE};
  CHECK_ERROR(call(fd, VGPU_IOCTL_PIN, &pin), 0);
  refuse_mmap(fd, PAGE, MAP_PRIVATE, 0);
  refuse_mmap(fd, PAGE, MAP_SHARED, REAL_BYTES);
  refuse_mmap(fd, REAL_BYTES + PAGE, MAP_SHARED, 0);
  refuse_mmap(fd, 3 * PAGE, MAP_SHARED, alloc.map_offset);
  refuse_mmap(fd, PAGE, MAP_SHARED, alloc.map_offset + 2 * PAGE);
  refuse_mmap(fd, PAGE, MAP_SHARED, alloc.map_offset * (pin.object / alloc.object));  // pinned pages have no offset
  refuse_mmap(fd, PAGE, MAP_SHARED, alloc.map_offset * 1000);
  close(fd);
}

static void any_part_is_mapped_any_number_of_times(void) {
  int fd = open_session();
  struct vgpu_alloc alloc = allocate(fd, 3 * PAGE);
  char* all = mmap(NULL, 3 * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, (off_t)alloc.map_offset);
  char* last = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, (off_t)(alloc.map_offset + 2 * PAGE));
  CHECK(all != MAP_FAILED && last != MAP_FAILED);
  all[2 * PAGE] = 42;
  CHECK(last[0] == 42);
  CHECK(mremap(last, PAGE, 2 * PAGE, MREMAP_MAYMOVE) == MAP_FAILED);
  close(fd);
  CHECK(last[0] == 42);  // the mapping keeps the file
  munmap(all, 3 * PAGE);
  munmap(last, PAGE);
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
