/* SPDX-License-Identifier: MIT */
#include "guest-tools/lib/fwcfg.h"
#include "guest-tools/lib/cpu.h"

#define PORT_SELECT 0x510
#define PORT_DATA   0x511
#define SIGNATURE   0x00u
#define QEMU        0x554d4551u /* "QEMU" */

u64 fwcfg_read(u16 item, u32 bytes)
{
	u64 value = 0;

	outw(PORT_SELECT, item);
	for (u32 i = 0; i < bytes; i++)
		value |= (u64)inb(PORT_DATA) << (8 * i);
	return value;
}

bool fwcfg_present(void)
{
	return fwcfg_read(SIGNATURE, 4) == QEMU;
}
