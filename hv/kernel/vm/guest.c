/* SPDX-License-Identifier: MIT */
#include "hv/kernel/vm/guest.h"

#include "hv/base/bits.h"
#include "hv/kernel/vm/vm.h"

void *guest_pointer(const struct vcpu *vcpu, u64 gpa, u64 len)
{
	const struct guest_memory *memory = &vcpu->vmx.memory;

	if (gpa >= memory->size || len > memory->size - gpa)
		return NULL;
	return memory->base + gpa;
}

/* Of the code segment. */
static enum insn_mode code_mode(u64 efer)
{
	u32 cs_access = vmcs_read32(VMCS_GUEST_CS_ACCESS);

	if ((efer & EFER_LMA) != 0 && (cs_access & ACCESS_L) != 0)
		return INSN_64;
	return (cs_access & ACCESS_DB) != 0 ? INSN_32 : INSN_16;
}

/* rflags: its AC bit lets a supervisor's data accesses pass SMAP; fetches do without. */
static ALWAYS_INLINE struct walk_state walk_state(const struct vcpu *vcpu, u64 rflags)
{
	return (struct walk_state){
		.cr0 = vmcs_read(VMCS_GUEST_CR0),
		.cr3 = vmcs_read(VMCS_GUEST_CR3),
		.cr4 = vmcs_read(VMCS_GUEST_CR4),
		.efer = vmcs_read64(VMCS_GUEST_EFER),
		.rflags = rflags,
		.physical_mask = vcpu->vm->physical_mask,
		.cpl = (u32)bits_get(vmcs_read32(VMCS_GUEST_SS_ACCESS), 6, 5),
	};
}

struct walk_state guest_walk_state(const struct vcpu *vcpu)
{
	return walk_state(vcpu, vmcs_read(VMCS_GUEST_RFLAGS));
}

static ALWAYS_INLINE u64 code_address(enum insn_mode mode)
{
	u64 rip = vmcs_read(VMCS_GUEST_RIP);

	return mode == INSN_64 ? rip : (u32)(rip + vmcs_read(VMCS_GUEST_CS_BASE));
}

const struct insn *guest_insn(struct vcpu *vcpu)
{
	const struct walk_state state = walk_state(vcpu, 0);
	enum insn_mode mode = code_mode(state.efer);
	struct walk walk;

	return fetch_insn(&vcpu->fetched, &vcpu->vmx.memory, &state, mode, code_address(mode),
	                  &walk);
}

void guest_fetch(const struct vcpu *vcpu, struct insn_bytes *bytes)
{
	const struct walk_state state = walk_state(vcpu, 0);
	enum insn_mode mode = code_mode(state.efer);

	if (walk_fetch(&vcpu->vmx.memory, &state, code_address(mode), bytes, NULL).outcome !=
	    WALK_DONE)
		bytes->count = 0;
}

void guest_note_refused(struct vcpu *vcpu, enum vcpu_count event, u64 what)
{
	struct refusal *row = vcpu->task.counters->refusal, *end = row + REFUSALS;

	while (row < end && row->count != 0 && (row->event != event || row->what != what))
		row++;
	if (row != end && row->count++ == 0)
		*row = (struct refusal){ event, 1, what, vmcs_read(VMCS_GUEST_RIP), rdtsc() };
}
