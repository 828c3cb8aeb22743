/* SPDX-License-Identifier: MIT */
/*
 * Debug exceptions and the frames of faults: single steps over instructions that a hypervisor
 * traps, HLT and repeated ones among them, in shadows and with something else waiting; INT1 and
 * DR7.GD, by programs too; what DR6 and DR7 hold then; RF in the frames of faults. SDM 3B 18.2.3,
 * 18.3; 3A 7.9.
 */
#include "guest-tools/lib/apic.h"
#include "guest-tools/lib/count.h"
#include "guest-tools/lib/guest.h"
#include "guest-tools/lib/hypercall.h"
#include "guest-tools/lib/interrupt.h"
#include "guest-tools/lib/print.h"
#include "guest-tools/lib/tap.h"
#include "hv/base/bits.h"

#define VECTOR_TEST 0x51u
#define SEND_NMI    (ICR_NMI | ICR_ASSERT)
#define SEND_SELF   (ICR_SELF | VECTOR_TEST)
#define RFLAGS_RF   BIT(16)
#define DR6_RESET   0xffff0ff0u
#define DR6_BD      BIT(13)
#define DR6_BS      BIT(14)
#define DR6_OURS    (DR6_BD | DR6_BS | BITS(3, 0))
#define DR7_RESET   0x400u
#define DR7_GD      BIT(13)
#define DR7_WATCH_0 (BIT(0) | BITS(19, 16)) /* DR0: four bytes, read or written */
#define USER_SS     (SELECTOR_USER_DATA | 3)

/* ---- pieces of code, each with a list of the events that it makes, and where ---- */

/* A word of the list: vector 7:0, DR6 23:8, bytes for the handler to skip 35:32. */
#define EVENT(word)    "\n.pushsection .rodata\n.quad " #word ", 9f\n.popsection\n9:\n"
#define ANYWHERE(word) "\n.pushsection .rodata\n.quad " #word ", 0\n.popsection\n"
#define STEP           EVENT(0x400001)    /* #DB, BS */
#define INT1           EVENT(0x000001)    /* #DB of the instruction, which leaves DR6 as it is */
#define ACCESSED       EVENT(0x200001)    /* #DB, BD: a fault, before the instruction */
#define WATCHED        EVENT(0x000101)    /* #DB, B0 */
#define FAULT_3        EVENT(0x30000000d) /* #GP */
#define UD_5           EVENT(0x500000006) /* #UD */
#define SENT           EVENT(0x51)

#define PIECE(name, body)                                                                          \
	u64 name(u64 ss);                                                                          \
	extern const u64 name##_list[], name##_end[];                                              \
	__asm__(".pushsection .rodata\n.align 8\n" #name "_list:\n.popsection\n"                   \
	        ".pushsection .text\n" #name ": push %rbx\n mov %edi, %ebx\n" body                 \
	        "\n pop %rbx\n ret\n.popsection\n"                                                 \
	        ".pushsection .rodata\n" #name "_end:\n.popsection")

/* The first trap comes behind the instruction that follows; the last is that of POPF. */
#define ON  "pushfq\n orl $0x100, (%rsp)\n popfq\n "
#define OFF "pushfq" STEP "andl $~0x100, (%rsp)" STEP "popfq" STEP "nop\n"

PIECE(simple, ON "nop" STEP OFF);
PIECE(many,
      ON "mov $0x1b, %ecx" STEP "rdmsr" STEP "in $0x61, %al" STEP "mov $0xfec00000, %eax" STEP
         "mov (%rax), %eax" STEP "wbinvd" STEP "push %rbx" STEP "cpuid" STEP "pop %rbx" STEP OFF);
/* By IRET right to the instruction, as a debugger comes. */
PIECE(by_iret, "push %rbx\n mov %rsp, %rdx\n mov %ss, %eax\n push %rax\n push %rdx\n pushfq\n"
               "orl $0x100, (%rsp)\n mov %cs, %eax\n push %rax\n lea 1f(%rip), %rax\n push %rax\n"
               "iretq\n1: cpuid" STEP "pop %rbx" STEP OFF);
PIECE(hlt_deaf, ON "hlt" STEP OFF);
PIECE(hlt_sti, "sti\n nop\n" ON "hlt" STEP OFF "cli\n");
PIECE(mov_ss_in, ON "mov %ebx, %ss\n in $0x61, %al" STEP OFF);
PIECE(sti_in, ON "sti" STEP "in $0x61, %al" STEP "cli" STEP OFF);
PIECE(sti_int1, ON "sti" STEP ".byte 0xf1" INT1 "cli" STEP OFF);
PIECE(rep_in, "sub $16, %rsp\n mov %rsp, %rdi\n mov $3, %ecx\n mov $0x61, %edx\n" ON STEP STEP
              "rep insb" STEP "add $16, %rsp" STEP OFF);
PIECE(rep_out,
      "mov %rsp, %rsi\n mov $3, %ecx\n mov $0xe0, %edx\n" ON STEP STEP "rep outsb" STEP OFF);
PIECE(int1, ".byte 0xf1" INT1);
PIECE(mov_ss_int1, ON "mov %ebx, %ss\n .byte 0xf1" INT1 "nop" STEP OFF);
PIECE(mov_ss_dr, ON "mov %ebx, %ss" ACCESSED "mov %dr0, %rax" STEP OFF);
PIECE(just_dr, "nop" ACCESSED "mov %dr0, %rax");
PIECE(mov_ss_fault, "mov $-1, %rax\n" ON "mov %ebx, %ss" FAULT_3 "mov %rax, %cr4\n nop" STEP OFF);
PIECE(faults, "mov $-1, %rax" FAULT_3 "mov %rax, %cr4" UD_5 "vmxon (%rsp)\n");
PIECE(held,
      "push %rbx\n mov %rsp, %rax\n mov %rax, %dr0\n mov $0xf0401, %eax\n mov %rax, %dr7\n"
      "mov (%rsp), %ss\n in $0x61, %al" WATCHED "xor %eax, %eax\n mov %rax, %dr7\n pop %rbx\n");
PIECE(tpr, "mov $6, %eax\n mov %rax, %cr8\n sti\n nop\n xor %eax, %eax\n" ON
           "mov %rax, %cr8" STEP SENT "nop" STEP OFF "cli\n");

#define SENDING_PIECES(mode, send)                                                                 \
	PIECE(mode##_vector, "sti\n nop\n" ON send STEP SENT "nop" STEP OFF "cli\n");              \
	/* The NMI comes at the first instruction of the trap's handler. */                        \
	PIECE(mode##_nmi, ON ANYWHERE(2) send STEP "nop" STEP OFF)

SENDING_PIECES(x2, "wrmsr");
SENDING_PIECES(x1, "mov %eax, (%r8)");

enum how { KERNEL, PROGRAM, WAITING, GUARDED, HALTING };

struct row {
	const char *what;
	u64 (*code)(u64 ss);
	const u64 *list, *end;
	enum how how;
	u32 icr;
};

#define ROW(what, name, how, icr)                                                                  \
	{                                                                                          \
		what, name, name##_list, name##_end, how, icr                                      \
	}

static const struct row rows[] = {
	ROW("NOP", simple, KERNEL, 0),
	ROW("instructions that exit", many, KERNEL, 0),
	ROW("by IRET to CPUID", by_iret, KERNEL, 0),
	ROW("HLT with interrupts off", hlt_deaf, HALTING, 0),
	ROW("HLT with interrupts on", hlt_sti, HALTING, 0),
	ROW("MOV SS, IN", mov_ss_in, KERNEL, 0),
	ROW("STI, IN", sti_in, KERNEL, 0),
	ROW("STI, INT1", sti_int1, KERNEL, 0),
	ROW("MOV SS, INT1", mov_ss_int1, KERNEL, 0),
	ROW("MOV SS, INT1 by a program", mov_ss_int1, PROGRAM, 0),
	ROW("INT1 alone, by a program", int1, PROGRAM, 0),
	ROW("REP INSB: behind each element", rep_in, KERNEL, 0),
	ROW("REP OUTSB: behind each element", rep_out, KERNEL, 0),
	ROW("MOV DR with GD", just_dr, GUARDED, 0),
	ROW("MOV SS, MOV DR with GD", mov_ss_dr, GUARDED, 0),
	ROW("MOV SS, #GP", mov_ss_fault, KERNEL, 0),
	ROW("#GP and #UD", faults, KERNEL, 0),
	ROW("a breakpoint that MOV SS holds back, IN", held, KERNEL, 0),
	ROW("MOV to CR8, and the interrupt that it lets in", tpr, WAITING, 0),
};

static const struct row x1_rows[] = {
	ROW("a vector sent: the trap first", x1_vector, KERNEL, SEND_SELF),
	ROW("an NMI sent: the trap first", x1_nmi, KERNEL, SEND_NMI),
};
static const struct row x2_rows[] = {
	ROW("a vector sent: the trap first", x2_vector, KERNEL, SEND_SELF),
	ROW("an NMI sent: the trap first", x2_nmi, KERNEL, SEND_NMI),
};

/* ---- what came ---- */

#define LOG_MAX 32u

static struct {
	u64 vector, rip, dr6, dr7, rflags;
} came[LOG_MAX];
static u32 came_count;
static const struct row *running;
static bool leave_dr6;

static void on_event(struct interrupt_frame *frame)
{
	u64 dr7 = read_dr7(), at = frame->rip; /* with GD this would be a #DB in #DB's handler */

	if (came_count < LOG_MAX) {
		came[came_count].vector = frame->vector;
		came[came_count].rip = at;
		came[came_count].dr6 = frame->vector == VECTOR_DB ? read_dr6() & DR6_OURS : 0;
		came[came_count].dr7 = dr7;
		came[came_count].rflags = frame->rflags;
	}
	came_count++;
	if (frame->vector == VECTOR_DB && !leave_dr6)
		write_dr6(DR6_RESET);
	if (frame->vector == VECTOR_TEST)
		apic_eoi();
	for (const u64 *e = running->list; e < running->end; e += 2)
		if (e[1] == at && (u8)e[0] == frame->vector)
			frame->rip = at + (e[0] >> 32);
}

static u8 user_stack[4096] ALIGNED(16);

static void run_piece(const struct row *r)
{
	u64 a = r->icr, c = x2apic_msr(APIC_ICR), d = cpu_ids[0], ss = SELECTOR_DATA;
	register u64 to __asm__("r8") = APIC_BASE_ADDRESS + APIC_ICR;

	if (r->how == PROGRAM) {
		(void)user_call(r->code, USER_SS, user_stack + sizeof(user_stack));
		interrupts_off();
		return;
	}
	if (apic == &xapic_ops)
		apic_write(APIC_ICR2, cpu_ids[0] << 24);
	__asm__ volatile("call *%[code]"
	                 : "+a"(a), "+c"(c), "+d"(d), "+D"(ss), "+r"(to)
	                 : [code] "r"(r->code)
	                 : "memory", "cc", "rsi");
}

static void show(const struct row *r)
{
	for (u32 i = 0; i < came_count && i < LOG_MAX; i++)
		print("#   came %lu at +%ld, dr6 %lx dr7 %lx flags %lx\n", came[i].vector,
		      (s64)(came[i].rip - (u64)r->code), came[i].dr6, came[i].dr7, came[i].rflags);
	for (const u64 *e = r->list; e < r->end; e += 2)
		print("#   want %lu at +%ld, dr6 %lx\n", e[0] & 0xff, (s64)(e[1] - (u64)r->code),
		      e[0] >> 8 & 0xffff);
}

/* As listed: which, where, and why by DR6; GD cleared, and RF in the frames of faults alone. */
static void run_row(const struct row *r)
{
	u32 n = (u32)(r->end - r->list) / 2;
	bool right, gd = false, rf = true;

	if (r->how == HALTING && !hypervisor.present) {
		tap_skip("a step over HLT", "Bochs sleeps");
		return;
	}
	came_count = 0;
	running = r;
	if (r->how == WAITING) {
		apic_send(0, SEND_SELF);
		apic_wait_vector(APIC_IRR, VECTOR_TEST, true, COUNT_LATE_TICKS);
	}
	write_dr6(DR6_RESET);
	write_dr7(r->how == GUARDED ? DR7_RESET | DR7_GD : DR7_RESET);
	run_piece(r);
	right = came_count == n;
	for (u32 i = 0; i < n && right; i++) {
		const u64 *e = &r->list[2 * i];
		bool fault = (e[0] & 0xff) == VECTOR_GP || (e[0] & 0xff) == VECTOR_UD;

		/* Whether a fault tells of the trap that it finds held back is nowhere written. */
		if ((came[i].dr6 & DR6_BD) != 0)
			came[i].dr6 &= ~DR6_BS;
		right = came[i].vector == (e[0] & 0xff) && (e[1] == 0 || came[i].rip == e[1]) &&
		        came[i].dr6 == (e[0] >> 8 & 0xffff);
		gd = gd || (came[i].dr7 & DR7_GD) != 0;
		rf = rf && (!fault || (came[i].rflags & RFLAGS_RF) != 0);
	}
	if (!tap_ok(right && !gd && rf, "%s: %s", apic->name, r->what))
		show(r);
}

/* Hits are replaced; what else an earlier exception has told stays until software clears it. */
static void test_dr6(void)
{
	const struct row *r = &rows[0];

	leave_dr6 = true;
	came_count = 0;
	running = r;
	write_dr6(DR6_RESET | DR6_BD | BIT(0) | BIT(2));
	run_piece(r);
	leave_dr6 = false;
	tap_is(came[0].dr6, DR6_BD | DR6_BS, "DR6 keeps BD, gets BS, and loses old hits");
	write_dr6(DR6_RESET);
}

static void test_mode(void)
{
	const struct row *sending = apic == &x2apic_ops ? x2_rows : x1_rows;

	for (u32 i = 0; i < ARRAY_SIZE(rows); i++)
		run_row(&rows[i]);
	for (u32 i = 0; i < ARRAY_SIZE(x1_rows); i++)
		run_row(&sending[i]);
}

int guest_main(void)
{
	static const u8 vectors[] = { VECTOR_DB, VECTOR_NMI, VECTOR_GP, VECTOR_UD, VECTOR_TEST };

	for (u32 i = 0; i < ARRAY_SIZE(vectors); i++)
		interrupt_handle(vectors[i], on_event);
	test_dr6();
	in_both_modes(test_mode);
	write_dr7(DR7_RESET);
	return tap_done();
}
