/* SPDX-License-Identifier: MIT */
/* Tables, lines and verdicts from counters that are made up. */
#include "tests/unit/ring3.h"

#include "hv/ring3/root/dump.h"
#include "hv/ring3/root/json.h"
#include "hv/ring3/root/report.h"
#include "hv/ring3/root/top.h"

#define VCPUS 2u

static u8 counters[2][VCPUS * COUNTERS_STRIDE] ALIGNED(16);
static u8 cores[2 * PAGE_SIZE] ALIGNED(16);
static struct vcpu_counters host;
static struct report report;
static struct ring3_text out;

static struct vcpu_counters *vcpu(u32 vm, u32 i)
{
	return (struct vcpu_counters *)(void *)(counters[vm] + i * COUNTERS_STRIDE);
}

static struct core_counters *core(u32 i)
{
	return (struct core_counters *)(void *)(cores + i * PAGE_SIZE);
}

/* Two VMs of two vCPUs on two cores; every figure adds up. */
static void setup(void)
{
	memset(counters, 0, sizeof(counters));
	memset(cores, 0, sizeof(cores));
	memset(&host, 0, sizeof(host));
	report = (struct report){ .unit = "ticks",
		                  .unit_text = "ticks: made up",
		                  .vms = 2,
		                  .vm = { { "a", 1, VCPUS, END_DEBUG_EXIT, 0, counters[0] },
		                          { "b", 2, VCPUS, END_POWER_OFF, 0, counters[1] } },
		                  .culprit = { "host", "a", "b" },
		                  .host = &host,
		                  .cores = 2,
		                  .core_counters = cores,
		                  .complete = true };
	for (u32 vm = 0; vm < 2; vm++) {
		for (u32 i = 0; i < VCPUS; i++) {
			struct vcpu_counters *c = vcpu(vm, i);

			*c = (struct vcpu_counters){ .vcpu = i, .core = i, .created = 100 };
			c->time[TIME_GUEST] = 500;
			c->time[TIME_EXIT] = 100;
			c->time[TIME_READY] = 300;
			c->time[TIME_TAKEN] = 40;
			c->time[TIME_BLOCKED] = 60;
			c->now = 1100;
			c->blame[1 + (1 - vm)][BLAME_GUEST] = 300;
			c->blame[ROOT_VM][BLAME_TIMER] = 40;
			c->exit[10] = (struct exit_counter){
				.count = 2, .ticks = 300, .min = 100 + i, .max = 200 - i
			};
			c->exit[10].hist[6] = 1;
			c->exit[10].hist[7] = 1;
			c->ipi[IPI_X2APIC] = (struct ipi_counter){ .sends = 3,
				                                   .requested = 6,
				                                   .posted = 3,
				                                   .coalesced = 2,
				                                   .dropped = 1 };
			c->ipi[IPI_X2APIC].mode[4] = 3;
		}
	}
	/* A core's wall clock: 1600, of which the vCPUs had 2 x (500 + 100 + 40). */
	core(0)->created = (u64)-500;
	core(1)->created = (u64)-500;
	core(0)->stretch = (struct stretch_counters){
		.max = 1500, .at = 77, .who = TRACE_WHO(1, 1) | 10, .hist = { [10] = 3 }
	};
	core(0)->idle = 1600 - 1280 - 20;
	core(1)->idle = 1600 - 1280;
	host.time[TIME_MONITOR] = 20;
	host.now = 20;
}

static u32 verdict(void)
{
	u32 failed = 0;

	(void)ring3_text(&out);
	for (u32 i = 0; i < report.vms; i++)
		failed += verdict_vm(&report.vm[i], &out.memory.out);
	return failed + verdict_cores(&report, &out.memory.out) +
	       verdict_stretches(&report, &out.memory.out);
}

START_TEST(good)
{
	setup();
	ck_assert_msg(verdict() == 0, "%s", out.text);
	ck_assert_str_eq(out.text, "");
}
END_TEST

START_TEST(each_failure_is_told)
{
	setup();
	report.vm[0].value = 3;
	ck_assert_uint_eq(verdict(), 1);
	ck_assert_str_eq(out.text, "a ended by debug-exit with 3, not 0\n");
	report.vm[0].end = END_TRIPLE_FAULT;
	ck_assert_uint_eq(verdict(), 1);
	ck_assert_str_eq(out.text, "a ended in a triple fault\n");
	setup();
	vcpu(1, 1)->time[TIME_BLOCKED]++;
	ck_assert_uint_eq(verdict(), 1);
	ck_assert_str_eq(out.text, "b vCPU 1: its times add up to 1001, the clock says 1000\n");
	setup();
	vcpu(0, 0)->blame[2][BLAME_KICK]++;
	ck_assert_uint_eq(verdict(), 1);
	ck_assert_str_eq(out.text, "a vCPU 0: others are blamed for 341, 340 were stolen\n");
	setup();
	vcpu(0, 1)->ipi[IPI_X2APIC].dropped--;
	ck_assert_uint_eq(verdict(), 1);
	ck_assert_holds(out.text, "a vCPU 1, x2apic: 6 requested, but 3 posted + 2 coalesced");
	setup();
	core(1)->idle++;
	ck_assert_uint_eq(verdict(), 1);
	ck_assert_holds(out.text, "core 1: idle 321 + VMs 1280 + host 0 is not the clock's 1600");
	/* With a VM's counters gone only too much is wrong. */
	report.complete = false;
	ck_assert_uint_eq(verdict(), 1);
	core(1)->idle -= 100;
	ck_assert_uint_eq(verdict(), 0);
	core(1)->stretch.max = STRETCH_BOUND;
	report.stretch_bound = STRETCH_BOUND;
	ck_assert_uint_eq(verdict(), 0);
	core(1)->stretch.max++;
	core(1)->stretch.who = TRACE_WHO(2, 3) | (STRETCH_SYSCALL + 8);
	ck_assert_uint_eq(verdict(), 1);
	ck_assert_str_eq(out.text, "core 1: ring 0 had interrupts off for 25001 ticks, bound 25000 "
	                           "(vm b vCPU 3, system call 8)\n");
	report.stretch_bound = 0; /* cycles, or a hypervisor below: told, not judged */
	ck_assert_uint_eq(verdict(), 0);
}
END_TEST

START_TEST(sums)
{
	struct exit_counter e;
	struct ipi_counter c;

	setup();
	e = total_exit(&report.vm[0], 10);
	ck_assert(e.count == 4 && e.ticks == 600 && e.min == 100 && e.max == 200);
	ck_assert(e.hist[6] == 2 && e.hist[7] == 2);
	vcpu(0, 0)->exit[10].count = 0;
	e = total_exit(&report.vm[0], 10);
	ck_assert(e.count == 2 && e.min == 101);
	c = total_ipi(&report.vm[0], IPI_X2APIC);
	ck_assert(c.sends == 6 && c.requested == 12 && c.mode[4] == 6);
	ck_assert_uint_eq(vcpu_exits(vcpu(1, 0)), 2);
	ck_assert_uint_eq(total_blame(&report.vm[1], 1, BLAME_GUEST), 600);
}
END_TEST

START_TEST(tables)
{
	struct out *o;

	setup();
	o = ring3_text(&out);
	report_exits(&report, NULL, o);
	ck_assert_holds(out.text, "cpuid");
	ck_assert_holds(out.text, "100.0%");
	o = ring3_text(&out);
	report_exits(&report, &report.vm[1], o);
	ck_assert_lacks(out.text, "\na ");
	ck_assert_holds(out.text, "\nb ");
	o = ring3_text(&out);
	report_ipis(&report, NULL, o);
	ck_assert_holds(out.text, "x2apic");
	ck_assert_lacks(out.text, "hypercall");
	o = ring3_text(&out);
	report_blame(&report, o);
	ck_assert_holds(out.text, "victim");
	ck_assert_holds(out.text, " 680\n");
	o = ring3_text(&out);
	report_times(&report, o);
	ck_assert_holds(out.text, "host");
	o = ring3_text(&out);
	report_cores(&report, o);
	ck_assert_holds(out.text, "1,600");
	report_events(&report, NULL, o);
}
END_TEST

/* Oldest first, over the ring's end; a core without exits has its heading alone. */
START_TEST(trace_in_order)
{
	struct out *o = ring3_text(&out);
	const char *halt, *cpuid;

	setup();
	core(1)->trace_next = TRACE_EXITS + 1;
	core(1)->trace[0] = TRACE_WHO(2, 255) | 10;
	core(1)->trace[TRACE_EXITS - 1] = TRACE_WHO(1, 0) | 12;
	report_trace(&report, o);
	halt = strstr(out.text, "hlt");
	cpuid = strstr(out.text, "cpuid");
	ck_assert_ptr_nonnull(halt);
	ck_assert_ptr_nonnull(cpuid);
	ck_assert_msg(halt < cpuid, "%s", out.text);
	ck_assert_holds(out.text, "255");
	ck_assert_holds(out.text, "    0\n    1\n");
}
END_TEST

static void assert_lines_are_objects(char *text)
{
	for (char *line = strtok(text, "\n"); line != NULL; line = strtok(NULL, "\n"))
		ck_assert_msg(json_is_object(line, strlen(line), "-"), "%s", line);
}

START_TEST(lines)
{
	struct out *o;

	setup();
	o = ring3_text(&out);
	report_vm_lines(&report, &report.vm[0], o);
	report_core_lines(&report, o);
	ck_assert_holds(out.text,
	                "{\"type\":\"exit\",\"vm\":\"a\",\"reason\":\"cpuid\",\"count\":4,"
	                "\"ticks\":600,\"min\":100,\"max\":200,"
	                "\"hist\":[0,0,0,0,0,0,2,2]}\n");
	ck_assert_holds(out.text, "{\"type\":\"ipi\",\"vm\":\"a\",\"path\":\"x2apic\",\"sends\":6,"
	                          "\"requested\":12,\"posted\":6,\"coalesced\":4,\"dropped\":2,"
	                          "\"kicks\":0,\"kicks_avoided\":0,\"modes\":{\"nmi\":6}");
	ck_assert_holds(out.text, "{\"type\":\"blame\",\"victim\":\"a\",\"culprit\":\"b\","
	                          "\"cause\":\"guest\",\"ticks\":600}\n");
	ck_assert_holds(out.text, "{\"type\":\"time\",\"vm\":\"a\",\"vcpu\":1,\"core\":1,"
	                          "\"ticks\":1000,");
	ck_assert_holds(out.text, "{\"type\":\"core\",\"core\":0,\"ticks\":1600,\"idle\":300,"
	                          "\"vms\":1280,\"host\":20,");
	ck_assert_holds(out.text, "\"stretch\":{\"max\":1500,\"at\":77,\"vm\":\"a\","
	                          "\"vcpu\":1,\"by\":\"exit cpuid\","
	                          "\"hist\":[0,0,0,0,0,0,0,0,0,0,3]}}\n");
	assert_lines_are_objects(out.text);
}
END_TEST

START_TEST(top_shows_differences)
{
	static struct top top;
	struct out *o = ring3_text(&out);

	setup();
	report.vm[0].end = END_NONE; /* who has ended is not shown */
	top_begin(&top, 5);
	top_draw(&top, &report, 1000000, 1000000, o);
	ck_assert_uint_eq(top.next, 2000000);
	ck_assert_uint_eq(top.rows, 2);
	vcpu(0, 0)->time[TIME_GUEST] += 750000;
	vcpu(0, 0)->time[TIME_READY] += 250000;
	vcpu(0, 0)->exit[10].count += 5000;
	vcpu(0, 0)->ipi[IPI_X2APIC].requested += 100;
	o = ring3_text(&out);
	top_draw(&top, &report, 2000000, 1000000, o);
	ck_assert_holds(out.text, "75.0%   0.0%   0.0%  25.0%    5000 x2apic 100\033[K");
	ck_assert_holds(out.text, "\033[H");
	ck_assert_lacks(out.text, "\033[2J");
}
END_TEST

/* Columns and lines of what has been drawn; the cursor may stand behind the last column. */
static void assert_fits(const char *text)
{
	u32 column = 0, rows = 1;

	for (; *text != 0; text++) {
		if (*text == '\033') {
			text += strcspn(text, "HJK");
			continue;
		}
		column = *text == '\n' ? 0 : column + 1;
		rows += *text == '\n' ? 1 : 0;
		ck_assert_uint_le(column, 79);
	}
	ck_assert_uint_le(rows, 24);
}

/* A terminal has 80 columns and 24 lines, whatever the counters say. */
START_TEST(top_fits_the_terminal)
{
	static struct top top;
	u32 pages = 0;

	setup();
	report.vms = 15;
	for (u32 i = 0; i < report.vms; i++) {
		report.vm[i] = (struct report_vm){ "fifteen-letters", i, VCPUS,
			                           END_NONE,          0, counters[i % 2] };
		for (u32 v = 0; v < VCPUS; v++) {
			vcpu(i % 2, v)->core = 63;
			for (u32 path = 0; path < IPI_PATHS; path++)
				vcpu(i % 2, v)->ipi[path].requested = 1ull << 50;
			vcpu(i % 2, v)->exit[1].count = 1ull << 50;
		}
	}
	top_begin(&top, 5);
	do {
		top_draw(&top, &report, 1000000, 1000000, ring3_text(&out));
		assert_fits(out.text);
		ck_assert_holds(out.text, "+\033[K");
		pages++;
		top_turn(&top, 5);
	} while (top.first != 0);
	ck_assert_uint_eq(pages, 2); /* 30 vCPUs */
	ck_assert_holds(out.text, "23 to 30 of 30 vCPUs; space: the next");
}
END_TEST

START_TEST(dumps)
{
	struct root_event e = { .kind = ROOT_EVENT_VM_END, .vcpu = 1, .stop = END_UNREACHABLE };
	struct out *o = ring3_text(&out);

	e.dump.exit_reason = 48;
	e.dump.qualification = 0x182;
	e.dump.cr0 = 0x80000011;
	e.dump.idt_vectoring = 0x80000b0e;
	e.dump.code[0] = 0xf4;
	dump_print(&e, o);
	ck_assert_holds(out.text, "vCPU 1");
	ck_assert_holds(out.text, "ept-violation  qualification 182; write; of the final address");
	ck_assert_holds(out.text, "cr0    0000000080000011 PE PG");
	ck_assert_holds(out.text, "while delivering: vector 14 (#PF page fault)");
	ck_assert_holds(out.text, "code f4 00");
	ck_assert_lacks(out.text, "monitor:");
	for (u32 end = 0; end < VM_ENDS + 2; end++) {
		e.stop = end;
		o = ring3_text(&out);
		dump_value(end, 1000000, o);
		if (dump_is_due(end))
			dump_print(&e, o);
	}
	dump_value(END_UNREACHABLE, 0xfed00000, ring3_text(&out));
	ck_assert_str_eq(out.text, ": on fed00000 (HPET), where nothing is");
	dump_value(END_INSTRUCTION, 0xfec00010, ring3_text(&out));
	ck_assert_str_eq(out.text, ": on fec00010 (IOAPIC), which is no RAM");
	/* Every reason with every bit set: no table is left. */
	for (u64 reason = 0; reason < 70000; reason += reason < 100 ? 1 : 997) {
		o = ring3_text(&out);
		e.dump.exit_reason = reason;
		e.dump.qualification = ~0ull;
		e.stop = END_MONITOR_FAULT;
		dump_print(&e, o);
		ck_assert_holds(out.text, "monitor:");
	}
}
END_TEST

RING3_MAIN("root_report", good, each_failure_is_told, sums, tables, trace_in_order, lines,
           top_shows_differences, top_fits_the_terminal, dumps)
