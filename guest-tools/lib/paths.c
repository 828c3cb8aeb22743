/* SPDX-License-Identifier: MIT */
#include "guest-tools/lib/paths.h"
#include "guest-tools/lib/hypercall.h"
#include "guest-tools/lib/string.h"

static u32 shorthand_of(enum plan_kind kind)
{
	return kind == PLAN_SELF ? ICR_SELF : ICR_ALL_BUT_ME;
}

/* Physical destinations: one step a target; one with a shorthand for the other kinds. */
static void build_physical(struct plan *plan, enum plan_kind kind, const u32 *targets, u32 n,
                           u32 vector)
{
	plan->steps = n;
	for (u32 i = 0; i < n; i++)
		plan->step[i] = (struct plan_step){
			.base = cpus[targets[i]].apic_id,
			.icr = ICR_FIXED | ICR_ASSERT | vector,
		};
	if (kind != PLAN_SET) {
		plan->steps = 1;
		plan->step[0] = (struct plan_step){
			.icr = ICR_FIXED | ICR_ASSERT | vector | shorthand_of(kind),
		};
	}
}

/* Adds a logical destination: to the step of the same cluster if there is one. */
static void add_logical(struct plan *plan, u32 cluster, u32 bit, u32 vector)
{
	u32 i = 0;

	while (i < plan->steps && plan->step[i].base >> 16 != cluster)
		i++;
	if (i == plan->steps)
		plan->step[plan->steps++] = (struct plan_step){
			.base = cluster << 16,
			.icr = ICR_FIXED | ICR_ASSERT | ICR_LOGICAL | vector,
		};
	plan->step[i].base |= bit;
}

/* x2APIC's logical ID follows from its ID: clusters of 16 (SDM 3A 10.12.10.2). */
static void build_cluster(struct plan *plan, enum plan_kind kind, const u32 *targets, u32 n,
                          u32 vector)
{
	(void)kind;
	plan->steps = 0;
	for (u32 i = 0; i < n; i++) {
		u32 id = cpus[targets[i]].apic_id;

		add_logical(plan, id >> 4, 1u << (id & 15), vector);
	}
}

/* xAPIC's flat model: the kit gave the first eight CPUs a bit each; one step for any set. */
static void build_flat(struct plan *plan, enum plan_kind kind, const u32 *targets, u32 n,
                       u32 vector)
{
	(void)kind;
	plan->steps = 0;
	for (u32 i = 0; i < n; i++)
		add_logical(plan, 0, 1u << (targets[i] & 7), vector);
}

/* One step for as many targets as lie within 128 IDs of the first one that no step has yet. */
static void build_bitmap(struct plan *plan, enum plan_kind kind, const u32 *targets, u32 n,
                         u32 vector)
{
	(void)kind;
	plan->steps = 0;
	for (u32 i = 0; i < n; i++) {
		struct plan_step *step = plan->step;
		u32 id = cpus[targets[i]].apic_id;

		while (step < plan->step + plan->steps && id - step->base >= KVM_IPI_TARGETS)
			step++;
		if (step == plan->step + plan->steps) {
			plan->steps++;
			*step = (struct plan_step){
				.base = id & ~(KVM_IPI_TARGETS - 1),
				.icr = ICR_FIXED | vector,
			};
		}
		step->bits[(id - step->base) / 64] |= 1ull << (id - step->base) % 64;
	}
}

static void send_xapic(const struct plan *plan)
{
	for (u32 i = 0; i < plan->steps; i++)
		xapic_send(plan->step[i].base, plan->step[i].icr);
}

static void send_x2apic(const struct plan *plan)
{
	fence_before_x2apic_write();
	for (u32 i = 0; i < plan->steps; i++)
		x2apic_send(plan->step[i].base, plan->step[i].icr);
}

/* Sends as send_x2apic does, but to itself by the SELF IPI register. */
static void send_self_ipi(const struct plan *plan)
{
	u32 icr = plan->step[0].icr;

	if ((icr & ICR_ALL_BUT_ME) == ICR_SELF)
		wrmsr(x2apic_msr(APIC_SELF_IPI), icr & 0xff);
	else
		send_x2apic(plan);
}

static void send_hypercall(const struct plan *plan)
{
	for (const struct plan_step *s = plan->step; s < plan->step + plan->steps; s++)
		hypercall(KVM_HC_SEND_IPI, s->bits[0], s->bits[1], s->base, s->icr);
}

static void send_hypercall_tap(const struct plan *plan)
{
	for (const struct plan_step *s = plan->step; s < plan->step + plan->steps; s++)
		hypercall(TAP_HC_SEND_IPI, (u64)s->bits, s->bits[1] == 0 ? 1 : 2, s->base, s->icr);
}

static bool always(void)
{
	return true;
}

static bool flat_reaches_all(void)
{
	return cpu_ids_count <= 8;
}

const struct send_path send_paths[] = {
	{ "xapic", always, &xapic_ops, build_physical, send_xapic },
	{ "xapic-flat", flat_reaches_all, &xapic_ops, build_flat, send_xapic },
	{ "x2apic", apic_has_x2apic, &x2apic_ops, build_physical, send_x2apic },
	{ "x2apic-cluster", apic_has_x2apic, &x2apic_ops, build_cluster, send_x2apic },
	{ "x2apic-self", apic_has_x2apic, &x2apic_ops, build_physical, send_self_ipi },
	{ "hypercall", hypercall_has_send_ipi, NULL, build_bitmap, send_hypercall },
	{ "hypercall-tap", hypercall_has_tap_ipi, NULL, build_bitmap, send_hypercall_tap },
};
const u32 send_paths_count = ARRAY_SIZE(send_paths);

bool name_in_list(const char *name, const char *list)
{
	size_t n = strlen(name);

	if (strcmp(list, "all") == 0)
		return true;
	while (*list != '\0') {
		if (strncmp(list, name, n) == 0 && (list[n] == '\0' || list[n] == ','))
			return true;
		while (*list != '\0' && *list++ != ',')
			;
	}
	return false;
}
