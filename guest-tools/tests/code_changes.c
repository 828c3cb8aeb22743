/* SPDX-License-Identifier: MIT */
/*
 * A load from device memory that another CPU turns into a store, and back, all the time: while the
 * instruction is being carried out for a VM as well. The page is a program's to read and not to
 * write, so a store may end in a page fault alone.
 */
#include "guest-tools/lib/apic.h"
#include "guest-tools/lib/cpu.h"
#include "guest-tools/lib/guest.h"
#include "guest-tools/lib/interrupt.h"
#include "guest-tools/lib/print.h"
#include "guest-tools/lib/smp.h"
#include "guest-tools/lib/tap.h"
#include "guest-tools/lib/window.h"
#include "hv/base/atomic.h"

#define TRIES         400u
#define VALUE         0x12345678u
#define READ_ONLY     0x9dull /* present, user, not writable, PWT, PCD, 2 MiB */
#define OPCODE_LOAD   0x8bu
#define OPCODE_STORE  0x89u
#define PF_USER_WRITE 7u

/* mov (%rdi), %eax, or what has become of it. */
extern u8 changing[];
u64 touch(u64 at);
__asm__(".pushsection .data\n"
        ".balign 64\n"
        ".global touch, changing\n"
        "touch: mov $0x0bad0bad, %eax\n"
        "changing: mov (%rdi), %eax\n"
        "ret\n"
        ".balign 64\n"
        ".popsection\n");

static u8 user_stack[4096] ALIGNED(16);
static u32 stop;

static void change(void *arg)
{
	u32 n = 0;

	(void)arg;
	while (atomic_load(&stop) == 0) {
		*(volatile u8 *)changing = n++ % 2 != 0 ? OPCODE_LOAD : OPCODE_STORE;
		for (u32 i = 0; i < n * 7 % 61; i++)
			cpu_relax();
	}
}

static u64 got;

static void try_once(void *arg)
{
	got = user_call(touch, (u64)arg, user_stack + sizeof(user_stack));
}

int guest_main(void)
{
	volatile u32 *initial = (volatile u32 *)(APIC_BASE_ADDRESS + APIC_TIMER_INITIAL);
	u32 loads = 0, faults = 0, wrong = 0;
	u8 *window;

	smp_start_all();
	if (cpu_count() < 2 || apic_current() != &xapic_ops) {
		tap_skip("code that changes", "that takes two CPUs and an APIC in memory");
		return tap_done();
	}
	*initial = VALUE;
	window = window_entry((APIC_BASE_ADDRESS & ~(WINDOW_BYTES - 1)) | READ_ONLY);
	window += APIC_BASE_ADDRESS % WINDOW_BYTES + APIC_TIMER_INITIAL;
	smp_post(1, change, NULL);
	for (u32 i = 0; i < TRIES; i++) {
		int vector = trap_call(try_once, window);

		if (vector < 0)
			loads++;
		else
			faults += vector == (int)VECTOR_PF && trap_error() == PF_USER_WRITE &&
			          read_cr2() == (u64)window;
		wrong += *initial != VALUE || (vector < 0 && got != VALUE);
		if (*initial != VALUE)
			*initial = VALUE;
	}
	atomic_store(&stop, 1);
	smp_wait(1);
	*initial = 0;
	print("# %u loads, %u faults\n", loads, faults);
	tap_ok(loads > 0 && faults > 0, "both were executed");
	tap_is(loads + faults, TRIES, "and nothing else happened");
	tap_is(wrong, 0, "a page that is read-only is not written");
	return tap_done();
}
