/* SPDX-License-Identifier: MIT */
/*
 * The processor's checks of the guest state at an entry, as a second formulation: SDM 3C
 * 27.3.1, as far as this code can touch it, with EPT, "unrestricted guest", "virtual NMIs" and the
 * loading of debug controls, PAT and EFER on; and of the event that it injects, 27.2.1.3. The
 * strictest processor: STI blocks NMIs as well. Emulators check less.
 */
#ifndef TESTS_UNIT_VMX_RULES_H
#define TESTS_UNIT_VMX_RULES_H

#include "tests/unit/vmx_fake.h"

#include "hv/base/bits.h"
#include "hv/base/types.h"
#include "hv/base/x86.h"
#include "vmx/controls.h"

#define RULES_PHYSICAL 46u /* MAXPHYADDR */
#define RFLAGS_VM      BIT(17)

static inline bool rules_canonical(u64 address)
{
	return (u64)((s64)(address << 16) >> 16) == address;
}

static inline u64 rules_segment(u64 first, u32 n)
{
	return fake_read(first + 2 * n);
}

#define FAIL_IF(condition)                                                                         \
	do {                                                                                       \
		if (condition)                                                                     \
			return #condition;                                                         \
	} while (0)

/* Each answers with the rule that is broken, in C; NULL: none. */

static inline const char *rules_registers(void)
{
	u64 cr0 = fake_read(VMCS_GUEST_CR0), cr4 = fake_read(VMCS_GUEST_CR4);
	u64 efer = fake_read(VMCS_GUEST_EFER);
	bool ia32e = (fake_read(VMCS_ENTRY_CONTROLS) & ENTRY_GUEST_64) != 0;

	FAIL_IF((cr0 & CR0_NE) == 0);
	FAIL_IF(cr0 >> 32 != 0);
	FAIL_IF((cr0 & CR0_PG) != 0 && (cr0 & CR0_PE) == 0);
	FAIL_IF((cr4 & CR4_VMXE) == 0);
	FAIL_IF(ia32e && (cr0 & CR0_PG) == 0);
	FAIL_IF(ia32e && (cr4 & CR4_PAE) == 0);
	FAIL_IF(!ia32e && (cr4 & CR4_PCIDE) != 0);
	FAIL_IF(fake_read(VMCS_GUEST_CR3) >> RULES_PHYSICAL != 0);
	FAIL_IF(fake_read(VMCS_GUEST_DR7) >> 32 != 0);
	FAIL_IF(fake_read(VMCS_GUEST_DEBUGCTL) != 0);
	FAIL_IF(!rules_canonical(fake_read(VMCS_GUEST_SYSENTER_ESP)));
	FAIL_IF(!rules_canonical(fake_read(VMCS_GUEST_SYSENTER_EIP)));
	FAIL_IF((efer & ~(EFER_SCE | EFER_LME | EFER_LMA | EFER_NXE)) != 0);
	FAIL_IF(((efer & EFER_LMA) != 0) != ia32e);
	FAIL_IF((cr0 & CR0_PG) != 0 && ((efer & EFER_LMA) != 0) != ((efer & EFER_LME) != 0));
	return NULL;
}

/* Checks a segment that is usable. */
static inline const char *rules_common(u32 n, bool system)
{
	u64 access = rules_segment(VMCS_GUEST_ES_ACCESS, n);
	u64 limit = rules_segment(VMCS_GUEST_ES_LIMIT, n);

	FAIL_IF((access & ACCESS_P) == 0);
	FAIL_IF(((access & ACCESS_S) == 0) != system);
	FAIL_IF((access & (BITS(11, 8) | BITS(31, 17))) != 0);
	FAIL_IF((limit & BITS(11, 0)) != BITS(11, 0) && (access & ACCESS_G) != 0);
	FAIL_IF((limit & BITS(31, 20)) != 0 && (access & ACCESS_G) == 0);
	return NULL;
}

static inline const char *rules_code(bool ia32e)
{
	u64 access = rules_segment(VMCS_GUEST_ES_ACCESS, SEG_CS), type = access & ACCESS_TYPE;
	u64 ss_dpl = rules_segment(VMCS_GUEST_ES_ACCESS, SEG_SS) & ACCESS_DPL;
	u64 dpl = access & ACCESS_DPL;

	FAIL_IF(type != 3 && type != 9 && type != 11 && type != 13 && type != 15);
	FAIL_IF(type == 3 && dpl != 0);
	FAIL_IF((type == 9 || type == 11) && dpl != ss_dpl);
	FAIL_IF((type == 13 || type == 15) && dpl > ss_dpl);
	FAIL_IF((type == 3 || (fake_read(VMCS_GUEST_CR0) & CR0_PE) == 0) && ss_dpl != 0);
	FAIL_IF(ia32e && (access & ACCESS_L) != 0 && (access & ACCESS_DB) != 0);
	FAIL_IF(rules_segment(VMCS_GUEST_ES_BASE, SEG_CS) >> 32 != 0);
	return rules_common(SEG_CS, false);
}

static inline const char *rules_data(u32 n)
{
	u64 type = rules_segment(VMCS_GUEST_ES_ACCESS, n) & ACCESS_TYPE;
	u64 base = rules_segment(VMCS_GUEST_ES_BASE, n);

	FAIL_IF((n == SEG_FS || n == SEG_GS) && !rules_canonical(base));
	if ((rules_segment(VMCS_GUEST_ES_ACCESS, n) & ACCESS_UNUSABLE) != 0)
		return NULL;
	FAIL_IF(n < SEG_FS && base >> 32 != 0);
	FAIL_IF(n == SEG_SS && type != 3 && type != 7);
	FAIL_IF((type & 1) == 0 || ((type & 8) != 0 && (type & 2) == 0));
	return rules_common(n, false);
}

static inline const char *rules_system(bool ia32e)
{
	u64 tr = rules_segment(VMCS_GUEST_ES_ACCESS, SEG_TR);
	u64 ldtr = rules_segment(VMCS_GUEST_ES_ACCESS, SEG_LDTR);
	const char *broken = rules_common(SEG_TR, true);

	FAIL_IF((tr & ACCESS_UNUSABLE) != 0);
	FAIL_IF((tr & ACCESS_TYPE) != 11 && (ia32e || (tr & ACCESS_TYPE) != 3));
	FAIL_IF((rules_segment(VMCS_GUEST_ES, SEG_TR) & 4) != 0);
	if (broken != NULL || (ldtr & ACCESS_UNUSABLE) != 0)
		return broken;
	FAIL_IF((ldtr & ACCESS_TYPE) != 2);
	FAIL_IF((rules_segment(VMCS_GUEST_ES, SEG_LDTR) & 4) != 0);
	return rules_common(SEG_LDTR, true);
}

static inline const char *rules_segments(void)
{
	bool ia32e = (fake_read(VMCS_ENTRY_CONTROLS) & ENTRY_GUEST_64) != 0;
	const char *broken = rules_code(ia32e);

	for (u32 n = SEG_ES; n <= SEG_GS && broken == NULL; n++)
		if (n != SEG_CS)
			broken = rules_data(n);
	if (broken == NULL)
		broken = rules_system(ia32e);
	FAIL_IF(broken == NULL && !rules_canonical(fake_read(VMCS_GUEST_GDTR_BASE)));
	FAIL_IF(broken == NULL && !rules_canonical(fake_read(VMCS_GUEST_IDTR_BASE)));
	FAIL_IF(broken == NULL && fake_read(VMCS_GUEST_GDTR_LIMIT) >> 16 != 0);
	FAIL_IF(broken == NULL && fake_read(VMCS_GUEST_IDTR_LIMIT) >> 16 != 0);
	return broken;
}

static inline const char *rules_rip_and_flags(void)
{
	u64 rip = fake_read(VMCS_GUEST_RIP), rflags = fake_read(VMCS_GUEST_RFLAGS);
	bool ia32e = (fake_read(VMCS_ENTRY_CONTROLS) & ENTRY_GUEST_64) != 0;
	bool l = (rules_segment(VMCS_GUEST_ES_ACCESS, SEG_CS) & ACCESS_L) != 0;

	FAIL_IF(!(ia32e && l) && rip >> 32 != 0);
	FAIL_IF(ia32e && l && !rules_canonical(rip));
	FAIL_IF((rflags & (BITS(63, 22) | BIT(15) | BIT(5) | BIT(3))) != 0);
	FAIL_IF((rflags & RFLAGS_ONE) == 0);
	FAIL_IF((rflags & RFLAGS_VM) != 0 && (ia32e || (fake_read(VMCS_GUEST_CR0) & CR0_PE) == 0));
	return NULL;
}

static inline const char *rules_other_state(void)
{
	u64 blocked = fake_read(VMCS_GUEST_INTERRUPTIBILITY);
	u64 pending = fake_read(VMCS_GUEST_PENDING_DEBUG), rflags = fake_read(VMCS_GUEST_RFLAGS);
	bool stepping = (rflags & RFLAGS_TF) != 0;

	FAIL_IF(fake_read(VMCS_GUEST_ACTIVITY) != ACTIVITY_ACTIVE);
	FAIL_IF((blocked & ~0xbull) != 0);
	FAIL_IF((blocked & INTERRUPTIBILITY_SHADOWS) == INTERRUPTIBILITY_SHADOWS);
	FAIL_IF((blocked & INTERRUPTIBILITY_STI) != 0 && (rflags & RFLAGS_IF) == 0);
	FAIL_IF((pending & ~(BIT(16) | BIT(14) | BIT(12) | BITS(3, 0))) != 0);
	FAIL_IF((blocked & INTERRUPTIBILITY_SHADOWS) != 0 &&
	        stepping != ((pending & BIT(14)) != 0));
	FAIL_IF(fake_read(VMCS_LINK_POINTER) != ~0ull);
	return NULL;
}

static inline const char *rules_pdptes(void)
{
	bool pae = (fake_read(VMCS_GUEST_CR0) & CR0_PG) != 0 &&
	           (fake_read(VMCS_GUEST_CR4) & CR4_PAE) != 0 &&
	           (fake_read(VMCS_ENTRY_CONTROLS) & ENTRY_GUEST_64) == 0;

	for (u32 i = 0; pae && i < 4; i++) {
		u64 entry = fake_read(VMCS_GUEST_PDPTE0 + 2 * i);

		FAIL_IF((entry & 1) != 0 &&
		        (entry & (BITS(63, RULES_PHYSICAL) | BITS(8, 5) | BITS(2, 1))) != 0);
	}
	return NULL;
}

/* ---- the event ---- */

static inline bool has_error_code(u32 vector)
{
	return vector == 8 || (vector >= 10 && vector <= 14) || vector == 17 || vector == 21;
}

static inline const char *rules_event(void)
{
	u32 info = (u32)fake_read(VMCS_ENTRY_INTERRUPTION_INFO);
	u32 type = info >> 8 & 7, vector = info & 0xff;
	u64 blocked = fake_read(VMCS_GUEST_INTERRUPTIBILITY);
	bool protected = (fake_read(VMCS_GUEST_CR0) & CR0_PE) != 0;

	if (info >> 31 == 0)
		return NULL;
	FAIL_IF((info & 0x7ffff000) != 0);
	FAIL_IF((info >> 11 & 1) != (protected && type == 3 && has_error_code(vector)));
	FAIL_IF((info >> 11 & 1) != 0 && fake_read(VMCS_ENTRY_ERROR_CODE) >> 16 != 0);
	FAIL_IF(type == 1 || type == 7);
	FAIL_IF(type == 2 && vector != 2);
	FAIL_IF(type == 3 && vector > 31);
	FAIL_IF(type >= 4 && (fake_read(VMCS_ENTRY_INSTRUCTION_LENGTH) < 1 ||
	                      fake_read(VMCS_ENTRY_INSTRUCTION_LENGTH) > 15));
	FAIL_IF(type == 0 && (fake_read(VMCS_GUEST_RFLAGS) & RFLAGS_IF) == 0);
	FAIL_IF((type == 0 || type == 2) && (blocked & INTERRUPTIBILITY_SHADOWS) != 0);
	FAIL_IF(type == 2 && (blocked & INTERRUPTIBILITY_NMI) != 0);
	return NULL;
}

/* The rule that an entry would fail by, NULL: it succeeds. */
static inline const char *entry_refused(void)
{
	const char *(*const rules[])(void) = { rules_registers,     rules_segments,
		                               rules_rip_and_flags, rules_other_state,
		                               rules_pdptes,        rules_event };
	const char *broken = NULL;

	for (u32 i = 0; i < ARRAY_SIZE(rules) && broken == NULL; i++)
		broken = rules[i]();
	return broken;
}

#define ck_assert_enters(...)                                                                      \
	do {                                                                                       \
		const char *broken_ = entry_refused();                                             \
		ck_assert_msg(broken_ == NULL, "entry refused: %s", broken_);                      \
	} while (0)

/* ---- a guest that may be entered ---- */

enum rules_mode { MODE_REAL, MODE_32, MODE_PAE, MODE_COMPATIBLE, MODE_64, RULES_MODES };

static inline void rules_set_segments(enum rules_mode mode)
{
	bool real = mode == MODE_REAL;
	u64 code = real ? 0x9b : mode == MODE_64 ? 0xa09b : 0xc09b;

	for (u32 n = SEG_ES; n < SEGMENTS; n++) {
		u64 access = n == SEG_CS     ? code
		             : n == SEG_LDTR ? ACCESS_UNUSABLE
		             : n == SEG_TR   ? 0x8b
		             : real          ? 0x93
		                             : 0xc093;

		fake_set(VMCS_GUEST_ES + 2 * n, n == SEG_LDTR || real ? 0 : 8);
		fake_set(VMCS_GUEST_ES_BASE + 2 * n, 0);
		fake_set(VMCS_GUEST_ES_LIMIT + 2 * n,
		         (access & ACCESS_G) != 0 ? 0xffffffff : 0xffff);
		fake_set(VMCS_GUEST_ES_ACCESS + 2 * n, access);
	}
}

/* The registers that make a mode. */
static inline void rules_set_mode(enum rules_mode mode)
{
	bool ia32e = mode >= MODE_COMPATIBLE;
	u64 cr0 = CR0_ET | CR0_NE;

	if (mode != MODE_REAL)
		cr0 |= CR0_PE;
	if (mode >= MODE_PAE)
		cr0 |= CR0_PG;
	fake_set(VMCS_GUEST_CR0, cr0);
	fake_set(VMCS_GUEST_CR4, CR4_VMXE | (mode >= MODE_PAE ? CR4_PAE : 0));
	fake_set(VMCS_GUEST_EFER, ia32e ? EFER_LME | EFER_LMA : 0);
	fake_set(VMCS_ENTRY_CONTROLS, ia32e ? ENTRY_GUEST_64 : 0);
	rules_set_segments(mode);
}

static inline void rules_set_guest(enum rules_mode mode)
{
	static const u16 zero[] = { VMCS_GUEST_CR3,           VMCS_GUEST_DEBUGCTL,
		                    VMCS_GUEST_SYSENTER_ESP,  VMCS_GUEST_SYSENTER_EIP,
		                    VMCS_GUEST_GDTR_BASE,     VMCS_GUEST_IDTR_BASE,
		                    VMCS_GUEST_GDTR_LIMIT,    VMCS_GUEST_IDTR_LIMIT,
		                    VMCS_GUEST_ACTIVITY,      VMCS_GUEST_INTERRUPTIBILITY,
		                    VMCS_GUEST_PENDING_DEBUG, VMCS_ENTRY_INTERRUPTION_INFO,
		                    VMCS_GUEST_PDPTE0,        VMCS_GUEST_PDPTE1,
		                    VMCS_GUEST_PDPTE2,        VMCS_GUEST_PDPTE3 };

	for (u32 i = 0; i < ARRAY_SIZE(zero); i++)
		fake_set(zero[i], 0);
	fake_set(VMCS_GUEST_DR7, DR7_RESET);
	fake_set(VMCS_GUEST_RFLAGS, RFLAGS_ONE);
	fake_set(VMCS_GUEST_RIP, 0x1000);
	fake_set(VMCS_LINK_POINTER, ~0ull);
	rules_set_mode(mode);
	ck_assert_enters();
}

#endif
