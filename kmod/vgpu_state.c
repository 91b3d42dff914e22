// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * Whether the device works, is lost, or is dead. The difference between the two last ones is that
 * of memory safety: a device that does not answer may have workers that write to pages, a dead one
 * has none.
 */
#include <asm/barrier.h>
#include <linux/delay.h>
#include <linux/jiffies.h>

#include "vgpu_drv.h"

#define VGPU_HEARTBEAT_LIMIT (4 * HZ)
#define VGPU_STOP_LIMIT (10 * HZ)
#define VGPU_LIFE_LIMIT (2 * HZ)

static unsigned long vgpu_state_count_held(struct vgpu_device *dev, bool closed_only)
{
	struct vgpu_session *session;
	unsigned long pages = 0;

	lockdep_assert_held(&dev->lock);
	list_for_each_entry(session, &dev->sessions, link) {
		if (!session->number || (closed_only && !session->closed))
			continue;
		pages += session->memory.count + atomic_long_read(&session->allocated_pages) +
			 atomic_long_read(&session->pinned_pages);
	}
	return pages;
}

/* Pages that the host may use. */
unsigned long vgpu_state_held_pages(struct vgpu_device *dev, bool closed_only)
{
	unsigned long pages;

	mutex_lock(&dev->lock);
	pages = vgpu_state_count_held(dev, closed_only);
	mutex_unlock(&dev->lock);
	return pages;
}

/* `why`: for the log, or NULL if the driver wants it so. */
static void vgpu_state_raise(struct vgpu_device *dev, enum vgpu_state state, const char *why)
{
	struct device *device = &dev->pdev->dev;
	struct vgpu_session *session;

	lockdep_assert_held(&dev->lock);
	if (dev->state >= state)
		return;
	if (why && state == VGPU_DEAD)
		dev_err(device, "%s: all sessions are lost\n", why);
	else if (why)
		dev_warn(device, "%s: all sessions are lost, %lu pages are kept until it is known to be dead\n",
			 why, vgpu_state_count_held(dev, false));
	WRITE_ONCE(dev->state, state);
	list_for_each_entry(session, &dev->sessions, link)
		vgpu_session_lose(session);
	vgpu_channel_fail(dev, state == VGPU_DEAD);
}

void vgpu_state_set(struct vgpu_device *dev, enum vgpu_state state, const char *why)
{
	mutex_lock(&dev->lock);
	vgpu_state_raise(dev, state, why);
	mutex_unlock(&dev->lock);
}

/* What the host has left in the channel. Costs no exit to the host. */
static void vgpu_state_look_locked(struct vgpu_device *dev)
{
	struct vgpu_channel_state *state = dev->channel.state;

	/* Pairs with the store of whoever ends the workers first. */
	if (state && virt_load_acquire(&state->life) == VGPU_LIFE_DEAD)
		vgpu_state_raise(dev, VGPU_DEAD, "the host's daemon has ended");
}

void vgpu_state_look(struct vgpu_device *dev)
{
	mutex_lock(&dev->lock);
	vgpu_state_look_locked(dev);
	mutex_unlock(&dev->lock);
}

/* Asks the device itself. Sleeps. */
void vgpu_state_check(struct vgpu_device *dev)
{
	u32 status;

	vgpu_state_look(dev);
	if (READ_ONCE(dev->state) != VGPU_ALIVE)
		return;
	status = vgpu_read(dev, VGPU_REG_STATUS);
	if (status == VGPU_STATUS_RUNNING)
		return;
	mutex_lock(&dev->lock);
	/* The device that fell silent may have said why in the meantime. */
	vgpu_state_look_locked(dev);
	if (status == VGPU_STATUS_IDLE)
		vgpu_state_raise(dev, VGPU_DEAD, "the device was reset");
	else if (!dev->removing)
		vgpu_state_raise(dev, VGPU_LOST, "the host's daemon does not answer");
	mutex_unlock(&dev->lock);
}

static bool vgpu_state_is_dead(struct vgpu_device *dev)
{
	vgpu_state_look(dev);
	return READ_ONCE(dev->state) == VGPU_DEAD;
}

/* Ends all sessions. Returns whether the host has confirmed that no page is in use. */
bool vgpu_state_stop(struct vgpu_device *dev)
{
	unsigned long begin = jiffies;
	u32 status;

	vgpu_state_set(dev, VGPU_LOST, NULL);
	if (vgpu_state_is_dead(dev))
		return true;
	vgpu_write(dev, VGPU_REG_CONTROL, VGPU_CONTROL_STOP);
	for (;;) {
		status = vgpu_read(dev, VGPU_REG_STATUS);
		if (status == VGPU_STATUS_IDLE) {
			vgpu_state_set(dev, VGPU_DEAD, NULL);
			return true;
		}
		if (vgpu_state_is_dead(dev))
			return true;
		/* All ones: the daemon is gone, and what it left behind may be about to say so. */
		if (time_after(jiffies, begin + (status == VGPU_STATUS_DEAD ? VGPU_LIFE_LIMIT
									    : VGPU_STOP_LIMIT)))
			return false;
		msleep(10);
	}
}

/* Called with the device's lock, when the first session opens. */
void vgpu_watchdog_start(struct vgpu_device *dev)
{
	lockdep_assert_held(&dev->lock);
	dev->heartbeat_changed = jiffies;
	queue_delayed_work(vgpu_workqueue, &dev->watchdog, HZ);
}

void vgpu_watchdog(struct work_struct *work)
{
	struct vgpu_device *dev = container_of(to_delayed_work(work), struct vgpu_device, watchdog);
	bool silent;
	u32 heartbeat;

	mutex_lock(&dev->lock);
	if (dev->removing || !dev->open_sessions || dev->state == VGPU_DEAD)
		goto out;
	vgpu_channel_push(dev);
	heartbeat = READ_ONCE(dev->channel.state->heartbeat);
	if (heartbeat != dev->heartbeat) {
		dev->heartbeat = heartbeat;
		dev->heartbeat_changed = jiffies;
	}
	silent = time_after_eq(jiffies, dev->heartbeat_changed + VGPU_HEARTBEAT_LIMIT);
	if (silent)
		dev->heartbeat_changed = jiffies;
	queue_delayed_work(vgpu_workqueue, &dev->watchdog, HZ);
	mutex_unlock(&dev->lock);
	if (silent)
		vgpu_state_check(dev);
	else
		vgpu_state_look(dev);
	return;

out:
	mutex_unlock(&dev->lock);
}
