/* SPDX-License-Identifier: MIT */
/* INS and OUTS: one element for each exit; with REP the guest comes back for the next. */
#include "hv/base/bits.h"
#include "hv/guest.h"
#include "hv/vm.h"
#include "vmx/inject.h"

/*
 * No guest that this was made for uses them, and a processor without them cannot be pretended: so
 * the VM ends, with its state in the report, rather than that data goes wrong.
 */
void guest_string_io(struct vcpu *vcpu, u64 qualification)
{
	vm_end(vcpu, END_INSTRUCTION, bits_get(qualification, 31, 16));
}
