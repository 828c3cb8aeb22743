/* SPDX-License-Identifier: MIT */
/* What others have posted to a vCPU's APIC, and what INIT, SIPI and NMI do to it. */
#include "hv/kernel/ipi/deliver.h"
#include "hv/kernel/pv/pv.h"
#include "hv/kernel/vcpu/vcpu.h"
#include "vmx/start.h"

/* What the monitor still has to answer is no longer anybody's instruction. */
static void forget_access(struct vcpu *vcpu)
{
	if (vcpu->thread.busy && vcpu->access.kind != MSG_NONE)
		vcpu->access.kind = MSG_SIGNAL;
}

/* SDM 3A 9.4: the boot processor begins where a reset begins, others wait for a SIPI. */
static void take_init(struct vcpu *vcpu)
{
	pv_reset(vcpu);
	vcpu_todo(vcpu, vapic_init(vcpu->apic), NULL);
	vcpu->vmx.pending = (vcpu->vmx.pending & ~PENDING_EVENTS) | ATTEND_RUN;
	forget_access(vcpu);
	vcpu->activity = ACTIVITY_SIPI;
	if ((vcpu->apic->base & APIC_BASE_BSP) != 0) {
		vmx_start_real(&vcpu->vmx, 0xf000, 0xfff0);
		vcpu->activity = ACTIVITY_RUN;
	}
}

/* INIT, SIPI and NMI, in the order of precedence that the mailbox keeps. */
static void take_events(struct vcpu *vcpu, struct vapic_mailed mail)
{
	vcpu->counters->event[EVENT_LOST] += mail.lost; /* VAPIC_EV_LOST announced it */
	if ((mail.events & VAPIC_EV_INIT) != 0 && vcpu->started)
		take_init(vcpu);
	if ((mail.events & VAPIC_EV_SIPI) != 0 && vcpu->activity == ACTIVITY_SIPI) {
		vmx_start_real(&vcpu->vmx, (u16)(VAPIC_EV_SIPI_VECTOR(mail.events) << 8), 0);
		vcpu->activity = ACTIVITY_RUN;
	}
	if ((mail.events & VAPIC_EV_NMI) != 0)
		vcpu->vmx.pending |= PENDING_NMI;
}

void vcpu_take_mail(struct vcpu *vcpu)
{
	struct vapic_mailed mail = vapic_pull(vcpu->apic);

	vcpu->counters->event[EVENT_FOLDED] += mail.folded;
	vcpu->vmx.pending |= vcpu->vmx.pending_interrupt;
	if (unlikely(mail.events != 0))
		take_events(vcpu, mail);
}
