/* SPDX-License-Identifier: MIT */
/*
 * Changes of a guest's mode that exit, and the states in which it starts: against the manual's
 * rules in another order, and that an entry takes what comes out. SDM 2B "MOV", 3A 2.5, 4.4.1,
 * table 10-1.
 */
#include "tests/unit/main.h"
#include "tests/unit/vmx_rules.h"

#include "vmx/mode.c"
#include "vmx/setup.c"
#include "vmx/start.c"
#include "vmx/state.c"

#define PHYSICAL_MASK BITS(RULES_PHYSICAL - 1, 0)
#define MEMORY_SIZE   (2 * PAGE_SIZE)
#define TABLE         0x1020u /* where CR3 points to: 32-byte aligned, not more */
#define SIGNATURE     0x000906eau

/* Not reached: they belong to what no test here calls. */
void vmx_exit(void)
{
}
bool vmx_has_tpr_shadow(const struct vmx_caps *of)
{
	return of == NULL;
}
bool vmcs_load(hpa_t vmcs)
{
	return vmcs.raw != 0;
}
bool vmcs_clear(hpa_t vmcs)
{
	return vmcs.raw != 0;
}
bool vmx_on(hpa_t region)
{
	return region.raw != 0;
}

static u8 guest[MEMORY_SIZE] ALIGNED(4096);
static struct vmx_caps caps;
static struct vmx_vcpu vcpu;
static u32 random_state;

static u32 roll(u32 n)
{
	random_state = random_state * 1664525 + 1013904223;
	return (random_state >> 16) % n;
}

static void begin(enum rules_mode mode)
{
	fake_reset();
	memset(&vcpu, 0, sizeof(vcpu));
	caps = (struct vmx_caps){ .guest_cr0_set = CR0_NE,
		                  .cr0_may = 0xffffffff,
		                  .cr4_set = CR4_VMXE,
		                  .cr4_may = ~0ull };
	vcpu.caps = &caps;
	vcpu.memory = (struct guest_memory){ guest, MEMORY_SIZE };
	rules_set_guest(mode);
	fake_set(VMCS_CR0_MASK, GUEST_CR0_OWNED | caps.guest_cr0_set);
	fake_set(VMCS_CR0_SHADOW, fake.value[VMCS_GUEST_CR0]);
	fake_set(VMCS_CR4_MASK, CR4_VMXE | CR4_MCE);
	fake_set(VMCS_CR4_SHADOW, 0);
	fake_set(VMCS_GUEST_CR3, TABLE);
}

/* ---- CR0 ---- */

static u64 pdpte(u32 i)
{
	u64 value;

	memcpy(&value, guest + TABLE + 8 * i, sizeof(value));
	return value;
}

static void set_pdptes(bool good)
{
	for (u32 i = 0; i < 4; i++) {
		u64 value = (roll(2) != 0 ? 0x2001 : 0x3000) | (u64)roll(1000) << 12;

		memcpy(guest + TABLE + 8 * i, &value, sizeof(value));
	}
	if (!good) {
		static const u64 reserved[] = { BIT(1), BIT(2),  BIT(5),
			                        BIT(8), BIT(63), BIT(RULES_PHYSICAL) };
		u64 value = 1 | reserved[roll(ARRAY_SIZE(reserved))];

		memcpy(guest + TABLE + 8 * roll(4), &value, sizeof(value));
	}
}

struct before {
	u64 cr0, cr4, efer, value;
	bool l, tss16, good_pdptes;
};

static bool accepted(const struct before *b)
{
	u64 changed = b->cr0 ^ b->value;
	bool pg = (b->value & CR0_PG) != 0, lme = (b->efer & EFER_LME) != 0;
	bool pae = (b->cr4 & CR4_PAE) != 0;
	bool toggles = (changed & CR0_PG) != 0;

	if ((b->value & BITS(63, 32)) != 0)
		return false;
	if (pg && (b->value & CR0_PE) == 0)
		return false;
	if ((b->value & CR0_NW) != 0 && (b->value & CR0_CD) == 0)
		return false;
	if (toggles && pg && lme && (!pae || b->l || b->tss16))
		return false;
	if (toggles && !pg && lme && (b->l || (b->cr4 & CR4_PCIDE) != 0))
		return false;
	if (pg && pae && !lme && (changed & (CR0_PG | CR0_CD | CR0_NW)) != 0)
		return b->good_pdptes;
	return true;
}

static const u64 toggled[] = { CR0_PE, CR0_PG, CR0_CD, CR0_NW, CR0_WP, CR0_TS, CR0_MP, CR0_NE };

static u64 some_value(u64 cr0)
{
	u64 value = cr0;

	for (u32 i = roll(4); i > 0; i--)
		value ^= toggled[roll(ARRAY_SIZE(toggled))];
	if (roll(8) == 0)
		value ^= CR0_CD | CR0_NW;
	if (roll(32) == 0)
		value |= BIT(32 + roll(32));
	return value;
}

/* What the mode leaves open: LME before paging, L and D in CS, a 16-bit TSS. */
static struct before arrange(enum rules_mode mode)
{
	struct before b = { .good_pdptes = roll(4) != 0 };
	u64 cs;

	begin(mode);
	set_pdptes(b.good_pdptes);
	if (mode < MODE_PAE && roll(2) != 0)
		fake_set(VMCS_GUEST_EFER, EFER_LME);
	if (mode < MODE_PAE && roll(2) != 0)
		fake_set(VMCS_GUEST_CR4, CR4_VMXE | CR4_PAE);
	if (mode >= MODE_COMPATIBLE && roll(2) != 0)
		fake_set(VMCS_GUEST_CR4, CR4_VMXE | CR4_PAE | CR4_PCIDE);
	cs = fake.value[VMCS_GUEST_CS_ACCESS];
	if (mode == MODE_32 && roll(2) != 0)
		fake_set(VMCS_GUEST_CS_ACCESS, cs | ACCESS_L);
	b.l = (fake.value[VMCS_GUEST_CS_ACCESS] & ACCESS_L) != 0;
	b.tss16 = mode < MODE_COMPATIBLE && roll(3) == 0;
	if (b.tss16)
		fake_set(VMCS_GUEST_TR_ACCESS, 0x83);
	ck_assert_enters();
	b.cr0 = vmx_read_cr0();
	b.cr4 = vmx_read_cr4();
	b.efer = fake.value[VMCS_GUEST_EFER];
	b.value = some_value(b.cr0);
	return b;
}

static void check_refused(const struct before *b)
{
	ck_assert_uint_eq(vmx_read_cr0(), b->cr0);
	ck_assert_uint_eq(fake.value[VMCS_GUEST_EFER], b->efer);
	for (u32 i = 0; i < 4; i++)
		ck_assert_uint_eq(fake.value[VMCS_GUEST_PDPTE0 + 2 * i], 0);
}

static void check_done(const struct before *b)
{
	u64 changed = b->cr0 ^ b->value;
	bool pg = (b->value & CR0_PG) != 0, lme = (b->efer & EFER_LME) != 0;
	bool loads = pg && !lme && (b->cr4 & CR4_PAE) != 0 &&
	             (changed & (CR0_PG | CR0_CD | CR0_NW)) != 0;

	ck_assert_uint_eq(vmx_read_cr0(), b->value | CR0_ET);
	ck_assert_uint_eq(fake.value[VMCS_GUEST_CR0] & (CR0_CD | CR0_NW), 0);
	ck_assert_uint_eq(fake.value[VMCS_GUEST_EFER],
	                  (b->efer & ~EFER_LMA) | (pg && lme ? EFER_LMA : 0));
	for (u32 i = 0; i < 4; i++)
		ck_assert_uint_eq(fake.value[VMCS_GUEST_PDPTE0 + 2 * i], loads ? pdpte(i) : 0);
	ck_assert((fake.flushes != 0) == ((changed & (CR0_PG | CR0_WP)) != 0));
}

START_TEST(every_move_to_cr0)
{
	u32 done = 0, refused = 0;

	random_state = 4711;
	for (u32 i = 0; i < 60000; i++) {
		struct before b = arrange(i % RULES_MODES);
		bool got = vmx_cr0_write(&vcpu, b.value, PHYSICAL_MASK);

		if (got != accepted(&b))
			ck_abort_msg("mode %u, CR0 %lx to %lx, CR4 %lx, EFER %lx, L %u, TSS16 %u: "
			             "%s",
			             i % RULES_MODES, b.cr0, b.value, b.cr4, b.efer, b.l, b.tss16,
			             got ? "accepted" : "refused");
		if (i % 16 == 0) {
			if (got)
				check_done(&b);
			else
				check_refused(&b);
		}
		if (entry_refused() != NULL)
			ck_abort_msg("CR0 %lx to %lx, CR4 %lx, EFER %lx: %s", b.cr0, b.value, b.cr4,
			             b.efer, entry_refused());
		done += got;
		refused += !got;
	}
	ck_assert_uint_gt(done, 10000);
	ck_assert_uint_gt(refused, 10000);
}
END_TEST

/* A table that lies outside of guest memory reads as ones, which are reserved bits. */
START_TEST(a_table_that_is_nowhere)
{
	static const u64 places[] = { MEMORY_SIZE, MEMORY_SIZE - 32, 0xffffffe0 };

	for (u32 i = 0; i < ARRAY_SIZE(places); i++) {
		begin(MODE_PAE);
		fake_set(VMCS_GUEST_CR3, places[i]);
		ck_assert(vmx_cr0_write(&vcpu, vmx_read_cr0() | CR0_CD, PHYSICAL_MASK) ==
		          (places[i] == MEMORY_SIZE - 32));
	}
}
END_TEST

START_TEST(efer)
{
	for (u32 mode = 0; mode < RULES_MODES; mode++) {
		for (u32 bits = 0; bits < 16; bits++) {
			u64 value = (bits & 1 ? EFER_SCE : 0) | (bits & 2 ? EFER_LME : 0) |
			            (bits & 4 ? EFER_LMA : 0) | (bits & 8 ? EFER_NXE : 0);
			u64 old;
			bool right;

			begin(mode);
			old = fake.value[VMCS_GUEST_EFER];
			right = mode < MODE_PAE || ((old ^ value) & EFER_LME) == 0;
			ck_assert(vmx_efer_write(&vcpu, value) == right);
			ck_assert_enters();
			if (right)
				ck_assert_uint_eq(fake.value[VMCS_GUEST_EFER],
				                  (value & ~EFER_LMA) | (old & EFER_LMA));
		}
	}
}
END_TEST

/* ---- starts ---- */

/* SDM 3A table 10-1, column INIT. */
static void check_init(u64 caches)
{
	static const struct {
		u32 field;
		u64 value;
	} table[] = {
		{ VMCS_GUEST_RFLAGS, 2 },
		{ VMCS_GUEST_CR3, 0 },
		{ VMCS_GUEST_EFER, 0 },
		{ VMCS_GUEST_DR7, 0x400 },
		{ VMCS_GUEST_GDTR_BASE, 0 },
		{ VMCS_GUEST_GDTR_LIMIT, 0xffff },
		{ VMCS_GUEST_IDTR_BASE, 0 },
		{ VMCS_GUEST_IDTR_LIMIT, 0xffff },
		{ VMCS_GUEST_LDTR, 0 },
		{ VMCS_GUEST_LDTR_LIMIT, 0xffff },
		{ VMCS_GUEST_LDTR_ACCESS, 0x82 },
		{ VMCS_GUEST_TR, 0 },
		{ VMCS_GUEST_TR_LIMIT, 0xffff },
		{ VMCS_GUEST_CS_LIMIT, 0xffff },
		{ VMCS_GUEST_CS_ACCESS, 0x9b },
		{ VMCS_GUEST_SS, 0 },
		{ VMCS_GUEST_SS_BASE, 0 },
		{ VMCS_GUEST_SS_ACCESS, 0x93 },
		{ VMCS_GUEST_GS_BASE, 0 },
		{ VMCS_GUEST_RSP, 0 },
		{ VMCS_GUEST_INTERRUPTIBILITY, 0 },
	};

	for (u32 i = 0; i < ARRAY_SIZE(table); i++)
		ck_assert_msg(fake_read(table[i].field) == table[i].value, "field %x: %lx",
		              table[i].field, fake_read(table[i].field));
	ck_assert_uint_eq(vmx_read_cr0(), CR0_ET | caches);
	ck_assert_uint_eq(vmx_read_cr4(), 0);
	for (u32 i = 0; i < 16; i++)
		ck_assert_uint_eq(vcpu.gpr[i], i == RDX ? SIGNATURE : 0);
	for (u32 i = 0; i < 4; i++)
		ck_assert_uint_eq(fake.dr[i], 0);
	ck_assert_uint_eq(fake.dr[6], 0xffff0ff0);
	ck_assert_uint_eq(fake.cr2, 0);
}

START_TEST(init_out_of_every_mode)
{
	static const u64 caches[] = { 0, CR0_CD, CR0_CD | CR0_NW };

	for (u32 i = 0; i < RULES_MODES * ARRAY_SIZE(caches); i++) {
		u64 kept = caches[i / RULES_MODES];

		begin(i % RULES_MODES);
		fake_set(VMCS_CR0_SHADOW, fake.value[VMCS_GUEST_CR0] | kept);
		fake_set(VMCS_GUEST_RFLAGS, 2 | RFLAGS_TF | RFLAGS_IF);
		fake_set(VMCS_GUEST_INTERRUPTIBILITY, 0xa);
		memset(vcpu.gpr, 0xa5, sizeof(vcpu.gpr));
		memset(fake.dr, 0xa5, sizeof(fake.dr));
		fake.cr2 = 0x1234;
		vmx_start_real(&vcpu, 0x0800, 0, SIGNATURE);
		ck_assert_enters();
		check_init(kept);
		ck_assert_uint_eq(fake.value[VMCS_GUEST_CS_BASE], 0x8000);
		ck_assert_uint_eq(fake.value[VMCS_GUEST_RIP], 0);
	}
}
END_TEST

START_TEST(image_starts)
{
	for (u32 mode = 0; mode < START_MODES; mode++) {
		const struct vcpu_start start = { .mode = mode,
			                          .rip = 0x100000,
			                          .rsp = 0x1000,
			                          .gdt_base = 0x500,
			                          .gdt_limit = 0xffff };

		begin(MODE_REAL);
		vcpu.pending = PENDING_NMI | PENDING_EXCEPTION;
		ck_assert(vmx_start_image(&vcpu, &start));
		ck_assert_uint_eq(vcpu.pending, 0);
		ck_assert_enters();
	}
}
END_TEST

UNIT_MAIN("vmx_mode", 8, { every_move_to_cr0, 1 }, { a_table_that_is_nowhere, 1 }, { efer, 1 },
          { init_out_of_every_mode, 1 }, { image_starts, 1 })
