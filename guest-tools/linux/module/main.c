// SPDX-License-Identifier: GPL-2.0
/*
 * A virtual machine's view of itself under Tapvisor: /dev/tapvisor (its counters) and ipibench in
 * debugfs (what its IPIs cost). ipibench works on any machine, without exits elsewhere.
 */
#define pr_fmt(fmt) "tapvisor: " fmt

#include "tapvisor.h"

#include <linux/module.h>

/* Undoes what tapvisor_init() did up to now. */
static void leave(void)
{
	if (!tapvisor_counters.map)
		return;
	tapvisor_device_exit();
	tapvisor_counters_unmap();
}

static int __init tapvisor_init(void)
{
	int error = tapvisor_counters_map();

	if (error == -ENOMEM)
		return error;
	if (!error) { /* else: why not was said; ipibench does without */
		error = tapvisor_device_init();
		if (error) {
			tapvisor_counters_unmap();
			return error;
		}
	}
	error = tapvisor_bench_init();
	if (error)
		leave();
	return error;
}

static void __exit tapvisor_exit(void)
{
	tapvisor_bench_exit();
	leave();
}

module_init(tapvisor_init);
module_exit(tapvisor_exit);
MODULE_DESCRIPTION("Counters and IPI benchmark for guests of Tapvisor");
MODULE_LICENSE("GPL");
