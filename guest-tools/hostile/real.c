/* SPDX-License-Identifier: MIT */
/*
 * Real mode: an AP is started by INIT and SIPI in a page of code made at random from a table of
 * pieces, left alone for a while, and started anew. One operation is one piece.
 */
#include "guest-tools/hostile/hostile.h"
#include "guest-tools/lib/apic.h"
#include "guest-tools/lib/random.h"
#include "guest-tools/lib/string.h"

#define CODE_PAGE  0x10000u
#define CODE_BYTES 2048u
#define PIECES     32u
#define RUN_TICKS  20000u

static const struct piece {
	u8 length;
	u8 code[8];
} pieces[] = {
	{ 1, { 0x90 } },                                  /* nop */
	{ 1, { 0xfb } },                                  /* sti */
	{ 1, { 0xfa } },                                  /* cli */
	{ 2, { 0x0f, 0xa2 } },                            /* cpuid */
	{ 2, { 0x0f, 0x31 } },                            /* rdtsc */
	{ 8, { 0x66, 0xb9, 0x1b, 0, 0, 0, 0x0f, 0x32 } }, /* rdmsr of APIC_BASE */
	{ 8, { 0x66, 0xb9, 0x10, 0, 0, 0, 0x0f, 0x32 } }, /* rdmsr of TSC */
	{ 2, { 0x0f, 0x32 } },                            /* rdmsr of what is in ECX */
	{ 2, { 0x0f, 0x30 } },                            /* wrmsr */
	{ 2, { 0xe5, 0x80 } },                            /* in ax, 0x80 */
	{ 2, { 0xe6, 0x80 } },                            /* out 0x80, al */
	{ 1, { 0xec } },                                  /* in al, dx */
	{ 3, { 0xba, 0x30, 0x12 } },                      /* mov dx, 0x1230 */
	{ 2, { 0xf3, 0x6c } },                            /* rep insb */
	{ 1, { 0x6e } },                                  /* outsb */
	{ 3, { 0xb9, 0x03, 0x00 } },                      /* mov cx, 3 */
	{ 3, { 0x0f, 0x20, 0xc0 } },                      /* mov eax, cr0 */
	{ 3, { 0x0f, 0x22, 0xc0 } },                      /* mov cr0, eax */
	{ 3, { 0x0f, 0x20, 0xe0 } },                      /* mov eax, cr4 */
	{ 3, { 0x0f, 0x22, 0xe0 } },                      /* mov cr4, eax */
	{ 3, { 0x0f, 0x23, 0xc0 } },                      /* mov dr0, eax */
	{ 3, { 0x0f, 0x23, 0xf8 } },                      /* mov dr7, eax */
	{ 5, { 0x0f, 0x01, 0x16, 0x00, 0x0f } },          /* lgdt [0xf00] */
	{ 3, { 0x0f, 0x01, 0xc1 } },                      /* vmcall */
	{ 3, { 0x0f, 0x01, 0xd1 } },                      /* xsetbv */
	{ 3, { 0x0f, 0x01, 0xf0 } },                      /* lmsw ax */
	{ 2, { 0x0f, 0x09 } },                            /* wbinvd */
	{ 2, { 0x8e, 0xd8 } },                            /* mov ds, ax */
	{ 2, { 0x8e, 0xd0 } },                            /* mov ss, ax */
	{ 3, { 0xb8, 0x00, 0xb0 } },                      /* mov ax, 0xb000 */
	{ 2, { 0xcd, 0x40 } },                            /* int 0x40 */
	{ 1, { 0xcc } },                                  /* int3 */
	{ 2, { 0x0f, 0x0b } },                            /* ud2 */
	{ 4, { 0x66, 0x67, 0x8b, 0x00 } },                /* mov eax, [eax] */
	{ 2, { 0x9c, 0x9d } },                            /* pushf; popf */
	{ 5, { 0x9c, 0x58, 0x80, 0xcc, 0x01 } },          /* pushf; pop ax; or ah, 1: TF */
	{ 2, { 0x50, 0x9d } },                            /* push ax; popf */
};

/* A handler that goes on behind the instruction as far as an IRET does that. */
static const u8 handler[] = { 0x83, 0xc4, 0x00, 0xcf };

static u32 *physical(u64 address)
{
	__asm__("" : "+r"(address));
	return (u32 *)address;
}

static void real_begin(void)
{
	(void)!apic_use(&x2apic_ops);
	memcpy(physical(CODE_PAGE - 16), handler, sizeof(handler));
	for (u32 vector = 0; vector < 256; vector++)
		*physical(4 * vector) = (CODE_PAGE - 0x1000) / 16 << 16 | (0x1000 - 16);
}

/* The page so far; at its end it halts, and begins again when something wakes it. */
static u32 used;

static void run_page(void)
{
	u8 *code = (u8 *)physical(CODE_PAGE);

	code[used++] = 0xf4;
	code[used++] = 0xeb;
	code[used] = (u8) - (used + 1);
	apic_send(1, ICR_INIT | ICR_ASSERT);
	apic_send(1, ICR_STARTUP | ICR_ASSERT | CODE_PAGE >> 12);
	delay_ticks(RUN_TICKS);
	apic_send(1, ICR_INIT | ICR_ASSERT);
	used = 0;
}

static void real_operate(u64 *seed)
{
	static u32 count;
	u8 *at = (u8 *)physical(CODE_PAGE) + used;
	const struct piece *piece = &ONE_OF(seed, pieces);

	if (once_in(seed, 4096)) {
		for (u32 i = 0; i < 8; i++)
			at[i] = (u8)random_next(seed);
		used += 8;
	} else {
		memcpy(at, piece->code, piece->length);
		used += piece->length;
	}
	if (++count % PIECES == 0 || used > 96)
		run_page();
}

const struct kind kind_real = {
	.name = "real",
	.step = 256,
	.begin = real_begin,
	.operate = real_operate,
};
