/* SPDX-License-Identifier: MIT */
/* Root as a whole, from grub.cfg to power-off: VMs and what becomes of them. */
#include "tests/unit/root_world.h"

START_TEST(batch_to_its_end)
{
	boot("telemetry=com2 batch", two);
	ck_assert_uint_eq(kernel.state[1], VM_RUNNING);
	ck_assert_uint_eq(kernel.state[2], VM_RUNNING);
	ck_assert_str_eq(kernel.config[1].name, "a");
	steps(40);
	ck_assert_uint_eq(kernel.waited, 0); /* nothing to do: it disturbs nobody */
	vm_writes(1, CONSOLE_COM1, "hello\nunfinished");
	vm_writes(1, CONSOLE_COM2, "{\"type\":\"bench\"}\n");
	push((struct root_event){ .kind = ROOT_EVENT_OUTPUT });
	steps(40);
	ck_assert_holds(line.sent[0], "[a] hello\r\n");
	ck_assert_lacks(line.sent[0], "unfinished");
	ck_assert_lacks(line.sent[1], "bench"); /* telemetry waits while VMs run */
	end_vm(1, END_DEBUG_EXIT, 0);
	end_vm(2, END_POWER_OFF, 0);
	steps(8);
	/* b comes back, twice at most. */
	ck_assert_uint_eq(kernel.state[2], VM_RUNNING);
	ck_assert_uint_eq(kernel.off, 0);
	end_vm(2, END_RESET, 0);
	steps(8);
	ck_assert_uint_eq(kernel.state[2], VM_RUNNING);
	end_vm(2, END_DEBUG_EXIT, 0);
	steps(8);
	ck_assert_uint_eq(kernel.state[2], VM_ENDED);
	ck_assert_uint_eq(kernel.off, 1);
	ck_assert_holds(line.sent[1], "{\"vm\":\"a\",\"type\":\"bench\"}\n");
	ck_assert_holds(line.sent[0], "[a] unfinished\r\n");
	ck_assert_holds(line.sent[0], "tapvisor: vm a ended itself by debug-exit with 0\r\n");
	ck_assert_holds(line.sent[0], "tapvisor: verdict: ok\r\n");
	ck_assert_lacks(line.sent[0], "events were lost");
	ck_assert_holds(line.sent[1], "{\"type\":\"vm-end\",\"vm\":\"b\",\"reason\":\"reset\"");
	ck_assert_str_eq(strrchr(line.sent[1], '{'),
	                 "{\"type\":\"verdict\",\"ok\":true,\"failures\":[]}\n");
}
END_TEST

/* restart=reset: a reset is no end, switching off is one. */
START_TEST(restart_after_resets_alone)
{
	static const char *const one[] = { "root", "monitor", "vm name=a restart=reset", NULL };

	boot("batch", one);
	for (u32 i = 0; i < 3; i++) {
		end_vm(1, END_RESET, 0);
		steps(8);
		ck_assert_uint_eq(kernel.state[1], VM_RUNNING);
	}
	end_vm(1, END_POWER_OFF, 0);
	steps(8);
	ck_assert_uint_eq(kernel.state[1], VM_ENDED);
	ck_assert_uint_eq(kernel.off, 1);
	ck_assert_holds(line.sent[0], "tapvisor: verdict: ok\r\n");
}
END_TEST

START_TEST(failures_are_the_verdict)
{
	boot("telemetry=com2 batch", two);
	end_vm(1, END_DEBUG_EXIT, 3);
	end_vm(2, END_STOPPED, 0);
	steps(8);
	ck_assert_uint_eq(kernel.off, 1);
	ck_assert_holds(line.sent[0], "a ended by debug-exit with 3, not 0\r\n");
	ck_assert_holds(line.sent[0], "b was stopped\r\n");
	ck_assert_str_eq(strrchr(line.sent[1], '{'),
	                 "{\"type\":\"verdict\",\"ok\":false,\"failures\":[\"a ended by debug-exit "
	                 "with 3, not 0\",\"b was stopped\"]}\n");
}
END_TEST

START_TEST(mistakes_start_nothing)
{
	static const char *const bad[] = { "root", "monitor", "vm name=a", "vm name=b vcpus=x",
		                           NULL };

	boot("telemetry=com2 batch", bad);
	steps(8);
	ck_assert_uint_eq(kernel.created, 0);
	ck_assert_uint_eq(kernel.off, 1);
	ck_assert_holds(line.sent[0], "vcpus= wants");
	ck_assert_holds(line.sent[0], "vm name=b vcpus=x\r\n                    ^\r\n");
	ck_assert_holds(line.sent[1], "\"ok\":false");
}
END_TEST

START_TEST(all_or_none)
{
	boot("batch", two);
	memset(&kernel, 0, sizeof(kernel));
	kernel.fail_create = 2;
	memset(&root, 0, sizeof(root));
	root_start(&root, &machine);
	steps(8);
	ck_assert_uint_eq(kernel.created, 2);
	ck_assert_uint_eq(kernel.state[1], VM_NONE);
	ck_assert_uint_eq(kernel.off, 1);
	ck_assert_holds(line.sent[0], "vm b cannot be made: there is not enough memory");
	ck_assert_holds(line.sent[0], "no VM is started");
	ck_assert_holds(line.sent[0], "verdict: failed");
}
END_TEST

/* A guest that writes faster than the line: its ring is emptied only while there is room. */
START_TEST(backpressure)
{
	struct vm_console *c = (struct vm_console *)(void *)(consoles + CONSOLE_STRIDE);
	u64 total = 0;

	boot("batch", two);
	for (u32 i = 0; i < 20000; i++) {
		while (ring_room(&c->out[0]) > 0) {
			(void)!ring_put(&c->out[0], total % 80 == 79 ? '\n' : 'x');
			total++;
		}
		line.n[0] = 0;
		root_step(&root);
		ck_assert_uint_le(queue_used(&root.terminal_queue), QUEUE_SIZE);
	}
	ck_assert_uint_lt(ring_room(&c->out[0]), BYTE_RING_SIZE);
	ck_assert_uint_gt(kernel.signals[1], 0);
	ck_assert_uint_eq(kernel.waited, HZ / SERIAL_BURSTS_PER_SECOND + 1);
}
END_TEST

/* Root's own words are not dropped: whoever speaks waits for the line, asleep. */
START_TEST(long_speeches)
{
	boot("batch telemetry=com2", two);
	line.busy = 7;
	for (u32 i = 0; queue_room(&root.terminal_queue) >= 40; i++)
		console_say(&root.console, "%020u", i);
	console_say(&root.console, "the first that does not fit");
	ck_assert_uint_eq(kernel.sleeps, 7);
	line.busy = 3;
	while (kernel.sleeps < 10)
		out_text(&root.lines_queue.out, "{}\n");
	line.busy = 5;
	pump_flush(&root);
	ck_assert_holds(line.sent[0], "the first that does not fit\r\n");
	ck_assert_uint_eq(queue_used(&root.terminal_queue) + queue_used(&root.lines_queue), 0);
}
END_TEST

START_TEST(restarts_that_fail)
{
	boot("batch", two);
	kernel.fail_create = 3;
	end_vm(2, END_RESET, 0);
	end_vm(1, END_POWER_OFF, 0);
	steps(20);
	ck_assert_holds(line.sent[0], "vm b cannot be made: there is not enough memory");
	ck_assert_holds(line.sent[0], "1 failure before, told when it happened");
	ck_assert_holds(line.sent[0], "verdict: failed");
	ck_assert_uint_eq(kernel.off, 1);
}
END_TEST

START_TEST(one_after_the_other)
{
	static const char *const three[] = {
		"root", "monitor", "vm name=a after=b", "vm name=b restart=1", "vm name=c after=a",
		NULL
	};

	boot("batch", three);
	ck_assert_uint_eq(kernel.state[1], VM_CREATED);
	ck_assert_uint_eq(kernel.state[2], VM_RUNNING);
	end_vm(2, END_RESET, 0);
	steps(20);
	ck_assert_uint_eq(kernel.state[1], VM_CREATED); /* b comes back first */
	ck_assert_uint_eq(kernel.state[2], VM_RUNNING);
	end_vm(2, END_DEBUG_EXIT, 0);
	steps(20);
	ck_assert_uint_eq(kernel.state[1], VM_RUNNING);
	ck_assert_uint_eq(kernel.state[3], VM_CREATED);
	ck_assert_uint_eq(kernel.off, 0);
	end_vm(1, END_DEBUG_EXIT, 0);
	steps(20);
	end_vm(3, END_DEBUG_EXIT, 0);
	steps(20);
	ck_assert_holds(line.sent[0], "tapvisor: verdict: ok");
	ck_assert_uint_eq(kernel.off, 1);
}
END_TEST

START_TEST(lost_events)
{
	boot("batch", two);
	kernel.state[1] = VM_ENDED;
	kernel.state[2] = VM_ENDED;
	push((struct root_event){ .kind = ROOT_EVENT_OUTPUT, .lost = 2 });
	root.slot[1].restarts = 2;
	steps(8);
	ck_assert_holds(line.sent[0], "vm a ");
	ck_assert_holds(line.sent[0], "2 events were lost");
	ck_assert_uint_eq(kernel.off, 1);
	ck_assert_holds(line.sent[0], "verdict: failed");
	boot("", two);
	push((struct root_event){ .kind = ROOT_EVENT_SYSCALL_DENIED, .vm = 2, .value = 7 });
	push((struct root_event){ .kind = ROOT_EVENT_VM_GONE, .vm = 9 });
	push((struct root_event){ .kind = ROOT_EVENT_VM_END, .vm = 9 });
	steps(40);
	ck_assert_holds(line.sent[0], "the monitor of vm b made system call 7: refused");
}
END_TEST

RING3_MAIN("root_life", batch_to_its_end, restart_after_resets_alone, failures_are_the_verdict,
           mistakes_start_nothing, all_or_none, backpressure, long_speeches, restarts_that_fail,
           one_after_the_other, lost_events)
