/* SPDX-License-Identifier: MIT */
/* tapstat's arithmetic, its forms and its command line, on pages and texts made up for it. */
#include "tests/unit/ring3.h"

#include <stdio.h>

#include "guest-tools/linux/tapstat/counts.h"
#include "guest-tools/linux/tapstat/options.h"
#include "guest-tools/linux/tapstat/show.h"

#define VCPUS      3u
#define EXIT_CPUID 10
#define EXIT_HLT   12
#define EXIT_WRMSR 32

static u8 pages[VCPUS * COUNTERS_STRIDE] ALIGNED(16);
static char text[65536];

static struct vcpu_counters *page(u32 vcpu)
{
	return (struct vcpu_counters *)(void *)(pages + vcpu * COUNTERS_STRIDE);
}

/* Pages in which each vCPU has made `rounds` of everything, times its number plus 1. */
static void fill(u64 rounds)
{
	memset(pages, 0, sizeof(pages));
	for (u32 i = 0; i < VCPUS; i++) {
		struct vcpu_counters *c = page(i);
		u64 k = rounds * (i + 1);

		c->magic = COUNTERS_MAGIC;
		c->vm = 2;
		c->vcpu = i;
		c->size = sizeof(*c);
		c->exit[EXIT_CPUID].count = 3 * k;
		c->exit[EXIT_CPUID].ticks = 300 * k;
		c->exit[EXIT_WRMSR].count = 2 * k;
		c->exit[EXIT_WRMSR].ticks = 900 * k;
		c->ipi[IPI_X2APIC].sends = k;
		c->ipi[IPI_X2APIC].requested = 4 * k;
		c->ipi[IPI_X2APIC].posted = 3 * k;
		c->ipi[IPI_X2APIC].coalesced = k;
		c->ipi[IPI_MSI].sends = c->ipi[IPI_MSI].requested = 100 * k;
		c->time[TIME_GUEST] = 5000 * k;
		c->time[TIME_READY] = 600 * k;
		c->time[TIME_TAKEN] = 50 * k;
		c->count[COUNT_INJECT_INTERRUPT] = 11 * k;
		c->blame[ROOT_VM][BLAME_TIMER] = 50 * k;
		c->blame[2][BLAME_GUEST] = 200 * k;
		c->blame[5][BLAME_EXIT] = 400 * k;
	}
}

static const char interrupts[] =
	"           CPU0       CPU1       \n"
	"   4:         91          0   IO-APIC   4-edge      ttyS0\n"
	" LOC:      12000      11000   Local timer interrupts\n"
	" RES:         30         12   Rescheduling interrupts\n"
	" CAL:        500        700   Function call interrupts\n"
	" TLB:          7         13\n"
	"  25:         99         99   something behind a row without words\n"
	"CALX:          1          1   another row\n"
	" ERR:          0\n";

START_TEST(pages_add_up)
{
	struct counts c;

	fill(10);
	ck_assert_int_eq(counts_check(pages, VCPUS, COUNTERS_STRIDE), COUNTS_OK);
	counts_add_up(&c, pages, VCPUS, COUNTERS_STRIDE);
	ck_assert_uint_eq(c.exit_count[EXIT_CPUID], 180);
	ck_assert_uint_eq(c.exit_ticks[EXIT_WRMSR], 54000);
	ck_assert_uint_eq(counts_exits(&c), 300);
	ck_assert_uint_eq(counts_exit_ticks(&c), 72000);
	ck_assert_uint_eq(c.ipi[IPI_X2APIC].requested, 240);
	ck_assert_uint_eq(counts_requested(&c, false), 240);
	ck_assert_uint_eq(counts_requested(&c, true), 6240);
	ck_assert_uint_eq(counts_steal(&c), 39000);
	ck_assert_uint_eq(counts_blame(&c, 0) + counts_blame(&c, 2) + counts_blame(&c, 5),
	                  counts_steal(&c));
}
END_TEST

START_TEST(wrong_pages)
{
	fill(1);
	page(2)->magic ^= 1;
	ck_assert_int_eq(counts_check(pages, VCPUS, COUNTERS_STRIDE), COUNTS_FOREIGN);
	ck_assert_int_eq(counts_check(pages, 2, COUNTERS_STRIDE), COUNTS_OK);
	fill(1);
	page(1)->size -= 8;
	ck_assert_int_eq(counts_check(pages, VCPUS, COUNTERS_STRIDE), COUNTS_VERSION);
	page(1)->size += 16; /* a newer hypervisor's: what was added stands behind */
	ck_assert_int_eq(counts_check(pages, VCPUS, COUNTERS_STRIDE), COUNTS_OK);
	page(1)->size = COUNTERS_STRIDE + 8;
	ck_assert_int_eq(counts_check(pages, VCPUS, COUNTERS_STRIDE), COUNTS_VERSION);
	fill(1);
	page(1)->vcpu = 2;
	ck_assert_int_eq(counts_check(pages, VCPUS, COUNTERS_STRIDE), COUNTS_VCPU);
	fill(1);
	page(1)->vm = 3;
	ck_assert_int_eq(counts_check(pages, VCPUS, COUNTERS_STRIDE), COUNTS_VCPU);
}
END_TEST

START_TEST(interrupt_rows)
{
	u64 irq[IRQ_ROWS];

	counts_interrupts(interrupts, irq);
	ck_assert_uint_eq(irq[IRQ_RES], 42);
	ck_assert_uint_eq(irq[IRQ_CAL], 1200);
	ck_assert_uint_eq(irq[IRQ_TLB], 20);
	counts_interrupts("", irq);
	ck_assert_uint_eq(irq[IRQ_CAL], 0);
	counts_interrupts("TLB: 18446744073709551615", irq);
	ck_assert_uint_eq(irq[IRQ_TLB], ~0ull);
}
END_TEST

static void difference(struct counts *out)
{
	struct counts before, now;

	fill(10);
	counts_add_up(&before, pages, VCPUS, COUNTERS_STRIDE);
	memset(before.irq, 0, sizeof(before.irq));
	before.ticks = 1000;
	fill(12);
	counts_add_up(&now, pages, VCPUS, COUNTERS_STRIDE);
	counts_interrupts(interrupts, now.irq);
	now.ticks = 6000;
	counts_difference(out, &now, &before);
}

START_TEST(differences)
{
	struct counts d;

	difference(&d);
	ck_assert_uint_eq(d.ticks, 5000);
	ck_assert_uint_eq(d.exit_count[EXIT_CPUID], 36);
	ck_assert_uint_eq(d.exit_count[EXIT_HLT], 0);
	ck_assert_uint_eq(d.ipi[IPI_X2APIC].coalesced, 12);
	ck_assert_uint_eq(d.time[TIME_GUEST], 60000);
	ck_assert_uint_eq(d.blame[5][BLAME_EXIT], 4800);
	ck_assert_uint_eq(counts_irqs(&d), 1242);
}
END_TEST

static const char *shown(void (*show)(FILE *out, const struct report *report), bool totals,
                         bool first)
{
	struct counts d;
	const struct report report = { 2, VCPUS, totals, first, 1.5, &d };
	FILE *out = fmemopen(text, sizeof(text), "w");

	difference(&d);
	show(out, &report);
	fclose(out);
	return text;
}

START_TEST(as_text)
{
	const char *t = shown(show_text, false, true);

	ck_assert_holds(t, "vm 2, 3 vCPUs, 1.50 s\n");
	ck_assert_holds(t, "  wrmsr                        24          10800   75.0%       450\n");
	ck_assert_holds(t, "  cpuid                        36           3600   25.0%       100\n");
	ck_assert(strstr(t, "  wrmsr ") < strstr(t, "  cpuid "));
	ck_assert_lacks(t, "hlt");
	ck_assert_holds(t, "  x2apic                    12        48        36        12 ");
	ck_assert_holds(t, "guest: RES 42 + CAL 1200 = 1242, of them TLB 20\n"
	                   "            hypervisor: IPIs 48, injected 132, PV flushes 0\n");
	ck_assert_holds(
		t, "steal       7800 ticks\n            by host 600: timer 600\n"
		   "            by self 2400: guest 2400\n            by vm5 4800: exit 4800\n");
	ck_assert_holds(shown(show_text, true, true), "vm 2, 3 vCPUs, since it was made\n");
}
END_TEST

START_TEST(as_json)
{
	const char *t = shown(show_json, false, true);

	ck_assert_holds(t, "{\"type\":\"tapstat\",\"vm\":2,\"vcpus\":3,\"totals\":false,"
	                   "\"seconds\":1.500,\"ticks\":5000,\"steal\":7800,"
	                   "\"exits\":{\"cpuid\":36,\"wrmsr\":24},\"exit-ticks\":{");
	ck_assert_holds(t, "\"x2apic.targets\":48");
	ck_assert_holds(t, "\"blame\":{\"host.timer\":600,\"self.guest\":2400,\"vm5.exit\":4800}");
	ck_assert_holds(t, "\"interrupts\":{\"RES\":42,\"CAL\":1200,\"TLB\":20}}\n");
	ck_assert_ptr_eq(strchr(t, '\n'), t + strlen(t) - 1);
}
END_TEST

START_TEST(as_csv)
{
	const char *t = shown(show_csv, false, true);

	ck_assert(strncmp(t, "seconds,group,name,value\n1.500,all,ticks,5000\n", 46) == 0);
	ck_assert_holds(t, "\n1.500,exits,cpuid,36\n");
	ck_assert_holds(t, "\n1.500,blame,vm5.exit,4800\n");
	ck_assert_holds(t, "\n1.500,interrupts,TLB,20\n");
	ck_assert_lacks(shown(show_csv, false, false), "seconds,");
}
END_TEST

/* ---- the command line ---- */

static struct options options;
static char message[256];

static bool parsed(const char *a, const char *b, const char *c)
{
	static char words[4][32] = { "tapstat" };
	static char *argv[5];
	int argc = 1 + (a != NULL) + (b != NULL) + (c != NULL);

	snprintf(words[1], sizeof(words[1]), "%s", a == NULL ? "" : a);
	snprintf(words[2], sizeof(words[2]), "%s", b == NULL ? "" : b);
	snprintf(words[3], sizeof(words[3]), "%s", c == NULL ? "" : c);
	for (int i = 0; i < 4; i++)
		argv[i] = i < argc ? words[i] : NULL;
	message[0] = '\0';
	return options_parse(&options, argc, argv, message, sizeof(message));
}

START_TEST(right_options)
{
	ck_assert(parsed(NULL, NULL, NULL));
	ck_assert(options.output == OUTPUT_TEXT && options.interval_ms == 1000 && !options.once);
	ck_assert_str_eq(options.device, "/dev/tapvisor");
	ck_assert(parsed("-i", "0.25", "--json"));
	ck_assert(options.interval_ms == 250 && options.output == OUTPUT_JSON);
	ck_assert(parsed("--once", "--csv", NULL) && options.once && options.output == OUTPUT_CSV);
	ck_assert(parsed("--count", "3", NULL) && options.count == 3);
	ck_assert(parsed("-h", NULL, NULL) && options.help);
	ck_assert(parsed("-o", "x", NULL) && strcmp(options.file, "x") == 0);
	ck_assert(options.command == NULL);
	ck_assert(parsed("--json", "--", "--once") && !options.once);
	ck_assert_str_eq(options.command[0], "--once");
	ck_assert_ptr_null(options.command[1]);
}
END_TEST

/* As getopt_long() has them for everybody. */
START_TEST(usual_spellings)
{
	ck_assert(parsed("-i0.5", "-n3", NULL) && options.interval_ms == 500 && options.count == 3);
	ck_assert(parsed("--interval=2", "--count=7", "--csv"));
	ck_assert(options.interval_ms == 2000 && options.count == 7 &&
	          options.output == OUTPUT_CSV);
	ck_assert(parsed("--interval", "0.1", NULL) && options.interval_ms == 100);
	ck_assert(parsed("--outp=x", "--on", NULL) && options.once &&
	          strcmp(options.file, "x") == 0);
	ck_assert(parsed("-i", "1", "-i2") && options.interval_ms == 2000);
	ck_assert(parsed("-n", "2e3", NULL) && options.count == 2000);
	ck_assert(parsed("-ox", "--", "-i") && strcmp(options.command[0], "-i") == 0);
	ck_assert(parsed("-o", "--", NULL) && strcmp(options.file, "--") == 0);
	ck_assert(parsed("-hn2", NULL, NULL) && options.help && options.count == 2);
}
END_TEST

START_TEST(wrong_options)
{
	static const struct {
		const char *words[3], *says;
	} rows[] = {
		{ { "-x" }, "-x: no such option; --help lists them" },
		{ { "vm" }, "vm: no such option" },
		{ { "-i" }, "-i wants a value" },
		{ { "-i", "0" }, "-i 0: a number from 0.1 to 3600 is expected" },
		{ { "-i", "fast" }, "-i fast: a number" },
		{ { "-i", "1s" }, "-i 1s: a number" },
		{ { "-i", "nan" }, "-i nan: a number" },
		{ { "-n", "0" }, "-n 0: a whole number from 1" },
		{ { "-n", "1.7" }, "-n 1.7: not a whole number; 1 or 2 would be" },
		{ { "--count=0.5" },
		  "--count 0.5: a whole number from 1 to 1000000000 is expected" },
		{ { "-n" }, "-n wants a value" },
		{ { "--interval" }, "--interval wants a value" },
		{ { "--interval=" }, "--interval : a number" },
		{ { "--once=1" }, "--once=1: this option takes no value" },
		{ { "--inter", "1" }, "--inter: no such option, or short for several" },
		{ { "-hx" }, "-x: no such option" },
		{ { "-o", "--", "ls" }, "ls: no such option" },
		{ { "--json", "--csv" }, "--json and --csv exclude each other" },
		{ { "-i5", "--once" }, "--once and --interval exclude each other" },
		{ { "--once", "-n", "2" }, "--once and --count exclude each other" },
		{ { "--once", "--", "ls" }, "--once and a command exclude each other" },
		{ { "-i1", "--", "ls" }, "--interval and a command exclude each other" },
		{ { "-n1", "--", "ls" }, "--count and a command exclude each other" },
		{ { "--" }, "--: a command is expected behind it" },
	};

	for (u32 i = 0; i < ARRAY_SIZE(rows); i++) {
		ck_assert_msg(!parsed(rows[i].words[0], rows[i].words[1], rows[i].words[2]),
		              "row %u is taken", i);
		ck_assert_holds(message, rows[i].says);
	}
}
END_TEST

RING3_MAIN("tapstat", pages_add_up, wrong_pages, interrupt_rows, differences, as_text, as_json,
           as_csv, right_options, usual_spellings, wrong_options)
