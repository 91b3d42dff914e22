// SPDX-License-Identifier: GPL-2.0 OR MIT
/* Sessions: an open file each, and a worker on the host from OPEN until CLOSE has been answered. */
#include <linux/dma-mapping.h>
#include <linux/eventfd.h>
#include <linux/mm.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

#include "vgpu_drv.h"

static void vgpu_session_free(struct work_struct *work);

struct vgpu_session *vgpu_session_create(struct vgpu_device *dev)
{
	struct vgpu_session *session = kzalloc(sizeof(*session), GFP_KERNEL_ACCOUNT);
	bool refused;

	if (!session)
		return ERR_PTR(-ENOMEM);
	/* Closing must not fail, so what it needs is there from the beginning. */
	session->close = kzalloc(sizeof(*session->close), GFP_KERNEL_ACCOUNT);
	if (!session->close) {
		kfree(session);
		return ERR_PTR(-ENOMEM);
	}
	kref_init(&session->refs);
	session->dev = dev;
	INIT_WORK(&session->free_work, vgpu_session_free);
	mutex_init(&session->lock);
	xa_init_flags(&session->objects, XA_FLAGS_ALLOC1);
	INIT_LIST_HEAD(&session->papers);
	INIT_LIST_HEAD(&session->watch.waiter.link);
	session->watch.waiter.session = session;
	init_waitqueue_head(&session->poll_queue);
	session->pid = task_tgid_nr(current);
	get_task_comm(session->comm, current);

	mutex_lock(&dev->lock);
	refused = dev->removing || dev->state != VGPU_ALIVE;
	if (!refused) {
		vgpu_device_get(dev);
		list_add_tail(&session->link, &dev->sessions);
	}
	mutex_unlock(&dev->lock);
	if (refused) {
		kfree(session->close);
		kfree(session);
		return ERR_PTR(-ENODEV);
	}
	return session;
}

void vgpu_session_get(struct vgpu_session *session)
{
	kref_get(&session->refs);
}

/* Called with the device's lock, too; freeing sleeps and takes others. */
static void vgpu_session_last(struct kref *refs)
{
	struct vgpu_session *session = container_of(refs, struct vgpu_session, refs);

	queue_work(vgpu_workqueue, &session->free_work);
}

void vgpu_session_put(struct vgpu_session *session)
{
	kref_put(&session->refs, vgpu_session_last);
}

/* Takes the device's answers for granted no more, and wakes all who wait for them. */
void vgpu_session_lose(struct vgpu_session *session)
{
	WRITE_ONCE(session->lost, true);
	vgpu_wait_lost(session);
}

/* 0 if the session is open and works. Makes its constant fields visible. */
int vgpu_session_ready(struct vgpu_session *session)
{
	/* Pairs with vgpu_session_set_state. */
	enum vgpu_session_state state = smp_load_acquire(&session->state);

	if (state == VGPU_SESSION_NEW || state == VGPU_SESSION_OPENING)
		return -ENOTCONN;
	return state == VGPU_SESSION_OPEN && !READ_ONCE(session->lost) ? 0 : -ENODEV;
}

/* With the session's lock: nothing of it is mapped for DMA any more, nor will be. */
static void vgpu_session_detach_locked(struct vgpu_session *session)
{
	struct device *device = vgpu_dma_device(session->dev);

	/* Done before, and then the objects may be about to be freed. */
	if (session->detached)
		return;
	session->detached = true;
	vgpu_object_detach_all(session);
	vgpu_report_detach_all(session);
	vgpu_runs_unmap(device, &session->runs);
	if (session->text_dma)
		dma_unmap_single(device, session->text_dma, PAGE_SIZE, DMA_BIDIRECTIONAL);
	session->text_dma = 0;
}

void vgpu_session_detach(struct vgpu_session *session)
{
	mutex_lock(&session->lock);
	vgpu_session_detach_locked(session);
	mutex_unlock(&session->lock);
}

/* What OPEN took. The device must have nothing of the session. */
static void vgpu_session_drop_memory(struct vgpu_session *session)
{
	struct vgpu_device *dev = session->dev;
	struct device *device = vgpu_dma_device(dev);

	mutex_lock(&session->lock);
	vgpu_runs_fini(device, &session->runs);
	if (session->text_dma)
		dma_unmap_single(device, session->text_dma, PAGE_SIZE, DMA_BIDIRECTIONAL);
	session->text_dma = 0;
	mutex_unlock(&session->lock);
	free_page((unsigned long)session->text);
	session->text = NULL;
	vgpu_memory_fini(dev, &session->memory);
}

static int vgpu_session_take_number(struct vgpu_session *session)
{
	struct vgpu_device *dev = session->dev;
	int number = ida_alloc_range(&dev->numbers, 1, min_t(u32, dev->max_sessions, INT_MAX),
				     GFP_KERNEL);

	if (number < 0)
		return number == -ENOSPC ? -EUSERS : number;
	mutex_lock(&dev->lock);
	if (dev->removing || dev->state != VGPU_ALIVE) {
		mutex_unlock(&dev->lock);
		ida_free(&dev->numbers, number);
		return -ENODEV;
	}
	session->number = number;
	if (!dev->open_sessions++)
		vgpu_watchdog_start(dev);
	mutex_unlock(&dev->lock);
	return 0;
}

/* The host must have ended the session, or never have begun it. */
static void vgpu_session_drop_number(struct vgpu_session *session)
{
	struct vgpu_device *dev = session->dev;
	u32 number;

	mutex_lock(&dev->lock);
	number = session->number;
	session->number = 0;
	if (number)
		dev->open_sessions--;
	mutex_unlock(&dev->lock);
	if (number)
		ida_free(&dev->numbers, number);
}

/*
 * In a work, because files and requests drop their references in places where none of this may be
 * done.
 */
static void vgpu_session_free(struct work_struct *work)
{
	struct vgpu_session *session = container_of(work, struct vgpu_session, free_work);
	struct vgpu_device *dev = session->dev;

	/*
	 * While the session is on the list remove() waits for its lock; afterwards there is nothing
	 * to unmap.
	 */
	vgpu_session_detach(session);
	vgpu_object_destroy_all(session);
	vgpu_report_destroy_all(session);
	vgpu_session_drop_memory(session);
	vgpu_session_drop_number(session);
	mutex_lock(&dev->lock);
	list_del(&session->link);
	mutex_unlock(&dev->lock);
	if (session->watch.eventfd)
		eventfd_ctx_put(session->watch.eventfd);
	kfree(session->close);
	mutex_destroy(&session->lock);
	kfree(session);
	vgpu_device_put(dev);
}

/* The file is gone. Does not wait: the pages go when the host has answered. */
void vgpu_session_release(struct vgpu_session *session)
{
	struct vgpu_device *dev = session->dev;

	vgpu_wait_unwatch(session);
	mutex_lock(&dev->lock);
	session->closed = true;
	mutex_unlock(&dev->lock);
	if (session->number)
		vgpu_channel_close(session);
	vgpu_session_put(session);
}

static int vgpu_open_check(const struct vgpu_open *open)
{
	if (!open->bytes || !PAGE_ALIGNED(open->bytes) || open->bytes > VGPU_MAX_SESSION_BYTES)
		return -EINVAL;
	if (open->flags & ~VGPU_OPEN_TEXT || open->text_bytes >= VGPU_TEXT_BYTES)
		return -EINVAL;
	if (!(open->flags & VGPU_OPEN_TEXT) && (open->text || open->text_bytes))
		return -EINVAL;
	return !open->reason != !open->reason_bytes ? -EINVAL : 0;
}

/* Everything that the host needs to know of the session; undone by vgpu_session_drop_memory. */
static int vgpu_session_prepare(struct vgpu_session *session, const struct vgpu_open *open)
{
	struct vgpu_device *dev = session->dev;
	struct device *device = vgpu_dma_device(dev);
	int error;

	session->text = (void *)get_zeroed_page(GFP_KERNEL_ACCOUNT);
	if (!session->text)
		return -ENOMEM;
	if (copy_from_user(session->text, u64_to_user_ptr(open->text), open->text_bytes))
		return -EFAULT;
	error = vgpu_memory_alloc(dev, &session->memory, open->bytes);
	if (error)
		return error;
	mutex_lock(&session->lock);
	if (session->detached)
		error = -ENODEV;
	else
		error = vgpu_runs_init(device, &session->runs, &session->memory);
	if (!error) {
		dma_addr_t dma = dma_map_single(device, session->text, PAGE_SIZE,
						DMA_BIDIRECTIONAL);

		if (dma_mapping_error(device, dma))
			error = -ENOMEM;
		else
			session->text_dma = dma;
	}
	mutex_unlock(&session->lock);
	return error;
}

/*
 * Whose program asks. U32_MAX is nobody's number: one that has another's rights as well is not its
 * user's to trace.
 */
static u32 vgpu_current_user(void)
{
	const struct cred *cred = current_cred();
	bool same = uid_eq(cred->uid, cred->euid) && uid_eq(cred->uid, cred->suid);

	return same ? vgpu_user_number(cred->uid) : U32_MAX;
}

static int vgpu_session_ask_open(struct vgpu_session *session, const struct vgpu_open *open,
				 struct vgpu_answer *answer)
{
	struct vgpu_command command = {
		.opcode = VGPU_OP_OPEN,
		.bytes = open->bytes,
		.text = session->text_dma,
		.format = open->format,
		.has_text = !!(open->flags & VGPU_OPEN_TEXT),
		.address = session->pid | (u64)vgpu_current_user() << 32,
	};
	struct vgpu_segment segment;

	*answer = (struct vgpu_answer){ .outcome = VGPU_NOT_SERVED };
	/* One list is enough for VGPU_MAX_SESSION_BYTES. */
	if (!vgpu_runs_segment(&session->runs, 0, &segment) || segment.bytes != open->bytes)
		return -ENOMEM;
	command.list = segment.list;
	return vgpu_channel_execute(session, &command, answer);
}

/* The host's words, as far as there is room, with a NUL. */
static void vgpu_session_tell_reason(struct vgpu_session *session, const struct vgpu_open *open)
{
	const char *text = session->text;
	size_t length;

	if (!open->reason_bytes)
		return;
	length = min_t(size_t, strnlen(text, PAGE_SIZE - 1), open->reason_bytes - 1);
	/* A bad address costs the reason, which is not worth another error. */
	if (!copy_to_user(u64_to_user_ptr(open->reason), text, length))
		(void)put_user('\0', (char __user *)u64_to_user_ptr(open->reason) + length);
}

static void vgpu_session_set_state(struct vgpu_session *session, enum vgpu_session_state state)
{
	mutex_lock(&session->lock);
	/*
	 * What was set up before is seen by whoever finds the session open: pairs with
	 * vgpu_session_ready.
	 */
	smp_store_release(&session->state, state);
	mutex_unlock(&session->lock);
}

/* Asks the host. Returns what the caller is to see. */
static int vgpu_session_start(struct vgpu_session *session, struct vgpu_open *open)
{
	struct vgpu_answer answer;
	int error = vgpu_session_ask_open(session, open, &answer);

	if (!error) {
		open->session = session->number;
		vgpu_session_set_state(session, VGPU_SESSION_OPEN);
		return 0;
	}
	switch (answer.outcome) {
	case VGPU_NOT_SERVED:
		return error;
	case VGPU_ANSWERED:
		open->code = answer.code;
		vgpu_session_tell_reason(session, open);
		return -ECONNREFUSED;
	case VGPU_IN_DOUBT:
		break;
	}
	/*
	 * The worker may yet start, so its end is asked for at once; the pages go when both have
	 * been answered.
	 */
	vgpu_session_set_state(session, VGPU_SESSION_BROKEN);
	vgpu_channel_close(session);
	return error;
}

int vgpu_session_open(struct vgpu_session *session, struct vgpu_open *open)
{
	int error = vgpu_open_check(open);

	if (error)
		return error;
	open->code = 0;
	open->session = 0;
	mutex_lock(&session->lock);
	if (READ_ONCE(session->lost))
		error = -ENODEV;
	else if (session->state != VGPU_SESSION_NEW)
		error = -EBUSY;
	else
		session->state = VGPU_SESSION_OPENING;
	mutex_unlock(&session->lock);
	if (error)
		return error;

	error = vgpu_session_prepare(session, open);
	if (!error)
		error = vgpu_session_take_number(session);
	if (!error)
		error = vgpu_session_start(session, open);
	if (!error || session->state == VGPU_SESSION_BROKEN)
		return error;
	vgpu_session_drop_number(session);
	vgpu_session_drop_memory(session);
	vgpu_session_set_state(session, VGPU_SESSION_NEW);
	return error;
}
