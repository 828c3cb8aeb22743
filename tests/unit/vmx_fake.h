/* SPDX-License-Identifier: MIT */
/*
 * A VMCS in memory, for files that read and write the current one: include this, then the file
 * itself. Widths are checked by the compiler as ever; a field that only the processor writes, or
 * that nobody has given a value, stops the test.
 */
#ifndef TESTS_UNIT_VMX_FAKE_H
#define TESTS_UNIT_VMX_FAKE_H

#include "vmx/vmcs.h"

#include <check.h>
#include <string.h>

#define VMCS_FIELDS 0x7000u

static struct {
	u64 value[VMCS_FIELDS];
	bool known[VMCS_FIELDS];
	u32 writes[VMCS_FIELDS]; /* by the code under test */
} fake;

static inline void fake_reset(void)
{
	memset(&fake, 0, sizeof(fake));
}

/* As the processor or a test sets it. */
static inline void fake_set(u64 field, u64 value)
{
	fake.value[field] = value;
	fake.known[field] = true;
}

static inline u64 fake_read(u64 field)
{
	ck_assert_msg(field < VMCS_FIELDS && fake.known[field], "VMREAD of %#lx", field);
	return fake.value[field];
}

static inline void fake_write(u64 field, u64 value)
{
	ck_assert_msg(field < VMCS_FIELDS && VMCS_TYPE(field) != VMCS_TYPE_READ_ONLY,
	              "VMWRITE of %#lx", field);
	fake_set(field, value);
	fake.writes[field]++;
}

/* The accessors are macros over these two. */
#define vmcs_read_raw  fake_read
#define vmcs_write_raw fake_write

#endif
