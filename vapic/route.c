// SPDX-License-Identifier: MIT
/*
 * Finds the targets of an interrupt message. Each target matches by its own mode, so that VMs with
 * APICs in both modes have one rule: an x2APIC answers to cluster and member of its ID, an xAPIC to
 * LDR under its DFR.
 */
#include "vapic/internal.h"

#define MODEL_FLAT    15u
#define MODEL_CLUSTER 0u

void route_publish(struct vapic *a)
{
	enum vapic_mode mode = vapic_mode(a);
	u64 r = a->id;

	r |= (u64)(a->reg[APIC_LDR / 4] >> 24) << 32;
	r |= (u64)(a->reg[APIC_DFR / 4] >> 28) << 40;
	if (mode != VAPIC_DISABLED)
		r |= VAPIC_ROUTE_PRESENT;
	if (mode != VAPIC_DISABLED && apic_enabled(a))
		r |= VAPIC_ROUTE_ENABLED;
	if (mode == VAPIC_X2APIC)
		r |= VAPIC_ROUTE_X2APIC;
	a->fast_others = apic_enabled(a) ? a->vm->fast_vcpus & ~BIT(a->index % 64) : 0;
	a->fast_mode = mode != VAPIC_DISABLED && apic_enabled(a) ? (u8)mode : 0;
	/* Senders read it without order: a message that races with the change may go either way. */
	atomic_store(&a->vm->route[a->index], r);
}

/* SDM "Determining IPI Destination". DFR models other than these two select nobody. */
static bool xapic_matches(u64 r, u32 dest)
{
	u32 logical = VAPIC_ROUTE_LOGICAL(r);
	u32 model = VAPIC_ROUTE_MODEL(r);

	if (dest > 0xff)
		return false;
	if (model == MODEL_FLAT)
		return (logical & dest) != 0;
	return model == MODEL_CLUSTER && logical >> 4 == dest >> 4 && (logical & dest & 0xf) != 0;
}

static bool x2apic_matches(u64 r, u32 dest)
{
	u32 id = VAPIC_ROUTE_ID(r);

	return (id >> 4 & 0xffff) == dest >> 16 && (dest >> (id & 15) & 1) != 0;
}

static void resolve_by_scan(const struct vapic_vm *vm, u32 dest, struct vapic_set *set)
{
	for (u32 i = 0; i < vm->count; i++) {
		u64 r = atomic_load_relaxed(&vm->route[i]);

		if (!(r & VAPIC_ROUTE_PRESENT))
			continue;
		if (r & VAPIC_ROUTE_X2APIC ? x2apic_matches(r, dest) : xapic_matches(r, dest))
			vapic_set_add(set, i);
	}
}

/* Without scattered IDs a bitmap of IDs is a bitmap of indexes, and whole words move at once. */
static ALWAYS_INLINE u32 ids_by_word(const struct vapic_vm *vm, u64 mask, u32 base,
                                     struct vapic_set *set)
{
	u32 shift = base % 64;
	u32 room = vm->count - base; /* IDs from base up */
	u32 unknown = 0;

	if (room < 64 && mask >> room != 0) {
		unknown = bit_count(mask >> room);
		mask &= BIT(room) - 1;
	}
	vapic_set_add_word(set, base / 64, mask << shift);
	if (shift != 0 && mask >> (64 - shift) != 0)
		vapic_set_add_word(set, base / 64 + 1, mask >> (64 - shift));
	return unknown;
}

u32 route_ids(const struct vapic_vm *vm, u64 mask, u32 base, struct vapic_set *set)
{
	u32 unknown = 0;

	if (!vm->scattered && base < vm->count)
		return ids_by_word(vm, mask, base, set);
	for (; mask != 0; mask &= mask - 1) {
		u32 i = vapic_index(vm, base + bit_lowest(mask));

		if (i == VAPIC_NONE)
			unknown++;
		else
			vapic_set_add(set, i);
	}
	return unknown;
}

u32 vapic_index_far(const struct vapic_vm *vm, u32 id)
{
	for (u32 i = 0; vm->far != 0 && i < vm->count; i++)
		if (vm->apic[i] != NULL && vm->apic[i]->id == id)
			return i;
	return VAPIC_NONE;
}

static void resolve_logical(const struct vapic_vm *vm, u32 dest, struct vapic_set *set)
{
	vapic_set_clear(set);
	if (atomic_load_relaxed(&vm->xapics) == 0 && vm->far == 0)
		(void)route_ids(vm, dest & 0xffff, (dest >> 16) * 16, set);
	else
		resolve_by_scan(vm, dest, set);
}

void route_resolve(const struct vapic_vm *vm, const struct vapic *src, struct vapic_icr icr,
                   struct vapic_set *set)
{
	u32 everybody = icr.flags & VAPIC_ICR_WIDE ? ~0u : 0xffu;

	if (src != NULL && icr.shorthand == VAPIC_TO_SELF) {
		vapic_set_only(set, src->index);
	} else if (src != NULL && icr.shorthand != VAPIC_TO_DEST) {
		vapic_set_fill(set, vm->count);
		if (icr.shorthand == VAPIC_TO_OTHERS)
			vapic_set_remove(set, src->index);
	} else if (icr.dest == everybody) {
		vapic_set_fill(set, vm->count);
	} else if (icr.flags & VAPIC_ICR_LOGICAL) {
		resolve_logical(vm, icr.dest, set);
	} else {
		vapic_set_clear(set);
		if (vapic_index(vm, icr.dest) != VAPIC_NONE)
			vapic_set_only(set, vapic_index(vm, icr.dest));
	}
}
