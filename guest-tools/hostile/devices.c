/* SPDX-License-Identifier: MIT */
/* Ports, memory with a device or nothing behind it, the IOAPIC. */
#include "guest-tools/hostile/hostile.h"
#include "guest-tools/lib/cpu.h"
#include "guest-tools/lib/random.h"

/* ---- ports ---- */

static const u16 known_ports[] = {
	0x20,  0x21,  0x40,  0x42,  0x43,  0x60,  0x61,   0x64,   0x70,   0x71,   0x80,   0x92,
	0xa0,  0xa1,  0xcf,  0xed,  0xf4,  0x1ce, 0x2f8,  0x2fa,  0x2fb,  0x2fd,  0x3d4,  0x3f8,
	0x3f9, 0x3fa, 0x3fb, 0x3fc, 0x3fd, 0x3ff, 0x402,  0x510,  0x511,  0x514,  0x518,  0x600,
	0x601, 0x604, 0x608, 0xcf8, 0xcf9, 0xcfc, 0x2000, 0x2010, 0x2017, 0x5658, 0x8900, 0xffff,
};

/* Writes there end the VM by its own wish, or the way to tell of it. */
static const struct {
	u16 first, last;
} ends[] = {
	{ 0x0060, 0x0064 }, { 0x0092, 0x0092 }, { 0x00f4, 0x00f7 }, { 0x02f8, 0x02ff },
	{ 0x03f8, 0x03ff }, { 0x0600, 0x0607 }, { 0x0cf8, 0x0cff },
};

static bool is_spared(u64 *seed, u32 port, u32 bytes)
{
	for (u32 i = 0; i < ARRAY_SIZE(ends); i++)
		if (port + bytes > ends[i].first && port <= ends[i].last)
			return !once_in(seed, 512);
	return false;
}

static void port_write(u64 *seed, u16 port)
{
	u32 value = (u32)wild(seed);

	if (is_spared(seed, port, 4))
		return;
	switch (below(seed, 3)) {
	case 0:
		outb(port, (u8)value);
		break;
	case 1:
		outw(port, (u16)value);
		break;
	default:
		outl(port, value);
		break;
	}
}

static void port_read(u64 *seed, u16 port)
{
	switch (below(seed, 3)) {
	case 0:
		(void)inb(port);
		break;
	case 1:
		(void)inw(port);
		break;
	default:
		(void)inl(port);
		break;
	}
}

#define STRING(instruction, where)                                                                 \
	__asm__ volatile(instruction : "+" where(at), "+c"(count) : "d"(port) : "memory", "cc")

static void port_string(u64 *seed, u16 port)
{
	void *at = scratch + below(seed, SCRATCH_BYTES / 2);
	u64 count = below(seed, 16);

	if (once_in(seed, 32))
		at = (void *)wild(seed);
	if (is_spared(seed, port, 4))
		return;
	switch (below(seed, 6)) {
	case 0:
		STRING("rep insb", "D");
		break;
	case 1:
		STRING("rep insw", "D");
		break;
	case 2:
		STRING("rep insl", "D");
		break;
	case 3:
		STRING("rep outsb", "S");
		break;
	case 4:
		STRING("rep outsw", "S");
		break;
	default:
		STRING("rep outsl", "S");
		break;
	}
}

static void port_operate(u64 *seed)
{
	u16 port = once_in(seed, 2) ? ONE_OF(seed, known_ports) : (u16)wild(seed);

	switch (below(seed, 5)) {
	case 0:
	case 1:
		port_read(seed, port);
		break;
	case 2:
	case 3:
		port_write(seed, port);
		break;
	default:
		port_string(seed, port);
		break;
	}
	window_for_interrupts();
}

const struct kind kind_port = { .name = "port", .step = 256, .operate = port_operate };

/* ---- memory ---- */

#define LAPIC     0xfee00000ull
#define LAPIC_ICR 0x300u
#define IOAPIC    0xfec00000ull
#define COUNTERS  0xfe000000ull
#define HOLE      0xc0000000ull
#define TOP       0xfffffff8ull
#define ICR_MODE  0x700ull

static u64 place(u64 *seed)
{
	switch (below(seed, 8)) {
	case 0:
		return HOLE + below(seed, 0x20000000);
	case 1:
		return COUNTERS + below(seed, 0x20000);
	case 2:
		return IOAPIC + below(seed, 2) * 0x10;
	case 3:
		return IOAPIC + below(seed, 0x2000);
	case 4:
		return once_in(seed, 2) ? TOP - below(seed, 64) : LAPIC + 0x1000 - below(seed, 16);
	default:
		return LAPIC + (once_in(seed, 8) ? below(seed, 4096) : below(seed, 64) * 16);
	}
}

static void load(u64 *seed, u64 at)
{
	switch (below(seed, 6)) {
	case 0:
		(void)*(volatile u8 *)at;
		break;
	case 1:
		(void)*(volatile u16 *)at;
		break;
	case 2:
		(void)*(volatile u64 *)at;
		break;
	case 3:
		__asm__ volatile("movsbq (%0), %%rax" : : "r"(at) : "rax", "memory");
		break;
	default:
		(void)*(volatile u32 *)at;
		break;
	}
}

static void store(u64 *seed, u64 at, u64 value)
{
	u64 shape = below(seed, 8);

	/* Read-modify-write elsewhere than on the APIC's page: seldom. */
	if ((shape == 3 || shape == 4) && at - LAPIC >= 0x1000 && !once_in(seed, 64))
		shape = 7;
	switch (shape) {
	case 0:
		*(volatile u8 *)at = (u8)value;
		break;
	case 1:
		*(volatile u16 *)at = (u16)value;
		break;
	case 2:
		*(volatile u64 *)at = value;
		break;
	case 3:
		__asm__ volatile("xchgl %k0, (%1)" : "+r"(value) : "r"(at) : "memory");
		break;
	case 4:
		__asm__ volatile("lock orl %k0, (%1)" : : "r"(value), "r"(at) : "memory", "cc");
		break;
	default:
		*(volatile u32 *)at = (u32)value;
		break;
	}
}

/* Instructions that no driver uses on devices. */
static void odd_access(u64 *seed, u64 at)
{
	void *to = (void *)at;
	const void *from = scratch;
	u64 count = below(seed, 8);

	switch (below(seed, 5)) {
	case 0:
		__asm__ volatile("rep movsb" : "+D"(to), "+S"(from), "+c"(count) : : "memory");
		break;
	case 1:
		__asm__ volatile("rep stosl" : "+D"(to), "+c"(count) : "a"(0) : "memory");
		break;
	case 2:
		__asm__ volatile("pushq (%0); popq %%rax" : : "r"(at) : "rax", "memory");
		break;
	case 3:
		__asm__ volatile("lock cmpxchgl %%ecx, (%0)"
		                 :
		                 : "r"(at), "a"(0), "c"(count)
		                 : "memory", "cc");
		break;
	default:
		__asm__ volatile("btsl $3, (%0)" : : "r"(at) : "memory", "cc");
		break;
	}
}

static void mmio_operate(u64 *seed)
{
	u64 at = place(seed), value = wild(seed);

	if (at - LAPIC < 0x1000 && (at & 0xff0) == LAPIC_ICR && !once_in(seed, 64))
		value &= ~ICR_MODE; /* INIT to itself would end this life */
	if (once_in(seed, 1024))
		odd_access(seed, at);
	else if (once_in(seed, 2))
		load(seed, at);
	else
		store(seed, at, value);
	window_for_interrupts();
}

const struct kind kind_mmio = { .name = "mmio", .step = 128, .operate = mmio_operate };

/* ---- the IOAPIC, its pins and what follows from them ---- */

#define PINS 24u

static void ioapic_write(u32 reg, u32 value)
{
	*(volatile u32 *)IOAPIC = reg;
	*(volatile u32 *)(IOAPIC + 0x10) = value;
}

static void ioapic_operate(u64 *seed)
{
	u32 reg = once_in(seed, 8) ? (u32)wild(seed) : 0x10 + (u32)below(seed, 2 * PINS);
	u32 value = (u32)random_next(seed);

	/* INIT by a pin: seldom. Most go to one of the first CPUs. */
	if ((value & 0x700) == 0x500 && !once_in(seed, 64))
		value &= ~0x700u;
	if ((reg & 1) != 0 && !once_in(seed, 4))
		value = (u32)below(seed, 4) << 24;
	switch (below(seed, 4)) {
	case 0:
		*(volatile u32 *)IOAPIC = reg;
		(void)*(volatile u32 *)(IOAPIC + 0x10);
		break;
	case 1:
		outb((u16)(0x2000 + below(seed, PINS)), (u8)below(seed, 2));
		break;
	case 2:
		outl((u16)(0x2000 + below(seed, PINS)), value);
		break;
	default:
		ioapic_write(reg, value);
		break;
	}
	window_for_interrupts();
}

const struct kind kind_ioapic = { .name = "ioapic", .step = 256, .operate = ioapic_operate };
