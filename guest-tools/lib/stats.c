/* SPDX-License-Identifier: MIT */
#include "guest-tools/lib/stats.h"

/* Lets the value at root sink to its place in the heap of n. */
static void sift_down(u32 *v, u32 root, u32 n)
{
	u32 child, value = v[root];

	while ((child = 2 * root + 1) < n) {
		if (child + 1 < n && v[child + 1] > v[child])
			child++;
		if (v[child] <= value)
			break;
		v[root] = v[child];
		root = child;
	}
	v[root] = value;
}

static void heap_sort(u32 *v, u32 n)
{
	for (u32 i = n / 2; i-- > 0;)
		sift_down(v, i, n);
	while (n > 1) {
		u32 largest = v[0];

		v[0] = v[--n];
		v[n] = largest;
		sift_down(v, 0, n);
	}
}

static u32 percentile(const struct samples *s, u32 percent)
{
	u64 rank = ((u64)s->n * percent + 99) / 100;

	return s->value[rank - 1];
}

struct distribution samples_distribution(struct samples *s)
{
	struct distribution d = { .n = s->n };

	if (s->n == 0)
		return d;
	heap_sort(s->value, s->n);
	for (u32 i = 0; i < s->n; i++)
		d.sum += s->value[i];
	d.min = s->value[0];
	d.p50 = percentile(s, 50);
	d.p99 = percentile(s, 99);
	d.max = s->value[s->n - 1];
	return d;
}
