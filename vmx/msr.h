/* SPDX-License-Identifier: MIT */
/* pure: also compiled on the host */
/*
 * The MSRs of a guest that ring 0 must know: a table (vmx/msr.c) with one row each, and the MSR
 * bitmap that follows from it. MSRs without a row are the monitor's
 * (hv/ring3/monitor/platform_msr.h): it answers, or the access faults, as on a processor that lacks
 * the MSR. x2APIC's range (0x800..0x8ff) has no rows either: it is the APIC model's.
 */
#ifndef VMX_MSR_H
#define VMX_MSR_H

#include "hv/base/types.h"

enum msr_class {
	MSR_GUEST, /* the guest's own: no exit; or, before it exists on this processor, #GP there */
	MSR_RING0, /* has an effect in ring 0: hv/kernel/exit/msr.c, hv/kernel/pv/pv.c */
};

struct msr_row {
	const char *name; /* as in SDM volume 4, or in KVM's documentation */
	u32 number;
	u8 class;     /* enum msr_class */
	u64 writable; /* a write of other bits faults */
};

/* Returns the row of an MSR, or NULL. Rows are sorted by number. */
MUST_USE const struct msr_row *msr_find(u32 msr);
extern const struct msr_row msr_rows[];
extern const unsigned int msr_row_count;

/* Fills a page as the MSR bitmap (SDM 25.6.9): 1 = exit; clear for MSR_GUEST rows only. */
void msr_bitmap_build(u8 bitmap[PAGE_SIZE]);

/* Lets the guest read, or write, an MSR without an exit; no effect outside the bitmap's ranges. */
void msr_bitmap_pass(u8 bitmap[PAGE_SIZE], u32 msr, bool read, bool write);

#endif
