/* SPDX-License-Identifier: MIT */
#include "hv/kernel/cpu/crash.h"

#include "hv/base/atomic.h"
#include "hv/base/format.h"
#include "hv/base/printk.h"
#include "hv/base/x86.h"
#include "hv/kernel/cpu/core.h"
#include "hv/kernel/cpu/lapic.h"
#include "hv/kernel/cpu/mmu.h"
#include "hv/kernel/cpu/symbols.h"
#include "hv/kernel/cpu/user.h"

#define EMULATOR_PORT    0x8900u /* Bochs ends when it reads this word there */
#define BACKTRACE_LINES  24u
#define RESET_PORT       0xcf9u
#define RESET_FULL       0x06u
#define KEYBOARD_COMMAND 0x64u
#define KEYBOARD_RESET   0xfeu

static bool poweroff;
static struct core *crashed_core; /* atomic: the first core to crash owns the report */

static const char exception_names[32][4] = {
	"#DE", "#DB", "NMI", "#BP", "#OF", "#BR", "#UD", "#NM", "#DF", "?",   "#TS",
	"#NP", "#SS", "#GP", "#PF", "?",   "#MF", "#AC", "#MC", "#XM", "#VE", "#CP",
	"?",   "?",   "?",   "?",   "?",   "?",   "?",   "?",   "#SX", "?",
};

void crash_set_poweroff(bool on)
{
	poweroff = on;
}

static NORETURN void park(void)
{
	for (;;) {
		interrupts_off();
		cpu_halt();
	}
}

void machine_end(void)
{
	console_drain();
	for (const char *c = "Shutdown"; *c != '\0'; c++)
		out8(EMULATOR_PORT, (u8)*c);
	park();
}

void machine_reset(void)
{
	console_drain();
	out8(RESET_PORT, RESET_FULL);
	out8(KEYBOARD_COMMAND, KEYBOARD_RESET);
	park();
}

static void stop_others(const struct core *self)
{
	for (u32 i = 0; i < core_count(); i++) {
		if (&cores[i] != self && atomic_load(&cores[i].online) != 0)
			lapic_send_nmi(cores[i].apic_id);
	}
}

/* Becomes the one core that reports; the others, and a crash within the report, end here. */
static void begin_report(struct core *self)
{
	struct core *nobody = NULL;

	console_break_lock();
	if (!atomic_cas(&crashed_core, &nobody, self)) {
		if (nobody != self)
			park();
		printk("\nanother crash within the report; giving up\n");
		if (poweroff)
			machine_end();
		park();
	}
	stop_others(self);
	console_show();
}

static NORETURN void end_report(struct core *self)
{
	crash_extra(self);
	printk("end of the crash report: the machine %s\n", poweroff ? "ends" : "is halted");
	if (poweroff)
		machine_end();
	park();
}

static void print_address(const char *label, u64 address)
{
	char name[80];

	symbol_describe(address, name, sizeof(name));
	printk("%s 0x%lx %s\n", label, address, name);
}

/*
 * Without frame pointers: every word on the stack that is a return address by the look of it, that
 * is, stands behind a CALL. Stale ones may be among them; none is missing.
 */
static void print_backtrace(u64 rsp)
{
	u64 end = (rsp & ~7ull) | (STACK_SIZE - 1);
	struct pt_mapping mapping;
	u32 lines = 0;

	for (u64 at = rsp & ~7ull; at < end && lines < BACKTRACE_LINES; at += 8) {
		if (!pt_translate(kernel_page_table(), at, &mapping))
			return;
		if (!symbol_is_return(*(const u64 *)(uintptr_t)at))
			continue;
		print_address("   ", *(const u64 *)(uintptr_t)at);
		lines++;
	}
}

static void print_registers(const struct user_regs *r)
{
	printk("rax %016lx rbx %016lx rcx %016lx rdx %016lx\n", r->rax, r->rbx, r->rcx, r->rdx);
	printk("rsi %016lx rdi %016lx rbp %016lx rsp %016lx\n", r->rsi, r->rdi, r->rbp, r->rsp);
	printk("r8  %016lx r9  %016lx r10 %016lx r11 %016lx\n", r->r8, r->r9, r->r10, r->r11);
	printk("r12 %016lx r13 %016lx r14 %016lx r15 %016lx\n", r->r12, r->r13, r->r14, r->r15);
	printk("cs %lx ss %lx rflags %lx cr0 %lx cr2 %lx cr3 %lx cr4 %lx efer %lx\n", r->cs, r->ss,
	       r->rflags, read_cr0(), read_cr2(), read_cr3(), read_cr4(), rdmsr(IA32_EFER));
}

void crash_exception(const struct user_regs *regs)
{
	struct core *self = this_core();

	begin_report(self);
	printk("\nCRASH on core %u (APIC ID %u): %s, vector %lu, error code 0x%lx\n", self->index,
	       self->apic_id, exception_names[regs->vector & 31], regs->vector, regs->error);
	print_address("at", regs->rip);
	print_registers(regs);
	printk("return addresses on the stack:\n");
	print_backtrace(regs->rsp);
	end_report(self);
}

void panic(const char *fmt, ...)
{
	struct core *self = this_core();
	char text[200];
	va_list args;

	va_start(args, fmt);
	format_va(text, sizeof(text), fmt, args);
	va_end(args);
	interrupts_off();
	begin_report(self);
	printk("\nPANIC on core %u (APIC ID %u): %s\n", self->index, self->apic_id, text);
	printk("return addresses on the stack:\n");
	print_backtrace((u64)(uintptr_t)text);
	end_report(self);
}

void crash_nmi(void)
{
	struct core *owner = atomic_load(&crashed_core);

	if (owner != NULL && owner != this_core())
		park();
}
