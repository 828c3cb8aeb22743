/* SPDX-License-Identifier: MIT */
/*
 * The counters: the one definition of what is counted, for ring 0 (which writes them), for root and
 * the monitors (which map them read-only), and for a guest whose VM asked for them (counters=on).
 *
 * One `struct vcpu_counters` for each vCPU, in pages of its own. Its single writer is the core that
 * the vCPU is pinned to, so that counting takes no lock and shares no cache line; a reader on
 * another core may see a row while it changes, and takes two equal reads where that matters.
 * Times are in ticks of the host's TSC.
 */
#ifndef HV_ABI_COUNTERS_H
#define HV_ABI_COUNTERS_H

#include "hv/abi/limits.h"
#include "hv/base/types.h"

#define EXIT_REASONS   80u /* SDM appendix C, basic exit reasons; a few rows to spare */
#define HIST_BUCKETS   32u /* bucket b: 2^b <= ticks < 2^(b+1); 0 counts in bucket 0 */
#define FANOUT_BUCKETS 12u /* bucket 0: no target; bucket b: 2^(b-1) <= targets < 2^b */

/* One exit reason. Ticks run from exit to entry, without the time spent ready or blocked. */
struct exit_counter {
	u64 count, ticks, min, max; /* min and max are valid when count > 0 */
	u64 span;                   /* max - min: one comparison tells that neither changes */
	u64 hist[HIST_BUCKETS];
};

/* How an IPI request came in. */
enum ipi_path {
	IPI_XAPIC,         /* a trapped store to the ICR's page */
	IPI_X2APIC,        /* a trapped WRMSR */
	IPI_APIC_WRITE,    /* an APIC-write exit, after the processor did the store */
	IPI_HYPERCALL,     /* KVM's SEND_IPI */
	IPI_HYPERCALL_TAP, /* Tapvisor's own: up to 1,024 targets */
	IPI_MSI,           /* a message of a device model */
	IPI_PATHS
};

/* requested = posted + coalesced + dropped, always; all four count targets, `sends` operations. */
struct ipi_counter {
	u64 sends;
	u64 requested;
	u64 posted;                 /* newly pending in the target's mailbox */
	u64 coalesced;              /* was pending already */
	u64 dropped;                /* no such target, APIC disabled, illegal vector, SMI */
	u64 kicks;                  /* physical interrupts sent to other cores */
	u64 kicks_avoided;          /* targets that needed none */
	u64 mode[8];                /* sends by delivery mode, as the ICR encodes it */
	u64 fanout[FANOUT_BUCKETS]; /* sends by number of targets */
};

/* A vCPU's time by what it did; the rows add up to the time since it was created. */
enum vcpu_time {
	TIME_GUEST,   /* in VMX non-root operation */
	TIME_EXIT,    /* ring 0 at work for it */
	TIME_MONITOR, /* ring 3 at work for it */
	TIME_READY,   /* waiting for its core: stolen */
	TIME_TAKEN,   /* its core was interrupted for another VM: stolen */
	TIME_BLOCKED, /* halted, parked, paused or ended */
	VCPU_TIMES
};

/* By what a culprit took a victim's time. steal = READY + TAKEN = the sum of the blame row. */
enum blame_cause {
	BLAME_GUEST,   /* the culprit's guest code held the core */
	BLAME_EXIT,    /* the hypervisor held the core for the culprit */
	BLAME_MONITOR, /* the culprit's ring-3 program held the core */
	BLAME_KICK,    /* an interrupt for the culprit stopped the victim */
	BLAME_TIMER,   /* the host's own timer stopped the victim (culprit: VM 0) */
	BLAME_CAUSES
};

/* Single events. Names for people are in hv/abi/names.h. */
enum vcpu_count {
	COUNT_INJECT_INTERRUPT,
	COUNT_INJECT_NMI,
	COUNT_INJECT_EXCEPTION,
	COUNT_FOLDED,  /* posted, but found in the IRR already by the owner: delivered once */
	COUNT_EOI,     /* trapped EOIs */
	COUNT_TIMER,   /* expiries of the virtual APIC timer */
	COUNT_HALT,    /* blocked in HLT */
	COUNT_WAKE,    /* made ready by a post */
	COUNT_SLICE,   /* preempted at the end of a slice */
	COUNT_YIELD,   /* yield hypercalls */
	COUNT_PV_KICK, /* KICK_CPU hypercalls */
	COUNT_HYPERCALL_REFUSED, /* not offered, unknown, or bad arguments */
	COUNT_PORT_READ_UNCLAIMED,
	COUNT_PORT_WRITE_UNCLAIMED,
	COUNT_MSR_REFUSED,    /* #GP given for an MSR */
	COUNT_MEMORY_REFUSED, /* accesses to guest-physical addresses with nothing there */
	COUNT_MESSAGE,        /* messages to the monitor */
	COUNT_SYSCALL_REFUSED,
	COUNT_SIGNAL, /* events that root or a device raised for the monitor */
	COUNT_PV_EOI_SKIPPED,
	COUNT_PV_TLB_FLUSH, /* flushed at entry, asked for by another vCPU */
	COUNT_NESTED_RETRY, /* instruction fetch raced with the guest's page tables: retried */
	COUNT_LOST,         /* posted, but the APIC was disabled before the owner looked: ignored */
	COUNT_VIRTUAL_INTERRUPT, /* entries that handed vectors to a processor that delivers */
	VCPU_COUNTS
};

#define COUNTERS_MAGIC 0x3176756f63706174ull /* "tapcouv1" */

/* Requests of a vCPU that were refused: the first ones, each once. */
#define REFUSALS 16u
struct refusal {
	u32 event; /* enum vcpu_count: COUNT_*_REFUSED, COUNT_PORT_*_UNCLAIMED */
	u32 count; /* how often; 0: an empty row, and no row behind it is filled */
	u64 what;  /* hypercall, port, MSR, guest-physical address */
	u64 rip;   /* of the first time */
	u64 when;  /* TSC of it */
};

struct vcpu_counters {
	u64 magic;
	u32 vm, vcpu, core, size; /* size of this structure in bytes */
	u64 created;              /* TSC when accounting of this vCPU began */
	u64 now; /* TSC up to which time[] was complete, when the vCPU last gave way */
	u64 time[VCPU_TIMES];
	u64 count[VCPU_COUNTS];
	u64 blame[MAX_VMS][BLAME_CAUSES];
	struct ipi_counter ipi[IPI_PATHS];
	struct exit_counter exit[EXIT_REASONS];
	struct refusal refusal[REFUSALS];
};

/* The distance from one vCPU's counters to the next's: whole pages. */
#define COUNTERS_STRIDE 0x8000ul
static_assert(sizeof(struct vcpu_counters) <= COUNTERS_STRIDE, "counters outgrew their pages");

/* The last exits of a core: a ring of words, each a vCPU and an exit reason. */
#define TRACE_EXITS         32u
#define TRACE_WHO(vm, vcpu) ((u64)((vm)*MAX_VCPUS + (vcpu)) << 32)
#define TRACE_VM(word)      ((u32)((word) >> 32) / MAX_VCPUS)
#define TRACE_VCPU(word)    ((u32)((word) >> 32) % MAX_VCPUS)
#define TRACE_REASON(word)  ((u32)(word)&0xffff) /* the basic exit reason; bit 31: entry failed */

/*
 * Stretches of ring 0 with interrupts off, of 1,024 ticks and more, from where they were taken last
 * to where they are taken next. The verdict asks that none is longer than STRETCH_BOUND, where
 * ticks are instructions.
 */
struct stretch_counters {
	u64 max, at; /* the longest, and the TSC at which it ended */
	u64 who; /* TRACE_WHO of the vCPU at its end | its beginning: STRETCH_*, an exit reason */
	u64 hist[HIST_BUCKETS];
};

#define STRETCH_BOUND   25000u
#define STRETCH_TRAP    0x100u /* + vector: an interrupt or exception from ring 3 */
#define STRETCH_SYSCALL 0x200u /* + its number */
#define STRETCH_IDLE    0x300u
#define STRETCH_WINDOW  0x301u /* after a window that ring 0 opened by itself */

/* A core's time and interrupts; with its vCPUs' times it adds up to the clock since `created`. */
struct core_counters {
	u64 created, now;
	u64 idle;           /* nothing ready */
	u64 kicks_received; /* kick interrupts taken */
	u64 timer_interrupts;
	u64 nmis;               /* that came from outside: no core has crashed */
	u64 trace[TRACE_EXITS]; /* TRACE_WHO | exit reason; 0: no exit yet */
	u8 trace_next;          /* where the next one goes, modulo TRACE_EXITS; free-running */
	struct stretch_counters stretch;
};

#endif
