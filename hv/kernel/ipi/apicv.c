/* SPDX-License-Identifier: MIT */
#include "hv/kernel/ipi/apicv.h"

#include "hv/base/atomic.h"
#include "hv/base/bits.h"
#include "hv/base/memory.h"
#include "hv/kernel/cpu/vectors.h"
#include "hv/kernel/vm/machine.h"
#include "hv/kernel/sched/sched.h"
#include "vapic/arch.h"
#include "vmx/apicv.h"
#include "vmx/msr.h"

/* ---- building ---- */

bool apicv_offered(enum apic_kind apic)
{
	return vmx_apicv_offered(&machine()->caps, VMX_APIC_XAPIC) &&
	       (apic == APIC_XAPIC || vmx_apicv_offered(&machine()->caps, VMX_APIC_X2APIC));
}

static void open_x2apic(u8 *bitmap)
{
	for (u32 msr = MSR_X2APIC; msr < MSR_X2APIC_END; msr++) {
		u32 serves = vapic_serves(msr);

		msr_bitmap_pass(bitmap, msr, (serves & VAPIC_SERVES_READ) != 0,
		                (serves & VAPIC_SERVES_WRITE) != 0);
	}
}

bool apicv_build(struct vm *vm)
{
	struct vmx_apicv *apicv = &vm->apicv;
	u8 *bitmap = vm_alloc(vm, 1, 1);

	if (bitmap == NULL)
		return false;
	msr_bitmap_build(bitmap);
	open_x2apic(bitmap);
	for (u32 how = 0; how < VMX_APICS; how++) {
		apicv->ept[how] = vm->ept.root;
		apicv->msr_bitmap[how] = vm->msr_bitmap;
	}
	apicv->ept[VMX_APIC_XAPIC] = vm->ept_apic.root;
	apicv->msr_bitmap[VMX_APIC_X2APIC] = ptr_to_hpa(bitmap);
	apicv->access_page = vm->apic_page;
	apicv->trapped_access = (vm->config.features & VM_APIC_PAGE) != 0;
	return true;
}

void apicv_prepare(struct vcpu *vcpu)
{
	vmx_tpr_shadow(&vcpu->vmx, (vcpu->vm->config.features & VM_APIC_PAGE) == 0);
	if ((vcpu->vm->config.features & VM_APICV) == 0)
		return;
	vmx_apicv_prepare(&vcpu->vmx, &vcpu->vm->apicv);
	if ((vcpu->vm->config.features & VM_POSTED) != 0)
		vmx_posted_prepare(ptr_to_hpa(&vcpu->apic->mail), VECTOR_POSTED);
}

/* ---- who serves ---- */

static enum vmx_apic wanted(const struct vcpu *vcpu)
{
	const struct vapic *apic = vcpu->apic;

	if ((apic->vm->route[apic->index] & VAPIC_ROUTE_ENABLED) == 0)
		return VMX_APIC_TRAPPED;
	if (vapic_mode(apic) == VAPIC_X2APIC)
		return VMX_APIC_X2APIC;
	return (apic->base & BITS(51, 12)) == APIC_BASE_ADDRESS ? VMX_APIC_XAPIC : VMX_APIC_TRAPPED;
}

/* Level-triggered vectors are all in TMR; while there are none it is not looked at. */
static void eoi_exits(const struct vcpu *vcpu)
{
	if (unlikely(atomic_load_relaxed(&vcpu->apic->mail.leveled) != 0))
		vmx_apicv_eoi_exits(&vcpu->apic->reg[APIC_TMR / 4]);
}

void apicv_resync(struct vcpu *vcpu)
{
	(void)!vapic_hand_over(vcpu->apic); /* what is offered, and more: the whole status */
	vmx_apicv_status(vapic_interrupt_status(vcpu->apic));
	eoi_exits(vcpu);
}

void apicv_post(struct vcpu *vcpu, bool on)
{
	if ((vcpu->vm->config.features & VM_POSTED) == 0)
		return;
	on = on && atomic_load(&vcpu->vm->leveled) == 0;
	vmx_posted_set(&vcpu->vmx, on);
	vcpu->guest_state = on ? RUN_POSTED : RUN_GUEST;
}

/* A request is looked at before any entry, so that who has left RUN_POSTED does not come back. */
bool apicv_level(struct vm *vm)
{
	if ((vm->config.features & VM_POSTED) == 0 || atomic_load(&vm->leveled) == 2)
		return true;
	atomic_store(&vm->leveled, 1u);
	for (u32 i = 0; i < vm->config.vcpus; i++)
		sched_request(&vm->vcpu[i]->task, REQUEST_UNPOST);
	for (u32 i = 0; i < vm->config.vcpus; i++) {
		u32 state = atomic_load(&vm->vcpu[i]->task.state);

		if (state == RUN_POSTED || state == RUN_BRIEF)
			return false;
	}
	atomic_store(&vm->leveled, 2u);
	return true;
}

void apicv_switch(struct vcpu *vcpu)
{
	u32 *pending = &vcpu->vmx.pending;
	u32 features = vcpu->vm->config.features;
	enum vmx_apic how = wanted(vcpu);

	*pending |= vcpu->vmx.pending_interrupt; /* the threshold anew: TPR may be 0 now */
	if ((features & VM_APICV) == 0)
		/* Away from its usual place the page is no APIC's, and its TPR must not be served.
		 */
		vmx_tpr_shadow(&vcpu->vmx, (features & VM_APIC_PAGE) == 0 || how == VMX_APIC_XAPIC);
	if ((features & VM_APICV) == 0 || how == vcpu->vmx.apic)
		return;
	vapic_adopt(vcpu->apic);
	vmx_apicv_set(&vcpu->vmx, &vcpu->vm->apicv, how);
	apicv_post(vcpu, how != VMX_APIC_TRAPPED);
	*pending &= ~(PENDING_INTERRUPT | PENDING_VIRTUAL);
	if (how == VMX_APIC_TRAPPED)
		*pending |= PENDING_INTERRUPT;
	else
		apicv_resync(vcpu);
}

NOINLINE void apicv_hand_over(struct vcpu *vcpu)
{
	u32 vector = vapic_hand_over(vcpu->apic);

	vcpu->vmx.pending &= ~PENDING_VIRTUAL;
	if (vector != 0) {
		vmx_apicv_offer(vector);
		count(vcpu, COUNT_VIRTUAL_INTERRUPT);
	}
	eoi_exits(vcpu);
}
