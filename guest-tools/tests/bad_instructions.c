/* SPDX-License-Identifier: MIT */
/*
 * Instructions that a guest may not execute here: each must give the fault that the processor
 * would give, and the guest goes on. Most of them leave VMX non-root operation unconditionally.
 */
#include "guest-tools/lib/cpu.h"
#include "guest-tools/lib/guest.h"
#include "guest-tools/lib/hypercall.h"
#include "guest-tools/lib/interrupt.h"
#include "guest-tools/lib/string.h"
#include "guest-tools/lib/tap.h"
#include "hv/base/bits.h"

static u64 operand[2] ALIGNED(16);

#define INSTRUCTION(name, text)                                                                    \
	static void name(void *arg)                                                                \
	{                                                                                          \
		__asm__ volatile(text : : "D"(arg), "a"(0), "c"(0), "d"(0) : "memory");            \
	}

INSTRUCTION(do_vmxon, "vmxon (%%rdi)")
INSTRUCTION(do_vmxoff, "vmxoff")
INSTRUCTION(do_vmclear, "vmclear (%%rdi)")
INSTRUCTION(do_vmptrld, "vmptrld (%%rdi)")
INSTRUCTION(do_vmptrst, "vmptrst (%%rdi)")
INSTRUCTION(do_vmlaunch, "vmlaunch")
INSTRUCTION(do_vmresume, "vmresume")
INSTRUCTION(do_vmread, "vmread %%rax, %%rcx")
INSTRUCTION(do_vmwrite, "vmwrite %%rax, %%rcx")
INSTRUCTION(do_invept, "invept (%%rdi), %%rax")
INSTRUCTION(do_invvpid, "invvpid (%%rdi), %%rax")
INSTRUCTION(do_vmfunc, "vmfunc")
INSTRUCTION(do_getsec, ".byte 0x0f, 0x37")
INSTRUCTION(do_rsm, "rsm")
INSTRUCTION(do_ud2, "ud2")
INSTRUCTION(do_encls, ".byte 0x0f, 0x01, 0xcf")

/* MOV to a control or debug register, XSETBV, RDPMC, WRMSR: the operand is what is wrong. */
#define WRONG_OPERAND(name, text, value)                                                           \
	static void name(void *arg)                                                                \
	{                                                                                          \
		(void)arg;                                                                         \
		__asm__ volatile(text : : "a"(value), "c"(0), "d"(0) : "memory");                  \
	}

WRONG_OPERAND(do_cr0, "mov %%rax, %%cr0", 0x80000000ull)          /* PG without PE */
WRONG_OPERAND(do_cr0_high, "mov %%rax, %%cr0", 0x100080000033ull) /* bits above 31 */
WRONG_OPERAND(do_cr0_nw, "mov %%rax, %%cr0", 0xa0000033ull)       /* NW without CD */
WRONG_OPERAND(do_cr4, "mov %%rax, %%cr4", 0xffffffff00000620ull)
WRONG_OPERAND(do_cr4_pae, "mov %%rax, %%cr4", 0x600ull) /* PAE off in long mode */
WRONG_OPERAND(do_cr8, "mov %%rax, %%cr8", 0x10ull)
WRONG_OPERAND(do_dr7, "mov %%rax, %%dr7", 0x100000400ull)
WRONG_OPERAND(do_rdpmc, "mov $0x7fffffff, %%ecx; rdpmc", 0ull)
WRONG_OPERAND(do_rdmsr, "mov $0x7fffffff, %%ecx; rdmsr", 0ull)
WRONG_OPERAND(do_wrmsr, "mov $0x7fffffff, %%ecx; wrmsr", 0ull)
WRONG_OPERAND(do_efer, "mov $0xc0000080, %%ecx; wrmsr", 0x0ull) /* LME off while paging */
WRONG_OPERAND(do_efer_reserved, "mov $0xc0000080, %%ecx; wrmsr", 0xfffff902ull)
WRONG_OPERAND(do_lstar, "mov $0xc0000082, %%ecx; mov $0x80000000, %%edx; wrmsr", 0x0ull)

struct trial {
	const char *name;
	void (*execute)(void *arg);
	int vector;
};

static const struct trial trials[] = {
	{ "UD2", do_ud2, VECTOR_UD },
	{ "VMXON", do_vmxon, VECTOR_UD },
	{ "VMXOFF", do_vmxoff, VECTOR_UD },
	{ "VMCLEAR", do_vmclear, VECTOR_UD },
	{ "VMPTRLD", do_vmptrld, VECTOR_UD },
	{ "VMPTRST", do_vmptrst, VECTOR_UD },
	{ "VMLAUNCH", do_vmlaunch, VECTOR_UD },
	{ "VMRESUME", do_vmresume, VECTOR_UD },
	{ "VMREAD", do_vmread, VECTOR_UD },
	{ "VMWRITE", do_vmwrite, VECTOR_UD },
	{ "INVEPT", do_invept, VECTOR_UD },
	{ "INVVPID", do_invvpid, VECTOR_UD },
	{ "VMFUNC", do_vmfunc, VECTOR_UD },
	{ "GETSEC", do_getsec, VECTOR_UD },
	{ "RSM", do_rsm, VECTOR_UD },
	{ "ENCLS", do_encls, VECTOR_UD },
	{ "CR0 with PG and without PE", do_cr0, VECTOR_GP },
	{ "CR0 with high bits", do_cr0_high, VECTOR_GP },
	{ "CR0 with NW and without CD", do_cr0_nw, VECTOR_GP },
	{ "CR4 with reserved bits", do_cr4, VECTOR_GP },
	{ "CR4 without PAE", do_cr4_pae, VECTOR_GP },
	{ "CR8 above 15", do_cr8, VECTOR_GP },
	{ "DR7 with high bits", do_dr7, VECTOR_GP },
	{ "RDPMC of no counter", do_rdpmc, VECTOR_GP },
	{ "RDMSR of no register", do_rdmsr, VECTOR_GP },
	{ "WRMSR of no register", do_wrmsr, VECTOR_GP },
	{ "EFER without LME", do_efer, VECTOR_GP },
	{ "EFER with reserved bits", do_efer_reserved, VECTOR_GP },
	{ "LSTAR not canonical", do_lstar, VECTOR_GP },
};

static void xsetbv(void *arg)
{
	u64 value = *(const u64 *)arg;

	__asm__ volatile("xsetbv" : : "c"(0), "a"((u32)value), "d"((u32)(value >> 32)));
}

/* XSETBV always exits, and a value that the processor refuses must not reach it from ring 0. */
static void test_xsetbv(void)
{
	static const u64 wrong[] = { 0, 2, 5, 0x8000000000000000, 0x23, ~0ull };

	if ((cpuid(1, 0).ecx >> 26 & 1) == 0) {
		tap_skip("XSETBV", "the processor has no XSAVE");
		return;
	}
	tap_is((u64)trap_call(xsetbv, (void *)&wrong[1]), VECTOR_UD, "XSETBV without CR4.OSXSAVE");
	write_cr4(read_cr4() | BIT(18));
	for (u32 i = 0; i < ARRAY_SIZE(wrong); i++)
		tap_is((u64)trap_call(xsetbv, (void *)&wrong[i]), VECTOR_GP, "XSETBV of %lx",
		       wrong[i]);
}

static void set_vmxe(void *arg)
{
	(void)arg;
	write_cr4(read_cr4() | BIT(13));
}

/* A guest that is offered no VMX may not turn it on. */
static void test_vmxe(void)
{
	if (cpuid(1, 0).ecx >> 5 & 1)
		tap_skip("CR4.VMXE", "the processor offers VMX");
	else
		tap_is((u64)trap_call(set_vmxe, NULL), VECTOR_GP,
		       "CR4.VMXE where VMX is not offered");
}

int guest_main(void)
{
	if (strcmp(hypervisor.name, "other") == 0) {
		tap_skip("bad instructions", "this emulator lets most of them pass");
		return tap_done();
	}
	for (const struct trial *t = trials; t < trials + ARRAY_SIZE(trials); t++)
		tap_bare(trap_call(t->execute, operand) == t->vector, "Bochs knows any MSR",
		         "%s gives exception %d", t->name, t->vector);
	test_xsetbv();
	test_vmxe();
	tap_ok(true, "still here");
	return tap_done();
}
