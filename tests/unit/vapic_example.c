// SPDX-License-Identifier: MIT
/* The model in another program: two vCPUs, one interrupt. docs/vapic.md explains each step. */
#include <stdio.h>

#include "vapic/vapic.h"

static struct vapic cpu[2];
static struct vapic *apic[2];
static u64 route[2];
static u16 by_id[2];

static struct vapic_vm vm = {
	.count = 2,
	.ids = 2,
	.features = VAPIC_HAS_X2APIC,
	.phys_bits = 40,
	.apic = apic,
	.route = route,
	.index = by_id,
};

int main(void)
{
	struct vapic_effects fx;
	struct vapic_mailed mail;
	bool ok = vapic_vm_setup(&vm);
	u32 i, todo;
	int vector;

	/* The guest's firmware: x2APIC mode, enabled by software. */
	for (i = 0; i < 2; i++) {
		ok = ok && vapic_setup(&cpu[i], &vm, i, i, i == 0);
		ok = ok && vapic_msr_write(&cpu[i], 0x1b, cpu[i].base | 0x400, 0, &fx) != VAPIC_GP;
		ok = ok && vapic_msr_write(&cpu[i], 0x80f, 0x1ff, 0, &fx) == VAPIC_MODE;
	}
	/* vCPU 0 exits: WRMSR to the ICR, vector 0x41 to APIC ID 1. */
	todo = vapic_msr_write(&cpu[0], 0x830, 1ull << 32 | 0x41, 0, &fx);
	ok = ok && todo == (VAPIC_SENT | VAPIC_WAKE);
	set_for_each (i, &fx.wake)
		printf("# kick vCPU %u: posted %u of %u\n", i, fx.sent.posted, fx.sent.requested);
	/* vCPU 1, before its next entry. */
	mail = vapic_pull(&cpu[1]);
	vector = vapic_next(&cpu[1]);
	ok = ok && mail.events == 0 && vector == 0x41;
	vapic_accept(&cpu[1], (u8)vector);
	printf("# inject vector %#x\n", (unsigned int)vector);
	/* Its handler ends. */
	todo = vapic_msr_write(&cpu[1], 0x80b, 0, 0, &fx);
	ok = ok && todo == VAPIC_OK && vapic_next(&cpu[1]) < 0;
	printf("%sok 1 - one interrupt from ICR to EOI\n1..1\n", ok ? "" : "not ");
	return !ok;
}
