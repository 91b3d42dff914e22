// SPDX-License-Identifier: Apache-2.0
// ALLOC, MAP, PIN, FREE and mmap, from inside a guest.
#define _GNU_SOURCE
#include <sys/mman.h>
#include <unistd.h>

#include "uapi.h"

// --- Memory ---

void alloc_refuses(void) {
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

void map_refuses(void) {
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

void an_object_is_mapped_once_and_freed(void) {
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

void pin_refuses(void) {
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

void pinned_pages_count_as_locked(void) {
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

void free_refuses(void) {
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

void mmap_refuses(void) {
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

void any_part_is_mapped_any_number_of_times(void) {
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
