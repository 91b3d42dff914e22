// SPDX-License-Identifier: Apache-2.0
// A guest's kernel that wants no good, played by root without the module: registers RESOURCE SECONDS [SEED], where
// RESOURCE is the device's resource0 in sysfs. Registers, queues, commands and lists are random; addresses lead to pages
// of this program, or to no memory at all, so that the guest itself lives on. 0: the device came to rest afterwards.
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "tests/kmod/chance.h"
#include "vgpu/pci.h"

#define HUGE_BYTES (2ULL << 20)
#define LISTS 16      // pages behind the channel
#define FIRST_DATA 32  // pages that lists may lead to, to the end of the huge page

static volatile uint32_t* registers;
static char* memory;  // one huge page: the channel, lists, and what they lead to
static uint64_t physical;

static void put(uint32_t offset, uint32_t value) { registers[offset / 4] = value; }

// Never memory that is somebody else's.
static uint64_t address(void) {
  switch (below(8)) {
    case 0: return (1ULL << 40) + below(1 << 20) * PAGE;
    case 1: return ~0ULL - below(2 * PAGE);
    case 2: return physical + below(HUGE_BYTES);
    default: return physical + (FIRST_DATA + below(HUGE_BYTES / PAGE - FIRST_DATA)) * PAGE;
  }
}

static void write_list(void) {
  struct vgpu_run_page* page = (struct vgpu_run_page*)(memory + (VGPU_CHANNEL_PAGES + below(LISTS)) * PAGE);
  page->count = below(8) ? (uint32_t)below(VGPU_RUNS_PER_PAGE + 1) : (uint32_t)any();
  page->next = below(2) ? physical + (VGPU_CHANNEL_PAGES + below(LISTS)) * PAGE : below(2) ? 0 : address();
  for (uint32_t i = 0; i < VGPU_RUNS_PER_PAGE; ++i) {
    page->runs[i].address = address();
    page->runs[i].bytes = below(16) ? PAGE : below(2) ? any() : below(64) * PAGE;
  }
}

static void write_command(struct vgpu_command* command) {
  memset(command, 0, sizeof *command);
  // Each OPEN that is right starts a worker.
  command->opcode = (uint16_t)(below(8) ? VGPU_OP_CLOSE + below(4) : below(4) ? VGPU_OP_OPEN : below(8));
  command->flags = below(16) == 0;
  command->session = (uint32_t)(below(16) ? below(6) : any());
  command->cookie = below(64) ? any() : below(4);
  command->address = below(4) ? 0x200000000000 + below(1024) * PAGE : any();
  command->bytes = below(4) ? (1 + below(64)) * PAGE : any();
  command->list = below(8) ? physical + (VGPU_CHANNEL_PAGES + below(LISTS)) * PAGE : address();
  command->text = below(2) ? 0 : address();
  command->format = below(2) ? REAL_FORMAT : (uint32_t)below(5000);
  command->has_text = (uint32_t)below(3);
  if (command->opcode == VGPU_OP_OPEN && below(4)) command->bytes = REAL_BYTES;
  if (command->opcode == VGPU_OP_REPORT && below(2)) command->address = PAGE, command->bytes = PAGE, command->format = 12;
}

static void start(void) {
  struct vgpu_channel_state* channel = (struct vgpu_channel_state*)memory;
  uint64_t nonce = any(), place = below(8) ? physical : address();
  channel->nonce = below(8) ? nonce : any();
  channel->submission_tail = channel->completion_head = 0;
  put(VGPU_REG_CHANNEL_LOW, (uint32_t)place);
  put(VGPU_REG_CHANNEL_HIGH, (uint32_t)(place >> 32));
  put(VGPU_REG_NONCE_LOW, (uint32_t)nonce);
  put(VGPU_REG_NONCE_HIGH, (uint32_t)(nonce >> 32));
  put(VGPU_REG_CONTROL, VGPU_CONTROL_START);
}

static void submit(void) {
  struct vgpu_channel_state* channel = (struct vgpu_channel_state*)memory;
  struct vgpu_command* queue = (struct vgpu_command*)(memory + VGPU_SUBMISSIONS_OFFSET);
  uint32_t tail = channel->submission_tail;
  for (uint64_t i = below(16); i && tail - channel->submission_head < VGPU_SUBMISSIONS; --i, ++tail)
    write_command(&queue[tail % VGPU_SUBMISSIONS]);
  channel->submission_tail = below(256) ? tail : (uint32_t)any();
  if (below(4)) channel->completion_head = channel->completion_tail;
  if (below(256) == 0) channel->completion_head = (uint32_t)any();
  put(VGPU_REG_DOORBELL, 0);
  // Others change while they are looked at.
  for (uint64_t i = below(64); i; --i) write_command(&queue[below(VGPU_SUBMISSIONS)]), write_list();
}

static void act(void) {
  switch (below(12)) {
    case 0: registers[below(VGPU_BAR_BYTES / 4)] = (uint32_t)(below(2) ? any() : below(4)); return;
    case 1: put(VGPU_REG_DOORBELL, (uint32_t)(below(4) ? below(8) : any())); return;
    case 2: write_list(); return;
    case 3:
      if (below(16) == 0) put(VGPU_REG_CONTROL, VGPU_CONTROL_STOP);
      return;
    case 4:
      if (registers[VGPU_REG_STATUS / 4] != VGPU_STATUS_RUNNING) start();
      return;
    default: submit();
  }
}

static uint64_t physical_address(const void* at) {
  uint64_t entry = 0;
  int map = open("/proc/self/pagemap", O_RDONLY);
  if (map < 0 || pread(map, &entry, sizeof entry, (off_t)((uintptr_t)at / PAGE * 8)) != sizeof entry) return 0;
  close(map);
  return (entry & ((1ULL << 55) - 1)) * PAGE;
}

int main(int argc, char** argv) {
  if (argc < 3) {
    fprintf(stderr, "usage: registers RESOURCE SECONDS [SEED]\n");
    return 2;
  }
  state = argc > 3 ? strtoull(argv[3], NULL, 0) : (uint64_t)time(NULL);
  printf("seed %llu\n", (unsigned long long)state);
  fflush(stdout);
  int resource = open(argv[1], O_RDWR | O_SYNC);
  registers = mmap(NULL, VGPU_BAR_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, resource, 0);
  memory = mmap(NULL, HUGE_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_HUGETLB | MAP_POPULATE, -1, 0);
  if (resource < 0 || registers == MAP_FAILED || memory == MAP_FAILED) return perror("registers"), 1;
  memset(memory, 0, HUGE_BYTES);
  physical = physical_address(memory);
  if (physical == 0 || registers[VGPU_REG_MAGIC / 4] != VGPU_MAGIC) return puts("no pages, or no device"), 1;
  long started = 0;
  for (time_t end = time(NULL) + atoi(argv[2]); time(NULL) < end;) {
    for (int i = 0; i < 100; ++i) act();
    started += ((volatile struct vgpu_channel_state*)memory)->life == VGPU_LIFE_RUNNING;
  }
  put(VGPU_REG_CONTROL, VGPU_CONTROL_STOP);
  for (int i = 0; i < 1000 && registers[VGPU_REG_STATUS / 4] == VGPU_STATUS_STOPPING; ++i) usleep(10000);
  printf("status %u, served %ld times\n", registers[VGPU_REG_STATUS / 4], started);
  return registers[VGPU_REG_STATUS / 4] == VGPU_STATUS_IDLE && started > 0 ? 0 : 1;
}
