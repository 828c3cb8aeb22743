/* SPDX-License-Identifier: MIT */
/* pure: also compiled on the host */
/*
 * The MSRs that a guest has: a table (vmx/msr.c) with one row each, and what follows from it, the
 * MSR bitmap and the answer to RDMSR and WRMSR. An MSR without a row faults, as on a processor that
 * lacks it. x2APIC's range (0x800..0x8ff) has no rows: it is the APIC model's.
 */
#ifndef VMX_MSR_H
#define VMX_MSR_H

#include "hv/base/types.h"

enum msr_class {
	MSR_GUEST, /* the guest's own: no exit; or, before it exists on this processor, #GP there */
	MSR_FIXED, /* reads as `value`; writes fault */
	MSR_IGNORED, /* reads as `value`; writes are dropped */
	MSR_KEPT,    /* a word of struct msr_file that nothing depends on; starts as `value` */
	MSR_CALLER,  /* has an effect: the caller carries it out */
};

struct msr_row {
	const char *name; /* as in SDM volume 4, or in KVM's documentation */
	u32 number;
	u8 class;     /* enum msr_class */
	u8 slot;      /* MSR_KEPT: index in struct msr_file */
	u64 writable; /* KEPT, CALLER: other bits fault unless they are written as they are read */
	u64 value;
};

#define MSR_SLOTS 32u

/* The kept ones of a vCPU. INIT does not change them (SDM table 10-1); reset does. */
struct msr_file {
	u64 kept[MSR_SLOTS];
};

enum msr_outcome {
	MSR_DONE,
	MSR_FAULT, /* #GP(0) */
	MSR_CALL,  /* a row of MSR_CALLER: the caller reads or writes it, by its number */
};

void msr_reset(struct msr_file *file);
MUST_USE enum msr_outcome msr_read(const struct msr_file *file, u32 msr, u64 *value);

/* MSR_CALL: no bits are set but writable ones. */
MUST_USE enum msr_outcome msr_write(struct msr_file *file, u32 msr, u64 value);

/* The row of an MSR, or NULL. Rows are sorted by number. */
MUST_USE const struct msr_row *msr_find(u32 msr);
extern const struct msr_row msr_rows[];
extern const unsigned int msr_row_count;

/* Fills a page as the MSR bitmap (SDM 25.6.9): 1 = exit; clear for MSR_GUEST rows alone. */
void msr_bitmap_build(u8 bitmap[PAGE_SIZE]);

/* Lets the guest read, or write, one MSR without an exit. Not in the bitmap's ranges: no effect. */
void msr_bitmap_pass(u8 bitmap[PAGE_SIZE], u32 msr, bool read, bool write);

#endif
