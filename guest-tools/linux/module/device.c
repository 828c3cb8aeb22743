// SPDX-License-Identifier: GPL-2.0
/* /dev/tapvisor: see tapvisor_ioctl.h. */
#include "tapvisor.h"

#include <linux/fs.h>
#include <linux/miscdevice.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/smp.h>
#include <linux/uaccess.h>
#include <linux/version.h>

#include <asm/tsc.h>

#include "tapvisor_ioctl.h"

static int device_open(struct inode *inode, struct file *file)
{
	return file->f_mode & FMODE_WRITE ? -EACCES : 0;
}

/* Linux 6.3 took the flags under a function of its own. */
static void forbid(struct vm_area_struct *vma, unsigned long flags)
{
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 3, 0)
	vm_flags_clear(vma, flags);
#else
	vma->vm_flags &= ~flags;
#endif
}

/* Read-only for good: the mapping cannot be made writable by mprotect() either. */
static int device_mmap(struct file *file, struct vm_area_struct *vma)
{
	const struct tapvisor_counters *t = &tapvisor_counters;

	if (vma->vm_flags & (VM_WRITE | VM_EXEC))
		return -EPERM;
	forbid(vma, VM_MAYWRITE | VM_MAYEXEC);
	return vm_iomap_memory(vma, t->pa, (unsigned long)t->vcpus * t->stride);
}

static long device_ioctl(struct file *file, unsigned int command, unsigned long argument)
{
	const struct tapvisor_counters *t = &tapvisor_counters;
	struct tapvisor_info info = {
		.version = TAPVISOR_VERSION,
		.vcpus = t->vcpus,
		.stride = t->stride,
		.size = ((const struct vcpu_counters *)t->map)->size,
		.vcpu = per_cpu(x86_cpu_to_apicid, raw_smp_processor_id()),
		.tsc_khz = tsc_khz,
	};

	if (command != TAPVISOR_GET_INFO)
		return -ENOTTY;
	return copy_to_user((void __user *)argument, &info, sizeof(info)) ? -EFAULT : 0;
}

static const struct file_operations operations = {
	.owner = THIS_MODULE,
	.open = device_open,
	.mmap = device_mmap,
	.unlocked_ioctl = device_ioctl,
	.compat_ioctl = compat_ptr_ioctl,
	.llseek = noop_llseek,
};

static struct miscdevice device = {
	.minor = MISC_DYNAMIC_MINOR,
	.name = "tapvisor",
	.mode = 0444,
	.fops = &operations,
};

int tapvisor_device_init(void)
{
	return misc_register(&device);
}

void tapvisor_device_exit(void)
{
	misc_deregister(&device);
}
