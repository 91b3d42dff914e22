// SPDX-License-Identifier: GPL-2.0 OR MIT
/* Pages: the kernel's, in chunks as large as can be had, and pinned ones of processes. */
#include <linux/capability.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/sched/mm.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>

#include "vgpu_drv.h"

/* 2 MiB where pages have 4 KiB: what the host maps quickly. */
#define VGPU_CHUNK_ORDER 9
#define VGPU_PIN_CHUNK 2048

static bool enforce_memlock;
module_param(enforce_memlock, bool, 0644);
MODULE_PARM_DESC(enforce_memlock, "Refuse pinning beyond RLIMIT_MEMLOCK (default: 0)");

static ulong max_pinned_mb;
module_param(max_pinned_mb, ulong, 0644);
MODULE_PARM_DESC(max_pinned_mb,
		 "Most memory that all processes together may pin, in MiB (default: 0, no limit)");

static atomic_long_t vgpu_pinned_pages; /* of all devices */

static int vgpu_memory_init(struct vgpu_memory *memory, u64 bytes)
{
	u64 pages = bytes >> PAGE_SHIFT;

	memset(memory, 0, sizeof(*memory));
	if (pages > totalram_pages() || pages > INT_MAX / sizeof(*memory->pages))
		return -ENOMEM;
	memory->pages = kvmalloc_array(pages, sizeof(*memory->pages), GFP_KERNEL_ACCOUNT);
	return memory->pages ? 0 : -ENOMEM;
}

/*
 * `order`: what may be had, and then what was had. Failing is better than having a process killed
 * for it.
 */
static struct page *vgpu_alloc_chunk(unsigned long wanted, unsigned int *order)
{
	struct page *page;

	while (*order && (1UL << *order) > wanted)
		(*order)--;
	for (; *order; (*order)--) {
		page = alloc_pages(GFP_KERNEL_ACCOUNT | __GFP_ZERO | __GFP_NORETRY | __GFP_NOWARN,
				   *order);
		if (page)
			return page;
	}
	return alloc_page(GFP_KERNEL_ACCOUNT | __GFP_ZERO | __GFP_RETRY_MAYFAIL | __GFP_NOWARN);
}

int vgpu_memory_alloc(struct vgpu_device *dev, struct vgpu_memory *memory, u64 bytes)
{
	unsigned long wanted = bytes >> PAGE_SHIFT;
	unsigned int order = VGPU_CHUNK_ORDER;
	int error = vgpu_memory_init(memory, bytes);

	if (error)
		return error;
	while (memory->count < wanted) {
		struct page *page = vgpu_alloc_chunk(wanted - memory->count, &order);
		unsigned long i;

		if (!page || fatal_signal_pending(current)) {
			error = page ? -EINTR : -ENOMEM;
			if (page)
				__free_pages(page, order);
			break;
		}
		/*
		 * From now on each page has a count of its own, and can outlive the others in a
		 * process's mapping.
		 */
		split_page(page, order);
		for (i = 0; i < 1UL << order; i++)
			memory->pages[memory->count++] = page + i;
		cond_resched();
	}
	atomic_long_add(memory->count, &dev->allocated_pages);
	if (error)
		vgpu_memory_fini(dev, memory);
	return error;
}

static int vgpu_account(struct vgpu_memory *memory, unsigned long pages)
{
	unsigned long limit = READ_ONCE(max_pinned_mb);
	unsigned long total = atomic_long_add_return(pages, &vgpu_pinned_pages);
	struct mm_struct *mm = current->mm;
	int error = -ENOMEM;

	if (limit && DIV_ROUND_UP(total, 1UL << (20 - PAGE_SHIFT)) > limit)
		goto undo;
	error = -EINTR;
	if (mmap_write_lock_killable(mm))
		goto undo;
	error = __account_locked_vm(mm, pages, true, current,
				    !READ_ONCE(enforce_memlock) || capable(CAP_IPC_LOCK));
	mmap_write_unlock(mm);
	if (error)
		goto undo;
	mmgrab(mm);
	memory->mm = mm;
	memory->accounted = pages;
	return 0;

undo:
	atomic_long_sub(pages, &vgpu_pinned_pages);
	return error;
}

static void vgpu_unaccount(struct vgpu_memory *memory)
{
	if (!memory->mm)
		return;
	mmap_write_lock(memory->mm);
	__account_locked_vm(memory->mm, memory->accounted, false, current, true);
	mmap_write_unlock(memory->mm);
	mmdrop(memory->mm);
	memory->mm = NULL;
	atomic_long_sub(memory->accounted, &vgpu_pinned_pages);
}

int vgpu_memory_pin(struct vgpu_device *dev, struct vgpu_memory *memory, u64 address, u64 bytes)
{
	unsigned long wanted = bytes >> PAGE_SHIFT;
	int error = vgpu_memory_init(memory, bytes);

	if (error)
		return error;
	memory->pinned = true;
	error = vgpu_account(memory, wanted);
	while (!error && memory->count < wanted) {
		int some = min_t(unsigned long, wanted - memory->count, VGPU_PIN_CHUNK);
		int got = pin_user_pages_fast(address + ((u64)memory->count << PAGE_SHIFT), some,
					      FOLL_WRITE | FOLL_LONGTERM,
					      memory->pages + memory->count);

		if (got > 0)
			memory->count += got;
		else
			error = got ? got : -EFAULT;
		if (fatal_signal_pending(current))
			error = -EINTR;
		cond_resched();
	}
	atomic_long_add(memory->count, &dev->pinned_pages);
	if (error)
		vgpu_memory_fini(dev, memory);
	return error;
}

static void vgpu_unpin(struct vgpu_memory *memory)
{
	unsigned long done, some;

	for (done = 0; done < memory->count; done += some) {
		some = min_t(unsigned long, memory->count - done, VGPU_PIN_CHUNK);
		/* The device may have written to any of them. */
		unpin_user_pages_dirty_lock(memory->pages + done, some, true);
		cond_resched();
	}
}

/*
 * Only for pages that the host does not use: never shown to it, or given back. Takes the process's
 * mmap_lock.
 */
void vgpu_memory_fini(struct vgpu_device *dev, struct vgpu_memory *memory)
{
	unsigned long i;

	if (memory->pinned) {
		vgpu_unpin(memory);
		vgpu_unaccount(memory);
		atomic_long_sub(memory->count, &dev->pinned_pages);
	} else {
		for (i = 0; i < memory->count; i++) {
			put_page(memory->pages[i]);
			if (!(i % 1024))
				cond_resched();
		}
		atomic_long_sub(memory->count, &dev->allocated_pages);
	}
	kvfree(memory->pages);
	memset(memory, 0, sizeof(*memory));
}
