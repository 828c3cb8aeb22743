/* SPDX-License-Identifier: MIT */
/*
 * The one boundary at which an event comes: the shadows of STI, MOV SS and POP SS, with and without
 * an instruction in them that a hypervisor traps; NMI before interrupt where both wait; a trap
 * after each instruction that is stepped over. SDM 3A 7.8.3 and 7.9, 2B "STI", 3B 18.3.1.4.
 */
#include "guest-tools/lib/apic.h"
#include "guest-tools/lib/count.h"
#include "guest-tools/lib/guest.h"
#include "guest-tools/lib/interrupt.h"
#include "guest-tools/lib/print.h"
#include "guest-tools/lib/tap.h"

#define VECTOR_TEST 0x51u
#define SEND_NMI    (ICR_NMI | ICR_ASSERT)
#define SEND_SELF   (ICR_SELF | VECTOR_TEST)

/* ---- pieces of code, each with the address at which what it makes must come ---- */

#define PIECE(name, before, after)                                                                 \
	void name(void);                                                                           \
	extern const char name##_at[];                                                             \
	__asm__(".pushsection .text\n" #name ":\n push %rbx\n" before "\n" #name "_at:\n" after    \
	        "\n cli\n pop %rbx\n ret\n.popsection")

/* Interrupts are off, and one waits. */
PIECE(sti_nop, "sti\n nop", "nop");
PIECE(sti_cpuid, "sti\n cpuid", "nop");
PIECE(sti_in, "sti\n in $0x61, %al", "nop");
PIECE(sti_mmio, "mov $0xfec00000, %eax\n sti\n mov (%rax), %eax", "nop");
PIECE(sti_int1, "sti\n .byte 0xf1", "nop");
PIECE(sti_sti, "sti\n sti", "nop");
PIECE(sti_cli, "sti\n cli\n nop\n sti\n nop", "nop");
PIECE(popf, "pushfq\n orl $0x200, (%rsp)\n popfq", "nop");
PIECE(cr8, "mov $6, %eax\n mov %rax, %cr8\n sti\n nop\n nop\n xor %eax, %eax\n mov %rax, %cr8",
      "nop");

/*
 * Those that write the ICR: by "wrmsr" or by "mov %eax, (%edi)". ESI is a selector for SS. POP SS
 * is an instruction of 32-bit code alone.
 */
#define SENDING_PIECES(mode, send)                                                                 \
	PIECE(mode##_send_mov_ss, "sti\n nop\n " send, "mov %esi, %ss\n nop");                     \
	PIECE(mode##_mov_ss_send, "sti\n nop\n mov %esi, %ss\n " send, "nop");                     \
	PIECE(mode##_deaf_mov_ss_send, "mov %esi, %ss\n " send, "nop");                            \
	PIECE(mode##_deaf_send_mov_ss, send, "mov %esi, %ss\n cpuid\n nop");                       \
	PIECE(mode##_sti_send, "sti\n " send, "nop\n nop");                                        \
	PIECE(mode##_pop_ss_send,                                                                  \
	      "sti\n push $0x18\n push $1f\n lretq\n.code32\n1: push %esi\n pop %ss\n " send,      \
	      "nop\n ljmp $0x08, $2f\n.code64\n2:")

SENDING_PIECES(x2, "wrmsr");
SENDING_PIECES(x1, "mov %eax, (%edi)");

struct row {
	const char *what;
	void (*code)(void);
	const char *at;
	bool waits;      /* an interrupt, before the piece begins */
	u32 icr;         /* what a sending piece sends */
	u32 expected[4]; /* vectors, in order, 0 = the end */
};

#define ROW(what, name, waits, icr, ...)                                                           \
	{                                                                                          \
		what, name, name##_at, waits, icr,                                                 \
		{                                                                                  \
			__VA_ARGS__                                                                \
		}                                                                                  \
	}

static const struct row rows[] = {
	ROW("STI, NOP", sti_nop, true, 0, VECTOR_TEST),
	ROW("STI, CPUID", sti_cpuid, true, 0, VECTOR_TEST),
	ROW("STI, IN", sti_in, true, 0, VECTOR_TEST),
	ROW("STI, load from a device", sti_mmio, true, 0, VECTOR_TEST),
	ROW("STI, INT1: its handler first", sti_int1, true, 0, VECTOR_DB, VECTOR_TEST),
	ROW("STI, STI: the second has no shadow", sti_sti, true, 0, VECTOR_TEST),
	ROW("STI, CLI: nothing comes between", sti_cli, true, 0, VECTOR_TEST),
	ROW("POPF has no shadow", popf, true, 0, VECTOR_TEST),
	ROW("MOV to CR8 has no shadow", cr8, true, 0, VECTOR_TEST),
};

#define SENDING_ROWS(mode)                                                                         \
	ROW("send, MOV SS", mode##_send_mov_ss, false, SEND_SELF, VECTOR_TEST),                    \
		ROW("MOV SS, send", mode##_mov_ss_send, false, SEND_SELF, VECTOR_TEST),            \
		ROW("POP SS, send", mode##_pop_ss_send, false, SEND_SELF, VECTOR_TEST),            \
		ROW("NMI: MOV SS, send", mode##_deaf_mov_ss_send, false, SEND_NMI, VECTOR_NMI),    \
		ROW("NMI: send, MOV SS", mode##_deaf_send_mov_ss, false, SEND_NMI, VECTOR_NMI),    \
		ROW("NMI: POP SS, send", mode##_pop_ss_send, false, SEND_NMI, VECTOR_NMI),         \
		ROW("STI, send an NMI: it comes before the interrupt", mode##_sti_send, true,      \
	            SEND_NMI, VECTOR_NMI, VECTOR_TEST)

static const struct row x1_rows[] = { SENDING_ROWS(x1) };
static const struct row x2_rows[] = { SENDING_ROWS(x2) };
static const struct row in_nmi[] = {
	ROW("both sent in an NMI's handler: the NMI first, after IRET", x1_mov_ss_send, false,
	    SEND_NMI, VECTOR_NMI, VECTOR_NMI, VECTOR_TEST),
	ROW("both sent in an NMI's handler: the NMI first, after IRET", x2_mov_ss_send, false,
	    SEND_NMI, VECTOR_NMI, VECTOR_NMI, VECTOR_TEST),
};

/* ---- what came ---- */

#define LOG_MAX 32

static struct {
	u32 vector;
	u64 rip;
} came[LOG_MAX];
static u32 came_count;
static bool nmi_sends; /* the next NMI's handler sends an NMI and an interrupt */

static void wait_for_interrupt(void)
{
	apic_send(0, SEND_SELF);
	apic_wait_vector(APIC_IRR, VECTOR_TEST, true, COUNT_LATE_TICKS);
}

static void on_event(struct interrupt_frame *frame)
{
	if (came_count < LOG_MAX) {
		came[came_count].vector = (u32)frame->vector;
		came[came_count].rip = frame->rip;
	}
	came_count++;
	if (frame->vector == VECTOR_TEST)
		apic_eoi();
	if (frame->vector == VECTOR_NMI && nmi_sends) {
		nmi_sends = false;
		apic_send(cpu_ids[0], SEND_NMI);
		wait_for_interrupt();
	}
}

static void run_piece(void (*code)(void), u32 icr)
{
	u64 a = icr, c = x2apic_msr(APIC_ICR), d = cpu_ids[0], s = SELECTOR_DATA;
	u64 to = APIC_BASE_ADDRESS + APIC_ICR;

	came_count = 0;
	if (apic == &xapic_ops)
		apic_write(APIC_ICR2, cpu_ids[0] << 24);
	__asm__ volatile("call *%[code]"
	                 : "+a"(a), "+c"(c), "+d"(d), "+S"(s), "+D"(to)
	                 : [code] "r"(code)
	                 : "memory", "cc");
}

static void run_row(const struct row *r)
{
	bool right = true;
	u32 n = 0;

	if (r->waits)
		wait_for_interrupt();
	run_piece(r->code, r->icr);
	for (; r->expected[n] != 0; n++)
		right = right && n < came_count && came[n].vector == r->expected[n] &&
		        came[n].rip == (u64)r->at;
	right = right && came_count == n;
	if (!right)
		for (u32 i = 0; i < came_count && i < LOG_MAX; i++)
			print("# %u came, wanted at +%ld: %u at +%ld\n", came_count,
			      (s64)(r->at - (const char *)r->code), came[i].vector,
			      (s64)(came[i].rip - (u64)r->code));
	tap_ok(right, "%s: %s", apic->name, r->what);
}

/* ---- many, from elsewhere ---- */

void crowd(void);
extern const char crowd_sti[], crowd_mov_ss[], crowd_trapped[];
__asm__(".pushsection .text\n"
        "crowd: push %rbx\n mov $20, %r9d\n"
        "1: sti\n"
        "crowd_sti: nop\n mov %esi, %ss\n"
        "crowd_mov_ss: nop\n mov %esi, %ss\n"
        "crowd_trapped: cpuid\n cli\n dec %r9d\n jnz 1b\n pop %rbx\n ret\n"
        ".popsection");

static u32 crowd_interrupts, crowd_nmis, crowd_wrong;
static bool crowd_over;

static void on_crowd(struct interrupt_frame *frame)
{
	u64 rip = frame->rip;
	bool nmi = frame->vector == VECTOR_NMI;

	crowd_wrong += rip == (u64)crowd_mov_ss || rip == (u64)crowd_trapped;
	crowd_wrong += !nmi && rip == (u64)crowd_sti;
	crowd_nmis += nmi;
	crowd_interrupts += !nmi;
	if (!nmi)
		apic_eoi();
}

static void send_crowd(void *arg)
{
	(void)arg;
	for (u32 i = 0; i < 100; i++) {
		apic_send(cpu_ids[0], i % 2 == 0 ? SEND_NMI : ICR_FIXED | VECTOR_TEST);
		delay_ticks(200 + i);
	}
	atomic_store(&crowd_over, true);
}

static void test_crowd(void)
{
	if (cpu_ids_count < 2) {
		tap_skip("events from elsewhere", "one CPU");
		return;
	}
	crowd_interrupts = crowd_nmis = crowd_wrong = 0;
	crowd_over = false;
	interrupt_handle(VECTOR_NMI, on_crowd);
	interrupt_handle(VECTOR_TEST, on_crowd);
	smp_post(1, send_crowd, NULL);
	while (!atomic_load(&crowd_over))
		run_piece(crowd, 0);
	smp_wait(1);
	interrupts_on();
	delay_ticks(COUNT_QUIET_TICKS);
	interrupts_off();
	tap_ok(crowd_interrupts > 0 && crowd_nmis > 0, "%s: events come from elsewhere",
	       apic->name);
	tap_is(crowd_wrong, 0, "%s: none of them in a shadow", apic->name);
}

/* ---- single step ---- */

#define STEP "\n.pushsection .rodata\n.quad 9f\n.popsection\n9:\n"

void stepped(void);
extern const u64 step_list[], step_list_end[];
__asm__(".pushsection .rodata\n.align 8\nstep_list:\n.popsection\n"
        ".pushsection .text\n"
        "stepped: push %rbx\n pushfq\n orl $0x100, (%rsp)\n popfq\n"
        "nop" STEP "cpuid" STEP "nop" STEP
        "mov %esi, %ss\n nop" STEP /* MOV SS holds the trap back as well */
        "mov $0x1b, %ecx" STEP "rdmsr" STEP "in $0x61, %al" STEP "mov $0xfec00000, %eax" STEP
        "mov (%rax), %eax" STEP "pushfq" STEP "andl $~0x100, (%rsp)" STEP "popfq" STEP
        "nop\n pop %rbx\n ret\n"
        ".popsection\n"
        ".pushsection .rodata\nstep_list_end:\n.popsection");

static void test_steps(void)
{
	u32 wanted = (u32)(step_list_end - step_list), right = 0;

	run_piece(stepped, 0);
	while (right < wanted && right < came_count && came[right].vector == VECTOR_DB &&
	       came[right].rip == step_list[right])
		right++;
	tap_ok(right == wanted && came_count == wanted,
	       "%s: a trap after each of %u instructions: %u came, %u in their place", apic->name,
	       wanted, came_count, right);
}

static void test_mode(void)
{
	bool x2 = apic == &x2apic_ops;
	const struct row *sending = x2 ? x2_rows : x1_rows;

	interrupt_handle(VECTOR_NMI, on_event);
	interrupt_handle(VECTOR_TEST, on_event);
	for (u32 i = 0; i < ARRAY_SIZE(rows); i++)
		run_row(&rows[i]);
	for (u32 i = 0; i < ARRAY_SIZE(x1_rows); i++)
		run_row(&sending[i]);
	nmi_sends = true;
	run_row(&in_nmi[x2]);
	test_steps();
	test_crowd();
}

int guest_main(void)
{
	smp_start_all();
	interrupt_handle(VECTOR_DB, on_event);
	in_both_modes(test_mode);
	return tap_done();
}
