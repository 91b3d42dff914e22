// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * The device node: what a program may call. Structs are copied in once, checked, used, and copied
 * out.
 */
#include <linux/compat.h>
#include <linux/fs.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/uaccess.h>

#include "vgpu_drv.h"

union vgpu_argument {
	struct vgpu_query query;
	struct vgpu_open open;
	struct vgpu_wait wait;
	struct vgpu_watch watch;
	struct vgpu_alloc alloc;
	struct vgpu_map map;
	struct vgpu_pin pin;
	struct vgpu_free free;
	struct vgpu_statistics statistics;
	struct vgpu_report report;
};

static int vgpu_file_query(struct vgpu_session *session, union vgpu_argument *argument)
{
	struct pci_dev *pdev = session->dev->pdev;

	if (argument->query.reserved)
		return -EINVAL;
	argument->query = (struct vgpu_query){
		.abi_version = VGPU_ABI_VERSION,
		.device_version = VGPU_DEVICE_VERSION,
		.max_sessions = session->dev->max_sessions,
		.alive = READ_ONCE(session->dev->state) == VGPU_ALIVE,
		.pci_vendor = pdev->vendor,
		.pci_device = pdev->device,
		.pci_class = pdev->class,
		.pci_revision = pdev->revision,
	};
	return 0;
}

static int vgpu_file_open_session(struct vgpu_session *session, union vgpu_argument *argument)
{
	return vgpu_session_open(session, &argument->open);
}

static int vgpu_file_ring(struct vgpu_session *session, union vgpu_argument *argument)
{
	atomic_long_inc(&session->doorbells);
	vgpu_doorbell(session->dev, session->number);
	return 0;
}

static int vgpu_file_wait(struct vgpu_session *session, union vgpu_argument *argument)
{
	return vgpu_wait_word(session, &argument->wait);
}

static int vgpu_file_watch(struct vgpu_session *session, union vgpu_argument *argument)
{
	return vgpu_wait_watch(session, &argument->watch);
}

static int vgpu_file_alloc(struct vgpu_session *session, union vgpu_argument *argument)
{
	return vgpu_object_alloc(session, &argument->alloc);
}

static int vgpu_file_map(struct vgpu_session *session, union vgpu_argument *argument)
{
	return vgpu_object_map(session, &argument->map);
}

static int vgpu_file_pin(struct vgpu_session *session, union vgpu_argument *argument)
{
	return vgpu_object_pin(session, &argument->pin);
}

static int vgpu_file_free(struct vgpu_session *session, union vgpu_argument *argument)
{
	return vgpu_object_free(session, &argument->free);
}

static int vgpu_file_check(struct vgpu_session *session, union vgpu_argument *argument)
{
	vgpu_state_check(session->dev);
	return READ_ONCE(session->lost) ? -ENODEV : 0;
}

static int vgpu_file_statistics(struct vgpu_session *session, union vgpu_argument *argument)
{
	argument->statistics = (struct vgpu_statistics){
		.session_bytes = (u64)READ_ONCE(session->memory.count) << PAGE_SHIFT,
		.allocated_bytes = (u64)atomic_long_read(&session->allocated_pages) << PAGE_SHIFT,
		.pinned_bytes = (u64)atomic_long_read(&session->pinned_pages) << PAGE_SHIFT,
		.objects = atomic_long_read(&session->object_count),
		.doorbells = atomic_long_read(&session->doorbells),
		.waits = atomic_long_read(&session->waits),
		.wakeups = atomic_long_read(&session->wakeups),
	};
	return 0;
}

static int vgpu_file_report(struct vgpu_session *session, union vgpu_argument *argument)
{
	return vgpu_report_ask(session, &argument->report);
}

enum vgpu_call_needs {
	VGPU_NEEDS_NOTHING,
	VGPU_NEEDS_OPEN, /* a session, even a lost one */
	VGPU_NEEDS_LIVE, /* one that works */
};

struct vgpu_call {
	unsigned int command;
	enum vgpu_call_needs needs;
	int (*run)(struct vgpu_session *session, union vgpu_argument *argument);
};

static const struct vgpu_call vgpu_calls[] = {
	{ VGPU_IOCTL_QUERY, VGPU_NEEDS_NOTHING, vgpu_file_query },
	{ VGPU_IOCTL_OPEN, VGPU_NEEDS_NOTHING, vgpu_file_open_session },
	{ VGPU_IOCTL_RING, VGPU_NEEDS_LIVE, vgpu_file_ring },
	/* A word that has changed is worth more than the news that its writer is dead. */
	{ VGPU_IOCTL_WAIT, VGPU_NEEDS_OPEN, vgpu_file_wait },
	{ VGPU_IOCTL_WATCH, VGPU_NEEDS_OPEN, vgpu_file_watch },
	{ VGPU_IOCTL_ALLOC, VGPU_NEEDS_LIVE, vgpu_file_alloc },
	{ VGPU_IOCTL_MAP, VGPU_NEEDS_LIVE, vgpu_file_map },
	{ VGPU_IOCTL_PIN, VGPU_NEEDS_LIVE, vgpu_file_pin },
	{ VGPU_IOCTL_FREE, VGPU_NEEDS_OPEN, vgpu_file_free },
	{ VGPU_IOCTL_CHECK, VGPU_NEEDS_LIVE, vgpu_file_check },
	{ VGPU_IOCTL_STATISTICS, VGPU_NEEDS_NOTHING, vgpu_file_statistics },
	{ VGPU_IOCTL_REPORT, VGPU_NEEDS_NOTHING, vgpu_file_report },
};

/*
 * By number and direction; the size may be another version's. Calls without a struct never get one.
 * 
 */
static const struct vgpu_call *vgpu_file_find_call(unsigned int command)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(vgpu_calls); i++) {
		unsigned int known = vgpu_calls[i].command;

		if (_IOC_TYPE(known) == _IOC_TYPE(command) && _IOC_NR(known) == _IOC_NR(command) &&
		    _IOC_DIR(known) == _IOC_DIR(command) &&
		    !_IOC_SIZE(known) == !_IOC_SIZE(command))
			return &vgpu_calls[i];
	}
	return NULL;
}

static int vgpu_file_check_session(struct vgpu_session *session, enum vgpu_call_needs needs)
{
	int error = needs == VGPU_NEEDS_NOTHING ? 0 : vgpu_session_ready(session);

	/* A session that is open, but lost. */
	if (error == -ENODEV && needs == VGPU_NEEDS_OPEN &&
	    READ_ONCE(session->state) == VGPU_SESSION_OPEN)
		error = 0;
	return error;
}

static long vgpu_file_ioctl(struct file *file, unsigned int command, unsigned long address)
{
	const struct vgpu_call *call = vgpu_file_find_call(command);
	struct vgpu_session *session = file->private_data;
	void __user *user = (void __user *)address;
	size_t theirs = _IOC_SIZE(command);
	union vgpu_argument argument = {};
	size_t ours;
	int error;

	if (!call)
		return -ENOTTY;
	ours = _IOC_SIZE(call->command);
	if (ours) {
		error = copy_struct_from_user(&argument, ours, user, theirs);
		if (error)
			return error;
	}
	error = vgpu_file_check_session(session, call->needs);
	if (!error)
		error = call->run(session, &argument);
	/* A refusal has details. What a longer struct has beyond ours is zero, as it was. */
	if (ours && (!error || error == -ECONNREFUSED) &&
	    copy_to_user(user, &argument, min(ours, theirs)))
		error = -EFAULT;
	return error;
}

static int vgpu_file_open(struct inode *inode, struct file *file)
{
	struct vgpu_device *dev = container_of(file->private_data, struct vgpu_device, misc);
	struct vgpu_session *session = vgpu_session_create(dev);

	if (IS_ERR(session))
		return PTR_ERR(session);
	file->private_data = session;
	return nonseekable_open(inode, file);
}

static int vgpu_file_release(struct inode *inode, struct file *file)
{
	vgpu_session_release(file->private_data);
	return 0;
}

static int vgpu_file_mmap(struct file *file, struct vm_area_struct *vma)
{
	struct vgpu_session *session = file->private_data;
	int error = vgpu_session_ready(session);

	return error ? error : vgpu_object_mmap(session, vma);
}

static __poll_t vgpu_file_poll(struct file *file, poll_table *table)
{
	return vgpu_wait_poll(file->private_data, file, table);
}

const struct file_operations vgpu_file_operations = {
	.owner = THIS_MODULE,
	.open = vgpu_file_open,
	.release = vgpu_file_release,
	.unlocked_ioctl = vgpu_file_ioctl,
	.compat_ioctl = compat_ptr_ioctl,
	.mmap = vgpu_file_mmap,
	.poll = vgpu_file_poll,
};
