/* SPDX-License-Identifier: MIT */
/*
 * A VM that would have a core to itself. Its first CPU shares a core with somebody else (and its
 * last one too, if there is one CPU more than cores); the others sit on cores of their own and
 * send. The words name rows of `attacks`, carried out one after the other, `for=` ticks each;
 * `mode=xapic` is for the timer's. What each did is reported, for an attack that does not take
 * place proves nothing.
 */
#include "guest-tools/lib/apic.h"
#include "guest-tools/lib/args.h"
#include "guest-tools/lib/guest.h"
#include "guest-tools/lib/hypercall.h"
#include "guest-tools/lib/interrupt.h"
#include "guest-tools/lib/print.h"
#include "guest-tools/lib/pv.h"
#include "guest-tools/lib/smp.h"
#include "guest-tools/lib/string.h"
#include "guest-tools/lib/tap.h"

#define VECTOR_ATTACK 0x51u
#define VECTORS_FIRST 0x30u
#define VECTORS_END   0xe0u
#define PORT_NOTHING  0x1230u
#define SLOW_TICKS    100000u

struct attack {
	const char *name;
	void (*begin)(void);  /* on CPU 0, once */
	void (*suffer)(void); /* CPU 0, again and again; the others' target */
	void (*send)(void);   /* all others, again and again; NULL: there are none */
};

static const struct attack *attack;
static u64 until;
static u32 target; /* index of the CPU that the others aim at */

/* Operations of each CPU, and interrupts that CPU 0 took. */
static struct tally {
	u64 sent, taken;
	u64 rounds; /* of CPU 0 */
} ALIGNED(CACHE_LINE) tallies[MAX_CPUS];

static u64 bitmap[MAX_CPUS] ALIGNED(CACHE_LINE);
static struct pv_clock clock_page ALIGNED(CACHE_LINE);

static void timer_stop(void)
{
	apic_write(APIC_TIMER_INITIAL, 0);
	apic_write(APIC_LVT_TIMER, LVT_MASKED);
}

/*
 * A timer of one tick leaves its CPU no other instruction than the handler's: so the handler slows
 * it at last. It does not stop it, since the CPU may be about to halt.
 */
static void on_interrupt(struct interrupt_frame *frame)
{
	(void)frame;
	tallies[this_cpu()->index].taken++;
	if (rdtsc() >= until)
		apic_write(APIC_TIMER_INITIAL, SLOW_TICKS);
	apic_eoi();
}

static void on_nmi(struct interrupt_frame *frame)
{
	(void)frame;
	tallies[this_cpu()->index].taken++;
}

/* ---- how it begins ---- */

static void begin_nothing(void)
{
}

static void timer_start(u32 lvt)
{
	apic_write(APIC_TIMER_DIVIDE, TIMER_DIVIDE_1);
	apic_write(APIC_LVT_TIMER, TIMER_PERIODIC | VECTOR_ATTACK | lvt);
	apic_write(APIC_TIMER_INITIAL, 1);
}

static void begin_timer(void)
{
	timer_start(0);
}

static void begin_timer_masked(void)
{
	timer_start(LVT_MASKED);
}

static void begin_clock(void)
{
	(void)!pv_write_msr(MSR_KVM_SYSTEM_TIME, (u64)&clock_page | 1);
}

/* ---- what the target does ---- */

static void suffer_spin(void)
{
	cpu_relax();
}

static void suffer_deaf(void)
{
	interrupts_off();
	(void)cpuid(0, 0); /* the entry behind this exit is the one with IF = 0 */
	while (rdtsc() < until)
		cpu_relax();
	interrupts_on();
}

/* The others wake it at last. */
static void suffer_halt(void)
{
	halt();
}

static void suffer_exits(void)
{
	tallies[0].sent++;
	(void)cpuid(0, 0);
}

static void suffer_ports(void)
{
	tallies[0].sent++;
	(void)inb(PORT_NOTHING);
}

static void suffer_yield(void)
{
	tallies[0].sent++;
	hypercall(KVM_HC_SCHED_YIELD, cpu_ids[cpu_ids_count - 1], 0, 0, 0);
}

static void suffer_self(void)
{
	tallies[0].sent++;
	apic_send(0, ICR_SELF | VECTOR_ATTACK);
}

static void suffer_rearm(void)
{
	tallies[0].sent++;
	apic_write(APIC_LVT_TIMER, TIMER_DEADLINE | VECTOR_ATTACK);
	wrmsr(MSR_TSC_DEADLINE, rdtsc());
}

/* ---- what the others do ---- */

static u32 target_id(void)
{
	return cpu_ids[target];
}

static void send_kick(void)
{
	hypercall(KVM_HC_KICK_CPU, 0, target_id(), 0, 0);
}

static void send_ipi(void)
{
	x2apic_send(target_id(), ICR_FIXED | VECTOR_ATTACK);
}

static void send_vectors(void)
{
	u64 n = tallies[this_cpu()->index].sent % (VECTORS_END - VECTORS_FIRST);

	x2apic_send(target_id(), ICR_FIXED | (VECTORS_FIRST + (u32)n));
}

static void send_broadcast(void)
{
	x2apic_send(0, ICR_ALL_BUT_ME | VECTOR_ATTACK);
}

static void send_tsc(void)
{
	wrmsr(MSR_TSC, 0);
	wrmsr(MSR_TSC_ADJUST, 0); /* as it was */
}

static void send_flush(void)
{
	hypercall(TAP_HC_FLUSH_TLB, (u64)&bitmap[this_cpu()->index], 1, target_id(), 0);
}

static void send_nmi(void)
{
	x2apic_send(target_id(), ICR_NMI | ICR_ASSERT);
}

static void send_init(void)
{
	x2apic_send(target_id(), ICR_INIT | ICR_ASSERT);
}

static void send_init_sipi(void)
{
	x2apic_send(target_id(), ICR_INIT | ICR_ASSERT);
	x2apic_send(target_id(), ICR_STARTUP | ICR_ASSERT | TRAMPOLINE >> 12);
}

static const struct attack attacks[] = {
	{ "spin", begin_nothing, suffer_spin, NULL },
	{ "deaf", begin_nothing, suffer_deaf, NULL },
	{ "exits", begin_nothing, suffer_exits, NULL },
	{ "ports", begin_nothing, suffer_ports, NULL },
	{ "self", begin_nothing, suffer_self, NULL },
	{ "yield", begin_nothing, suffer_yield, NULL },
	{ "timer", begin_timer, suffer_spin, NULL },
	{ "timer-halt", begin_timer, suffer_halt, NULL },
	{ "timer-masked", begin_timer_masked, suffer_spin, NULL },
	{ "timer-masked-deaf", begin_timer_masked, suffer_deaf, NULL },
	{ "timer-rearm", begin_nothing, suffer_rearm, NULL },
	{ "kick", begin_nothing, suffer_halt, send_kick },
	{ "kick-spin", begin_nothing, suffer_spin, send_kick },
	{ "ipi", begin_nothing, suffer_halt, send_ipi },
	{ "ipi-spin", begin_nothing, suffer_spin, send_ipi },
	{ "ipi-deaf", begin_nothing, suffer_deaf, send_ipi },
	{ "vectors", begin_nothing, suffer_spin, send_vectors },
	{ "vectors-halt", begin_nothing, suffer_halt, send_vectors },
	{ "broadcast", begin_nothing, suffer_halt, send_broadcast },
	{ "tsc", begin_clock, suffer_spin, send_tsc },
	{ "flush", begin_nothing, suffer_spin, send_flush },
	{ "flush-deaf", begin_nothing, suffer_deaf, send_flush },
	{ "nmi", begin_nothing, suffer_spin, send_nmi },
	{ "nmi-halt", begin_nothing, suffer_halt, send_nmi },
	/* The last CPU is the target of these, and lost afterwards. */
	{ "init", begin_nothing, suffer_spin, send_init },
	{ "init-sipi", begin_nothing, suffer_spin, send_init_sipi },
};

static void do_suffer(void)
{
	attack->begin();
	for (; rdtsc() < until; tallies[0].rounds++)
		attack->suffer();
	timer_stop();
}

/* A CPU that is aimed at may get nowhere by itself: so the others end by their own clock. */
static void do_send(void *unused)
{
	struct tally *mine = &tallies[this_cpu()->index];

	(void)unused;
	for (; rdtsc() < until; mine->sent++)
		attack->send();
	x2apic_send(cpu_ids[0], ICR_FIXED | VECTOR_ATTACK);
}

static bool aims_at_last(void)
{
	return attack->send == send_init || attack->send == send_init_sipi;
}

static void carry_out(u64 ticks)
{
	u32 senders = attack->send == NULL ? 1 : cpu_ids_count;
	u64 begin = rdtsc(), sent = 0, over;

	target = aims_at_last() ? cpu_ids_count - 1 : 0;
	senders -= aims_at_last();
	memset(tallies, 0, sizeof(tallies));
	print("# %s begins\n", attack->name);
	until = begin + ticks;
	for (u32 i = 1; i < senders; i++)
		smp_post(i, do_send, NULL);
	do_suffer();
	over = rdtsc();
	for (u32 i = 1; i < senders; i++)
		smp_wait(i);
	for (u32 i = 0; i < senders; i++)
		sent += tallies[i].sent;
	print_machine("{\"type\":\"attack\",\"name\":\"%s\",\"mode\":\"%s\",\"begin\":%lu,"
	              "\"end\":%lu,\"sent\":%lu,\"taken\":%lu,\"rounds\":%lu,\"over\":%lu}\n",
	              attack->name, apic->name, begin, rdtsc(), sent, tallies[0].taken,
	              tallies[0].rounds, over - until);
	tap_ok(attack->send == NULL || sent > 0, "%s: %lu sent, %lu taken", attack->name, sent,
	       tallies[0].taken);
}

static void by_name(const char *name, u64 ticks)
{
	for (attack = attacks; attack < attacks + ARRAY_SIZE(attacks); attack++) {
		if (strcmp(attack->name, name) != 0)
			continue;
		if (attack->send != NULL && cpu_ids_count < 3)
			tap_skip(name, "it takes three CPUs");
		else
			carry_out(ticks);
		return;
	}
	tap_ok(false, "%s: there is no such attack", name);
}

int guest_main(void)
{
	u64 ticks = args_number("for", 1000000);
	bool xapic = strcmp(args_text("mode", "x2apic"), "xapic") == 0;
	u32 n = 0;

	args_finish();
	smp_start_all();
	if (!xapic)
		(void)!apic_use(&x2apic_ops);
	for (u32 v = VECTORS_FIRST; v < VECTORS_END; v++)
		interrupt_handle(v, on_interrupt);
	interrupt_handle(VECTOR_NMI, on_nmi);
	for (u32 i = 0; i < MAX_CPUS; i++)
		bitmap[i] = 1;
	interrupts_on();
	for (const char *name; (name = args_word(n, NULL)) != NULL; n++)
		by_name(name, ticks);
	if (n == 0)
		by_name("timer", ticks);
	return tap_done();
}
