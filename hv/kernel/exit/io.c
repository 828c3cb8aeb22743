/* SPDX-License-Identifier: MIT */
/* Exits for ports, which the monitor serves. */
#include "hv/kernel/exit/advance.h"
#include "hv/kernel/exit/exits.h"
#include "hv/kernel/exit/memory.h"
#include "hv/kernel/user/message.h"
#include "hv/kernel/vm/guest.h"
#include "hv/kernel/vm/vm.h"
#include "vmx/qualification.h"
#include "vmx/vmcs.h"

/* As IN writes rAX: 4 bytes clear the upper half, 1 and 2 keep what is above. */
static void finish_io(struct vcpu *vcpu, const struct taken_reply *reply)
{
	const struct pending_access *access = &vcpu->access;
	u64 *rax = &vcpu->vmx.gpr[RAX];

	vcpu_advance_by(vcpu, access->length);
	if (access->write)
		return;
	switch (access->size) {
	case 1:
		*rax = (*rax & ~0xffull) | (u8)reply->value;
		break;
	case 2:
		*rax = (*rax & ~0xffffull) | (u16)reply->value;
		break;
	default:
		*rax = (u32)reply->value;
		break;
	}
}

enum after exit_io(struct vcpu *vcpu)
{
	struct io_access io = io_access_of(vmcs_read(VMCS_EXIT_QUALIFICATION));
	enum vcpu_count unclaimed = io.in ? COUNT_PORT_READ_UNCLAIMED : COUNT_PORT_WRITE_UNCLAIMED;

	if (unlikely(io.string)) {
		vcpu->access = (struct pending_access){
			.kind = MSG_INSTRUCTION,
			.finish = guest_finish_instruction,
			.unclaimed = unclaimed,
			.write = !io.in,
		};
		message_instruction(vcpu, io.port);
		return AFTER_THREAD;
	}
	vcpu->access = (struct pending_access){
		.kind = MSG_IO,
		.finish = finish_io,
		.unclaimed = unclaimed,
		.size = io.size,
		.write = !io.in,
		.length = (u8)vmcs_read32(VMCS_EXIT_INSTRUCTION_LENGTH),
	};
	message_access(vcpu, io.port, vcpu->vmx.gpr[RAX] & (0xffffffffull >> (32 - io.size * 8)));
	return AFTER_THREAD;
}
