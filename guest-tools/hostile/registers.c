/* SPDX-License-Identifier: MIT */
/* MSRs, CPUID, control, debug and extended control registers. */
#include "guest-tools/hostile/hostile.h"
#include "guest-tools/lib/cpu.h"
#include "guest-tools/lib/random.h"
#include "hv/abi/hypercall.h"

/* ---- MSRs ---- */

static const u32 known_msrs[] = {
	0x10,       0x11,       0x12,       0x17,       0x1b,       0x2a,       0x3a,
	0x3b,       0x79,       0x8b,       0xc1,       0xc2,       0xce,       0xfe,
	0x174,      0x175,      0x176,      0x179,      0x17a,      0x186,      0x187,
	0x1a0,      0x1d9,      0x200,      0x20f,      0x250,      0x258,      0x26f,
	0x277,      0x2ff,      0x309,      0x345,      0x38d,      0x38f,      0x390,
	0x480,      0x48b,      0x6e0,      0x800,      0x80b,      0x80f,      0x828,
	0x82f,      0x830,      0x832,      0x838,      0x839,      0x83e,      0x83f,
	0xd90,      0xda0,      0x40000000, 0x4b564d00, 0x4b564d01, 0x4b564d03, 0x4b564d04,
	0xc0000080, 0xc0000081, 0xc0000082, 0xc0000083, 0xc0000084, 0xc0000100, 0xc0000101,
	0xc0000102, 0xc0000103,
};

static u32 any_msr(u64 *seed)
{
	u32 msr = ONE_OF(seed, known_msrs);

	switch (below(seed, 8)) {
	case 0:
		return (u32)wild(seed);
	case 1:
		return msr + (u32)below(seed, 32) - 16;
	case 2:
		return MSR_X2APIC + (u32)below(seed, 256);
	default:
		return msr;
	}
}

/* What the image stands on; changed for a moment only. */
static bool is_ground(u32 msr)
{
	return msr == MSR_EFER || msr == MSR_GS_BASE || msr == MSR_APIC_BASE;
}

/* Pages that the hypervisor writes to are the image's own, as a rule. */
static u64 any_value(u64 *seed, u32 msr)
{
	bool shared = msr == MSR_KVM_WALL_CLOCK_OLD || msr == MSR_KVM_SYSTEM_TIME_OLD ||
	              (msr >= MSR_KVM_WALL_CLOCK && msr <= MSR_KVM_PV_EOI);

	if (shared && !once_in(seed, 16))
		return (u64)scratch + below(seed, SCRATCH_BYTES - 64);
	return wild(seed);
}

static u64 init_avoided(u64 *seed, u32 msr, u64 value)
{
	return msr == MSR_X2APIC + 0x30 && !once_in(seed, 64) ? value & ~0x700ull : value;
}

static void msr_operate(u64 *seed)
{
	u32 msr = any_msr(seed);
	u64 value = init_avoided(seed, msr, any_value(seed, msr)), old;

	if (once_in(seed, 2)) {
		(void)rdmsr(msr);
		return;
	}
	if (!is_ground(msr)) {
		if (once_in(seed, 2))
			value = rdmsr(msr) ^ 1ull << below(seed, 64);
		wrmsr(msr, value);
		return;
	}
	old = rdmsr(msr);
	wrmsr(msr, once_in(seed, 2) ? value : old ^ 1ull << below(seed, 64));
	wrmsr(msr, old);
}

const struct kind kind_msr = { .name = "msr", .step = 512, .operate = msr_operate };

/* ---- CPUID ---- */

static const u32 leaf_bases[] = { 0, 0x40000000, 0x40000100, 0x80000000, 0x20000000 };

static void cpuid_operate(u64 *seed)
{
	u32 leaf = once_in(seed, 4) ? (u32)wild(seed)
	                            : ONE_OF(seed, leaf_bases) + (u32)below(seed, 64);

	(void)cpuid(leaf, once_in(seed, 2) ? (u32)below(seed, 16) : (u32)wild(seed));
}

const struct kind kind_cpuid = { .name = "cpuid", .step = 8192, .operate = cpuid_operate };

/* ---- control registers ---- */

#define CR4_SMEP_SMAP 0x300000ull /* all memory here is the user's: the next fetch would fault */
#define CR4_OSXSAVE   0x40000ull

static struct {
	u64 cr0, cr3, cr4;
} ground;

static void control_begin(void)
{
	ground.cr0 = read_cr0();
	ground.cr3 = read_cr3();
	ground.cr4 = read_cr4();
}

static void control_restore(void)
{
	if (read_cr0() != ground.cr0)
		write_cr0(ground.cr0);
	if (read_cr3() != ground.cr3)
		write_cr3(ground.cr3);
	if (read_cr4() != ground.cr4)
		write_cr4(ground.cr4);
}

static u64 flipped(u64 *seed, u64 value)
{
	for (u64 n = 1 + below(seed, 3); n > 0; n--)
		value ^= 1ull << below(seed, once_in(seed, 4) ? 64 : 32);
	return value;
}

static void xsetbv(u32 number, u64 value)
{
	__asm__ volatile("xsetbv"
	                 :
	                 : "c"(number), "a"((u32)value), "d"((u32)(value >> 32))
	                 : "memory");
}

/* The low bits alone, and those beyond any memory: else the next fetch would find nothing. */
static u64 any_cr3(u64 *seed)
{
	return once_in(seed, 2048) ? wild(seed)
	                           : ground.cr3 ^ below(seed, 4096) ^ below(seed, 4096) << 52;
}

static void control_operate(u64 *seed)
{
	u64 value = wild(seed), cr4;

	switch (below(seed, 8)) {
	case 0:
	case 1:
		write_cr0(once_in(seed, 4) ? value : flipped(seed, read_cr0()));
		break;
	case 2:
		write_cr3(any_cr3(seed));
		break;
	case 3:
	case 4:
		cr4 = once_in(seed, 4) ? value : flipped(seed, read_cr4());
		write_cr4(once_in(seed, 1024) ? cr4 : cr4 & ~CR4_SMEP_SMAP);
		break;
	case 5:
		write_cr8(once_in(seed, 2) ? below(seed, 16) : value);
		window_for_interrupts();
		break;
	case 6:
		write_cr4(ground.cr4 | CR4_OSXSAVE);
		xsetbv((u32)below(seed, 4) / 3, once_in(seed, 2) ? below(seed, 1024) : value);
		break;
	default:
		__asm__ volatile("lmsw %w0" : : "r"((u32)value | 1) : "memory");
		__asm__ volatile("clts" : : : "memory");
		break;
	}
}

const struct kind kind_control = {
	.name = "control",
	.step = 512,
	.begin = control_begin,
	.operate = control_operate,
	.restore = control_restore,
};

/* ---- debug registers ---- */

static u64 any_address(u64 *seed)
{
	return once_in(seed, 2) ? (u64)scratch + below(seed, 64) : wild(seed);
}

static void debug_operate(u64 *seed)
{
	u64 address = any_address(seed);
	u64 control = once_in(seed, 4) ? wild(seed) : random_next(seed) & 0xffff03ff;

	switch (below(seed, 6)) {
	case 0:
		write_dr0(address);
		break;
	case 1:
		write_dr1(address);
		break;
	case 2:
		write_dr2(address);
		break;
	case 3:
		write_dr3(address);
		break;
	case 4:
		write_dr6(once_in(seed, 2) ? control : wild(seed));
		break;
	default:
		write_dr7(once_in(seed, 8) ? control | 0x2000 : control & ~0x2000ull);
		break;
	}
	*(volatile u32 *)(scratch + below(seed, 64)) = 0;
	(void)cpuid(0, 0);
	if (once_in(seed, 4)) /* a step over an instruction that exits */
		__asm__ volatile("pushfq; orq $0x100, (%%rsp); popfq; cpuid; nop"
		                 :
		                 : "a"(0), "c"(0)
		                 : "rbx", "rdx", "memory", "cc");
}

const struct kind kind_debug = { .name = "debug", .step = 1024, .operate = debug_operate };
