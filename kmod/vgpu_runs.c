// SPDX-License-Identifier: GPL-2.0 OR MIT
/* Run lists: memory as the device is told of it, neighbours put together. */
#include <linux/dma-mapping.h>
#include <linux/mm.h>
#include <linux/sched.h>
#include <linux/slab.h>

#include "vgpu_drv.h"

/* Pages from `first` on that are neighbours. */
static unsigned long vgpu_span(const struct vgpu_memory *memory, unsigned long first)
{
	unsigned long pfn = page_to_pfn(memory->pages[first]);
	unsigned long end = first + 1;

	while (end < memory->count && page_to_pfn(memory->pages[end]) == pfn + (end - first))
		end++;
	return end - first;
}

static struct vgpu_run_page *vgpu_runs_page(struct vgpu_runs *runs)
{
	struct vgpu_run_page *page = runs->count ? runs->list[runs->count - 1].page : NULL;

	if (page && page->count < VGPU_RUNS_PER_PAGE)
		return page;
	page = (struct vgpu_run_page *)get_zeroed_page(GFP_KERNEL_ACCOUNT);
	if (page)
		runs->list[runs->count++].page = page;
	return page;
}

static int vgpu_runs_add(struct device *device, struct vgpu_runs *runs, struct page *first,
			 u64 bytes)
{
	struct vgpu_run_page *page = vgpu_runs_page(runs);
	dma_addr_t dma;

	if (!page)
		return -ENOMEM;
	dma = dma_map_page(device, first, 0, bytes, DMA_BIDIRECTIONAL);
	if (dma_mapping_error(device, dma))
		return -ENOMEM;
	page->runs[page->count].address = dma;
	page->runs[page->count].bytes = bytes;
	page->count++;
	/*
	 * A bounce buffer would be copied now and then; the device must see the page itself, at all
	 * times.
	 */
	return dma_need_sync(device, dma) ? -EOPNOTSUPP : 0;
}

/*
 * Chains the pages of each segment, from the back, because a page holds the address of the next
 * one.
 */
static int vgpu_runs_link(struct device *device, struct vgpu_runs *runs)
{
	while (runs->linked) {
		unsigned long i = runs->linked - 1;
		struct vgpu_list_page *list = &runs->list[i];
		bool last = i + 1 == runs->count || (i + 1) % VGPU_SEGMENT_PAGES == 0;

		list->page->next = last ? 0 : list[1].dma;
		list->dma = dma_map_single(device, list->page, PAGE_SIZE, DMA_TO_DEVICE);
		if (dma_mapping_error(device, list->dma))
			return -ENOMEM;
		runs->linked = i;
	}
	return 0;
}

int vgpu_runs_init(struct device *device, struct vgpu_runs *runs, const struct vgpu_memory *memory)
{
	unsigned long i, span, count = 0;
	int error = 0;

	memset(runs, 0, sizeof(*runs));
	for (i = 0; i < memory->count; i += vgpu_span(memory, i))
		count++;
	runs->list = kvcalloc(DIV_ROUND_UP(count, VGPU_RUNS_PER_PAGE), sizeof(*runs->list),
			      GFP_KERNEL_ACCOUNT);
	if (!runs->list)
		return -ENOMEM;
	runs->mapped = true;
	for (i = 0; i < memory->count && !error; i += span) {
		span = vgpu_span(memory, i);
		error = vgpu_runs_add(device, runs, memory->pages[i], (u64)span << PAGE_SHIFT);
		cond_resched();
	}
	runs->linked = runs->count;
	if (!error)
		error = vgpu_runs_link(device, runs);
	if (error)
		vgpu_runs_fini(device, runs);
	return error;
}

/* The index'th list, or false. */
bool vgpu_runs_segment(const struct vgpu_runs *runs, unsigned long index,
		       struct vgpu_segment *segment)
{
	unsigned long begin = index * VGPU_SEGMENT_PAGES;
	unsigned long end = min(begin + VGPU_SEGMENT_PAGES, runs->count);
	unsigned long i;
	u32 k;

	if (begin >= runs->count)
		return false;
	segment->list = runs->list[begin].dma;
	segment->bytes = 0;
	for (i = begin; i < end; i++)
		for (k = 0; k < runs->list[i].page->count; k++)
			segment->bytes += runs->list[i].page->runs[k].bytes;
	return true;
}

/* The device sees nothing of it any more; the lists can still be read here. */
void vgpu_runs_unmap(struct device *device, struct vgpu_runs *runs)
{
	unsigned long i;
	u32 k;

	if (!runs->mapped)
		return;
	runs->mapped = false;
	for (i = runs->linked; i < runs->count; i++)
		dma_unmap_single(device, runs->list[i].dma, PAGE_SIZE, DMA_TO_DEVICE);
	for (i = 0; i < runs->count; i++) {
		struct vgpu_run_page *page = runs->list[i].page;

		for (k = 0; k < page->count; k++)
			dma_unmap_page(device, page->runs[k].address, page->runs[k].bytes,
				       DMA_BIDIRECTIONAL);
		cond_resched();
	}
}

void vgpu_runs_fini(struct device *device, struct vgpu_runs *runs)
{
	unsigned long i;

	vgpu_runs_unmap(device, runs);
	for (i = 0; i < runs->count; i++)
		free_page((unsigned long)runs->list[i].page);
	kvfree(runs->list);
	memset(runs, 0, sizeof(*runs));
}
