/* SPDX-License-Identifier: MIT */
/* pure: also compiled on the host */
#include "hv/ring3/monitor/ports.h"

#include "hv/ring3/monitor/acpi.h"
#include "hv/ring3/monitor/monitor.h"
#include "hv/ring3/monitor/pmtimer.h"
#include "hv/ring3/monitor/power.h"
#include "hv/ring3/monitor/testdev.h"

static u32 read_zero(struct monitor *m, u32 unit, u32 offset)
{
	(void)m, (void)unit, (void)offset;
	return 0;
}

static void write_nothing(struct monitor *m, u32 unit, u32 offset, u32 value)
{
	(void)m, (void)unit, (void)offset, (void)value;
}

/* The most frequent first. */
static const struct port_row rows[] = {
	{ 0x3f8, 8, 1, CONSOLE_COM1, uart_read, uart_write },
	{ 0x2f8, 8, 1, CONSOLE_COM2, uart_read, uart_write },
	{ 0x70, 2, 1, 0, cmos_read, cmos_write },
	{ 0xf4, 4, 4, 0, read_zero, debug_exit_write },
	{ 0x510, 2, 2, 0, fwcfg_read, fwcfg_write },
	{ 0x60, 1, 1, 0, read_zero, write_nothing }, /* keyboard controller: data */
	{ 0x61, 1, 1, 0, port_b_read, port_b_write },
	{ 0x64, 1, 1, 0, read_zero, keyboard_command_write },
	{ 0x80, 1, 1, 0, read_zero, write_nothing }, /* POST codes; delays */
	{ 0x92, 1, 1, 0, port_a_read, port_a_write },
	{ 0xed, 1, 1, 0, read_zero, write_nothing }, /* delays */
	{ ACPI_PORT_RESET, 1, 1, 0, reset_control_read, reset_control_write },
	{ ACPI_PORT_SLEEP_CONTROL, 1, 1, 0, read_zero, sleep_control_write },
	{ ACPI_PORT_SLEEP_STATUS, 1, 1, 0, read_zero, write_nothing },
	{ 0x604, 2, 2, 0, read_zero, pm1_control_write },
	{ 0x40, 4, 1, 0, pit_read, pit_write },
	{ ACPI_PORT_PM_TIMER, 4, 4, 0, pmtimer_read, write_nothing },
	{ CRT_PORT, 2, 1, 0, crt_read, crt_write },
	{ 0x2000, IOAPIC_PINS, 4, 0, read_zero, testdev_line_write },
};

const struct port_row *port_find(u32 port)
{
	for (u32 i = 0; i < ARRAY_SIZE(rows); i++)
		if (port - rows[i].first < rows[i].count)
			return &rows[i];
	return NULL;
}

/* Does the row take the access in one piece? */
static bool whole(const struct port_row *row, u32 port, u32 size)
{
	return size == 1 || (size <= row->width && port - row->first + size <= row->count);
}

static bool row_read(struct monitor *m, const struct port_row *row, u32 port, u32 *value)
{
	*value = UINT32_MAX;
	if (row == NULL)
		return false;
	*value = row->read(m, row->unit, port - row->first);
	return true;
}

static bool row_write(struct monitor *m, const struct port_row *row, u32 port, u32 value)
{
	if (row == NULL)
		return false;
	row->write(m, row->unit, port - row->first, value);
	return true;
}

/* Byte by byte, each to the device that is there. Apart, so that the common case stays short. */
static NOINLINE bool read_bytes(struct monitor *m, u32 port, u32 size, u32 *value)
{
	bool claimed = false;
	u32 byte;

	*value = 0;
	for (u32 i = 0; i < size; i++) {
		claimed |= row_read(m, port_find(port + i), port + i, &byte);
		*value |= (byte & 0xff) << (8 * i);
	}
	return claimed;
}

/* Stops at a byte that has to wait: the whole access is then repeated. */
static NOINLINE bool write_bytes(struct monitor *m, u32 port, u32 size, u32 value)
{
	bool claimed = false;

	for (u32 i = 0; i < size && !m->again; i++)
		claimed |= row_write(m, port_find(port + i), port + i, (value >> (8 * i)) & 0xff);
	return claimed;
}

bool port_read(struct monitor *m, u32 port, u32 size, u32 *value)
{
	const struct port_row *row = port_find(port);

	if (row == NULL || !whole(row, port, size))
		return read_bytes(m, port, size, value);
	*value = row->read(m, row->unit, port - row->first) & (UINT32_MAX >> (32 - 8 * size));
	return true;
}

bool port_write(struct monitor *m, u32 port, u32 size, u32 value)
{
	const struct port_row *row = port_find(port);

	if (row == NULL || !whole(row, port, size))
		return write_bytes(m, port, size, value);
	row->write(m, row->unit, port - row->first, value);
	return true;
}
