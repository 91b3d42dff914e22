// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * /sys/kernel/debug/vgpu/vgpuN: what the driver holds. All but the totals are 0 when the last
 * process is gone.
 */
#include <linux/debugfs.h>
#include <linux/mm.h>
#include <linux/seq_file.h>

#include "vgpu_drv.h"

static struct dentry *vgpu_debugfs_root;

static int counters_show(struct seq_file *file, void *unused)
{
	struct vgpu_device *dev = file->private;
	bool lost = READ_ONCE(dev->state) == VGPU_LOST;

	seq_printf(file, "sessions %lu\n", READ_ONCE(dev->open_sessions));
	seq_printf(file, "objects %ld\n", atomic_long_read(&dev->objects));
	seq_printf(file, "allocated_pages %ld\n", atomic_long_read(&dev->allocated_pages));
	seq_printf(file, "pinned_pages %ld\n", atomic_long_read(&dev->pinned_pages));
	seq_printf(file, "pending_commands %lu\n", READ_ONCE(dev->channel.pending));
	seq_printf(file, "leaked_pages %lu\n", lost ? vgpu_state_held_pages(dev, true) : 0);
	seq_printf(file, "total_commands %ld\n", atomic_long_read(&dev->commands));
	seq_printf(file, "total_doorbells %ld\n", atomic_long_read(&dev->doorbells));
	seq_printf(file, "total_interrupts %ld\n", atomic_long_read(&dev->interrupts));
	seq_printf(file, "total_wakeups %ld\n", atomic_long_read(&dev->wakeups));
	return 0;
}
DEFINE_SHOW_ATTRIBUTE(counters);

static const char *session_state(const struct vgpu_session *session)
{
	if (session->closed)
		return "closed";
	return READ_ONCE(session->lost) ? "lost" : "live";
}

static void session_show(struct seq_file *file, struct vgpu_session *session)
{
	u64 bytes = (u64)READ_ONCE(session->memory.count) << PAGE_SHIFT;
	u64 allocated = (u64)atomic_long_read(&session->allocated_pages) << PAGE_SHIFT;
	u64 pinned = (u64)atomic_long_read(&session->pinned_pages) << PAGE_SHIFT;

	seq_printf(file, "%d %s %u %llu %llu %llu %ld %ld %s\n", session->pid, session->comm,
		   session->number, bytes, allocated, pinned,
		   atomic_long_read(&session->object_count), atomic_long_read(&session->sleeping),
		   session_state(session));
}

static int sessions_show(struct seq_file *file, void *unused)
{
	struct vgpu_device *dev = file->private;
	struct vgpu_session *session;

	seq_puts(file, "pid comm session bytes allocated pinned objects waiters state\n");
	mutex_lock(&dev->lock);
	list_for_each_entry(session, &dev->sessions, link)
		session_show(file, session);
	mutex_unlock(&dev->lock);
	return 0;
}
DEFINE_SHOW_ATTRIBUTE(sessions);

void vgpu_debugfs_add(struct vgpu_device *dev)
{
	dev->debugfs = debugfs_create_dir(dev->name, vgpu_debugfs_root);
	debugfs_create_file("counters", 0444, dev->debugfs, dev, &counters_fops);
	debugfs_create_file("sessions", 0444, dev->debugfs, dev, &sessions_fops);
}

/* Waits for readers. */
void vgpu_debugfs_remove(struct vgpu_device *dev)
{
	debugfs_remove(dev->debugfs);
}

void vgpu_debugfs_init(void)
{
	vgpu_debugfs_root = debugfs_create_dir(KBUILD_MODNAME, NULL);
}

void vgpu_debugfs_fini(void)
{
	debugfs_remove(vgpu_debugfs_root);
}
