/* SPDX-License-Identifier: MIT */
/* pure: also compiled on the host */
#include "hv/ring3/root/sample.h"

#include "hv/base/bits.h"
#include "hv/ring3/root/dump.h"
#include "hv/ring3/root/root.h"
#include "hv/ring3/root/text.h"

#define PER_SECOND 100u

static u64 hz(const struct root *r)
{
	return r->machine->info->process.tsc_hz;
}

static struct slot *slot_of(struct root *r)
{
	return &r->slot[r->sampler.slot];
}

static void begin(struct root *r, u32 slot, u32 vcpu)
{
	struct sampler *p = &r->sampler;

	p->active = true;
	p->asked = false;
	p->slot = slot;
	p->vcpu = vcpu;
	p->count = 0;
	p->next = r->machine->sys.now();
}

void sample_regs(struct root *r, struct slot *s, u32 vcpu)
{
	r->sampler.whole = true;
	r->sampler.all = false;
	begin(r, (u32)(s - r->slot), vcpu);
}

/* The first slot from `from` on whose VM has vCPUs to look at. */
static bool begin_vm(struct root *r, u32 from)
{
	for (u32 i = from; i < r->slots; i++) {
		if (r->slot[i].state != SLOT_RUNNING && r->slot[i].state != SLOT_PAUSED)
			continue;
		begin(r, i, 0);
		return true;
	}
	r->sampler.active = false;
	return false;
}

void sample_where(struct root *r, struct slot *s)
{
	r->sampler.whole = false;
	r->sampler.all = s == NULL;
	if (s != NULL)
		begin(r, (u32)(s - r->slot), 0);
	else if (!begin_vm(r, 0))
		out_text(&r->console.out, "no VM runs\n");
}

/* To the next vCPU, or the next VM. */
static void go_on(struct root *r)
{
	struct sampler *p = &r->sampler;

	if (p->whole)
		p->active = false;
	else if (p->vcpu + 1 < slot_of(r)->plan->config.vcpus)
		begin(r, p->slot, p->vcpu + 1);
	else if (p->all)
		(void)begin_vm(r, p->slot + 1);
	else
		p->active = false;
}

/* How often each of the places was seen, most of them once. */
static void print_places(const struct sampler *p, struct out *out)
{
	for (u32 i = 0; i < p->count; i++) {
		u32 n = 0, before = 0;

		for (u32 j = 0; j < p->count; j++) {
			n += p->rip[j] == p->rip[i];
			before += j < i && p->rip[j] == p->rip[i];
		}
		if (before == 0)
			out_print(out, "   %2u of %u times at rip %016llx\n", n, p->count,
			          (unsigned long long)p->rip[i]);
	}
}

static void tell(struct root *r, const struct root_event *event)
{
	struct text_fold fold;
	struct out *out = &fold.out;

	text_fold_init(&fold, &r->console.out);
	console_begin(&r->console);
	out_print(out, "%s vCPU %u: ", slot_name(slot_of(r)), event->vcpu);
	dump_glance(&event->dump, out);
	if (r->sampler.whole)
		dump_print(event, out);
	else if (event->dump.doing != DOING_SIPI)
		print_places(&r->sampler, out);
	console_end(&r->console);
}

void sample_event(struct root *r, const struct root_event *event)
{
	struct sampler *p = &r->sampler;

	if (!p->active || !p->asked || event->vm != slot_of(r)->id || event->vcpu != p->vcpu)
		return;
	p->asked = false;
	p->next = r->machine->sys.now() + hz(r) / PER_SECOND;
	p->rip[p->count++] = event->dump.rip;
	if (!p->whole && p->count < SAMPLES && event->dump.doing != DOING_SIPI)
		return;
	tell(r, event);
	go_on(r);
}

void sample_step(struct root *r)
{
	struct sampler *p = &r->sampler;
	u64 now = r->machine->sys.now();

	if (!p->active || now < p->next)
		return;
	if (!p->asked && sys_vm_sample(&r->machine->sys, slot_of(r)->id, p->vcpu) == 0) {
		p->asked = true;
		p->next = now + hz(r);
		return;
	}
	console_say(&r->console, "%s vCPU %u %s", slot_name(slot_of(r)), p->vcpu,
	            p->asked ? "does not answer" : "does not run");
	go_on(r);
}
