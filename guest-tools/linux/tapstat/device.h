/* SPDX-License-Identifier: MIT */
/* Where the counters come from: /dev/tapvisor. */
#ifndef TAPSTAT_DEVICE_H
#define TAPSTAT_DEVICE_H

#include "hv/base/types.h"

struct device {
	const void *pages; /* mapped, changing all the time */
	u32 vcpus, stride, tsc_khz;
	u32 vm;
};

/* False: `message` says why, and what to do. */
MUST_USE bool device_open(struct device *device, const char *path, char *message, size_t size);

#endif
