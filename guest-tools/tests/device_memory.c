/* SPDX-License-Identifier: MIT */
/*
 * Instructions on memory that is none: a hole, which reads ones and drops what is written, and a
 * register of the local APIC that keeps 32 bits. Each instruction is executed on RAM first; on the
 * device the same must become of registers, flags and memory. The processor is so its own judge,
 * on the bare machine and in a VM.
 */
#include "guest-tools/lib/apic.h"
#include "guest-tools/lib/cpu.h"
#include "guest-tools/lib/guest.h"
#include "guest-tools/lib/interrupt.h"
#include "guest-tools/lib/print.h"
#include "guest-tools/lib/string.h"
#include "guest-tools/lib/tap.h"
#include "guest-tools/lib/window.h"
#include "hv/base/bits.h"

#define STATUS 0x8d5u

struct state {
	u64 rax, rcx, rdx, rsi, rdi, flags;
	u64 vector[2];
};

typedef void (*form_fn)(struct state *s);

/* RDI and RSI hold addresses; the flags are those in `flags` before and after. */
#define FORM(name, text)                                                                           \
	static void name(struct state *s)                                                          \
	{                                                                                          \
		__asm__ volatile("movdqu %[v], %%xmm3; push %[f]; popfq; " text                    \
		                 "; pushfq; pop %[f]; cld; movdqu %%xmm3, %[v]"                    \
		                 : "+a"(s->rax), "+c"(s->rcx), "+d"(s->rdx), "+S"(s->rsi),         \
		                   "+D"(s->rdi), [f] "+r"(s->flags), [v] "+m"(s->vector)           \
		                 :                                                                 \
		                 : "memory", "cc");                                                \
	}

#define SIZES(name, op, arguments_8, arguments_16, arguments_32, arguments_64)                     \
	FORM(name##_8, op "b " arguments_8)                                                        \
	FORM(name##_16, op "w " arguments_16)                                                      \
	FORM(name##_32, op "l " arguments_32)                                                      \
	FORM(name##_64, op "q " arguments_64)
#define STORES(name, op)                                                                           \
	SIZES(name, op, "%%al, (%%rdi)", "%%ax, (%%rdi)", "%%eax, (%%rdi)", "%%rax, (%%rdi)")
#define LOADS(name, op)                                                                            \
	SIZES(name, op, "(%%rdi), %%al", "(%%rdi), %%ax", "(%%rdi), %%eax", "(%%rdi), %%rax")
#define BOTH(name, op) STORES(name##_store, op) LOADS(name##_load, op)
#define IMMEDIATES(name, op)                                                                       \
	SIZES(name, op, "$0x5a, (%%rdi)", "$0x1234, (%%rdi)", "$0x12345678, (%%rdi)",              \
	      "$-0x12345678, (%%rdi)")
#define ALONE(name, op) SIZES(name, op, "(%%rdi)", "(%%rdi)", "(%%rdi)", "(%%rdi)")
#define BITS_OF(name, op)                                                                          \
	FORM(name##_reg_16, op "w %%cx, (%%rdi)")                                                  \
	FORM(name##_reg_32, op "l %%ecx, (%%rdi)")                                                 \
	FORM(name##_reg_64, op "q %%rcx, (%%rdi)")                                                 \
	FORM(name##_imm_16, op "w $0x1b, (%%rdi)")                                                 \
	FORM(name##_imm_32, op "l $0x1b, (%%rdi)")                                                 \
	FORM(name##_imm_64, op "q $0x3b, (%%rdi)")

BOTH(mov, "mov")
BOTH(add, "add")
BOTH(or, "or")
BOTH(adc, "adc")
BOTH(sbb, "sbb")
BOTH(and, "and")
BOTH(sub, "sub")
BOTH(xor, "xor")
BOTH(cmp, "cmp")
STORES(test, "test")
STORES(xchg, "xchg")
STORES(xadd, "xadd")
STORES(lock_xadd, "lock xadd")
STORES(lock_or, "lock or")
SIZES(cmpxchg, "lock cmpxchg", "%%dl, (%%rdi)", "%%dx, (%%rdi)", "%%edx, (%%rdi)", "%%rdx, (%%rdi)")
IMMEDIATES(mov_imm, "mov")
IMMEDIATES(test_imm, "test")
IMMEDIATES(cmp_imm, "cmp")
IMMEDIATES(and_imm, "and")
IMMEDIATES(add_imm, "add")
IMMEDIATES(xor_imm, "xor")
ALONE(not, "not")
ALONE(neg, "neg")
ALONE(inc, "inc")
ALONE(dec, "dec")
ALONE(lock_inc, "lock inc")
BITS_OF(bt, "bt")
BITS_OF(bts, "bts")
BITS_OF(btr, "btr")
BITS_OF(btc, "btc")
SIZES(stos, "stos", "", "", "", "")
SIZES(scas, "scas", "", "", "", "")
SIZES(movs, "movs", "", "", "", "")
SIZES(cmps, "cmps", "", "", "", "")
FORM(movzx_8, "movzbl (%%rdi), %%eax")
FORM(movzx_16, "movzwq (%%rdi), %%rax")
FORM(movsx_8, "movsbw (%%rdi), %%ax")
FORM(movsx_32, "movslq (%%rdi), %%rax")
FORM(movnti_32, "movnti %%eax, (%%rdi)")
FORM(movnti_64, "movnti %%rax, (%%rdi)")
FORM(high_store, "movb %%ah, (%%rdi)")
FORM(high_load, "movb (%%rdi), %%dh")
FORM(push_32, "pushq (%%rdi); pop %%rax")
FORM(push_16, "pushw (%%rdi); popw %%ax")
FORM(pop_64, "push %%rax; popq (%%rdi)")
FORM(indexed, "push %%rdx; lea -0x21(%%rdi), %%rdx; mov $4, %%ecx; "
              "addl $3, 0x1(%%rdx, %%rcx, 8); pop %%rdx")
FORM(movdqu_load, "movdqu (%%rdi), %%xmm3")
FORM(movdqu_store, "movdqu %%xmm3, (%%rdi)")
FORM(movdqa_load, "movdqa (%%rdi), %%xmm3")
FORM(movdqa_store, "movdqa %%xmm3, (%%rdi)")
FORM(movups_load, "movups (%%rdi), %%xmm3")
FORM(movups_store, "movups %%xmm3, (%%rdi)")
FORM(movaps_load, "movaps (%%rdi), %%xmm3")
FORM(movaps_store, "movaps %%xmm3, (%%rdi)")
FORM(movntdq_store, "movntdq %%xmm3, (%%rdi)")
FORM(movd_load, "movd (%%rdi), %%xmm3")
FORM(movd_store, "movd %%xmm3, (%%rdi)")
FORM(movq_load, "movq (%%rdi), %%xmm3")
FORM(movq_store, "movq %%xmm3, (%%rdi)")
FORM(movss_load, "movss (%%rdi), %%xmm3")
FORM(high_vector, "movdqa %%xmm3, %%xmm14; movdqu (%%rdi), %%xmm14; movdqa %%xmm14, %%xmm3")
FORM(rep_stos, "mov $5, %%ecx; rep stosl")
FORM(rep_stos_down, "lea 16(%%rdi), %%rdi; mov $3, %%ecx; std; rep stosw")
FORM(rep_stos_none, "xor %%ecx, %%ecx; rep stosl")
FORM(rep_movs_to, "mov $3, %%ecx; rep movsl")
FORM(rep_movs_from, "xchg %%rsi, %%rdi; mov $3, %%ecx; rep movsl")
FORM(repe_scas, "mov $4, %%ecx; repe scasl")
FORM(repne_scas, "mov $4, %%ecx; repne scasl")
FORM(repe_cmps, "mov $4, %%ecx; repe cmpsl")
FORM(rep_lods, "xchg %%rsi, %%rdi; mov $2, %%ecx; rep lodsl")
FORM(bts_far, "mov $-0x25, %%ecx; btsl %%ecx, 8(%%rdi)")
FORM(stos_short, "addr32 stosl")

#define ROW(name)                                                                                  \
	{                                                                                          \
#name, name, 0                                                                     \
	}
/* `word`: works on 32 bits, and so on a register of the APIC. */
#define WORD(name)                                                                                 \
	{                                                                                          \
#name, name, true                                                                  \
	}
#define ROWS(name)      ROW(name##_8), ROW(name##_16), WORD(name##_32), ROW(name##_64)
#define ROWS_BOTH(name) ROWS(name##_store), ROWS(name##_load)
#define ROWS_BITS(name)                                                                            \
	ROW(name##_reg_16), WORD(name##_reg_32), ROW(name##_reg_64), ROW(name##_imm_16),           \
		WORD(name##_imm_32), ROW(name##_imm_64)

static const struct form {
	const char *name;
	form_fn run;
	bool word;
} forms[] = {
	ROWS_BOTH(mov),   ROWS_BOTH(add),     ROWS_BOTH(or),      ROWS_BOTH(adc),
	ROWS_BOTH(sbb),   ROWS_BOTH(and),     ROWS_BOTH(sub),     ROWS_BOTH(xor),
	ROWS_BOTH(cmp),   ROWS(test),         ROWS(xchg),         ROWS(xadd),
	ROWS(lock_xadd),  ROWS(lock_or),      ROWS(cmpxchg),      ROWS(mov_imm),
	ROWS(test_imm),   ROWS(cmp_imm),      ROWS(and_imm),      ROWS(add_imm),
	ROWS(xor_imm),    ROWS(not ),         ROWS(neg),          ROWS(inc),
	ROWS(dec),        ROWS(lock_inc),     ROWS_BITS(bt),      ROWS_BITS(bts),
	ROWS_BITS(btr),   ROWS_BITS(btc),     ROWS(stos),         ROWS(scas),
	ROWS(movs),       ROWS(cmps),         ROW(movzx_8),       ROW(movzx_16),
	ROW(movsx_8),     WORD(movsx_32),     WORD(movnti_32),    ROW(movnti_64),
	ROW(high_store),  ROW(high_load),     ROW(push_32),       ROW(push_16),
	ROW(pop_64),      WORD(indexed),      ROW(movdqu_load),   ROW(movdqu_store),
	ROW(movdqa_load), ROW(movdqa_store),  ROW(movups_load),   ROW(movups_store),
	ROW(movaps_load), ROW(movaps_store),  ROW(movntdq_store), WORD(movd_load),
	WORD(movd_store), ROW(movq_load),     ROW(movq_store),    WORD(movss_load),
	ROW(high_vector), ROW(rep_stos),      ROW(rep_stos_down), ROW(rep_stos_none),
	ROW(rep_movs_to), ROW(rep_movs_from), ROW(repe_scas),     ROW(repne_scas),
	ROW(repe_cmps),   ROW(rep_lods),      WORD(stos_short),   WORD(bts_far),
};

static u8 ram[256] ALIGNED(64);
static u32 source[64] ALIGNED(64);

static const struct state begin = {
	.rax = 0xfedcba9876543210,
	.rcx = 0x15, /* a bit that both 16-bit and wider operands have within 32 bits */
	.rdx = 0x0123456789abcdef,
	.flags = 0x203 & ~0x200ull, /* CF */
	.vector = { 0x1111222233334444, 0x5555666677778888 },
};

static struct state run(const struct form *form, void *at)
{
	struct state s = begin;

	for (u32 i = 0; i < ARRAY_SIZE(source); i++)
		source[i] = 0x9e3779b9u * (i + 1);
	s.rdi = (u64)at;
	s.rsi = (u64)source;
	form->run(&s);
	s.rdi -= (u64)at;
	s.rsi -= (u64)source;
	s.flags &= STATUS;
	return s;
}

/* Some forms exchange them, or make one of the other. */
static u64 distance(u64 value)
{
	return value & 0xfff;
}

static bool same(const struct state *a, const struct state *b)
{
	return a->rax == b->rax && a->rcx == b->rcx && a->rdx == b->rdx && a->flags == b->flags &&
	       distance(a->rsi + a->rdi) == distance(b->rsi + b->rdi) &&
	       a->vector[0] == b->vector[0] && a->vector[1] == b->vector[1];
}

static void show(const char *what, const struct state *s)
{
	print("# %s: rax %lx rcx %lx rdx %lx rsi %lx rdi %lx flags %lx vector %lx %lx\n", what,
	      s->rax, s->rcx, s->rdx, s->rsi, s->rdi, s->flags, s->vector[0], s->vector[1]);
}

static void judge(const struct form *form, const char *where, const struct state *expected,
                  const struct state *got, bool memory)
{
	if (!tap_ok(same(expected, got) && memory, "%s on %s", form->name, where)) {
		show("on RAM", expected);
		show("there ", got);
	}
}

static void on_hole(const struct form *form)
{
	u8 *hole = window_at(memory_hole());
	struct state expected, got;
	bool ones = true;

	memset(ram, 0xff, sizeof(ram));
	expected = run(form, ram);
	got = run(form, hole);
	for (u32 i = 0; i < 32; i++)
		ones = ones && ((volatile u8 *)hole)[i] == 0xff;
	judge(form, "a hole", &expected, &got, ones);
}

/* The timer's initial count: all of its bits are kept, and the timer is masked. */
static void on_register(const struct form *form)
{
	volatile u32 *initial = (volatile u32 *)(APIC_BASE_ADDRESS + APIC_TIMER_INITIAL);
	struct state expected, got;
	u32 seed = 0x76543210; /* the low half of RAX, so that CMPXCHG finds it */
	u32 memory;

	memset(ram, 0, sizeof(ram));
	memcpy(ram, &seed, sizeof(seed));
	*initial = seed;
	expected = run(form, ram);
	got = run(form, (void *)initial);
	memcpy(&memory, ram, sizeof(memory));
	judge(form, "a register", &expected, &got, *initial == memory);
	*initial = 0;
}

/* ---- accesses that lie across an edge ---- */

static void test_edge(void)
{
	u8 *edge = (u8 *)window_at(memory_hole() - WINDOW_BYTES) + WINDOW_BYTES;
	u64 *across = (u64 *)(void *)(edge - 4);
	u32 *last = (u32 *)(void *)(edge - 4), kept = *last;
	u64 value = 0x1122334455667788;

	*last = 0xabcd0123;
	tap_is(*(volatile u64 *)across, 0xffffffffabcd0123, "a load across the end of RAM");
	*(volatile u64 *)across = value;
	tap_is(*last, (u32)value, "a store across the end of RAM reaches RAM");
	tap_is(*(volatile u32 *)(void *)edge, 0xffffffff, "and nothing else");
	*last = 0xf0;
	__asm__ volatile("addq $0x10, %0" : "+m"(*across));
	tap_is(*last, 0x100, "an addition there");
	*last = kept;
	tap_is(*(volatile u64 *)(void *)(edge + 0x1000 - 3), ~0ull, "a load across two holes");
}

/* ---- faults ---- */

static void move_from(void *arg)
{
	const void *from = arg;
	void *to = (void *)0x7000000ff0ull;

	__asm__ volatile("movsl" : "+S"(from), "+D"(to) : : "memory");
}

static void move_to_nowhere(void *arg)
{
	const void *from = arg;
	void *to = (void *)0x800000000000ull;

	__asm__ volatile("movsb" : "+S"(from), "+D"(to) : : "memory");
}

static void unaligned(void *arg)
{
	__asm__ volatile("movdqa (%0), %%xmm3" : : "r"((u8 *)arg + 8) : "memory");
}

static void input_to(void *arg)
{
	__asm__ volatile("insb" : "+D"(arg) : "d"(0x1230) : "memory");
}

static void output_from(void *arg)
{
	__asm__ volatile("outsl" : "+S"(arg) : "d"(0x1230) : "memory");
}

static void lock_move(void *arg)
{
	__asm__ volatile(".byte 0xf0, 0x89, 0x07" : : "D"(arg) : "memory");
}

static void test_faults(void)
{
	void *hole = window_at(memory_hole());

	tap_is((u64)trap_call(move_from, hole), VECTOR_PF, "MOVS from a hole to no page");
	tap_is(read_cr2(), 0x7000000ff0, "its address");
	tap_is((u64)trap_call(move_to_nowhere, hole), VECTOR_GP,
	       "MOVS to an address that is not canonical");
	tap_is((u64)trap_call(unaligned, hole), VECTOR_GP, "MOVDQA of an odd address");
	tap_is((u64)trap_call(input_to, (void *)0x7000000000), VECTOR_PF, "INS to no page");
	tap_is(trap_error(), 2, "its error code");
	tap_is((u64)trap_call(input_to, (void *)0x800000000000), VECTOR_GP,
	       "INS to an address that is not canonical");
	tap_is((u64)trap_call(output_from, (void *)0x7ffffffffffe), VECTOR_GP,
	       "OUTS from an address that ends so");
	tap_is((u64)trap_call(output_from, (void *)0x7000000000), VECTOR_PF, "OUTS from no page");
	tap_is(trap_error(), 0, "its error code");
	tap_is((u64)trap_call(lock_move, hole), VECTOR_UD, "LOCK MOV");
}

/* ---- what plain stores and loads leave behind ---- */

#define VECTOR_HERE 0x51u

static struct {
	u64 rflags;
	u32 count;
} interrupted;

static void on_interrupt(struct interrupt_frame *frame)
{
	interrupted.rflags = frame->rflags;
	interrupted.count++;
	apic->write(APIC_EOI, 0);
}

static void test_flags(void)
{
	interrupt_handle(VECTOR_HERE, on_interrupt);
	interrupts_on();
	xapic_write(APIC_ICR, ICR_SELF | VECTOR_HERE);
	while (*(volatile u32 *)&interrupted.count == 0)
		cpu_relax();
	interrupts_off();
	tap_is(interrupted.rflags & BIT(16), 0, "no RF behind a store to a register");
}

/* A register that is not there, read while errors have an interrupt. */
static void test_error(void)
{
	interrupted.count = 0;
	apic->write(APIC_ESR, 0);
	apic->write(APIC_LVT_ERROR, VECTOR_HERE);
	tap_is(xapic_read((enum apic_register)0x040), 0, "a register that is not there reads 0");
	interrupts_on();
	delay_ticks(1000);
	interrupts_off();
	tap_bare(interrupted.count == 1, "Bochs has no interrupt for it", "and is an error");
	apic->write(APIC_LVT_ERROR, LVT_MASKED);
	apic->write(APIC_ESR, 0);
	interrupt_handle(VECTOR_HERE, NULL);
}

int guest_main(void)
{
	for (const struct form *f = forms; f < forms + ARRAY_SIZE(forms); f++) {
		on_hole(f);
		if (f->word && apic_current() == &xapic_ops)
			on_register(f);
	}
	test_edge();
	test_faults();
	if (apic_current() == &xapic_ops) {
		test_flags();
		test_error();
	}
	return tap_done();
}
