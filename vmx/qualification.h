/* SPDX-License-Identifier: MIT */
/* pure: also compiled on the host */
/*
 * Exit qualifications taken apart (SDM volume 3, 28.2.1). Values in, structures out.
 */
#ifndef VMX_QUALIFICATION_H
#define VMX_QUALIFICATION_H

#include "hv/base/bits.h"
#include "vmx/controls.h"

/* An I/O instruction (table 28-5). */
struct io_access {
	u16 port;
	u8 size; /* 1, 2, 4 */
	bool in, string, repeat;
};

static inline struct io_access io_access_of(u64 qualification)
{
	return (struct io_access){
		.port = (u16)(qualification >> IO_PORT_SHIFT),
		.size = (u8)((qualification & IO_SIZE) + 1),
		.in = qualification & IO_IN,
		.string = qualification & IO_STRING,
		.repeat = qualification & IO_REP,
	};
}

/* A control-register access (table 28-3). */
struct cr_access {
	u8 number; /* of the control register; 0 for CLTS and LMSW */
	u8 type;   /* CR_ACCESS_TO_CR and so on */
	u8 reg;    /* general register, for MOV */
	u16 lmsw;  /* source data, for LMSW */
};

static inline struct cr_access cr_access_of(u64 qualification)
{
	return (struct cr_access){
		.number = (u8)(qualification & CR_ACCESS_NUMBER),
		.type = (u8)bits_get(qualification, 5, 4),
		.reg = (u8)bits_get(qualification, 11, 8),
		.lmsw = (u16)(qualification >> CR_ACCESS_LMSW_DATA_SHIFT),
	};
}

/*
 * CR0 after LMSW with this source: it loads PE, MP, EM and TS, and can set PE but not clear it
 * (SDM volume 2A, LMSW).
 */
static inline u64 cr0_after_lmsw(u64 cr0, u16 source)
{
	return (cr0 & ~BITS(3, 1)) | (source & BITS(3, 0));
}

/* An EPT violation (table 28-7). */
struct ept_access {
	bool read, write, fetch; /* what was tried; read and write both for a locked access */
	bool linear;             /* the guest-linear address field is valid */
	bool translated;         /* of the access itself, rather than of a walk to its page */
};

static inline struct ept_access ept_access_of(u64 q)
{
	return (struct ept_access){
		.read = q & EPT_VIOLATION_READ,
		.write = q & EPT_VIOLATION_WRITE,
		.fetch = q & EPT_VIOLATION_FETCH,
		.linear = q & EPT_VIOLATION_LINEAR_VALID,
		.translated = (q & EPT_VIOLATION_LINEAR_VALID) && (q & EPT_VIOLATION_TRANSLATED),
	};
}

/* An access to the APIC-access page (table 28-6). */
struct apic_access {
	u16 offset; /* in the page; of a linear access only */
	u8 type;    /* APIC_ACCESS_LINEAR_WRITE and so on */
};

static inline struct apic_access apic_access_of(u64 qualification)
{
	return (struct apic_access){
		.offset = (u16)(qualification & APIC_ACCESS_OFFSET),
		.type = (u8)bits_get(qualification, 15, APIC_ACCESS_TYPE_SHIFT),
	};
}

#endif
