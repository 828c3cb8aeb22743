/* SPDX-License-Identifier: MIT */
#include "guest-tools/lib/crowd.h"
#include "guest-tools/lib/apic.h"
#include "guest-tools/lib/cpu.h"
#include "guest-tools/lib/string.h"
#include "hv/base/atomic.h"

/* Below 1 MiB, all of it free once the loader's information has been read; crowd.asm. */
#define CROWD_PAGE    0x9000u
#define CROWD_ORDER   0xa000u
#define CROWD_MEMBERS 0xa100u

#define INIT_TICKS 20000ull

extern const u8 crowd_code[], crowd_handler[], crowd_ignore[], crowd_code_end[];

static u32 *physical(u64 address)
{
	/* The compiler takes small constants for null pointers. */
	__asm__("" : "+r"(address));
	return (u32 *)address;
}

/* The interrupt table of real mode, at 0. */
static void vector_set(u32 vector, const u8 *code)
{
	atomic_store(physical(4 * vector), (u32)(CROWD_PAGE + (code - crowd_code)));
}

void crowd_order(enum crowd_order order)
{
	atomic_store_fence(physical(CROWD_ORDER), (u32)order);
}

struct crowd_member crowd_member(u32 apic_id)
{
	u32 *counts = physical(CROWD_MEMBERS + 8 * apic_id);

	return (struct crowd_member){ atomic_load(counts), atomic_load(counts + 1) };
}

static u32 members_begun(void)
{
	u32 n = 0;

	for (u32 id = 0; id < CROWD_IDS; id++)
		n += crowd_member(id).rounds != 0;
	return n;
}

u32 crowd_woken(u32 wakes)
{
	u32 n = 0;

	for (u32 id = 0; id < CROWD_IDS; id++)
		n += crowd_member(id).wakes >= wakes;
	return n;
}

bool crowd_start(u32 n, u64 ticks)
{
	u64 start = rdtsc();

	memset(physical(CROWD_ORDER), 0, CROWD_MEMBERS - CROWD_ORDER + 8 * CROWD_IDS);
	memcpy(physical(CROWD_PAGE), crowd_code, (size_t)(crowd_code_end - crowd_code));
	for (u32 vector = 0; vector < 256; vector++)
		vector_set(vector, crowd_ignore);
	vector_set(VECTOR_CROWD, crowd_handler);
	apic_send(0, ICR_ALL_BUT_ME | ICR_INIT | ICR_ASSERT);
	delay_ticks(INIT_TICKS);
	apic_send(0, ICR_ALL_BUT_ME | ICR_STARTUP | ICR_ASSERT | CROWD_PAGE >> 12);
	while (members_begun() < n) {
		if (rdtsc() - start > ticks)
			return false;
		cpu_relax();
	}
	return true;
}
