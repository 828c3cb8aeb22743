/* SPDX-License-Identifier: MIT */
/*
 * A VMCS in memory, for files that read and write the current one: include this, then the file
 * itself. Widths are checked by the compiler as ever; a field that only the processor writes, or
 * that nobody has given a value, stops the test.
 */
#ifndef TESTS_UNIT_VMX_FAKE_H
#define TESTS_UNIT_VMX_FAKE_H

#include "hv/base/x86.h"
#include "vmx/vmcs.h"

#include <check.h>
#include <string.h>

#define VMCS_FIELDS 0x7000u

static struct {
	u64 value[VMCS_FIELDS];
	bool known[VMCS_FIELDS];
	u32 writes[VMCS_FIELDS]; /* by the code under test */
	u16 touch[VMCS_FIELDS];  /* those with a value */
	u32 touched;
	u64 dr[7], cr2;
	u32 flushes; /* INVVPID */
} fake;

/* Few fields are ever used, and tests start over many thousand times. */
static inline void fake_reset(void)
{
	for (u32 i = 0; i < fake.touched; i++) {
		u32 field = fake.touch[i];

		fake.value[field] = 0;
		fake.known[field] = false;
		fake.writes[field] = 0;
	}
	fake.touched = 0;
	memset(fake.dr, 0, sizeof(fake.dr));
	fake.cr2 = 0;
	fake.flushes = 0;
}

/* Sets a field as the processor or a test does. */
static inline void fake_set(u64 field, u64 value)
{
	fake.value[field] = value;
	if (!fake.known[field])
		fake.touch[fake.touched++] = (u16)field;
	fake.known[field] = true;
}

static inline u64 fake_read(u64 field)
{
	/* Not ck_assert, which writes to a pipe each time. */
	if (field >= VMCS_FIELDS || !fake.known[field])
		ck_abort_msg("VMREAD of %#lx", field);
	return fake.value[field];
}

static inline void fake_write(u64 field, u64 value)
{
	if (field >= VMCS_FIELDS || VMCS_TYPE(field) == VMCS_TYPE_READ_ONLY)
		ck_abort_msg("VMWRITE of %#lx", field);
	fake_set(field, value);
	fake.writes[field]++;
}

/* The accessors are macros over these two. */
#define vmcs_read_raw  fake_read
#define vmcs_write_raw fake_write
#define vmcs_peek      fake_read

/* Registers that an exit leaves in the processor. */
#define FAKE_REGISTER(name, place)                                                                 \
	static inline u64 fake_read_##name(void)                                                   \
	{                                                                                          \
		return fake.place;                                                                 \
	}                                                                                          \
	static inline void fake_write_##name(u64 v)                                                \
	{                                                                                          \
		fake.place = v;                                                                    \
	}
FAKE_REGISTER(dr0, dr[0])
FAKE_REGISTER(dr1, dr[1])
FAKE_REGISTER(dr2, dr[2])
FAKE_REGISTER(dr3, dr[3])
FAKE_REGISTER(dr6, dr[6])
FAKE_REGISTER(cr2, cr2)
#define read_dr0  fake_read_dr0
#define read_dr1  fake_read_dr1
#define read_dr2  fake_read_dr2
#define read_dr3  fake_read_dr3
#define read_dr6  fake_read_dr6
#define read_cr2  fake_read_cr2
#define write_dr0 fake_write_dr0
#define write_dr1 fake_write_dr1
#define write_dr2 fake_write_dr2
#define write_dr3 fake_write_dr3
#define write_dr6 fake_write_dr6
#define write_cr2 fake_write_cr2

static inline void fake_flush_any(void)
{
	fake.flushes++;
}
#define vmx_flush_vpid(how) ((void)(how), fake_flush_any())

#endif
