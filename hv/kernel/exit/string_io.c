/* SPDX-License-Identifier: MIT */
/*
 * INS and OUTS: one element for each exit. With REP the instruction is left where it is until the
 * count is used up, so that the guest comes back for the next element, and interrupts get in
 * between as on a processor.
 */
#include "hv/kernel/exit/advance.h"
#include "hv/base/atomic.h"
#include "hv/base/bits.h"
#include "hv/base/x86.h"
#include "hv/kernel/exit/guest.h"
#include "hv/kernel/user/message.h"
#include "hv/kernel/vm/vm.h"
#include "vmx/controls.h"
#include "vmx/inject.h"
#include "vmx/vmcs.h"
#include "vmx/walk.h"

#define RFLAGS_DF BIT(10)

/* VM-exit instruction information for INS and OUTS (SDM 3C table 28-8): address size in 9:7. */
static u64 address_mask(void)
{
	static const u64 masks[] = { 0xffff, 0xffffffff, ~0ull, ~0ull };

	return masks[bits_get(vmcs_read32(VMCS_EXIT_INSTRUCTION_INFO), 8, 7)];
}

/* Adds to rCX, rSI or rDI, as wide as addresses are: 32 bits clear what is above, 16 keep it. */
static void add_register(u64 *reg, u64 step, u64 mask)
{
	u64 sum = (*reg + step) & mask;

	*reg = mask == 0xffff ? (*reg & ~mask) | sum : sum;
}

/* One byte of the element; NULL: the guest got its fault, or the VM ended. */
static u8 *element_byte(struct vcpu *vcpu, u64 linear, enum walk_access kind)
{
	const struct walk_state state = guest_walk_state(vcpu);
	struct walk walk = walk_translate(&vcpu->vmx.memory, &state, linear, kind);
	u8 *byte = walk.outcome == WALK_DONE ? guest_pointer(vcpu, walk.gpa.raw, 1) : NULL;

	if (byte != NULL)
		return byte;
	if (walk.outcome == WALK_PAGE_FAULT) {
		write_cr2(linear);
		vmx_inject_fault(&vcpu->vmx, EXCEPTION_PF, walk.error);
	} else if (walk.outcome == WALK_GP) {
		vmx_inject_fault(&vcpu->vmx, EXCEPTION_GP, 0);
	} else {
		vm_end(vcpu, END_UNREACHABLE, linear);
	}
	return NULL;
}

/* The element in memory, read or written; byte by byte, since it may lie across two pages. */
static bool move_element(struct vcpu *vcpu, enum walk_access kind, u64 *value)
{
	u64 linear = vmcs_read(VMCS_GUEST_LINEAR_ADDRESS);
	u64 got = 0;

	for (unsigned int i = 0; i < vcpu->access.size; i++) {
		u8 *byte = element_byte(vcpu, linear + i, kind);

		if (byte == NULL)
			return false;
		if (kind == WALK_WRITE && value != NULL)
			*byte = (u8)(*value >> i * 8);
		got |= (u64)*byte << i * 8;
	}
	if (kind == WALK_READ)
		*value = got;
	return true;
}

void guest_string_io(struct vcpu *vcpu, const struct io_access *io)
{
	u64 value = 0;

	vcpu->access = (struct pending_access){
		.kind = MSG_IO,
		.size = io->size,
		.write = !io->in,
		.string = true,
		.repeat = io->repeat,
		.length = (u8)vmcs_read32(VMCS_EXIT_INSTRUCTION_LENGTH),
	};
	if (io->repeat && (vcpu->vmx.gpr[RCX] & address_mask()) == 0) {
		vcpu->access.kind = MSG_NONE;
		vcpu_advance_by(vcpu, vcpu->access.length);
		return;
	}
	/* INS must be able to store before the device is asked: its answer cannot be given back. */
	if (!move_element(vcpu, io->in ? WALK_WRITE : WALK_READ, io->in ? NULL : &value)) {
		vcpu->access.kind = MSG_NONE;
		return;
	}
	message_access(vcpu, io->port, value);
}

/*
 * The store of INS is the guest's, through its page tables, though the vCPU has left guest mode to
 * wait for the monitor: who flushes TLBs meanwhile (pv_flush.c) has to wait for it as for any
 * other.
 */
static bool store_element(struct vcpu *vcpu, u64 value)
{
	bool stored;

	atomic_store_fence(&vcpu->state, (u32)RUN_GUEST);
	stored = move_element(vcpu, WALK_WRITE, &value);
	atomic_store(&vcpu->state, (u32)RUN_HOST);
	return stored;
}

void guest_finish_string_io(struct vcpu *vcpu, u64 value)
{
	u64 *gpr = vcpu->vmx.gpr;
	u64 mask = address_mask();
	u64 size = vcpu->access.size;
	u64 step = (vmcs_read(VMCS_GUEST_RFLAGS) & RFLAGS_DF) != 0 ? -size : size;

	if (!vcpu->access.write && !store_element(vcpu, value))
		return;
	add_register(&gpr[vcpu->access.write ? RSI : RDI], step, mask);
	if (vcpu->access.repeat)
		add_register(&gpr[RCX], ~0ull, mask);
	/* A step's trap comes behind each element. */
	vcpu_advance_by(vcpu,
	                vcpu->access.repeat && (gpr[RCX] & mask) != 0 ? 0 : vcpu->access.length);
}
