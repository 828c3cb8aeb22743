/* SPDX-License-Identifier: MIT */
/*
 * Breakpoints on RAM, on a hole and on a register of the local APIC: data breakpoints trap behind
 * an access, those on instructions work behind one as anywhere.
 */
#include "guest-tools/lib/apic.h"
#include "guest-tools/lib/cpu.h"
#include "guest-tools/lib/guest.h"
#include "guest-tools/lib/interrupt.h"
#include "guest-tools/lib/print.h"
#include "guest-tools/lib/string.h"
#include "guest-tools/lib/tap.h"
#include "guest-tools/lib/window.h"
#include "hv/base/bits.h"

static u8 ram[256] ALIGNED(64);

#define DR7_LOCAL(n)    (1u << 2 * (n))
#define DR7_EXECUTE(n)  0u
#define DR7_WRITE_4(n)  (0xdu << (16 + 4 * (n)))
#define DR7_ACCESS_4(n) (0xfu << (16 + 4 * (n)))
#define RFLAGS_RF       BIT(16)

/* Of the last #DB, and how many there were. */
static struct {
	u64 rip, dr6, enabled;
	u32 count;
} debug;

static void on_debug(struct interrupt_frame *frame)
{
	debug.rip = frame->rip;
	debug.dr6 = read_dr6() & debug.enabled;
	debug.count++;
	write_dr6(0xffff0ff0);
	frame->rflags |= RFLAGS_RF; /* for a fault at an instruction's breakpoint */
}

/* Loads, and stores what was loaded; the labels are where a trap behind each of them comes. */
extern const char touch_load[], touch_store[], touch_add[], touch_end[];
void touch(void *at);
__asm__(".pushsection .text\n"
        ".global touch, touch_load, touch_store, touch_add, touch_end\n"
        "touch:\n"
        "touch_load: movl (%rdi), %eax\n"
        "touch_store: movl %eax, (%rdi)\n"
        "touch_add: addl $0, (%rdi)\n"
        "touch_end: ret\n"
        ".popsection\n");

static void expect_debug(u32 count, const char *behind, u64 dr6, const char *what)
{
	tap_ok(debug.count == count &&
	               (count == 0 || (debug.rip == (u64)behind && debug.dr6 == dr6)),
	       "%s", what);
	if (debug.count != count)
		print("# %u of %u, the last at touch + %lx, DR6 %lx\n", debug.count, count,
		      debug.rip - (u64)touch_load, debug.dr6);
}

static void touch_with(u64 dr7, void *at)
{
	memset(&debug, 0, sizeof(debug));
	for (u32 n = 0; n < 4; n++)
		debug.enabled |= (dr7 & DR7_LOCAL(n)) != 0 ? BIT(n) : 0;
	write_dr7(0x400 | dr7);
	touch(at);
	write_dr7(0x400);
}

static void test_breakpoints_at(void *at, const char *where)
{
	print("# breakpoints on %s\n", where);
	write_dr0((u64)at);
	write_dr1((u64)touch_store);
	write_dr2((u64)at + 64);
	write_dr3((u64)touch_end);
	touch_with(0, at);
	expect_debug(0, NULL, 0, "none that is enabled: none comes");
	touch_with(DR7_LOCAL(0) | DR7_ACCESS_4(0), at);
	expect_debug(3, touch_end, 1, "three accesses, a trap behind each");
	touch_with(DR7_LOCAL(0) | DR7_WRITE_4(0), at);
	expect_debug(2, touch_end, 1, "two stores, a trap behind each");
	touch_with(DR7_LOCAL(2) | DR7_ACCESS_4(2), at);
	expect_debug(0, NULL, 0, "another address: none");
	touch_with(DR7_LOCAL(1) | DR7_EXECUTE(1), at);
	expect_debug(1, touch_store, 2, "an instruction behind an access");
	touch_with(DR7_LOCAL(1) | DR7_LOCAL(3), at);
	expect_debug(2, touch_end, 8, "an access resumed with RF, and an instruction behind it");
}

int guest_main(void)
{
	interrupt_handle(VECTOR_DB, on_debug);
	test_breakpoints_at(ram, "RAM");
	test_breakpoints_at(window_at(memory_hole()), "a hole");
	if (apic_current() == &xapic_ops)
		test_breakpoints_at((void *)(APIC_BASE_ADDRESS + APIC_TIMER_INITIAL), "a register");
	return tap_done();
}
