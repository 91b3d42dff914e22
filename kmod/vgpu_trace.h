/* SPDX-License-Identifier: GPL-2.0 OR MIT */
#undef TRACE_SYSTEM
#define TRACE_SYSTEM vgpu

#if !defined(VGPU_TRACE_H) || defined(TRACE_HEADER_MULTI_READ)
#define VGPU_TRACE_H

#include <linux/tracepoint.h>

TRACE_EVENT(vgpu_command_submitted,
	TP_PROTO(int device, u32 session, u16 opcode, u64 cookie),
	TP_ARGS(device, session, opcode, cookie),
	TP_STRUCT__entry(
		__field(int, device)
		__field(u32, session)
		__field(u16, opcode)
		__field(u64, cookie)
	),
	TP_fast_assign(
		__entry->device = device;
		__entry->session = session;
		__entry->opcode = opcode;
		__entry->cookie = cookie;
	),
	TP_printk("vgpu%d session=%u opcode=%u cookie=%llu", __entry->device, __entry->session,
		  __entry->opcode, __entry->cookie)
);

TRACE_EVENT(vgpu_command_completed,
	TP_PROTO(int device, u32 session, u64 cookie, int error),
	TP_ARGS(device, session, cookie, error),
	TP_STRUCT__entry(
		__field(int, device)
		__field(u32, session)
		__field(u64, cookie)
		__field(int, error)
	),
	TP_fast_assign(
		__entry->device = device;
		__entry->session = session;
		__entry->cookie = cookie;
		__entry->error = error;
	),
	TP_printk("vgpu%d session=%u cookie=%llu error=%d", __entry->device, __entry->session,
		  __entry->cookie, __entry->error)
);

DECLARE_EVENT_CLASS(vgpu_session_event,
	TP_PROTO(int device, u32 session),
	TP_ARGS(device, session),
	TP_STRUCT__entry(
		__field(int, device)
		__field(u32, session)
	),
	TP_fast_assign(
		__entry->device = device;
		__entry->session = session;
	),
	TP_printk("vgpu%d session=%u", __entry->device, __entry->session)
);

DEFINE_EVENT(vgpu_session_event, vgpu_doorbell,
	TP_PROTO(int device, u32 session),
	TP_ARGS(device, session)
);

DEFINE_EVENT(vgpu_session_event, vgpu_wake,
	TP_PROTO(int device, u32 session),
	TP_ARGS(device, session)
);

TRACE_EVENT(vgpu_interrupt,
	TP_PROTO(int device),
	TP_ARGS(device),
	TP_STRUCT__entry(
		__field(int, device)
	),
	TP_fast_assign(
		__entry->device = device;
	),
	TP_printk("vgpu%d", __entry->device)
);

#endif /* VGPU_TRACE_H */

#undef TRACE_INCLUDE_PATH
#define TRACE_INCLUDE_PATH .
#undef TRACE_INCLUDE_FILE
#define TRACE_INCLUDE_FILE vgpu_trace
#include <trace/define_trace.h>
