/* SPDX-License-Identifier: MIT */
/* pure: also compiled on the host */
#include "hv/ring3/monitor/ioapic.h"

#include "hv/base/bits.h"
#include "hv/ring3/monitor/monitor.h"

#define IOAPIC_REG_SELECT 0x00u
#define IOAPIC_REG_WINDOW 0x10u
#define IOAPIC_REG_EOI    0x40u

#define IOAPIC_INDEX_ID          0x00u
#define IOAPIC_INDEX_VERSION     0x01u
#define IOAPIC_INDEX_ARBITRATION 0x02u
#define IOAPIC_INDEX_ENTRIES     0x10u

#define IOAPIC_VERSION (IOAPIC_VERSION_NUMBER | (IOAPIC_PINS - 1) << 16)

/* Redirection entry. */
#define ENTRY_VECTOR      BITS(7, 0)
#define ENTRY_MODE_HI     10
#define ENTRY_MODE_LO     8
#define ENTRY_LOGICAL     BIT(11)
#define ENTRY_REMOTE_IRR  BIT(14)
#define ENTRY_LEVEL       BIT(15)
#define ENTRY_MASK        BIT(16)
#define ENTRY_DESTINATION 56
#define ENTRY_WRITABLE    (BITS(63, 56) | BITS(16, 15) | BIT(13) | BITS(11, 0))
/* Delivery modes: from 2 on, SMI, NMI, INIT and ExtINT. */
#define ENTRY_LOWEST 1u

/* Interrupt message: SDM volume 3, section 10.11. */
#define MSI_ADDRESS     0xfee00000ull
#define MSI_DESTINATION 12
#define MSI_HINT        BIT(3)
#define MSI_LOGICAL     BIT(2)
#define MSI_LEVEL       BIT32(15)
#define MSI_ASSERT      BIT32(14)
#define MSI_MODE        8

static u32 mode_of(const struct ioapic_pin *p)
{
	return (u32)bits_get(p->entry, ENTRY_MODE_HI, ENTRY_MODE_LO);
}

/* What has no vector has no EOI: such pins are edges, whatever their trigger mode says. */
static bool is_level(const struct ioapic_pin *p)
{
	return (p->entry & ENTRY_LEVEL) != 0 && mode_of(p) <= ENTRY_LOWEST;
}

/* Composes the message of a pin's entry and sends it. True: some vCPU accepted. */
static bool send(struct monitor *m, const struct ioapic_pin *p)
{
	u32 mode = mode_of(p);
	u64 address = MSI_ADDRESS | p->entry >> ENTRY_DESTINATION << MSI_DESTINATION;
	u32 data = (u32)(p->entry & ENTRY_VECTOR) | mode << MSI_MODE | MSI_ASSERT;

	if (mode == ENTRY_LOWEST)
		address |= MSI_HINT;
	if ((p->entry & ENTRY_LOGICAL) != 0)
		address |= MSI_LOGICAL;
	if (is_level(p))
		data |= MSI_LEVEL;
	return sys_msi(m->sys, address, data) > 0;
}

/* ioapic_signal shall look at the pin after that time. */
static void delay(struct monitor *m, struct ioapic_pin *p, u64 ticks)
{
	p->delayed = true;
	alarm_set(m, ALARM_IOAPIC, ticks);
}

/* A level-triggered pin: sends if there is something to send, later again if nobody accepts. */
static void service_level(struct monitor *m, struct ioapic_pin *p)
{
	if (!is_level(p) || !p->line || (p->entry & (ENTRY_MASK | ENTRY_REMOTE_IRR)) != 0)
		return;
	p->delayed = false;
	if (send(m, p))
		p->entry |= ENTRY_REMOTE_IRR;
	else
		delay(m, p, m->info->tsc_hz / IOAPIC_TRIES_PER_SECOND);
}

void ioapic_set_line(struct monitor *m, u32 pin, bool high)
{
	struct ioapic_pin *p;
	bool rises;

	if (pin >= IOAPIC_PINS)
		return;
	p = &m->ioapic.pin[pin];
	rises = high && !p->line;
	p->line = high;
	p->rounds = 0;
	if (is_level(p))
		service_level(m, p);
	else if (rises && (p->entry & ENTRY_MASK) == 0)
		(void)send(m, p);
}

bool ioapic_is_open(const struct monitor *m, u32 pin)
{
	return (m->ioapic.pin[pin].entry & ENTRY_MASK) == 0;
}

static void finish_round(struct monitor *m, struct ioapic_pin *p)
{
	p->entry &= ~ENTRY_REMOTE_IRR;
	if (!p->line || (p->entry & ENTRY_MASK) != 0)
		return;
	if (++p->rounds % IOAPIC_STORM_LIMIT != 0)
		service_level(m, p);
	else
		delay(m, p, IOAPIC_STORM_TICKS);
}

void ioapic_eoi(struct monitor *m, u8 vector)
{
	for (u32 i = 0; i < IOAPIC_PINS; i++) {
		struct ioapic_pin *p = &m->ioapic.pin[i];

		if ((p->entry & ENTRY_REMOTE_IRR) != 0 && (p->entry & ENTRY_VECTOR) == vector)
			finish_round(m, p);
	}
}

void ioapic_signal(struct monitor *m)
{
	for (u32 i = 0; i < IOAPIC_PINS; i++)
		if (m->ioapic.pin[i].delayed)
			service_level(m, &m->ioapic.pin[i]);
}

/* Making a pin edge-triggered clears remote IRR: how guests end a level without an EOI. */
static void write_entry(struct monitor *m, u32 index, u32 value)
{
	struct ioapic_pin *p = &m->ioapic.pin[index / 2];
	u32 shift = index % 2 * 32;
	u64 mask = ENTRY_WRITABLE & (BITS(31, 0) << shift);

	p->entry = (p->entry & ~mask) | ((u64)value << shift & mask);
	if (!is_level(p))
		p->entry &= ~ENTRY_REMOTE_IRR;
	p->rounds = 0;
	p->delayed = false;
	service_level(m, p);
	if (index / 2 == PIT_PIN)
		pit_pin_changed(m);
}

static u32 read_indexed(const struct ioapic *io)
{
	u32 index = io->index - IOAPIC_INDEX_ENTRIES;

	if (index < 2 * IOAPIC_PINS)
		return (u32)(io->pin[index / 2].entry >> (index % 2 * 32));
	switch (io->index) {
	case IOAPIC_INDEX_ID:
	case IOAPIC_INDEX_ARBITRATION:
		return (u32)io->id << 24;
	case IOAPIC_INDEX_VERSION:
		return IOAPIC_VERSION;
	default:
		return 0;
	}
}

u32 ioapic_read(struct monitor *m, u32 offset)
{
	switch (offset) {
	case IOAPIC_REG_SELECT:
		return m->ioapic.index;
	case IOAPIC_REG_WINDOW:
		return read_indexed(&m->ioapic);
	default:
		return 0;
	}
}

void ioapic_write(struct monitor *m, u32 offset, u32 value)
{
	struct ioapic *io = &m->ioapic;

	if (offset == IOAPIC_REG_SELECT)
		io->index = (u8)value;
	else if (offset == IOAPIC_REG_EOI)
		ioapic_eoi(m, (u8)value);
	else if (offset != IOAPIC_REG_WINDOW)
		return;
	else if (io->index == IOAPIC_INDEX_ID)
		io->id = (u8)(value >> 24 & 0x0f);
	else if (io->index - IOAPIC_INDEX_ENTRIES < 2 * IOAPIC_PINS)
		write_entry(m, io->index - IOAPIC_INDEX_ENTRIES, value);
}

void ioapic_init(struct monitor *m)
{
	m->ioapic = (struct ioapic){ 0 };
	for (u32 i = 0; i < IOAPIC_PINS; i++)
		m->ioapic.pin[i].entry = ENTRY_MASK;
}
