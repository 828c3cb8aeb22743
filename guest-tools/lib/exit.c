/* SPDX-License-Identifier: MIT */
#include "guest-tools/lib/exit.h"
#include "guest-tools/lib/cpu.h"
#include "guest-tools/lib/print.h"
#include "guest-tools/lib/serial.h"

#define PORT_DEBUG_EXIT     0xf4
#define PORT_BOCHS_SHUTDOWN 0x8900

void guest_exit(enum exit_value value)
{
	print("# exit %u\n", value);
	serial_drain();
	outl(PORT_DEBUG_EXIT, value);
	for (const char *c = "Shutdown"; *c != '\0'; c++)
		outb(PORT_BOCHS_SHUTDOWN, (u8)*c);
	interrupts_off();
	for (;;)
		halt();
}
