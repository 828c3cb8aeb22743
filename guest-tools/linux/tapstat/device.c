/* SPDX-License-Identifier: MIT */
#include "guest-tools/linux/tapstat/device.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "guest-tools/linux/module/tapvisor_ioctl.h"
#include "guest-tools/linux/tapstat/counts.h"

static bool get_info(int fd, const char *path, struct tapvisor_info *info, char *message,
                     size_t size)
{
	if (ioctl(fd, TAPVISOR_GET_INFO, info) != 0) {
		snprintf(message, size, "%s is not what tapvisor.ko makes: %s", path,
		         strerror(errno));
		return false;
	}
	if (info->version != TAPVISOR_VERSION) {
		snprintf(message, size, "%s speaks version %u, this tapstat %u", path,
		         info->version, TAPVISOR_VERSION);
		return false;
	}
	if (info->size < sizeof(struct vcpu_counters) || info->stride < info->size) {
		snprintf(message, size,
		         "the hypervisor's counters are of an older version: %u bytes, this "
		         "tapstat knows %zu; build both from the same source",
		         info->size, sizeof(struct vcpu_counters));
		return false;
	}
	return true;
}

bool device_open(struct device *device, const char *path, char *message, size_t size)
{
	struct tapvisor_info info;
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0) {
		snprintf(message, size, "%s: %s%s", path, strerror(errno),
		         errno == ENOENT ? "; it wants tapvisor.ko loaded, and counters=on on the "
		                           "VM's line in grub.cfg"
		                         : "");
		return false;
	}
	if (!get_info(fd, path, &info, message, size)) {
		close(fd);
		return false;
	}
	device->pages = mmap(NULL, (size_t)info.vcpus * info.stride, PROT_READ, MAP_SHARED, fd, 0);
	close(fd);
	if (device->pages == MAP_FAILED) {
		snprintf(message, size, "%s cannot be mapped: %s", path, strerror(errno));
		return false;
	}
	device->vcpus = info.vcpus;
	device->stride = info.stride;
	device->tsc_khz = info.tsc_khz;
	if (counts_check(device->pages, info.vcpus, info.stride) != COUNTS_OK) {
		snprintf(message, size, "%s does not show the counters of one VM", path);
		return false;
	}
	device->vm = ((const struct vcpu_counters *)device->pages)->vm;
	return true;
}
