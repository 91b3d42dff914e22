/* SPDX-License-Identifier: (GPL-2.0 WITH Linux-syscall-note) OR MIT */
/*
 * ioctls of /dev/vgpuN. An open file is one session: one process, one worker on the host. The module moves memory and
 * wake-ups; what the memory means is between the guest's libcuda and the worker. docs/uapi.md explains each call.
 *
 * Structs only grow, at their end, and the size is part of the ioctl's number: a shorter one means zeros, a longer one
 * is accepted while what the module does not know is zero (E2BIG otherwise). Unknown flags and non-zero reserved
 * fields are EINVAL. Times are CLOCK_MONOTONIC nanoseconds. Any call may return ENODEV once the device is gone.
 */
#ifndef _UAPI_LINUX_VGPU_H
#define _UAPI_LINUX_VGPU_H

#include <linux/ioctl.h>
#include <linux/types.h>

#define VGPU_ABI_VERSION 1

/* What this module and device are. Works before OPEN. */
struct vgpu_query {
	__u32 abi_version; /* out: VGPU_ABI_VERSION; grows with additions, which are also told by features */
	__u32 device_version; /* out: VGPU_DEVICE_VERSION of vgpu/pci.h */
	__u64 features; /* out: none yet */
	__u32 max_sessions; /* out */
	__u32 alive; /* out: 1 while the device works */
	__u16 pci_vendor; /* out, and the following: identity of the card */
	__u16 pci_device;
	__u32 pci_class;
	__u32 pci_revision;
	__u32 reserved;
};

/*
 * Starts the session: its memory is allocated, a worker started. Once per file (EBUSY). May take as long as the host's
 * driver needs to start; a signal that kills ends the wait. ECONNREFUSED: the host says no; see reason and code.
 */
struct vgpu_open {
	__u64 bytes; /* of the session's memory; a multiple of the page size, at most VGPU_MAX_SESSION_BYTES */
	__u32 format; /* passed to the host */
	__u32 flags; /* VGPU_OPEN_TEXT */
	__u64 text; /* user address of text for the host, when VGPU_OPEN_TEXT is set */
	__u64 reason; /* user address of a buffer for the host's reason, or 0 */
	__u32 text_bytes; /* without a NUL; less than VGPU_TEXT_BYTES */
	__u32 reason_bytes; /* size of that buffer */
	__s32 code; /* out: with ECONNREFUSED, a CUresult or 0 */
	__u32 session; /* out: its number on the device */
};

#define VGPU_OPEN_TEXT 1
#define VGPU_TEXT_BYTES 4096
#define VGPU_MAX_SESSION_BYTES (1ULL << 30)

/*
 * Sleeps until the 32-bit word at `offset` of the session's memory is not `expected`, at most until `deadline`
 * (ETIMEDOUT). ENODEV: the worker or the device is gone, and the word is still as expected.
 */
struct vgpu_wait {
	__u64 offset; /* multiple of 4 */
	__u32 expected;
	__u32 flags; /* 0 */
	__u64 deadline; /* ~0: none */
};

/*
 * Like WAIT, but returns at once: the eventfd is signalled, once, when the word is no longer as expected or the session
 * is lost. One watch per file; a new one replaces it, and eventfd -1 removes it. With eventfd -2 there is none, and
 * poll(2) says POLLIN in its stead. (poll says POLLERR | POLLHUP when the session is lost, watch or none.)
 */
struct vgpu_watch {
	__u64 offset;
	__u32 expected;
	__s32 eventfd;
	__u32 flags; /* 0 */
	__u32 reserved;
};

/* Memory from the kernel, zeroed, in runs as large as can be had. Map it with mmap(2) at map_offset of the file. */
struct vgpu_alloc {
	__u64 bytes; /* multiple of the page size */
	__u32 flags; /* 0 */
	__u32 object; /* out */
	__u64 map_offset; /* out */
};

/* Lets the worker have an allocated object at `address`, too. Once per object (EBUSY). */
struct vgpu_map {
	__u32 object;
	__u32 flags; /* VGPU_MAP_ADOPT */
	__u64 address; /* page-aligned */
};

#define VGPU_MAP_ADOPT 1 /* take over what the worker has there, with its content */

/* Pins pages of this process, which must be writable, and lets the worker have them at the same address. */
struct vgpu_pin {
	__u64 address; /* page-aligned */
	__u64 bytes; /* multiple of the page size */
	__u32 flags; /* 0 */
	__u32 object; /* out */
};

/*
 * Takes an object back: the worker's mapping goes first, then the pages are unpinned or freed. (Pages that are still
 * mapped in a process live on until they are unmapped there.)
 */
struct vgpu_free {
	__u32 object;
	__u32 flags; /* 0 */
};

/* What this file holds and did. */
struct vgpu_statistics {
	__u64 session_bytes;
	__u64 allocated_bytes;
	__u64 pinned_bytes;
	__u64 objects;
	__u64 doorbells;
	__u64 waits; /* that slept */
	__u64 wakeups;
};

/*
 * Asks the host's daemon about the card and its users: bytes that the module does not read, but for vgpu_report_trace.
 * Needs no OPEN. ENOSYS: the daemon is older than this call, or does not know this request; ENOSPC: the answer is longer
 * than answer_bytes.
 */
struct vgpu_report {
	__u64 request; /* user address */
	__u64 answer; /* user address */
	__u32 request_bytes; /* 1 to VGPU_REPORT_REQUEST_BYTES */
	__u32 answer_bytes; /* room, at most VGPU_REPORT_ANSWER_BYTES; out: how long the answer is */
	__u32 flags; /* 0 */
	__u32 reserved;
};

/*
 * The beginning of the one kind of request that the module looks at: it begins a trace of a process's
 * calls. The process must be the caller's own, or the caller needs CAP_SYS_PTRACE: else EPERM. `pid` is
 * a number of the caller's pid namespace; the host gets the first one's. `tracer` is overwritten, so that
 * the host can tell whether a process that opens its session later is still the caller's.
 */
struct vgpu_report_trace {
	__u32 kind; /* VGPU_REPORT_TRACE */
	__u32 step; /* VGPU_REPORT_TRACE_BEGIN */
	__u32 pid;
	__u32 reserved; /* not looked at */
	__u64 tracer; /* the caller's user plus 1, and VGPU_REPORT_TRACES_ANYONE with CAP_SYS_PTRACE */
};

#define VGPU_REPORT_TRACES_ANYONE (1ULL << 32)

#define VGPU_REPORT_TRACE 4
#define VGPU_REPORT_TRACE_BEGIN 0

#define VGPU_REPORT_REQUEST_BYTES 4096
#define VGPU_REPORT_ANSWER_BYTES (256 * 1024)

#define VGPU_IOCTL_BASE 'G'
#define VGPU_IOCTL_QUERY _IOWR(VGPU_IOCTL_BASE, 0x80, struct vgpu_query)
#define VGPU_IOCTL_OPEN _IOWR(VGPU_IOCTL_BASE, 0x81, struct vgpu_open)
#define VGPU_IOCTL_RING _IO(VGPU_IOCTL_BASE, 0x82) /* the worker sleeps, and there is work: wake it */
#define VGPU_IOCTL_WAIT _IOWR(VGPU_IOCTL_BASE, 0x83, struct vgpu_wait)
#define VGPU_IOCTL_WATCH _IOWR(VGPU_IOCTL_BASE, 0x84, struct vgpu_watch)
#define VGPU_IOCTL_ALLOC _IOWR(VGPU_IOCTL_BASE, 0x85, struct vgpu_alloc)
#define VGPU_IOCTL_MAP _IOWR(VGPU_IOCTL_BASE, 0x86, struct vgpu_map)
#define VGPU_IOCTL_PIN _IOWR(VGPU_IOCTL_BASE, 0x87, struct vgpu_pin)
#define VGPU_IOCTL_FREE _IOWR(VGPU_IOCTL_BASE, 0x88, struct vgpu_free)
#define VGPU_IOCTL_CHECK _IO(VGPU_IOCTL_BASE, 0x89) /* 0, or ENODEV when worker or device are gone; asks the device */
#define VGPU_IOCTL_STATISTICS _IOWR(VGPU_IOCTL_BASE, 0x8a, struct vgpu_statistics)
#define VGPU_IOCTL_REPORT _IOWR(VGPU_IOCTL_BASE, 0x8b, struct vgpu_report)

/* mmap(2) at offset 0 and up: the session's memory, any part of it, as often as wanted. */

#endif /* _UAPI_LINUX_VGPU_H */
