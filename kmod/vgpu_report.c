// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * Reports: a program asks the host's daemon about the card and its users. The module carries bytes
 * both ways and reads none. A file needs no session for it.
 */
#include <linux/mm.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

#include "vgpu_drv.h"

/*
 * The request, and later the answer, as the host sees them. On its session's list from before the
 * host may know of it, and, if nobody waited for the answer, until the session is freed.
 */
struct vgpu_paper {
	struct list_head link;
	struct vgpu_memory memory;
	struct vgpu_runs runs;
};

static int vgpu_report_check(const struct vgpu_report *report)
{
	if (report->flags || report->reserved)
		return -EINVAL;
	if (!report->request_bytes || report->request_bytes > VGPU_REPORT_REQUEST_BYTES)
		return -EINVAL;
	return !report->answer_bytes || report->answer_bytes > VGPU_REPORT_ANSWER_BYTES ? -EINVAL :
											    0;
}

static struct vgpu_paper *vgpu_paper_create(struct vgpu_session *session,
					    const struct vgpu_report *report)
{
	struct vgpu_paper *paper = kzalloc(sizeof(*paper), GFP_KERNEL_ACCOUNT);
	u32 bytes = max(report->request_bytes, report->answer_bytes);
	int error;

	if (!paper)
		return ERR_PTR(-ENOMEM);
	INIT_LIST_HEAD(&paper->link);
	error = vgpu_memory_alloc(session->dev, &paper->memory, PAGE_ALIGN((u64)bytes));
	if (error) {
		kfree(paper);
		return ERR_PTR(error);
	}
	/* A request is no longer than a page. */
	if (copy_from_user(page_address(paper->memory.pages[0]), u64_to_user_ptr(report->request),
			   report->request_bytes))
		error = -EFAULT;
	if (!error) {
		mutex_lock(&session->lock);
		if (session->detached)
			error = -ENODEV;
		else
			error = vgpu_runs_init(vgpu_dma_device(session->dev), &paper->runs,
					       &paper->memory);
		if (!error)
			list_add(&paper->link, &session->papers);
		mutex_unlock(&session->lock);
	}
	if (!error)
		return paper;
	vgpu_memory_fini(session->dev, &paper->memory);
	kfree(paper);
	return ERR_PTR(error);
}

/* The host must have nothing of it. */
static void vgpu_paper_destroy(struct vgpu_session *session, struct vgpu_paper *paper)
{
	mutex_lock(&session->lock);
	list_del(&paper->link);
	vgpu_runs_fini(vgpu_dma_device(session->dev), &paper->runs);
	mutex_unlock(&session->lock);
	vgpu_memory_fini(session->dev, &paper->memory);
	kfree(paper);
}

/* With the session's lock. */
void vgpu_report_detach_all(struct vgpu_session *session)
{
	struct vgpu_paper *paper;

	list_for_each_entry(paper, &session->papers, link)
		vgpu_runs_unmap(vgpu_dma_device(session->dev), &paper->runs);
}

void vgpu_report_destroy_all(struct vgpu_session *session)
{
	while (!list_empty(&session->papers))
		vgpu_paper_destroy(session,
				   list_first_entry(&session->papers, struct vgpu_paper, link));
}

static int vgpu_report_copy(const struct vgpu_paper *paper, u64 user, u32 bytes)
{
	u32 at, part;

	for (at = 0; at < bytes; at += part) {
		part = min_t(u32, bytes - at, PAGE_SIZE);
		if (copy_to_user(u64_to_user_ptr(user + at),
				 page_address(paper->memory.pages[at >> PAGE_SHIFT]), part))
			return -EFAULT;
	}
	return 0;
}

int vgpu_report_ask(struct vgpu_session *session, struct vgpu_report *report)
{
	struct vgpu_command command = {
		.opcode = VGPU_OP_REPORT,
		.format = report->request_bytes,
		.address = report->answer_bytes,
	};
	struct vgpu_segment segment;
	struct vgpu_answer answer;
	struct vgpu_paper *paper;
	int error = vgpu_report_check(report);

	if (error)
		return error;
	paper = vgpu_paper_create(session, report);
	if (IS_ERR(paper))
		return PTR_ERR(paper);
	/* One list is enough for so few pages. */
	vgpu_runs_segment(&paper->runs, 0, &segment);
	command.list = segment.list;
	command.bytes = segment.bytes;
	error = vgpu_channel_execute(session, &command, &answer);
	if (answer.outcome == VGPU_IN_DOUBT)
		return error;
	if (!error && (answer.code < 0 || (u32)answer.code > report->answer_bytes))
		error = -EIO;
	if (!error) {
		report->answer_bytes = answer.code;
		error = vgpu_report_copy(paper, report->answer, answer.code);
	}
	vgpu_paper_destroy(session, paper);
	return error;
}
