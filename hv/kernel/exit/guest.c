/* SPDX-License-Identifier: MIT */
#include "hv/kernel/exit/advance.h"
#include "hv/kernel/exit/guest.h"

#include "hv/abi/syscall.h"
#include "hv/base/atomic.h"
#include "hv/base/bits.h"
#include "hv/kernel/ipi/apicv.h"
#include "hv/kernel/ipi/deliver.h"
#include "hv/kernel/user/message.h"
#include "hv/kernel/sched/sched.h"
#include "hv/kernel/vm/vm.h"
#include "vapic/arch.h"
#include "vapic/fast.h"
#include "vmx/apicv.h"
#include "vmx/decode.h"
#include "vmx/inject.h"
#include "vmx/fetch.h"

#define APIC_PAGE (~0xfffull)

void *guest_pointer(const struct vcpu *vcpu, u64 gpa, u64 len)
{
	const struct guest_memory *memory = &vcpu->vmx.memory;

	if (gpa >= memory->size || len > memory->size - gpa)
		return NULL;
	return memory->base + gpa;
}

/* As IN writes rAX: 4 bytes clear the upper half, 1 and 2 keep what is above. */
void guest_finish_access(struct vcpu *vcpu, u64 value)
{
	const struct pending_access *access = &vcpu->access;
	u64 *rax = &vcpu->vmx.gpr[RAX];

	vcpu_advance_by(vcpu, access->length);
	if (access->write)
		return;
	switch (access->size) {
	case 1:
		*rax = (*rax & ~0xffull) | (u8)value;
		break;
	case 2:
		*rax = (*rax & ~0xffffull) | (u16)value;
		break;
	default:
		*rax = (u32)value;
		break;
	}
}

/* ---- the instruction ---- */

static enum insn_mode code_mode(u32 cs_access, u64 efer)
{
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

/* What the guest is at; NULL: gone in the meantime, or no plain load or store. */
static const struct insn *fetch(struct vcpu *vcpu)
{
	const struct walk_state state = walk_state(vcpu, 0);
	enum insn_mode mode = code_mode(vmcs_read32(VMCS_GUEST_CS_ACCESS), state.efer);
	struct walk walk;

	return fetch_insn(&vcpu->fetched, &vcpu->vmx.memory, &state, mode, code_address(mode),
	                  &walk);
}

void guest_fetch(const struct vcpu *vcpu, struct insn_bytes *bytes)
{
	const struct walk_state state = walk_state(vcpu, 0);
	enum insn_mode mode = code_mode(vmcs_read32(VMCS_GUEST_CS_ACCESS), state.efer);

	if (walk_fetch(&vcpu->vmx.memory, &state, code_address(mode), bytes, NULL).outcome !=
	    WALK_DONE)
		bytes->count = 0;
}

static u64 stored_value(const struct vcpu *vcpu, const struct insn *insn)
{
	u64 value = insn->op == INSN_STORE_IMM ? insn->imm : guest_register(vcpu, insn->reg);

	return insn->size == 4 ? (u32)value : value;
}

/* ---- the APIC's page ---- */

/* The usual IPI, as in hv/kernel/exit/fast.c. */
static bool icr_to_few(struct vcpu *vcpu, u32 low)
{
	struct vapic *apic = vcpu->apic;
	u64 few = vapic_fast_targets_xapic(apic, low);

	if ((u8)low < APIC_FIRST_VECTOR ||
	    (few == 0 && !(vapic_is_fast(apic, VAPIC_XAPIC) && vapic_fast_is_self(low))))
		return false;
	apic->reg[APIC_ICR / 4] = low & APIC_ICR_WRITABLE;
	if (few != 0)
		deliver_few(vcpu, IPI_XAPIC, few, (u8)low);
	else
		deliver_self(vcpu, IPI_XAPIC, (u8)low);
	return true;
}

static ALWAYS_INLINE void apic_written(struct vcpu *vcpu, u32 value, u32 todo,
                                       const struct vapic_effects *fx)
{
	if ((todo & VAPIC_SENT) != 0)
		deliver(vcpu, IPI_XAPIC, value >> 8, todo, fx);
	if ((todo & ~(u32)(VAPIC_SENT | VAPIC_WAKE)) != 0)
		vcpu_todo(vcpu, todo, fx);
}

/* The two registers of the IPI path first: whole, aligned stores, as every kernel does them. */
static void apic_write(struct vcpu *vcpu, u32 offset, u8 size, u64 value)
{
	struct vapic_effects fx;
	u32 todo;

	if (offset == APIC_ICR && likely(size == 4) && likely(icr_to_few(vcpu, (u32)value)))
		return;
	if (offset == APIC_EOI)
		count(vcpu, EVENT_EOI);
	if (offset == APIC_EOI && likely(size == 4))
		todo = vapic_eoi(vcpu->apic, &fx);
	else
		todo = vapic_mmio_write(vcpu->apic, offset, size, value,
		                        vcpu_guest_tsc(vcpu, vcpu->rq->stamp), &fx);
	apic_written(vcpu, (u32)value, todo, &fx);
}

static u64 apic_read(struct vcpu *vcpu, u32 offset, u8 size)
{
	u64 value;
	u32 todo = vapic_mmio_read(vcpu->apic, offset, size, vcpu_guest_tsc(vcpu, vcpu->rq->stamp),
	                           &value);

	if (todo != VAPIC_OK) /* an error that has an interrupt */
		vcpu_todo(vcpu, todo, NULL);
	return value;
}

static ALWAYS_INLINE bool is_apic(const struct vcpu *vcpu, u64 gpa)
{
	return (gpa & APIC_PAGE) == (vcpu->apic->base & APIC_PAGE) &&
	       vapic_mode(vcpu->apic) == VAPIC_XAPIC;
}

/*
 * What is decoded is what stands there now: where another CPU has made a load of the store that
 * exited, or the other way, the monitor looks at everything anew. With data breakpoints on it does,
 * too, for it knows how to tell of them.
 */
void guest_mmio(struct vcpu *vcpu, u64 gpa, bool write)
{
	u32 offset = (u32)(gpa & ~APIC_PAGE);
	const struct insn *insn;

	if (likely(is_apic(vcpu, gpa)) && likely((vmcs_read(VMCS_GUEST_DR7) & DR7_ENABLED) == 0) &&
	    likely((insn = fetch(vcpu)) != NULL) && likely((insn->op != INSN_LOAD) == write)) {
		if (likely(write))
			apic_write(vcpu, offset, insn->size, stored_value(vcpu, insn));
		else
			guest_set_register(vcpu, insn->reg, apic_read(vcpu, offset, insn->size));
		vcpu_advance_by(vcpu, insn->length);
		return;
	}
	vcpu->access = (struct pending_access){ .kind = MSG_INSTRUCTION };
	message_instruction(vcpu, gpa);
}

/* ---- what the monitor needs for the instructions that it carries out ---- */

s64 guest_apic_access(struct vcpu *vcpu, u64 gpa, bool write, u32 size, u64 value)
{
	bool virtual = vcpu->vmx.apic != VMX_APIC_TRAPPED;
	u32 offset = (u32)(gpa & ~APIC_PAGE), todo;
	struct vapic_effects fx;
	s64 result = 0;

	if (!is_apic(vcpu, gpa))
		return SYS_ENOENT;
	if (virtual)
		vapic_adopt(vcpu->apic);
	if (write) {
		if (offset == APIC_EOI)
			count(vcpu, EVENT_EOI);
		todo = vapic_mmio_write(vcpu->apic, offset, size, value,
		                        vcpu_guest_tsc(vcpu, vcpu->rq->stamp), &fx);
		if ((todo & VAPIC_EOI) != 0)
			result = fx.eoi_vector;
		apic_written(vcpu, (u32)value, todo & ~(u32)VAPIC_EOI, &fx);
	} else {
		result = (s64)apic_read(vcpu, offset, (u8)size);
	}
	if (virtual)
		apicv_resync(vcpu);
	return result;
}

/* Whole, as the processor writes what is aligned. */
static void store(u8 *at, u64 value, u64 size)
{
	switch (size) {
	case 2:
		*(volatile u16 *)(void *)at = (u16)value;
		break;
	case 4:
		*(volatile u32 *)(void *)at = (u32)value;
		break;
	case 8:
		*(volatile u64 *)(void *)at = value;
		break;
	default:
		for (u64 i = 0; i < size; i++)
			at[i] = (u8)(value >> i * 8);
		break;
	}
}

bool guest_store(struct vcpu *vcpu, u64 linear, u64 value, u64 size)
{
	const struct walk_state state = guest_walk_state(vcpu);
	struct walk walk;
	u8 *at;

	atomic_store_fence(&vcpu->state, (u32)RUN_GUEST);
	walk = walk_translate(&vcpu->vmx.memory, &state, linear, WALK_WRITE);
	at = walk.outcome == WALK_DONE ? guest_pointer(vcpu, walk.gpa.raw, size) : NULL;
	if (at != NULL)
		store(at, value, size);
	atomic_store(&vcpu->state, (u32)RUN_HOST);
	return at != NULL;
}

/* Faults that an instruction with a memory operand can meet: #UD #NM #SS #GP #PF #AC. */
#define FAULTS (BIT32(6) | BIT32(7) | BIT32(12) | BIT32(13) | BIT32(14) | BIT32(17))

void guest_finish_instruction(struct vcpu *vcpu, const struct insn_result *r)
{
	for (unsigned int i = 0; i < ARRAY_SIZE(r->gpr); i++)
		guest_set_register(vcpu, i, r->gpr[i]);
	if (r->fault < 32 && (FAULTS >> r->fault & 1) != 0) {
		if (r->fault == EXCEPTION_PF)
			write_cr2(r->cr2);
		vmx_inject_fault(&vcpu->vmx, (enum exception_vector)r->fault, (u16)r->error);
	} else if (r->done != 0) {
		vmcs_write(VMCS_GUEST_RFLAGS,
		           (vmcs_read(VMCS_GUEST_RFLAGS) & ~(RFLAGS_STATUS | RFLAGS_RF)) |
		                   (r->rflags & RFLAGS_STATUS));
		vcpu_advance_by(vcpu, MIN(r->length, INSN_MAX));
		if ((r->breakpoints & DR6_HIT) != 0)
			vmcs_write(VMCS_GUEST_PENDING_DEBUG, vmcs_read(VMCS_GUEST_PENDING_DEBUG) |
			                                             PENDING_DEBUG_ENABLED |
			                                             (r->breakpoints & DR6_HIT));
	} else {
		count(vcpu, EVENT_NESTED_RETRY);
	}
}

/* ---- ports ---- */

void guest_io(struct vcpu *vcpu)
{
	struct io_access io = io_access_of(vmcs_read(VMCS_EXIT_QUALIFICATION));

	if (unlikely(io.string)) {
		vcpu->access = (struct pending_access){ .kind = MSG_INSTRUCTION, .port = true };
		vcpu->access.write = !io.in;
		message_instruction(vcpu, io.port);
		return;
	}
	vcpu->access = (struct pending_access){
		.kind = MSG_IO,
		.size = io.size,
		.write = !io.in,
		.length = (u8)vmcs_read32(VMCS_EXIT_INSTRUCTION_LENGTH),
	};
	message_access(vcpu, io.port, vcpu->vmx.gpr[RAX] & (0xffffffffull >> (32 - io.size * 8)));
}

void guest_note_refused(struct vcpu *vcpu, enum vcpu_event event, u64 what)
{
	struct refusal *row = vcpu->counters->refusal, *end = row + REFUSALS;

	while (row < end && row->count != 0 && (row->event != event || row->what != what))
		row++;
	if (row != end && row->count++ == 0)
		*row = (struct refusal){ event, 1, what, vmcs_read(VMCS_GUEST_RIP), rdtsc() };
}
