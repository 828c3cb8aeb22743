/* SPDX-License-Identifier: MIT */
/*
 * A processor outside of long mode: faults in real mode, which have no error code; what MOV to CR0
 * refuses when it would lead to IA-32e mode; PDPTEs, which it loads anew; instructions that a
 * hypervisor traps, as the last bytes below 4 GiB. SDM 2B "MOV", 3A 2.2, 4.4.1, 6.8, 20.1.4.
 *
 * CPU 1 runs a piece of its own from a start-up IPI on, and writes down what happens.
 */
#include "guest-tools/lib/apic.h"
#include "guest-tools/lib/guest.h"
#include "guest-tools/lib/hypercall.h"
#include "guest-tools/lib/print.h"
#include "guest-tools/lib/smp.h"
#include "guest-tools/lib/string.h"
#include "guest-tools/lib/tap.h"

#define CODE     0xa000u /* of the piece; held together with BASE below */
#define RECORDS  0xa800u
#define HAS_CALL 0xaff8u /* somebody takes VMCALL */
#define DONE     0xaffcu
#define TABLES   0xb000u /* PDPT, then four page directories */
#define HIGH     0x600000u
#define MARKER   0x9f00u
#define PATIENCE 200000000ull

#define FAULT_16  0x0d10u /* #GP taken in real mode, in 32-bit protected mode */
#define FAULT_32  0x0d20u
#define BACK      0xbac0u
#define IDENTITY  0x1de0u
#define REPLACED  0x4e30u
#define RFLAGS_RF 0x10000u
#define CR0_CD    0x40000000u

extern const u8 piece[], piece_end[];

#define HERE(label) "(" #label " - piece + BASE)"

/* A fault is expected at 1f: EBP has its address, EBX the length of the instruction. */
#define EXPECT_16(length) " movl $" #length ", %ebx\n movl $(1f - piece), %ebp\n"
#define EXPECT(length)    " movl $" #length ", %ebx\n movl $(1f - piece + BASE), %ebp\n"

/* `bytes` as the last two below 4 GiB; behind them, at 0, is JMP *%ESI. */
#define AT_THE_END(bytes, before)                                                                  \
	" movw $" #bytes ", 0x7ffffe\n movl $(1f - piece + BASE), %esi\n" before                   \
	" movl $0xfffffffe, %edx\n jmp *%edx\n"                                                    \
	"1: movl $0xbac0, %eax\n stosl\n"

__asm__(".pushsection .rodata\n.balign 16\n.set BASE, 0xa000\n"
        "piece: .code16\n cli\n cld\n xorw %ax, %ax\n movw %ax, %ds\n movw %ax, %es\n"
        " movw %ax, %ss\n movl $0x7000, %esp\n movl $0xa800, %edi\n"
        " movl $0x0a000000 + gp_16 - piece, 4 * 13\n"
        " movl %cr0, %eax\n andl $0x9fffffff, %eax\n movl %eax, %cr0\n"
        /* In real mode: reserved bits of CR4, NW without CD, XCR0 without x87, no MSR. */
        " movl $-1, %eax\n" EXPECT_16(
		3) "1: movl %eax, %cr4\n"
                   " movl $0x20000010, %eax\n" EXPECT_16(3) "1: movl %eax, %cr0\n"
                                                            " movl $1, %eax\n cpuid\n testl $1 << 26, %ecx\n jz 2f\n"
                                                            " movl %cr4, %eax\n orl $1 << 18, %eax\n movl %eax, %cr4\n"
                                                            " xorl %eax, %eax\n xorl %ecx, %ecx\n xorl %edx, %edx\n" EXPECT_16(
								    3) "1: xsetbv\n"
                                                                       "2: movl $0x7fffffff, %ecx\n" EXPECT_16(
									       2) "1: rdmsr\n"
                                                                                  /* In protected
                                                                                     mode, without
                                                                                     paging. */
                                                                                  " lgdtl %cs:(gdt_at - piece)\n lidtl %cs:(idt_at - piece)\n"
                                                                                  " movl %cr0, %eax\n orl $1, %eax\n movl %eax, %cr0\n"
                                                                                  " ljmpl $0x08, $" HERE(protected) "\n"
                                                                                                                    "protected: .code32\n movl $0x10, %eax\n movl %eax, %ds\n movl %eax, %es\n"
                                                                                                                    " movl %eax, %ss\n movl $0x7000, %esp\n"
                                                                                                                    " movl $-1, %eax\n" EXPECT(
															    3) "1: movl %eax, %cr4\n"
                                                                                                                               /* To IA-32e mode from a code segment with L; the second time no other bit changes. */
                                                                                                                               " movl $0xc0000080, %ecx\n rdmsr\n orl $0x100, %eax\n wrmsr\n"
                                                                                                                               " movl $0x20, %eax\n movl %eax, %cr4\n movl $boot_pml4, %eax\n movl %eax, %cr3\n"
                                                                                                                               " ljmp $0x18, $" HERE(
																       l_set) "\n"
                                                                                                                                              "l_set: .code16\n movl %cr0, %eax\n orl $0xc0000000, %eax\n" EXPECT(3) "1: movl %eax, %cr0\n"
                                                                                                                                                                                                                     " movl %cr0, %eax\n orl $0x80000000, %eax\n" EXPECT(3) "1: movl %eax, %cr0\n"
                                                                                                                                                                                                                                                                            " ljmpl $0x08, $" HERE(tss_16) "\n"
                                                                                                                                                                                                                                                                                                           "tss_16: .code32\n movl $0x20, %eax\n ltr %ax\n"
                                                                                                                                                                                                                                                                                                           " movl %cr0, %eax\n orl $0xc0000000, %eax\n" EXPECT(
																																						   3) "1: movl %eax, %cr0\n"
                                                                                                                                                                                                                                                                                                                      " movl $0xc0000080, %ecx\n rdmsr\n andl $~0x100, %eax\n wrmsr\n"
                                                                                                                                                                                                                                                                                                                      /* PAE paging: the second entry of the table changes, and counts when CR0.CD is written. */
                                                                                                                                                                                                                                                                                                                      " movl $0xb000, %eax\n movl %eax, %cr3\n"
                                                                                                                                                                                                                                                                                                                      " movl %cr0, %eax\n orl $0x80000000, %eax\n movl %eax, %cr0\n"
                                                                                                                                                                                                                                                                                                                      " movl 0x40009f00, %eax\n stosl\n movl $0xe001, 0xb008\n"
                                                                                                                                                                                                                                                                                                                      " movl 0x40009f00, %eax\n stosl\n"
                                                                                                                                                                                                                                                                                                                      " movl %cr0, %eax\n orl $0x40000000, %eax\n movl %eax, %cr0\n"
                                                                                                                                                                                                                                                                                                                      " movl 0x40209f00, %eax\n stosl\n"
                                                                                                                                                                                                                                                                                                                      /* A reserved bit in the third. */
                                                                                                                                                                                                                                                                                                                      " movl $3, 0xb010\n movl %cr0, %eax\n andl $~0x40000000, %eax\n" EXPECT(
																																							      3) "1: movl %eax, %cr0\n movl %cr0, %eax\n stosl\n movl $0, 0xb010\n"
                                                                                                                                                                                                                                                                                                                                 " movl %cr0, %eax\n andl $~0x40000000, %eax\n movl %eax, %cr0\n"
                                                                                                                                                                                                                                                                                                                                 " movl %cr0, %eax\n stosl\n"
                                                                                                                                                                                                                                                                                                                                 /* Over the end: CPUID, IN, RDMSR, a load from a device, VMCALL. */
                                                                                                                                                                                                                                                                                                                                 " movw $0xe6ff, 0\n" AT_THE_END(
																																									 0xa20f,
																																									 " xorl %eax, %eax\n")
                                                                                                                                                                                                                                                                                                                                         AT_THE_END(
																																										 0x61e4,
																																										 "")
                                                                                                                                                                                                                                                                                                                                                 AT_THE_END(
																																											 0x320f,
																																											 " movl $0x1b, %ecx\n") AT_THE_END(0x008b, " movl $0xfec00000, %eax\n") " cmpl $0, 0xaff8\n je 2f\n movl $0xc1010f00, 0x7ffffc\n"
                                                                                                                                                                                                                                                                                                                                                                                                                                " movl $" HERE(
																																																					1f) ", %esi\n movl $12345, %eax\n movl $0xfffffffd, %edx\n jmp *%edx\n"
                                                                                                                                                                                                                                                                                                                                                                                                                                            "1: movl $0xbac0, %eax\n stosl\n"
                                                                                                                                                                                                                                                                                                                                                                                                                                            "2: movl $1, 0xaffc\n3: hlt\n jmp 3b\n"
                                                                                                                                                                                                                                                                                                                                                                                                                                            /* What, SP, how far from the expected place, flags. */
                                                                                                                                                                                                                                                                                                                                                                                                                                            "gp_16: .code16\n movzwl %sp, %esi\n movl $0x0d10, %eax\n stosl\n movl %esi, %eax\n"
                                                                                                                                                                                                                                                                                                                                                                                                                                            " stosl\n movzwl (%si), %eax\n subl %ebp, %eax\n stosl\n movzwl 4(%si), %eax\n stosl\n"
                                                                                                                                                                                                                                                                                                                                                                                                                                            " addw %bx, (%si)\n iretw\n"
                                                                                                                                                                                                                                                                                                                                                                                                                                            /* What, the error code, how far, flags. */
                                                                                                                                                                                                                                                                                                                                                                                                                                            "gp_32: .code32\n movl $0x0d20, %eax\n stosl\n movl (%esp), %eax\n stosl\n"
                                                                                                                                                                                                                                                                                                                                                                                                                                            " movl 4(%esp), %eax\n subl %ebp, %eax\n stosl\n movl 12(%esp), %eax\n stosl\n"
                                                                                                                                                                                                                                                                                                                                                                                                                                            " addl %ebx, 4(%esp)\n addl $4, %esp\n iret\n"
                                                                                                                                                                                                                                                                                                                                                                                                                                            ".balign 8\n"
                                                                                                                                                                                                                                                                                                                                                                                                                                            "gdt: .quad 0, 0x00cf9b000000ffff, 0x00cf93000000ffff, 0x00af9b000000ffff\n"
                                                                                                                                                                                                                                                                                                                                                                                                                                            " .quad 0x000081009800002b\n" /* a 16-bit TSS at 0x9800 */
                                                                                                                                                                                                                                                                                                                                                                                                                                            "idt: .fill 13, 8, 0\n .word gp_32 - piece + BASE, 8, 0x8e00, 0\n"
                                                                                                                                                                                                                                                                                                                                                                                                                                            "gdt_at: .word idt - gdt - 1\n .long gdt - piece + BASE\n"
                                                                                                                                                                                                                                                                                                                                                                                                                                            "idt_at: .word gdt_at - idt - 1\n .long idt - piece + BASE\n"
                                                                                                                                                                                                                                                                                                                                                                                                                                            "piece_end: .code64\n.popsection");

/* ---- what it should write down ---- */

enum kind { REAL, REAL_MSR, PROTECTED, WORD, CD_SET, CD_CLEAR, CALL };

static const struct {
	const char *what;
	enum kind kind;
	u32 word;
} wanted[] = {
	{ "real mode: CR4 with reserved bits", REAL, 0 },
	{ "real mode: CR0 with NW and without CD", REAL, 0 },
	{ "real mode: XSETBV of 0", REAL, 0 },
	{ "real mode: RDMSR of no register", REAL_MSR, 0 },
	{ "protected mode: CR4 with reserved bits", PROTECTED, 0 },
	{ "to IA-32e mode with CS.L, CD changes", PROTECTED, 0 },
	{ "to IA-32e mode with CS.L", PROTECTED, 0 },
	{ "to IA-32e mode with a 16-bit TSS", PROTECTED, 0 },
	{ "PAE: the table as CR0.PG found it", WORD, IDENTITY },
	{ "PAE: its change in memory does not count", WORD, IDENTITY },
	{ "PAE: a write of CR0.CD makes it count", WORD, REPLACED },
	{ "PAE: a reserved bit there, and CR0.CD written", PROTECTED, 0 },
	{ "and CR0 has not changed", CD_SET, 0 },
	{ "CR0.CD can be cleared when it is gone", CD_CLEAR, 0 },
	{ "CPUID over the end of 4 GiB", WORD, BACK },
	{ "IN over the end of 4 GiB", WORD, BACK },
	{ "RDMSR over the end of 4 GiB", WORD, BACK },
	{ "a load from a device over the end of 4 GiB", WORD, BACK },
	{ "VMCALL over the end of 4 GiB", CALL, BACK },
};

static const volatile u32 *record = (const volatile u32 *)(u64)RECORDS;

static void show(u32 words)
{
	for (u32 i = 0; i < words; i++)
		print("#   %x\n", record[i]);
}

static void check_fault(const char *what, u32 kind, u32 second)
{
	bool rf = kind == FAULT_16 || (record[3] & RFLAGS_RF) != 0;

	if (!tap_ok(record[0] == kind && record[1] == second && record[2] == 0 && rf,
	            "%s: #GP, there, with%s an error code%s", what, kind == FAULT_16 ? "out" : "",
	            kind == FAULT_16 ? "" : " and RF"))
		show(4);
	record += 4;
}

static void check(u32 i)
{
	bool xsave = (cpuid(1, 0).ecx >> 26 & 1) != 0;

	switch (wanted[i].kind) {
	case REAL_MSR:
		if (record[0] != FAULT_16 && !hypervisor.present) {
			tap_skip(wanted[i].what, "Bochs knows any MSR");
			break;
		}
		check_fault(wanted[i].what, FAULT_16, 0x6ffa);
		break;
	case REAL:
		if (i == 2 && !xsave)
			tap_skip(wanted[i].what, "no XSAVE");
		else
			check_fault(wanted[i].what, FAULT_16, 0x6ffa);
		break;
	case PROTECTED:
		check_fault(wanted[i].what, FAULT_32, 0);
		break;
	case CD_SET:
	case CD_CLEAR:
		tap_is(*record++ & CR0_CD, wanted[i].kind == CD_SET ? CR0_CD : 0, "%s",
		       wanted[i].what);
		break;
	case CALL:
		if (!hypervisor.present) {
			tap_skip(wanted[i].what, "nobody takes it");
			break;
		}
		/* fall through */
	case WORD:
		tap_is(*record++, wanted[i].word, "%s", wanted[i].what);
		break;
	}
}

/* 2 MiB pages: the first 8 MiB as they are, two directories to choose from, the highest page. */
static void build_tables(void)
{
	u64 *pdpt = (u64 *)(u64)TABLES;
	u64 *pd = pdpt + 512, *pd_a = pd + 512, *pd_b = pd_a + 512, *pd_3 = pd_b + 512;

	memset(pdpt, 0, 5 * 4096);
	for (u64 i = 0; i < 4; i++)
		pd[i] = i << 21 | 0x83;
	pd_a[0] = pd_a[1] = 0x83;
	pd_b[0] = pd_b[1] = HIGH | 0x83;
	pd_3[0x1f6] = 0xfec0009b;
	pd_3[0x1ff] = HIGH | 0x83;
	pdpt[0] = (u64)pd | 1;
	pdpt[1] = (u64)pd_a | 1;
	pdpt[3] = (u64)pd_3 | 1;
	*(volatile u32 *)(u64)MARKER = IDENTITY;
	*(volatile u32 *)(u64)(HIGH + MARKER) = REPLACED;
}

int guest_main(void)
{
	volatile u32 *done = (volatile u32 *)(u64)DONE;
	u64 since = rdtsc();

	smp_start_all();
	if (cpu_ids_count < 2) {
		tap_skip("other modes", "one CPU");
		return tap_done();
	}
	memcpy((void *)(u64)CODE, piece, (size_t)(piece_end - piece));
	build_tables();
	*done = 0;
	*(volatile u32 *)(u64)HAS_CALL = hypervisor.present;
	apic_send(cpu_ids[1], ICR_INIT | ICR_ASSERT);
	delay_ticks(20000);
	apic_send(cpu_ids[1], ICR_STARTUP | ICR_ASSERT | CODE >> 12);
	while (*done == 0 && rdtsc() - since < PATIENCE)
		cpu_relax();
	if (!tap_ok(*done != 0, "CPU 1 comes to its end"))
		show(80);
	for (u32 i = 0; i < ARRAY_SIZE(wanted); i++)
		check(i);
	return tap_done();
}
