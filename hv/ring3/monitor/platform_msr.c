/* SPDX-License-Identifier: MIT */
/* pure: also compiled on the host */
#include "hv/ring3/monitor/platform_msr.h"

#include "hv/base/bits.h"
#include "hv/ring3/monitor/monitor.h"

enum slot {
	SLOT_MISC_ENABLE,
	SLOT_DEBUGCTL,
	SLOT_MTRR_DEFAULT,
	SLOT_MTRR_BASE,
	SLOT_MTRR_MASK = SLOT_MTRR_BASE + 8,
	SLOT_MTRR_64K = SLOT_MTRR_MASK + 8,
	SLOT_MTRR_16K,
	SLOT_MTRR_4K = SLOT_MTRR_16K + 2,
	SLOTS = SLOT_MTRR_4K + 8
};
static_assert(SLOTS <= PLATFORM_MSR_SLOTS, "struct platform_msrs is too small");

#define FIXED(number, name, value)                                                                 \
	{                                                                                          \
		name, number, 1, 1, MSR_FIXED, 0, 0, value                                         \
	}
#define IGNORED(number, name, value)                                                               \
	{                                                                                          \
		name, number, 1, 1, MSR_IGNORED, 0, 0, value                                       \
	}
#define KEPT(number, name, slot, may, value)                                                       \
	{                                                                                          \
		name, number, 1, 1, MSR_KEPT, slot, may, value                                     \
	}

#define MISC_FAST_STRINGS BIT(0)
#define MISC_PERFMON      BIT(7)
#define MISC_NO_BTS       BIT(11)
#define MISC_NO_PEBS      BIT(12)
/*
 * Thermal control, Enhanced SpeedStep, MONITOR, limit of CPUID's leaves, xTPR messages, XD disable:
 * what SDM volume 4 lets software write. KVM keeps them, without effect, as here; bits 7, 11 and 12
 * are read-only, and there too a change of them faults. Of bits that have no name KVM keeps any.
 */
#define MISC_OTHERS     (BIT(3) | BIT(16) | BIT(18) | BIT(22) | BIT(23) | BIT(34))
#define MTRR_ENABLED    BIT(11)
#define MTRR_WRITE_BACK 6ull
/* Memory types are 3 bits wide; which of them are reserved is left to who believes in them. */
#define MTRR_TYPES 0x0707070707070707ull

const struct platform_msr_row platform_msr_rows[] = {
	FIXED(0x17, "IA32_PLATFORM_ID", 0),
	FIXED(0x2a, "MSR_EBL_CR_POWERON", 0),
	FIXED(0x3a, "IA32_FEATURE_CONTROL", BIT(0)), /* locked, no VMX */
	IGNORED(0x79, "IA32_BIOS_UPDT_TRIG", 0),     /* microcode is not the guest's to load */
	IGNORED(0x8b, "IA32_BIOS_SIGN_ID", BIT(32)),
	{ "IA32_PMC", 0xc1, PMU_COUNTERS, 1, MSR_PMC, 0, ~0ull, 0 },
	FIXED(0xce, "MSR_PLATFORM_INFO", 0),
	FIXED(0xfe, "IA32_MTRRCAP", BIT(10) | BIT(8) | 8), /* WC, fixed ranges, 8 variable ones */
	FIXED(0x179, "IA32_MCG_CAP", 0),                   /* no banks */
	IGNORED(0x17a, "IA32_MCG_STATUS", 0),
	{ "IA32_PERFEVTSEL", 0x186, PMU_COUNTERS, 1, MSR_EVENT, 0, PMU_EVENT_BITS, 0 },
	KEPT(0x1a0, "IA32_MISC_ENABLE", SLOT_MISC_ENABLE, MISC_FAST_STRINGS | MISC_OTHERS,
	     MISC_FAST_STRINGS | MISC_PERFMON | MISC_NO_BTS | MISC_NO_PEBS),
	KEPT(0x1d9, "IA32_DEBUGCTL", SLOT_DEBUGCTL, 0, 0), /* no LBR, no BTF */
	{ "IA32_MTRR_PHYSBASE", 0x200, 8, 2, MSR_KEPT, SLOT_MTRR_BASE, BITS(51, 12) | BITS(2, 0),
	  0 },
	{ "IA32_MTRR_PHYSMASK", 0x201, 8, 2, MSR_KEPT, SLOT_MTRR_MASK, BITS(51, 11), 0 },
	{ "IA32_MTRR_FIX64K", 0x250, 1, 1, MSR_KEPT, SLOT_MTRR_64K, MTRR_TYPES, 0 },
	{ "IA32_MTRR_FIX16K", 0x258, 2, 1, MSR_KEPT, SLOT_MTRR_16K, MTRR_TYPES, 0 },
	{ "IA32_MTRR_FIX4K", 0x268, 8, 1, MSR_KEPT, SLOT_MTRR_4K, MTRR_TYPES, 0 },
	/* As firmware leaves it: all memory is write-back. EPT decides in truth. */
	KEPT(0x2ff, "IA32_MTRR_DEF_TYPE", SLOT_MTRR_DEFAULT, BIT(11) | BIT(10) | BITS(2, 0),
	     MTRR_ENABLED | MTRR_WRITE_BACK),
	{ "IA32_PERF_GLOBAL_STATUS", 0x38e, 1, 1, MSR_PMU_STATUS, 0, 0, 0 },
	{ "IA32_PERF_GLOBAL_CTRL", 0x38f, 1, 1, MSR_PMU_CONTROL, 0, PMU_ALL, 0 },
	{ "IA32_PERF_GLOBAL_OVF_CTRL", 0x390, 1, 1, MSR_PMU_CLEAR, 0, PMU_CLEAR_BITS, 0 },
};
const u32 platform_msr_row_count = ARRAY_SIZE(platform_msr_rows);

/* The row of an MSR and its place in it; NULL: not there. */
static const struct platform_msr_row *find(u32 msr, u32 *n)
{
	for (u32 i = 0; i < ARRAY_SIZE(platform_msr_rows); i++) {
		const struct platform_msr_row *row = &platform_msr_rows[i];

		*n = (msr - row->first) / row->stride;
		if (msr >= row->first && *n < row->count && (msr - row->first) % row->stride == 0)
			return row;
	}
	return NULL;
}

static u64 *kept(struct monitor *m, u32 vcpu, const struct platform_msr_row *row, u32 n)
{
	return &m->msrs.kept[vcpu][row->unit + n];
}

void platform_msr_init(struct monitor *m)
{
	u32 vcpus = m->info->config.vcpus;

	for (u32 i = 0; i < ARRAY_SIZE(platform_msr_rows); i++) {
		const struct platform_msr_row *row = &platform_msr_rows[i];

		for (u32 j = 0; row->class == MSR_KEPT && j < vcpus * row->count; j++)
			*kept(m, j / row->count, row, j % row->count) = row->value;
	}
}

static u64 value_of(struct monitor *m, const struct platform_msr_row *row, u32 n)
{
	switch ((enum platform_msr_class)row->class) {
	case MSR_KEPT:
		return *kept(m, m->vcpu, row, n);
	case MSR_PMC:
		return pmu_read(m, n);
	case MSR_EVENT:
		return pmu_event(m, n);
	case MSR_PMU_STATUS:
		return pmu_overflowed(m);
	case MSR_PMU_CONTROL:
		return pmu_enabled(m);
	case MSR_FIXED:
	case MSR_IGNORED:
	case MSR_PMU_CLEAR:
		break;
	}
	return row->value;
}

bool platform_msr_read(struct monitor *m, u32 msr, u64 *value)
{
	u32 n;
	const struct platform_msr_row *row = find(msr, &n);

	if (row != NULL)
		*value = value_of(m, row, n);
	return row != NULL;
}

static void store(struct monitor *m, const struct platform_msr_row *row, u32 n, u64 value)
{
	switch ((enum platform_msr_class)row->class) {
	case MSR_KEPT:
		*kept(m, m->vcpu, row, n) = value;
		break;
	case MSR_PMC:
		pmu_write(m, n, value);
		break;
	case MSR_EVENT:
		pmu_set_event(m, n, value);
		break;
	case MSR_PMU_CONTROL:
		pmu_enable(m, value);
		break;
	case MSR_PMU_CLEAR:
		pmu_clear_overflowed(m, value);
		break;
	case MSR_FIXED:
	case MSR_IGNORED:
	case MSR_PMU_STATUS:
		break;
	}
}

bool platform_msr_write(struct monitor *m, u32 msr, u64 value)
{
	u32 n;
	const struct platform_msr_row *row = find(msr, &n);

	if (row == NULL || row->class == MSR_FIXED || row->class == MSR_PMU_STATUS)
		return false;
	if (row->class == MSR_IGNORED)
		return true;
	if (((value ^ value_of(m, row, n)) & ~row->writable) != 0)
		return false;
	store(m, row, n, value);
	return true;
}
