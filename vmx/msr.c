/* SPDX-License-Identifier: MIT */
/* pure: also compiled on the host */
#include "vmx/msr.h"

#include "hv/abi/hypercall.h"
#include "hv/base/bits.h"
#include "hv/base/x86.h"

#define ROW(number, name, class, writable)                                                         \
	{                                                                                          \
		name, number, class, writable                                                      \
	}
#define GUEST(number, name)      ROW(number, name, MSR_GUEST, ~0ull)
#define RING0(number, name, may) ROW(number, name, MSR_RING0, may)

const struct msr_row msr_rows[] = {
	RING0(IA32_TSC, "IA32_TIME_STAMP_COUNTER", ~0ull),
	RING0(MSR_KVM_WALL_CLOCK_OLD, "MSR_KVM_WALL_CLOCK", ~0ull),
	RING0(MSR_KVM_SYSTEM_TIME_OLD, "MSR_KVM_SYSTEM_TIME", ~0ull),
	RING0(IA32_APIC_BASE, "IA32_APIC_BASE", ~0ull),
	RING0(IA32_TSC_ADJUST, "IA32_TSC_ADJUST", ~0ull),
	GUEST(IA32_SYSENTER_CS, "IA32_SYSENTER_CS"),
	GUEST(IA32_SYSENTER_ESP, "IA32_SYSENTER_ESP"),
	GUEST(IA32_SYSENTER_EIP, "IA32_SYSENTER_EIP"),
	/* Saved and loaded with the VMCS; so the processor checks it. */
	GUEST(IA32_PAT, "IA32_PAT"),
	RING0(IA32_TSC_DEADLINE, "IA32_TSC_DEADLINE", ~0ull),
	RING0(MSR_KVM_WALL_CLOCK, "MSR_KVM_WALL_CLOCK_NEW", ~0ull),
	RING0(MSR_KVM_SYSTEM_TIME, "MSR_KVM_SYSTEM_TIME_NEW", ~0ull),
	RING0(MSR_KVM_STEAL_TIME, "MSR_KVM_STEAL_TIME", ~BITS(5, 1)),
	RING0(MSR_KVM_PV_EOI, "MSR_KVM_PV_EOI_EN", ~BIT(1)),
	/* LMA is the processor's; writing it as read is for the handler to judge. */
	RING0(IA32_EFER, "IA32_EFER", EFER_SCE | EFER_LME | EFER_LMA | EFER_NXE),
	GUEST(IA32_STAR, "IA32_STAR"),
	GUEST(IA32_LSTAR, "IA32_LSTAR"),
	GUEST(IA32_CSTAR, "IA32_CSTAR"),
	GUEST(IA32_FMASK, "IA32_FMASK"),
	GUEST(IA32_FS_BASE, "IA32_FS_BASE"),
	GUEST(IA32_GS_BASE, "IA32_GS_BASE"),
	GUEST(IA32_KERNEL_GS_BASE, "IA32_KERNEL_GS_BASE"),
	GUEST(IA32_TSC_AUX, "IA32_TSC_AUX"),
};
const unsigned int msr_row_count = ARRAY_SIZE(msr_rows);

const struct msr_row *msr_find(u32 msr)
{
	unsigned int low = 0, high = ARRAY_SIZE(msr_rows);

	while (low < high) {
		unsigned int middle = (low + high) / 2;

		if (msr_rows[middle].number == msr)
			return &msr_rows[middle];
		if (msr_rows[middle].number < msr)
			low = middle + 1;
		else
			high = middle;
	}
	return NULL;
}

/* Four bitmaps of 1 KiB: reads of 0.., reads of 0xc0000000.., writes of either. */
#define BITMAP_HIGH   0xc0000000u
#define BITMAP_MSRS   0x2000u
#define BITMAP_SIZE   0x400u
#define BITMAP_WRITES 0x800u

void msr_bitmap_pass(u8 bitmap[PAGE_SIZE], u32 msr, bool read, bool write)
{
	bool high = msr >= BITMAP_HIGH;
	u32 bit = high ? msr - BITMAP_HIGH : msr;
	u8 *byte = bitmap + (high ? BITMAP_SIZE : 0) + bit / 8;
	u8 keep = (u8) ~(1u << bit % 8);

	if (bit >= BITMAP_MSRS)
		return;
	if (read)
		byte[0] &= keep;
	if (write)
		byte[BITMAP_WRITES] &= keep;
}

void msr_bitmap_build(u8 bitmap[PAGE_SIZE])
{
	__builtin_memset(bitmap, 0xff, PAGE_SIZE);
	for (unsigned int i = 0; i < ARRAY_SIZE(msr_rows); i++) {
		if (msr_rows[i].class == MSR_GUEST)
			msr_bitmap_pass(bitmap, msr_rows[i].number, true, true);
	}
}
