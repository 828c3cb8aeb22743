/* SPDX-License-Identifier: MIT */
/*
 * The local APIC as a pure state machine: what a hypervisor needs of xAPIC and x2APIC (SDM volume
 * 3A, chapter "Advanced Programmable Interrupt Controller"), with no hardware, clock, lock or
 * allocation in it. It runs alike in ring 0 and on a host under a test.
 *
 * WHO MAY CALL WHAT
 *   owner   the core that runs the vCPU (or, before it runs, whoever builds it). One at a time.
 *   anyone  any core at any moment; touches only atomics.
 * Each function says which it is. Sending is "owner of src", whose registers it reads and writes.
 *
 * WHAT COMES BACK
 * Nothing here acts on the machine. Calls return a word of VAPIC_* bits that says what the caller
 * must do, and fill the members of struct vapic_effects that those bits announce; members not
 * announced are undefined. The word is must-use: a dropped "wake" is a lost interrupt.
 *
 * THE PROTOCOL between senders and owners is told in vapic/mail.h, and drawn in docs/vapic.md. At
 * most one sender of a burst finds a target in its `wake`; the target's next vapic_pull() re-arms
 * that.
 */
#ifndef VAPIC_VAPIC_H
#define VAPIC_VAPIC_H

#include "hv/base/atomic.h"
#include "hv/base/bits.h"
#include "hv/base/types.h"
#include "vapic/set.h"

enum vapic_todo {
	VAPIC_OK = 0,
	VAPIC_GP = BIT32(0),    /* inject #GP(0); nothing was changed; never with other bits */
	VAPIC_MISS = BIT32(1),  /* MMIO only: no APIC is mapped there; treat as plain memory */
	VAPIC_SENT = BIT32(2),  /* fx->sent holds what became of a message */
	VAPIC_WAKE = BIT32(3),  /* fx->wake holds the vCPUs to look at, then kick or wake */
	VAPIC_EVENT = BIT32(4), /* with WAKE or SELF: NMI, INIT, SIPI or ExtINT is among it */
	VAPIC_SELF = BIT32(5),  /* look again before entry: pending(), pull(), next() */
	VAPIC_TIMER = BIT32(6), /* vapic_timer_deadline() may have changed */
	VAPIC_EOI = BIT32(7),   /* fx->eoi_vector was level-triggered: tell the IOAPICs */
	VAPIC_MODE = BIT32(8),  /* mode, base or SVR's enable changed: redo what VT-x does of it */
	VAPIC_SKIPPED = BIT32(9), /* settle only: the guest had skipped an EOI, which is done now */
};

/* Counts of one send: requested == posted + coalesced + dropped, always. */
struct vapic_tally {
	u16 requested; /* APICs it named, on or off: its fan-out; if none, 1, which is dropped */
	u16 posted;    /* newly pending */
	u16 coalesced; /* was pending already, not yet taken by the target */
	u16 dropped;   /* no target, APIC off or disabled, SMI, reserved mode, illegal vector */
};

struct vapic_effects {
	struct vapic_tally sent;
	u8 eoi_vector;
	struct vapic_set wake; /* never holds the sender itself: that is VAPIC_SELF */
};

#define VAPIC_NEVER ~0ull /* a deadline that does not come */

/*
 * Events of the mailbox, to be acted on in the order INIT, SIPI, NMI. What was posted before an
 * INIT is gone; what came after it stands, and of several SIPIs the first.
 */
enum vapic_event {
	VAPIC_EV_NMI = BIT32(0),
	VAPIC_EV_INIT = BIT32(1),
	VAPIC_EV_SIPI = BIT32(2), /* bits 15:8 of the word hold its vector */
	VAPIC_EV_EXTINT = BIT32(3),
	VAPIC_EV_ILLEGAL = BIT32(4), /* vector below 16 arrived; vapic_pull() keeps it for itself */
	VAPIC_EV_LOST = BIT32(5),    /* made by vapic_pull(), never posted: `lost` is not 0 */
};

#define VAPIC_EV_SIPI_VECTOR(events) ((u8)((events) >> 8))

/*
 * The mailbox, to which any core may post. Its first line is VT-x's posted-interrupt descriptor
 * (SDM volume 3C, "Posted-Interrupt Processing"), whose upper bits are free for software.
 */
struct vapic_mail {
	u64 pir[4];  /* pending vectors */
	u32 on;      /* bit 0: a sender already answers for the notification of pir */
	u32 free;    /* bits 319:288, notification destination */
	u32 events;  /* enum vapic_event; the sender that finds 0 answers for the kick */
	u32 leveled; /* 0: `level` and TMR are all 0, and nobody need look there */
	u32 spare[4];
	u64 level[4]; /* trigger mode of each vector's latest message: 1 is level */
	u64 spare2[4];
} ALIGNED(CACHE_LINE);

static_assert(offsetof(struct vapic_mail, on) == 32, "ON is bit 256 of the descriptor");
static_assert(sizeof(struct vapic_mail) == 2 * CACHE_LINE, "one line hot, one line seldom");

/*
 * One local APIC. `reg` is laid out as the APIC page itself (register at offset/4), so that VT-x
 * may use it as virtual-APIC page (TPR shadow, APIC-register virtualisation); then the whole
 * structure must be 4-KiB aligned and physically contiguous. Owner only, save `mail`.
 */
struct vapic {
	u32 reg[1024];
	struct vapic_vm *vm;
	u64 base;         /* IA32_APIC_BASE */
	u64 timer_due;    /* guest TSC of the next expiry, VAPIC_NEVER while stopped */
	u64 timer_period; /* initial count times divisor, in TSC ticks */
	u64 fast_others;  /* every other vCPU, where vm->fast_vcpus; 0 also while not enabled */
	u32 index;        /* in vm->apic; constant */
	u32 id;           /* initial APIC ID; constant */
	u32 esr_log;      /* errors since the last write to ESR */
	u8 esr_armed;     /* the error LVT may fire */
	u8 fast_mode;     /* enum vapic_mode while enabled by SVR too, else 0: vapic/fast.h */
	u8 irr_words;     /* bit n: reg word n of IRR is not 0 */
	u8 isr_words;     /* the same for ISR */
	u8 timer_shift;   /* divisor is 1 << this */
	u8 timer_mode;    /* bits 18:17 of its LVT entry */
	u8 *eoi_flag;     /* PV EOI: bit 0 was set there; NULL: nowhere */
	struct vapic_mail mail; /* anyone */
} ALIGNED(CACHE_LINE);

/*
 * The route word: all that senders know of a target, published by its owner as one word, so that a
 * sender scans packed memory and never touches a target's registers.
 */
#define VAPIC_ROUTE_ID(r)      ((u32)(r))
#define VAPIC_ROUTE_LOGICAL(r) ((u8)((r) >> 32)) /* LDR[31:24], xAPIC mode */
#define VAPIC_ROUTE_MODEL(r)   ((u8)((r) >> 40)) /* DFR[31:28]: 15 flat, 0 cluster */
#define VAPIC_ROUTE_PRESENT    BIT(48)           /* globally enabled: hears INIT, NMI, SIPI */
#define VAPIC_ROUTE_ENABLED    BIT(49)           /* and enabled by SVR: hears all */
#define VAPIC_ROUTE_X2APIC     BIT(50)

enum vapic_feature {
	VAPIC_HAS_X2APIC = BIT32(0),       /* CPUID.1:ECX[21] */
	VAPIC_HAS_DEADLINE = BIT32(1),     /* CPUID.1:ECX[24] */
	VAPIC_HAS_EOI_SUPPRESS = BIT32(2), /* version register bit 24 */
};

/* The APICs that can reach one another. The caller fills the first part, then calls setup. */
struct vapic_vm {
	u32 count;       /* vCPUs, 1..VAPIC_MAX_VCPUS */
	u32 ids;         /* size of index[]; higher APIC IDs are searched for */
	u32 features;    /* enum vapic_feature */
	u32 phys_bits;   /* MAXPHYADDR, for the reserved bits of IA32_APIC_BASE */
	u64 timer_floor; /* in TSC ticks: no periodic timer expires more often; 0: as it is set */
	u64 *route;      /* [count], written by each owner, read by anyone */
	struct vapic **apic; /* [count], constant once all are set up */
	u16 *index;          /* [ids]: APIC ID to vCPU index or VAPIC_NONE; constant then */

	u64 fast_vcpus; /* the vCPUs as a bitmap, if 64 suffice and APIC IDs are indexes; else 0 */
	u32 scattered;  /* some APIC ID is not its vCPU's index; constant then */
	u32 xapics;     /* atomic: APICs in xAPIC mode; while 0, logical routing needs no scan */
	u32 far;        /* some APIC ID lies beyond index[]; constant then */
};

/* Checks the sizes, empties the arrays. Before any vCPU of it is set up. False: bad numbers. */
bool vapic_vm_setup(struct vapic_vm *vm) MUST_USE;

/*
 * Puts vCPU `index` with initial APIC ID `id` into the group, in the state after power-up (xAPIC
 * mode, software-disabled), while no vCPU of the group runs. False: bad (as ID ~0 is) or taken.
 */
bool vapic_setup(struct vapic *a, struct vapic_vm *vm, u32 index, u32 id, bool bsp) MUST_USE;

/* Owner. Resets all, base MSR included (power-up, RESET). Returns TIMER | MODE. */
u32 vapic_reset(struct vapic *a, bool bsp) MUST_USE;

/* Owner. INIT: resets all but the base MSR (hence the mode) and the ID. Returns TIMER | MODE. */
u32 vapic_init(struct vapic *a) MUST_USE;

u32 vapic_index_far(const struct vapic_vm *vm, u32 id); /* for IDs beyond index[] */

/* Anyone. Returns the index of the vCPU with this APIC ID, or VAPIC_NONE. */
static ALWAYS_INLINE u32 vapic_index(const struct vapic_vm *vm, u32 id)
{
	return id < vm->ids ? vm->index[id] : vapic_index_far(vm, id);
}

/* Delivery modes, as numbered by the SDM in ICR, LVT, MSI data and IOAPIC entries. */
enum vapic_dm {
	VAPIC_DM_FIXED = 0,
	VAPIC_DM_LOWEST =
		1,        /* the (vector mod n)-th of the n enabled targets, by ascending index */
	VAPIC_DM_SMI = 2, /* dropped and counted */
	VAPIC_DM_RESERVED = 3,
	VAPIC_DM_NMI = 4,
	VAPIC_DM_INIT = 5,
	VAPIC_DM_SIPI = 6,
	VAPIC_DM_EXTINT = 7, /* from a device; reserved in the ICR, there dropped */
};

enum vapic_shorthand {
	VAPIC_TO_DEST = 0,
	VAPIC_TO_SELF = 1,
	VAPIC_TO_ALL = 2,
	VAPIC_TO_OTHERS = 3,
};

enum vapic_icr_flag {
	VAPIC_ICR_LOGICAL = BIT32(0),
	VAPIC_ICR_LEVEL = BIT32(1),  /* trigger mode; from the ICR it matters for INIT only */
	VAPIC_ICR_ASSERT = BIT32(2), /* level; LEVEL without ASSERT does nothing */
	VAPIC_ICR_WIDE = BIT32(3),   /* 32-bit destination; else 8-bit, 0xff meaning everybody */
};

/* An interrupt message, from ICR, MSR, MSI or hypercall. 8 bytes, passed in a register. */
struct vapic_icr {
	u32 dest;
	u8 vector;
	u8 mode;      /* enum vapic_dm */
	u8 shorthand; /* enum vapic_shorthand */
	u8 flags;     /* enum vapic_icr_flag */
};

/* Bits of the ICR's low half that must be 0 in x2APIC mode: 31:20, 17:16, 13. */
#define VAPIC_ICR_RESERVED 0xfff32000u

/* Decode any value into an interrupt message; the caller has checked reserved bits. */
struct vapic_icr vapic_icr_xapic(u32 low, u32 high);
struct vapic_icr vapic_icr_x2apic(u64 value);
struct vapic_icr vapic_icr_msi(u64 address, u32 data);

/*
 * Routes and posts one interrupt message. Owner of src; src == NULL: anyone, for a device (MSI,
 * IOAPIC pin). Returns SENT, with WAKE, SELF, EVENT as they apply. Never faults. An illegal vector
 * is logged in src's ESR and at each receiver.
 */
u32 vapic_send(struct vapic_vm *vm, struct vapic *src, struct vapic_icr icr,
               struct vapic_effects *fx) MUST_USE;

/* Owner. Writes to the ICR: x2APIC mode (GP, or as vapic_send), xAPIC mode; the self-IPI MSR. */
u32 vapic_icr_write64(struct vapic *a, u64 value, struct vapic_effects *fx) MUST_USE;
u32 vapic_icr_write_low(struct vapic *a, u32 low, struct vapic_effects *fx) MUST_USE;
u32 vapic_self_ipi(struct vapic *a, u64 value, struct vapic_effects *fx) MUST_USE;

/* Anyone. Sends a device's MSI; one to an address outside 0xfeexxxxx is dropped. */
u32 vapic_msi(struct vapic_vm *vm, u64 address, u32 data, struct vapic_effects *fx) MUST_USE;

/*
 * Sends to the APIC IDs base + n for each set bit n of a bitmap of `words` words, words <=
 * VAPIC_SET_WORDS (more are ignored: feed the rest by further calls). Owner of src. icr's
 * destination and shorthand are not looked at. IDs nobody has are dropped; no base overflows.
 */
u32 vapic_send_set(struct vapic_vm *vm, struct vapic *src, struct vapic_icr icr, const u64 *bitmap,
                   u32 words, u64 base, struct vapic_effects *fx) MUST_USE;

/*
 * KVM's hypercall SEND_IPI: two bitmap words, APIC ID of bit 0, low half of an ICR. *result becomes
 * how many vCPUs accepted, or -22 for a logical destination or a shorthand (then nothing is sent
 * and the return value is 0). word_bits is 64, or 32 for a caller outside 64-bit mode.
 */
u32 vapic_kvm_send_ipi(struct vapic *src, u64 low, u64 high, u64 base, u64 icr, u32 word_bits,
                       s64 *result, struct vapic_effects *fx) MUST_USE;

struct vapic_mailed {
	u32 events; /* enum vapic_event without ILLEGAL: the caller acts on each */
	u16 folded; /* vectors taken that were pending in IRR already */
	u16 lost;   /* with VAPIC_EV_LOST: vectors that a disabled APIC has ignored */
};

/*
 * Anyone, meant for the owner: is there anything to pull? To mean something it must follow a full
 * fence after the store of the state that senders look at. Two loads.
 */
static ALWAYS_INLINE bool vapic_pending(const struct vapic *a)
{
	return (atomic_load(&a->mail.on) | atomic_load(&a->mail.events)) != 0;
}

/*
 * Owner. Takes the mailbox: vectors into IRR, events to the caller. What an event does to the vCPU
 * is the caller's decision: NMI blocking, and whether a SIPI finds it waiting for one (else the
 * caller drops it). For INIT the caller resets the vCPU and calls vapic_init().
 */
struct vapic_mailed vapic_pull(struct vapic *a) MUST_USE;
struct vapic_mailed vapic_pull_vectors(struct vapic *a) MUST_USE; /* leaves events where they are */

/* Owner. Returns the vector to inject next, under TPR and ISR, or -1; ignores the mailbox. */
int vapic_next(const struct vapic *a) MUST_USE;

/*
 * Owner. Returns the priority class of the interrupt that only TPR holds back, or 0. If TPR's class
 * falls below it that interrupt comes, which is VT-x's TPR threshold. Ask again after an EOI.
 */
u32 vapic_held_class(const struct vapic *a) MUST_USE;

/*
 * Owner. The CPU takes this vector (from vapic_next): IRR to ISR. Call it when the injection is
 * written for VM entry; should delivery be cut short, VT-x hands the vector back as IDT-vectoring
 * information and it is injected again from there, not from here.
 */
void vapic_accept(struct vapic *a, u8 vector);

/* Owner. Does an EOI. Returns SELF if more is pending, EOI if it was level-triggered. */
u32 vapic_eoi(struct vapic *a, struct vapic_effects *fx) MUST_USE;

/* Owner. Whether the coming EOI only clears its ISR bit, so that the PV flag may replace it. */
bool vapic_eoi_skippable(const struct vapic *a) MUST_USE;

/* Owner. Return the priorities PPR, and APR as the P6 family had it. */
u8 vapic_ppr(const struct vapic *a);
u8 vapic_apr(const struct vapic *a);

/* Owner. Sets CR8, TPR[7:4]. Returns GP for bits 63:4, else SELF if something may now be due. */
u32 vapic_cr8_write(struct vapic *a, u64 value) MUST_USE;
static ALWAYS_INLINE u64 vapic_cr8(const struct vapic *a)
{
	return a->reg[0x80 / 4] >> 4 & 0xf;
}

enum vapic_mode {
	VAPIC_DISABLED,
	VAPIC_XAPIC,
	VAPIC_X2APIC,
};

/* Owner. Returns the mode by IA32_APIC_BASE. */
static ALWAYS_INLINE enum vapic_mode vapic_mode(const struct vapic *a)
{
	/* EN is bit 11, EXTD bit 10; EXTD alone is never let in. */
	return (enum vapic_mode)((a->base >> 11 & 1) + (a->base >> 10 & 1));
}

/*
 * Owner. MMIO at offset 0..4095 of the APIC page. Reads of 1, 2, 4 or 8 bytes yield the bytes they
 * touch; bytes 4..15 of each 16 are 0. Writes count only as 4 bytes (or 8, upper half ignored) at
 * a multiple of 16; others are ignored. A reserved register reads 0 and logs an error.
 * MISS in x2APIC mode and while disabled.
 */
u32 vapic_mmio_read(struct vapic *a, u32 offset, u32 size, u64 now, u64 *value) MUST_USE;
u32 vapic_mmio_write(struct vapic *a, u32 offset, u32 size, u64 value, u64 now,
                     struct vapic_effects *fx) MUST_USE;

/*
 * Owner. MSRs 0x1b (base), 0x6e0 (TSC deadline) and 0x800..0x8ff; any other is GP. Faults as the
 * SDM says: not in x2APIC mode, no such register, read-only, write-only, reserved bits.
 */
u32 vapic_msr_read(struct vapic *a, u32 msr, u64 now, u64 *value) MUST_USE;
u32 vapic_msr_write(struct vapic *a, u32 msr, u64 value, u64 now,
                    struct vapic_effects *fx) MUST_USE;

/*
 * Owner. For VT-x's APIC virtualisation, where the processor itself changes TPR, PPR, ISR and IRR
 * in reg[], and stores other registers before it tells. While it does, the summaries of ISR and IRR
 * are stale: vapic_next, vapic_accept, vapic_eoi and vapic_eoi_skippable want
 * vapic_adopt first. All else may be called at any time; what it adds to IRR, vapic_hand_over says.
 *
 * vapic_apic_write: does what follows an APIC-write exit. The register at `offset` holds what the
 * guest wrote (x2APIC mode: the ICR's 64 bits from 0x300 on). As vapic_mmio_write, or for ICR, EOI,
 * TPR and SELF_IPI in x2APIC mode as vapic_msr_write, GP included.
 * vapic_adopt: recomputes the summaries of IRR and ISR, which the processor has changed.
 * vapic_hand_over: returns for RVI the highest vector that came into IRR since the last call, or 0.
 * vapic_interrupt_status: returns SVI << 8 | RVI, for a processor that begins to keep them.
 * vapic_virtual_eoi: as vapic_eoi, where the processor has cleared the vector in ISR already.
 */
u32 vapic_apic_write(struct vapic *a, u32 offset, u64 now, struct vapic_effects *fx) MUST_USE;
void vapic_adopt(struct vapic *a);
u32 vapic_hand_over(struct vapic *a) MUST_USE;
u16 vapic_interrupt_status(const struct vapic *a) MUST_USE;
u32 vapic_virtual_eoi(struct vapic *a, u8 vector, struct vapic_effects *fx) MUST_USE;

/* Anyone. What the processor may do with an x2APIC MSR: read reg[], write with all effects. */
#define VAPIC_SERVES_READ  BIT32(0)
#define VAPIC_SERVES_WRITE BIT32(1)
u32 vapic_serves(u32 msr);

/* Owner. IA32_APIC_BASE with every legal and illegal transition. Returns GP or MODE | TIMER. */
u32 vapic_base_write(struct vapic *a, u64 value) MUST_USE;

enum vapic_lvt {
	VAPIC_LVT_CMCI,
	VAPIC_LVT_TIMER,
	VAPIC_LVT_THERMAL,
	VAPIC_LVT_PMI, /* is masked by its own delivery */
	VAPIC_LVT_LINT0,
	VAPIC_LVT_LINT1,
	VAPIC_LVT_ERROR,
	VAPIC_LVT_COUNT,
};

/* Owner. The source behind an LVT entry fires. Returns SELF and EVENT as they apply. */
u32 vapic_lvt_raise(struct vapic *a, enum vapic_lvt lvt) MUST_USE;

/* The timer counts at the rate of the guest's TSC (CPUID 0x15 says so), divided by its register. */

/* Owner. Guest TSC at which vapic_timer_expire() is due, or VAPIC_NEVER. May lie in the past. */
static ALWAYS_INLINE u64 vapic_timer_deadline(const struct vapic *a)
{
	return a->timer_due;
}

/* Owner. Fires the timer if it is due at `now`. Periods missed are skipped, phase is kept. */
u32 vapic_timer_expire(struct vapic *a, u64 now) MUST_USE;

/*
 * Owner. Call when the guest's TSC jumped from `from` to `to` (it wrote it): a running count keeps
 * what is left of it, a TSC deadline stays the value it is. Returns TIMER.
 */
u32 vapic_timer_rebase(struct vapic *a, u64 from, u64 to) MUST_USE;

#endif
