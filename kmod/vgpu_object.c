// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * Objects of a session: allocated and pinned memory, and what the worker has of it. The session's
 * lock guards the table and each object's state. While the host is asked, the lock is free and the
 * object busy: nobody else touches it.
 */
#include <linux/dma-mapping.h>
#include <linux/mm.h>
#include <linux/overflow.h>
#include <linux/sched.h>
#include <linux/slab.h>

#include "vgpu_compat.h"
#include "vgpu_drv.h"

enum vgpu_object_state {
	VGPU_OBJECT_IDLE, /* the worker has nothing of it */
	VGPU_OBJECT_BUSY,
	VGPU_OBJECT_MAPPED,
	VGPU_OBJECT_STUCK, /* nobody knows: kept until the session has ended */
};

struct vgpu_object {
	u32 id;
	enum vgpu_object_state state;
	struct vgpu_memory memory;
	struct vgpu_runs runs;
	u64 address; /* in the worker */
	unsigned long segments; /* that the worker has */
};

static u64 vgpu_object_bytes(const struct vgpu_object *object)
{
	return (u64)object->memory.count << PAGE_SHIFT;
}

static atomic_long_t *vgpu_object_counter(struct vgpu_session *session,
					  const struct vgpu_object *object)
{
	return object->memory.pinned ? &session->pinned_pages : &session->allocated_pages;
}

/* With the session's lock. */
static int vgpu_object_insert(struct vgpu_session *session, struct vgpu_object *object)
{
	int error = xa_alloc(&session->objects, &object->id, object, XA_LIMIT(1, VGPU_MAX_OBJECTS),
			     GFP_KERNEL_ACCOUNT);

	if (error)
		return error == -EBUSY ? -ENOSPC : error;
	atomic_long_add(object->memory.count, vgpu_object_counter(session, object));
	atomic_long_inc(&session->object_count);
	atomic_long_inc(&session->dev->objects);
	return 0;
}

/*
 * With the session's lock, or when nobody else knows the session. The device must have nothing of
 * the object.
 */
static void vgpu_object_erase(struct vgpu_session *session, struct vgpu_object *object)
{
	vgpu_runs_unmap(vgpu_dma_device(session->dev), &object->runs);
	xa_erase(&session->objects, object->id);
	atomic_long_sub(object->memory.count, vgpu_object_counter(session, object));
	atomic_long_dec(&session->object_count);
	atomic_long_dec(&session->dev->objects);
}

/* Without the session's lock. */
static void vgpu_object_destroy(struct vgpu_session *session, struct vgpu_object *object)
{
	vgpu_runs_fini(vgpu_dma_device(session->dev), &object->runs);
	vgpu_memory_fini(session->dev, &object->memory);
	kfree(object);
}

static bool vgpu_range_is_bad(u64 address, u64 bytes)
{
	u64 end;

	return !PAGE_ALIGNED(address) || !PAGE_ALIGNED(bytes) || !address || !bytes ||
	       check_add_overflow(address, bytes, &end) || end > TASK_SIZE;
}

/* Undoes what has been mapped. */
static int vgpu_object_ask_unmap(struct vgpu_session *session, struct vgpu_object *object)
{
	struct vgpu_segment segment;
	struct vgpu_answer answer;
	u64 address = object->address;
	unsigned long i;
	int error;

	for (i = 0; i < object->segments && vgpu_runs_segment(&object->runs, i, &segment); i++) {
		struct vgpu_command command = {
			.opcode = VGPU_OP_UNMAP,
			.address = address,
			.bytes = segment.bytes,
		};

		error = vgpu_channel_execute(session, &command, &answer);
		if (error)
			return error;
		address += segment.bytes;
	}
	object->segments = 0;
	return 0;
}

/* All or nothing; where even that is in doubt, the object's state says so afterwards. */
static int vgpu_object_ask_map(struct vgpu_session *session, struct vgpu_object *object, u16 flags,
			       enum vgpu_object_state *state)
{
	struct vgpu_answer answer;
	struct vgpu_segment segment;
	u64 address = object->address;
	int error = 0;

	*state = VGPU_OBJECT_MAPPED;
	for (object->segments = 0; vgpu_runs_segment(&object->runs, object->segments, &segment);
	     object->segments++) {
		struct vgpu_command command = {
			.opcode = VGPU_OP_MAP,
			.flags = flags,
			.address = address,
			.bytes = segment.bytes,
			.list = segment.list,
		};

		error = vgpu_channel_execute(session, &command, &answer);
		if (error)
			break;
		address += segment.bytes;
	}
	if (!error)
		return 0;
	*state = VGPU_OBJECT_STUCK;
	if (answer.outcome != VGPU_IN_DOUBT && !vgpu_object_ask_unmap(session, object))
		*state = VGPU_OBJECT_IDLE;
	return error;
}

/* With the session's lock: shows an idle object's pages to the device. */
static int vgpu_object_prepare(struct vgpu_session *session, struct vgpu_object *object)
{
	if (session->detached)
		return -ENODEV;
	return vgpu_runs_init(vgpu_dma_device(session->dev), &object->runs, &object->memory);
}

/* Ends being busy. */
static void vgpu_object_settle(struct vgpu_session *session, struct vgpu_object *object,
			       enum vgpu_object_state state)
{
	mutex_lock(&session->lock);
	if (state == VGPU_OBJECT_IDLE)
		vgpu_runs_fini(vgpu_dma_device(session->dev), &object->runs);
	object->state = state;
	mutex_unlock(&session->lock);
}

int vgpu_object_alloc(struct vgpu_session *session, struct vgpu_alloc *alloc)
{
	struct vgpu_object *object;
	int error;

	if (alloc->flags || !alloc->bytes || !PAGE_ALIGNED(alloc->bytes))
		return -EINVAL;
	if (alloc->bytes > 1ULL << VGPU_MAP_SHIFT)
		return -ENOMEM;
	object = kzalloc(sizeof(*object), GFP_KERNEL_ACCOUNT);
	if (!object)
		return -ENOMEM;
	error = vgpu_memory_alloc(session->dev, &object->memory, alloc->bytes);
	if (error) {
		kfree(object);
		return error;
	}
	mutex_lock(&session->lock);
	error = vgpu_object_insert(session, object);
	if (!error) {
		alloc->object = object->id;
		alloc->map_offset = (u64)object->id << VGPU_MAP_SHIFT;
	}
	mutex_unlock(&session->lock);
	if (error)
		vgpu_object_destroy(session, object);
	return error;
}

int vgpu_object_map(struct vgpu_session *session, struct vgpu_map *map)
{
	u16 flags = map->flags & VGPU_MAP_ADOPT ? VGPU_COMMAND_ADOPT : 0;
	enum vgpu_object_state state;
	struct vgpu_object *object;
	int error = 0;

	if (map->flags & ~VGPU_MAP_ADOPT)
		return -EINVAL;
	mutex_lock(&session->lock);
	object = xa_load(&session->objects, map->object);
	if (!object)
		error = -ENOENT;
	else if (vgpu_range_is_bad(map->address, vgpu_object_bytes(object)))
		error = -EINVAL;
	else if (object->state != VGPU_OBJECT_IDLE)
		error = -EBUSY;
	else
		error = vgpu_object_prepare(session, object);
	if (!error) {
		object->state = VGPU_OBJECT_BUSY;
		object->address = map->address;
	}
	mutex_unlock(&session->lock);
	if (error)
		return error;
	error = vgpu_object_ask_map(session, object, flags, &state);
	vgpu_object_settle(session, object, state);
	return error;
}

/* Forgets an object that the worker does not have, or not any more. */
static void vgpu_object_drop(struct vgpu_session *session, struct vgpu_object *object)
{
	mutex_lock(&session->lock);
	vgpu_object_erase(session, object);
	mutex_unlock(&session->lock);
	vgpu_object_destroy(session, object);
}

int vgpu_object_pin(struct vgpu_session *session, struct vgpu_pin *pin)
{
	enum vgpu_object_state state;
	struct vgpu_object *object;
	int error;

	if (pin->flags || vgpu_range_is_bad(pin->address, pin->bytes))
		return -EINVAL;
	object = kzalloc(sizeof(*object), GFP_KERNEL_ACCOUNT);
	if (!object)
		return -ENOMEM;
	object->state = VGPU_OBJECT_BUSY;
	object->address = pin->address;
	error = vgpu_memory_pin(session->dev, &object->memory, pin->address, pin->bytes);
	if (error) {
		kfree(object);
		return error;
	}
	mutex_lock(&session->lock);
	error = vgpu_object_prepare(session, object);
	if (!error) {
		error = vgpu_object_insert(session, object);
		if (error)
			vgpu_runs_fini(vgpu_dma_device(session->dev), &object->runs);
	}
	mutex_unlock(&session->lock);
	if (error) {
		vgpu_object_destroy(session, object);
		return error;
	}
	pin->object = object->id;
	error = vgpu_object_ask_map(session, object, 0, &state);
	/* One that the worker does not have is of no use, and nobody has been told of it. */
	if (error && state == VGPU_OBJECT_IDLE)
		vgpu_object_drop(session, object);
	else
		vgpu_object_settle(session, object, state);
	return error;
}

int vgpu_object_free(struct vgpu_session *session, struct vgpu_free *free)
{
	/* A dead host needs no asking. */
	bool dead = READ_ONCE(session->dev->state) == VGPU_DEAD;
	struct vgpu_object *object;
	bool mapped = false;
	int error = 0;

	if (free->flags)
		return -EINVAL;
	mutex_lock(&session->lock);
	object = xa_load(&session->objects, free->object);
	if (!object) {
		error = -ENOENT;
	} else if (object->state == VGPU_OBJECT_BUSY ||
		   (object->state == VGPU_OBJECT_STUCK && !dead)) {
		error = -EBUSY;
	} else {
		mapped = object->state == VGPU_OBJECT_MAPPED;
		object->state = VGPU_OBJECT_BUSY;
	}
	mutex_unlock(&session->lock);
	if (error)
		return error;
	if (mapped && !dead)
		error = vgpu_object_ask_unmap(session, object);
	if (error) {
		vgpu_object_settle(session, object, VGPU_OBJECT_STUCK);
		return error;
	}
	vgpu_object_drop(session, object);
	return 0;
}

/* The session's own memory, or an allocated object. With the session's lock. */
static struct vgpu_memory *vgpu_object_find_memory(struct vgpu_session *session, unsigned long id)
{
	struct vgpu_object *object;

	if (!id)
		return &session->memory;
	object = xa_load(&session->objects, id);
	/*
	 * A busy one may be on its way out: its pages are counted, so a mapping of them only lives
	 * longer.
	 */
	if (!object || object->memory.pinned)
		return NULL;
	return &object->memory;
}

int vgpu_object_mmap(struct vgpu_session *session, struct vm_area_struct *vma)
{
	unsigned long id = vma->vm_pgoff >> (VGPU_MAP_SHIFT - PAGE_SHIFT);
	unsigned long first = vma->vm_pgoff & ((1UL << (VGPU_MAP_SHIFT - PAGE_SHIFT)) - 1);
	unsigned long count = vma_pages(vma);
	struct vgpu_memory *memory;
	int error = -EINVAL;

	if (!(vma->vm_flags & VM_SHARED))
		return -EINVAL;
	vgpu_vm_flags_set(vma, VM_DONTEXPAND | VM_DONTDUMP | VM_DONTCOPY);
	mutex_lock(&session->lock);
	memory = vgpu_object_find_memory(session, id);
	if (memory && first < memory->count && count <= memory->count - first)
		error = vm_insert_pages(vma, vma->vm_start, memory->pages + first, &count);
	mutex_unlock(&session->lock);
	return error;
}

/* With the session's lock: the driver lets go of the device. */
void vgpu_object_detach_all(struct vgpu_session *session)
{
	struct vgpu_object *object;
	unsigned long id;

	xa_for_each(&session->objects, id, object)
		vgpu_runs_unmap(vgpu_dma_device(session->dev), &object->runs);
}

/* The last reference to the session is gone. */
void vgpu_object_destroy_all(struct vgpu_session *session)
{
	struct vgpu_object *object;
	unsigned long id;

	xa_for_each(&session->objects, id, object) {
		vgpu_object_erase(session, object);
		vgpu_object_destroy(session, object);
	}
	xa_destroy(&session->objects);
}
