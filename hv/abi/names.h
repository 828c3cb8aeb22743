/* SPDX-License-Identifier: MIT */
/*
 * Names of what hv/abi numbers, the same for people and in telemetry. For ring 3 and host tools;
 * ring 0 formats no text. Every function is total: an unknown number has a name too.
 */
#ifndef HV_ABI_NAMES_H
#define HV_ABI_NAMES_H

#include "hv/abi/counters.h"
#include "hv/abi/exit_names.h"
#include "hv/abi/message.h"

static inline const char *ipi_path_name(u32 path)
{
	static const char *const names[IPI_PATHS] = {
		[IPI_XAPIC] = "xapic",
		[IPI_X2APIC] = "x2apic",
		[IPI_APIC_WRITE] = "apic-write",
		[IPI_HYPERCALL] = "hypercall",
		[IPI_HYPERCALL_TAP] = "hypercall-tap",
		[IPI_MSI] = "msi",
	};
	return NAME_OF(names, path);
}

/* Names of delivery modes, as the ICR encodes them. */
static inline const char *delivery_mode_name(u32 mode)
{
	static const char *const names[8] = {
		"fixed", "lowest", "smi", "reserved", "nmi", "init", "sipi", "extint",
	};
	return NAME_OF(names, mode);
}

static inline const char *vcpu_time_name(u32 time)
{
	static const char *const names[VCPU_TIMES] = {
		[TIME_GUEST] = "guest", [TIME_EXIT] = "exit",   [TIME_MONITOR] = "monitor",
		[TIME_READY] = "ready", [TIME_TAKEN] = "taken", [TIME_BLOCKED] = "blocked",
	};
	return NAME_OF(names, time);
}

static inline const char *blame_cause_name(u32 cause)
{
	static const char *const names[BLAME_CAUSES] = {
		[BLAME_GUEST] = "guest", [BLAME_EXIT] = "exit",   [BLAME_MONITOR] = "monitor",
		[BLAME_KICK] = "kick",   [BLAME_TIMER] = "timer",
	};
	return NAME_OF(names, cause);
}

static inline const char *vcpu_count_name(u32 event)
{
	static const char *const names[VCPU_COUNTS] = {
		[COUNT_INJECT_INTERRUPT] = "inject-interrupt",
		[COUNT_VIRTUAL_INTERRUPT] = "virtual-interrupt",
		[COUNT_INJECT_NMI] = "inject-nmi",
		[COUNT_INJECT_EXCEPTION] = "inject-exception",
		[COUNT_FOLDED] = "folded",
		[COUNT_EOI] = "eoi",
		[COUNT_TIMER] = "timer",
		[COUNT_HALT] = "halt",
		[COUNT_WAKE] = "wake",
		[COUNT_SLICE] = "slice",
		[COUNT_YIELD] = "yield",
		[COUNT_PV_KICK] = "pv-kick",
		[COUNT_HYPERCALL_REFUSED] = "hypercall-refused",
		[COUNT_PORT_READ_UNCLAIMED] = "port-read-unclaimed",
		[COUNT_PORT_WRITE_UNCLAIMED] = "port-write-unclaimed",
		[COUNT_MSR_REFUSED] = "msr-refused",
		[COUNT_MEMORY_REFUSED] = "memory-refused",
		[COUNT_MESSAGE] = "message",
		[COUNT_SYSCALL_REFUSED] = "syscall-refused",
		[COUNT_SIGNAL] = "signal",
		[COUNT_PV_EOI_SKIPPED] = "pv-eoi-skipped",
		[COUNT_PV_TLB_FLUSH] = "pv-tlb-flush",
		[COUNT_NESTED_RETRY] = "nested-retry",
		[COUNT_LOST] = "lost",
	};
	return NAME_OF(names, event);
}

/* How a VM ended: a word for telemetry. */
static inline const char *vm_end_name(u32 end)
{
	static const char *const names[VM_ENDS] = {
		[END_NONE] = "runs",
		[END_DEBUG_EXIT] = "debug-exit",
		[END_POWER_OFF] = "power-off",
		[END_RESET] = "reset",
		[END_IMAGE] = "image",
		[END_TRIPLE_FAULT] = "triple-fault",
		[END_UNKNOWN_EXIT] = "unknown-exit",
		[END_ENTRY_FAILED] = "entry-failed",
		[END_UNREACHABLE] = "unreachable",
		[END_INSTRUCTION] = "instruction",
		[END_MONITOR_FAULT] = "monitor-fault",
		[END_MONITOR_TIMEOUT] = "monitor-timeout",
		[END_MONITOR_PROTOCOL] = "monitor-protocol",
		[END_STOPPED] = "stopped",
	};
	return NAME_OF(names, end);
}

/* How a VM ended, as the end of a sentence: "vm a ...". */
static inline const char *vm_end_text(u32 end)
{
	static const char *const texts[VM_ENDS] = {
		[END_NONE] = "runs",
		[END_DEBUG_EXIT] = "ended itself by debug-exit",
		[END_POWER_OFF] = "switched itself off",
		[END_RESET] = "asked for a reset",
		[END_IMAGE] = "could not be loaded",
		[END_TRIPLE_FAULT] = "ended in a triple fault",
		[END_UNKNOWN_EXIT] = "made an exit for which there is no handler",
		[END_ENTRY_FAILED] = "could not be entered: the processor refused its state",
		[END_UNREACHABLE] = "executes or walks page tables where it has no memory",
		[END_INSTRUCTION] = "used an instruction that is not decoded",
		[END_MONITOR_FAULT] = "ended because its monitor took an exception",
		[END_MONITOR_TIMEOUT] = "ended because its monitor did not answer in time",
		[END_MONITOR_PROTOCOL] = "ended because its monitor broke the protocol",
		[END_STOPPED] = "was stopped",
	};
	return NAME_OF(texts, end);
}

/* Why an entry failed: VM-instruction error (SDM volume 3, table 31-1), or exit reason. */
static inline const char *entry_error_name(u64 error)
{
	static const char *const names[] = {
		[4] = "VMLAUNCH with a VMCS that is not clear",
		[5] = "VMRESUME with a VMCS that was not launched",
		[7] = "invalid control fields",
		[8] = "invalid host state",
		[26] = "events blocked by MOV SS",
		[33] = "invalid guest state",
		[34] = "MSR loading",
		[41] = "machine check",
	};
	return NAME_OF(names, error);
}

/* Exception vectors: SDM volume 3, table 6-1. */
static inline const char *exception_name(u64 vector)
{
	static const char *const names[32] = {
		"#DE divide error",
		"#DB debug",
		"NMI",
		"#BP breakpoint",
		"#OF overflow",
		"#BR bound range",
		"#UD invalid opcode",
		"#NM no FPU",
		"#DF double fault",
		"coprocessor overrun",
		"#TS invalid TSS",
		"#NP segment not present",
		"#SS stack segment",
		"#GP general protection",
		"#PF page fault",
		"reserved",
		"#MF x87 error",
		"#AC alignment",
		"#MC machine check",
		"#XM SIMD error",
		"#VE virtualisation",
		"#CP control protection",
	};
	return NAME_OF(names, vector);
}

#endif
