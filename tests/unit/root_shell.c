/* SPDX-License-Identifier: MIT */
/* Root as whoever sits at the terminal meets it: prompt, commands, focus, top. */
#include "tests/unit/root_world.h"

START_TEST(shell)
{
	boot("", two);
	steps(20);
	ck_assert_holds(line.sent[0], "tapvisor> ");
	ck_assert_uint_eq(kernel.waited, HZ / 100 + 1);
	type("help\r");
	ck_assert_holds(line.sent[0], "power-off");
	type("vms\r");
	ck_assert_holds(line.sent[0], "runs");
	ck_assert(strstr(line.sent[0], "halted") == NULL);
	kernel.state[2] = VM_HALTED;
	type("vms\r");
	ck_assert_holds(line.sent[0], "M  halted, interrupts off\r\n");
	kernel.state[2] = VM_RUNNING;
	type("pause a\r");
	ck_assert(kernel.paused[1]);
	type("pause a\r");
	ck_assert_holds(line.sent[0], "not possible: vm a is paused");
	type("resume a\r");
	ck_assert(!kernel.paused[1]);
	type("stop c\r");
	ck_assert_holds(line.sent[0], "there is no VM c");
	type("stop\r");
	ck_assert_holds(line.sent[0], "stop wants the name of a VM");
	type("dance\r");
	ck_assert_holds(line.sent[0], "there is no command dance");
	type("vms a\r");
	ck_assert_holds(line.sent[0], "vms stands alone");
	type("exits a b\r");
	ck_assert_holds(line.sent[0], "exits takes one name");
	type("stop a\r");
	ck_assert_uint_eq(kernel.state[1], VM_ENDED);
	ck_assert_holds(line.sent[0],
	                "tapvisor> stop a\r\ntapvisor> \r\033[Ktapvisor: vm a was stopped");
	type("focus a\r");
	ck_assert_uint_eq(root.console.focus, NO_FOCUS);
	ck_assert_holds(line.sent[0], "not possible: vm a has ended");
	type("reset a\r");
	ck_assert_uint_eq(kernel.state[1], VM_RUNNING);
	ck_assert_uint_eq(kernel.created, 3);
	type("reset b\r");
	ck_assert_uint_eq(kernel.state[2], VM_RUNNING);
	ck_assert_uint_eq(kernel.created, 4);
	type("exits\rexits a\ripi b\revents\rblame\rtimes\rreport\r");
	ck_assert_holds(line.sent[0], "Time of cores");
	ck_assert_uint_eq(kernel.off, 0);
	type("power-off\r");
	ck_assert_uint_eq(kernel.off, 1);
	ck_assert_holds(line.sent[0], "a was stopped");
	ck_assert_holds(line.sent[0], "verdict: failed");
}
END_TEST

START_TEST(completion)
{
	boot("", two);
	type("po\t\003");
	ck_assert_holds(line.sent[0], "power-off ^C");
	type("re\t");
	ck_assert_holds(line.sent[0], "report resume reset reboot");
	type("s\tx");
	ck_assert_holds(line.sent[0], "resx");
	type("\025pause \t");
	ck_assert_holds(line.sent[0], "a b");
	type("a\t\r");
	ck_assert(kernel.paused[1]);
	type("zzz\t\t\003");
	line.n[0] = 0;
	type("help \t\003pause a \t\003");
	ck_assert_lacks(line.sent[0], "a b");
}
END_TEST

START_TEST(focus)
{
	struct vm_console *c = (struct vm_console *)(void *)(consoles + CONSOLE_STRIDE);
	u8 bytes[16];
	bool stalled;

	boot("", two);
	type("focus a\rls\r");
	ck_assert_holds(line.sent[0],
	                "tapvisor> focus a\r\ntapvisor: vm a has the terminal; ^T leads "
	                "back\r\n");
	ck_assert_uint_eq(ring_get(&c->in[CONSOLE_COM1], bytes, 16, &stalled), 3);
	ck_assert_int_eq(memcmp(bytes, "ls\r", 3), 0);
	ck_assert_uint_eq(kernel.signals[1], 3);
	vm_writes(1, CONSOLE_COM1, "\033[1mfile");
	steps(20);
	ck_assert_holds(line.sent[0], "\033[1mfile");
	type("\024vms\r");
	ck_assert_holds(line.sent[0], "vCPUs");
	type("\024x");
	ck_assert_uint_eq(ring_get(&c->in[CONSOLE_COM1], bytes, 16, &stalled), 1);
	/* A break, by command or on the line; the key behind it is the VM's. */
	type("\024break a\rh");
	ck_assert_uint_eq(c->breaks, 1);
	ck_assert_uint_eq(ring_get(&c->in[CONSOLE_COM1], bytes, 16, &stalled), 1);
	root.terminal.serial.broken = true;
	type("q");
	ck_assert_uint_eq(c->breaks, 1);
	ck_assert_uint_eq(ring_get(&c->in[CONSOLE_COM1], bytes, 16, &stalled), 1);
	line.breaks = 1;
	steps(20);
	ck_assert_uint_eq(c->breaks, 2);
	ck_assert_uint_eq(ring_get(&c->in[CONSOLE_COM1], bytes, 16, &stalled), 0);
	end_vm(1, END_TRIPLE_FAULT, 0);
	steps(400);
	ck_assert_uint_eq(root.console.focus, NO_FOCUS);
	ck_assert_holds(line.sent[0], "rip    0000000000000000");
}
END_TEST

START_TEST(raw_console_and_off)
{
	static const char *const vms[] = { "root", "monitor", "vm name=a console=raw",
		                           "vm name=b console=off", NULL };

	boot("", vms);
	ck_assert_uint_eq(root.console.focus, 1);
	vm_writes(1, CONSOLE_COM1, "raw\ntext");
	vm_writes(2, CONSOLE_COM1, "silence\n");
	steps(40);
	ck_assert_holds(line.sent[0], "raw\ntext");
	ck_assert_lacks(line.sent[0], "silence");
}
END_TEST

START_TEST(top_until_a_key)
{
	boot("", two);
	type("top\r");
	ck_assert_holds(line.sent[0], "any key ends this");
	ck_assert(root.top.active);
	type("q");
	ck_assert(!root.top.active);
}
END_TEST

/* Lines wait while the table is up; they come when it is gone. */
START_TEST(top_has_the_terminal)
{
	boot("", two);
	type("top\r");
	line.n[0] = 0;
	vm_writes(1, CONSOLE_COM1, "behind the table\n");
	steps(400);
	ck_assert_lacks(line.sent[0], "behind");
	type(" ");
	ck_assert(root.top.active);
	type("q");
	ck_assert_holds(line.sent[0], "[a] behind the table\r\ntapvisor> ");
}
END_TEST

/* However much VMs write, an order and its echo come within a tenth of a second. */
START_TEST(echo_is_prompt)
{
	struct vm_console *c = (struct vm_console *)(void *)(consoles + CONSOLE_STRIDE);
	u64 total = 0, typed_at = 0;

	boot("", two);
	for (u32 i = 0; i < 20000; i++) {
		while (ring_room(&c->out[0]) > 0)
			(void)!ring_put(&c->out[0], total++ % 40 == 39 ? '\n' : 'x');
		if (i == 10000) {
			line.n[0] = 0;
			line.typed = "dance\r";
			typed_at = kernel.now;
		}
		root_step(&root);
		if (i >= 10000 && strstr(line.sent[0], "there is no command dance") != NULL)
			break;
		ck_assert(i < 10000 || kernel.now - typed_at < HZ / 10);
	}
	ck_assert_uint_gt(kernel.signals[1], 0); /* the VM was held back meanwhile */
}
END_TEST

/* While somebody types the port is looked at as often as it can fill. */
START_TEST(keys_are_awaited)
{
	boot("", two);
	steps(100);
	ck_assert_uint_eq(kernel.waited, HZ / 100 + 1);
	line.typed = "v";
	steps(100);
	ck_assert_uint_eq(kernel.waited, HZ / SERIAL_BURSTS_PER_SECOND + 1);
	steps(1000);
	ck_assert_uint_eq(kernel.waited, HZ / 100 + 1);
	line.overrun = true;
	steps(100);
	ck_assert_holds(line.sent[0], "input was lost");
}
END_TEST

/* `stop` of half a name may be a stop of another. */
START_TEST(torn_lines_are_not_carried_out)
{
	boot("", two);
	steps(20);
	line.overrun = true;
	type("stop a\r");
	ck_assert_holds(line.sent[0], "it is not carried out");
	ck_assert_uint_eq(kernel.state[1], VM_RUNNING);
	steps(1000);
	type("stop a\r");
	steps(20);
	ck_assert_uint_eq(kernel.state[1], VM_ENDED);
}
END_TEST

/* In batch mode there is a prompt for who asks for it, and the machine still ends by itself. */
START_TEST(prompt_in_batch_mode)
{
	static const char *const raw[] = { "root", "monitor", "vm name=a console=raw", NULL };

	boot("batch tables=off", raw);
	steps(20);
	ck_assert_lacks(line.sent[0], "tapvisor> ");
	ck_assert_lacks(line.sent[0], "help lists");
	type("\024vms\r");
	ck_assert_holds(line.sent[0], "tapvisor> vms\r\n");
	type("top\r");
	end_vm(1, END_DEBUG_EXIT, 0);
	steps(400);
	ck_assert_uint_eq(kernel.off, 1);
	ck_assert_holds(line.sent[0], "vm a ended itself by debug-exit with 0");
	ck_assert_holds(line.sent[0], "verdict: ok");
	ck_assert_lacks(line.sent[0], "Exits by VM");
}
END_TEST

START_TEST(the_terminal_is_com2)
{
	boot("console=com2 telemetry=com1", two);
	line.terminal = 1;
	type("vms\r");
	ck_assert_holds(line.sent[1], "tapvisor> vms\r\n");
	ck_assert_holds(line.sent[0], "{\"type\":\"machine\"");
}
END_TEST

/* What waits for another VM's end can be sent away, or be started before its time. */
START_TEST(waiting_vms)
{
	static const char *const four[] = { "root",
		                            "monitor",
		                            "vm name=a",
		                            "vm name=b after=a",
		                            "vm name=c after=a",
		                            "vm name=d after=b",
		                            NULL };

	boot("", four);
	type("vms\r");
	ck_assert_holds(line.sent[0], "after a\r\n");
	type("pause b\r");
	ck_assert_holds(line.sent[0], "not possible: vm b has not been started");
	type("reset c\r");
	ck_assert_uint_eq(kernel.state[3], VM_RUNNING);
	type("stop b\r");
	ck_assert_uint_eq(kernel.state[2], VM_NONE);
	ck_assert_uint_eq(kernel.state[4], VM_RUNNING); /* it waits for nobody now */
	type("reset b\r");
	ck_assert_uint_eq(kernel.state[2], VM_RUNNING);
}
END_TEST

/* Counters of what runs change under the reader: the end begins with a stop. */
START_TEST(power_off_stops_first)
{
	static const char *const three[] = { "root", "monitor", "vm name=a restart=on",
		                             "vm name=b after=a", NULL };

	boot("", three);
	type("power-off\rvms\r");
	ck_assert_uint_eq(kernel.off, 1);
	ck_assert_uint_eq(kernel.state[1], VM_ENDED);
	ck_assert_uint_eq(kernel.created, 2); /* nothing is made anew, nothing started */
	ck_assert_uint_eq(kernel.state[2], VM_CREATED);
	ck_assert_holds(line.sent[0], "a was stopped\r\nb was never started\r\n");
}
END_TEST

RING3_MAIN("root_shell", shell, completion, focus, raw_console_and_off, top_until_a_key,
           top_has_the_terminal, echo_is_prompt, keys_are_awaited, torn_lines_are_not_carried_out,
           prompt_in_batch_mode, the_terminal_is_com2, waiting_vms, power_off_stops_first)
