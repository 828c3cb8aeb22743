/* SPDX-License-Identifier: MIT */
#include "guest-tools/lib/interrupt.h"
#include "guest-tools/lib/cpu.h"
#include "guest-tools/lib/exit.h"
#include "guest-tools/lib/print.h"
#include "guest-tools/lib/smp.h"

#define GATE_INTERRUPT 0x8eu
#define GATE_USER      0xeeu
#define TSS_AVAILABLE  0x89u
#define IST_DF         1u

struct PACKED gate {
	u16 offset_low;
	u16 selector;
	u8 ist;
	u8 type;
	u16 offset_mid;
	u32 offset_high;
	u32 reserved;
};

struct PACKED table_pointer {
	u16 limit;
	u64 base;
};

static_assert(offsetof(struct cpu, trap_rsp) == 8, "interrupt.asm");
static_assert(offsetof(struct cpu, user_rsp) == 16, "interrupt.asm");
static_assert(offsetof(struct cpu, tss) + offsetof(struct tss, rsp) == 40, "interrupt.asm");

extern const u64 interrupt_entries[256];
extern const char trap_landing[], user_landing[];
void interrupt_dispatch(struct interrupt_frame *frame);

static struct gate idt[256] ALIGNED(16);
static interrupt_fn handlers[256];
static u8 df_stack[4096] ALIGNED(16);
static u64 last_trap_error;

static u64 gdt[6 + 2 * MAX_CPUS] = {
	0,
	0x00af9b000000ffff, /* code */
	0x00cf93000000ffff, /* data */
	0x00cf9b000000ffff, /* 32-bit code */
	0x00cff3000000ffff, /* user data */
	0x00affb000000ffff, /* user code */
};

static void gate_set(u32 vector, u64 target, u8 type)
{
	idt[vector] = (struct gate){
		.offset_low = (u16)target,
		.selector = SELECTOR_CODE,
		.ist = vector == VECTOR_DF ? IST_DF : 0,
		.type = type,
		.offset_mid = (u16)(target >> 16),
		.offset_high = (u32)(target >> 32),
	};
}

void interrupt_init(void)
{
	for (u32 v = 0; v < 256; v++)
		gate_set(v, interrupt_entries[v],
		         v == VECTOR_USER_EXIT ? GATE_USER : GATE_INTERRUPT);
}

void interrupt_cpu_setup(struct cpu *cpu)
{
	const struct table_pointer gdt_pointer = { sizeof(gdt) - 1, (u64)gdt };
	const struct table_pointer idt_pointer = { sizeof(idt) - 1, (u64)idt };
	u64 base = (u64)&cpu->tss;
	u64 *descriptor = &gdt[SELECTOR_TSS(cpu->index) / 8];

	cpu->tss = (struct tss){ .io_map = sizeof(struct tss) };
	cpu->tss.ist[IST_DF - 1] = (u64)df_stack + sizeof(df_stack);
	descriptor[0] = (sizeof(struct tss) - 1) | (base & 0xffffff) << 16 |
	                (u64)TSS_AVAILABLE << 40 | (base >> 24 & 0xff) << 56;
	descriptor[1] = base >> 32;

	__asm__ volatile("lgdt %0" : : "m"(gdt_pointer));
	__asm__ volatile("lidt %0" : : "m"(idt_pointer));
	__asm__ volatile("ltr %w0" : : "r"(SELECTOR_TSS(cpu->index)));
}

void interrupt_handle(u32 vector, interrupt_fn fn)
{
	gate_set(vector, interrupt_entries[vector], GATE_INTERRUPT);
	atomic_store(&handlers[vector], fn);
}

void interrupt_handle_raw(u32 vector, void (*fn)(struct raw_frame *frame))
{
	gate_set(vector, (u64)fn, GATE_INTERRUPT);
}

u64 trap_error(void)
{
	return last_trap_error;
}

/* Makes the interrupted context go on in kernel code at rip, with the stack given. */
static void frame_redirect(struct interrupt_frame *frame, const char *rip, u64 rsp)
{
	frame->rip = (u64)rip;
	frame->rsp = rsp;
	frame->cs = SELECTOR_CODE;
	frame->ss = SELECTOR_DATA;
	frame->rflags &= ~0x50100ull; /* TF, RF, AC */
}

static NORETURN void exception_report(const struct interrupt_frame *f, const struct cpu *cpu)
{
	print("\n# EXCEPTION %lu error %lx on CPU %u, cr2 %lx cr0 %lx cr3 %lx cr4 %lx\n", f->vector,
	      f->error, cpu->index, read_cr2(), read_cr0(), read_cr3(), read_cr4());
	print("# rip %lx:%lx flags %lx rsp %lx:%lx\n", f->cs, f->rip, f->rflags, f->ss, f->rsp);
	print("# rax %lx rbx %lx rcx %lx rdx %lx\n", f->rax, f->rbx, f->rcx, f->rdx);
	print("# rsi %lx rdi %lx rbp %lx r8 %lx\n", f->rsi, f->rdi, f->rbp, f->r8);
	print("# r9 %lx r10 %lx r11 %lx r12 %lx\n", f->r9, f->r10, f->r11, f->r12);
	print("# r13 %lx r14 %lx r15 %lx\n", f->r13, f->r14, f->r15);
	guest_exit(EXIT_EXCEPTION);
}

void interrupt_dispatch(struct interrupt_frame *frame)
{
	struct cpu *cpu = this_cpu();
	interrupt_fn fn = atomic_load(&handlers[frame->vector]);

	if (frame->vector == VECTOR_USER_EXIT && (frame->cs & 3) == 3) {
		frame_redirect(frame, user_landing, cpu->user_rsp);
	} else if (fn != NULL) {
		fn(frame);
	} else if (frame->vector >= 32) {
		cpu->unexpected++;
		cpu->unexpected_vector = (u32)frame->vector;
	} else if (cpu->trap_rsp != 0) {
		last_trap_error = frame->error;
		frame->rax = frame->vector;
		frame_redirect(frame, trap_landing, cpu->trap_rsp);
	} else {
		exception_report(frame, cpu);
	}
}
