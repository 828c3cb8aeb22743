/* SPDX-License-Identifier: MIT */
/* pure: also compiled on the host */
#include "hv/ring3/monitor/pit.h"

#include "hv/base/bits.h"
#include "hv/ring3/monitor/monitor.h"
#include "hv/ring3/monitor/ticks.h"

/* Control word. */
#define CONTROL_COUNTER(value) ((value) >> 6 & 3u)
#define CONTROL_ACCESS(value)  ((value) >> 4 & 3u)
#define CONTROL_BCD            0x01u
#define CONTROL_KEPT           0x3fu
#define ACCESS_LATCH           0u
#define ACCESS_LOW             1u
#define ACCESS_HIGH            2u
#define ACCESS_BOTH            3u
/* Read-back command: the two latches are asked for by zeros. */
#define READ_BACK           3u
#define READ_BACK_NO_COUNT  0x20u
#define READ_BACK_NO_STATUS 0x10u
#define READ_BACK_FIRST     1u
#define STATUS_OUT          0x80u
#define STATUS_NULL         0x40u

#define PORT_B_GATE    0x01u
#define PORT_B_KEPT    0x0fu
#define PORT_B_REFRESH 0x10u
#define PORT_B_OUT     0x20u
#define REFRESH_CLOCKS 18u /* of counter 1, as a PC's firmware sets it up */

#define PIT_SPEAKER   2u
#define PIT_CONTROL   3u /* offset of the control word's port */
#define DECIMAL_RANGE 10000u
#define BINARY_RANGE  65536u

enum pit_mode { TERMINAL_COUNT, ONE_SHOT, RATE, SQUARE, STROBE, HARDWARE_STROBE };

/* Modes 6 and 7 are 2 and 3. */
static enum pit_mode mode_of(const struct pit_counter *c)
{
	u32 mode = c->control >> 1 & 7u;

	return (enum pit_mode)(mode > HARDWARE_STROBE ? mode - 4 : mode);
}

static bool is_periodic(enum pit_mode mode)
{
	return mode == RATE || mode == SQUARE;
}

/* Those that a rising gate starts. */
static bool is_triggered(enum pit_mode mode)
{
	return mode == ONE_SHOT || mode == HARDWARE_STROBE;
}

static u64 hz_of(const struct monitor *m)
{
	return m->info->tsc_hz != 0 ? m->info->tsc_hz : 1;
}

static u64 elapsed(const struct monitor *m, const struct pit_counter *c)
{
	return c->counting ? ticks_scale(m->now - c->start, PIT_HZ, hz_of(m)) : c->held;
}

/* As if it had begun so many clocks ago. */
static void count_from(const struct monitor *m, struct pit_counter *c, u64 clocks)
{
	c->start = m->now - ticks_scale(clocks, hz_of(m), PIT_HZ);
	c->counting = true;
}

/* ---- value and output ---- */

static bool output(const struct monitor *m, const struct pit_counter *c)
{
	u64 clocks = elapsed(m, c);
	enum pit_mode mode = mode_of(c);

	if (!c->loaded || (is_periodic(mode) && !c->gate))
		return mode != TERMINAL_COUNT;
	switch (mode) {
	case RATE:
		return clocks % c->count != c->count - 1;
	case SQUARE:
		return clocks % c->count < (c->count + 1) / 2;
	case STROBE:
	case HARDWARE_STROBE:
		return clocks != c->count;
	case TERMINAL_COUNT:
	case ONE_SHOT:
		break;
	}
	return clocks >= c->count;
}

static u32 to_decimal(u32 v)
{
	return v % 10 | v / 10 % 10 << 4 | v / 100 % 10 << 8 | v / 1000 % 10 << 12;
}

static u32 from_decimal(u32 v)
{
	return (v & 15) + (v >> 4 & 15) * 10 + (v >> 8 & 15) * 100 + (v >> 12 & 15) * 1000;
}

/* A square wave counts by twos, once for each half of its period. */
static u64 remaining(const struct pit_counter *c, u64 clocks)
{
	u64 half = (c->count + 1) / 2, at = clocks % c->count;

	switch (mode_of(c)) {
	case RATE:
		return c->count - at;
	case SQUARE:
		return (c->count & ~1u) - 2 * (at < half ? at : at - half);
	default:
		return c->count - clocks; /* and on below 0 */
	}
}

static u16 value_of(const struct monitor *m, const struct pit_counter *c)
{
	u64 left = c->loaded ? remaining(c, elapsed(m, c)) : 0;

	if ((c->control & CONTROL_BCD) == 0)
		return (u16)left;
	return (u16)to_decimal((u32)((s64)left % DECIMAL_RANGE + DECIMAL_RANGE) % DECIMAL_RANGE);
}

/* ---- counter 0's edges ---- */

/* Clocks, counted from the start, at which the output rises next; 0: never again by itself. */
static u64 next_edge(const struct pit_counter *c, u64 clocks)
{
	switch (mode_of(c)) {
	case RATE:
	case SQUARE:
		return (clocks / c->count + 1) * c->count;
	case STROBE:
		return clocks <= c->count ? c->count + 1 : 0;
	case TERMINAL_COUNT:
		return clocks < c->count ? c->count : 0;
	case ONE_SHOT:
	case HARDWARE_STROBE:
		break; /* this counter's gate never rises */
	}
	return 0;
}

static void arm(struct monitor *m)
{
	const struct pit_counter *c = &m->pit.counter[0];
	u64 edge = c->loaded && c->counting ? next_edge(c, elapsed(m, c)) : 0;
	u64 least = hz_of(m) / PIT_EDGES_MAX, at, ticks;

	m->pit.owner = m->vcpu;
	if (edge == 0 || !ioapic_is_open(m, PIT_PIN)) {
		alarm_set(m, ALARM_PIT, 0);
		return;
	}
	at = c->start + ticks_scale(edge, hz_of(m), PIT_HZ) + 1;
	ticks = at > m->now ? at - m->now : 1;
	alarm_set(m, ALARM_PIT, MAX(ticks, least));
}

void pit_pin_changed(struct monitor *m)
{
	arm(m);
}

void pit_signal(struct monitor *m)
{
	if (m->vcpu != m->pit.owner)
		return;
	ioapic_set_line(m, PIT_PIN, true);
	ioapic_set_line(m, PIT_PIN, false);
	arm(m);
}

/* ---- access ---- */

static void load(struct monitor *m, u32 index, u32 value)
{
	struct pit_counter *c = &m->pit.counter[index];
	bool decimal = (c->control & CONTROL_BCD) != 0;
	u32 count = decimal ? from_decimal(value) : value;

	c->count = count != 0 ? count : decimal ? DECIMAL_RANGE : BINARY_RANGE;
	if (c->count == 1 && is_periodic(mode_of(c)))
		c->count = 2; /* 1 is not allowed there */
	c->loaded = !is_triggered(mode_of(c));
	c->held = 0;
	c->counting = false;
	if (c->loaded && c->gate)
		count_from(m, c, 0);
	if (index == 0)
		arm(m);
}

static void write_count(struct monitor *m, u32 index, u8 value)
{
	struct pit_counter *c = &m->pit.counter[index];
	u32 access = CONTROL_ACCESS(c->control);

	if (access == ACCESS_BOTH && !c->second) {
		c->low = value;
		c->second = true;
		return;
	}
	c->second = false;
	load(m, index,
	     access == ACCESS_LOW    ? value
	     : access == ACCESS_HIGH ? (u32)value << 8
	                             : (u32)value << 8 | c->low);
}

static void latch_count(const struct monitor *m, struct pit_counter *c)
{
	if (c->latched != 0)
		return;
	c->latch = value_of(m, c);
	c->latched = CONTROL_ACCESS(c->control) == ACCESS_BOTH ? 2 : 1;
}

static void latch_status(const struct monitor *m, struct pit_counter *c)
{
	if (c->has_status)
		return;
	c->status = (u8)(c->control | (output(m, c) ? STATUS_OUT : 0) |
	                 (c->loaded ? 0 : STATUS_NULL));
	c->has_status = true;
}

static void read_back(struct monitor *m, u32 value)
{
	for (u32 i = 0; i < PIT_COUNTERS; i++) {
		if ((value >> (READ_BACK_FIRST + i) & 1) == 0)
			continue;
		if ((value & READ_BACK_NO_COUNT) == 0)
			latch_count(m, &m->pit.counter[i]);
		if ((value & READ_BACK_NO_STATUS) == 0)
			latch_status(m, &m->pit.counter[i]);
	}
}

static void write_control(struct monitor *m, u32 value)
{
	u32 index = CONTROL_COUNTER(value);
	struct pit_counter *c;

	if (index == READ_BACK) {
		read_back(m, value);
		return;
	}
	c = &m->pit.counter[index];
	if (CONTROL_ACCESS(value) == ACCESS_LATCH) {
		latch_count(m, c);
		return;
	}
	*c = (struct pit_counter){ .control = value & CONTROL_KEPT, .gate = c->gate };
	if (index == 0)
		arm(m);
}

void pit_write(struct monitor *m, u32 unit, u32 offset, u32 value)
{
	(void)unit;
	if (offset == PIT_CONTROL)
		write_control(m, value);
	else
		write_count(m, offset, (u8)value);
}

u32 pit_read(struct monitor *m, u32 unit, u32 offset)
{
	struct pit_counter *c = &m->pit.counter[offset % PIT_COUNTERS];
	u32 access = CONTROL_ACCESS(c->control);
	u16 value;
	bool high;

	(void)unit;
	if (offset == PIT_CONTROL)
		return 0; /* cannot be read */
	if (c->has_status) {
		c->has_status = false;
		return c->status;
	}
	value = c->latched != 0 ? c->latch : value_of(m, c);
	high = access == ACCESS_HIGH || (access == ACCESS_BOTH && c->second);
	c->second = access == ACCESS_BOTH && !c->second;
	c->latched = c->latched > 1;
	return high ? value >> 8 : value & 0xff;
}

/* ---- port B ---- */

static void set_gate(struct monitor *m, struct pit_counter *c, bool gate)
{
	bool rises = gate && !c->gate;
	enum pit_mode mode = mode_of(c);

	c->gate = gate;
	if (rises && is_triggered(mode) && c->count != 0) {
		c->loaded = true;
		count_from(m, c, 0);
	} else if (rises && c->loaded) {
		count_from(m, c, is_periodic(mode) ? 0 : c->held);
	} else if (!gate && c->counting && !is_triggered(mode)) {
		c->held = elapsed(m, c);
		c->counting = false;
	}
}

u32 port_b_read(struct monitor *m, u32 unit, u32 offset)
{
	u64 refreshes = ticks_scale(m->now, PIT_HZ, hz_of(m)) / REFRESH_CLOCKS;

	(void)unit, (void)offset;
	return m->pit.port_b | (refreshes % 2 != 0 ? PORT_B_REFRESH : 0) |
	       (output(m, &m->pit.counter[PIT_SPEAKER]) ? PORT_B_OUT : 0);
}

void port_b_write(struct monitor *m, u32 unit, u32 offset, u32 value)
{
	(void)unit, (void)offset;
	m->pit.port_b = value & PORT_B_KEPT;
	set_gate(m, &m->pit.counter[PIT_SPEAKER], (value & PORT_B_GATE) != 0);
}

/* As firmware leaves it: 18.2 periods a second, the speaker's gate closed. */
void pit_init(struct monitor *m)
{
	m->pit = (struct pit){ 0 };
	for (u32 i = 0; i < PIT_COUNTERS; i++)
		m->pit.counter[i] = (struct pit_counter){
			.control = ACCESS_BOTH << 4 | SQUARE << 1,
			.gate = i != PIT_SPEAKER,
			.loaded = true,
			.counting = i != PIT_SPEAKER,
			.count = BINARY_RANGE,
		};
}
