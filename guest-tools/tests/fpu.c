/* SPDX-License-Identifier: MIT */
/*
 * Registers that a hypervisor may lose on an exit, or mix up between vCPUs that share a core: all
 * of XSAVE's state, XCR0, debug registers, CR2, CR8, the system-call MSRs. Each CPU fills them with
 * patterns of its own, does what makes exits, and looks.
 */
#include "guest-tools/lib/apic.h"
#include "guest-tools/lib/args.h"
#include "guest-tools/lib/count.h"
#include "guest-tools/lib/guest.h"
#include "guest-tools/lib/hypercall.h"
#include "guest-tools/lib/print.h"
#include "guest-tools/lib/random.h"
#include "guest-tools/lib/string.h"
#include "guest-tools/lib/tap.h"
#include "hv/base/bits.h"

#define VECTOR_TEST 0x51u
#define AREA_MAX    4096u
#define XSAVE_START 576u /* end of the legacy area and the header; SDM 1 13.4 */
#define MXCSR_AT    24u
#define ST_AT       32u
#define XMM_END     416u
#define HEADER_AT   512u

#define CR4_OSXSAVE BIT(18)
#define XCR0_SSE    3ull
#define XCR0_ALL    0xe7ull /* x87, SSE, AVX, AVX-512 */

enum kind { KIND_VECTOR, KIND_XCR0, KIND_DEBUG, KIND_CR2, KIND_CR8, KIND_MSR, KINDS };

static const char *const kind_names[KINDS] = {
	[KIND_VECTOR] = "x87, SSE, AVX and AVX-512 registers",
	[KIND_XCR0] = "XCR0",
	[KIND_DEBUG] = "debug registers",
	[KIND_CR2] = "CR2",
	[KIND_CR8] = "CR8",
	[KIND_MSR] = "MSRs of system calls and segments",
};

struct state {
	u8 set[AREA_MAX] ALIGNED(64);
	u8 got[AREA_MAX] ALIGNED(64);
	u64 xcr0;
	u64 seed;
	u32 wrong[KINDS];
	u32 rounds;
};

static struct state states[8];
static u32 rounds;
static bool has_xsave;

/* Each with the bits that may hold a pattern. */
static const struct {
	u32 msr;
	u64 mask;
} msrs[] = {
	{ MSR_STAR, 0xffffffff00000000 },
	{ MSR_LSTAR, 0x00007fffffffffff },
	{ MSR_CSTAR, 0x00007fffffffffff },
	{ MSR_FMASK, 0x00000000ffffffff },
	{ MSR_KERNEL_GS_BASE, 0x00007fffffffffff },
	{ MSR_FS_BASE, 0x00007fffffffffff },
	{ MSR_TSC_AUX, 0x00000000ffffffff },
	{ 0x174, 0xffff },             /* IA32_SYSENTER_CS */
	{ 0x175, 0x00007fffffffffff }, /* IA32_SYSENTER_ESP */
	{ 0x176, 0x00007fffffffffff }, /* IA32_SYSENTER_EIP */
};

static u64 xgetbv0(void)
{
	u32 low, high;

	__asm__ volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
	return (u64)high << 32 | low;
}

static void xsetbv0(u64 value)
{
	__asm__ volatile("xsetbv" : : "c"(0), "a"((u32)value), "d"((u32)(value >> 32)));
}

static void vector_load(const u8 *area)
{
	if (has_xsave)
		__asm__ volatile("xrstor64 %0"
		                 :
		                 : "m"(*(const u8(*)[AREA_MAX])area), "a"(-1), "d"(-1));
	else
		__asm__ volatile("fxrstor64 %0" : : "m"(*(const u8(*)[AREA_MAX])area));
}

static void vector_store(u8 *area)
{
	if (has_xsave)
		__asm__ volatile("xsave64 %0" : "=m"(*(u8(*)[AREA_MAX])area) : "a"(-1), "d"(-1));
	else
		__asm__ volatile("fxsave64 %0" : "=m"(*(u8(*)[AREA_MAX])area));
}

/* Bytes of the area in use under the XCR0 that is set. */
static u32 area_size(void)
{
	u32 size = has_xsave ? cpuid(0xd, 0).ebx : 512;

	return MIN(size, AREA_MAX);
}

static void fill(struct state *s, u32 at, u32 size)
{
	for (u32 i = at; i + 8 <= at + size && i + 8 <= AREA_MAX; i += 8) {
		u64 pattern = random_next(&s->seed);

		memcpy(s->set + i, &pattern, 8);
	}
}

/* The control words stay as they are, for not every value is legal; the rest is patterns. */
static void vector_fill(struct state *s)
{
	memset(s->set, 0, sizeof(s->set));
	vector_store(s->set);
	memset(s->set + HEADER_AT, 0, XSAVE_START - HEADER_AT);
	memcpy(s->set + HEADER_AT, &s->xcr0, 8);
	fill(s, ST_AT, XMM_END - ST_AT);
	/* The upper six bytes of each x87 slot are not part of the register. */
	for (u32 i = 0; i < 8; i++)
		memset(s->set + ST_AT + 16 * i + 10, 0, 6);
	for (u32 component = 2; component < 63; component++) {
		if (s->xcr0 >> component & 1) {
			struct cpuid leaf = cpuid(0xd, component);

			fill(s, leaf.ebx, leaf.eax);
		}
	}
}

static bool vector_same(struct state *s)
{
	u32 end = area_size();

	vector_store(s->got);
	return memcmp(s->set + ST_AT, s->got + ST_AT, XMM_END - ST_AT) == 0 &&
	       (end <= XSAVE_START ||
	        memcmp(s->set + XSAVE_START, s->got + XSAVE_START, end - XSAVE_START) == 0);
}

/* Everything that is likely to leave the guest, and a while in which others may run. */
static void make_exits(u32 round)
{
	const struct cpu *cpu = this_cpu();
	u32 next = cpu_ids[(cpu->index + 1) % cpu_ids_count];

	cpuid(0, 0);
	inb(0x3ff);
	rdmsr(MSR_APIC_BASE);
	apic_send(0, ICR_SELF | VECTOR_TEST);
	apic_send(next, ICR_FIXED | VECTOR_TEST);
	if (hypercall_has_send_ipi())
		hypercall(KVM_HC_SEND_IPI, 1, 0, next, VECTOR_TEST);
	if (hypervisor.kvm_features >> KVM_FEATURE_PV_SCHED_YIELD & 1)
		hypercall(KVM_HC_SCHED_YIELD, next, 0, 0, 0);
	if (round % 4 == 0)
		delay_ticks(2000);
}

struct others {
	u64 dr[4], dr7, cr2, cr8, msr[ARRAY_SIZE(msrs)];
};

static void others_fill(struct others *o, u64 *seed)
{
	for (u32 i = 0; i < 4; i++)
		o->dr[i] = random_next(seed) & 0x00007ffffffff000;
	o->dr7 = 0x400 | (random_next(seed) & 0xff);
	o->cr2 = random_next(seed);
	o->cr8 = random_next(seed) & 3;
	for (u32 i = 0; i < ARRAY_SIZE(msrs); i++)
		o->msr[i] = random_next(seed) & msrs[i].mask;
}

static void others_load(const struct others *o)
{
	write_dr0(o->dr[0]);
	write_dr1(o->dr[1]);
	write_dr2(o->dr[2]);
	write_dr3(o->dr[3]);
	write_dr7(o->dr7);
	write_cr2(o->cr2);
	write_cr8(o->cr8);
	for (u32 i = 0; i < ARRAY_SIZE(msrs); i++)
		wrmsr(msrs[i].msr, o->msr[i]);
}

static void others_check(const struct others *o, u32 *wrong)
{
	wrong[KIND_DEBUG] += read_dr0() != o->dr[0] || read_dr1() != o->dr[1] ||
	                     read_dr2() != o->dr[2] || read_dr3() != o->dr[3] ||
	                     read_dr7() != o->dr7;
	wrong[KIND_CR2] += read_cr2() != o->cr2;
	wrong[KIND_CR8] += read_cr8() != o->cr8;
	for (u32 i = 0; i < ARRAY_SIZE(msrs); i++)
		wrong[KIND_MSR] += rdmsr(msrs[i].msr) != o->msr[i];
}

static void round_once(struct state *s)
{
	struct others o;

	vector_fill(s);
	others_fill(&o, &s->seed);
	vector_load(s->set);
	others_load(&o);
	make_exits(s->rounds);
	s->wrong[KIND_VECTOR] += !vector_same(s);
	others_check(&o, s->wrong);
	if (has_xsave)
		s->wrong[KIND_XCR0] += xgetbv0() != s->xcr0;
	s->rounds++;
}

/* Every second CPU keeps to SSE, so that XCR0 differs between neighbours. */
static void job(void *arg)
{
	u32 index = this_cpu()->index;
	struct state *s = &states[index % ARRAY_SIZE(states)];

	(void)arg;
	if (index >= ARRAY_SIZE(states))
		return;
	s->seed = (u64)(index + 1) * 0x9e3779b97f4a7c15ull;
	s->xcr0 = XCR0_SSE;
	if (has_xsave) {
		write_cr4(read_cr4() | CR4_OSXSAVE);
		if (index % 2 == 0)
			s->xcr0 = cpuid(0xd, 0).eax & XCR0_ALL;
		xsetbv0(s->xcr0);
	}
	while (s->rounds < rounds)
		round_once(s);
	write_dr7(0x400);
	write_cr8(0);
}

int guest_main(void)
{
	rounds = (u32)args_number("rounds", 200);
	args_finish();
	has_xsave = cpuid(1, 0).ecx >> 26 & 1;
	smp_start_all();
	count_vector(VECTOR_TEST);
	interrupts_on();
	smp_run_all(job, NULL);
	interrupts_off();
	print("# XCR0 of CPU 0: %lx, %u bytes\n", states[0].xcr0, area_size());
	for (u32 i = 0; i < MIN(cpu_ids_count, (u32)ARRAY_SIZE(states)); i++)
		for (u32 kind = 0; kind < KINDS; kind++)
			tap_is(states[i].wrong[kind], 0, "CPU %u, %u rounds: %s kept", i,
			       states[i].rounds, kind_names[kind]);
	return tap_done();
}
