/* SPDX-License-Identifier: MIT */
/* Everything that hv/abi numbers has a name of its own, and what it does not number has one too. */
#include "tests/unit/ring3.h"

#include "hv/abi/image_error.h"
#include "hv/abi/names.h"

static const char *exit_reason(u32 i)
{
	return exit_reason_name(i);
}

static const char *exception(u32 i)
{
	return exception_name(i);
}

static const char *image_error(u32 i)
{
	return image_error_text(i);
}

/* A table of names: how many there are, how many numbers in it are not given out. */
static const struct {
	const char *(*name)(u32 i);
	u32 count, holes;
	bool for_programs;
} tables[] = {
	{ exit_reason, EXIT_REASONS, 4, true },
	{ ipi_path_name, IPI_PATHS, 0, true },
	{ delivery_mode_name, 8, 0, true },
	{ vcpu_time_name, VCPU_TIMES, 0, true },
	{ blame_cause_name, BLAME_CAUSES, 0, true },
	{ vcpu_count_name, VCPU_COUNTS, 0, true },
	{ vm_end_name, VM_ENDS, 0, true },
	{ vm_end_text, VM_ENDS, 0, false },
	{ exception, 32, 10, false },
	{ image_error, IMAGE_ERRORS, 0, false },
};

START_TEST(every_row)
{
	for (u32 t = 0; t < ARRAY_SIZE(tables); t++) {
		u32 holes = 0;

		for (u32 i = 0; i < tables[t].count; i++) {
			const char *name = tables[t].name(i);

			ck_assert_uint_gt(strlen(name), 0);
			if (strcmp(name, "unknown") == 0) {
				holes++;
				continue;
			}
			for (u32 k = 0; k < i; k++)
				ck_assert_str_ne(name, tables[t].name(k));
			if (tables[t].for_programs)
				ck_assert_msg(
					strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789-") ==
						strlen(name),
					"%s", name);
		}
		ck_assert_msg(holes == tables[t].holes, "table %u: %u without a name", t, holes);
	}
}
END_TEST

START_TEST(beyond_the_table)
{
	for (u32 t = 0; t < ARRAY_SIZE(tables); t++) {
		ck_assert_str_eq(tables[t].name(tables[t].count), "unknown");
		ck_assert_str_eq(tables[t].name(UINT32_MAX), "unknown");
	}
}
END_TEST

RING3_MAIN("abi_names", every_row, beyond_the_table)
