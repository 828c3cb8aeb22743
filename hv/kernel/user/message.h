/* SPDX-License-Identifier: MIT */
/*
 * Ring 0's side of the conversation with a VM's monitor (hv/abi/message.h). All on the vCPU's own
 * core, for its current vCPU, whose thread waits for a message.
 */
#ifndef HV_USER_MESSAGE_H
#define HV_USER_MESSAGE_H

#include "hv/abi/message.h"
#include "hv/base/types.h"
#include "hv/kernel/vcpu/vcpu.h"

/* Hands over an access of the guest's; vcpu->access says what becomes of the reply. */
void message_access(struct vcpu *vcpu, u64 address, u64 value);

/* The same of the instruction that the guest is at: the monitor carries it out. */
void message_instruction(struct vcpu *vcpu, u64 address);

/* A level-triggered vector was acknowledged. */
void message_eoi(struct vcpu *vcpu, u8 vector);

/* MSG_SIGNAL to the monitor's first thread. */
void message_signal(struct vcpu *vcpu);

/*
 * SYS_REPLY_WAIT: carries out the reply to the message at hand, all of it checked first; a reply
 * that makes no sense ends the VM.
 */
void message_reply(struct vcpu *vcpu);

/* Ring 3 goes on where it was; watched by the host's timer. Gives up the stack. */
NORETURN void message_resume_thread(struct vcpu *vcpu);

/* TSC at which the monitor's patience with the message at hand ends. */
MUST_USE u64 message_due(const struct vcpu *vcpu);

#endif
