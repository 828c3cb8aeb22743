// SPDX-License-Identifier: MIT
/* Building the group, RESET and INIT. */
#include "vapic/regs.h"

/* A table of 2 MiB is enough; above, x2APIC logical IDs repeat, and a scan must find them. */
#define MAX_IDS   BIT32(20)
#define BROADCAST 0xffffffffu

bool vapic_vm_setup(struct vapic_vm *vm)
{
	if (vm->count == 0 || vm->count > VAPIC_MAX_VCPUS || vm->ids < vm->count)
		return false;
	if (vm->ids > MAX_IDS || vm->phys_bits < 32 || vm->phys_bits > 52)
		return false;
	for (u32 i = 0; i < vm->count; i++) {
		vm->route[i] = 0;
		vm->apic[i] = NULL;
	}
	for (u32 id = 0; id < vm->ids; id++)
		vm->index[id] = VAPIC_NONE;
	vm->scattered = 0;
	vm->fast_vcpus = vm->count <= 64 ? ~0ull >> (64 - vm->count) : 0;
	vm->xapics = 0;
	vm->far = 0;
	return true;
}

/* For all, those included that have been enabled by now. */
static void leave_fast_path(struct vapic_vm *vm)
{
	vm->fast_vcpus = 0;
	for (u32 i = 0; i < vm->count; i++)
		if (vm->apic[i] != NULL)
			vm->apic[i]->fast_others = 0;
}

bool vapic_setup(struct vapic *a, struct vapic_vm *vm, u32 index, u32 id, bool bsp)
{
	if (index >= vm->count || id == BROADCAST)
		return false;
	if (vm->apic[index] != NULL || vapic_index(vm, id) != VAPIC_NONE)
		return false;
	*a = (struct vapic){ .vm = vm, .index = index, .id = id };
	(void)!vapic_reset(a, bsp);
	vm->apic[index] = a;
	if (id < vm->ids)
		vm->index[id] = (u16)index;
	else
		vm->far = 1;
	vm->scattered |= id != index;
	if (vm->scattered != 0)
		leave_fast_path(vm);
	return true;
}

/* Also empties the mailbox: an interrupt posted before a reset is gone with it. */
static void reset(struct vapic *a, u64 base)
{
	regs_reset(a);
	mode_set(a, base);
	for (u32 w = 0; w < 4; w++)
		(void)atomic_swap(&a->mail.pir[w], 0);
}

u32 vapic_reset(struct vapic *a, bool bsp)
{
	reset(a, APIC_BASE_ADDRESS | APIC_BASE_EN | (bsp ? APIC_BASE_BSP : 0));
	(void)atomic_swap(&a->mail.events, 0);
	return VAPIC_TIMER | VAPIC_MODE;
}

u32 vapic_init(struct vapic *a)
{
	reset(a, a->base);
	return VAPIC_TIMER | VAPIC_MODE;
}
