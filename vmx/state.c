/* SPDX-License-Identifier: MIT */
#include "vmx/state.h"

#include "hv/base/bits.h"
#include "hv/base/x86.h"
#include "vmx/vcpu.h"

#define XCR0_X87     BIT(0)
#define XCR0_SSE     BIT(1)
#define XCR0_AVX     BIT(2)
#define XCR0_AVX512  BITS(7, 5)
#define XCR0_PKRU    BIT(9)
#define XCR0_OFFERED (XCR0_X87 | XCR0_SSE | XCR0_AVX | XCR0_AVX512 | XCR0_PKRU)

#define FXSAVE_FCW   0 /* offsets in the legacy area (SDM 1, table 10-2) */
#define FXSAVE_MXCSR 24
#define FXSAVE_SIZE  512u

static const u32 switched_msr[] = { IA32_STAR,  IA32_LSTAR,          IA32_CSTAR,
	                            IA32_FMASK, IA32_KERNEL_GS_BASE, IA32_TSC_AUX };
static_assert(ARRAY_SIZE(switched_msr) == ARRAY_SIZE(((struct vmx_guest_state *)0)->msr), "rows");

/* Written by each core with the same value: cores that differ are refused at boot. */
static u64 allowed;

u64 vmx_xcr0_allowed(void)
{
	if ((cpuid(1).ecx & BIT32(26)) != 0) {
		struct cpuid leaf = cpuid_sub(0xd, 0);

		allowed = (leaf.eax | (u64)leaf.edx << 32) & XCR0_OFFERED;
	}
	return allowed;
}

u32 vmx_xsave_size(void)
{
	u64 mine;
	u32 size;

	if (allowed == 0)
		return FXSAVE_SIZE;
	mine = xgetbv(0);
	xsetbv(0, allowed);
	size = cpuid_sub(0xd, 0).ebx;
	xsetbv(0, mine);
	return size;
}

void vmx_state_reset(struct vmx_guest_state *state)
{
	u8 *area = state->xsave;

	*state = (struct vmx_guest_state){
		.dr6 = DR6_RESET,
		.xcr0 = XCR0_X87,
		.xsave = area,
	};
	*(u16 *)(void *)(area + FXSAVE_FCW) = 0x40;
	*(u32 *)(void *)(area + FXSAVE_MXCSR) = 0x1f80;
}

void vmx_state_init(void)
{
	write_dr0(0);
	write_dr1(0);
	write_dr2(0);
	write_dr3(0);
	write_dr6(DR6_RESET);
	write_cr2(0);
}

/* Saves with the largest XCR0, so that nothing of the guest's state is left behind. */
static void fpu_save(void *area)
{
	if (allowed == 0) {
		__asm__ volatile("fxsave64 (%0)" : : "r"(area) : "memory");
		return;
	}
	xsetbv(0, allowed);
	__asm__ volatile("xsave64 (%0)" : : "r"(area), "a"(~0u), "d"(~0u) : "memory");
}

static void fpu_load(const void *area, u64 xcr0)
{
	if (allowed == 0) {
		__asm__ volatile("fxrstor64 (%0)" : : "r"(area) : "memory");
		return;
	}
	xsetbv(0, allowed);
	__asm__ volatile("xrstor64 (%0)" : : "r"(area), "a"(~0u), "d"(~0u) : "memory");
	xsetbv(0, xcr0);
}

void vmx_state_save(struct vmx_guest_state *state)
{
	for (unsigned int i = 0; i < ARRAY_SIZE(switched_msr); i++)
		state->msr[i] = rdmsr(switched_msr[i]);
	state->dr[0] = read_dr0();
	state->dr[1] = read_dr1();
	state->dr[2] = read_dr2();
	state->dr[3] = read_dr3();
	state->dr6 = read_dr6();
	state->cr2 = read_cr2();
	if (allowed != 0)
		state->xcr0 = xgetbv(0);
	fpu_save(state->xsave);
}

void vmx_state_load(const struct vmx_guest_state *state)
{
	for (unsigned int i = 0; i < ARRAY_SIZE(switched_msr); i++)
		wrmsr(switched_msr[i], state->msr[i]);
	write_dr0(state->dr[0]);
	write_dr1(state->dr[1]);
	write_dr2(state->dr[2]);
	write_dr3(state->dr[3]);
	write_dr6(state->dr6);
	write_cr2(state->cr2);
	fpu_load(state->xsave, state->xcr0);
}

u64 vmx_xcr0(void)
{
	return allowed != 0 ? xgetbv(0) : 0;
}

bool vmx_xcr0_valid(u64 value)
{
	u64 avx512 = value & XCR0_AVX512;

	if ((value & ~allowed) != 0 || (value & XCR0_X87) == 0)
		return false;
	if ((value & XCR0_AVX) != 0 && (value & XCR0_SSE) == 0)
		return false;
	return avx512 == 0 || (avx512 == XCR0_AVX512 && (value & XCR0_AVX) != 0);
}
