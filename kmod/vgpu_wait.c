// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * Waiting for words of the sessions' memory. The device raises an interrupt when it has changed a
 * word that somebody waits for; it does not say which. The handler looks at those that are waited
 * for, and wakes whose has changed.
 */
#include <linux/eventfd.h>
#include <linux/hrtimer.h>
#include <linux/mm.h>
#include <linux/sched/signal.h>

#include "vgpu_compat.h"
#include "vgpu_drv.h"
#include "vgpu_trace.h"

/*
 * Where the kernel sees the word, or NULL. Pages of the session's memory are always in the kernel's
 * map.
 */
static const u32 *vgpu_wait_find_word(struct vgpu_session *session, u64 offset)
{
	if (offset % sizeof(u32) || offset >> PAGE_SHIFT >= session->memory.count)
		return NULL;
	return page_address(session->memory.pages[offset >> PAGE_SHIFT]) + offset_in_page(offset);
}

static bool vgpu_waiter_is_due(const struct vgpu_waiter *waiter)
{
	return READ_ONCE(*waiter->word) != waiter->expected || READ_ONCE(waiter->session->lost);
}

/* With the device's wait_lock. Off the list means woken, even if the word should change back. */
static void vgpu_waiter_wake(struct vgpu_waiter *waiter)
{
	struct vgpu_session *session = waiter->session;
	struct vgpu_watch_slot *watch = &session->watch;

	list_del_init(&waiter->link);
	atomic_long_inc(&session->wakeups);
	atomic_long_inc(&session->dev->wakeups);
	trace_vgpu_wake(session->dev->index, session->number);
	if (waiter->task) {
		wake_up_process(waiter->task);
		return;
	}
	watch->fired = true;
	if (watch->kind == VGPU_WATCH_EVENTFD)
		vgpu_eventfd_signal(watch->eventfd);
	else
		wake_up_interruptible_poll(&session->poll_queue, EPOLLIN | EPOLLRDNORM);
}

/* In the interrupt handler. */
void vgpu_wait_scan(struct vgpu_device *dev)
{
	struct vgpu_waiter *waiter, *next;
	unsigned long flags;

	spin_lock_irqsave(&dev->wait_lock, flags);
	list_for_each_entry_safe(waiter, next, &dev->waiters, link)
		if (vgpu_waiter_is_due(waiter))
			vgpu_waiter_wake(waiter);
	spin_unlock_irqrestore(&dev->wait_lock, flags);
}

/* The session has just been marked lost: whoever did not see that is on the list by now. */
void vgpu_wait_lost(struct vgpu_session *session)
{
	vgpu_wait_scan(session->dev);
	wake_up_interruptible_poll(&session->poll_queue, EPOLLERR | EPOLLHUP);
}

/* Sleeps until woken, or for a reason to give up: then its error. The waiter is on the list. */
static int vgpu_wait_sleep(struct vgpu_session *session, struct vgpu_waiter *waiter, u64 deadline)
{
	ktime_t expires = ns_to_ktime(min_t(u64, deadline, KTIME_MAX));
	ktime_t *limit = deadline > KTIME_MAX ? NULL : &expires;
	bool slept = false;
	int error = 0;

	for (;;) {
		set_current_state(TASK_INTERRUPTIBLE);
		/*
		 * The word may have changed before we were on the list. Woken means off the list.
		 * 
		 */
		if (list_empty_careful(&waiter->link) || vgpu_waiter_is_due(waiter) || error)
			break;
		if (signal_pending(current)) {
			error = -ERESTARTSYS;
			break;
		}
		if (!slept)
			atomic_long_inc(&session->waits);
		slept = true;
		if (!schedule_hrtimeout(limit, HRTIMER_MODE_ABS))
			error = -ETIMEDOUT;
	}
	__set_current_state(TASK_RUNNING);
	return error;
}

int vgpu_wait_word(struct vgpu_session *session, struct vgpu_wait *wait)
{
	struct vgpu_device *dev = session->dev;
	struct vgpu_waiter waiter = {
		.session = session,
		.word = vgpu_wait_find_word(session, wait->offset),
		.expected = wait->expected,
		.task = current,
	};
	bool woken;
	int error;

	if (!waiter.word || wait->flags)
		return -EINVAL;
	if (READ_ONCE(*waiter.word) != wait->expected)
		return 0;
	atomic_long_inc(&session->sleeping);
	spin_lock_irq(&dev->wait_lock);
	list_add_tail(&waiter.link, &dev->waiters);
	spin_unlock_irq(&dev->wait_lock);

	error = vgpu_wait_sleep(session, &waiter, wait->deadline);

	spin_lock_irq(&dev->wait_lock);
	woken = list_empty(&waiter.link);
	list_del(&waiter.link);
	spin_unlock_irq(&dev->wait_lock);
	atomic_long_dec(&session->sleeping);

	if (READ_ONCE(*waiter.word) != wait->expected)
		return 0;
	if (READ_ONCE(session->lost))
		return -ENODEV;
	return woken ? 0 : error;
}

/* Replaces the watch; the old one's eventfd goes to the caller. Fires at once if it is due. */
static struct eventfd_ctx *vgpu_watch_set(struct vgpu_session *session, enum vgpu_watch_kind kind,
					  struct eventfd_ctx *eventfd, const u32 *word,
					  u32 expected)
{
	struct vgpu_device *dev = session->dev;
	struct vgpu_watch_slot *watch = &session->watch;
	struct eventfd_ctx *old;

	spin_lock_irq(&dev->wait_lock);
	list_del_init(&watch->waiter.link);
	old = watch->eventfd;
	watch->kind = kind;
	watch->eventfd = eventfd;
	watch->fired = false;
	watch->waiter.word = word;
	watch->waiter.expected = expected;
	if (kind != VGPU_WATCH_NONE) {
		list_add_tail(&watch->waiter.link, &dev->waiters);
		/* On the list before the word is read; the handler reads it under the lock. */
		smp_mb();
		if (vgpu_waiter_is_due(&watch->waiter))
			vgpu_waiter_wake(&watch->waiter);
	}
	spin_unlock_irq(&dev->wait_lock);
	return old;
}

int vgpu_wait_watch(struct vgpu_session *session, struct vgpu_watch *watch)
{
	const u32 *word = vgpu_wait_find_word(session, watch->offset);
	enum vgpu_watch_kind kind = VGPU_WATCH_NONE;
	struct eventfd_ctx *eventfd = NULL;

	if (!word || watch->flags || watch->reserved || watch->eventfd < -2)
		return -EINVAL;
	if (watch->eventfd == -2)
		kind = VGPU_WATCH_POLL;
	if (watch->eventfd >= 0) {
		kind = VGPU_WATCH_EVENTFD;
		eventfd = eventfd_ctx_fdget(watch->eventfd);
		if (IS_ERR(eventfd))
			return PTR_ERR(eventfd);
	}
	eventfd = vgpu_watch_set(session, kind, eventfd, word, watch->expected);
	if (eventfd)
		eventfd_ctx_put(eventfd);
	return 0;
}

void vgpu_wait_unwatch(struct vgpu_session *session)
{
	struct eventfd_ctx *eventfd = vgpu_watch_set(session, VGPU_WATCH_NONE, NULL, NULL, 0);

	if (eventfd)
		eventfd_ctx_put(eventfd);
}

__poll_t vgpu_wait_poll(struct vgpu_session *session, struct file *file, poll_table *table)
{
	struct vgpu_device *dev = session->dev;
	__poll_t events = 0;

	poll_wait(file, &session->poll_queue, table);
	spin_lock_irq(&dev->wait_lock);
	if (session->watch.kind == VGPU_WATCH_POLL && session->watch.fired)
		events |= EPOLLIN | EPOLLRDNORM;
	spin_unlock_irq(&dev->wait_lock);
	if (READ_ONCE(session->lost))
		events |= EPOLLERR | EPOLLHUP;
	return events;
}
