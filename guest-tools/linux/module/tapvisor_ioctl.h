/* SPDX-License-Identifier: (GPL-2.0 WITH Linux-syscall-note) OR MIT */
/*
 * /dev/tapvisor: the counters of this virtual machine, read-only.
 *
 * mmap() at offset 0, PROT_READ, up to vcpus * stride bytes: vCPU i's `struct vcpu_counters`
 * (hv/abi/counters.h) begins at i * stride. What is read there is what the hypervisor writes at
 * that moment; reading takes no exit and no system call.
 */
#ifndef TAPVISOR_IOCTL_H
#define TAPVISOR_IOCTL_H

#include <linux/ioctl.h>
#include <linux/types.h>

#define TAPVISOR_DEVICE  "/dev/tapvisor"
#define TAPVISOR_VERSION 1

struct tapvisor_info {
	__u32 version; /* TAPVISOR_VERSION */
	__u32 vcpus;
	__u32 stride; /* bytes from one vCPU's counters to the next one's */
	__u32 size;   /* of one vCPU's counters, as the hypervisor has them */
	__u32 vcpu;   /* the one that runs the caller */
	__u32 tsc_khz;
};

#define TAPVISOR_GET_INFO _IOR('t', 0x54, struct tapvisor_info)

#endif
