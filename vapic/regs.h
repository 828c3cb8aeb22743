/* SPDX-License-Identifier: MIT */
/*
 * The register table: one row for each 16 bytes of the APIC page, used by MMIO and MSR accesses
 * alike, and by reset. docs/vapic-registers.md prints it; tests
 * walk it.
 */
#ifndef VAPIC_REGS_H
#define VAPIC_REGS_H

#include "vapic/internal.h"

#define APIC_ROWS 64u

enum reg_access {
	R = 1,     /* MMIO loads yield it; without R they yield 0 */
	W = 2,     /* MMIO stores reach it; without W they are ignored */
	MSR_R = 4, /* RDMSR works, else #GP */
	MSR_W = 8, /* WRMSR works, else #GP */
};

/* An access to a register, as the functions of its row get it. */
struct reg_io {
	u32 offset;
	u32 value; /* write: already cut down to the row's writable bits */
	u64 now;
	struct vapic_effects *fx; /* write: what is to be done */
};

/* A write's side effect. Returns VAPIC_* bits, GP never: all checks come before. */
typedef u32 reg_write_fn(struct vapic *a, const struct reg_io *io);
/* Returns the value of a register that is computed instead of stored. */
typedef u32 reg_read_fn(const struct vapic *a, const struct reg_io *io);

struct reg {
	const char *name; /* NULL: reserved */
	u8 access;        /* enum reg_access */
	u32 writable;     /* bits that a write changes */
	u32 ignored;      /* read-only bits: WRMSR may set them without a fault */
	u32 reset;
	u32 feature;         /* enum vapic_feature that `optional` depends on */
	u32 optional;        /* of the writable bits, those there only with `feature` */
	reg_read_fn *read;   /* NULL: as stored in reg[] */
	reg_write_fn *write; /* NULL: stored, nothing else */
};

extern const struct reg regs[APIC_ROWS];

/* Returns the bits that a write changes with this VM's features. */
u32 reg_writable(const struct vapic *a, const struct reg *r);
u32 reg_read(const struct vapic *a, const struct reg *r, u32 offset, u64 now);
u32 reg_write(struct vapic *a, const struct reg *r, u32 offset, u32 value, u64 now,
              struct vapic_effects *fx);

/* Side effects. */
reg_write_fn write_tpr, write_eoi, write_ldr, write_dfr, write_svr, write_esr, write_icr_low,
	write_lvt, write_lvt_timer, write_tmict, write_tdcr, write_self_ipi;
reg_read_fn read_apr, read_ppr, read_isr, read_irr, read_tmcct;

/* The timer's registers, in timer.c. The setters return VAPIC_* bits. */
u32 timer_set_lvt(struct vapic *a, u32 entry);
u64 timer_deadline_read(const struct vapic *a);
u32 timer_deadline_write(struct vapic *a, u64 value);

#endif
