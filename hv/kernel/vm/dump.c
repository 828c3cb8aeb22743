/* SPDX-License-Identifier: MIT */
#include "hv/kernel/vm/dump.h"

#include "hv/base/string.h"
#include "hv/base/x86.h"
#include "hv/kernel/vm/guest.h"
#include "hv/kernel/sched/sched.h"
#include "hv/kernel/vm/events.h"
#include "hv/kernel/vm/vm.h"
#include "vmx/setup.h"
#include "vmx/vmcs.h"

/* Fields that are copied as they are. */
static const struct {
	u16 field;
	u16 offset;
} rows[] = {
	{ VMCS_GUEST_RIP, offsetof(struct vcpu_dump, rip) },
	{ VMCS_GUEST_RFLAGS, offsetof(struct vcpu_dump, rflags) },
	{ VMCS_GUEST_CR3, offsetof(struct vcpu_dump, cr3) },
	{ VMCS_GUEST_EFER, offsetof(struct vcpu_dump, efer) },
	{ VMCS_GUEST_DR7, offsetof(struct vcpu_dump, dr7) },
	{ VMCS_GUEST_GDTR_BASE, offsetof(struct vcpu_dump, gdt_base) },
	{ VMCS_GUEST_GDTR_LIMIT, offsetof(struct vcpu_dump, gdt_limit) },
	{ VMCS_GUEST_IDTR_BASE, offsetof(struct vcpu_dump, idt_base) },
	{ VMCS_GUEST_IDTR_LIMIT, offsetof(struct vcpu_dump, idt_limit) },
	{ VMCS_EXIT_REASON, offsetof(struct vcpu_dump, exit_reason) },
	{ VMCS_EXIT_QUALIFICATION, offsetof(struct vcpu_dump, qualification) },
	{ VMCS_GUEST_PHYSICAL_ADDRESS, offsetof(struct vcpu_dump, gpa) },
	{ VMCS_GUEST_LINEAR_ADDRESS, offsetof(struct vcpu_dump, gla) },
	{ VMCS_EXIT_INSTRUCTION_LENGTH, offsetof(struct vcpu_dump, instruction_length) },
	{ VMCS_IDT_VECTORING_INFO, offsetof(struct vcpu_dump, idt_vectoring) },
	{ VMCS_ENTRY_INTERRUPTION_INFO, offsetof(struct vcpu_dump, entry_info) },
	{ VMCS_GUEST_INTERRUPTIBILITY, offsetof(struct vcpu_dump, interruptibility) },
	{ VMCS_GUEST_ACTIVITY, offsetof(struct vcpu_dump, activity) },
	{ VMCS_INSTRUCTION_ERROR, offsetof(struct vcpu_dump, instruction_error) },
};

static void dump_segments(struct vcpu_dump *dump)
{
	for (unsigned int i = 0; i < ARRAY_SIZE(dump->segment); i++) {
		dump->segment[i][0] = vmcs_read_raw(VMCS_SEGMENT(VMCS_GUEST_ES, i));
		dump->segment[i][1] = vmcs_read_raw(VMCS_SEGMENT(VMCS_GUEST_ES_BASE, i));
		dump->segment[i][2] = vmcs_read_raw(VMCS_SEGMENT(VMCS_GUEST_ES_LIMIT, i));
		dump->segment[i][3] = vmcs_read_raw(VMCS_SEGMENT(VMCS_GUEST_ES_ACCESS, i));
	}
}

static void dump_code(const struct vcpu *vcpu, struct vcpu_dump *dump)
{
	struct insn_bytes bytes;

	guest_fetch(vcpu, &bytes);
	memcpy(dump->code, bytes.byte, bytes.count);
	dump->code_count = bytes.count;
}

static void dump_guest(const struct vcpu *vcpu, struct vcpu_dump *dump)
{
	for (unsigned int i = 0; i < ARRAY_SIZE(rows); i++)
		*(u64 *)(void *)((u8 *)dump + rows[i].offset) = vmcs_read_raw(rows[i].field);
	memcpy(dump->gpr, vcpu->vmx.gpr, sizeof(dump->gpr));
	dump->gpr[RSP] = vmcs_read(VMCS_GUEST_RSP);
	dump->cr0 = vmx_read_cr0();
	dump->cr2 = read_cr2();
	dump->cr4 = vmx_read_cr4();
	dump->dr[0] = read_dr0();
	dump->dr[1] = read_dr1();
	dump->dr[2] = read_dr2();
	dump->dr[3] = read_dr3();
	dump_segments(dump);
	dump_code(vcpu, dump);
}

static enum vcpu_doing doing(const struct vcpu *vcpu)
{
	return vcpu->task.thread.busy            ? DOING_MESSAGE
	       : vcpu->activity == ACTIVITY_SIPI ? DOING_SIPI
	       : vcpu->activity != ACTIVITY_HALT ? DOING_GUEST
	       : vcpu->halted_deaf               ? DOING_HALT_DEAF
	                                         : DOING_HALT;
}

void dump_sample(const struct vcpu *vcpu)
{
	struct root_event event = { .kind = ROOT_EVENT_SAMPLE,
		                    .vm = vcpu->vm->id,
		                    .vcpu = vcpu->index };
	u64 due = vapic_timer_deadline(vcpu->apic);

	dump_vcpu(vcpu, &event.dump);
	event.dump.doing = doing(vcpu);
	event.dump.message = vcpu->access.kind;
	event.dump.timer = due == VAPIC_NEVER ? due : due - MIN(due, vcpu_guest_tsc(vcpu, rdtsc()));
	events_push(&event);
}

void dump_vcpu(const struct vcpu *vcpu, struct vcpu_dump *dump)
{
	*dump = (struct vcpu_dump){
		.user_rip = vcpu->task.thread.regs.rip,
		.user_rsp = vcpu->task.thread.regs.rsp,
		.user_cr2 = read_cr2(),
	};
	if (vcpu->task.rq->loaded == vcpu)
		dump_guest(vcpu, dump);
}
