/* SPDX-License-Identifier: MIT */
/* pure: also compiled on the host */
#include "hv/root/top.h"

#include "hv/abi/names.h"
#include "hv/base/string.h"
#include "hv/root/text.h"

#define HOME        "\033[H"
#define CLEAR       "\033[2J"
#define CLEAR_REST  "\033[J"
#define END_OF_LINE "\033[K\n"

void top_begin(struct top *t, u64 now)
{
	*t = (struct top){ .active = true, .next = now, .last = 0 };
}

static struct top_row read_row(const struct report_vm *vm, u32 vcpu)
{
	const struct vcpu_counters *c = report_vcpu(vm, vcpu);
	struct top_row row = { vm->id, vcpu, c->created, { 0 }, vcpu_exits(c), { 0 } };

	memcpy(row.time, c->time, sizeof(row.time));
	for (u32 path = 0; path < IPI_PATHS; path++)
		row.requested[path] = c->ipi[path].requested;
	return row;
}

/* What the row said before; zeros when it is new. */
static struct top_row last_row(const struct top *t, const struct top_row *now)
{
	for (u32 i = 0; i < t->rows; i++)
		if (t->row[i].vm == now->vm && t->row[i].vcpu == now->vcpu &&
		    t->row[i].created == now->created)
			return t->row[i];
	return (struct top_row){ 0 };
}

static bool path_is_used(const struct report *r, u32 path)
{
	for (u32 i = 0; i < r->vms; i++)
		for (u32 vcpu = 0; vcpu < r->vm[i].vcpus; vcpu++)
			if (report_vcpu(&r->vm[i], vcpu)->ipi[path].requested != 0)
				return true;
	return false;
}

/* Milliseconds first, so that nothing overflows. */
static u64 per_second(u64 count, u64 ticks, u64 hz)
{
	u64 ms = hz < 1000 ? 0 : ticks / (hz / 1000);

	return ms == 0 ? 0 : count * 1000 / ms;
}

static void draw_head(const struct report *r, struct out *out)
{
	text_left(out, "VM", VM_NAME_LEN);
	out_text(out, "vCPU core   guest    hypv monitor   steal   exits/s");
	for (u32 path = 0; path < IPI_PATHS; path++)
		if (path_is_used(r, path))
			text_right(out, ipi_path_name(path), 14);
	out_text(out, END_OF_LINE);
}

static void draw_row(const struct report *r, const struct report_vm *vm, const struct top_row *now,
                     const struct top_row *last, u64 ticks, u64 hz, struct out *out)
{
	u64 d[VCPU_TIMES], all = 0;

	for (u32 i = 0; i < VCPU_TIMES; i++) {
		d[i] = now->time[i] - last->time[i];
		all += d[i];
	}
	all = MAX(all, ticks); /* a vCPU that did not change has no new stamps */
	text_left(out, vm->name, VM_NAME_LEN);
	out_print(out, "%4u %4u", now->vcpu, report_vcpu(vm, now->vcpu)->core);
	text_percent(out, d[TIME_GUEST], all, 8);
	text_percent(out, d[TIME_EXIT], all, 8);
	text_percent(out, d[TIME_MONITOR], all, 8);
	text_percent(out, d[TIME_READY] + d[TIME_TAKEN], all, 8);
	text_number(out, per_second(now->exits - last->exits, all, hz), 10);
	for (u32 path = 0; path < IPI_PATHS; path++)
		if (path_is_used(r, path))
			text_number(
				out,
				per_second(now->requested[path] - last->requested[path], all, hz),
				14);
	out_text(out, END_OF_LINE);
}

void top_draw(struct top *t, const struct report *r, u64 now, u64 hz, struct out *out)
{
	static struct top_row rows[TOP_ROWS];
	u64 ticks = t->last == 0 ? 0 : now - t->last;
	u32 n = 0;

	out_text(out, t->last == 0 ? CLEAR HOME : HOME);
	draw_head(r, out);
	for (u32 i = 0; i < r->vms; i++) {
		for (u32 vcpu = 0; vcpu < r->vm[i].vcpus && n < TOP_ROWS; vcpu++) {
			struct top_row last;

			rows[n] = read_row(&r->vm[i], vcpu);
			last = last_row(t, &rows[n]);
			draw_row(r, &r->vm[i], &rows[n++], &last, ticks, hz, out);
		}
	}
	out_text(out, n == TOP_ROWS ? "and more; any key ends this" : "any key ends this");
	out_text(out, END_OF_LINE CLEAR_REST);
	memcpy(t->row, rows, sizeof(rows));
	t->rows = n;
	t->last = now;
	t->next = now + hz;
}
