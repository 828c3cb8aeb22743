/* SPDX-License-Identifier: MIT */
/*
 * What goes into the guest at an entry, against a second formulation: the processor's own checks
 * of an entry, of which events would be let in, and a small processor that runs handlers, blocks
 * and opens windows. SDM 3C 25.4.2, 27.2.1.3, 27.3.1.4, 27.3.1.5, 27.7.
 */
#include "tests/unit/vmx_entry.h"

#define INTERRUPT 0x51

/* Would an entry with this event succeed? */
static bool entry_accepts(struct event e)
{
	const u64 saved[] = { fake.value[VMCS_ENTRY_INTERRUPTION_INFO],
		              fake.value[VMCS_ENTRY_ERROR_CODE],
		              fake.value[VMCS_ENTRY_INSTRUCTION_LENGTH] };
	bool accepted;

	fake_set(VMCS_ENTRY_INTERRUPTION_INFO, e.info);
	fake_set(VMCS_ENTRY_ERROR_CODE, e.error);
	fake_set(VMCS_ENTRY_INSTRUCTION_LENGTH, e.length);
	accepted = entry_refused() == NULL;
	fake_set(VMCS_ENTRY_INTERRUPTION_INFO, saved[0]);
	fake_set(VMCS_ENTRY_ERROR_CODE, saved[1]);
	fake_set(VMCS_ENTRY_INSTRUCTION_LENGTH, saved[2]);
	return accepted;
}

/* ---- states ---- */

static const struct event faults[] = {
	{ 0, 0, 0 },
	{ 0x80000306, 0, 0 },
	{ 0x80000b0d, 0x1234, 0 },
	{ 0x80000301, 0, 0 }, /* the guest's own #DB, handed back */
};
#define HANDED_BACK 3u
#define INT1        7u /* in vectoring[]; handed back, too */

struct setting {
	u32 vectoring, fault, nmi_pending, nmi_blocked, sti, mov_ss, flag, step, real;
	int vector;
};

/* The exit was for #DB, which leaves nothing pending. */
static bool debug_exit(const struct setting *s)
{
	return s->fault == HANDED_BACK || (s->vectoring == INT1 && s->fault == 0);
}

/* False: the processor cannot be found so. */
static bool possible(const struct setting *s)
{
	u32 first = s->vectoring;

	if ((s->sti && !s->flag) || (s->sti && s->mov_ss))
		return false;
	/* The trap behind a stepped STI is a #DB. */
	if (s->sti && s->step && !debug_exit(s))
		return false;
	if (s->fault == HANDED_BACK && first != 0) /* no delivery raises #DB */
		return false;
	if (s->real && (vectoring[first].info & 0x800) != 0)
		return false;
	if (first == 1 && (!s->flag || s->sti || s->mov_ss))
		return false;
	return first != 2 || (s->nmi_blocked && !s->sti && !s->mov_ss);
}

static void arrange(const struct setting *s)
{
	set_fields(s->sti | s->mov_ss << 1 | s->nmi_blocked << 3, s->flag);
	if (s->real)
		rules_set_mode(MODE_REAL);
	if (s->step) {
		fake_set(VMCS_GUEST_RFLAGS, fake.value[VMCS_GUEST_RFLAGS] | RFLAGS_TF);
		fake_set(VMCS_GUEST_PENDING_DEBUG, s->mov_ss && !debug_exit(s) ? DR6_BS : 0);
	}
	exit_while_delivering(vectoring[s->vectoring]);
	if (s->fault != 0) {
		/* Not through vmx_inject_fault, which would merge the two; that has its own test.
		 */
		vcpu.pending |= PENDING_EXCEPTION;
		vcpu.exception = faults[s->fault].info;
		vcpu.exception_error = faults[s->fault].error;
	}
	if (s->nmi_pending)
		vcpu.pending |= PENDING_NMI;
}

/* ---- one entry ---- */

/* The first of the four, in the order of the SDM, that the processor would let in. */
static struct event expected(const struct setting *s)
{
	struct event e = vectoring[s->vectoring];

	e.info &= ~0x1000u;
	if (e.info != 0)
		return e;
	if (s->fault != 0) {
		e = faults[s->fault];
		return s->real ? (struct event){ e.info & ~0x800u, 0, 0 } : e;
	}
	if (s->nmi_pending && entry_accepts((struct event){ 0x80000202, 0, 0 }))
		return (struct event){ 0x80000202, 0, 0 };
	e.info = 0x80000000 | (u32)s->vector;
	if (s->vector >= 0 && entry_accepts(e))
		return e;
	return (struct event){ 0 };
}

static void check_entry(const struct setting *s)
{
	struct event want, got;
	enum vmx_injection told, done;
	bool nmi_left, vector_left, nmi_window, interrupt_window, in_shadow;

	arrange(s);
	want = expected(s);
	told = vmx_inject(&vcpu, s->vector);
	got = prepared();
	ck_assert_msg(same(got, want),
	              "vectoring %x, fault %x, NMI %u, vector %d; IF %u STI %u MOV-SS %u NMI %u: "
	              "%x/%x/%u instead of %x/%x/%u",
	              vectoring[s->vectoring].info, faults[s->fault].info, s->nmi_pending,
	              s->vector, s->flag, s->sti, s->mov_ss, s->nmi_blocked, got.info, got.error,
	              got.length, want.info, want.error, want.length);
	ck_assert_msg(entry_refused() == NULL,
	              "vectoring %x, fault %x; IF %u STI %u MOV-SS %u step %u real %u: %s",
	              vectoring[s->vectoring].info, faults[s->fault].info, s->flag, s->sti,
	              s->mov_ss, s->step, s->real, entry_refused());

	done = got.info == 0                        ? INJECTED_NOTHING
	       : s->vectoring != 0 || s->fault != 0 ? INJECTED_FAULT
	       : (got.info & 0x700) == 0x200        ? INJECTED_NMI
	                                            : INJECTED_INTERRUPT;
	ck_assert_int_eq(told, done);
	/* What has not gone in still stands, and nothing else does. */
	nmi_left = s->nmi_pending && done != INJECTED_NMI;
	vector_left = s->vector >= 0 && done != INJECTED_INTERRUPT;
	ck_assert_uint_eq(vcpu.pending,
	                  UPPER | (nmi_left ? PENDING_NMI : 0) |
	                          (s->vectoring != 0 && s->fault != 0 ? PENDING_EXCEPTION : 0));
	/* Each of the two has a window that will open. */
	in_shadow = STI && got.info == 0;
	nmi_window = nmi_left && !in_shadow;
	interrupt_window = vector_left || (nmi_left && in_shadow);
	ck_assert_uint_eq(vcpu.cpu_controls,
	                  PRIMARY_HLT_EXITING | (nmi_window ? PRIMARY_NMI_WINDOW : 0) |
	                          (interrupt_window ? PRIMARY_INTERRUPT_WINDOW : 0));
	ck_assert_uint_eq(fake.value[VMCS_PRIMARY_CONTROLS], vcpu.cpu_controls);
	ck_assert_uint_eq(fake.writes[VMCS_GUEST_ACTIVITY], 0);
}

static u32 each_setting(void (*fn)(const struct setting *s))
{
	static const int vectors[] = { -1, 0x20, INTERRUPT, 0xff };
	u32 n = 0;

	for (u32 i = 0; i < ARRAY_SIZE(vectoring) * ARRAY_SIZE(faults) << 9; i++) {
		struct setting s = {
			.nmi_pending = i & 1,
			.nmi_blocked = i >> 1 & 1,
			.sti = i >> 2 & 1,
			.mov_ss = i >> 3 & 1,
			.flag = i >> 4 & 1,
			.vector = vectors[i >> 5 & 3],
			.step = i >> 7 & 1,
			.real = i >> 8 & 1,
			.fault = (i >> 9) % ARRAY_SIZE(faults),
			.vectoring = (u32)((i >> 9) / ARRAY_SIZE(faults)),
		};

		if (!possible(&s))
			continue;
		fn(&s);
		n++;
	}
	return n;
}

START_TEST(every_setting)
{
	ck_assert_uint_gt(each_setting(check_entry), 1000);
}
END_TEST

/* ---- and what follows ---- */

struct machine {
	u32 depth, steps;
	bool saved_flag[8];
	bool window_ignores_sti; /* some processors' NMI window does */
	u32 nmis, interrupts, others;
};

static void set_flag(bool on)
{
	fake_set(VMCS_GUEST_RFLAGS, on ? 0x202 : 2);
}

static void set_blocking(u32 clear, u32 set)
{
	fake_set(VMCS_GUEST_INTERRUPTIBILITY,
	         (fake.value[VMCS_GUEST_INTERRUPTIBILITY] & ~(u64)clear) | set);
}

static void enter_handler(struct machine *m, u32 info)
{
	u32 type = info >> 8 & 7;

	/* An interrupt overtakes an NMI that is blocked, or comes again. No other does. */
	ck_assert(type != 0 || (vcpu.pending & PENDING_NMI) == 0 || NMI || (u8)info == BEGUN);
	m->nmis += type == 2;
	m->interrupts += type == 0;
	m->others += type > 2;
	ck_assert_uint_lt(m->depth, 8);
	m->saved_flag[m->depth++] = IF;
	set_flag(false);
	set_blocking(3, type == 2 ? 8 : 0);
	fake_set(VMCS_ENTRY_INTERRUPTION_INFO, 0);
}

/* A handler's one instruction is IRET, the program's STI while IF is 0. */
static void execute(struct machine *m)
{
	set_blocking(3, 0);
	if (m->depth != 0) {
		set_flag(m->saved_flag[--m->depth]);
		set_blocking(8, 0);
	} else if (!IF) {
		set_flag(true);
		set_blocking(0, 1);
	} else {
		set_blocking(8, 0); /* the program was a handler of an NMI itself: its IRET */
	}
}

static bool window_opens(const struct machine *m)
{
	bool nmi = !NMI && !MOV_SS && (m->window_ignores_sti || !STI);

	return (field_bit(VMCS_PRIMARY_CONTROLS, PRIMARY_NMI_WINDOW) && nmi) ||
	       (field_bit(VMCS_PRIMARY_CONTROLS, PRIMARY_INTERRUPT_WINDOW) && IF && !STI &&
	        !MOV_SS);
}

static void run(struct machine *m, int vector)
{
	while (m->steps++ < 40) {
		struct event e;

		if (vmx_inject(&vcpu, vector) == INJECTED_INTERRUPT)
			vector = -1;
		e = prepared();
		if (e.info != 0) {
			ck_assert(entry_accepts(e));
			enter_handler(m, e.info);
		}
		while (!window_opens(m) && m->steps++ < 40)
			execute(m);
		vmx_windows_closed(&vcpu);
		ck_assert_uint_eq(fake.value[VMCS_PRIMARY_CONTROLS], PRIMARY_HLT_EXITING);
	}
}

static void check_course(const struct setting *s)
{
	u32 first = vectoring[s->vectoring].info >> 8 & 7;
	u32 vectored = s->vectoring != 0;

	for (u32 kind = 0; kind < 2; kind++) {
		struct machine m = { .window_ignores_sti = kind == 1 };

		if (s->vectoring != 0 && s->fault != 0)
			continue; /* vmx_inject_fault leaves one of them */
		arrange(s);
		run(&m, s->vector);
		ck_assert_uint_eq(vcpu.pending, UPPER);
		ck_assert_uint_eq(m.nmis, s->nmi_pending + (u32)(vectored && first == 2));
		ck_assert_uint_eq(m.interrupts,
		                  (u32)(s->vector >= 0) + (u32)(vectored && first == 0));
		ck_assert_uint_eq(m.others, (u32)(s->fault != 0) + (u32)(vectored && first > 2));
	}
}

/* Each event is delivered once, in order, and no entry fails, on the way to an idle guest. */
START_TEST(every_course)
{
	ck_assert_uint_gt(each_setting(check_course), 1000);
}
END_TEST

/* A window that is open already costs no write. */
START_TEST(windows_are_opened_once)
{
	set_fields(1, true);
	vcpu.pending |= PENDING_NMI;
	for (u32 i = 0; i < 3; i++)
		ck_assert_int_eq(vmx_inject(&vcpu, INTERRUPT), INJECTED_NOTHING);
	ck_assert_uint_eq(fake.writes[VMCS_PRIMARY_CONTROLS], 1);
	set_blocking(1, 0);
	ck_assert_int_eq(vmx_inject(&vcpu, INTERRUPT), INJECTED_NMI);
	ck_assert_uint_eq(fake.writes[VMCS_PRIMARY_CONTROLS], 1);
}
END_TEST

UNIT_MAIN("vmx_inject", 4, { every_setting, 1 }, { every_course, 1 },
          { windows_are_opened_once, 1 })
