/* SPDX-License-Identifier: MIT */
/* Names of exit reasons, the same in tables, telemetry and the crash report. */
#ifndef HV_ABI_EXIT_NAMES_H
#define HV_ABI_EXIT_NAMES_H

#include "hv/abi/counters.h"
#include "hv/base/types.h"

/* Total: an unknown number has a name too. */
#define NAME_OF(table, index)                                                                      \
	((index) < ARRAY_SIZE(table) && (table)[index] != NULL ? (table)[index] : "unknown")

/* Basic exit reasons: SDM volume 3, appendix C. */
static inline const char *exit_reason_name(u64 reason)
{
	static const char *const names[EXIT_REASONS] = {
		[0] = "exception-nmi",
		[1] = "external-interrupt",
		[2] = "triple-fault",
		[3] = "init",
		[4] = "sipi",
		[5] = "io-smi",
		[6] = "other-smi",
		[7] = "interrupt-window",
		[8] = "nmi-window",
		[9] = "task-switch",
		[10] = "cpuid",
		[11] = "getsec",
		[12] = "hlt",
		[13] = "invd",
		[14] = "invlpg",
		[15] = "rdpmc",
		[16] = "rdtsc",
		[17] = "rsm",
		[18] = "vmcall",
		[19] = "vmclear",
		[20] = "vmlaunch",
		[21] = "vmptrld",
		[22] = "vmptrst",
		[23] = "vmread",
		[24] = "vmresume",
		[25] = "vmwrite",
		[26] = "vmxoff",
		[27] = "vmxon",
		[28] = "cr-access",
		[29] = "dr-access",
		[30] = "io",
		[31] = "rdmsr",
		[32] = "wrmsr",
		[33] = "entry-guest-state",
		[34] = "entry-msr-loading",
		[36] = "mwait",
		[37] = "monitor-trap",
		[39] = "monitor",
		[40] = "pause",
		[41] = "entry-machine-check",
		[43] = "tpr-threshold",
		[44] = "apic-access",
		[45] = "virtual-eoi",
		[46] = "gdtr-idtr",
		[47] = "ldtr-tr",
		[48] = "ept-violation",
		[49] = "ept-misconfiguration",
		[50] = "invept",
		[51] = "rdtscp",
		[52] = "preemption-timer",
		[53] = "invvpid",
		[54] = "wbinvd",
		[55] = "xsetbv",
		[56] = "apic-write",
		[57] = "rdrand",
		[58] = "invpcid",
		[59] = "vmfunc",
		[60] = "encls",
		[61] = "rdseed",
		[62] = "pml-full",
		[63] = "xsaves",
		[64] = "xrstors",
		[65] = "pconfig",
		[66] = "spp",
		[67] = "umwait",
		[68] = "tpause",
		[69] = "loadiwkey",
		[70] = "enclv",
		[72] = "enqcmd",
		[73] = "enqcmds",
		[74] = "bus-lock",
		[75] = "notify-window",
		[76] = "seamcall",
		[77] = "tdcall",
		[78] = "rdmsrlist",
		[79] = "wrmsrlist",
	};
	return NAME_OF(names, reason);
}

#endif
