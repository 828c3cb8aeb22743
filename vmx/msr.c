/* SPDX-License-Identifier: MIT */
/* pure: also compiled on the host */
#include "vmx/msr.h"

#include "hv/abi/hypercall.h"
#include "hv/base/bits.h"
#include "hv/base/x86.h"

/* Slots in struct msr_file. */
enum slot {
	SLOT_MISC_ENABLE,
	SLOT_DEBUGCTL,
	SLOT_MTRR_DEFAULT,
	SLOT_MTRR_VARIABLE,                        /* base, mask of 8 ranges */
	SLOT_MTRR_FIXED = SLOT_MTRR_VARIABLE + 16, /* 11 */
	SLOTS = SLOT_MTRR_FIXED + 11
};
static_assert(SLOTS <= MSR_SLOTS, "struct msr_file is too small");

#define ROW(number, name, class, slot, writable, value)                                            \
	{                                                                                          \
		name, number, class, slot, writable, value                                         \
	}
#define GUEST(number, name)                  ROW(number, name, MSR_GUEST, 0, ~0ull, 0)
#define FIXED(number, name, value)           ROW(number, name, MSR_FIXED, 0, 0, value)
#define IGNORED(number, name, value)         ROW(number, name, MSR_IGNORED, 0, ~0ull, value)
#define KEPT(number, name, slot, may, value) ROW(number, name, MSR_KEPT, slot, may, value)
#define CALLER(number, name, may)            ROW(number, name, MSR_CALLER, 0, may, 0)

/* Memory types are 3 bits wide; which of them are reserved is left to who believes in them. */
#define MTRR_RANGE(n)                                                                              \
	KEPT(0x200 + 2 * (n), "IA32_MTRR_PHYSBASE" #n, SLOT_MTRR_VARIABLE + 2 * (n),               \
	     BITS(51, 12) | BITS(2, 0), 0),                                                        \
		KEPT(0x201 + 2 * (n), "IA32_MTRR_PHYSMASK" #n, SLOT_MTRR_VARIABLE + 2 * (n) + 1,   \
	             BITS(51, 11), 0)
#define MTRR_FIXED(number, name, n)                                                                \
	KEPT(number, "IA32_MTRR_FIX" name, SLOT_MTRR_FIXED + (n), 0x0707070707070707ull, 0)

#define MISC_FAST_STRINGS BIT(0)
#define MISC_NO_BTS       BIT(11)
#define MISC_NO_PEBS      BIT(12)
#define MTRR_ENABLED      BIT(11)
#define MTRR_WRITE_BACK   6ull

const struct msr_row msr_rows[] = {
	CALLER(IA32_TSC, "IA32_TIME_STAMP_COUNTER", ~0ull),
	CALLER(MSR_KVM_WALL_CLOCK_OLD, "MSR_KVM_WALL_CLOCK", ~0ull),
	CALLER(MSR_KVM_SYSTEM_TIME_OLD, "MSR_KVM_SYSTEM_TIME", ~0ull),
	FIXED(0x17, "IA32_PLATFORM_ID", 0),
	CALLER(IA32_APIC_BASE, "IA32_APIC_BASE", ~0ull),
	FIXED(0x2a, "MSR_EBL_CR_POWERON", 0),
	FIXED(IA32_FEATURE_CONTROL, "IA32_FEATURE_CONTROL", BIT(0)), /* locked, no VMX */
	CALLER(IA32_TSC_ADJUST, "IA32_TSC_ADJUST", ~0ull),
	IGNORED(0x79, "IA32_BIOS_UPDT_TRIG", 0), /* microcode is not the guest's to load */
	IGNORED(0x8b, "IA32_BIOS_SIGN_ID", BIT(32)),
	FIXED(0xce, "MSR_PLATFORM_INFO", 0),
	FIXED(0xfe, "IA32_MTRRCAP", BIT(10) | BIT(8) | 8), /* WC, fixed ranges, 8 variable ones */
	GUEST(IA32_SYSENTER_CS, "IA32_SYSENTER_CS"),
	GUEST(IA32_SYSENTER_ESP, "IA32_SYSENTER_ESP"),
	GUEST(IA32_SYSENTER_EIP, "IA32_SYSENTER_EIP"),
	FIXED(0x179, "IA32_MCG_CAP", 0), /* no banks */
	IGNORED(0x17a, "IA32_MCG_STATUS", 0),
	KEPT(IA32_MISC_ENABLE, "IA32_MISC_ENABLE", SLOT_MISC_ENABLE, MISC_FAST_STRINGS,
	     MISC_FAST_STRINGS | MISC_NO_BTS | MISC_NO_PEBS),
	KEPT(IA32_DEBUGCTL, "IA32_DEBUGCTL", SLOT_DEBUGCTL, 0, 0), /* no LBR, no BTF */
	MTRR_RANGE(0),
	MTRR_RANGE(1),
	MTRR_RANGE(2),
	MTRR_RANGE(3),
	MTRR_RANGE(4),
	MTRR_RANGE(5),
	MTRR_RANGE(6),
	MTRR_RANGE(7),
	MTRR_FIXED(0x250, "64K_00000", 0),
	MTRR_FIXED(0x258, "16K_80000", 1),
	MTRR_FIXED(0x259, "16K_A0000", 2),
	MTRR_FIXED(0x268, "4K_C0000", 3),
	MTRR_FIXED(0x269, "4K_C8000", 4),
	MTRR_FIXED(0x26a, "4K_D0000", 5),
	MTRR_FIXED(0x26b, "4K_D8000", 6),
	MTRR_FIXED(0x26c, "4K_E0000", 7),
	MTRR_FIXED(0x26d, "4K_E8000", 8),
	MTRR_FIXED(0x26e, "4K_F0000", 9),
	MTRR_FIXED(0x26f, "4K_F8000", 10),
	GUEST(IA32_PAT,
	      "IA32_PAT"), /* saved and loaded with the VMCS; so the processor checks it */
	/* As firmware leaves it: all memory is write-back. EPT decides in truth. */
	KEPT(0x2ff, "IA32_MTRR_DEF_TYPE", SLOT_MTRR_DEFAULT, BIT(11) | BIT(10) | BITS(2, 0),
	     MTRR_ENABLED | MTRR_WRITE_BACK),
	CALLER(IA32_TSC_DEADLINE, "IA32_TSC_DEADLINE", ~0ull),
	CALLER(MSR_KVM_WALL_CLOCK, "MSR_KVM_WALL_CLOCK_NEW", ~0ull),
	CALLER(MSR_KVM_SYSTEM_TIME, "MSR_KVM_SYSTEM_TIME_NEW", ~0ull),
	CALLER(MSR_KVM_STEAL_TIME, "MSR_KVM_STEAL_TIME", ~BITS(5, 1)),
	CALLER(MSR_KVM_PV_EOI, "MSR_KVM_PV_EOI_EN", ~BIT(1)),
	/* LMA is the processor's; writing it as read is for the caller to judge. */
	CALLER(IA32_EFER, "IA32_EFER", EFER_SCE | EFER_LME | EFER_LMA | EFER_NXE),
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

void msr_reset(struct msr_file *file)
{
	for (unsigned int i = 0; i < ARRAY_SIZE(msr_rows); i++) {
		if (msr_rows[i].class == MSR_KEPT)
			file->kept[msr_rows[i].slot] = msr_rows[i].value;
	}
}

enum msr_outcome msr_read(const struct msr_file *file, u32 msr, u64 *value)
{
	const struct msr_row *row = msr_find(msr);

	if (!row || row->class == MSR_GUEST)
		return MSR_FAULT;
	if (row->class == MSR_CALLER)
		return MSR_CALL;
	*value = row->class == MSR_KEPT ? file->kept[row->slot] : row->value;
	return MSR_DONE;
}

enum msr_outcome msr_write(struct msr_file *file, u32 msr, u64 value)
{
	const struct msr_row *row = msr_find(msr);

	if (!row)
		return MSR_FAULT;
	switch ((enum msr_class)row->class) {
	case MSR_IGNORED:
		return MSR_DONE;
	case MSR_CALLER:
		return value & ~row->writable ? MSR_FAULT : MSR_CALL;
	case MSR_KEPT:
		if ((value ^ file->kept[row->slot]) & ~row->writable)
			return MSR_FAULT;
		file->kept[row->slot] = value;
		return MSR_DONE;
	case MSR_GUEST:
	case MSR_FIXED:
		break;
	}
	return MSR_FAULT;
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
	for (u32 i = 0; i < PAGE_SIZE; i++)
		bitmap[i] = 0xff;
	for (unsigned int i = 0; i < ARRAY_SIZE(msr_rows); i++) {
		if (msr_rows[i].class == MSR_GUEST)
			msr_bitmap_pass(bitmap, msr_rows[i].number, true, true);
	}
}
