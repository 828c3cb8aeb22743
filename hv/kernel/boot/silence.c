/* SPDX-License-Identifier: MIT */
#include "hv/kernel/boot/silence.h"

#include "hv/base/bits.h"
#include "hv/base/x86.h"
#include "hv/kernel/cpu/mmu.h"

#define PIC1 0x20u /* command; the data port follows */
#define PIC2 0xa0u

static void silence_pic(void)
{
	/* ICW1 to ICW4, then the mask: the first's word, the second's. */
	static const u8 words[][2] = {
		{ 0x11, 0x11 }, { 0x20, 0x28 }, { 4, 2 }, { 1, 1 }, { 0xff, 0xff }
	};

	for (size_t i = 0; i < ARRAY_SIZE(words); i++) {
		out8(PIC1 + (i > 0), words[i][0]);
		out8(PIC2 + (i > 0), words[i][1]);
	}
}

/* An IOAPIC's registers stand behind an index and a window. */
#define IOAPIC_WINDOW  4 /* in words from the index */
#define IOAPIC_SIZE    0x20u
#define IOAPIC_VERSION 1u
#define IOAPIC_PINS    0x10u /* two words each, the lower first */
#define IOAPIC_MASKED  BIT32(16)

static void silence_ioapic(volatile u32 *ioapic)
{
	u32 last;

	ioapic[0] = IOAPIC_VERSION;
	last = ioapic[IOAPIC_WINDOW] >> 16 & 0xff;
	for (u32 pin = 0; pin <= last; pin++) {
		ioapic[0] = IOAPIC_PINS + 2 * pin;
		ioapic[IOAPIC_WINDOW] = IOAPIC_MASKED;
	}
}

/* PCI configuration mechanism #1: enable 31, bus 23:16, device 15:11, function 10:8, register. */
#define PCI_ADDRESS    0xcf8u
#define PCI_DATA       0xcfcu
#define PCI_ENABLE     BIT32(31)
#define PCI_FUNCTION   BIT32(8)
#define PCI_FUNCTIONS  0x10000u
#define PCI_COMMAND    4u
#define PCI_BUS_MASTER BIT32(2)
#define PCI_NONE       0xffffffffu

/* The status bits above the command are cleared by ones, so zeros leave them. */
static void silence_pci(void)
{
	for (u32 function = 0; function < PCI_FUNCTIONS; function++) {
		u32 command;

		out32(PCI_ADDRESS, PCI_ENABLE | function * PCI_FUNCTION | PCI_COMMAND);
		command = in32(PCI_DATA);
		if (command == PCI_NONE) {
			if (function % 8 == 0)
				function += 7; /* no first function: no device */
		} else if ((command & PCI_BUS_MASTER) != 0) {
			out32(PCI_DATA, command & BITS(15, 0) & ~PCI_BUS_MASTER);
		}
	}
}

void silence_devices(const struct acpi_info *acpi)
{
	silence_pic();
	for (u32 i = 0; i < acpi->ioapic_count; i++)
		silence_ioapic(map_device(HPA(acpi->ioapics[i]), IOAPIC_SIZE, PT_DEVICE));
	silence_pci();
}
