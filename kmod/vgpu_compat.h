/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/* What differs between the kernels from 6.1 on. No other file looks at the kernel's version. */
#ifndef VGPU_COMPAT_H
#define VGPU_COMPAT_H

#include <linux/eventfd.h>
#include <linux/mm.h>
#include <linux/version.h>

#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 3, 0)
static inline void vgpu_vm_flags_set(struct vm_area_struct *vma, unsigned long flags)
{
	vma->vm_flags |= flags;
}
#else
#define vgpu_vm_flags_set vm_flags_set
#endif

static inline void vgpu_eventfd_signal(struct eventfd_ctx *context)
{
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 8, 0)
	eventfd_signal(context, 1);
#else
	eventfd_signal(context);
#endif
}

#endif /* VGPU_COMPAT_H */
