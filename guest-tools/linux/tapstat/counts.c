/* SPDX-License-Identifier: MIT */
/* pure: also compiled on the host */
#include "guest-tools/linux/tapstat/counts.h"

#include <stdlib.h>
#include <string.h>

#define COUNTS_WORDS (sizeof(struct counts) / sizeof(u64))
static_assert(sizeof(struct counts) % sizeof(u64) == 0, "words alone");

static const char *const irq_names[IRQ_ROWS] = {
	[IRQ_RES] = "RES",
	[IRQ_CAL] = "CAL",
	[IRQ_TLB] = "TLB",
};

const char *irq_row_name(u32 row)
{
	return irq_names[row];
}

static const struct vcpu_counters *page_of(const void *pages, u32 vcpu, u64 stride)
{
	return (const void *)((const u8 *)pages + vcpu * stride);
}

enum counts_error counts_check(const void *pages, u32 vcpus, u64 stride)
{
	for (u32 i = 0; i < vcpus; i++) {
		const struct vcpu_counters *c = page_of(pages, i, stride);

		if (c->magic != COUNTERS_MAGIC)
			return COUNTS_FOREIGN;
		if (c->size < sizeof(*c) || c->size > stride)
			return COUNTS_VERSION;
		if (c->vcpu != i || c->vm != page_of(pages, 0, stride)->vm)
			return COUNTS_VCPU;
	}
	return COUNTS_OK;
}

/* The counters change while they are read: each word once, as one load. */
static void add_words(u64 *sum, const u64 *words, size_t count)
{
	for (size_t i = 0; i < count; i++)
		sum[i] += *(const volatile u64 *)&words[i];
}

#define ADD(sum, member, c)                                                                        \
	add_words((u64 *)(sum)->member, (const u64 *)(c)->member,                                  \
	          sizeof((c)->member) / (sizeof(u64)))

static void add_vcpu(struct counts *sum, const struct vcpu_counters *c)
{
	ADD(sum, ipi, c);
	ADD(sum, time, c);
	ADD(sum, count, c);
	ADD(sum, blame, c);
	for (u32 i = 0; i < EXIT_REASONS; i++) {
		add_words(&sum->exit_count[i], &c->exit[i].count, 1);
		add_words(&sum->exit_ticks[i], &c->exit[i].ticks, 1);
	}
}

void counts_add_up(struct counts *sum, const void *pages, u32 vcpus, u64 stride)
{
	memset(sum, 0, sizeof(*sum));
	for (u32 i = 0; i < vcpus; i++)
		add_vcpu(sum, page_of(pages, i, stride));
}

/* The numbers behind a row's name, up to its words or its end. */
static u64 sum_of_row(const char *at)
{
	u64 sum = 0;

	for (;;) {
		char *end;

		at += strspn(at, " ");
		if (*at < '0' || *at > '9')
			return sum;
		sum += strtoull(at, &end, 10);
		at = end;
	}
}

void counts_interrupts(const char *text, u64 irq[IRQ_ROWS])
{
	memset(irq, 0, IRQ_ROWS * sizeof(irq[0]));
	while (text != NULL && *text != '\0') {
		const char *name = text + strspn(text, " ");

		for (u32 i = 0; i < IRQ_ROWS; i++)
			if (strncmp(name, irq_names[i], 3) == 0 && name[3] == ':')
				irq[i] = sum_of_row(name + 4);
		text = strchr(text, '\n');
		text = text == NULL ? NULL : text + 1;
	}
}

void counts_difference(struct counts *out, const struct counts *now, const struct counts *before)
{
	u64 *result = (u64 *)(void *)out;
	const u64 *a = (const u64 *)(const void *)now, *b = (const u64 *)(const void *)before;

	for (size_t i = 0; i < COUNTS_WORDS; i++)
		result[i] = a[i] - b[i];
}

static u64 sum_of(const u64 *words, size_t count)
{
	u64 sum = 0;

	for (size_t i = 0; i < count; i++)
		sum += words[i];
	return sum;
}

u64 counts_exits(const struct counts *c)
{
	return sum_of(c->exit_count, EXIT_REASONS);
}

u64 counts_exit_ticks(const struct counts *c)
{
	return sum_of(c->exit_ticks, EXIT_REASONS);
}

u64 counts_steal(const struct counts *c)
{
	return c->time[TIME_READY] + c->time[TIME_TAKEN];
}

u64 counts_blame(const struct counts *c, u32 culprit)
{
	return sum_of(c->blame[culprit], BLAME_CAUSES);
}

u64 counts_irqs(const struct counts *c)
{
	return c->irq[IRQ_RES] + c->irq[IRQ_CAL];
}

u64 counts_requested(const struct counts *c, bool msis)
{
	u64 sum = 0;

	for (u32 i = 0; i < IPI_PATHS; i++)
		if (msis || i != IPI_MSI)
			sum += c->ipi[i].requested;
	return sum;
}
