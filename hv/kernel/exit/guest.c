/* SPDX-License-Identifier: MIT */
#include "hv/kernel/exit/advance.h"
#include "hv/kernel/exit/guest.h"

#include "hv/base/bits.h"
#include "hv/kernel/ipi/deliver.h"
#include "hv/kernel/user/message.h"
#include "hv/kernel/sched/sched.h"
#include "hv/kernel/vm/vm.h"
#include "vapic/hot.h"
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

/* ---- registers ---- */

static u64 low_bytes(u64 value, u8 size)
{
	return size == 8 ? value : value & (BIT(size * 8) - 1);
}

/* As instructions write registers: 4 bytes clear the upper half, 1 and 2 keep what is above. */
static void register_set(struct vcpu *vcpu, u8 reg, bool high, u8 size, u64 value)
{
	unsigned int shift = high ? 8 : 0;
	u64 old = guest_register(vcpu, reg);
	u64 mask = size == 8 ? ~0ull : (BIT(size * 8) - 1) << shift;
	u64 merged = (old & ~mask) | (value << shift & mask);

	if (size == 4)
		merged &= 0xffffffff;
	guest_set_register(vcpu, reg, merged);
}

static u64 sign_extend(u64 value, u8 size)
{
	unsigned int shift = 64 - size * 8u;

	return (u64)((s64)(value << shift) >> shift);
}

/* Out of line, so that a store pays nothing for it. */
static NOINLINE void load_register(struct vcpu *vcpu, const struct pending_access *access,
                                   u64 value)
{
	value = low_bytes(value, access->size);
	if (access->sign)
		value = sign_extend(value, access->size);
	register_set(vcpu, access->reg, access->high, access->reg_size, value);
}

void guest_finish_access(struct vcpu *vcpu, u64 value)
{
	const struct pending_access *access = &vcpu->access;

	if (access->string) {
		guest_finish_string_io(vcpu, value);
		return;
	}
	vcpu_advance_by(vcpu, access->length);
	if (!access->write)
		load_register(vcpu, access, value);
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

/* What the guest is at. NULL: gone in the meantime, or not understood; then either the guest tries
 * again or the VM was ended. */
static const struct insn *fetch(struct vcpu *vcpu)
{
	const struct walk_state state = walk_state(vcpu, 0);
	enum insn_mode mode = code_mode(vmcs_read32(VMCS_GUEST_CS_ACCESS), state.efer);
	u64 rip = vmcs_read(VMCS_GUEST_RIP);
	const struct insn *insn;
	struct walk walk;

	if (mode != INSN_64)
		rip = (u32)(rip + vmcs_read(VMCS_GUEST_CS_BASE));
	insn = fetch_insn(&vcpu->fetched, &vcpu->vmx.memory, &state, mode, rip, &walk);
	if (likely(insn != NULL))
		return insn;
	if (walk.outcome == WALK_UNREACHABLE)
		vm_end(vcpu, END_UNREACHABLE, rip);
	else if (walk.outcome == WALK_DONE)
		vm_end(vcpu, END_INSTRUCTION, rip);
	else
		count(vcpu, EVENT_NESTED_RETRY);
	return NULL;
}

static u64 stored_value(const struct vcpu *vcpu, const struct insn *insn)
{
	if (insn->op == INSN_STORE_IMM || insn->op == INSN_ALU_IMM)
		return low_bytes(insn->imm, insn->size);
	return low_bytes(guest_register(vcpu, insn->reg) >> (insn->high ? 8 : 0), insn->size);
}

/* ---- the APIC's page ---- */

/* The usual IPI, as in hv/kernel/exit/fast.c. */
static bool icr_to_few(struct vcpu *vcpu, u32 low)
{
	struct vapic *apic = vcpu->apic;
	u64 few = vapic_few_by_low(apic, low);

	if ((u8)low < APIC_FIRST_VECTOR ||
	    (few == 0 && !(vapic_is_quick(apic, VAPIC_XAPIC) && vapic_icr_is_plain_self(low))))
		return false;
	apic->reg[APIC_ICR / 4] = low & APIC_ICR_WRITABLE;
	if (few != 0)
		deliver_few(vcpu, IPI_XAPIC, few, (u8)low);
	else
		deliver_self(vcpu, IPI_XAPIC, (u8)low);
	return true;
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
	if ((todo & VAPIC_SENT) != 0)
		deliver(vcpu, IPI_XAPIC, (u32)value >> 8, todo, &fx);
	if ((todo & ~(u32)(VAPIC_SENT | VAPIC_WAKE)) != 0)
		vcpu_todo(vcpu, todo, &fx);
}

/* Loads, and the instructions that both read and write. */
static void apic_access(struct vcpu *vcpu, const struct insn *insn, u32 offset)
{
	u64 rflags, value, result;

	if (vapic_mmio_read(vcpu->apic, offset, insn->size, vcpu_guest_tsc(vcpu, vcpu->rq->stamp),
	                    &value) != VAPIC_OK)
		value = ~0ull;
	if (insn->op == INSN_ALU_STORE || insn->op == INSN_ALU_IMM) {
		rflags = vmcs_read(VMCS_GUEST_RFLAGS);
		result = insn_alu((enum insn_alu)insn->alu, value, stored_value(vcpu, insn),
		                  insn->size, &rflags);
		vmcs_write(VMCS_GUEST_RFLAGS, rflags);
		if (insn->alu != ALU_CMP && insn->alu != ALU_TEST)
			apic_write(vcpu, offset, insn->size, result);
		vcpu_advance_by(vcpu, insn->length);
		return;
	}
	if (insn->op == INSN_XCHG)
		apic_write(vcpu, offset, insn->size, stored_value(vcpu, insn));
	guest_finish_access(vcpu, value);
}

/* ---- everything else ---- */

static bool is_store(const struct insn *insn)
{
	return insn->op == INSN_STORE || insn->op == INSN_STORE_IMM;
}

/* What a device model can be asked: one load or one store. */
static bool is_simple(const struct insn *insn)
{
	return is_store(insn) || insn->op == INSN_LOAD || insn->op == INSN_LOAD_ZERO ||
	       insn->op == INSN_LOAD_SIGN;
}

static void describe(struct vcpu *vcpu, const struct insn *insn)
{
	vcpu->access = (struct pending_access){
		.kind = MSG_MMIO,
		.size = insn->size,
		.write = is_store(insn),
		.reg = insn->reg,
		.high = insn->high != 0,
		.reg_size = insn->reg_size,
		.sign = insn->op == INSN_LOAD_SIGN,
		.length = insn->length,
	};
}

void guest_mmio(struct vcpu *vcpu, u64 gpa)
{
	const struct insn *insn = fetch(vcpu);

	if (insn == NULL)
		return;
	if ((gpa & APIC_PAGE) == (vcpu->apic->base & APIC_PAGE) &&
	    vapic_mode(vcpu->apic) == VAPIC_XAPIC) {
		if (likely(is_store(insn))) {
			apic_write(vcpu, (u32)(gpa & ~APIC_PAGE), insn->size,
			           stored_value(vcpu, insn));
			vcpu_advance_by(vcpu, insn->length);
			return;
		}
		if (is_simple(insn) || insn->op == INSN_XCHG || insn->op == INSN_ALU_STORE ||
		    insn->op == INSN_ALU_IMM) {
			describe(vcpu, insn);
			vcpu->access.kind = MSG_NONE;
			apic_access(vcpu, insn, (u32)(gpa & ~APIC_PAGE));
			return;
		}
	}
	if (!is_simple(insn)) {
		vm_end(vcpu, END_INSTRUCTION, gpa);
		return;
	}
	describe(vcpu, insn);
	message_access(vcpu, gpa, stored_value(vcpu, insn));
}

/* ---- ports ---- */

void guest_io(struct vcpu *vcpu)
{
	struct io_access io = io_access_of(vmcs_read(VMCS_EXIT_QUALIFICATION));

	if (io.string) {
		guest_string_io(vcpu, &io);
		return;
	}
	vcpu->access = (struct pending_access){
		.kind = MSG_IO,
		.size = io.size,
		.write = !io.in,
		.reg = RAX,
		.reg_size = io.size,
		.length = (u8)vmcs_read32(VMCS_EXIT_INSTRUCTION_LENGTH),
	};
	message_access(vcpu, io.port, low_bytes(vcpu->vmx.gpr[RAX], io.size));
}

void guest_refused(struct vcpu *vcpu, enum vcpu_event event, u64 what)
{
	struct refusal *row = vcpu->counters->refusal, *end = row + REFUSALS;

	count(vcpu, event);
	while (row < end && row->count != 0 && (row->event != event || row->what != what))
		row++;
	if (row != end && row->count++ == 0)
		*row = (struct refusal){ event, 1, what, vmcs_read(VMCS_GUEST_RIP), rdtsc() };
}
