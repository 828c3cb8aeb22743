/* SPDX-License-Identifier: MIT */
/*
 * Port accesses without sense: every port read in every width, string instructions, and under a
 * hypervisor writes to all ports but those that are known to end something.
 */
#include "guest-tools/lib/args.h"
#include "guest-tools/lib/cpu.h"
#include "guest-tools/lib/guest.h"
#include "guest-tools/lib/hypercall.h"
#include "guest-tools/lib/print.h"
#include "guest-tools/lib/tap.h"

#define PORT_NOTHING 0x1230 /* claimed by no PC device */

/* Ranges whose writes do what they are made for: serial ports, exit, reset, power. */
static const struct {
	u16 first, last;
} spared[] = {
	{ 0x02f8, 0x02ff }, { 0x03f8, 0x03ff }, { 0x00f4, 0x00f7 },
	{ 0x0060, 0x0064 }, { 0x0092, 0x0092 }, { 0x0cf8, 0x0cff },
	{ 0x0500, 0x0620 }, { 0x8900, 0x8900 }, { 0xb000, 0xb0ff },
};

static bool is_spared(u32 port)
{
	for (u32 i = 0; i < ARRAY_SIZE(spared); i++)
		if (port + 3 >= spared[i].first && port <= spared[i].last)
			return true;
	return false;
}

static void test_reads(u32 step)
{
	u32 ones = 0, total = 0;

	for (u32 port = 0; port < 0x10000; port += step) {
		ones += inb((u16)port) == 0xff;
		total++;
	}
	print("# %u of %u ports read ones\n", ones, total);
	tap_ok(ones > 0, "all ports read in bytes, step %u: still here", step);
	for (u32 port = 0; port < 0x10000; port += 16 * step + 3) {
		inw((u16)port);
		inl((u16)port);
	}
	inw(0xffff);
	inl(0xffff);
	tap_ok(true, "ports read in words: still here");
}

static void test_nothing(void)
{
	tap_is(inb(PORT_NOTHING), 0xff, "an unclaimed port reads ones, byte");
	tap_is(inw(PORT_NOTHING), 0xffff, "an unclaimed port reads ones, word");
	tap_is(inl(PORT_NOTHING), 0xffffffff, "an unclaimed port reads ones, double word");
	outb(PORT_NOTHING, 0);
	outw(PORT_NOTHING, 0);
	outl(PORT_NOTHING, 0);
	tap_is(inl(PORT_NOTHING), 0xffffffff, "and does so after a write");
}

/* Probing for PCI: 32 bits at 0xcf8 are an address; the byte behind is what resets a machine. */
static void test_pci_address(void)
{
	static const u32 addresses[] = { 0x80000000, 0x80000400, 0x80000600, 0 };

	for (u32 i = 0; i < sizeof(addresses) / sizeof(addresses[0]); i++) {
		outl(0xcf8, addresses[i]);
		tap_is(inl(0xcf8), addresses[i], "PCI address %x is kept", addresses[i]);
	}
}

static void test_width(void)
{
	u64 rax = 0x1122334455667788;

	__asm__ volatile("inb %%dx, %%al" : "+a"(rax) : "d"(PORT_NOTHING));
	tap_is(rax, 0x11223344556677ff, "a byte read changes AL alone");
	__asm__ volatile("inw %%dx, %%ax" : "+a"(rax) : "d"(PORT_NOTHING));
	tap_is(rax, 0x112233445566ffff, "a word read changes AX alone");
	__asm__ volatile("inl %%dx, %%eax" : "+a"(rax) : "d"(PORT_NOTHING));
	tap_is(rax, 0xffffffff, "a double word read clears the upper half");
}

static void test_strings(void)
{
	u8 bytes[16] = { 0 };
	void *to = bytes;
	u64 count = sizeof(bytes);
	bool ones = true;

	__asm__ volatile("rep insb" : "+D"(to), "+c"(count) : "d"(PORT_NOTHING) : "memory");
	for (u32 i = 0; i < sizeof(bytes); i++)
		ones = ones && bytes[i] == 0xff;
	tap_ok(ones && count == 0 && to == bytes + sizeof(bytes), "REP INSB reads ones");
	to = bytes;
	count = 4;
	__asm__ volatile("rep outsl" : "+S"(to), "+c"(count) : "d"(PORT_NOTHING) : "memory");
	tap_ok(count == 0 && to == bytes + sizeof(bytes), "REP OUTSL is dropped");
}

static void test_writes(u32 step)
{
	for (u32 port = 0; port < 0x10000; port += step) {
		if (is_spared(port))
			continue;
		outb((u16)port, 0);
		if (port % 16 == 0)
			outl((u16)port, 0xffffffff);
	}
	tap_ok(true, "ports written: still here");
}

int guest_main(void)
{
	u32 step = (u32)args_number("step", 1);
	bool strings = args_number("strings", 1) != 0;

	args_finish();
	test_nothing();
	test_width();
	test_pci_address();
	if (strings)
		test_strings();
	test_reads(step == 0 ? 1 : step);
	if (hypervisor.tapvisor_base != 0)
		test_writes(step == 0 ? 1 : step);
	else
		tap_skip("writes to all ports", "the devices are real");
	return tap_done();
}
