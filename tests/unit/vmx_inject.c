/* SPDX-License-Identifier: MIT */
/*
 * What goes into the guest at an entry, against a second formulation: the processor's own checks
 * of an entry, of which events would be let in, and a small processor that runs handlers, blocks
 * and opens windows. SDM 3A 7.15; 3C 25.4.2, 27.2.1.3, 27.3.1.4, 27.3.1.5, 27.7.
 */
#include "tests/unit/vmx_fake.h"

#include "hv/advance.h"
#include "vmx/inject.c"

#include <stdlib.h>

#define INTERRUPT 0x51
#define BEGUN     0x31      /* an interrupt whose delivery an exit cut short */
#define UPPER     BIT32(20) /* a bit of vmx_vcpu.pending that is the caller's */

static struct vmx_vcpu vcpu;

/* ---- the processor ---- */

static bool field_bit(u64 field, u32 mask)
{
	return (fake.value[field] & mask) != 0;
}

#define IF     field_bit(VMCS_GUEST_RFLAGS, RFLAGS_IF)
#define STI    field_bit(VMCS_GUEST_INTERRUPTIBILITY, 1)
#define MOV_SS field_bit(VMCS_GUEST_INTERRUPTIBILITY, 2)
#define NMI    field_bit(VMCS_GUEST_INTERRUPTIBILITY, 8)

struct event {
	u32 info, error, length;
};

static bool has_error_code(u32 vector)
{
	return vector == 8 || (vector >= 10 && vector <= 14) || vector == 17 || vector == 21;
}

/* Would an entry with this event succeed? The strictest processor: STI blocks NMIs as well. */
static bool entry_accepts(struct event e)
{
	u32 type = e.info >> 8 & 7, vector = e.info & 0xff;

	if ((STI && !IF) || (STI && MOV_SS) || (e.info & 0x7ffff000) != 0)
		return false;
	if ((e.info >> 11 & 1) != (type == 3 && has_error_code(vector)))
		return false;
	switch (type) {
	case 0:
		return IF && !STI && !MOV_SS;
	case 2:
		return vector == 2 && !STI && !MOV_SS && !NMI;
	case 3:
		return vector < 32 && e.error >> 16 == 0;
	case 4:
	case 5:
	case 6:
		return e.length >= 1 && e.length <= 15;
	default:
		return false;
	}
}

/* What the entry would inject; info 0 = nothing. Error code and length only where they count. */
static struct event prepared(void)
{
	struct event e = { (u32)fake.value[VMCS_ENTRY_INTERRUPTION_INFO], 0, 0 };

	if (e.info >> 31 == 0)
		return (struct event){ 0 };
	if ((e.info >> 11 & 1) != 0)
		e.error = (u32)fake_read(VMCS_ENTRY_ERROR_CODE);
	if ((e.info >> 8 & 7) >= 4)
		e.length = (u32)fake_read(VMCS_ENTRY_INSTRUCTION_LENGTH);
	return e;
}

static bool same(struct event a, struct event b)
{
	return a.info == b.info && a.error == b.error && a.length == b.length;
}

/* ---- states ---- */

/* What an exit can find half delivered. Bit 12 is undefined in the field: some set it. */
static const struct event vectoring[] = {
	{ 0, 0, 0 },                  /* nothing */
	{ 0x80000000 | BEGUN, 0, 0 }, /* interrupt */
	{ 0x80001202, 0, 0 },         /* NMI */
	{ 0x80000306, 0, 0 },         /* #UD */
	{ 0x80000b0e, 6, 0 },         /* #PF */
	{ 0x80001b08, 0, 0 },         /* #DF */
	{ 0x80000480, 0, 2 },         /* INT 0x80 */
	{ 0x80000501, 0, 1 },         /* INT1 */
	{ 0x80000603, 0, 1 },         /* INT3 */
	{ 0x80000b0d, 0x18, 0 },      /* #GP */
};
static const struct event faults[] = {
	{ 0, 0, 0 },
	{ 0x80000306, 0, 0 },
	{ 0x80000b0d, 0x1234, 0 },
};

struct setting {
	u32 vectoring, fault, nmi_pending, nmi_blocked, sti, mov_ss, flag;
	int vector;
};

static void set_fields(u32 interruptibility, bool flag)
{
	fake_reset();
	memset(&vcpu, 0, sizeof(vcpu));
	vcpu.cpu_controls = PRIMARY_HLT_EXITING;
	fake_set(VMCS_PRIMARY_CONTROLS, vcpu.cpu_controls);
	fake_set(VMCS_ENTRY_INTERRUPTION_INFO, 0);
	fake_set(VMCS_IDT_VECTORING_INFO, 0);
	fake_set(VMCS_GUEST_INTERRUPTIBILITY, interruptibility);
	fake_set(VMCS_GUEST_RFLAGS, flag ? 0x202 : 2);
	fake_set(VMCS_GUEST_RIP, 0x1000);
	vcpu.pending = UPPER;
}

static void exit_while_delivering(struct event e)
{
	fake_set(VMCS_IDT_VECTORING_INFO, e.info);
	fake_set(VMCS_EXIT_INSTRUCTION_LENGTH, e.length == 0 ? 99 : e.length);
	if ((e.info & 0x800) != 0)
		fake_set(VMCS_IDT_VECTORING_ERROR_CODE, e.error);
	vmx_take_revectored(&vcpu);
}

static void fault(struct event e)
{
	vmx_inject_fault(&vcpu, (enum exception_vector)(e.info & 0xff), e.error);
}

/* False: the processor cannot be found so. */
static bool possible(const struct setting *s)
{
	u32 first = s->vectoring;

	if ((s->sti && !s->flag) || (s->sti && s->mov_ss))
		return false;
	if (first == 1 && (!s->flag || s->sti || s->mov_ss))
		return false;
	return first != 2 || (s->nmi_blocked && !s->sti && !s->mov_ss);
}

static void arrange(const struct setting *s)
{
	set_fields(s->sti | s->mov_ss << 1 | s->nmi_blocked << 3, s->flag);
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
	if (s->fault != 0)
		return faults[s->fault];
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
	ck_assert(got.info == 0 || entry_accepts(got));

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

	for (u32 i = 0; i < ARRAY_SIZE(vectoring) * ARRAY_SIZE(faults) << 7; i++) {
		struct setting s = {
			.nmi_pending = i & 1,
			.nmi_blocked = i >> 1 & 1,
			.sti = i >> 2 & 1,
			.mov_ss = i >> 3 & 1,
			.flag = i >> 4 & 1,
			.vector = vectors[i >> 5 & 3],
			.fault = (i >> 7) % ARRAY_SIZE(faults),
			.vectoring = (u32)((i >> 7) / ARRAY_SIZE(faults)),
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

/* ---- faults ---- */

enum class { BENIGN, CONTRIBUTES, PAGE_FAULT };

static enum class class_of(u32 vector) {
	switch (vector){
		case 0 :                                          /* #DE */
			case 10 :                                 /* #TS */
				case 11 :                         /* #NP */
					case 12 :                 /* #SS */
						case 13 :         /* #GP */
							case 21 : /* #CP */
								return CONTRIBUTES;
		case 14 :         /* #PF */
			case 20 : /* #VE */
				return PAGE_FAULT;
		default : return BENIGN;
	}
}

/* Table 7-5: rows are the first, columns the second. */
static const bool double_fault[3][3] = {
	[BENIGN] = { false, false, false },
	[CONTRIBUTES] = { false, true, false },
	[PAGE_FAULT] = { false, true, true },
};

START_TEST(faults_while_delivering)
{
	static const u32 second[] = { 1, 6, 13, 14, 17 }; /* ours */

	for (u32 first = 0; first < 32 * ARRAY_SIZE(second); first++) {
		u32 vector = first / ARRAY_SIZE(second), ours = second[first % ARRAY_SIZE(second)];
		bool merges = double_fault[class_of(vector)][class_of(ours)];
		u32 want = merges ? 8 : ours;

		if (vector == 2 || vector == 8)
			continue;
		set_fields(0, true);
		exit_while_delivering((struct event){ 0x80000300 | vector, 0, 0 });
		vmx_inject_fault(&vcpu, (enum exception_vector)ours, 0x77);
		ck_assert_int_eq(vmx_inject(&vcpu, -1), INJECTED_FAULT);
		ck_assert(
			same(prepared(),
		             (struct event){ 0x80000300 | want | (has_error_code(want) ? 0x800 : 0),
		                             !has_error_code(want) ? 0
		                             : merges              ? 0
		                                                   : 0x77,
		                             0 }));
		fake_set(VMCS_ENTRY_INTERRUPTION_INFO, 0);
		ck_assert_int_eq(vmx_inject(&vcpu, -1), INJECTED_NOTHING);
	}
}
END_TEST

/* A fault in the delivery of anything takes its place: #AC, as guests can make it. */
START_TEST(a_fault_takes_the_place)
{
	for (u32 i = 1; i < ARRAY_SIZE(vectoring); i++) {
		bool nmi = (vectoring[i].info & 0x700) == 0x200;

		set_fields(nmi ? 8 : 0, true);
		exit_while_delivering(vectoring[i]);
		fault((struct event){ 0x80000b11, 0, 0 });
		ck_assert_int_eq(vmx_inject(&vcpu, -1), INJECTED_FAULT);
		ck_assert_uint_eq(prepared().info, 0x80000b11);
		ck_assert_uint_eq(vcpu.pending, UPPER);
		ck_assert(NMI == nmi); /* until the IRET of the fault's handler */
		fake_set(VMCS_ENTRY_INTERRUPTION_INFO, 0);
		ck_assert_int_eq(vmx_inject(&vcpu, -1), INJECTED_NOTHING);
	}
}
END_TEST

/* INT 13 is no #GP: only exceptions merge. */
START_TEST(numbers_do_not_merge)
{
	static const u32 types[] = { 0, 4, 5, 6 };

	for (u32 i = 0; i < ARRAY_SIZE(types) * 32; i++) {
		set_fields(0, true);
		exit_while_delivering(
			(struct event){ 0x80000000 | types[i / 32] << 8 | i % 32, 0, 2 });
		fault((struct event){ 0x80000b0d, 0x18, 0 });
		ck_assert_int_eq(vmx_inject(&vcpu, -1), INJECTED_FAULT);
		ck_assert(same(prepared(), (struct event){ 0x80000b0d, 0x18, 0 }));
	}
}
END_TEST

/* ---- beside ---- */

START_TEST(advancing_ends_shadows)
{
	for (u32 blocking = 0; blocking < 32; blocking++) {
		set_fields(blocking, true);
		fake_set(VMCS_EXIT_INSTRUCTION_LENGTH, 3);
		vcpu_advance();
		ck_assert_uint_eq(fake.value[VMCS_GUEST_RIP], 0x1003);
		ck_assert_uint_eq(fake.value[VMCS_GUEST_INTERRUPTIBILITY], blocking & ~3u);
		ck_assert(!vmx_interrupt_blocked());
	}
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("vmx_inject");
	TCase *tests = tcase_create("inject");
	SRunner *runner = srunner_create(suite);
	int failed;

	tcase_add_test(tests, every_setting);
	tcase_add_test(tests, every_course);
	tcase_add_test(tests, windows_are_opened_once);
	tcase_add_test(tests, faults_while_delivering);
	tcase_add_test(tests, a_fault_takes_the_place);
	tcase_add_test(tests, numbers_do_not_merge);
	tcase_add_test(tests, advancing_ends_shadows);
	suite_add_tcase(suite, tests);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed != 0;
}
