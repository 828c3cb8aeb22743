/* SPDX-License-Identifier: MIT */
/* pure: also compiled on the host */
#include "hv/ring3/monitor/cmos.h"

#include "hv/abi/pv.h"
#include "hv/base/bits.h"
#include "hv/ring3/monitor/monitor.h"

enum cmos_register {
	CMOS_SECOND = 0x00,
	CMOS_MINUTE = 0x02,
	CMOS_HOUR = 0x04,
	CMOS_WEEKDAY = 0x06,
	CMOS_DAY = 0x07,
	CMOS_MONTH = 0x08,
	CMOS_YEAR = 0x09,
	CMOS_STATUS_A = 0x0a,
	CMOS_STATUS_B = 0x0b,
	CMOS_STATUS_C = 0x0c,
	CMOS_STATUS_D = 0x0d,
	CMOS_BASE_LOW = 0x15, /* KiB below 640 KiB */
	CMOS_HIGH_LOW = 0x17, /* KiB above 1 MiB, at most 65,535; again at 0x30 */
	CMOS_HIGH_LOW_2 = 0x30,
	CMOS_CENTURY = 0x32,
	CMOS_BIG_LOW = 0x34, /* 64 KiB blocks above 16 MiB */
	CMOS_VCPUS = 0x5f,   /* vCPUs - 1, as QEMU and Bochs have it */
};

#define STATUS_A_RATE   0x26u
#define STATUS_B_BINARY 0x04u /* else BCD */
#define STATUS_B_24H    0x02u
#define STATUS_D_VALID  0x80u

#define DAY_SECONDS 86400u

static bool is_leap(u32 year)
{
	return year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
}

static u32 month_days(u32 year, u32 month)
{
	static const u8 days[12] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };

	return days[month - 1] + (month == 2 && is_leap(year) ? 1u : 0u);
}

struct cmos_date cmos_date(u64 seconds)
{
	u64 days = seconds / DAY_SECONDS;
	u32 rest = (u32)(seconds % DAY_SECONDS);
	struct cmos_date d = {
		.year = 1970,
		.month = 1,
		.weekday = (u32)((days + 4) % 7 + 1), /* 1970 began on a Thursday */
		.hour = rest / 3600,
		.minute = rest / 60 % 60,
		.second = rest % 60,
	};

	while (d.year < 9999 && days >= (is_leap(d.year) ? 366u : 365u))
		days -= is_leap(d.year++) ? 366u : 365u;
	while (d.month < 12 && days >= month_days(d.year, d.month))
		days -= month_days(d.year, d.month++);
	d.day = (u32)days + 1;
	d.century = d.year / 100;
	d.year_of_century = d.year % 100;
	return d;
}

static void set_16(struct cmos *c, u32 at, u64 value)
{
	u64 v = MIN(value, UINT16_MAX);

	c->ram[at] = (u8)v;
	c->ram[at + 1] = (u8)(v >> 8);
}

void cmos_init(struct monitor *m)
{
	struct cmos *c = &m->cmos;
	u64 kib = m->memory.size >> 10;

	*c = (struct cmos){ 0 };
	c->ram[CMOS_STATUS_B] = STATUS_B_24H;
	set_16(c, CMOS_BASE_LOW, 640);
	set_16(c, CMOS_HIGH_LOW, kib - 1024);
	set_16(c, CMOS_HIGH_LOW_2, kib - 1024);
	set_16(c, CMOS_BIG_LOW, kib > 16384 ? (kib - 16384) / 64 : 0);
	c->ram[CMOS_VCPUS] = (u8)(m->info->config.vcpus - 1);
}

static const struct {
	u8 index;
	u8 field; /* offset in struct cmos_date */
} clock_rows[] = {
	{ CMOS_SECOND, offsetof(struct cmos_date, second) },
	{ CMOS_MINUTE, offsetof(struct cmos_date, minute) },
	{ CMOS_HOUR, offsetof(struct cmos_date, hour) },
	{ CMOS_WEEKDAY, offsetof(struct cmos_date, weekday) },
	{ CMOS_DAY, offsetof(struct cmos_date, day) },
	{ CMOS_MONTH, offsetof(struct cmos_date, month) },
	{ CMOS_YEAR, offsetof(struct cmos_date, year_of_century) },
	{ CMOS_CENTURY, offsetof(struct cmos_date, century) },
};

/* False: no register of the clock's. */
static bool read_clock(const struct monitor *m, u32 index, u32 *value)
{
	u64 hz = m->info->tsc_hz != 0 ? m->info->tsc_hz : 1;
	bool binary = (m->cmos.ram[CMOS_STATUS_B] & STATUS_B_BINARY) != 0;

	for (u32 i = 0; i < ARRAY_SIZE(clock_rows); i++) {
		struct cmos_date d;
		u32 v;

		if (clock_rows[i].index != index)
			continue;
		d = cmos_date(BOOT_TIME + m->now / hz);
		memcpy(&v, (const u8 *)&d + clock_rows[i].field, sizeof(v));
		*value = binary ? v : v / 10 << 4 | v % 10;
		return true;
	}
	return false;
}

u32 cmos_read(struct monitor *m, u32 unit, u32 offset)
{
	u32 index = m->cmos.index;
	u32 value;

	(void)unit;
	if (offset == 0)
		return 0xff; /* the index cannot be read */
	switch (index) {
	case CMOS_STATUS_A:
		return STATUS_A_RATE;
	case CMOS_STATUS_C:
		return 0;
	case CMOS_STATUS_D:
		return STATUS_D_VALID;
	default:
		return read_clock(m, index, &value) ? value : m->cmos.ram[index];
	}
}

/* The clock cannot be set; of status B only the format can be chosen. Bit 7 of the index is NMI's.
 */
void cmos_write(struct monitor *m, u32 unit, u32 offset, u32 value)
{
	struct cmos *c = &m->cmos;

	(void)unit;
	if (offset == 0)
		c->index = value % CMOS_SIZE;
	else if (c->index == CMOS_STATUS_B)
		c->ram[CMOS_STATUS_B] = (u8)(STATUS_B_24H | (value & STATUS_B_BINARY));
	else
		c->ram[c->index] = (u8)value;
}
