/* SPDX-License-Identifier: MIT */
/* pure: also compiled on the host */
#include "hv/ring3/root/top.h"

#include "hv/abi/names.h"
#include "hv/base/string.h"
#include "hv/ring3/root/text.h"

#define HOME        "\033[H"
#define CLEAR       "\033[2J"
#define CLEAR_REST  "\033[J"
#define END_OF_LINE "\033[K\n"

#define COLUMNS     79u /* behind the 80th some terminals go on in the next line */
#define PERCENT     7u
#define EXITS       8u
#define PATHS_BEGIN (VM_NAME_LEN + 4 + 5 + 4 * PERCENT + EXITS)

void top_begin(struct top *t, u64 now)
{
	*t = (struct top){ .active = true, .next = now };
}

void top_turn(struct top *t, u64 now)
{
	u32 first = t->first + TOP_ROWS < t->all ? t->first + TOP_ROWS : 0;

	top_begin(t, now);
	t->first = first;
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

/* Milliseconds first, so that nothing overflows. */
static u64 per_second(u64 count, u64 ticks, u64 hz)
{
	u64 ms = hz < 1000 ? 0 : ticks / (hz / 1000);

	return ms == 0 ? 0 : count * 1000 / ms;
}

static void draw_head(struct out *out)
{
	text_left(out, "VM", VM_NAME_LEN);
	out_text(out, "vCPU core");
	text_right(out, "%guest", PERCENT);
	text_right(out, "%hypv", PERCENT);
	text_right(out, "%mon", PERCENT);
	text_right(out, "%steal", PERCENT);
	text_right(out, "exits/s", EXITS);
	out_text(out, " IPIs/s by path" END_OF_LINE);
}

static const char *short_name(u32 path)
{
	static const char *const names[IPI_PATHS] = {
		[IPI_APIC_WRITE] = "write",
		[IPI_HYPERCALL] = "kvm",
		[IPI_HYPERCALL_TAP] = "tap",
	};

	return names[path] != NULL ? names[path] : ipi_path_name(path);
}

/* Those that were used, as far as there is room; a + for those for which there is none. */
static void draw_paths(const u64 *rates, struct out *out)
{
	u32 room = COLUMNS - PATHS_BEGIN;

	for (u32 path = 0; path < IPI_PATHS; path++) {
		char text[32];
		struct out_memory m;

		if (rates[path] == 0)
			continue;
		out_memory_init(&m, text, sizeof(text));
		out_print(&m.out, " %s ", short_name(path));
		text_short(&m.out, rates[path], 0);
		if (m.length + 1 > room) {
			out_text(out, "+");
			return;
		}
		out_text(out, text);
		room -= (u32)m.length;
	}
}

static void draw_row(const char *name, u32 core, const struct top_row *now,
                     const struct top_row *last, u64 ticks, u64 hz, struct out *out)
{
	u64 d[VCPU_TIMES], rates[IPI_PATHS], all = 0;

	for (u32 i = 0; i < VCPU_TIMES; i++) {
		d[i] = now->time[i] - last->time[i];
		all += d[i];
	}
	all = MAX(all, ticks); /* a vCPU that did not change has no new stamps */
	for (u32 path = 0; path < IPI_PATHS; path++)
		rates[path] = per_second(now->requested[path] - last->requested[path], all, hz);
	text_left(out, name, VM_NAME_LEN);
	out_print(out, "%4u %4u", now->vcpu, core);
	text_percent(out, d[TIME_GUEST], all, PERCENT);
	text_percent(out, d[TIME_EXIT], all, PERCENT);
	text_percent(out, d[TIME_MONITOR], all, PERCENT);
	text_percent(out, d[TIME_READY] + d[TIME_TAKEN], all, PERCENT);
	text_short(out, per_second(now->exits - last->exits, all, hz), EXITS);
	draw_paths(rates, out);
	out_text(out, END_OF_LINE);
}

/* The vCPUs of the page; returns how many there are in all. */
static u32 draw_rows(struct top *t, const struct report *r, u64 ticks, u64 hz, struct out *out)
{
	struct top before = *t;
	u32 at = 0;

	t->rows = 0;
	for (u32 i = 0; i < r->vms; i++) {
		const struct report_vm *vm = &r->vm[i];

		for (u32 vcpu = 0; vm->end == END_NONE && vcpu < vm->vcpus; vcpu++, at++) {
			struct top_row *now, last;

			if (at < t->first || t->rows == TOP_ROWS)
				continue;
			now = &t->row[t->rows++];
			*now = read_row(vm, vcpu);
			last = last_row(&before, now);
			draw_row(vm->name, report_vcpu(vm, vcpu)->core, now, &last, ticks, hz, out);
		}
	}
	return at;
}

void top_draw(struct top *t, const struct report *r, u64 now, u64 hz, struct out *out)
{
	u64 ticks = t->last == 0 ? 0 : now - t->last;

	out_text(out, t->last == 0 ? CLEAR HOME : HOME);
	draw_head(out);
	t->all = draw_rows(t, r, ticks, hz, out);
	/* No newline: on the last line it would scroll the table away. */
	if (t->all > TOP_ROWS)
		out_print(out, "%u to %u of %u vCPUs; space: the next; any other key ends this",
		          t->first + 1, t->first + t->rows, t->all);
	else
		out_text(out, "any key ends this");
	out_text(out, "\033[K" CLEAR_REST);
	t->last = now;
	t->next = now + hz;
}
