/* SPDX-License-Identifier: MIT */
/* pure: also compiled on the host */
#include "vmx/cpuid.h"

#include "hv/abi/hypercall.h"
#include "hv/base/bits.h"

static NOINLINE const struct cpuid_row *find_elsewhere(const struct cpuid_table *t, u32 leaf,
                                                       u32 subleaf)
{
	u32 index = leaf & 0xff;

	if (leaf - 0x80000000u < CPUID_EXTENDED_LEAVES)
		return &t->extended[leaf - 0x80000000u];
	if (leaf >> 28 != CPUID_KVM_BASE >> 28)
		return cpuid_find(t, CPUID_BASIC_LEAVES - 1, subleaf);
	leaf -= CPUID_KVM_BASE;
	if (leaf < 0x200 && index < ARRAY_SIZE(t->hypervisor[0]))
		return &t->hypervisor[leaf >> 8][index];
	return &t->beyond;
}

const struct cpuid_row *cpuid_find(const struct cpuid_table *t, u32 leaf, u32 subleaf)
{
	const struct cpuid_row *row;

	if (unlikely(leaf >= CPUID_BASIC_LEAVES))
		return find_elsewhere(t, leaf, subleaf);
	row = &t->basic[leaf];
	if (likely(row->subleaves == 0))
		return row;
	if (subleaf < row->subleaves)
		return &t->subleaf[row->first + subleaf];
	return row->patch == CPUID_TOPOLOGY ? &t->beyond_topology : &t->beyond;
}

/* Returns the XSAVE area's size for `xcr0`: by CPUID's offsets, or compacted (SDM 1 13.4). */
static u32 xsave_bytes(const struct cpuid_table *t, u64 xcr0, bool compacted)
{
	const struct cpuid_row *rows = &t->subleaf[t->basic[0xd].first];
	u32 size = 576;

	for (u32 i = 2; i < CPUID_XSAVE_COMPONENTS; i++) {
		const struct cpuid *component = &rows[i].value;

		if (!(xcr0 & BIT(i)))
			continue;
		if (!compacted)
			size = MAX(size, component->eax + component->ebx);
		else
			size = (component->ecx & 2 ? (u32)align_up(size, 64) : size) +
			       component->eax;
	}
	return size;
}

void cpuid_patch(const struct cpuid_table *t, const struct cpuid_row *row, u32 subleaf,
                 const struct cpuid_vcpu *vcpu, struct cpuid *value)
{
	switch ((enum cpuid_patch)row->patch) {
	case CPUID_FEATURES:
		value->ebx |= vcpu->apic_id << 24;
		value->ecx |= vcpu->cr4 & CR4_OSXSAVE ? BIT32(27) : 0;
		value->edx |= vcpu->apic_enabled ? BIT32(9) : 0;
		break;
	case CPUID_TOPOLOGY:
		value->ecx |= subleaf & 0xff;
		value->edx = vcpu->apic_id;
		break;
	case CPUID_XSAVE:
		value->ebx = xsave_bytes(t, vcpu->xcr0, false);
		break;
	case CPUID_XSAVE_PACK:
		value->ebx = xsave_bytes(t, vcpu->xcr0, true);
		break;
	case CPUID_CONSTANT:
		break;
	}
}
