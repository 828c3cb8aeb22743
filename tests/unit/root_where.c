/* SPDX-License-Identifier: MIT */
/* What a person with a silent guest asks: where its vCPUs are, what it asked for in vain. */
#include "tests/unit/root_world.h"

#include "hv/abi/names.h"
#include "hv/ring3/root/dump.h"
#include "hv/ring3/root/refused_names.h"

static const char *const three[] = { "root", "monitor", "vm name=a vcpus=3", "vm name=b", NULL };

static struct refusal *rows(u32 vm, u32 vcpu)
{
	return ((struct vcpu_counters *)(void *)(machine.counters + vm * VM_COUNTERS_STRIDE +
	                                         vcpu * COUNTERS_STRIDE))
	        ->refusal;
}

static void clear_rows(void)
{
	for (u32 vm = 1; vm <= 2; vm++)
		for (u32 vcpu = 0; vcpu < 3; vcpu++)
			memset(rows(vm, vcpu), 0, REFUSALS * sizeof(struct refusal));
}

START_TEST(where_of_one)
{
	boot("", three);
	type("where a\r");
	ck_assert_uint_eq(kernel.sampled, 3 * SAMPLES);
	ck_assert_holds(line.sent[0], "a vCPU 0: executes; its timer is not set");
	ck_assert_holds(line.sent[0], "a vCPU 2: executes");
	ck_assert_holds(line.sent[0], "11 of 16 times at rip 0000000000001000");
	ck_assert_holds(line.sent[0], " 5 of 16 times at rip 0000000000002000");
	ck_assert_lacks(line.sent[0], "b vCPU");
	ck_assert(!root.sampler.active);
}
END_TEST

START_TEST(where_of_all)
{
	boot("", three);
	type("where\r");
	ck_assert_uint_eq(kernel.sampled, 4 * SAMPLES);
	ck_assert_holds(line.sent[0], "b vCPU 0: executes");
	/* Who was never started is told so after one look. */
	boot("", three);
	kernel.doing = DOING_SIPI;
	type("where b\r");
	ck_assert_uint_eq(kernel.sampled, 1);
	ck_assert_holds(line.sent[0], "b vCPU 0: waits for its start-up interrupt");
	ck_assert_lacks(line.sent[0], "times at rip");
}
END_TEST

START_TEST(regs_of_a_vcpu)
{
	boot("", three);
	type("regs a 1\r");
	ck_assert_uint_eq(kernel.sampled, 1);
	ck_assert_holds(line.sent[0], "a vCPU 1: executes");
	ck_assert_holds(line.sent[0], "r15    0000000000000000");
	type("regs a\r");
	ck_assert_holds(line.sent[0], "a vCPU 0: executes");
	type("regs a 3\r");
	ck_assert_holds(line.sent[0], "there is no vCPU 3: a has 0 to 2");
	type("regs\r");
	ck_assert_holds(line.sent[0], "regs wants the name of a VM");
	type("regs a 1 2\r");
	ck_assert_holds(line.sent[0], "regs takes one name");
	ck_assert_uint_eq(kernel.sampled, 2);
}
END_TEST

/* An answer that does not come, a VM that ends meanwhile, one that does not run. */
START_TEST(no_answer)
{
	boot("", three);
	kernel.mute = true;
	type("where b\r");
	ck_assert_holds(line.sent[0], "tapvisor: b vCPU 0 does not answer");
	ck_assert(!root.sampler.active);
	boot("", three);
	kernel.mute = true;
	line.typed = "where a\r";
	steps(3);
	end_vm(1, END_POWER_OFF, 0);
	kernel.mute = false;
	steps(400);
	ck_assert(!root.sampler.active);
	ck_assert_uint_eq(times_seen("does not"), 3);
	type("where a\r");
	ck_assert_holds(line.sent[0], "not possible: vm a has ended");
	type("regs a\r");
	ck_assert_uint_eq(kernel.sampled, 1);
}
END_TEST

START_TEST(glances)
{
	static const struct {
		u64 cr0, rflags, efer, rights;
		const char *mode;
	} modes[] = {
		{ 0x10, 0, 0, 0, "real mode, paging off, interrupts off" },
		{ 0x11, 0x200, 0, 0x4000, "32-bit mode, paging off, interrupts on" },
		{ 0x11, 0, 0, 0, "16-bit mode" },
		{ 0x11, 0x20000, 0, 0, "virtual-8086 mode" },
		{ 0x80000011, 0, 0x500, 0x2000, "64-bit mode, paging on" },
		{ 0x80000011, 0, 0x500, 0x4000, "32-bit mode, paging on" },
	};
	static struct ring3_text t;

	for (u32 i = 0; i < ARRAY_SIZE(modes); i++) {
		struct vcpu_dump d = { .cr0 = modes[i].cr0,
			               .rflags = modes[i].rflags,
			               .efer = modes[i].efer,
			               .doing = DOING_MESSAGE,
			               .message = MSG_IO,
			               .timer = 77 };

		d.segment[1][3] = modes[i].rights;
		dump_glance(&d, ring3_text(&t));
		ck_assert_holds(t.text, modes[i].mode);
		ck_assert_holds(t.text, "waits for its monitor: a port; its timer is due in 77");
	}
}
END_TEST

/* The rows of all vCPUs as one list: in the order of time, each thing once, counts added. */
START_TEST(refusals_are_one_list)
{
	struct refusal list[REFUSALS];
	struct report_vm vm;

	boot("", three);
	clear_rows();
	rows(1, 0)[0] = (struct refusal){ COUNT_PORT_WRITE_UNCLAIMED, 2, 0x21, 0x100, 50 };
	rows(1, 0)[1] = (struct refusal){ COUNT_MSR_REFUSED, 1, 0x10a, 0x200, 70 };
	rows(1, 2)[0] = (struct refusal){ COUNT_PORT_WRITE_UNCLAIMED, 5, 0x21, 0x300, 40 };
	rows(1, 2)[1] = (struct refusal){ COUNT_PORT_READ_UNCLAIMED, 1, 0x21, 0x400, 60 };
	final_view_vm(&root, &root.slot[0], &vm);
	ck_assert_uint_eq(report_refusals(&vm, list), 3);
	ck_assert_uint_eq(list[0].rip, 0x300);
	ck_assert_uint_eq(list[0].count, 7);
	ck_assert_uint_eq(list[1].event, COUNT_PORT_READ_UNCLAIMED);
	ck_assert_uint_eq(list[2].what, 0x10a);
	for (u32 i = 0; i < REFUSALS; i++) {
		rows(1, 0)[i] = (struct refusal){ COUNT_MEMORY_REFUSED, 1, i, 0, 100 + i };
		rows(1, 1)[i] = (struct refusal){ COUNT_MEMORY_REFUSED, 1, 100 + i, 0, i };
	}
	ck_assert_uint_eq(report_refusals(&vm, list), REFUSALS);
	ck_assert_uint_eq(list[0].what, 100);
	ck_assert_uint_eq(list[REFUSALS - 1].what, 100 + REFUSALS - 1);
}
END_TEST

START_TEST(refusals_are_told)
{
	boot("telemetry=com2", three);
	clear_rows();
	rows(1, 1)[0] = (struct refusal){ COUNT_MSR_REFUSED, 3, 0x38f, 0xffffffff81000000, 5 };
	type("vms\r");
	ck_assert_holds(line.sent[0], "a asked for what is not there, the first 1 of it:");
	ck_assert_holds(line.sent[0], "msr               38f       3 times, rip "
	                              "ffffffff81000000  performance counters, global");
	/* At its end, unless that is a good one. */
	boot("telemetry=com2 batch", three);
	end_vm(1, END_TRIPLE_FAULT, 0);
	end_vm(2, END_POWER_OFF, 0);
	rows(2, 0)[0] = (struct refusal){ COUNT_HYPERCALL_REFUSED, 1, 10, 0, 5 };
	steps(200);
	ck_assert_uint_eq(times_seen("asked for what is not there"), 1);
	ck_assert_holds(line.sent[1], "{\"type\":\"refused\",\"vm\":\"a\",\"event\":"
	                              "\"msr-refused\",\"what\":911,\"name\":\"performance "
	                              "counters, global\",\"count\":3,\"rip\":"
	                              "18446744071578845184}");
	ck_assert_holds(line.sent[1], "\"name\":\"KVM's SEND_IPI\"");
	clear_rows();
}
END_TEST

START_TEST(names)
{
	ck_assert_str_eq(refused_name(COUNT_PORT_READ_UNCLAIMED, 0xcfc), "PCI configuration");
	ck_assert_str_eq(refused_name(COUNT_PORT_WRITE_UNCLAIMED, 0x20),
	                 "8259 interrupt controller");
	ck_assert_str_eq(refused_name(COUNT_MSR_REFUSED, 0x20), "");
	ck_assert_str_eq(refused_name(COUNT_MEMORY_REFUSED, 0xfed00010), "HPET");
	ck_assert_str_eq(refused_name(COUNT_HALT, 1), "");
	ck_assert_str_eq(refused_name(9999, 1), "");
	ck_assert_str_eq(refused_kind(9999), "unknown");
	ck_assert_str_eq(refused_kind(COUNT_MSR_REFUSED), "msr");
}
END_TEST

RING3_MAIN("root_where", where_of_one, where_of_all, regs_of_a_vcpu, no_answer, glances,
           refusals_are_one_list, refusals_are_told, names)
