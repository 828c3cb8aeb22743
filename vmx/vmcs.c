/* SPDX-License-Identifier: MIT */
#include "vmx/vmcs.h"

#include "vmx/vcpu.h"

NOINLINE NORETURN void vmcs_access_failed(u64 field)
{
	vmx_on_access_failed(field, __builtin_return_address(0));
}

/* The three instructions that take a physical address in memory; CF or ZF set is failure. */
#define VMX_INSTRUCTION(name, mnemonic)                                                            \
	bool name(hpa_t region)                                                                    \
	{                                                                                          \
		__asm__ goto(mnemonic " %[region]\n\tjbe %l[failed]"                               \
		             :                                                                     \
		             : [region] "m"(region.raw)                                            \
		             : "cc", "memory"                                                      \
		             : failed);                                                            \
		return true;                                                                       \
	failed:                                                                                    \
		return false;                                                                      \
	}

VMX_INSTRUCTION(vmcs_load, "vmptrld")
VMX_INSTRUCTION(vmcs_clear, "vmclear")
VMX_INSTRUCTION(vmx_on, "vmxon")

/* Type 2, all contexts: vmx/caps.c requires it. */
void vmx_flush_ept(void)
{
	const struct {
		u64 eptp, reserved;
	} descriptor = { 0, 0 };

	__asm__ volatile("invept %0, %1" : : "m"(descriptor), "r"(2ul) : "cc", "memory");
}

void vmx_flush_vpid(struct vpid_flush how)
{
	const struct {
		u64 vpid, address;
	} descriptor = { how.vpid, 0 };

	if (how.type != 0)
		__asm__ volatile("invvpid %0, %1"
		                 :
		                 : "m"(descriptor), "r"((u64)how.type)
		                 : "cc", "memory");
}
