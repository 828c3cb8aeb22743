/* SPDX-License-Identifier: MIT */
/* For monitor_bad.c: ways to reach for what is the kernel's or another's, each one instruction. */
#ifndef TESTS_EMU_RING3_REACH_H
#define TESTS_EMU_RING3_REACH_H

#include "hv/abi/message.h"
#include "hv/abi/process.h"
#include "hv/ring3/rt/sys.h"

/* Reads or writes wherever it is told, out of the compiler's sight. */
static u64 load(u64 address)
{
	u64 value;

	__asm__ volatile("mov (%1), %0" : "=r"(value) : "r"(address) : "memory");
	return value;
}

static void store(u64 address)
{
	__asm__ volatile("movb $0, (%0)" : : "r"(address) : "memory");
}

static void jump(u64 address)
{
	__asm__ volatile("call *%0" : : "r"(address) : "memory");
}

static void do_null(const struct sys *sys)
{
	(void)sys;
	load(0);
}

static void do_kernel(const struct sys *sys)
{
	(void)sys;
	load(0xffffffff80100000);
}

static void do_direct_map(const struct sys *sys)
{
	(void)sys;
	store(0xffff800000100000);
}

static void do_counters(const struct sys *sys)
{
	(void)sys;
	store(USER_COUNTERS);
}

static void do_text(const struct sys *sys)
{
	(void)sys;
	store((u64)(uintptr_t)do_text);
}

static void do_halt(const struct sys *sys)
{
	(void)sys;
	__asm__ volatile("hlt");
}

static void out(u16 port)
{
	__asm__ volatile("outb %%al, %%dx" : : "a"(0), "d"(port));
}

static void do_port(const struct sys *sys)
{
	(void)sys;
	out(0x80);
}

/* Root's own. */
static void do_serial_port(const struct sys *sys)
{
	(void)sys;
	out(0x3f8);
}

/* After a VM exit, which has set GDTR's limit to 64 KiB: each selector behind the GDT. */
static void do_selectors(const struct sys *sys)
{
	if (sys->page->message.kind == MSG_START)
		return;
	for (u32 selector = 0x38; selector <= 0xffff; selector += 8) {
		u64 rights;

		__asm__ volatile("lar %k1, %k0" : "=r"(rights) : "r"(selector | 3) : "cc");
	}
}

/* There is no LDT. */
static void do_local_selector(const struct sys *sys)
{
	(void)sys;
	__asm__ volatile("mov %0, %%gs" : : "r"(7u));
}

static void do_sysenter(const struct sys *sys)
{
	(void)sys;
	__asm__ volatile("sysenter" : : : "memory");
}

/* STAR and LSTAR are the guest's, set or not; EFER.SCE is the host's. */
static void do_syscall(const struct sys *sys)
{
	(void)sys;
	__asm__ volatile("syscall" : : : "rcx", "r11", "memory");
}

static void do_rdpmc(const struct sys *sys)
{
	(void)sys;
	__asm__ volatile("rdpmc" : : "c"(0) : "rax", "rdx");
}

#endif
