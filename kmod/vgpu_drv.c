// SPDX-License-Identifier: GPL-2.0 OR MIT
/* Driver of the vgpu PCI device: the device's coming and going, its registers. */
#include <linux/debugfs.h>
#include <linux/delay.h>
#include <linux/dma-mapping.h>
#include <linux/interrupt.h>
#include <linux/module.h>
#include <linux/rcupdate.h>

#include "vgpu_drv.h"

#define CREATE_TRACE_POINTS
#include "vgpu_trace.h"

struct workqueue_struct *vgpu_workqueue;
static DEFINE_IDA(vgpu_indexes);

/*
 * After remove() the addresses may belong to another device. Sections are short enough for RCU to
 * tell.
 */
u32 vgpu_read(struct vgpu_device *dev, u32 reg)
{
	u32 value = ~0U;

	rcu_read_lock();
	if (!READ_ONCE(dev->bar_gone))
		value = ioread32(dev->bar + reg);
	rcu_read_unlock();
	return value;
}

void vgpu_write(struct vgpu_device *dev, u32 reg, u32 value)
{
	rcu_read_lock();
	if (!READ_ONCE(dev->bar_gone))
		iowrite32(value, dev->bar + reg);
	rcu_read_unlock();
}

void vgpu_doorbell(struct vgpu_device *dev, u32 session)
{
	atomic_long_inc(&dev->doorbells);
	trace_vgpu_doorbell(dev->index, session);
	vgpu_write(dev, VGPU_REG_DOORBELL, session);
}

static void vgpu_device_release(struct kref *refs)
{
	struct vgpu_device *dev = container_of(refs, struct vgpu_device, refs);

	ida_destroy(&dev->numbers);
	mutex_destroy(&dev->lock);
	pci_dev_put(dev->pdev);
	kfree(dev);
}

void vgpu_device_get(struct vgpu_device *dev)
{
	kref_get(&dev->refs);
}

void vgpu_device_put(struct vgpu_device *dev)
{
	kref_put(&dev->refs, vgpu_device_release);
}

static struct vgpu_device *vgpu_device_create(struct pci_dev *pdev)
{
	struct vgpu_device *dev = kzalloc(sizeof(*dev), GFP_KERNEL);

	if (!dev)
		return NULL;
	kref_init(&dev->refs);
	dev->pdev = pci_dev_get(pdev);
	mutex_init(&dev->lock);
	INIT_LIST_HEAD(&dev->channel.queued);
	INIT_LIST_HEAD(&dev->channel.sent);
	INIT_LIST_HEAD(&dev->sessions);
	INIT_DELAYED_WORK(&dev->watchdog, vgpu_watchdog);
	spin_lock_init(&dev->wait_lock);
	INIT_LIST_HEAD(&dev->waiters);
	ida_init(&dev->numbers);
	return dev;
}

static int vgpu_identify(struct vgpu_device *dev)
{
	struct device *device = &dev->pdev->dev;
	u32 magic = vgpu_read(dev, VGPU_REG_MAGIC);
	u32 version;

	if (magic != VGPU_MAGIC) {
		dev_err(device,
			"magic is %08x: the host's daemon is gone, or this is another device\n",
			magic);
		return -ENODEV;
	}
	version = vgpu_read(dev, VGPU_REG_VERSION);
	if (version != VGPU_DEVICE_VERSION) {
		dev_err(device,
			"device version %u, but this module knows %u: update the older of host and guest\n",
			version, VGPU_DEVICE_VERSION);
		return -ENODEV;
	}
	dev->max_sessions = vgpu_read(dev, VGPU_REG_SESSIONS);
	if (!dev->max_sessions) {
		dev_err(device, "the device has no sessions to offer\n");
		return -ENODEV;
	}
	return 0;
}

static int vgpu_map_registers(struct vgpu_device *dev)
{
	struct pci_dev *pdev = dev->pdev;
	int error = pci_enable_device(pdev);

	if (error)
		return error;
	error = pci_request_regions(pdev, KBUILD_MODNAME);
	if (error)
		goto disable;
	if (pci_resource_len(pdev, 0) >= VGPU_BAR_BYTES)
		dev->bar = pci_iomap(pdev, 0, VGPU_BAR_BYTES);
	if (!dev->bar) {
		error = -ENODEV;
		goto release;
	}
	return 0;

release:
	pci_release_regions(pdev);
disable:
	pci_disable_device(pdev);
	return error;
}

static void vgpu_unmap_registers(struct vgpu_device *dev)
{
	WRITE_ONCE(dev->bar_gone, true);
	synchronize_rcu();
	pci_iounmap(dev->pdev, dev->bar);
	pci_release_regions(dev->pdev);
	pci_clear_master(dev->pdev);
	pci_disable_device(dev->pdev);
}

static int vgpu_request_irq(struct vgpu_device *dev)
{
	int error = pci_alloc_irq_vectors(dev->pdev, 1, 1, PCI_IRQ_MSI);

	if (error < 0) {
		dev_err(&dev->pdev->dev, "no MSI interrupt: %d\n", error);
		return error;
	}
	dev->irq = pci_irq_vector(dev->pdev, 0);
	error = request_threaded_irq(dev->irq, vgpu_channel_interrupt, vgpu_channel_thread, 0,
				     dev->name, dev);
	if (error)
		pci_free_irq_vectors(dev->pdev);
	return error;
}

static void vgpu_free_irq(struct vgpu_device *dev)
{
	free_irq(dev->irq, dev);
	pci_free_irq_vectors(dev->pdev);
}

static int vgpu_bring_up(struct vgpu_device *dev)
{
	struct pci_dev *pdev = dev->pdev;
	int error = vgpu_map_registers(dev);

	if (error)
		return error;
	error = vgpu_identify(dev);
	if (error)
		goto unmap;
	error = dma_set_mask_and_coherent(&pdev->dev, DMA_BIT_MASK(64));
	if (error)
		goto unmap;
	pci_set_master(pdev);
	error = vgpu_channel_init(dev);
	if (error)
		goto unmap;
	error = vgpu_request_irq(dev);
	if (error) {
		vgpu_state_set(dev, VGPU_DEAD, NULL); /* It does not know the channel yet. */
		goto channel;
	}
	error = vgpu_channel_start(dev);
	if (error)
		goto irq;
	return 0;

irq:
	vgpu_free_irq(dev);
channel:
	vgpu_channel_fini(dev);
unmap:
	vgpu_unmap_registers(dev);
	return error;
}

static void vgpu_detach_sessions(struct vgpu_device *dev)
{
	struct vgpu_session *session;

	mutex_lock(&dev->lock);
	list_for_each_entry(session, &dev->sessions, link)
		vgpu_session_detach(session);
	mutex_unlock(&dev->lock);
}

/* After this nothing of ours runs for the device, except for files that are still open. */
static void vgpu_shut_down(struct vgpu_device *dev)
{
	bool stopped;

	mutex_lock(&dev->lock);
	dev->removing = true;
	mutex_unlock(&dev->lock);
	stopped = vgpu_state_stop(dev);
	cancel_delayed_work_sync(&dev->watchdog);
	vgpu_free_irq(dev);
	flush_workqueue(vgpu_workqueue);
	if (stopped)
		vgpu_detach_sessions(dev);
	else
		dev_warn(&dev->pdev->dev,
			 "the host has not confirmed its end: %lu pages are never freed\n",
			 vgpu_state_held_pages(dev, false) + VGPU_CHANNEL_PAGES);
	vgpu_unmap_registers(dev);
	vgpu_channel_fini(dev);
}

static int vgpu_publish(struct vgpu_device *dev)
{
	dev->misc.minor = MISC_DYNAMIC_MINOR;
	dev->misc.name = dev->name;
	dev->misc.fops = &vgpu_file_operations;
	dev->misc.parent = &dev->pdev->dev;
	/* Like a card's nodes on a bare machine; a udev rule may say otherwise. */
	dev->misc.mode = 0666;
	vgpu_debugfs_add(dev);
	return misc_register(&dev->misc);
}

static int vgpu_probe(struct pci_dev *pdev, const struct pci_device_id *id)
{
	struct vgpu_device *dev = vgpu_device_create(pdev);
	int error;

	if (!dev)
		return -ENOMEM;
	dev->index = ida_alloc(&vgpu_indexes, GFP_KERNEL);
	if (dev->index < 0) {
		error = dev->index;
		goto put;
	}
	snprintf(dev->name, sizeof(dev->name), "vgpu%d", dev->index);
	error = vgpu_bring_up(dev);
	if (error)
		goto index;
	pci_set_drvdata(pdev, dev);
	error = vgpu_publish(dev);
	if (error)
		goto down;
	dev_info(&pdev->dev, "/dev/%s: up to %u sessions\n", dev->name, dev->max_sessions);
	return 0;

down:
	vgpu_debugfs_remove(dev);
	vgpu_shut_down(dev);
index:
	ida_free(&vgpu_indexes, dev->index);
put:
	vgpu_device_put(dev);
	return error;
}

static void vgpu_remove(struct pci_dev *pdev)
{
	struct vgpu_device *dev = pci_get_drvdata(pdev);

	misc_deregister(&dev->misc);
	vgpu_debugfs_remove(dev);
	vgpu_shut_down(dev);
	ida_free(&vgpu_indexes, dev->index);
	vgpu_device_put(dev);
}

/* The next kernel, started by kexec, must not find its memory written to. */
static void vgpu_shutdown(struct pci_dev *pdev)
{
	struct vgpu_device *dev = pci_get_drvdata(pdev);

	vgpu_state_stop(dev);
	pci_clear_master(pdev);
}

static const struct pci_device_id vgpu_ids[] = { { PCI_DEVICE_SUB(PCI_VENDOR_ID_NVIDIA, PCI_ANY_ID,
								  VGPU_PCI_SUBVENDOR,
								  VGPU_PCI_SUBDEVICE) },
						 {} };
MODULE_DEVICE_TABLE(pci, vgpu_ids);

static struct pci_driver vgpu_driver = {
	.name = KBUILD_MODNAME,
	.id_table = vgpu_ids,
	.probe = vgpu_probe,
	.remove = vgpu_remove,
	.shutdown = vgpu_shutdown,
};

static int __init vgpu_init(void)
{
	int error;

	vgpu_workqueue = alloc_workqueue("vgpu", WQ_UNBOUND, 0);
	if (!vgpu_workqueue)
		return -ENOMEM;
	vgpu_debugfs_init();
	error = pci_register_driver(&vgpu_driver);
	if (error) {
		vgpu_debugfs_fini();
		destroy_workqueue(vgpu_workqueue);
	}
	return error;
}

static void __exit vgpu_exit(void)
{
	pci_unregister_driver(&vgpu_driver);
	vgpu_debugfs_fini();
	destroy_workqueue(vgpu_workqueue);
	ida_destroy(&vgpu_indexes);
}

module_init(vgpu_init);
module_exit(vgpu_exit);

MODULE_DESCRIPTION("Paravirtual GPU: sessions, memory and wake-ups between a guest and its host");
MODULE_AUTHOR("The vgpu authors");
MODULE_LICENSE("Dual MIT/GPL");
MODULE_VERSION(VGPU_MODULE_VERSION);
