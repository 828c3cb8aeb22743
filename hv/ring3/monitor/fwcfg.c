/* SPDX-License-Identifier: MIT */
/* pure: also compiled on the host */
#include "hv/ring3/monitor/fwcfg.h"

#include "hv/ring3/monitor/monitor.h"

enum fwcfg_key {
	FWCFG_SIGNATURE = 0x00,
	FWCFG_ID = 0x01,
	FWCFG_RAM_SIZE = 0x03,
	FWCFG_VCPUS = 0x05,
	FWCFG_VCPUS_MAX = 0x0f,
	FWCFG_FILES = 0x19, /* a count of 0 */
};

#define FWCFG_QEMU        0x554d4551u /* "QEMU" */
#define FWCFG_INTERFACE   1u          /* bit 0: this one; no DMA */
#define FWCFG_ITEM_LENGTH 8u          /* no item is longer */
#define FWCFG_DATA        1u          /* offset of the data port */

static u64 item(const struct monitor *m)
{
	switch (m->fwcfg.key) {
	case FWCFG_SIGNATURE:
		return FWCFG_QEMU;
	case FWCFG_ID:
		return FWCFG_INTERFACE;
	case FWCFG_RAM_SIZE:
		return m->memory.size;
	case FWCFG_VCPUS:
	case FWCFG_VCPUS_MAX:
		return m->info->config.vcpus;
	default:
		return 0;
	}
}

u32 fwcfg_read(struct monitor *m, u32 unit, u32 offset)
{
	u32 at = m->fwcfg.offset;

	(void)unit;
	if (offset != FWCFG_DATA || at >= FWCFG_ITEM_LENGTH)
		return 0;
	m->fwcfg.offset++;
	return (item(m) >> (8 * at)) & 0xff;
}

void fwcfg_write(struct monitor *m, u32 unit, u32 offset, u32 value)
{
	(void)unit;
	if (offset == 0)
		m->fwcfg = (struct fwcfg){ (u16)value, 0 };
}
