/* SPDX-License-Identifier: MIT */
/*
 * The end of an instruction that was carried out for the guest, and debug exceptions: what the
 * processor would have left behind, and that the entry succeeds. SDM 3B 18.2.3, 18.3; 3C 27.3.1.
 */
#include "tests/unit/main.h"
#include "tests/unit/vmx_rules.h"

#include "hv/kernel/exit/advance.h"
#include "vmx/inject.c"

#define DR6_OLD (DR6_RESET | DR6_BD | BIT(2)) /* what the guest has not cleared yet */
#define DB_INFO 0x80000301u
#define BD      BIT(13)
#define BS      BIT(14)

static struct vcpu it;

struct scene {
	enum rules_mode mode;
	bool step, nmi_blocked, sti, mov_ss, rf;
	u64 rip, length;
	u64 held; /* hits that MOV SS holds back, of a breakpoint that is enabled */
};

/* False: the processor cannot be found so. With STI a step's trap comes before the next exit. */
static bool arrange(const struct scene *s)
{
	if ((s->sti && (s->mov_ss || s->step)) || (s->held != 0 && !s->mov_ss))
		return false;
	fake_reset();
	memset(&it, 0, sizeof(it));
	rules_set_guest(s->mode);
	fake_set(VMCS_GUEST_RFLAGS,
	         RFLAGS_ONE | RFLAGS_IF | (s->step ? RFLAGS_TF : 0) | (s->rf ? RFLAGS_RF : 0));
	fake_set(VMCS_GUEST_INTERRUPTIBILITY,
	         (u64)s->sti | (u64)s->mov_ss << 1 | (u64)s->nmi_blocked << 3);
	fake_set(VMCS_GUEST_PENDING_DEBUG,
	         (s->held != 0 ? s->held | BIT(12) : 0) | (s->step && s->mov_ss ? BS : 0));
	fake_set(VMCS_GUEST_DR7, DR7_RESET | DR7_GD);
	fake_set(VMCS_GUEST_RIP, s->rip);
	fake_set(VMCS_EXIT_INSTRUCTION_LENGTH, s->length);
	fake.dr[6] = DR6_OLD;
	return true;
}

/* By the manual: RIP, shadows, RF, and the traps, which are one #DB. */
static void check(const struct scene *s)
{
	u64 rip = s->rip + s->length, traps = s->held | (s->step ? BS : 0);
	enum vmx_injection want = traps != 0 ? INJECTED_FAULT : INJECTED_NOTHING;

	if (s->mode != MODE_64)
		rip &= 0xffffffff;
	vcpu_advance(&it);
	ck_assert_int_eq(vmx_inject(&it.vmx, -1), want);
	ck_assert_enters();
	ck_assert_uint_eq(fake.value[VMCS_GUEST_RIP], rip);
	ck_assert_uint_eq(fake.value[VMCS_GUEST_INTERRUPTIBILITY], s->nmi_blocked ? 8 : 0);
	ck_assert_uint_eq(fake.value[VMCS_GUEST_RFLAGS],
	                  RFLAGS_ONE | RFLAGS_IF | (s->step ? RFLAGS_TF : 0));
	ck_assert_uint_eq(it.vmx.pending, 0);
	ck_assert_uint_eq(fake.value[VMCS_ENTRY_INTERRUPTION_INFO], traps != 0 ? DB_INFO : 0);
	ck_assert_uint_eq(fake.dr[6], traps != 0 ? (DR6_OLD & ~0xfull) | traps : DR6_OLD);
	ck_assert_uint_eq(fake.value[VMCS_GUEST_DR7], traps != 0 ? DR7_RESET : DR7_RESET | DR7_GD);
}

START_TEST(every_end)
{
	static const u64 rips[] = { 0x1000, 0xfffffffe, 0xfffffff0, 0xfffffffd };
	u32 n = 0;

	for (u32 i = 0; i < RULES_MODES << 11; i++) {
		struct scene s = {
			.mode = i >> 11,
			.step = i & 1,
			.nmi_blocked = i >> 1 & 1,
			.sti = i >> 2 & 1,
			.mov_ss = i >> 3 & 1,
			.rf = i >> 4 & 1,
			.rip = rips[i >> 5 & 3],
			.length = i >> 10 & 1 ? 2 : 0, /* 0: an element of REP INS */
			.held = (i >> 7 & 7) == 0 ? 0 : BIT(i >> 7 & 3),
		};

		if (!arrange(&s))
			continue;
		check(&s);
		n++;
	}
	ck_assert_uint_gt(n, 1000);
}
END_TEST

/* Kernels in the upper half: 2^32 is crossed there as well, and nothing is cut. */
START_TEST(a_kernel_crosses_4_gib)
{
	const struct scene s = { .mode = MODE_64, .rip = 0xffffffffffffffff - 1, .length = 3 };
	const struct scene t = { .mode = MODE_64, .rip = 0xfffffffefffffffe, .length = 3 };

	ck_assert(arrange(&s));
	vcpu_advance(&it);
	ck_assert_int_eq(vmx_inject(&it.vmx, -1), INJECTED_NOTHING);
	ck_assert_uint_eq(fake.value[VMCS_GUEST_RIP], 1);
	ck_assert(arrange(&t));
	check(&t);
}
END_TEST

/* Nothing special: RIP is all that is written. */
START_TEST(usually_one_write)
{
	const struct scene s = { .mode = MODE_64, .rip = 0x1000, .length = 2 };
	u32 writes = 0;

	ck_assert(arrange(&s));
	vcpu_advance(&it);
	ck_assert_uint_eq(it.vmx.pending, 0);
	for (u32 i = 0; i < VMCS_FIELDS; i++)
		writes += fake.writes[i];
	ck_assert_uint_eq(writes, 1);
}
END_TEST

/* A step's trap comes before what else waits; that opens its window, and comes then. */
START_TEST(a_trap_comes_first)
{
	const struct scene s = { .mode = MODE_64, .step = true, .rip = 0x1000, .length = 2 };

	ck_assert(arrange(&s));
	fake_set(VMCS_PRIMARY_CONTROLS, 0);
	it.vmx.pending = PENDING_NMI;
	vcpu_advance(&it);
	ck_assert_int_eq(vmx_inject(&it.vmx, 0x51), INJECTED_FAULT);
	ck_assert_enters();
	ck_assert_uint_eq(fake.value[VMCS_ENTRY_INTERRUPTION_INFO], DB_INFO);
	ck_assert_uint_eq(it.vmx.pending, PENDING_NMI);
	ck_assert_uint_eq(it.vmx.cpu_controls, PRIMARY_NMI_WINDOW | PRIMARY_INTERRUPT_WINDOW);
}
END_TEST

/* Exits behind an instruction leave its trap in the VMCS, from where an interrupt would drop it. */
START_TEST(a_trap_that_an_exit_leaves)
{
	static const u64 left[] = { 0, BS, BIT(12) | BIT(1), BS | BIT(12) | BIT(3), BIT(1) };

	for (u32 i = 0; i < ARRAY_SIZE(left); i++) {
		const struct scene s = { .mode = MODE_64, .rip = 0x1000 };
		bool due = (left[i] & (BS | BIT(12))) != 0;

		ck_assert(arrange(&s));
		fake_set(VMCS_PRIMARY_CONTROLS, 0);
		fake_set(VMCS_GUEST_PENDING_DEBUG, left[i]);
		vmx_take_traps(&it.vmx);
		ck_assert_int_eq(vmx_inject(&it.vmx, 0x51),
		                 due ? INJECTED_FAULT : INJECTED_INTERRUPT);
		ck_assert_enters();
		ck_assert_uint_eq(fake.dr[6] & (BS | 0xf),
		                  due ? left[i] & (BS | 0xf) : DR6_OLD & 0xf);
	}
}
END_TEST

/* DR6 and DR7 when #DB is handed back, by the exit's qualification. */
START_TEST(debug_registers)
{
	static const u64 causes[] = { 0, 1, 2, 4, 8, 0xf, BD, BS, BS | 3, BD | 1 };
	static const u64 olds[] = { DR6_RESET, DR6_RESET | BD, DR6_RESET | BS | 0xf,
		                    DR6_RESET | BIT(15), DR6_RESET & ~BIT(16) };

	for (u32 i = 0; i < ARRAY_SIZE(causes) * ARRAY_SIZE(olds) * 2; i++) {
		const struct scene s = { .mode = MODE_64, .rip = 0x1000, .rf = i & 1 };
		u64 cause = causes[i / 2 % ARRAY_SIZE(causes)];
		u64 old = olds[i / 2 / ARRAY_SIZE(causes)];

		ck_assert(arrange(&s));
		fake.dr[6] = old;
		vmx_inject_debug(&it.vmx, cause);
		ck_assert_int_eq(vmx_inject(&it.vmx, -1), INJECTED_FAULT);
		ck_assert_uint_eq(fake.dr[6], (old & ~0xfull) | cause);
		ck_assert_uint_eq(fake.value[VMCS_GUEST_DR7], DR7_RESET);
		/* As the exit has saved it: clear for an instruction breakpoint's handler. */
		ck_assert(((fake.value[VMCS_GUEST_RFLAGS] & RFLAGS_RF) != 0) == s.rf);
	}
	/* RTM and bus lock are told by 1 and noted by 0. */
	fake.dr[6] = DR6_RESET | BIT(11);
	vmx_inject_debug(&it.vmx, BIT(16) | BIT(11));
	ck_assert_uint_eq(fake.dr[6], (DR6_RESET & ~BIT(16)) & ~BIT(11));
}
END_TEST

/* SDM 3B 18.3.1.1: the frame of a fault has RF set; here it is RFLAGS that the entry pushes. */
START_TEST(faults_set_rf)
{
	static const enum exception_vector vectors[] = { EXCEPTION_UD, EXCEPTION_GP, EXCEPTION_PF,
		                                         EXCEPTION_AC };

	for (u32 i = 0; i < ARRAY_SIZE(vectors) * RULES_MODES; i++) {
		enum exception_vector vector = vectors[i % ARRAY_SIZE(vectors)];
		const struct scene s = { .mode = i / ARRAY_SIZE(vectors), .rip = 0x1000 };

		ck_assert(arrange(&s));
		vmx_inject_fault(&it.vmx, vector, 0x18);
		ck_assert_int_eq(vmx_inject(&it.vmx, -1), INJECTED_FAULT);
		ck_assert_enters();
		ck_assert((fake.value[VMCS_GUEST_RFLAGS] & RFLAGS_RF) != 0);
		ck_assert_uint_eq(fake.value[VMCS_GUEST_RIP], 0x1000);
		ck_assert_uint_eq(fake.value[VMCS_ENTRY_INTERRUPTION_INFO] >> 11 & 1,
		                  s.mode != MODE_REAL && vector != EXCEPTION_UD);
	}
}
END_TEST

UNIT_MAIN("vmx_retire", 4, { every_end, 1 }, { a_kernel_crosses_4_gib, 1 },
          { usually_one_write, 1 }, { a_trap_comes_first, 1 }, { a_trap_that_an_exit_leaves, 1 },
          { debug_registers, 1 }, { faults_set_rf, 1 })
