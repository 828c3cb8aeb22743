/* SPDX-License-Identifier: MIT */
/*
 * KVM's hypercalls as KVM defines them: send-IPI reaches the same CPUs as the ICR would, and
 * hostile arguments harm nobody.
 */
#include "guest-tools/lib/apic.h"
#include "guest-tools/lib/count.h"
#include "guest-tools/lib/guest.h"
#include "guest-tools/lib/hypercall.h"
#include "guest-tools/lib/interrupt.h"
#include "guest-tools/lib/tap.h"
#include "hv/base/bits.h"

#define VECTOR_TEST 0x51u

static u8 user_stack[4096] ALIGNED(16);
static u32 nmis[MAX_CPUS];

static s64 send_ipi(u64 low, u64 high, u64 base, u64 icr)
{
	return hypercall(KVM_HC_SEND_IPI, low, high, base, icr);
}

static void expect(s64 got, s64 wanted, const char *what)
{
	tap_is((u64)got, (u64)wanted, "%s: %s", apic->name, what);
}

/* The bitmap of a set of CPUs whose IDs are all below 64. */
static u64 bits_of(u64 cpu_mask)
{
	u64 bits = 0;

	for (u32 i = 0; i < cpu_ids_count; i++)
		if (cpu_mask >> i & 1)
			bits |= BIT(cpu_ids[i]);
	return bits;
}

/* Every set of CPUs in a small machine, by hypercall. */
static void test_sets(void)
{
	u64 sets = 1ull << MIN(cpu_ids_count, 4u);

	for (u64 mask = 0; mask < sets; mask++) {
		expect(send_ipi(bits_of(mask), 0, 0, VECTOR_TEST), (s64)bit_count(mask),
		       "the result is how many accepted");
		count_expect(VECTOR_TEST, mask, "and those and no others got it");
	}
}

static void test_windows(void)
{
	expect(send_ipi(~0ull, ~0ull, 0, VECTOR_TEST), (s64)cpu_ids_count,
	       "all 128 bits: IDs that do not exist are skipped");
	count_expect(VECTOR_TEST, BIT(cpu_ids_count) - 1, "and each CPU got one");
	expect(send_ipi(BIT(0), 0, cpu_ids[0], VECTOR_TEST), 1, "base = own ID, bit 0");
	count_expect(VECTOR_TEST, 1, "and it came");
	if (cpu_ids_count > 1) {
		expect(send_ipi(BIT(0), 0, cpu_ids[1], VECTOR_TEST), 1, "base = another's ID");
		count_expect(VECTOR_TEST, 2, "and it came");
	}
}

static void test_hostile(void)
{
	static const u64 bases[] = { 0x80,       0xff,       0x1000,     0x7fffffff,
		                     0x80000000, 0xffffff80, 0xfffffffe, 0xffffffff };

	for (u32 i = 0; i < ARRAY_SIZE(bases); i++)
		expect(send_ipi(~0ull, ~0ull, bases[i], VECTOR_TEST), 0,
		       "a base beyond the last ID reaches nobody");
	count_expect(VECTOR_TEST, 0, "and nobody got anything");
	expect(send_ipi(0, 0, 0, VECTOR_TEST), 0, "no bits, no targets");
	expect(send_ipi(1, 0, 0, ICR_LOGICAL | VECTOR_TEST), KVM_EINVAL, "logical destination");
	expect(send_ipi(1, 0, 0, ICR_SELF | VECTOR_TEST), KVM_EINVAL, "shorthand self");
	expect(send_ipi(1, 0, 0, ICR_ALL | VECTOR_TEST), KVM_EINVAL, "shorthand all");
	expect(send_ipi(1, 0, 0, ICR_ALL_BUT_ME | VECTOR_TEST), KVM_EINVAL, "shorthand others");
	count_expect(VECTOR_TEST, 0, "and nobody got anything");
}

static void on_nmi(struct interrupt_frame *frame)
{
	(void)frame;
	nmis[this_cpu()->index]++;
}

/* Others may hold the target's core: it gets the time that any interrupt gets. */
static u32 nmis_of(u32 cpu)
{
	u64 start = rdtsc();

	while (atomic_load(&nmis[cpu]) == 0 && rdtsc() - start < COUNT_LATE_TICKS)
		cpu_relax();
	delay_ticks(COUNT_QUIET_TICKS);
	return atomic_load(&nmis[cpu]);
}

static void test_nmi(void)
{
	interrupt_handle(VECTOR_NMI, on_nmi);
	for (u32 i = 0; i < cpu_ids_count; i++) {
		nmis[i] = 0;
		expect(send_ipi(BIT(cpu_ids[i]), 0, 0, ICR_NMI), 1, "NMI");
		tap_is(nmis_of(i), 1, "%s: CPU %u got one NMI", apic->name, i);
	}
	interrupt_handle(VECTOR_NMI, NULL);
}

static u64 user_hypercall(u64 number)
{
	return (u64)hypercall(number, 1, 0, 0, VECTOR_TEST);
}

static void test_refused(void)
{
	expect(hypercall(0x12345678, 0, 0, 0, 0), KVM_ENOSYS, "unknown number");
	expect(hypercall(UINT32_MAX, 0, 0, 0, 0), KVM_ENOSYS, "unknown number");
	expect(hypercall(0x123400000000 | KVM_HC_SEND_IPI, 1, 0, 0, VECTOR_TEST), KVM_ENOSYS,
	       "a number with bits above 31");
	expect((s64)user_call(user_hypercall, KVM_HC_SEND_IPI, user_stack + sizeof(user_stack)),
	       KVM_EPERM, "from CPL 3");
	expect((s64)user_call(user_hypercall, 0x12345678, user_stack + sizeof(user_stack)),
	       KVM_EPERM, "unknown number from CPL 3");
	count_expect(VECTOR_TEST, 0, "and nobody got anything");
}

/* What is not an output is as it was. */
static void test_registers(void)
{
	u64 rax = KVM_HC_SEND_IPI, rbx = 0x1111, rcx = 0x2222, rdx = 0xfff0, rsi = VECTOR_TEST;
	register u64 r8 __asm__("r8") = 0x8888;
	register u64 r11 __asm__("r11") = 0xbbbb;

	__asm__ volatile("vmcall"
	                 : "+a"(rax), "+b"(rbx), "+c"(rcx), "+d"(rdx), "+S"(rsi), "+r"(r8),
	                   "+r"(r11)
	                 :
	                 : "memory");
	tap_ok(rbx == 0x1111 && rcx == 0x2222 && rdx == 0xfff0 && rsi == VECTOR_TEST &&
	               r8 == 0x8888 && r11 == 0xbbbb,
	       "%s: only RAX changed", apic->name);
}

static void test_yield(void)
{
	if (hypervisor.kvm_features >> KVM_FEATURE_PV_SCHED_YIELD & 1) {
		expect(hypercall(KVM_HC_SCHED_YIELD, cpu_ids[0], 0, 0, 0), 0, "yield to self");
		expect(hypercall(KVM_HC_SCHED_YIELD, 0xffffffff, 0, 0, 0), 0, "yield to nobody");
	}
	if (hypervisor.kvm_features >> KVM_FEATURE_PV_UNHALT & 1) {
		expect(hypercall(KVM_HC_KICK_CPU, 0, cpu_ids[0], 0, 0), 0, "kick self");
		expect(hypercall(KVM_HC_KICK_CPU, 0, 0xffffffff, 0, 0), 0, "kick nobody");
		/* A lock's waiter may be kicked between its last look and its HLT. */
		interrupts_off();
		expect(hypercall(KVM_HC_KICK_CPU, 0, cpu_ids[0], 0, 0), 0, "kick before HLT");
		halt();
		tap_ok(true, "%s: and the HLT ends, with interrupts off", apic->name);
		interrupts_on();
	}
}

static u64 tap_bitmap[TAP_BITMAP_WORDS] ALIGNED(128);

static s64 tap_send(u64 words, u64 base, u64 icr)
{
	return hypercall(TAP_HC_SEND_IPI, (u64)tap_bitmap, words, base, icr);
}

/* Tapvisor's own call: the bitmap lies in memory. */
static void test_own(void)
{
	tap_bitmap[0] = bits_of(BIT(cpu_ids_count) - 1);
	expect(tap_send(1, 0, VECTOR_TEST), (s64)cpu_ids_count, "own call to all");
	count_expect(VECTOR_TEST, BIT(cpu_ids_count) - 1, "and each CPU got one");
	tap_bitmap[TAP_BITMAP_WORDS - 1] = ~0ull;
	expect(tap_send(TAP_BITMAP_WORDS, 0, VECTOR_TEST), (s64)cpu_ids_count,
	       "own call, longest bitmap");
	count_expect(VECTOR_TEST, BIT(cpu_ids_count) - 1, "and each CPU got one");
	expect(tap_send(TAP_BITMAP_WORDS, 0xfffffff0, VECTOR_TEST), 0, "own call, base too high");
	expect(tap_send(0, 0, VECTOR_TEST), -HC_EINVAL, "own call, no words");
	expect(tap_send(TAP_BITMAP_WORDS + 1, 0, VECTOR_TEST), -HC_EINVAL, "own call, too many");
	expect(tap_send(1, 0, ICR_SELF | VECTOR_TEST), -HC_EINVAL, "own call, shorthand");
	expect(hypercall(TAP_HC_SEND_IPI, 1, 1, 0, VECTOR_TEST), -HC_EINVAL,
	       "own call, bitmap not aligned");
	expect(hypercall(TAP_HC_SEND_IPI, 0xfffffffffffff000, 1, 0, VECTOR_TEST), -HC_EFAULT,
	       "own call, bitmap where no memory is");
	count_expect(VECTOR_TEST, 0, "and nobody got anything");
}

static void test_mode(void)
{
	interrupts_on();
	if (hypercall_has_send_ipi()) {
		test_sets();
		test_windows();
		test_hostile();
		test_nmi();
		test_registers();
	} else {
		tap_skip("send-IPI", "not offered");
	}
	test_yield();
	test_refused();
	if (hypercall_has_tap_ipi())
		test_own();
	else
		tap_skip("own send-IPI", "not offered");
	interrupts_off();
}

int guest_main(void)
{
	smp_start_all();
	count_vector(VECTOR_TEST);
	if (hypervisor.kvm_base != 0 || hypervisor.tapvisor_base != 0)
		in_both_modes(test_mode);
	else
		tap_skip("hypercalls", "no hypervisor that takes VMCALL");
	return tap_done();
}
