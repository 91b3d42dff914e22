/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/*
 * The device that a guest sees: PCI ids, registers, and the channel, a pair of queues in guest memory through which
 * the guest's kernel module and the host's daemon talk about sessions and memory. CUDA's own calls never pass here:
 * they travel in the sessions' memory (vgpu/ring.h), which the module carries and does not understand.
 * C, for the module and the daemon alike. docs/device.md explains it. Little-endian; sizes are asserted.
 */
#ifndef VGPU_PCI_H
#define VGPU_PCI_H

#ifdef __KERNEL__
#include <linux/build_bug.h>
#include <linux/types.h>
#else
#include <linux/types.h>
#endif

/* Vendor, device, class and revision are the host GPU's. These two are ours; the module binds by them. */
#define VGPU_PCI_SUBVENDOR 0x1af4
#define VGPU_PCI_SUBDEVICE 0x10f7

/*
 * BAR0: 4 KiB, 32-bit memory, trapped; accesses are aligned 4-byte words, all others are ignored and read as zero.
 * Offsets 0 and 4 have no side effects, and the magic is no chip id of NVIDIA's: nouveau looks there.
 */
#define VGPU_BAR_BYTES 4096
#define VGPU_REG_MAGIC 0x00        /* ro: VGPU_MAGIC */
#define VGPU_REG_VERSION 0x04      /* ro: VGPU_DEVICE_VERSION; the module refuses another one */
#define VGPU_REG_STATUS 0x08       /* ro: enum vgpu_device_status; all ones when the daemon is gone */
#define VGPU_REG_SESSIONS 0x0c     /* ro: sessions have numbers from 1 to this one */
#define VGPU_REG_CHANNEL_LOW 0x10  /* rw: guest address of the channel */
#define VGPU_REG_CHANNEL_HIGH 0x14 /* rw */
#define VGPU_REG_NONCE_LOW 0x18    /* rw: what the module has written into the channel's nonce */
#define VGPU_REG_NONCE_HIGH 0x1c   /* rw */
#define VGPU_REG_CONTROL 0x20      /* wo: enum vgpu_control */
#define VGPU_REG_DOORBELL 0x24     /* wo: 0: the submission queue has something; N: session N's worker may sleep */

#define VGPU_MAGIC 0x75504756
#define VGPU_DEVICE_VERSION 1

enum vgpu_control {
  VGPU_CONTROL_START = 1, /* check the nonce and serve the channel; STATUS then says what came of it */
  VGPU_CONTROL_STOP = 2,  /* end all sessions; STATUS is STOPPING until no worker can touch guest memory any more */
};

enum vgpu_device_status {
  VGPU_STATUS_IDLE = 0, /* after reset, and after STOP */
  VGPU_STATUS_RUNNING = 1,
  VGPU_STATUS_STOPPING = 2,
  /* START failed: */
  VGPU_STATUS_NOT_SHARED = 3,  /* the nonce is not in the page: QEMU's memory backend lacks share=on */
  VGPU_STATUS_NO_FILE = 4,     /* guest memory has no file: QEMU was started without a memory backend */
  VGPU_STATUS_BAD_ADDRESS = 5, /* the channel is not in guest memory */
  VGPU_STATUS_DEAD = 0xffffffff,
};

/* The channel: four pages, contiguous and page-aligned: state, submissions, completions, and one that is unused. */
#define VGPU_CHANNEL_PAGES 4
#define VGPU_SUBMISSIONS_OFFSET 4096
#define VGPU_COMPLETIONS_OFFSET 8192
#define VGPU_SUBMISSIONS 64 /* entries of each queue; powers of two */
#define VGPU_COMPLETIONS 128

/*
 * Queue positions count entries and wrap at 2^32; an entry's place is its position modulo the queue's length. Each
 * side writes its own fields only. `tail` is stored after the entries before it (release), and loaded before them
 * (acquire); a queue is full when tail - head is its length. The module rings doorbell 0 after it has emptied a full
 * completion queue, because the device may have kept more.
 */
struct vgpu_channel_state {
  /* Written by the module. */
  __u64 nonce;
  __u32 submission_tail;
  __u32 completion_head;
  __u8 reserved0[48];
  /* Written by the device. */
  __u64 answer; /* ~nonce, once START has been carried out */
  __u32 submission_head;
  __u32 completion_tail;
  __u32 heartbeat; /* grows about once a second while there are sessions */
  __u32 life;      /* enum vgpu_life */
  __u8 reserved1[40];
};

/* When the daemon dies, a process that it leaves behind tells the guest. */
enum vgpu_life {
  VGPU_LIFE_NONE = 0,
  VGPU_LIFE_RUNNING = 1,
  VGPU_LIFE_DEAD = 2, /* the daemon is gone, and so is every worker: no page is in use on the host */
};

enum vgpu_opcode {
  VGPU_OP_OPEN = 1,  /* start a worker for `session`, with `list` as its memory, `bytes` long */
  VGPU_OP_CLOSE = 2, /* end it; completes when the worker is dead and all its memory is free */
  VGPU_OP_MAP = 3,   /* map `list`, `bytes` long, at `address` in the worker */
  VGPU_OP_UNMAP = 4, /* undo a MAP of the same address and bytes */
  /*
   * Ask the daemon (vgpu/report.h): `list`, `bytes` long, begins with the request, and has room for the answer, which
   * overwrites it. Of no session: `session` may be 0. The completion's `code` says how many bytes the answer has;
   * ENOSPC: more than there is room for.
   */
  VGPU_OP_REPORT = 5,
};

enum vgpu_command_flag {
  /*
   * MAP: the worker has memory at `address`, which it permits to be taken over: its content goes into these
   * pages first.
   */
  VGPU_COMMAND_ADOPT = 1,
};

struct vgpu_command {
  __u16 opcode; /* enum vgpu_opcode */
  __u16 flags;  /* enum vgpu_command_flag; unknown bits are refused */
  __u32 session;
  __u64 cookie; /* not 0; comes back in the completion */
  /*
   * MAP, UNMAP: in the guest process, and so in the worker; page-aligned. OPEN: the process's id, 0 if the module does
   * not tell, and, from bit 32 on, its user's number plus 1; 0: not told, all bits set: it has several. REPORT: bytes
   * that the answer may have.
   */
  __u64 address;
  __u64 bytes; /* OPEN, MAP, UNMAP, REPORT: multiple of the page size */
  __u64 list;  /* OPEN, MAP, REPORT: guest address of the first vgpu_run_page */
  /*
   * OPEN: guest address of a page of text, or 0. It holds what the program wants the driver to know
   * (CUDA_VISIBLE_DEVICES' value; other variables each behind an end of line), and, where OPEN is refused, the reason
   * afterwards. Ends with NUL.
   */
  __u64 text;
  __u32 format;   /* OPEN: of the session's memory (vgpu/ring.h); passed on as the program said it. REPORT: of the
                   * request,   in bytes */
  __u32 has_text; /* OPEN: 1: there was a text to pass on, if only an empty one */
  __u64 reserved; /* 0 */
};

struct vgpu_completion {
  __u64 cookie;  /* 0: an event */
  __s32 error;   /* 0, or a positive errno */
  __s32 code;    /* OPEN that was refused: the CUresult for the program, 0 if none in particular. REPORT: bytes */
  __u32 session; /* of the command or event */
  __u32 event;   /* enum vgpu_event */
  __u64 reserved;
};

enum vgpu_event {
  VGPU_EVENT_NONE = 0,
  VGPU_EVENT_LOST = 1, /* the session's worker is dead; CLOSE is still to come */
};

/* A list of page runs: a chain of pages. Addresses and lengths are multiples of the page size. */
struct vgpu_run {
  __u64 address; /* guest physical (DMA) */
  __u64 bytes;
};

#define VGPU_RUNS_PER_PAGE 255
#define VGPU_MAX_RUNS (1 << 20) /* of one list; the device refuses longer ones with E2BIG */

struct vgpu_run_page {
  __u64 next;  /* guest address of the next page, 0 at the end */
  __u32 count; /* runs in this page */
  __u32 reserved;
  struct vgpu_run runs[VGPU_RUNS_PER_PAGE];
};

#ifdef __cplusplus
#define VGPU_ASSERT_SIZE(type, bytes) static_assert(sizeof(struct type) == (bytes))
#else
#define VGPU_ASSERT_SIZE(type, bytes) _Static_assert(sizeof(struct type) == (bytes), #type)
#endif
VGPU_ASSERT_SIZE(vgpu_channel_state, 128);
VGPU_ASSERT_SIZE(vgpu_command, 64);
VGPU_ASSERT_SIZE(vgpu_completion, 32);
VGPU_ASSERT_SIZE(vgpu_run_page, 4096);

#endif /* VGPU_PCI_H */
