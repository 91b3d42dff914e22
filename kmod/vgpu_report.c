// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * Reports: a program asks the host's daemon about the card and its users. The module carries bytes
 * both ways and reads none, but for the first words of a trace, which names a process. A file needs no
 * session for it.
 */
#include <linux/capability.h>
#include <linux/cred.h>
#include <linux/mm.h>
#include <linux/pid.h>
#include <linux/sched/task.h>
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

/*
 * Whoever traces a program sees its calls with their arguments, as a debugger does. As for one, it must
 * be the user's own, or the user may trace all: the host has no way to tell. The host knows programs by
 * the number that the first pid namespace has for them.
 */
static int vgpu_trace_permit(struct vgpu_report_trace *trace)
{
	const struct cred *own = current_cred(), *other;
	struct pid *pid = find_get_pid(trace->pid);
	struct task_struct *task = get_pid_task(pid, PIDTYPE_PID);
	bool same, anyone;

	put_pid(pid);
	/* A process may open its session later, and be another user's by then. */
	anyone = ns_capable_noaudit(&init_user_ns, CAP_SYS_PTRACE);
	trace->tracer = vgpu_user_number(own->fsuid) | (anyone ? VGPU_REPORT_TRACES_ANYONE : 0);
	/* Nobody's number: the host answers that there is no such program. */
	trace->pid = 0;
	if (!task)
		return 0;
	rcu_read_lock();
	other = __task_cred(task);
	same = uid_eq(own->fsuid, other->uid) && uid_eq(own->fsuid, other->euid) &&
	       uid_eq(own->fsuid, other->suid);
	rcu_read_unlock();
	trace->pid = task_tgid_nr(task);
	put_task_struct(task);
	return same || anyone ? 0 : -EPERM;
}

static int vgpu_request_permit(void *request, u32 bytes)
{
	struct vgpu_report_trace *trace = request;

	if (bytes < offsetofend(struct vgpu_report_trace, pid) || trace->kind != VGPU_REPORT_TRACE ||
	    trace->step != VGPU_REPORT_TRACE_BEGIN)
		return 0;
	/* The host knows no shorter one. */
	return bytes < sizeof(*trace) ? -EINVAL : vgpu_trace_permit(trace);
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
	if (!error)
		error = vgpu_request_permit(page_address(paper->memory.pages[0]),
					    report->request_bytes);
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
