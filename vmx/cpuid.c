/* SPDX-License-Identifier: MIT */
/* pure: also compiled on the host */
#include "vmx/cpuid.h"

#include "hv/abi/hypercall.h"
#include "hv/base/bits.h"

/* When a row of the mask table counts. */
enum when {
	ALWAYS,
	IF_SMP,
	IF_X2APIC,
	IF_RDTSCP,
	IF_INVPCID,
	IF_XSAVE,
	IF_AVX,
	IF_AVX512,
};

enum reg { EAX, EBX, ECX, EDX, ALL };

/*
 * Bits of one register of one leaf, or of all four: those that pass from the host, those that are
 * set anyway.
 */
struct mask {
	u32 leaf;
	u8 subleaf, reg, when;
	u32 pass, set;
};

#define B(n) BIT32(n)

/* SDM volume 2A, CPUID. Bits without a row are 0, leaves without a row are all 0. */
static const struct mask masks[] = {
	{ 0, 0, EBX, ALWAYS, ~0u, 0 }, /* vendor */
	{ 0, 0, ECX, ALWAYS, ~0u, 0 },
	{ 0, 0, EDX, ALWAYS, ~0u, 0 },
	{ 0, 0, EAX, ALWAYS, 0, CPUID_BASIC_LEAVES - 1 },

	{ 1, 0, EAX, ALWAYS, ~0u, 0 },
	{ 1, 0, EBX, ALWAYS, 0xff00, 0 }, /* CLFLUSH size */
	/*
	 * SSE3 PCLMULQDQ SSSE3 CMPXCHG16B PCID SSE4.1 SSE4.2 MOVBE POPCNT AES RDRAND;
	 * TSC-deadline timer and "hypervisor" are always there
	 */
	{ 1, 0, ECX, ALWAYS,
	  B(0) | B(1) | B(9) | B(13) | B(17) | B(19) | B(20) | B(22) | B(23) | B(25) | B(30),
	  B(24) | B(31) },
	{ 1, 0, ECX, IF_X2APIC, 0, B(21) },
	{ 1, 0, ECX, IF_XSAVE, B(26), 0 },
	{ 1, 0, ECX, IF_AVX, B(12) | B(28) | B(29), 0 }, /* FMA AVX F16C */
	/*
	 * FPU VME DE PSE TSC MSR PAE MCE CX8; SEP MTRR PGE MCA CMOV PAT PSE-36; CLFLUSH; MMX
	 * FXSR SSE SSE2 SS
	 */
	{ 1, 0, EDX, ALWAYS, BITS(8, 0) | B(11) | BITS(17, 12) | B(19) | BITS(27, 23), 0 },
	{ 1, 0, EDX, IF_SMP, 0, B(28) },

	{ 2, 0, ALL, ALWAYS, ~0u, 0 }, /* cache descriptors */

	{ 6, 0, EAX, ALWAYS, 0, B(2) }, /* ARAT: the APIC timer never stops */

	{ 7, 0, EBX, ALWAYS, 0, B(1) }, /* TSC_ADJUST */
	/* FSGSBASE BMI1 FDP-only SMEP BMI2 ERMS no-FCS RDSEED ADX SMAP CLFLUSHOPT CLWB SHA */
	{ 7, 0, EBX, ALWAYS,
	  B(0) | B(3) | B(6) | B(7) | B(8) | B(9) | B(13) | B(18) | B(19) | B(20) | B(23) | B(24) |
	          B(29),
	  0 },
	{ 7, 0, EBX, IF_INVPCID, B(10), 0 },
	{ 7, 0, EBX, IF_AVX, B(5), 0 },
	/* F DQ IFMA PF ER CD BW VL */
	{ 7, 0, EBX, IF_AVX512, B(16) | B(17) | B(21) | B(26) | B(27) | B(28) | B(30) | B(31), 0 },
	{ 7, 0, ECX, ALWAYS, B(2) | B(8) | B(25) | B(27) | B(28),
	  0 },                                  /* UMIP GFNI CLDEMOTE MOVDIR */
	{ 7, 0, ECX, IF_RDTSCP, B(22), 0 },     /* RDPID */
	{ 7, 0, ECX, IF_AVX, B(9) | B(10), 0 }, /* VAES VPCLMULQDQ */
	{ 7, 0, ECX, IF_AVX512, B(1) | B(6) | B(11) | B(12) | B(14), 0 },
	{ 7, 0, EDX, ALWAYS, B(4) | B(10), 0 }, /* FSRM MD_CLEAR */
	{ 7, 0, EDX, IF_AVX512, B(2) | B(3) | B(8), 0 },
	{ 7, 1, EAX, ALWAYS, BITS(12, 10), 0 }, /* fast short string forms */
	{ 7, 1, EAX, IF_AVX, B(4) | B(23), 0 }, /* AVX-VNNI AVX-IFMA */
	{ 7, 1, EAX, IF_AVX512, B(5), 0 },      /* BF16 */
	/*
	 * Version 1, two counters of 48 bits; of seven events there are core and reference cycles.
	 */
	{ 0xa, 0, EAX, ALWAYS, 0, 1 | 2 << 8 | 48 << 16 | 7 << 24 },
	{ 0xa, 0, EBX, ALWAYS, 0, B(1) | BITS(6, 3) },
	{ 0xd, 1, EAX, IF_XSAVE, BITS(2, 0), 0 }, /* XSAVEOPT XSAVEC XGETBV(1); no XSAVES */

	{ 0x80000000, 0, EAX, ALWAYS, 0, 0x80000000u + CPUID_EXTENDED_LEAVES - 1 },
	{ 0x80000001, 0, ECX, ALWAYS, B(0) | B(5) | B(8), 0 },        /* LAHF LZCNT PREFETCHW */
	{ 0x80000001, 0, EDX, ALWAYS, B(20) | B(26) | B(29), B(11) }, /* NX 1G LM; SYSCALL */
	{ 0x80000001, 0, EDX, IF_RDTSCP, B(27), 0 },
	{ 0x80000002, 0, ALL, ALWAYS, ~0u, 0 }, /* brand string */
	{ 0x80000003, 0, ALL, ALWAYS, ~0u, 0 },
	{ 0x80000004, 0, ALL, ALWAYS, ~0u, 0 },
	{ 0x80000006, 0, ECX, ALWAYS, ~0u, 0 },  /* L2 */
	{ 0x80000007, 0, EDX, ALWAYS, B(8), 0 }, /* invariant TSC */
};

static bool counts(u8 when, const struct cpuid_config *c)
{
	switch ((enum when)when) {
	case IF_SMP:
		return c->vcpus > 1;
	case IF_X2APIC:
		return c->x2apic;
	case IF_RDTSCP:
		return c->rdtscp;
	case IF_INVPCID:
		return c->invpcid;
	case IF_XSAVE:
		return c->xcr0;
	case IF_AVX:
		return c->xcr0 & BIT(2);
	case IF_AVX512:
		return (c->xcr0 & BITS(7, 5)) == BITS(7, 5);
	case ALWAYS:
		break;
	}
	return true;
}

/* Returns the host's leaf, or zeros if it has none (another leaf would answer there). */
static struct cpuid host_leaf(const struct cpuid_config *c, u32 leaf, u32 subleaf)
{
	u32 top = c->host(leaf & 0x80000000, 0).eax;

	return leaf <= top && (top ^ leaf) < 0x10000 ? c->host(leaf, subleaf) : (struct cpuid){ 0 };
}

static u32 *reg_of(struct cpuid *value, unsigned int reg)
{
	u32 *const regs[] = { &value->eax, &value->ebx, &value->ecx, &value->edx };

	return regs[reg];
}

/* Takes the next rows for the subleaves of a leaf. */
static struct cpuid_row *take_subleaves(struct cpuid_table *t, u32 leaf, u8 count, u8 *used)
{
	t->basic[leaf].first = *used;
	t->basic[leaf].subleaves = count;
	*used = (u8)(*used + count);
	return &t->subleaf[t->basic[leaf].first];
}

static struct cpuid_row *row_of(struct cpuid_table *t, u32 leaf, u32 subleaf)
{
	struct cpuid_row *row;

	if (leaf >= 0x80000000)
		return &t->extended[leaf - 0x80000000];
	row = &t->basic[leaf];
	return row->subleaves ? &t->subleaf[row->first + subleaf] : row;
}

static void apply_masks(struct cpuid_table *t, const struct cpuid_config *c)
{
	for (unsigned int i = 0; i < ARRAY_SIZE(masks); i++) {
		const struct mask *m = &masks[i];
		struct cpuid host;

		if (!counts(m->when, c))
			continue;
		host = host_leaf(c, m->leaf, m->subleaf);
		for (unsigned int r = EAX; r < ALL; r++)
			if (m->reg == r || m->reg == ALL)
				*reg_of(&row_of(t, m->leaf, m->subleaf)->value,
				        r) |= (*reg_of(&host, r) & m->pass) | m->set;
	}
}

/* Returns how many bits of an APIC ID number n vCPUs. */
static unsigned int id_bits(u32 n)
{
	return n > 1 ? bit_highest(n - 1) + 1 : 0;
}

#define CACHES 4u

/* Builds leaf 4, cache parameters: L1 and L2 are a vCPU's own, higher levels shared by all. */
static void build_caches(struct cpuid_row *rows, const struct cpuid_config *c)
{
	u32 others = (u32)BIT(id_bits(c->vcpus)) - 1;

	for (u32 i = 0; i < CACHES; i++) {
		struct cpuid v = host_leaf(c, 4, i);
		bool shared = bits_get(v.eax, 7, 5) >= 3;

		if (!(v.eax & BITS(4, 0)))
			return;
		v.eax = (u32)bits_get(v.eax, 13, 0) | (shared ? others << 14 : 0) |
		        MIN(others, 63u) << 26;
		rows[i].value = v;
	}
}

#define LEVEL_THREADS (1u << 8)
#define LEVEL_CORES   (2u << 8)

/* Builds the topology: one package, each vCPU a core of its own. */
static void build_topology(struct cpuid_table *t, struct cpuid_row *rows, u32 vcpus)
{
	rows[0].value = (struct cpuid){ .eax = 0, .ebx = 1, .ecx = LEVEL_THREADS };
	rows[1].value = (struct cpuid){ .eax = id_bits(vcpus),
		                        .ebx = vcpus,
		                        .ecx = LEVEL_CORES | 1 };
	rows[0].patch = rows[1].patch = t->beyond_topology.patch = CPUID_TOPOLOGY;
	t->basic[0xb].patch = CPUID_TOPOLOGY;
	t->basic[0x1f] = t->basic[0xb];
}

#define XSAVE_HEADER_END 576u /* legacy region and header */

static void build_xsave(struct cpuid_row *rows, const struct cpuid_config *c)
{
	u32 size = XSAVE_HEADER_END;

	if (!c->xcr0)
		return;
	for (u32 i = 2; i < CPUID_XSAVE_COMPONENTS; i++) {
		if (!(c->xcr0 & BIT(i)))
			continue;
		rows[i].value = host_leaf(c, 0xd, i);
		size = MAX(size, rows[i].value.eax + rows[i].value.ebx);
	}
	rows[0].value = (struct cpuid){
		.eax = (u32)c->xcr0,
		.ecx = size,
		.edx = (u32)(c->xcr0 >> 32),
	};
	rows[0].patch = CPUID_XSAVE;
	rows[1].patch = CPUID_XSAVE_PACK;
}

/* Builds leaf 0x15: a crystal of the TSC's rate, ratio 1; the APIC timer counts it as well. */
static void build_clock(struct cpuid_table *t, u64 hz)
{
	u32 factor = (u32)(hz >> 32) + 1;
	u32 mhz = (u32)MIN(hz / 1000000, 0xffffull);

	t->basic[0x15].value = (struct cpuid){ .eax = 1, .ebx = factor, .ecx = (u32)(hz / factor) };
	t->basic[0x16].value = (struct cpuid){ .eax = mhz, .ebx = mhz };
}

static void build_sizes(struct cpuid_table *t, const struct cpuid_config *c)
{
	u32 host = host_leaf(c, 0x80000008, 0).eax;
	u32 physical = host ? (u32)bits_get(host, 7, 0) : 36;

	t->extended[8].value.eax = physical | 48u << 8;
	t->physical_mask = BITS(physical - 1, 0);
	t->basic[1].value.ebx |= MIN((u32)BIT(id_bits(c->vcpus)), 255u) << 16;
	t->basic[1].patch = CPUID_FEATURES;
	t->subleaf[t->basic[7].first].value.eax = MIN(host_leaf(c, 7, 0).eax, 1u);
}

static void build_hypervisor(struct cpuid_table *t, const struct cpuid_config *c)
{
	if (c->kvm) {
		t->hypervisor[0][0].value = (struct cpuid){ CPUID_KVM_FEATURES, 0x4b4d564b,
			                                    0x564b4d56, 0x4d };
		t->hypervisor[0][1].value.eax = c->kvm_features;
	}
	/* "TAPVISOR IPI" */
	t->hypervisor[1][0].value = (struct cpuid){ CPUID_TAP_COUNTERS, 0x56504154, 0x524f5349,
		                                    0x49504920 };
	t->hypervisor[1][1].value.eax = c->tap_features;
	t->hypervisor[1][1].value.ebx = c->vcpus;
	t->hypervisor[1][2].value.eax = (u32)c->counters;
	t->hypervisor[1][2].value.ecx = c->counters ? c->counters_stride : 0;
	t->hypervisor[1][2].value.edx = (u32)(c->counters >> 32);
}

/* A CPUID bit and the bits of CR4 that come with it. */
static const struct {
	u8 leaf, reg, bit;
	u64 cr4;
} cr4_rows[] = {
	{ 1, EDX, 1, CR4_VME | CR4_PVI }, { 1, EDX, 2, CR4_DE },
	{ 1, EDX, 3, CR4_PSE },           { 1, EDX, 4, CR4_TSD },
	{ 1, EDX, 6, CR4_PAE },           { 1, EDX, 7, CR4_MCE },
	{ 1, EDX, 13, CR4_PGE },          { 1, EDX, 24, CR4_OSFXSR },
	{ 1, EDX, 25, CR4_OSXMMEXCPT },   { 1, ECX, 17, CR4_PCIDE },
	{ 1, ECX, 26, CR4_OSXSAVE },      { 7, EBX, 0, CR4_FSGSBASE },
	{ 7, EBX, 7, CR4_SMEP },          { 7, EBX, 20, CR4_SMAP },
	{ 7, ECX, 2, CR4_UMIP },
};

static u64 offered_cr4(struct cpuid_table *t)
{
	u64 cr4 = CR4_PCE;

	for (unsigned int i = 0; i < ARRAY_SIZE(cr4_rows); i++) {
		struct cpuid *value = &row_of(t, cr4_rows[i].leaf, 0)->value;

		if (*reg_of(value, cr4_rows[i].reg) & BIT32(cr4_rows[i].bit))
			cr4 |= cr4_rows[i].cr4;
	}
	return cr4;
}

void cpuid_build(struct cpuid_table *t, const struct cpuid_config *c)
{
	struct cpuid_row *caches, *topology, *xsave;
	u8 used = 0;

	static_assert(CACHES + 1 + 2 + 2 + CPUID_XSAVE_COMPONENTS <= CPUID_SUBLEAVES, "subleaves");
	__builtin_memset(t, 0, sizeof(*t));
	caches = take_subleaves(t, 4, CACHES, &used);
	(void)take_subleaves(t, 7, 2, &used);
	topology = take_subleaves(t, 0xb, 2, &used);
	xsave = take_subleaves(t, 0xd, CPUID_XSAVE_COMPONENTS, &used);
	apply_masks(t, c);
	build_caches(caches, c);
	build_topology(t, topology, c->vcpus);
	build_xsave(xsave, c);
	build_clock(t, c->tsc_hz);
	build_sizes(t, c);
	build_hypervisor(t, c);
	t->cr4 = offered_cr4(t);
	for (unsigned int i = 0; i < CPUID_BASIC_LEAVES; i++)
		t->basic[i].fast = t->basic[i].patch == CPUID_CONSTANT &&
		                   t->basic[i].subleaves == 0;
}
