/* SPDX-License-Identifier: MIT */
/*
 * Touches memory that the machine does not have. how=read (the rule): plain loads and stores read
 * ones and are dropped. The others are meant to end the VM with a report and are skipped elsewhere:
 * how=fetch executes there, how=table keeps a page table there, how=stack pushes there with an
 * interrupt, how=odd uses an instruction that no device driver would.
 */
#include "guest-tools/lib/args.h"
#include "guest-tools/lib/cpu.h"
#include "guest-tools/lib/exit.h"
#include "guest-tools/lib/guest.h"
#include "guest-tools/lib/hypercall.h"
#include "guest-tools/lib/print.h"
#include "guest-tools/lib/serial.h"
#include "guest-tools/lib/string.h"
#include "guest-tools/lib/tap.h"
#include "guest-tools/lib/window.h"
#include "hv/base/bits.h"

#define PTE_TABLE 0x7ull

static u64 highest_address(void)
{
	u32 bits = cpuid(0x80000000, 0).eax >= 0x80000008 ? cpuid(0x80000008, 0).eax & 0xff : 36;

	return (1ull << bits) - 8;
}

static void test_widths(volatile u8 *at, u64 physical)
{
	volatile u16 *at16 = (void *)at;
	volatile u32 *at32 = (void *)at;
	volatile u64 *at64 = (void *)at;
	bool ones = *at == 0xff && *at16 == 0xffff && *at32 == 0xffffffff && *at64 == ~0ull;

	*at = 0;
	*at16 = 0;
	*at32 = 0;
	*at64 = 0;
	tap_bare(ones && *at64 == ~0ull, "QEMU reads zeros",
	         "%lx reads ones in all widths, before and after writes", physical);
}

static void test_reads(void)
{
	u64 end = memory_hole();
	const u64 places[] = {
		end,
		end + 0x1008,
		end + 0x7654320,
		0xc0000000,
		0xdffffff8,
		0xf0000000,
		0x7ffffff000,
		highest_address() - 0x1000000,
		highest_address(),
	};

	for (u32 i = 0; i < ARRAY_SIZE(places); i++)
		test_widths(window_at(places[i]), places[i]);
	tap_ok(true, "still here");
}

static void do_fetch(u64 place)
{
	void (*nowhere)(void) = (void (*)(void))window_at(place);

	nowhere();
}

static void do_table(u64 place)
{
	volatile u64 *seen = window_entry(place | PTE_TABLE);

	print("# read %lx through a table that is not there\n", *seen);
}

static void do_stack(u64 place)
{
	__asm__ volatile("mov %0, %%rsp; int3" : : "r"((u8 *)window_at(place) + 0x1000));
}

static void do_odd(u64 place)
{
	__asm__ volatile("cmpxchg16b (%0)"
	                 :
	                 : "r"(window_at(place)), "a"(0), "b"(0), "c"(0), "d"(0)
	                 : "memory", "cc");
}

static const struct {
	const char *name;
	void (*act)(u64 place);
} ways[] = {
	{ "fetch", do_fetch },
	{ "table", do_table },
	{ "stack", do_stack },
	{ "odd", do_odd },
};

int guest_main(void)
{
	const char *how = args_text("how", "read");

	args_finish();
	if (strcmp(how, "read") == 0) {
		test_reads();
		return tap_done();
	}
	if (hypervisor.tapvisor_base == 0) {
		tap_skip(how, "for a VM alone");
		return tap_done();
	}
	for (u32 i = 0; i < ARRAY_SIZE(ways); i++) {
		if (strcmp(how, ways[i].name) != 0)
			continue;
		print("# %s beyond the memory at %lx now\n", how, memory_hole());
		serial_drain();
		ways[i].act(memory_hole());
		tap_ok(false, "the VM went on");
		return tap_done();
	}
	print("# how=%s: there are read fetch table stack odd\n", how);
	guest_exit(EXIT_USAGE);
}
