/* SPDX-License-Identifier: MIT */
/* pure: also compiled on the host */
#include "hv/ring3/monitor/power.h"

#include "hv/ring3/monitor/acpi.h"
#include "hv/ring3/monitor/monitor.h"

#define KEYBOARD_PULSE_RESET 0xfeu
#define PORT_A_RESET         0x01u
#define PORT_A_A20           0x02u
#define RESET_CONTROL_RESET  0x04u
#define PM1_SLEEP_ENABLE     0x2000u

static void stop(struct monitor *m, u32 how, u64 value)
{
	m->reply->action = how == END_RESET ? REPLY_RESET : REPLY_STOP;
	m->reply->stop = how;
	m->reply->value = value;
}

void debug_exit_write(struct monitor *m, u32 unit, u32 offset, u32 value)
{
	(void)unit, (void)offset;
	stop(m, END_DEBUG_EXIT, value);
}

void keyboard_command_write(struct monitor *m, u32 unit, u32 offset, u32 value)
{
	(void)unit, (void)offset;
	if (value == KEYBOARD_PULSE_RESET)
		stop(m, END_RESET, 0);
}

u32 port_a_read(struct monitor *m, u32 unit, u32 offset)
{
	(void)m, (void)unit, (void)offset;
	return PORT_A_A20;
}

void port_a_write(struct monitor *m, u32 unit, u32 offset, u32 value)
{
	(void)unit, (void)offset;
	if ((value & PORT_A_RESET) != 0)
		stop(m, END_RESET, 0);
}

u32 reset_control_read(struct monitor *m, u32 unit, u32 offset)
{
	(void)unit, (void)offset;
	return m->reset_control;
}

void reset_control_write(struct monitor *m, u32 unit, u32 offset, u32 value)
{
	(void)unit, (void)offset;
	m->reset_control = (u8)value;
	if ((value & RESET_CONTROL_RESET) != 0)
		stop(m, END_RESET, 0);
}

void sleep_control_write(struct monitor *m, u32 unit, u32 offset, u32 value)
{
	(void)unit, (void)offset;
	if ((value & ACPI_SLEEP_ENABLE) != 0 && ACPI_SLEEP_TYPE(value) == ACPI_S5)
		stop(m, END_POWER_OFF, 0);
}

void pm1_control_write(struct monitor *m, u32 unit, u32 offset, u32 value)
{
	(void)unit, (void)offset;
	if ((value & PM1_SLEEP_ENABLE) != 0)
		stop(m, END_POWER_OFF, 0);
}
