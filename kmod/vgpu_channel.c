// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * The channel: commands to the device and its answers (include/vgpu/pci.h). Everything here happens
 * under the device's lock, except for the interrupt's first half. A request that finds the queue
 * full waits in a list of ours, so that no CLOSE can get lost; whoever makes room or looks next
 * sends it on.
 */
#include <asm/barrier.h>
#include <linux/delay.h>
#include <linux/dma-mapping.h>
#include <linux/interrupt.h>
#include <linux/random.h>
#include <linux/slab.h>

#include "vgpu_drv.h"
#include "vgpu_trace.h"

#define VGPU_CHANNEL_BYTES (VGPU_CHANNEL_PAGES * 4096)
#define VGPU_ANSWER_LIMIT (3 * HZ)

int vgpu_channel_init(struct vgpu_device *dev)
{
	struct vgpu_channel *channel = &dev->channel;

	channel->memory = dma_alloc_coherent(vgpu_dma_device(dev), VGPU_CHANNEL_BYTES,
					     &channel->dma, GFP_KERNEL);
	if (!channel->memory)
		return -ENOMEM;
	channel->state = channel->memory;
	channel->submissions = channel->memory + VGPU_SUBMISSIONS_OFFSET;
	channel->completions = channel->memory + VGPU_COMPLETIONS_OFFSET;
	return 0;
}

/* The channel's pages go back only when the host is known not to write to them any more. */
void vgpu_channel_fini(struct vgpu_device *dev)
{
	struct vgpu_channel *channel = &dev->channel;

	mutex_lock(&dev->lock);
	channel->state = NULL;
	mutex_unlock(&dev->lock);
	if (READ_ONCE(dev->state) == VGPU_DEAD)
		dma_free_coherent(vgpu_dma_device(dev), VGPU_CHANNEL_BYTES, channel->memory,
				  channel->dma);
}

static void vgpu_channel_explain(struct vgpu_device *dev, u32 status)
{
	struct device *device = &dev->pdev->dev;

	switch (status) {
	case VGPU_STATUS_RUNNING:
	case VGPU_STATUS_NOT_SHARED:
		dev_err(device,
			"guest memory is not shared: QEMU needs -object memory-backend-memfd,id=m0,size=...,share=on and -machine ...,memory-backend=m0\n");
		break;
	case VGPU_STATUS_NO_FILE:
		dev_err(device,
			"guest memory has no file: QEMU needs -object memory-backend-memfd,id=m0,size=...,share=on and -machine ...,memory-backend=m0\n");
		break;
	case VGPU_STATUS_BAD_ADDRESS:
		dev_err(device,
			"the host does not find our memory at %pad: an IOMMU in the guest is not supported\n",
			&dev->channel.dma);
		break;
	case VGPU_STATUS_DEAD:
		dev_err(device,
			"the host's daemon is gone: unplug the device, start vgpud, and plug it in again\n");
		break;
	default:
		dev_err(device, "the device does not start: status %u\n", status);
	}
}

/*
 * Shows the device a number in memory and in its registers. Only if both are the same memory does
 * it find one in the other, and only then do we find its answer. On failure the device is known not
 * to use the channel, or lost.
 */
int vgpu_channel_start(struct vgpu_device *dev)
{
	struct vgpu_channel *channel = &dev->channel;
	u64 nonce = get_random_u64();
	unsigned int tries = 200;
	u32 status;

	/* A driver before us may have left it running. */
	if (vgpu_read(dev, VGPU_REG_STATUS) != VGPU_STATUS_IDLE) {
		vgpu_write(dev, VGPU_REG_CONTROL, VGPU_CONTROL_STOP);
		while (vgpu_read(dev, VGPU_REG_STATUS) == VGPU_STATUS_STOPPING && tries--)
			msleep(50);
	}
	WRITE_ONCE(channel->state->nonce, nonce);
	vgpu_write(dev, VGPU_REG_CHANNEL_LOW, lower_32_bits(channel->dma));
	vgpu_write(dev, VGPU_REG_CHANNEL_HIGH, upper_32_bits(channel->dma));
	vgpu_write(dev, VGPU_REG_NONCE_LOW, lower_32_bits(nonce));
	vgpu_write(dev, VGPU_REG_NONCE_HIGH, upper_32_bits(nonce));
	virt_mb(); /* The nonce is in memory before START is seen. */
	vgpu_write(dev, VGPU_REG_CONTROL, VGPU_CONTROL_START);
	status = vgpu_read(dev, VGPU_REG_STATUS);
	if (status == VGPU_STATUS_RUNNING && READ_ONCE(channel->state->answer) == ~nonce)
		return 0;
	vgpu_channel_explain(dev, status);
	/* Those that refused have nothing to stop; what they cannot see they cannot write to. */
	if (status == VGPU_STATUS_RUNNING || status == VGPU_STATUS_STOPPING)
		vgpu_state_stop(dev);
	else
		vgpu_state_set(dev, VGPU_DEAD, NULL);
	return -ENODEV;
}

/* Sends what is queued, as far as there is room. */
void vgpu_channel_push(struct vgpu_device *dev)
{
	struct vgpu_channel *channel = &dev->channel;
	struct vgpu_request *request, *next;
	u32 tail = channel->submission_tail;

	lockdep_assert_held(&dev->lock);
	if (dev->state != VGPU_ALIVE)
		return;
	list_for_each_entry_safe(request, next, &channel->queued, link) {
		/* Pairs with the device's store after it has read the entries. */
		u32 head = virt_load_acquire(&channel->state->submission_head);

		if (tail - head >= VGPU_SUBMISSIONS)
			break;
		channel->submissions[tail % VGPU_SUBMISSIONS] = request->command;
		tail++;
		list_move_tail(&request->link, &channel->sent);
		atomic_long_inc(&dev->commands);
		trace_vgpu_command_submitted(dev->index, request->command.session,
					     request->command.opcode, request->command.cookie);
	}
	if (tail == channel->submission_tail)
		return;
	channel->submission_tail = tail;
	/* Pairs with the device's load of the tail: the entries come first. */
	virt_store_release(&channel->state->submission_tail, tail);
	vgpu_doorbell(dev, 0);
}

static void vgpu_channel_submit(struct vgpu_device *dev, struct vgpu_request *request)
{
	struct vgpu_channel *channel = &dev->channel;

	lockdep_assert_held(&dev->lock);
	request->command.session = request->session->number;
	request->command.cookie = ++channel->cookie;
	vgpu_session_get(request->session);
	list_add_tail(&request->link, &channel->queued);
	channel->pending++;
	vgpu_channel_push(dev);
}

/* The host is through with the request and with what only the request kept. */
static void vgpu_channel_confirm(struct vgpu_device *dev, struct vgpu_request *request, int error,
				 int code)
{
	struct vgpu_session *session = request->session;

	list_del(&request->link);
	dev->channel.pending--;
	request->error = error;
	request->code = code;
	request->confirmed = true;
	if (request->abandoned)
		kfree(request);
	else
		complete(&request->done);
	vgpu_session_put(session);
}

/*
 * Nobody will answer. What is confirmed is over; the rest stays in the lists, and wakes whoever
 * waits for it.
 */
void vgpu_channel_fail(struct vgpu_device *dev, bool confirmed)
{
	struct vgpu_channel *channel = &dev->channel;
	struct vgpu_request *request, *next;

	lockdep_assert_held(&dev->lock);
	list_splice_tail_init(&channel->queued, &channel->sent);
	list_for_each_entry_safe(request, next, &channel->sent, link) {
		if (confirmed)
			vgpu_channel_confirm(dev, request, -ENODEV, 0);
		else if (!request->abandoned)
			complete(&request->done);
	}
}

static struct vgpu_request *vgpu_request_create(struct vgpu_session *session,
						const struct vgpu_command *command)
{
	struct vgpu_request *request = kzalloc(sizeof(*request), GFP_KERNEL_ACCOUNT);

	if (!request)
		return NULL;
	request->command = *command;
	request->session = session;
	init_completion(&request->done);
	return request;
}

static int vgpu_request_wait(struct vgpu_device *dev, struct vgpu_request *request,
			     struct vgpu_answer *answer)
{
	long left;
	int error;

	do {
		left = wait_for_completion_killable_timeout(&request->done, VGPU_ANSWER_LIMIT);
		if (!left)
			vgpu_state_check(dev);
	} while (!left);

	mutex_lock(&dev->lock);
	if (request->confirmed) {
		error = request->error;
		answer->outcome = request->answered ? VGPU_ANSWERED : VGPU_NOT_SERVED;
		answer->code = request->code;
		kfree(request);
	} else {
		error = left < 0 ? -EINTR : -ENODEV;
		answer->outcome = VGPU_IN_DOUBT;
		request->abandoned = true;
	}
	mutex_unlock(&dev->lock);
	return error;
}

/*
 * Has the device carry out a command for the session. A signal that kills ends the wait (EINTR), as
 * does the loss of the device (ENODEV); the command may then still be carried out, and the answer
 * says so. The host's own error may be any.
 */
int vgpu_channel_execute(struct vgpu_session *session, const struct vgpu_command *command,
			 struct vgpu_answer *answer)
{
	struct vgpu_device *dev = session->dev;
	struct vgpu_request *request = vgpu_request_create(session, command);

	*answer = (struct vgpu_answer){ .outcome = VGPU_NOT_SERVED };
	if (!request)
		return -ENOMEM;
	mutex_lock(&dev->lock);
	if (dev->state != VGPU_ALIVE) {
		mutex_unlock(&dev->lock);
		kfree(request);
		return -ENODEV;
	}
	vgpu_channel_submit(dev, request);
	mutex_unlock(&dev->lock);
	return vgpu_request_wait(dev, request, answer);
}

/*
 * Tells the host to end the session; nobody waits. On a device that is lost the request waits for
 * its death.
 */
void vgpu_channel_close(struct vgpu_session *session)
{
	struct vgpu_device *dev = session->dev;
	struct vgpu_request *request;

	mutex_lock(&dev->lock);
	request = session->close;
	session->close = NULL;
	if (request && dev->state != VGPU_DEAD) {
		request->session = session;
		request->command.opcode = VGPU_OP_CLOSE;
		request->abandoned = true;
		vgpu_channel_submit(dev, request);
		request = NULL;
	}
	mutex_unlock(&dev->lock);
	kfree(request);
}

static struct vgpu_request *vgpu_channel_find(struct vgpu_channel *channel, u64 cookie)
{
	struct vgpu_request *request;

	list_for_each_entry(request, &channel->sent, link)
		if (request->command.cookie == cookie)
			return request;
	return NULL;
}

static void vgpu_channel_event(struct vgpu_device *dev, const struct vgpu_completion *event)
{
	struct vgpu_session *session;

	if (event->event != VGPU_EVENT_LOST)
		return;
	list_for_each_entry(session, &dev->sessions, link)
		if (session->number && session->number == event->session)
			vgpu_session_lose(session);
}

static void vgpu_channel_handle(struct vgpu_device *dev, const struct vgpu_completion *completion)
{
	struct vgpu_request *request;
	int error = completion->error;

	if (!completion->cookie) {
		vgpu_channel_event(dev, completion);
		return;
	}
	trace_vgpu_command_completed(dev->index, completion->session, completion->cookie, error);
	request = vgpu_channel_find(&dev->channel, completion->cookie);
	if (!request) {
		dev_warn_ratelimited(&dev->pdev->dev, "an answer to no command\n");
		return;
	}
	/* Only numbers that user space knows are passed on. */
	if (error < 0 || error > EHWPOISON)
		error = EIO;
	/*
	 * The session's pages are safe if the host has ended it or knows of none; otherwise only
	 * its death proves that.
	 */
	if (request->command.opcode == VGPU_OP_CLOSE && error && error != ENOENT) {
		dev_warn(&dev->pdev->dev,
			 "the host could not end session %u (error %d): its pages are kept\n",
			 request->command.session, error);
		return;
	}
	request->answered = true;
	vgpu_channel_confirm(dev, request, -error, completion->code);
}

static void vgpu_channel_drain(struct vgpu_device *dev)
{
	struct vgpu_channel *channel = &dev->channel;
	/* Pairs with the device's store: the entries came first. */
	u32 tail = virt_load_acquire(&channel->state->completion_tail);
	u32 head = channel->completion_head;
	bool full = tail - head == VGPU_COMPLETIONS;

	if (tail - head > VGPU_COMPLETIONS) {
		dev_err_ratelimited(&dev->pdev->dev,
				    "the device's queue makes no sense: %u to %u\n", head, tail);
		return;
	}
	while (head != tail) {
		struct vgpu_completion completion = channel->completions[head % VGPU_COMPLETIONS];

		head++;
		vgpu_channel_handle(dev, &completion);
	}
	WRITE_ONCE(channel->completion_head, head);
	/* Pairs with the device's load of the head: the entries have been read. */
	virt_store_release(&channel->state->completion_head, head);
	if (full)
		vgpu_doorbell(dev, 0);
}

/*
 * First half: whoever waits for a word is woken here, because that is what most interrupts are for.
 * 
 */
irqreturn_t vgpu_channel_interrupt(int irq, void *data)
{
	struct vgpu_device *dev = data;
	struct vgpu_channel_state *state = dev->channel.state;

	atomic_long_inc(&dev->interrupts);
	trace_vgpu_interrupt(dev->index);
	vgpu_wait_scan(dev);
	if (READ_ONCE(state->completion_tail) != READ_ONCE(dev->channel.completion_head) ||
	    (READ_ONCE(state->life) == VGPU_LIFE_DEAD && READ_ONCE(dev->state) != VGPU_DEAD))
		return IRQ_WAKE_THREAD;
	return IRQ_HANDLED;
}

irqreturn_t vgpu_channel_thread(int irq, void *data)
{
	struct vgpu_device *dev = data;

	mutex_lock(&dev->lock);
	vgpu_channel_drain(dev);
	vgpu_channel_push(dev);
	mutex_unlock(&dev->lock);
	vgpu_state_look(dev);
	return IRQ_HANDLED;
}
