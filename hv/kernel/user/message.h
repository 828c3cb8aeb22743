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

/*
 * The time that the monitor's thread has spent on the message at hand, in ticks: what it executed
 * and what it slept by its own wish, not what others kept the core. Begins anew with each message.
 */
void message_begin_time(struct vcpu *vcpu);
MUST_USE u64 message_spent(const struct vcpu *vcpu);

/* Whether that was more than a monitor may take: the VM has to end. */
MUST_USE bool message_overdue(const struct vcpu *vcpu, u64 now);

/* SYS_SLEEP: the thread wants to go on in so many ticks; it will not be let sleep beyond its time.
 */
void message_sleep(struct vcpu *vcpu, u64 ticks);

#endif
