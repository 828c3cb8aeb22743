/* SPDX-License-Identifier: MIT */
/*
 * All CPUs of a VM but the first are a crowd (guest-tools/lib/crowd.h), as a rule on one core.
 *
 * `crowd sleep`: they sleep, and are all woken by one interrupt to all but self, again and again
 * for `for=` ticks: each must have been counted by each, as many as come in that time. `crowd
 * spin`: they spin, and each must get somewhere. `members=` says how many there are.
 */
#include "guest-tools/lib/apic.h"
#include "guest-tools/lib/args.h"
#include "guest-tools/lib/cpu.h"
#include "guest-tools/lib/crowd.h"
#include "guest-tools/lib/guest.h"
#include "guest-tools/lib/print.h"
#include "guest-tools/lib/string.h"
#include "guest-tools/lib/tap.h"
#include "hv/base/bits.h"

#define PATIENCE_TICKS 400000000ull

static u32 members;

/* One broadcast; ticks until all have taken it, 0: not all have. */
static u64 wake_all(u32 n)
{
	u64 start = rdtsc();

	apic_send(0, ICR_ALL_BUT_ME | ICR_FIXED | VECTOR_CROWD);
	while (crowd_woken(n) < members) {
		if (rdtsc() - start > PATIENCE_TICKS)
			return 0;
		cpu_relax();
	}
	return rdtsc() - start;
}

static void do_sleep(u64 ticks)
{
	u64 begin = rdtsc(), took = 1, worst = 0;
	u32 n = 0;

	while (took != 0 && rdtsc() - begin < ticks) {
		took = wake_all(++n);
		worst = MAX(worst, took);
	}
	print_machine("{\"type\":\"crowd\",\"how\":\"sleep\",\"members\":%u,\"begin\":%lu,"
	              "\"end\":%lu,\"rounds\":%u,\"worst\":%lu}\n",
	              members, begin, rdtsc(), n, worst);
	tap_ok(took != 0, "%u sleepers have taken each of %u broadcasts, %lu ticks at worst",
	       members, n, worst);
}

static void do_spin(u64 ticks)
{
	u32 least = ~0u, most = 0, stuck = 0;
	u64 begin = rdtsc();

	crowd_order(CROWD_SPIN);
	apic_send(0, ICR_ALL_BUT_ME | ICR_FIXED | VECTOR_CROWD);
	while (rdtsc() - begin < ticks)
		cpu_relax();
	for (u32 id = 1; id <= members; id++) {
		u32 rounds = crowd_member(id).rounds;

		least = MIN(least, rounds);
		most = MAX(most, rounds);
		stuck += crowd_member(id).wakes == 0;
	}
	print_machine("{\"type\":\"crowd\",\"how\":\"spin\",\"members\":%u,\"begin\":%lu,"
	              "\"end\":%lu,\"least\":%u,\"most\":%u}\n",
	              members, begin, rdtsc(), least, most);
	tap_is(stuck, 0, "each of %u has got somewhere: %u rounds at least, %u at most", members,
	       least, most);
}

int guest_main(void)
{
	const char *how = args_word(0, "sleep");
	u64 ticks = args_number("for", 1000000);

	members = (u32)args_number("members", 1);
	args_finish();
	if (!apic_use(&x2apic_ops)) {
		tap_skip("a crowd", "there is no x2APIC");
		return tap_done();
	}
	tap_ok(crowd_start(members, PATIENCE_TICKS), "%u CPUs start by one INIT and one SIPI",
	       members);
	(strcmp(how, "spin") == 0 ? do_spin : do_sleep)(ticks);
	return tap_done();
}
