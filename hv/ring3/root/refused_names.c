/* SPDX-License-Identifier: MIT */
/* pure: also compiled on the host */
#include "hv/ring3/root/refused_names.h"

#include "hv/abi/counters.h"

enum kind { NOT_REFUSED, PORT, MSR, MEMORY, HYPERCALL };

static const struct {
	enum kind kind;
	const char *name;
} kinds[VCPU_COUNTS] = {
	[COUNT_PORT_READ_UNCLAIMED] = { PORT, "port read" },
	[COUNT_PORT_WRITE_UNCLAIMED] = { PORT, "port write" },
	[COUNT_MSR_REFUSED] = { MSR, "msr" },
	[COUNT_MEMORY_REFUSED] = { MEMORY, "memory" },
	[COUNT_HYPERCALL_REFUSED] = { HYPERCALL, "hypercall" },
};

/* The first that matches counts: what is narrow stands before what is wide. */
static const struct {
	enum kind kind;
	u64 first, last;
	const char *name;
} names[] = {
	{ PORT, 0x00, 0x0f, "DMA controller 1" },
	{ PORT, 0x20, 0x21, "8259 interrupt controller" },
	{ PORT, 0xa0, 0xa1, "8259 interrupt controller, slave" },
	{ PORT, 0x22, 0x23, "chip set, IMCR" },
	{ PORT, 0x2e, 0x2f, "Super-I/O" },
	{ PORT, 0x4e, 0x4f, "Super-I/O" },
	{ PORT, 0x62, 0x66, "embedded controller" },
	{ PORT, 0x72, 0x77, "CMOS, upper bank" },
	{ PORT, 0x81, 0x8f, "DMA page registers" },
	{ PORT, 0xb2, 0xb3, "APM, SMI command" },
	{ PORT, 0xc0, 0xdf, "DMA controller 2" },
	{ PORT, 0xf0, 0xf1, "FPU error" },
	{ PORT, 0x170, 0x177, "ATA, second channel" },
	{ PORT, 0x1f0, 0x1f7, "ATA, first channel" },
	{ PORT, 0x278, 0x27f, "parallel port" },
	{ PORT, 0x2e8, 0x2ef, "COM4" },
	{ PORT, 0x376, 0x376, "ATA, second channel" },
	{ PORT, 0x378, 0x37f, "parallel port" },
	{ PORT, 0x3b0, 0x3df, "VGA" },
	{ PORT, 0x3e8, 0x3ef, "COM3" },
	{ PORT, 0x3f0, 0x3f7, "floppy disk, ATA status" },
	{ PORT, 0x402, 0x402, "debug console of firmware" },
	{ PORT, 0xe9, 0xe9, "debug console of emulators" },
	{ PORT, 0x514, 0x51b, "fw_cfg by DMA" },
	{ PORT, 0x600, 0x67f, "ACPI, power management" },
	{ PORT, 0xcf8, 0xcff, "PCI configuration" },
	{ PORT, 0xae00, 0xafff, "PCI and CPU hot plug" },
	{ PORT, 0xb000, 0xb0ff, "ACPI, power management" },
	{ PORT, 0x5658, 0x5659, "VMware's back door" },
	{ MSR, 0x17, 0x17, "IA32_PLATFORM_ID" },
	{ MSR, 0x33, 0x33, "MSR_TEST_CTRL" },
	{ MSR, 0x34, 0x34, "MSR_SMI_COUNT" },
	{ MSR, 0x48, 0x48, "IA32_SPEC_CTRL" },
	{ MSR, 0x49, 0x49, "IA32_PRED_CMD" },
	{ MSR, 0xe1, 0xe1, "IA32_UMWAIT_CONTROL" },
	{ MSR, 0xe7, 0xe8, "IA32_MPERF, IA32_APERF" },
	{ MSR, 0x10a, 0x10a, "IA32_ARCH_CAPABILITIES" },
	{ MSR, 0x10b, 0x10b, "IA32_FLUSH_CMD" },
	{ MSR, 0x122, 0x122, "IA32_TSX_CTRL" },
	{ MSR, 0x140, 0x140, "MISC_FEATURES_ENABLES" },
	{ MSR, 0x179, 0x17b, "machine check" },
	{ MSR, 0x198, 0x199, "IA32_PERF_STATUS, IA32_PERF_CTL" },
	{ MSR, 0x19a, 0x19d, "thermal control" },
	{ MSR, 0x1a0, 0x1a0, "IA32_MISC_ENABLE" },
	{ MSR, 0x1a2, 0x1a2, "MSR_TEMPERATURE_TARGET" },
	{ MSR, 0x1ad, 0x1ae, "MSR_TURBO_RATIO_LIMIT" },
	{ MSR, 0x1b0, 0x1b0, "IA32_ENERGY_PERF_BIAS" },
	{ MSR, 0x1b1, 0x1b2, "package thermal status" },
	{ MSR, 0x1c4, 0x1c5, "IA32_XFD" },
	{ MSR, 0x1d9, 0x1d9, "IA32_DEBUGCTL" },
	{ MSR, 0x280, 0x29f, "IA32_MC_CTL2" },
	{ MSR, 0x309, 0x30c, "IA32_FIXED_CTR" },
	{ MSR, 0x345, 0x345, "IA32_PERF_CAPABILITIES" },
	{ MSR, 0x38d, 0x390, "performance counters, global" },
	{ MSR, 0x3f1, 0x3f1, "IA32_PEBS_ENABLE" },
	{ MSR, 0x400, 0x47f, "machine-check bank" },
	{ MSR, 0x480, 0x493, "VMX capability" },
	{ MSR, 0x4c1, 0x4c8, "IA32_A_PMC" },
	{ MSR, 0x570, 0x571, "processor trace" },
	{ MSR, 0x600, 0x600, "IA32_DS_AREA" },
	{ MSR, 0x606, 0x64f, "power limits" },
	{ MSR, 0x6a0, 0x6a8, "control-flow enforcement" },
	{ MSR, 0x6e0, 0x6e0, "IA32_TSC_DEADLINE" },
	{ MSR, 0x770, 0x777, "HWP" },
	{ MSR, 0x800, 0x8ff, "x2APIC" },
	{ MSR, 0xd90, 0xd90, "IA32_BNDCFGS" },
	{ MSR, 0xda0, 0xda0, "IA32_XSS" },
	{ MSR, 0x40000000, 0x400001ff, "Hyper-V" },
	{ MSR, 0x4b564d00, 0x4b564dff, "KVM" },
	{ MSR, 0x11, 0x12, "KVM's old clock" },
	{ MSR, 0xc0000080, 0xc0000103, "64-bit mode" },
	{ MSR, 0xc0010000, 0xc001ffff, "AMD" },
	{ MEMORY, 0xfed00000, 0xfed003ff, "HPET" },
	{ MEMORY, 0xfed40000, 0xfed44fff, "TPM" },
	{ MEMORY, 0xfec00000, 0xfec00fff, "IOAPIC" },
	{ MEMORY, 0xfee00000, 0xfee00fff, "local APIC" },
	{ MEMORY, 0xfed80000, 0xfed8ffff, "chip set" },
	{ MEMORY, 0xfe000000, 0xfe7fffff, "counters, off" },
	{ MEMORY, 0xff000000, 0xffffffff, "firmware" },
	{ MEMORY, 0xb0000000, 0xfebfffff, "PCI" },
	{ HYPERCALL, 1, 1, "KVM's VAPIC_POLL_IRQ" },
	{ HYPERCALL, 5, 5, "KVM's KICK_CPU" },
	{ HYPERCALL, 9, 9, "KVM's CLOCK_PAIRING" },
	{ HYPERCALL, 10, 10, "KVM's SEND_IPI" },
	{ HYPERCALL, 11, 11, "KVM's SCHED_YIELD" },
	{ HYPERCALL, 12, 12, "KVM's MAP_GPA_RANGE" },
	{ HYPERCALL, 0x54410000, 0x54410000, "Tapvisor's SEND_IPI" },
	{ HYPERCALL, 0x54410001, 0x54410001, "Tapvisor's FLUSH_TLB" },
};

const char *refused_kind(u32 event)
{
	return event < VCPU_COUNTS && kinds[event].name != NULL ? kinds[event].name : "unknown";
}

const char *refused_name(u32 event, u64 what)
{
	enum kind kind = event < VCPU_COUNTS ? kinds[event].kind : NOT_REFUSED;

	for (u32 i = 0; i < ARRAY_SIZE(names); i++)
		if (kind == names[i].kind && what >= names[i].first && what <= names[i].last)
			return names[i].name;
	return "";
}
