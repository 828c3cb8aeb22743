// SPDX-License-Identifier: GPL-2.0
/* Keeps one CPU busy with interrupts off, for the watchdog to find: insmod lockup.ko cpu= ms= */
#include <linux/delay.h>
#include <linux/irqflags.h>
#include <linux/module.h>
#include <linux/smp.h>

static unsigned int cpu, ms = 1000;
module_param(cpu, uint, 0);
module_param(ms, uint, 0);

/* smp_call_function_single() has switched interrupts off. */
static noinline void lockup_spin(void *unused)
{
	mdelay(ms);
}

static int __init lockup_init(void)
{
	return smp_call_function_single(cpu, lockup_spin, NULL, true);
}
module_init(lockup_init);

static void __exit lockup_exit(void)
{
}
module_exit(lockup_exit);

MODULE_DESCRIPTION("A CPU that does not take interrupts, for tests");
MODULE_LICENSE("GPL");
