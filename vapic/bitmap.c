// SPDX-License-Identifier: MIT
/* Paravirtual sending: many targets, one call. */
#include "vapic/internal.h"

#define MINUS_EINVAL (-22)

u32 vapic_resolve(const struct vapic_vm *vm, const u64 *bitmap, u32 words, u64 base,
                  struct vapic_set *set)
{
	u32 unknown = 0;

	vapic_set_clear(set);
	for (u32 w = 0; w < words; w++) {
		u64 id = base + w * 64ull;

		if (bitmap[w] == 0)
			continue;
		/* No wrap: beyond the last ID there is nobody, however far. */
		if (unlikely(base >= vm->ids) || unlikely(id >= vm->ids))
			unknown += bit_count(bitmap[w]);
		else
			unknown += route_ids(vm, bitmap[w], (u32)id, set);
	}
	return unknown;
}

u32 vapic_send_set(struct vapic_vm *vm, struct vapic *src, struct vapic_icr icr, const u64 *bitmap,
                   u32 words, u64 base, struct vapic_effects *fx)
{
	u32 unknown = vapic_resolve(vm, bitmap, MIN(words, VAPIC_SET_WORDS), base, &fx->wake);

	return send_to_set(vm, src, icr, unknown, fx);
}

u32 vapic_kvm_send_ipi(struct vapic *src, u64 low, u64 high, u64 base, u64 icr, u32 word_bits,
                       s64 *result, struct vapic_effects *fx)
{
	u64 bitmap[2] = { low, high };
	u32 words = 2;
	u32 unknown, todo;

	if (icr & (APIC_ICR_LOGICAL | APIC_ICR_SHORTHAND)) {
		*result = MINUS_EINVAL;
		return VAPIC_OK;
	}
	if (word_bits == 32) {
		bitmap[0] = (u32)low | high << 32;
		words = 1;
	}
	/* KVM takes the ID of bit 0 as 32 bits wide, whatever the register holds. */
	unknown = vapic_resolve(src->vm, bitmap, words, (u32)base, &fx->wake);
	todo = send_to_set(src->vm, src, vapic_icr_x2apic((u32)icr), unknown, fx);
	*result = (s64)fx->sent.posted + fx->sent.coalesced;
	return todo;
}
