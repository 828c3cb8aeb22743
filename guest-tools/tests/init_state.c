/* SPDX-License-Identifier: MIT */
/*
 * What INIT leaves in a processor: SDM 3A table 10-1, found by the first instructions behind a
 * start-up IPI, after the processor had other values everywhere. INIT and SIPI are sent while it
 * has interrupts off, so that a hypervisor may find both at once, when it turns them on.
 */
#include "guest-tools/lib/apic.h"
#include "guest-tools/lib/cpu.h"
#include "guest-tools/lib/guest.h"
#include "guest-tools/lib/hypercall.h"
#include "guest-tools/lib/smp.h"
#include "guest-tools/lib/string.h"
#include "guest-tools/lib/tap.h"
#include "hv/base/bits.h"

#define CODE     0xa000u /* of the piece */
#define FOUND    0xa800u /* what it writes down, HIGH registers behind */
#define PATIENCE 2000000000ull
#define MARK     0x5a5a5a5a5a5a5a5aull
#define CR0_CD   0x40000000u

extern const u8 piece[], piece_end[];

/* Real mode, CS 0x0a00, IP 0. The way to long mode is trampoline.asm's, for R8 to R15. */
__asm__(".pushsection .rodata\n.balign 16\n"
        ".set slot, 0x800\n.macro save\n movl %eax, %cs:slot\n.set slot, slot + 4\n.endm\n"
        "piece: .code16\n save\n"
        ".irp r, ebx, ecx, edx, esi, edi, ebp, esp\n movl %\\r, %eax\n save\n.endr\n"
        " pushfl\n popl %eax\n save\n"
        ".irp r, cr0, cr2, cr3, cr4, dr0, dr1, dr2, dr3, dr6, dr7\n"
        " movl %\\r, %eax\n save\n.endr\n"
        ".irp r, cs, ss, ds, es, fs, gs\n xorl %eax, %eax\n movw %\\r, %ax\n save\n.endr\n"
        ".irp msr, 0xc0000080, 0xc0000100, 0xc0000101, 0xc0000102\n"
        " movl $\\msr, %ecx\n rdmsr\n save\n.endr\n"
        ".irp op, sgdtl, sidtl\n \\op %cs:0x980\n movzwl %cs:0x980, %eax\n save\n"
        " movl %cs:0x982, %eax\n save\n.endr\n"
        " xorl %eax, %eax\n movw %ax, %ds\n lgdtl %cs:(table - piece)\n"
        " movl %cr0, %eax\n andl $0x9fffffff, %eax\n orl $1, %eax\n movl %eax, %cr0\n"
        " ljmpl $0x18, $(flat - piece + 0xa000)\n"
        "flat: .code32\n movl $0x10, %eax\n movl %eax, %ds\n movl %eax, %es\n movl %eax, %ss\n"
        " movl $upper, %ebx\n movl $enter_long_mode, %eax\n jmp *%eax\n"
        "table: .word 4 * 8 - 1\n .long boot_gdt\n"
        "piece_end: .code64\n.popsection\n"
        ".pushsection .text\nupper: movl $0xa900, %eax\n"
        ".irp n, 8, 9, 10, 11, 12, 13, 14, 15\n movq %r\\n, 8 * \\n - 64(%rax)\n.endr\n"
        " jmp ap_start64\n.popsection");

/* ---- the processor before ---- */

static bool ready USED, go USED; /* by name in the assembly */
static u64 more_cr0;

/* All registers are marked, then interrupts on, and no way back. */
void spin_marked(void);
__asm__(".pushsection .text\nspin_marked: cli\n cpuid\n movabs $0x5a5a5a5a5a5a5a5a, %rax\n"
        " movq %rax, %rcx\n movq %rax, %rdx\n movq %rax, %rbx\n movq %rax, %rbp\n"
        " movq %rax, %rsi\n movq %rax, %rdi\n movq %rax, %r8\n movq %rax, %r9\n movq %rax, %r10\n"
        " movq %rax, %r11\n movq %rax, %r12\n movq %rax, %r13\n movq %rax, %r14\n"
        " movq %rax, %r15\n movb $1, ready\n"
        "1: pause\n cmpb $0, go\n je 1b\n sti\n2: pause\n jmp 2b\n.popsection");

static void dirty(void *arg)
{
	(void)arg;
	write_dr0(0x1111);
	write_dr1(0x2222);
	write_dr2(0x3333);
	write_dr3(0x4444);
	write_dr6(0xffff6ff5);
	write_dr7(0x00000700);
	write_cr2(0x5678);
	wrmsr(MSR_FS_BASE, MARK >> 17);
	wrmsr(MSR_KERNEL_GS_BASE, MARK >> 17);
	write_cr0(read_cr0() | more_cr0);
	spin_marked();
}

/* ---- and after ---- */

static const struct {
	const char *name;
	u32 value;
} rows[] = {
	{ "EAX", 0 },
	{ "EBX", 0 },
	{ "ECX", 0 },
	{ "EDX", 0 }, /* as CPUID's leaf 1 */
	{ "ESI", 0 },
	{ "EDI", 0 },
	{ "EBP", 0 },
	{ "ESP", 0 },
	{ "EFLAGS", 2 },
	{ "CR0", 0x10 },
	{ "CR2", 0 },
	{ "CR3", 0 },
	{ "CR4", 0 },
	{ "DR0", 0 },
	{ "DR1", 0 },
	{ "DR2", 0 },
	{ "DR3", 0 },
	{ "DR6", 0xffff0ff0 },
	{ "DR7", 0x400 },
	{ "CS", CODE >> 4 },
	{ "SS", 0 },
	{ "DS", 0 },
	{ "ES", 0 },
	{ "FS", 0 },
	{ "GS", 0 },
	{ "EFER", 0 },
	{ "FS base", 0 },
	{ "GS base", 0 },
	{ "KERNEL_GS_BASE, unchanged", (u32)(MARK >> 17) },
	{ "GDTR's limit", 0xffff },
	{ "GDTR's base", 0 },
	{ "IDTR's limit", 0xffff },
	{ "IDTR's base", 0 },
};

#define ROW_EDX            3u
#define ROW_CR0            9u
#define ROW_KERNEL_GS_BASE 28u

static void compare(const char *how)
{
	const volatile u32 *found = (const volatile u32 *)(u64)FOUND;
	const volatile u64 *upper = (const volatile u64 *)(u64)(FOUND + 0x100);
	u32 left = 0;

	for (u32 i = 0; i < ARRAY_SIZE(rows); i++) {
		u64 want = i == ROW_EDX   ? cpuid(1, 0).eax
		           : i == ROW_CR0 ? rows[i].value | more_cr0
		                          : rows[i].value;

		if (i == ROW_EDX || i == ROW_CR0 || i == ROW_KERNEL_GS_BASE)
			tap_bare(found[i] == want, "Bochs: as after a reset, EDX 0", "%s: %s", how,
			         rows[i].name);
		else
			tap_is(found[i], want, "%s: %s", how, rows[i].name);
	}
	for (u32 i = 0; i < 8; i++)
		left += upper[i] != 0;
	tap_is(left, 0, "%s: nothing in R8 to R15", how);
}

static void run(u64 cr0, u64 pause, const char *how)
{
	u64 since = rdtsc();

	more_cr0 = cr0;
	ready = false;
	go = false;
	memset((void *)(u64)FOUND, 0xa5, 0x200);
	smp_post(1, dirty, NULL);
	while (!atomic_load(&ready))
		cpu_relax();
	cpus[1].online = false;
	apic_send(cpu_ids[1], ICR_INIT | ICR_ASSERT);
	delay_ticks(pause);
	apic_send(cpu_ids[1], ICR_STARTUP | ICR_ASSERT | CODE >> 12);
	atomic_store(&go, true);
	while (!atomic_load(&cpus[1].online) && rdtsc() - since < PATIENCE)
		cpu_relax();
	if (tap_ok(cpus[1].online, "%s: CPU 1 starts", how))
		compare(how);
}

int guest_main(void)
{
	smp_start_all();
	if (cpu_ids_count < 2) {
		tap_skip("INIT", "one CPU");
		return tap_done();
	}
	memcpy((void *)(u64)CODE, piece, (size_t)(piece_end - piece));
	run(0, 0, "INIT and SIPI at once");
	run(CR0_CD, 20000, "one after the other, CR0.CD set");
	return tap_done();
}
