/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/*
 * The module's own structures and the functions between its files.
 *
 * Locks, outermost first:
 * - vgpu_device.lock: channel, requests, state, the list of sessions; never held over user memory
 * - vgpu_session.lock: the session's objects and DMA mappings; taken inside mmap_lock, never the
 *   other way round
 * - vgpu_device.wait_lock: waiters and watches; taken in the interrupt handler
 *
 * Pages that the host may have mapped are freed by one rule: a request holds its session from when
 * it is submitted until the device has answered it, or is proved to be dead. A session's last
 * reference frees its pages. Its file has one reference, and closing the file submits a request
 * (CLOSE) before it drops that one.
 */
#ifndef VGPU_DRV_H
#define VGPU_DRV_H

#include <linux/atomic.h>
#include <linux/build_bug.h>
#include <linux/completion.h>
#include <linux/cred.h>
#include <linux/idr.h>
#include <linux/kref.h>
#include <linux/list.h>
#include <linux/miscdevice.h>
#include <linux/mutex.h>
#include <linux/pci.h>
#include <linux/poll.h>
#include <linux/sched.h>
#include <linux/spinlock.h>
#include <linux/user_namespace.h>
#include <linux/wait.h>
#include <linux/workqueue.h>
#include <linux/xarray.h>

#include "uapi/linux/vgpu.h"
#include "vgpu/pci.h"

#define VGPU_MODULE_VERSION "0.1.0"

static_assert(BITS_PER_LONG == 64, "sizes and offsets are 64 bits long");

/* An object's pages are at its number times this in the file; the session's own are at 0. */
#define VGPU_MAP_SHIFT 40
#define VGPU_MAX_OBJECTS ((1 << 23) - 1)

struct vgpu_session;

/* Goes up only. */
enum vgpu_state {
	VGPU_ALIVE,
	VGPU_LOST, /* does not serve any more, but may still use pages */
	VGPU_DEAD, /* proved to use no page */
};

/* Pages of the kernel's or, pinned, of a process. */
struct vgpu_memory {
	struct page **pages;
	unsigned long count;
	bool pinned;
	struct mm_struct *mm; /* whose locked memory has `accounted` pages more because of this */
	unsigned long accounted;
};

struct vgpu_list_page {
	struct vgpu_run_page *page;
	dma_addr_t dma;
};

/*
 * Some memory as the device sees it: lists of runs, mapped for DMA. A list that would have too many
 * runs for one command is several: each `VGPU_SEGMENT_PAGES` pages are one.
 */
struct vgpu_runs {
	struct vgpu_list_page *list;
	unsigned long count; /* pages in use */
	unsigned long linked; /* pages from this one on are mapped for DMA themselves */
	bool mapped;
};

#define VGPU_SEGMENT_PAGES (VGPU_MAX_RUNS / VGPU_RUNS_PER_PAGE)

struct vgpu_segment {
	u64 list;
	u64 bytes;
};

/*
 * One that sleeps until a word changes, or, without a task, the session's watch. On the list while
 * it is to be woken.
 */
struct vgpu_waiter {
	struct list_head link;
	struct vgpu_session *session;
	const u32 *word;
	u32 expected;
	struct task_struct *task;
};

struct vgpu_request {
	struct list_head link;
	struct vgpu_command command;
	struct vgpu_session *session; /* counted while the channel has the request */
	struct completion done;
	bool answered;
	bool confirmed; /* the device has answered, or is dead: the channel has it no more */
	bool abandoned; /* nobody waits: the channel frees it */
	int error; /* negative errno */
	int code;
};

/* What became of a command, whatever its error. */
enum vgpu_outcome {
	VGPU_NOT_SERVED, /* the host knows nothing of it, nor will it */
	VGPU_ANSWERED,
	VGPU_IN_DOUBT, /* nobody waits any more; the host may still carry it out */
};

struct vgpu_answer {
	enum vgpu_outcome outcome;
	int code;
};

/* Guarded by the device's lock. */
struct vgpu_channel {
	void *memory;
	dma_addr_t dma;
	struct vgpu_channel_state *state;
	struct vgpu_command *submissions;
	struct vgpu_completion *completions;
	u32 submission_tail;
	u32 completion_head; /* read by the interrupt handler as well */
	u64 cookie;
	struct list_head queued; /* not in the queue yet */
	struct list_head sent;
	unsigned long pending; /* on both lists */
};

struct vgpu_device {
	struct kref refs; /* driver, and each session */
	struct pci_dev *pdev;
	int index;
	char name[16];
	struct miscdevice misc;
	struct dentry *debugfs;

	void __iomem *bar;
	bool bar_gone; /* checked under RCU */
	int irq;
	u32 max_sessions;

	struct mutex lock;
	struct vgpu_channel channel;
	enum vgpu_state state; /* read without the lock, too */
	bool removing;
	struct list_head sessions;
	unsigned long open_sessions; /* with a number: the device may have a worker for them */
	struct delayed_work watchdog; /* while there are open sessions */
	u32 heartbeat;
	unsigned long heartbeat_changed; /* jiffies */

	spinlock_t wait_lock;
	struct list_head waiters;

	struct ida numbers;
	atomic_long_t objects;
	atomic_long_t allocated_pages;
	atomic_long_t pinned_pages;
	atomic_long_t commands; /* totals, from here on */
	atomic_long_t doorbells;
	atomic_long_t interrupts;
	atomic_long_t wakeups;
};

enum vgpu_session_state {
	VGPU_SESSION_NEW,
	VGPU_SESSION_OPENING,
	VGPU_SESSION_OPEN,
	VGPU_SESSION_BROKEN, /* nobody waited for the end of its OPEN */
};

enum vgpu_watch_kind {
	VGPU_WATCH_NONE,
	VGPU_WATCH_EVENTFD,
	VGPU_WATCH_POLL,
};

/* Guarded by the device's wait_lock. */
struct vgpu_watch_slot {
	struct vgpu_waiter waiter;
	enum vgpu_watch_kind kind;
	struct eventfd_ctx *eventfd;
	bool fired;
};

/* An open file, and what the host has of it. */
struct vgpu_session {
	struct kref refs; /* file, and each request */
	struct vgpu_device *dev;
	struct work_struct free_work;
	struct list_head link; /* device's lock */
	struct vgpu_request *close; /* device's lock; NULL once submitted */
	bool closed; /* device's lock; the file is gone */
	pid_t pid;
	char comm[TASK_COMM_LEN];

	bool lost; /* written once, then the waiters are woken */

	struct mutex lock;
	enum vgpu_session_state state; /* OPEN is stored last, and read without the lock */
	bool detached; /* the driver lets go of the device: no DMA mappings any more */
	struct xarray objects;
	struct list_head papers; /* of reports */
	struct vgpu_runs runs;
	void *text;
	dma_addr_t text_dma; /* 0: not mapped */

	/* Constant while the session is open. */
	u32 number;
	struct vgpu_memory memory;

	struct vgpu_watch_slot watch;
	wait_queue_head_t poll_queue;

	atomic_long_t object_count;
	atomic_long_t allocated_pages; /* without the session's memory */
	atomic_long_t pinned_pages;
	atomic_long_t sleeping;
	atomic_long_t doorbells;
	atomic_long_t waits;
	atomic_long_t wakeups;
};

/* vgpu_drv.c */
extern struct workqueue_struct *vgpu_workqueue;
u32 vgpu_read(struct vgpu_device *dev, u32 reg);
void vgpu_write(struct vgpu_device *dev, u32 reg, u32 value);
void vgpu_doorbell(struct vgpu_device *dev, u32 session);
void vgpu_device_get(struct vgpu_device *dev);
void vgpu_device_put(struct vgpu_device *dev);

/* vgpu_state.c: whether the device is there */
void vgpu_state_set(struct vgpu_device *dev, enum vgpu_state state, const char *why);
void vgpu_state_look(struct vgpu_device *dev);
void vgpu_state_check(struct vgpu_device *dev);
bool vgpu_state_stop(struct vgpu_device *dev);
void vgpu_watchdog_start(struct vgpu_device *dev);
void vgpu_watchdog(struct work_struct *work);
unsigned long vgpu_state_held_pages(struct vgpu_device *dev, bool closed_only);

/* vgpu_channel.c */
int vgpu_channel_init(struct vgpu_device *dev);
int vgpu_channel_start(struct vgpu_device *dev);
void vgpu_channel_fini(struct vgpu_device *dev);
int vgpu_channel_execute(struct vgpu_session *session, const struct vgpu_command *command,
			 struct vgpu_answer *answer);
void vgpu_channel_close(struct vgpu_session *session);
void vgpu_channel_push(struct vgpu_device *dev);
void vgpu_channel_fail(struct vgpu_device *dev, bool confirmed);
irqreturn_t vgpu_channel_interrupt(int irq, void *data);
irqreturn_t vgpu_channel_thread(int irq, void *data);

/* vgpu_file.c */
extern const struct file_operations vgpu_file_operations;

/* vgpu_session.c */
struct vgpu_session *vgpu_session_create(struct vgpu_device *dev);
void vgpu_session_release(struct vgpu_session *session);
void vgpu_session_get(struct vgpu_session *session);
void vgpu_session_put(struct vgpu_session *session);
void vgpu_session_lose(struct vgpu_session *session);
void vgpu_session_detach(struct vgpu_session *session);
int vgpu_session_open(struct vgpu_session *session, struct vgpu_open *open);
int vgpu_session_ready(struct vgpu_session *session);

/* vgpu_object.c */
int vgpu_object_alloc(struct vgpu_session *session, struct vgpu_alloc *alloc);
int vgpu_object_pin(struct vgpu_session *session, struct vgpu_pin *pin);
int vgpu_object_map(struct vgpu_session *session, struct vgpu_map *map);
int vgpu_object_free(struct vgpu_session *session, struct vgpu_free *free);
int vgpu_object_mmap(struct vgpu_session *session, struct vm_area_struct *vma);
void vgpu_object_detach_all(struct vgpu_session *session);
void vgpu_object_destroy_all(struct vgpu_session *session);

/* vgpu_report.c */
/* A user as the host is told of it; 0 would be nobody. */
static inline u32 vgpu_user_number(kuid_t user)
{
	return from_kuid(&init_user_ns, user) + 1;
}

int vgpu_report_ask(struct vgpu_session *session, struct vgpu_report *report);
void vgpu_report_detach_all(struct vgpu_session *session);
void vgpu_report_destroy_all(struct vgpu_session *session);

/* vgpu_memory.c */
int vgpu_memory_alloc(struct vgpu_device *dev, struct vgpu_memory *memory, u64 bytes);
int vgpu_memory_pin(struct vgpu_device *dev, struct vgpu_memory *memory, u64 address, u64 bytes);
void vgpu_memory_fini(struct vgpu_device *dev, struct vgpu_memory *memory);

/* vgpu_runs.c */
int vgpu_runs_init(struct device *device, struct vgpu_runs *runs, const struct vgpu_memory *memory);
bool vgpu_runs_segment(const struct vgpu_runs *runs, unsigned long index,
		       struct vgpu_segment *segment);
void vgpu_runs_unmap(struct device *device, struct vgpu_runs *runs);
void vgpu_runs_fini(struct device *device, struct vgpu_runs *runs);

/* vgpu_wait.c */
int vgpu_wait_word(struct vgpu_session *session, struct vgpu_wait *wait);
int vgpu_wait_watch(struct vgpu_session *session, struct vgpu_watch *watch);
void vgpu_wait_unwatch(struct vgpu_session *session);
__poll_t vgpu_wait_poll(struct vgpu_session *session, struct file *file, poll_table *table);
void vgpu_wait_scan(struct vgpu_device *dev);
void vgpu_wait_lost(struct vgpu_session *session);

/* vgpu_debugfs.c */
void vgpu_debugfs_init(void);
void vgpu_debugfs_fini(void);
void vgpu_debugfs_add(struct vgpu_device *dev);
void vgpu_debugfs_remove(struct vgpu_device *dev);

static inline struct device *vgpu_dma_device(struct vgpu_device *dev)
{
	return &dev->pdev->dev;
}

#endif /* VGPU_DRV_H */
