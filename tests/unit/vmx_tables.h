/* SPDX-License-Identifier: MIT */
/* Guest memory with page tables in it: random ones of every mode, and a small good one. */
#ifndef TESTS_UNIT_VMX_TABLES_H
#define TESTS_UNIT_VMX_TABLES_H

#include "vmx/walk.h"

#include "hv/base/bits.h"
#include "hv/base/x86.h"

#include <stdlib.h>
#include <string.h>

#define PAGES 16u

static u8 ram[PAGES * PAGE_SIZE] __attribute__((aligned(4096)));
static const struct guest_memory memory = { ram, sizeof(ram) };

static u64 seed = 0x2545f4914f6cdd1dul;

static inline u64 any(void)
{
	seed ^= seed << 13;
	seed ^= seed >> 7;
	seed ^= seed << 17;
	return seed;
}

static inline bool chance(unsigned int in)
{
	return any() % in == 0;
}

static inline bool bit(u64 v, unsigned int n)
{
	return v >> n & 1;
}

/* ---- random states and tables ---- */

enum mode { MODE_OFF, MODE_32, MODE_PAE, MODE_4, MODE_5, MODES };

static inline struct walk_state random_state(enum mode mode)
{
	struct walk_state s = {
		.cr0 = CR0_PE | (mode != MODE_OFF ? CR0_PG : 0) | (any() & CR0_WP),
		.cr4 = any() & (CR4_SMEP | CR4_SMAP | CR4_PSE),
		.efer = any() & EFER_NXE,
		.rflags = any() & RFLAGS_AC,
		.physical_mask = BITS(35 + (u32)(any() % 17), 0),
		.cpl = chance(2) ? 3 : (u32)(any() % 3),
	};

	if (mode >= MODE_PAE)
		s.cr4 |= CR4_PAE;
	if (mode >= MODE_4)
		s.efer |= EFER_LMA | EFER_LME;
	if (mode == MODE_5)
		s.cr4 |= CR4_LA57;
	s.cr3 = any() % PAGES << 12 | (any() & 0x18);
	if (mode == MODE_PAE)
		s.cr3 |= any() & 0xfe0;
	if (chance(50))
		s.cr3 |= 1ul << (20 + any() % 20);
	return s;
}

/* Mostly good entries that point back into the tables; each kind of fault now and then. */
static inline u64 random_entry(void)
{
	u64 entry = any() % PAGES << 12 | (any() & 0xe60) | 7;

	if (chance(8))
		entry |= BIT(7);
	if (chance(30))
		entry &= ~BIT(0);
	if (chance(12))
		entry &= ~BIT(1);
	if (chance(6))
		entry &= ~BIT(2);
	if (chance(12))
		entry |= BIT(63);
	if (chance(40))
		entry |= 1ul << (52 + any() % 11);
	if (chance(40))
		entry |= 1ul << (12 + any() % 40);
	if (chance(3)) /* what PAE's PDPTEs must be */
		entry &= ~(BITS(2, 1) | BITS(8, 5));
	if (entry & BIT(7))
		entry = (entry & ~BITS(29, 13)) | (chance(4) ? 1ul << (13 + any() % 17) : 0);
	return entry;
}

static inline void fill_tables(bool narrow)
{
	for (size_t i = 0; i < sizeof(ram) / 8; i++) {
		u64 entry = random_entry();

		if (narrow)
			entry = (u32)entry | (random_entry() << 32);
		memcpy(ram + 8 * i, &entry, 8);
	}
}

static inline u64 random_linear(enum mode mode)
{
	u64 linear = any();

	if (mode <= MODE_PAE)
		return (u32)linear;
	if (chance(50))
		return linear;
	return (u64)((s64)linear >> (mode == MODE_5 ? 7 : 16));
}

/* ---- a small table ---- */

static inline void put(u64 at, u64 entry)
{
	memcpy(ram + at, &entry, 8);
}

static const struct walk_state long_mode = {
	.cr0 = CR0_PE | CR0_PG | CR0_WP,
	.cr3 = 0x1000,
	.cr4 = CR4_PAE | CR4_SMEP,
	.efer = EFER_LME | EFER_LMA | EFER_NXE,
	.physical_mask = BITS(39, 0),
};

/* Pages 0 and 1 of linear memory at gpa 0x6000 and 0xa000; page 2 lacks. */
static inline void small_tables(void)
{
	memset(ram, 0, sizeof(ram));
	put(0x1000, 0x2003);
	put(0x2000, 0x3003);
	put(0x3000, 0x4003);
	put(0x4000, 0x6003);
	put(0x4008, 0xa003);
	for (u32 i = 0; i < PAGE_SIZE; i++) {
		ram[0x6000 + i] = (u8)i;
		ram[0xa000 + i] = (u8)~i;
	}
}

#endif
