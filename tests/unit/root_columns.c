/* SPDX-License-Identifier: MIT */
/* A hundred columns are enough for all that root prints in tables, whatever the counters say. */
#include "tests/unit/root_world.h"

#include <stdio.h>

#include "hv/ring3/root/text.h"

#define COLUMNS 100u
#define VMS     CONFIG_VMS

static const char *const names[VMS] = {
	"fifteen-lette-a", "fifteen-lette-b", "fifteen-lette-c", "fifteen-lette-d",
	"fifteen-lette-e", "fifteen-lette-f", "fifteen-lette-g", "fifteen-lette-h",
	"fifteen-lette-i", "fifteen-lette-j", "fifteen-lette-k", "fifteen-lette-l",
	"fifteen-lette-m", "fifteen-lette-n", "fifteen-lette-o",
};

/* The widest there are, of each kind of event that is told by name. */
static const struct refusal widest[] = {
	{ COUNT_PORT_WRITE_UNCLAIMED, UINT32_MAX, 0xa0, UINT64_MAX, 1 },
	{ COUNT_PORT_READ_UNCLAIMED, UINT32_MAX, UINT64_MAX, UINT64_MAX, 1 },
	{ COUNT_MSR_REFUSED, UINT32_MAX, 0x198, UINT64_MAX, 1 },
	{ COUNT_MSR_REFUSED, UINT32_MAX, UINT32_MAX, UINT64_MAX, 1 },
	{ COUNT_MEMORY_REFUSED, UINT32_MAX, 0xb0000000, UINT64_MAX, 1 },
	{ COUNT_MEMORY_REFUSED, UINT32_MAX, UINT64_MAX, UINT64_MAX, 1 },
	{ COUNT_HYPERCALL_REFUSED, UINT32_MAX, 1, UINT64_MAX, 1 },
	{ COUNT_HYPERCALL_REFUSED, UINT32_MAX, UINT64_MAX, UINT64_MAX, 1 },
};

static void fill_vcpu(struct vcpu_counters *c)
{
	const u64 most = UINT64_MAX / VCPU_TIMES;

	*c = (struct vcpu_counters){ .vcpu = MAX_VCPUS - 1,
		                     .core = MAX_CORES - 1,
		                     .now = most * VCPU_TIMES };
	for (u32 i = 0; i < VCPU_TIMES; i++)
		c->time[i] = most;
	memset(c->count, 0xff, sizeof(c->count));
	memset(c->ipi, 0xff, sizeof(c->ipi));
	for (u32 id = 0; id < MAX_VMS; id++)
		for (u32 cause = 0; cause < BLAME_CAUSES; cause++)
			c->blame[id][cause] = most;
	for (u32 i = 0; i < EXIT_REASONS; i++)
		c->exit[i] = (struct exit_counter){
			i % 2 == 0 ? 1 : most, most, UINT64_MAX, UINT64_MAX, 0, { 0 }
		};
	memcpy(c->refusal, widest, sizeof(widest));
}

static void fill_core(struct core_counters *c, u64 by)
{
	*c = (struct core_counters){ .now = UINT64_MAX,
		                     .idle = UINT64_MAX,
		                     .kicks_received = UINT64_MAX,
		                     .timer_interrupts = UINT64_MAX };
	c->stretch.max = UINT64_MAX;
	c->stretch.hist[HIST_BUCKETS - 1] = UINT64_MAX;
	c->stretch.who = TRACE_WHO(MAX_VMS - 1, MAX_VCPUS - 1) | by;
	for (u32 i = 0; i < TRACE_EXITS; i++)
		c->trace[i] = TRACE_WHO(MAX_VMS - 1, MAX_VCPUS - 1) | 49;
}

static struct vcpu_counters *vcpu_of(u32 vm)
{
	return (struct vcpu_counters *)(uintptr_t)(machine.counters + vm * VM_COUNTERS_STRIDE);
}

static void fill(void)
{
	for (u32 id = 0; id < MAX_VMS; id++)
		fill_vcpu(vcpu_of(id));
	for (u32 core = 0; core < info.cores; core++)
		fill_core((struct core_counters *)(void *)(core_pages + core * PAGE_SIZE),
		          core == 0 ? 49 : STRETCH_TRAP + 255);
}

static void boot_many(void)
{
	static char lines[VMS][64];
	const char *modules[VMS + 3] = { "root", "monitor" };

	for (u32 i = 0; i < VMS; i++) {
		(void)snprintf(lines[i], sizeof(lines[i]), "vm name=%s vcpus=1", names[i]);
		modules[i + 2] = lines[i];
	}
	boot("console=com1", modules);
	steps(20);
	fill();
}

/* Columns of a line of n bytes: those before an erased prompt, and the last, \r, are none. */
static size_t columns_of(const char *text, size_t n)
{
	for (size_t i = n; i > 3; i--)
		if (memcmp(&text[i - 3], "\033[K", 3) == 0)
			return n - i - 1;
	return n - 1;
}

/* How many lines hold the word; all lines of what has come since the last call fit. */
static u32 assert_columns(const char *what, const char *word)
{
	const char *text = line.sent[0];
	u32 found = 0;

	for (size_t n; *text != 0; text += n + (text[n] != 0)) {
		const char *hit = strstr(text, word);

		n = strcspn(text, "\n");
		ck_assert_msg(n == 0 || columns_of(text, n) <= COLUMNS, "%s: %zu columns:\n%.*s",
		              what, columns_of(text, n), (int)n, text);
		found += hit != NULL && hit < text + n;
	}
	line.n[0] = 0;
	line.sent[0][0] = 0;
	return found;
}

static void say(const char *text)
{
	type(text);
	do
		steps(200);
	while (queue_used(&root.terminal_queue) > 0);
}

static u32 command(const char *text, const char *word)
{
	(void)assert_columns("before", "");
	say(text);
	return assert_columns(text, word);
}

START_TEST(tables)
{
	boot_many();
	ck_assert_uint_gt(command("help\r", "power-off"), 0);
	ck_assert_uint_eq(command("vms\r", "fifteen-lette-a"), 2);
	ck_assert_uint_eq(command("exits\r", "fifteen-lette-o"), EXIT_REASONS + 1);
	ck_assert_uint_eq(command("ipi\r", "fifteen-lette-o"), IPI_PATHS);
	ck_assert_uint_eq(command("events\r", "fifteen-lette-o"), VCPU_COUNTS);
	ck_assert_uint_eq(command("times\r", "fifteen-lette-o"), 1 + 2);
	ck_assert_uint_gt(command("trace\r", "fifteen-lette-o"), 0);
	ck_assert_uint_gt(command("report\r", "fifteen-lette-o"), EXIT_REASONS);
}
END_TEST

/* Sixteen culprits, four side by side; the sum stands behind the last. */
START_TEST(blame_in_parts)
{
	boot_many();
	say("blame\r");
	ck_assert_uint_eq(times_seen("victim  "), 4 + 1);
	ck_assert_uint_eq(times_seen("all (steal)"), 1);
	/* Its row and column of each part, and its rows and those it is the culprit of. */
	ck_assert_uint_eq(assert_columns("blame", "fifteen-lette-o"), 4 + 1 + 16 + 14);
	for (u32 culprits = MAX_VMS - 1; culprits > 0; culprits--) {
		for (u32 id = 0; id < MAX_VMS; id++)
			memset(vcpu_of(id)->blame[culprits], 0, sizeof(vcpu_of(id)->blame[0]));
		ck_assert_uint_eq(command("blame\r", "all (steal)"), 1);
	}
}
END_TEST

static const char *number(u64 value, u32 width)
{
	static struct ring3_text text;

	text_number(ring3_text(&text), value, width);
	return text.text;
}

START_TEST(numbers)
{
	ck_assert_str_eq(number(0, 5), "    0");
	ck_assert_str_eq(number(1234567, 10), " 1,234,567");
	ck_assert_str_eq(number(1234567, 9), "   1,234k");
	ck_assert_str_eq(number(999999999, 10), "  999,999k");
	ck_assert_str_eq(number(UINT64_MAX, 10), "   18,446P");
	ck_assert_str_eq(number(UINT64_MAX, 5), "  18E");
	ck_assert_str_eq(number(UINT64_MAX, 27), " 18,446,744,073,709,551,615");
}
END_TEST

/* What a register dump and a look at a vCPU say, with every bit set. */
START_TEST(dumps)
{
	static struct vcpu_dump d;

	memset(&d, 0xff, sizeof(d));
	d.message = MSG_INSTRUCTION;
	d.timer = UINT64_MAX - 1;
	d.exit_reason = 0x80000030; /* an EPT violation has most to tell */
	d.interruptibility = d.activity = d.instruction_error = UINT32_MAX;
	for (u32 i = 0; i < 6; i++) { /* of 16, 32 and 32 bits */
		d.segment[i][0] = 0xffff;
		d.segment[i][2] = d.segment[i][3] = UINT32_MAX;
	}
	boot_many();
	kernel.dump = &d;
	for (kernel.doing = 0; kernel.doing <= DOING_KINDS; kernel.doing++) {
		ck_assert_uint_gt(command("regs fifteen-lette-a 0\r", "r15"), 0);
		ck_assert_uint_gt(command("where fifteen-lette-a\r", "fifteen-lette-a"), 0);
	}
}
END_TEST

RING3_MAIN("root_columns", tables, blame_in_parts, numbers, dumps)
