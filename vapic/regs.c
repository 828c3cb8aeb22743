// SPDX-License-Identifier: MIT
/* SDM volume 3A, "Local APIC Register Address Map" and "x2APIC Register Address Space". */
#include "vapic/regs.h"

/* A row for register `name`, or for the eight words of one. */
#define REG(name, ...)  [APIC_##name / 16] = { #name, __VA_ARGS__ }
#define REG8(name, ...) [APIC_##name / 16 ... APIC_##name / 16 + 7] = { #name, __VA_ARGS__ }

#define RO (R | MSR_R)
#define RW (R | W | MSR_R | MSR_W)

#define LVT       (0xffu | APIC_LVT_MASKED)
#define LVT_MODE  (LVT | 0x700u)
#define LVT_PIN   (LVT_MODE | 0xa000u) /* polarity and trigger mode */
#define LVT_TIMER (LVT | 0x60000u)
#define STATUS    APIC_LVT_STATUS
#define PIN_RO    (STATUS | APIC_LVT_REMOTE_IRR)
#define TOP8      0xff000000u
#define TOP4      0xf0000000u
#define MASKED    APIC_LVT_MASKED

#define ICR_BITS APIC_ICR_WRITABLE
#define VERSION  APIC_VERSION_VALUE

#define SUPPRESS VAPIC_HAS_EOI_SUPPRESS, APIC_SVR_SUPPRESS
#define DEADLINE VAPIC_HAS_DEADLINE, 0x40000u
#define NO       0, 0

/*
 * ID and LDR are stored as the mode shows them: mode_set() does that. SELF_IPI has a name but no
 * MMIO access, so that it is reserved in the page.
 */
/* clang-format off */
const struct reg regs[APIC_ROWS] = {
	/* register   access         writable   ignored  reset    only if   read        write */
	REG(ID,       RO,            0,         0,       0,       NO,       NULL,       NULL),
	REG(VERSION,  RO,            0,         0,       VERSION, NO,       NULL,       NULL),
	REG(TPR,      RW,            0xff,      0,       0,       NO,       NULL,       write_tpr),
	REG(APR,      R,             0,         0,       0,       NO,       read_apr,   NULL),
	REG(PPR,      RO,            0,         0,       0,       NO,       read_ppr,   NULL),
	REG(EOI,      W | MSR_W,     0,         0,       0,       NO,       NULL,       write_eoi),
	REG(RRD,      R,             0,         0,       0,       NO,       NULL,       NULL),
	REG(LDR,      R | W | MSR_R, TOP8,      0,       0,       NO,       NULL,       write_ldr),
	REG(DFR,      R | W,         TOP4,      0,       ~0u,     NO,       NULL,       write_dfr),
	REG(SVR,      RW,            0x13ff,    0,       0xff,    SUPPRESS, NULL,       write_svr),
	REG8(ISR,     RO,            0,         0,       0,       NO,       read_isr,   NULL),
	REG8(TMR,     RO,            0,         0,       0,       NO,       NULL,       NULL),
	REG8(IRR,     RO,            0,         0,       0,       NO,       read_irr,   NULL),
	REG(ESR,      RW,            0,         0,       0,       NO,       NULL,       write_esr),
	REG(CMCI,     RW,            LVT_MODE,  STATUS,  MASKED,  NO,       NULL,       write_lvt),
	REG(ICR,      RW,            ICR_BITS,  0,       0,       NO,       NULL,       write_icr_low),
	REG(ICR_HIGH, R | W,         TOP8,      0,       0,       NO,       NULL,       NULL),
	REG(TIMER,    RW,            LVT_TIMER, STATUS,  MASKED,  DEADLINE, NULL,       write_lvt_timer),
	REG(THERMAL,  RW,            LVT_MODE,  STATUS,  MASKED,  NO,       NULL,       write_lvt),
	REG(PMI,      RW,            LVT_MODE,  STATUS,  MASKED,  NO,       NULL,       write_lvt),
	REG(LINT0,    RW,            LVT_PIN,   PIN_RO,  MASKED,  NO,       NULL,       write_lvt),
	REG(LINT1,    RW,            LVT_PIN,   PIN_RO,  MASKED,  NO,       NULL,       write_lvt),
	REG(ERROR,    RW,            LVT,       STATUS,  MASKED,  NO,       NULL,       write_lvt),
	REG(TMICT,    RW,            ~0u,       0,       0,       NO,       NULL,       write_tmict),
	REG(TMCCT,    RO,            0,         0,       0,       NO,       read_tmcct, NULL),
	REG(TDCR,     RW,            0xb,       0,       0,       NO,       NULL,       write_tdcr),
	REG(SELF_IPI, MSR_W,         0xff,      0,       0,       NO,       NULL,       write_self_ipi),
};
/* clang-format on */

u32 reg_writable(const struct vapic *a, const struct reg *r)
{
	return a->vm->features & r->feature ? r->writable : r->writable & ~r->optional;
}

u32 reg_read(const struct vapic *a, const struct reg *r, u32 offset, u64 now)
{
	const struct reg_io io = { .offset = offset, .now = now };

	return r->read != NULL ? r->read(a, &io) : a->reg[offset / 4];
}

u32 reg_write(struct vapic *a, const struct reg *r, u32 offset, u32 value, u64 now,
              struct vapic_effects *fx)
{
	const struct reg_io io = { offset, value & reg_writable(a, r), now, fx };

	if (r->write != NULL)
		return r->write(a, &io);
	a->reg[offset / 4] = io.value;
	return VAPIC_OK;
}
