// SPDX-License-Identifier: Apache-2.0
// Every call, QUERY and OPEN, from inside a guest.
#define _GNU_SOURCE
#include <sys/mman.h>
#include <unistd.h>

#include "uapi.h"

// --- Every call ---

void unknown_numbers_are_refused(void) {
  int fd = open_device();
  CHECK_ERROR(call(fd, _IO(VGPU_IOCTL_BASE, 0xf0), NULL), ENOTTY);
  CHECK_ERROR(call(fd, _IO('x', 0x82), NULL), ENOTTY);
  CHECK_ERROR(call(fd, _IOR(VGPU_IOCTL_BASE, 0x80, struct vgpu_query), NULL), ENOTTY);
  close(fd);
}

void bad_addresses_are_refused(void) {
  int fd = open_session();
  static const unsigned long commands[] = {VGPU_IOCTL_QUERY, VGPU_IOCTL_OPEN, VGPU_IOCTL_WAIT, VGPU_IOCTL_WATCH, VGPU_IOCTL_ALLOC,
                                           VGPU_IOCTL_MAP,   VGPU_IOCTL_PIN,  VGPU_IOCTL_FREE, VGPU_IOCTL_STATISTICS,
                                           VGPU_IOCTL_REPORT};
  for (size_t i = 0; i < sizeof commands / sizeof *commands; ++i) CHECK_ERROR(call(fd, commands[i], (void*)16), EFAULT);
  close(fd);
}

void calls_before_open_are_refused(void) {
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

void sizes_of_other_versions(void) {
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

void query_tells(void) {
  int fd = open_device();
  struct vgpu_query query = {0};
  CHECK_ERROR(call(fd, VGPU_IOCTL_QUERY, &query), 0);
  CHECK(query.abi_version == VGPU_ABI_VERSION && query.device_version == 1 && query.alive == 1);
  CHECK(query.max_sessions > 0 && query.pci_vendor == 0x10de && query.pci_class >> 16 == 3);
  close(fd);
}

void query_refuses_reserved(void) {
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

void open_refuses_sizes(void) {
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

void open_refuses_unknown_flags(void) {
  struct vgpu_open open = valid_open();
  open.flags = 2;
  refuse_open(open, EINVAL);
}

void open_refuses_text(void) {
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

void open_refuses_half_a_reason(void) {
  char reason[16];
  struct vgpu_open open = valid_open();
  open.reason = (uintptr_t)reason;
  refuse_open(open, EINVAL);
  open.reason = 0;
  open.reason_bytes = sizeof reason;
  refuse_open(open, EINVAL);
}

void open_works_once_per_file(void) {
  int fd = open_session();
  struct vgpu_open open = valid_open();
  CHECK_ERROR(call(fd, VGPU_IOCTL_OPEN, &open), EBUSY);
  CHECK(statistics(fd).session_bytes == REAL_BYTES);
  CHECK_ERROR(call(fd, VGPU_IOCTL_CHECK, NULL), 0);
  CHECK_ERROR(call(fd, VGPU_IOCTL_RING, NULL), 0);
  CHECK(statistics(fd).doorbells == 1);
  close(fd);
}

void the_host_says_no(void) {
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
