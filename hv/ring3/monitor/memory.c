/* SPDX-License-Identifier: MIT */
/* pure: also compiled on the host */
#include "hv/ring3/monitor/memory.h"

#include "hv/abi/hypercall.h"
#include "hv/base/bits.h"
#include "hv/ring3/monitor/layout.h"
#include "hv/ring3/monitor/monitor.h"

/* Of the VM's counters, which the guest can read without us and not write: the address of a byte,
 * or NULL. */
static const u8 *counters_at(const struct monitor *m, u64 gpa)
{
	u64 offset = gpa - COUNTERS_GPA;

	if ((m->info->config.features & VM_COUNTERS) == 0 ||
	    offset >= m->info->config.vcpus * COUNTERS_STRIDE)
		return NULL;
	return m->counters + offset;
}

bool memory_read(struct monitor *m, u64 gpa, u32 size, u64 *value)
{
	const u8 *counters = counters_at(m, gpa);
	s64 apic = sys_apic_read(m->sys, gpa, size);

	*value = ~0ull >> (64 - size * 8);
	if (apic >= 0) {
		*value = (u64)apic;
	} else if (counters != NULL) {
		*value = 0;
		memcpy(value, counters, size);
	} else if (gpa - LAYOUT_IOAPIC < PAGE_SIZE) {
		*value &= ioapic_read(m, (u32)(gpa - LAYOUT_IOAPIC));
	} else {
		return false;
	}
	return true;
}

/* The IOAPIC takes 32-bit accesses; what is narrower reads and writes the low part. */
bool memory_write(struct monitor *m, u64 gpa, u32 size, u64 value)
{
	s64 apic = sys_apic_write(m->sys, gpa, value, size);

	if (apic > 0)
		ioapic_eoi(m, (u8)apic);
	if (apic >= 0)
		return true;
	if (gpa - LAYOUT_IOAPIC >= PAGE_SIZE)
		return false;
	ioapic_write(m, (u32)(gpa - LAYOUT_IOAPIC), (u32)value);
	return true;
}
