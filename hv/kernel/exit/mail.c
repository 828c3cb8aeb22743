/* SPDX-License-Identifier: MIT */
/* What others have posted to a vCPU's APIC, and what INIT, SIPI and NMI do to it. */
#include "hv/kernel/exit/mail.h"

#include "hv/kernel/ipi/notify.h"
#include "hv/kernel/pv/pv.h"
#include "hv/kernel/vm/vm.h"
#include "vmx/start.h"

/* What the monitor still has to answer is no longer anybody's instruction. */
static void forget_access(struct vcpu *vcpu)
{
	if (vcpu->task.thread.busy && vcpu->access.kind != MSG_NONE)
		vcpu->access = (struct pending_access){ .kind = MSG_SIGNAL };
}

/* At cs:ip, with what CPUID's leaf 1 says of the processor in EDX. */
static void start_at(struct vcpu *vcpu, u16 cs, u16 ip)
{
	vmx_start_real(&vcpu->vmx, cs, ip, vcpu->vm->cpuid.basic[1].value.eax);
	vcpu->activity = ACTIVITY_RUN;
}

/* SDM 3A 9.4: the boot processor begins where a reset begins, others wait for a SIPI. */
static void take_init(struct vcpu *vcpu)
{
	pv_reset(vcpu);
	vcpu_todo(vcpu, vapic_init(vcpu->apic), NULL);
	vcpu->vmx.pending = (vcpu->vmx.pending & ~PENDING_EVENTS) | ATTEND_RUN;
	forget_access(vcpu);
	vcpu->activity = ACTIVITY_SIPI;
	if ((vcpu->apic->base & APIC_BASE_BSP) != 0)
		start_at(vcpu, 0xf000, 0xfff0);
}

/* INIT, SIPI and NMI, in the order of precedence that the mailbox keeps. */
static void take_events(struct vcpu *vcpu, struct vapic_mailed mail)
{
	vcpu->task.counters->count[COUNT_LOST] += mail.lost; /* VAPIC_EV_LOST announced it */
	if ((mail.events & VAPIC_EV_INIT) != 0 && vcpu->started)
		take_init(vcpu);
	if ((mail.events & VAPIC_EV_SIPI) != 0 && vcpu->activity == ACTIVITY_SIPI)
		start_at(vcpu, (u16)(VAPIC_EV_SIPI_VECTOR(mail.events) << 8), 0);
	if ((mail.events & VAPIC_EV_NMI) != 0)
		vcpu->vmx.pending |= PENDING_NMI;
}

static ALWAYS_INLINE void take(struct vcpu *vcpu, struct vapic_mailed mail)
{
	vcpu->task.counters->count[COUNT_FOLDED] += mail.folded;
	vcpu->vmx.pending |= vcpu->vmx.pending_interrupt;
	if (unlikely(mail.events != 0))
		take_events(vcpu, mail);
}

void vcpu_take_mail(struct vcpu *vcpu)
{
	take(vcpu, vapic_pull(vcpu->apic));
}

void vcpu_take_vectors(struct vcpu *vcpu)
{
	take(vcpu, vapic_pull_vectors(vcpu->apic));
}
