/* SPDX-License-Identifier: MIT */
/*
 * Instructions that the monitor carries out for the guest: what the images cannot make (other
 * segments, code that changes behind the exit, other CPUs that take pages away), and anything at
 * all at random.
 */
#include "tests/unit/monitor_world.h"

#include "hv/base/bits.h"
#include "tests/unit/any.h"
#include "vmx/walk.h"

#define RAM   0x10000u /* bytes; in linear as in physical addresses a hole is what follows */
#define HOLE  0x20000u
#define APIC  0xfee00000u
#define TABLE 0x4000u /* the last-level table of the first 2 MiB, mapped as they are */

enum { RAX, RCX, RDX, RBX, RSP, RBP, RSI, RDI };
enum { ES, CS, SS, DS, FS, GS };

#define PTE_ALL   7u
#define CODE_64   0xa09bu
#define CODE_32   0xc09bu
#define CODE_16   0x009bu
#define DATA      0xc093u
#define USER      0x60u
#define UNUSABLE  0x10000u
#define EXIT_EPT  48u
#define EXIT_PORT 30u

static u8 ram[RAM] ALIGNED(4096);
static u64 taken_away; /* a page that another vCPU unmaps while a device is being read */
static u32 stores, stores_refused, apic_register, apic_ended;

static struct insn_message *insn(void)
{
	return (struct insn_message *)(void *)page.data;
}

static u64 *pte(u64 linear)
{
	return (u64 *)(void *)(ram + TABLE) + linear / PAGE_SIZE;
}

static struct walk_state state(void)
{
	const struct vcpu_dump *c = &insn()->cpu;

	return (struct walk_state){ .cr0 = c->cr0,
		                    .cr3 = c->cr3,
		                    .cr4 = c->cr4,
		                    .efer = c->efer,
		                    .rflags = c->rflags,
		                    .physical_mask = info.physical_mask,
		                    .cpl = (u32)bits_get(c->segment[SS][3], 6, 5) };
}

/* Ring 0's part. */
static s64 kernel(u64 number, u64 at, u64 b, u64 c)
{
	struct walk_state s = state();
	struct walk walk;

	switch (number) {
	case SYS_STORE:
		ck_assert(c >= 1 && c <= 8 && (at & PAGE_MASK) + c <= PAGE_SIZE);
		walk = walk_translate(&monitor.memory, &s, at, WALK_WRITE);
		if (stores_refused > 0 || walk.outcome != WALK_DONE || walk.gpa.raw + c > RAM)
			return SYS_ENOENT;
		memcpy(ram + walk.gpa.raw, &b, c);
		stores++;
		return 0;
	case SYS_APIC_READ:
		if (taken_away != 0)
			*pte(taken_away) = 0;
		return (at & ~PAGE_MASK) == APIC ? (s64)apic_register : SYS_ENOENT;
	case SYS_APIC_WRITE:
		if ((at & ~PAGE_MASK) != APIC)
			return SYS_ENOENT;
		apic_register = (u32)b;
		return apic_ended;
	default:
		ck_abort_msg("system call %u", (unsigned int)number);
	}
}

static void tables(void)
{
	memset(ram, 0, sizeof(ram));
	*(u64 *)(void *)(ram + 0x1000) = 0x2000 | PTE_ALL;
	*(u64 *)(void *)(ram + 0x2000) = 0x3000 | PTE_ALL;
	*(u64 *)(void *)(ram + 0x2018) = 0x5000 | PTE_ALL; /* 3 GiB: the APIC */
	*(u64 *)(void *)(ram + 0x3000) = TABLE | PTE_ALL;
	*(u64 *)(void *)(ram + 0x5000 + 8 * ((APIC >> 21) & 511)) = (APIC & ~0x1fffffu) | 0x87;
	for (u64 i = 0; i < 512; i++)
		*pte(i * PAGE_SIZE) = i * PAGE_SIZE | PTE_ALL;
}

/* 64-bit mode, CPL 0. */
static void begin(void)
{
	struct vcpu_dump *c = &insn()->cpu;

	setup();
	memory_call = kernel;
	tables();
	stores = stores_refused = apic_register = apic_ended = 0;
	taken_away = 0;
	monitor.memory = (struct guest_memory){ ram, RAM };
	info.physical_mask = BITS(39, 0);
	memset(insn(), 0, sizeof(*insn()));
	c->cr0 = BIT(31) | BIT(16) | BIT(0);
	c->cr3 = 0x1000;
	c->cr4 = BIT(5) | BIT(9);
	c->efer = BIT(10) | BIT(8);
	c->rflags = 2;
	c->rip = 0x8000;
	c->exit_reason = EXIT_EPT;
	for (u32 i = 0; i < 6; i++) {
		c->segment[i][2] = 0xffffffff;
		c->segment[i][3] = i == CS ? CODE_64 : DATA;
	}
}

static void user(void)
{
	insn()->cpu.segment[SS][3] |= USER;
}

/* Paging off, 32- or 16-bit code. */
static void flat(u64 code)
{
	struct vcpu_dump *c = &insn()->cpu;

	c->cr0 = BIT(0);
	c->efer = 0;
	c->segment[CS][3] = code;
	if (code == CODE_16)
		for (u32 i = 0; i < 6; i++)
			c->segment[i][2] = 0xffff;
}

static void reg(u32 number, u64 value)
{
	insn()->cpu.gpr[number] = value;
}

static const struct insn_result *run(const char *code, size_t count)
{
	memcpy(insn()->cpu.code, code, count);
	insn()->cpu.code_count = count;
	ck_assert(message(MSG_INSTRUCTION, HOLE, 0, false, 0));
	return &insn()->result;
}
#define RUN(code) run(code, sizeof(code) - 1)

static const struct insn_result *port(const char *code, size_t count, u64 qualification)
{
	insn()->cpu.exit_reason = EXIT_PORT;
	insn()->cpu.qualification = qualification;
	return run(code, count);
}
#define PORT(code, qualification) port(code, sizeof(code) - 1, qualification)
#define AT_PORT(n)                ((u64)(n) << 16 | BIT(4))
#define INPUT                     BIT(3)

#define OUTSB "\x6e"
#define INSB  "\x6c"
#define INSW  "\x66\x6d"

static bool faulted(const struct insn_result *r, u32 vector, u32 error)
{
	return r->done == 0 && r->fault == vector && r->error == error &&
	       memcmp(r->gpr, insn()->cpu.gpr, sizeof(r->gpr)) == 0 &&
	       page.reply.action == REPLY_RESUME;
}

static bool retried(const struct insn_result *r)
{
	return faulted(r, 0, 0) && r->rflags == insn()->cpu.rflags && r->breakpoints == 0;
}

static bool did(const struct insn_result *r, u32 length)
{
	return r->done == 1 && r->fault == 0 && r->length == length;
}

/* ---- what stands there now, and who may do it ---- */

/* The exit was a load's; the store that another CPU has put there needs its own right. */
START_TEST(store_instead_of_load)
{
	const struct insn_result *r;

	begin();
	user();
	insn()->cpu.qualification = BIT(0) | BIT(7) | BIT(8);
	*pte(HOLE) = HOLE | 5;
	reg(RDI, HOLE);
	ck_assert(did(RUN("\x8b\x07"), 2));
	r = RUN("\x89\x07");
	ck_assert(faulted(r, 14, 7) && r->cr2 == HOLE);
	r = RUN("\x01\x07"); /* add */
	ck_assert(faulted(r, 14, 7));
	ck_assert(did(RUN("\x39\x07"), 2)); /* cmp */
	reg(RDI, 0x30000);
	*pte(0x30000) = 0;
	r = RUN("\x8b\x07");
	ck_assert(faulted(r, 14, 4) && r->cr2 == 0x30000);
}
END_TEST

/* What leads to RAM alone, or to a port, is not what exited. */
START_TEST(another_instruction)
{
	begin();
	reg(RDI, 0x9000);
	reg(RSI, 0xa000);
	ck_assert(retried(RUN("\x89\x07")));
	ck_assert(retried(RUN("\xf0\x01\x07")));
	ck_assert(retried(RUN("\xa5")));
	ck_assert(retried(RUN("\x8f\x07")));
	ck_assert(retried(RUN(OUTSB)));
	ck_assert(retried(RUN(INSB)));
	ck_assert_uint_eq(stores, 0);
	insn()->cpu.code_count = 0;
	ck_assert(message(MSG_INSTRUCTION, HOLE, 0, false, 0));
	ck_assert(retried(&insn()->result));
}
END_TEST

START_TEST(not_known)
{
	begin();
	reg(RDI, HOLE);
	ck_assert(retried(RUN("\x0f\xc7\x0f"))); /* cmpxchg8b: maybe being patched */
	(void)RUN("\x0f\xc7\x0f");
	ck_assert(page.reply.action == REPLY_STOP && page.reply.stop == END_INSTRUCTION);
	ck_assert_uint_eq(page.reply.value, HOLE);
	begin();
	user();
	ck_assert(retried(RUN("\x0f\xc7\x0f")));
	ck_assert(faulted(RUN("\x0f\xc7\x0f"), 6, 0));
	ck_assert(faulted(RUN("\x0f\xc7\x0f"), 6, 0));
}
END_TEST

/* A second operand may be anything. */
START_TEST(second_operand)
{
	const struct insn_result *r;

	begin();
	reg(RSI, HOLE);
	reg(RDI, 0x9ffe);
	reg(RCX, 5);
	r = RUN("\xf3\xa5");
	ck_assert(did(r, 0) && r->gpr[RCX] == 4 && r->gpr[RSI] == HOLE + 4 &&
	          r->gpr[RDI] == 0xa002 && stores == 2); /* in two pages */
	ck_assert(memcmp(ram + 0x9ffe, "\xff\xff\xff\xff\0", 5) == 0 && ram[0x9ffd] == 0);
	stores_refused = 1;
	ck_assert(retried(RUN("\xf3\xa5")));
	stores_refused = 0;
	*pte(0xa000) &= ~1ull;
	r = RUN("\xf3\xa5");
	ck_assert(faulted(r, 14, 2) && r->cr2 == 0xa000);
	reg(RDI, 0x00007fffffffffff);
	ck_assert(faulted(RUN("\xf3\xa5"), 13, 0));
	*(u64 *)(void *)(ram + 0x1008) = 0x4000000 | PTE_ALL; /* a table that is nowhere */
	reg(RDI, 0x8000000000);
	(void)RUN("\xf3\xa5");
	ck_assert(page.reply.action == REPLY_STOP && page.reply.stop == END_UNREACHABLE);
	ck_assert_uint_eq(page.reply.value, 0x8000000000);
}
END_TEST

/* What was read from a page that is the guest's no more is not looked at. */
START_TEST(page_taken_away)
{
	const struct insn_result *r;

	begin();
	reg(RSI, HOLE);
	reg(RDI, 0x9000);
	ck_assert(did(RUN("\xa7"), 1)); /* cmps */
	taken_away = 0x9000;
	r = RUN("\xa7");
	ck_assert(faulted(r, 14, 0) && r->cr2 == 0x9000);
}
END_TEST

START_TEST(stack)
{
	const struct insn_result *r;

	begin();
	reg(RDI, HOLE);
	reg(RSP, 0x9008);
	r = RUN("\xff\x37");
	ck_assert(did(r, 2) && r->gpr[RSP] == 0x9000);
	ck_assert_uint_eq(*(u64 *)(void *)(ram + 0x9000), ~0ull);
	*pte(0x9000) &= ~2ull;
	r = RUN("\xff\x37");
	ck_assert(faulted(r, 14, 3) && r->cr2 == 0x9000);
	reg(RSP, 0x800000000008);
	ck_assert(faulted(RUN("\xff\x37"), 12, 0));
	*pte(0x9000) |= 2;
	/* POP to an address by RSP: what it is behind the pop. */
	reg(RSP, 0x9000);
	r = RUN("\x8f\x84\x24\xf8\x6f\x01\x00");
	ck_assert(did(r, 7) && r->gpr[RSP] == 0x9008);
	r = RUN("\x8f\x84\x24\xf8\x0f\x00\x00"); /* to RAM */
	ck_assert(retried(r));
	/* 16-bit stack. */
	flat(CODE_32);
	insn()->cpu.segment[SS][3] = 0x93;
	insn()->cpu.segment[SS][2] = 0xffff;
	insn()->cpu.segment[SS][1] = 0x1000;
	reg(RSP, 0x12340002);
	r = RUN("\xff\x37");
	ck_assert(faulted(r, 12, 0)); /* 0xfffe + 4 is beyond the limit */
	reg(RSP, 0x12348004);
	r = RUN("\xff\x37");
	ck_assert(did(r, 2) && r->gpr[RSP] == 0x12348000);
	ck_assert_uint_eq(*(u32 *)(void *)(ram + 0x9000), 0xffffffff);
}
END_TEST

START_TEST(edges)
{
	begin();
	reg(RDI, RAM - 3);
	reg(RAX, 0x8877665544332211);
	ck_assert(did(RUN("\x48\x89\x07"), 3));
	ck_assert(memcmp(ram + RAM - 4, "\0\x11\x22\x33", 4) == 0);
	ck_assert_uint_eq(RUN("\x48\x8b\x07")->gpr[RAX], 0xffffffffff332211);
	reg(RDI, APIC + 0x380);
	ck_assert(did(RUN("\x81\x07\x10\x00\x00\x00"), 6));
	ck_assert(apic_register == 0x10 && page.reply.stop == END_NONE);
	reg(RDI, HOLE);
	ck_assert(did(RUN("\x81\x07\x10\x00\x00\x00"), 6));
	ck_assert(page.reply.stop == REPLY_UNCLAIMED);
}
END_TEST

/* The EOI of a level-triggered interrupt, by an instruction that ring 0 leaves to the monitor. */
START_TEST(eoi)
{
	begin();
	set_pin(9, 0x8055, 0);
	out(0x2009, 1, 1);
	ck_assert_uint_eq(calls.msis, 1);
	ck_assert_uint_eq(io_read(0x22) & 0x4000, 0x4000);
	reg(RDI, APIC + 0xb0);
	ck_assert(did(RUN("\x21\x07"), 2));
	ck_assert_uint_eq(calls.msis, 1);
	apic_ended = 0x55;
	ck_assert(did(RUN("\x21\x07"), 2));
	ck_assert_uint_eq(calls.msis, 2); /* the line is still up */
}
END_TEST

START_TEST(vectors)
{
	begin();
	reg(RDI, HOLE);
	memset(vector_registers, 0, sizeof(vector_registers));
	ck_assert(did(RUN("\x66\x44\x0f\x6f\x0f"), 5)); /* movdqa xmm9, [rdi] */
	ck_assert_uint_eq(vector_registers[9][15], 0xff);
	ck_assert(did(RUN("\x66\x44\x0f\x6e\x0f"), 5)); /* movd */
	ck_assert(vector_registers[9][3] == 0xff && vector_registers[9][4] == 0);
	reg(RDI, RAM - 8);
	memset(vector_registers[1], 0x5a, 16);
	ck_assert(faulted(RUN("\x0f\x29\x0f"), 13, 0));
	ck_assert(did(RUN("\x0f\x11\x0f"), 3) && ram[RAM - 1] == 0x5a && stores == 1);
	insn()->cpu.cr0 |= BIT(3);
	ck_assert(faulted(RUN("\x0f\x11\x0f"), 7, 0));
	insn()->cpu.cr0 |= BIT(2);
	ck_assert(faulted(RUN("\x0f\x11\x0f"), 6, 0));
	insn()->cpu.cr0 &= ~(BIT(3) | BIT(2));
	insn()->cpu.cr4 &= ~BIT(9);
	ck_assert(faulted(RUN("\x0f\x11\x0f"), 6, 0));
}
END_TEST

START_TEST(alignment)
{
	begin();
	user();
	reg(RSI, HOLE);
	reg(RDI, 0x9001);
	insn()->cpu.cr0 |= BIT(18);
	ck_assert(did(RUN("\xa5"), 1));
	insn()->cpu.rflags |= BIT(18);
	ck_assert(faulted(RUN("\xa5"), 17, 0));
	ck_assert(did(RUN("\xa4"), 1));
}
END_TEST

/* ---- segments ---- */

START_TEST(segments)
{
	static const struct {
		u8 segment;
		u64 rights, limit, base, offset;
		u32 fault; /* of a 4-byte store, 0: none, 1: none of a load, #GP of a store */
	} rows[] = {
		{ DS, DATA, 0xffffffff, 0, HOLE, 0 },
		{ DS, DATA, HOLE + 3, 0, HOLE, 0 },
		{ DS, DATA, HOLE + 2, 0, HOLE, 13 },
		{ SS, DATA, HOLE + 2, 0, HOLE, 12 },
		{ DS, DATA, 0xffffffff, HOLE + 1, 0xffffffff, 0 }, /* wraps */
		{ DS, DATA, 0xfffffffe, HOLE + 1, 0xffffffff, 13 },
		{ DS, 0xc091, 0xffffffff, 0, HOLE, 1 },  /* read-only data */
		{ DS, 0xc09b, 0xffffffff, 0, HOLE, 1 },  /* code, readable */
		{ DS, 0xc099, 0xffffffff, 0, HOLE, 13 }, /* code, execute-only */
		{ DS, DATA | UNUSABLE, 0xffffffff, 0, HOLE, 13 },
		{ SS, DATA | UNUSABLE, 0xffffffff, 0, HOLE, 12 },
		{ DS, 0xc097, HOLE - 1, 0, HOLE, 0 }, /* expands down */
		{ DS, 0xc097, HOLE, 0, HOLE, 13 },
		{ DS, 0x8097, 0xfff, HOLE, 0xfffc, 0 }, /* to 64 KiB */
		{ DS, 0x8097, 0xfff, HOLE, 0xfffd, 13 },
	};

	for (u32 i = 0; i < ARRAY_SIZE(rows); i++) {
		u64 *s = insn()->cpu.segment[rows[i].segment];
		bool ss = rows[i].segment == SS;
		u32 fault = rows[i].fault == 1 ? 13 : rows[i].fault;
		const struct insn_result *r;

		begin();
		flat(CODE_32);
		s[1] = rows[i].base;
		s[2] = rows[i].limit;
		s[3] = rows[i].rights;
		reg(RDI, rows[i].offset);
		r = ss ? RUN("\x36\x89\x07") : RUN("\x89\x07");
		ck_assert_msg(fault > 0 ? faulted(r, fault, 0) : did(r, ss ? 3 : 2),
		              "row %u: store, fault %u", i, r->fault);
		r = ss ? RUN("\x36\x8b\x07") : RUN("\x8b\x07");
		ck_assert_msg(rows[i].fault > 1 ? faulted(r, fault, 0) : did(r, ss ? 3 : 2),
		              "row %u: load, fault %u", i, r->fault);
	}
}
END_TEST

/* Real mode knows limits alone. */
START_TEST(real_mode)
{
	begin();
	flat(CODE_16);
	insn()->cpu.cr0 = 0;
	insn()->cpu.segment[DS][1] = HOLE;
	insn()->cpu.segment[DS][3] = 0x91;
	reg(RDI, 0x12340010);
	ck_assert(did(RUN("\x89\x05"), 2)); /* [di], by 16 bits */
	reg(RDI, 0xffff);
	ck_assert(faulted(RUN("\x89\x05"), 13, 0));
	ck_assert(did(RUN("\x88\x05"), 2));
	reg(RDI, 0x10000);
	ck_assert(faulted(RUN("\x67\x89\x07"), 13, 0)); /* [edi] */
	insn()->cpu.segment[CS][1] = HOLE;              /* and may write by CS */
	insn()->cpu.segment[CS][2] = 0xffff;
	ck_assert(did(RUN("\x2e\x89\x0e\x00\xf0"), 5));
}
END_TEST

/* ---- ports ---- */

START_TEST(strings_of_ports)
{
	const struct insn_result *r;

	begin();
	reg(RDI, 0x9000);
	reg(RCX, 0x100000002);
	r = PORT("\xf3" INSB, AT_PORT(0x1230) | INPUT);
	ck_assert(did(r, 0) && r->gpr[RDI] == 0x9001 && r->gpr[RCX] == 0x100000001);
	ck_assert(ram[0x9000] == 0xff && page.reply.stop == REPLY_UNCLAIMED);
	/* 32-bit addresses: what is above is cleared; the last round moves RIP. */
	reg(RCX, 0x100000001);
	reg(RDI, 0x100009000);
	insn()->cpu.rflags |= BIT(10);
	r = PORT("\xf3\x67" INSB, AT_PORT(0x1230) | INPUT);
	ck_assert(did(r, 3) && r->gpr[RDI] == 0x8fff && r->gpr[RCX] == 0);
	reg(RCX, 0x100000000);
	r = PORT("\xf3\x67" INSB, AT_PORT(0x1230) | INPUT);
	ck_assert(did(r, 3) && r->gpr[RDI] == 0x100009000);
	/* Not what exited: another port's size, another way, none of a port. */
	reg(RCX, 1);
	ck_assert(retried(PORT(INSW, AT_PORT(0x1230) | INPUT)));
	ck_assert(retried(PORT(INSB, AT_PORT(0x1230))));
	ck_assert(retried(PORT("\x88\x07", AT_PORT(0x1230))));
	/* INS to device memory. */
	reg(RDI, APIC);
	ck_assert(did(PORT("\x6d", AT_PORT(0x1230) | INPUT | 3), 1));
	ck_assert_uint_eq(apic_register, 0xffffffff);
}
END_TEST

START_TEST(port_faults)
{
	const struct insn_result *r;

	begin();
	reg(RDI, 0x800000000000);
	reg(RSI, 0x7fffffffffff);
	ck_assert(faulted(PORT(INSB, AT_PORT(0x1230) | INPUT), 13, 0));
	ck_assert(faulted(PORT("\x66\x6f", AT_PORT(0x1230) | 1), 13, 0));
	reg(RDI, 0x9fff);
	*pte(0xa000) = 0xa005;
	r = PORT(INSW, AT_PORT(0x1230) | INPUT | 1);
	ck_assert(faulted(r, 14, 3) && r->cr2 == 0xa000);
	ck_assert_uint_eq(stores, 0);
	flat(CODE_16);
	reg(RDI, 0xffff);
	reg(RSI, 0xffff);
	ck_assert(faulted(PORT("\x6d", AT_PORT(0x1230) | INPUT | 1), 13, 0));
	ck_assert(did(PORT(INSB, AT_PORT(0x1230) | INPUT), 1));
	ck_assert_uint_eq(insn()->result.gpr[RDI], 0);
	insn()->cpu.segment[ES][3] |= UNUSABLE;
	ck_assert(faulted(PORT(INSB, AT_PORT(0x1230) | INPUT), 13, 0));
	insn()->cpu.segment[FS][3] |= UNUSABLE;
	ck_assert(did(PORT(OUTSB, AT_PORT(0x1230)), 1));
	ck_assert(faulted(PORT("\x64" OUTSB, AT_PORT(0x1230)), 13, 0));
	ck_assert(faulted(PORT("\x36\x6f", AT_PORT(0x1230) | 1), 12, 0));
	insn()->cpu.segment[ES][3] = 0x91;
	ck_assert(faulted(PORT(INSB, AT_PORT(0x1230) | INPUT), 13, 0));
}
END_TEST

/* A full ring: nothing is done, and later all of it once. */
START_TEST(port_waits)
{
	begin();
	reg(RSI, 0x9000);
	ram[0x9000] = 'x';
	for (u32 i = 0; i < BYTE_RING_SIZE; i++)
		out(0x3f8, 1, 'a');
	insn()->cpu.exit_reason = EXIT_PORT;
	insn()->cpu.qualification = AT_PORT(0x3f8);
	insn()->cpu.code[0] = 0x6e;
	insn()->cpu.code_count = 1;
	ck_assert(!message(MSG_INSTRUCTION, 0x3f8, 0, true, 0));
	console.out[CONSOLE_COM1].tail += 2;
	ck_assert(message(MSG_INSTRUCTION, 0x3f8, 0, true, 0));
	ck_assert(did(&insn()->result, 1) && insn()->result.gpr[RSI] == 0x9001);
	ck_assert_uint_eq(console.out[CONSOLE_COM1].data[0], 'x');
}
END_TEST

/* ---- breakpoints ---- */

START_TEST(breakpoints)
{
	struct vcpu_dump *c = &insn()->cpu;

	begin();
	reg(RDI, HOLE + 4);
	c->dr[0] = HOLE + 6;
	c->dr[1] = HOLE + 8;
	c->dr[2] = HOLE;
	c->dr[3] = 0x1230;
	/* n: enabled; type and length: 0 writes of 2, 1 accesses of 1, 2 accesses of 8, 3 port */
	c->dr7 = 0x400 | 0xaau | 5u << 16 | 3u << 20 | 0xbu << 24 | 2u << 28;
	ck_assert_uint_eq(RUN("\x89\x07")->breakpoints, 5);
	ck_assert_uint_eq(RUN("\x8b\x07")->breakpoints, 4);
	ck_assert_uint_eq(RUN("\x48\x8b\x07")->breakpoints, 6);
	ck_assert_uint_eq(RUN("\x01\x07")->breakpoints, 5);
	c->dr7 &= ~0xaaull | 0x20;
	ck_assert_uint_eq(RUN("\x89\x07")->breakpoints, 4);
	c->dr7 = 0x400 | 0xff | 2u << 28;
	reg(RDI, 0x9000);
	ck_assert_uint_eq(PORT(INSB, AT_PORT(0x1230) | INPUT)->breakpoints, 0);
	c->cr4 |= BIT(3);
	ck_assert_uint_eq(PORT(INSB, AT_PORT(0x1230) | INPUT)->breakpoints, 8);
	reg(RDI, 0x800000000000);
	ck_assert_uint_eq(PORT(INSB, AT_PORT(0x1230) | INPUT)->breakpoints, 0);
}
END_TEST

/* ---- anything at all ---- */

static u64 some_address(void)
{
	static const u64 places[] = { HOLE, HOLE, RAM - 8, 0x9ff8, APIC, 0xfffffff8, 1ull << 47 };

	return places[any() % ARRAY_SIZE(places)] + any() % 16;
}

static void anything(void)
{
	static const u8 likely_bytes[] = { 0x66, 0x67, 0xf3, 0x0f, 0x89, 0x8b, 0xa5, 0x07, 0x47,
		                           0x87, 0xff, 0x8f, 0x6e, 0x6c, 0x48, 0x41, 0x11, 0xba };
	static const u64 codes[] = { CODE_64, CODE_64, CODE_32, CODE_16 };
	struct vcpu_dump *c = &insn()->cpu;
	u64 code = codes[any() % ARRAY_SIZE(codes)];

	begin();
	if (code != CODE_64)
		flat(code);
	for (u32 i = 0; i < 16; i++) {
		c->gpr[i] = any() % 4 ? some_address() : any();
		c->code[i] = any() % 3 ? likely_bytes[any() % ARRAY_SIZE(likely_bytes)] : (u8)any();
	}
	c->rflags = any() % 4 ? 2 : any();
	c->dr7 = any();
	c->dr[any() % 4] = some_address();
	if (any() % 8 == 0)
		c->segment[any() % 6][3] = any() & 0x1f0ff;
	if (any() % 8 == 0)
		*pte(any() % 0x40 * PAGE_SIZE) = any();
	if (any() % 4 == 0) {
		c->exit_reason = EXIT_PORT;
		c->qualification = AT_PORT(any() & 0xffff) | (any() & 0xf);
	}
	stores_refused = any() % 16 == 0;
}

START_TEST(anything_at_random)
{
	u32 done = 0, faults = 0;

	for (u32 i = 0; i < 20000; i++) {
		const struct insn_result *r = &insn()->result;

		anything();
		page.message.kind = MSG_INSTRUCTION;
		insn()->cpu.code_count = any() % 16;
		if (!monitor_handle(&monitor, &sys, true))
			continue;
		ck_assert_uint_lt(page.reply.action, REPLY_ACTIONS);
		ck_assert(r->length <= insn()->cpu.code_count && r->breakpoints < 16);
		ck_assert(r->fault == 0 || r->fault == 6 || r->fault == 7 ||
		          (r->fault >= 12 && r->fault <= 14) || r->fault == 17);
		ck_assert(!(r->fault != 0 && r->done != 0));
		if (r->done == 0)
			ck_assert(memcmp(r->gpr, insn()->cpu.gpr, sizeof(r->gpr)) == 0);
		done += r->done;
		faults += r->fault != 0;
	}
	ck_assert_uint_gt(done, 800);
	ck_assert_uint_gt(faults, 800);
}
END_TEST

RING3_MAIN("monitor_emulate", store_instead_of_load, another_instruction, not_known, second_operand,
           page_taken_away, stack, edges, eoi, vectors, alignment, segments, real_mode,
           strings_of_ports, port_faults, port_waits, breakpoints, anything_at_random)
