/* SPDX-License-Identifier: MIT */
/* The guest page walk a second time: from the SDM's tables, bit by bit, no thought of speed. */
#ifndef TESTS_UNIT_VMX_SECOND_WALK_H
#define TESTS_UNIT_VMX_SECOND_WALK_H

#include "tests/unit/vmx_tables.h"

#define FAULT_P    1u
#define FAULT_W    2u
#define FAULT_U    4u
#define FAULT_RSVD 8u
#define FAULT_I    16u

static inline struct walk fault(const struct walk_state *s, enum walk_access access, u32 code)
{
	if (access == WALK_WRITE)
		code |= FAULT_W;
	if (s->cpl == 3)
		code |= FAULT_U;
	if (access == WALK_FETCH &&
	    ((s->cr4 & CR4_SMEP) || ((s->cr4 & CR4_PAE) && (s->efer & EFER_NXE))))
		code |= FAULT_I;
	return (struct walk){ WALK_PAGE_FAULT, code, GPA(0) };
}

struct rights {
	bool user, writable, no_execute;
};

/* SDM 4.6.1, sentence by sentence. */
static inline bool allowed(const struct walk_state *s, enum walk_access access, struct rights r)
{
	bool nxe = s->efer & EFER_NXE;

	if (s->cpl < 3) {
		switch (access) {
		case WALK_READ:
			return !r.user || !(s->cr4 & CR4_SMAP) || (s->rflags & RFLAGS_AC);
		case WALK_WRITE:
			if (r.user && (s->cr4 & CR4_SMAP) && !(s->rflags & RFLAGS_AC))
				return false;
			return !(s->cr0 & CR0_WP) || r.writable;
		default:
			if (r.user && (s->cr4 & CR4_SMEP))
				return false;
			return !nxe || !r.no_execute;
		}
	}
	if (!r.user)
		return false;
	if (access == WALK_WRITE)
		return r.writable;
	return access != WALK_FETCH || !nxe || !r.no_execute;
}

/* A bit of `entry` in hi..lo that must be 0 but is not. */
static inline bool any_bit(u64 entry, int hi, int lo)
{
	for (int i = lo; i <= hi; i++) {
		if (bit(entry, (unsigned int)i))
			return true;
	}
	return false;
}

static inline int physical_bits(const struct walk_state *s)
{
	int n = 0;

	while (bit(s->physical_mask, (unsigned int)n))
		n++;
	return n;
}

static inline struct walk second_32(const struct walk_state *s, u64 linear, enum walk_access access)
{
	u64 at = (s->cr3 & 0xfffff000) + (linear >> 22 & 0x3ff) * 4;
	struct rights r = { true, true, false };
	u32 entry;

	if (at + 4 > sizeof(ram))
		return (struct walk){ WALK_UNREACHABLE, 0, GPA(0) };
	memcpy(&entry, ram + at, 4);
	if (!bit(entry, 0))
		return fault(s, access, 0);
	r.user = bit(entry, 2);
	r.writable = bit(entry, 1);
	if (bit(entry, 7) && (s->cr4 & CR4_PSE)) {
		if (bit(entry, 21) || any_bit(entry, 20, physical_bits(s) - 32 + 13))
			return fault(s, access, FAULT_P | FAULT_RSVD);
		if (!allowed(s, access, r))
			return fault(s, access, FAULT_P);
		return (struct walk){ WALK_DONE, 0,
			              GPA((entry & 0xffc00000) | (u64)(entry >> 13 & 0xff) << 32 |
			                  (linear & 0x3fffff)) };
	}
	at = (entry & 0xfffff000) + (linear >> 12 & 0x3ff) * 4;
	if (at + 4 > sizeof(ram))
		return (struct walk){ WALK_UNREACHABLE, 0, GPA(0) };
	memcpy(&entry, ram + at, 4);
	if (!bit(entry, 0))
		return fault(s, access, 0);
	r.user &= bit(entry, 2);
	r.writable &= bit(entry, 1);
	if (!allowed(s, access, r))
		return fault(s, access, FAULT_P);
	return (struct walk){ WALK_DONE, 0, GPA((entry & 0xfffff000) | (linear & 0xfff)) };
}

/* SDM tables 4-8 to 4-11 (PAE) and 4-14 to 4-20 (four and five levels). */
static inline bool reserved(const struct walk_state *s, u64 entry, int level, bool pae)
{
	int width = physical_bits(s);

	if (pae && level == 3)
		return any_bit(entry, 63, width) || any_bit(entry, 2, 1) || any_bit(entry, 8, 5);
	if (any_bit(entry, pae ? 62 : 51, width))
		return true;
	if (bit(entry, 63) && !(s->efer & EFER_NXE))
		return true;
	if (level >= 4)
		return bit(entry, 7);
	if (level == 3 && bit(entry, 7))
		return any_bit(entry, 29, 13);
	if (level == 2 && bit(entry, 7))
		return any_bit(entry, 20, 13);
	return false;
}

static inline struct walk second_64(const struct walk_state *s, u64 linear, enum walk_access access)
{
	bool pae = !(s->efer & EFER_LMA);
	int level = pae ? 3 : (s->cr4 & CR4_LA57) ? 5 : 4;
	u64 table = pae ? s->cr3 & 0xffffffe0 : s->cr3 & ((1ul << physical_bits(s)) - 1) & ~0xffful;
	struct rights r = { true, true, false };

	for (;; level--) {
		unsigned int shift = 12 + 9 * ((unsigned int)level - 1);
		u64 at = table + (linear >> shift & 511) * 8, entry;

		if (at + 8 > sizeof(ram))
			return (struct walk){ WALK_UNREACHABLE, 0, GPA(0) };
		memcpy(&entry, ram + at, 8);
		if (!bit(entry, 0))
			return fault(s, access, 0);
		if (reserved(s, entry, level, pae))
			return fault(s, access, FAULT_P | FAULT_RSVD);
		table = entry & 0xffffffffff000ul;
		if (pae && level == 3)
			continue;
		r.user &= bit(entry, 2);
		r.writable &= bit(entry, 1);
		r.no_execute |= bit(entry, 63);
		if (level == 1 || (level <= 3 && bit(entry, 7))) {
			u64 inside = (1ul << shift) - 1;

			if (!allowed(s, access, r))
				return fault(s, access, FAULT_P);
			return (struct walk){ WALK_DONE, 0,
				              GPA((table & ~inside) | (linear & inside)) };
		}
	}
}

static inline struct walk second(const struct walk_state *s, u64 linear, enum walk_access access)
{
	unsigned int top = s->cr4 & CR4_LA57 ? 56 : 47;

	if (!(s->cr0 & CR0_PG))
		return (struct walk){ WALK_DONE, 0, GPA(linear) };
	if (!(s->efer & EFER_LMA))
		return s->cr4 & CR4_PAE ? second_64(s, linear, access)
		                        : second_32(s, linear, access);
	for (unsigned int i = top; i < 64; i++) {
		if (bit(linear, i) != bit(linear, top))
			return (struct walk){ WALK_GP, 0, GPA(0) };
	}
	return second_64(s, linear, access);
}

#endif
