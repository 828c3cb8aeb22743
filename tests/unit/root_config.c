/* SPDX-License-Identifier: MIT */
/* Lines of grub.cfg: good ones become VMs, bad ones a message that points to the wrong word. */
#include "tests/unit/ring3.h"

#include "hv/ring3/root/config.h"

#define ALL_MACHINE                                                                                \
	(MACHINE_X2APIC_VIRTUAL | MACHINE_APIC_ACCESS | MACHINE_APIC_REGISTERS |                   \
	 MACHINE_VIRTUAL_INTERRUPTS | MACHINE_TPR_SHADOW | MACHINE_POSTED | MACHINE_IPIV)

static struct root_info info;
static struct config config;
static struct ring3_text out;

static void add(const char *string)
{
	struct boot_module_info *m = &info.module[info.modules++];

	m->size = 4096;
	memset(m->string, 0, sizeof(m->string));
	strncpy(m->string, string, sizeof(m->string) - 1);
}

static void machine(void)
{
	memset(&info, 0, sizeof(info));
	info.cores = 4;
	info.memory_free = 1ull << 30;
	info.machine = ALL_MACHINE;
	info.process.tsc_hz = 2000000000;
	add("root");
	add("monitor");
}

static void parse(void)
{
	config_parse(&info, &config);
	config_print_errors(&config, &info, ring3_text(&out));
}

static const struct vm_config *one(const char *line)
{
	machine();
	add(line);
	parse();
	ck_assert_msg(config.errors == 0, "%s:\n%s", line, out.text);
	ck_assert_uint_eq(config.vms, 1);
	return &config.vm[0].config;
}

START_TEST(all_keys)
{
	const struct vm_config *c = one(
		"vm name=a vcpus=3 cpus=0,2-3 mem=64M apic=xapic pv=kvm,tap apicv=on posted=on "
		"ipiv=on counters=on apic-page=on weight=7 slice=5ms budget=50 console=raw timer-floor=0 "
		"restart=3 --  x=1  -- 'y z'");

	ck_assert_str_eq(c->name, "a");
	ck_assert_uint_eq(c->vcpus, 3);
	ck_assert_uint_eq(c->cores, 0xd);
	ck_assert_uint_eq(c->memory, 64u << 20);
	ck_assert_uint_eq(c->apic, APIC_XAPIC);
	ck_assert_uint_eq(c->features, VM_FEATURES_ALL);
	ck_assert_uint_eq(c->weight, 7);
	ck_assert_uint_eq(c->slice, 10000000);
	ck_assert_uint_eq(c->budget, 50);
	ck_assert_uint_eq(c->timer_floor, 0);
	ck_assert_uint_eq(c->monitor_module, 1);
	ck_assert_uint_eq(c->image_module, 2);
	ck_assert_uint_eq(c->module[0], MODULE_NONE);
	ck_assert_str_eq(c->args, "x=1  -- 'y z'");
	ck_assert_uint_eq(config.vm[0].restarts, 3);
	ck_assert_uint_eq(config.vm[0].console, VM_CONSOLE_RAW);
}
END_TEST

START_TEST(defaults)
{
	const struct vm_config *c = one("  vm   name=a  ");

	ck_assert_uint_eq(c->vcpus, 1);
	ck_assert_uint_eq(c->cores, 0xf);
	ck_assert_uint_eq(c->memory, 32u << 20);
	ck_assert_uint_eq(c->apic, APIC_X2APIC);
	ck_assert_uint_eq(c->features, 0);
	ck_assert_uint_eq(c->weight, 100);
	ck_assert_uint_eq(c->slice, 0);
	ck_assert_uint_eq(c->timer_floor, 200);
	ck_assert_str_eq(c->args, "");
	ck_assert(config.console && !config.telemetry && !config.batch);
}
END_TEST

START_TEST(values)
{
	ck_assert_uint_eq(one("vm name=a mem=1G")->memory, 1ull << 30);
	ck_assert_uint_eq(one("vm name=a mem=2048K")->memory, 2u << 20);
	ck_assert_uint_eq(one("vm name=a slice=500us")->slice, 1000000);
	ck_assert_uint_eq(one("vm name=a slice=12345")->slice, 12345);
	ck_assert_uint_eq(one("vm name=a pv=none apicv=off posted=off")->features, 0);
	ck_assert_uint_eq(one("vm name=a pv=tap")->features, VM_PV_TAP);
	ck_assert_uint_eq(one("vm name=a cpus=3")->cores, 8);
	ck_assert_str_eq(one("vm name=a --")->args, "");
	(void)one("vm name=a restart=on");
	ck_assert_uint_eq(config.vm[0].restarts, RESTARTS_UNLIMITED);
	ck_assert(!config.vm[0].only_reset);
	(void)one("vm name=a restart=reset");
	ck_assert_uint_eq(config.vm[0].restarts, RESTARTS_UNLIMITED);
	ck_assert(config.vm[0].only_reset);
}
END_TEST

START_TEST(several_and_initrd)
{
	machine();
	add("initrd name=b");
	add("vm name=a -- 1");
	add("vm name=b -- 2");
	add("module name=b --  ro  root=/dev/a");
	add("module name=b");
	strcpy(info.command_line, "console=none telemetry=com2 batch crash=poweroff");
	parse();
	ck_assert_msg(config.errors == 0, "%s", out.text);
	ck_assert_uint_eq(config.vms, 2);
	ck_assert_uint_eq(config.vm[0].config.module[0], MODULE_NONE);
	ck_assert_uint_eq(config.vm[1].config.module[0], 2);
	ck_assert_uint_eq(config.vm[1].config.image_module, 4);
	ck_assert_uint_eq(config.vm[0].config.module[1], MODULE_NONE);
	ck_assert_uint_eq(config.vm[1].config.module[1], 5);
	ck_assert_uint_eq(config.vm[1].config.module[2], 6);
	ck_assert_uint_eq(config.vm[1].config.module[3], MODULE_NONE);
	ck_assert_str_eq(config.vm[1].config.module_args[1], "ro  root=/dev/a");
	ck_assert_str_eq(config.vm[1].config.module_args[2], "");
	ck_assert(!config.console && config.telemetry && config.batch);
}
END_TEST

/* A line, the word that the caret must stand under (its first occurrence), and what is said. */
static const struct {
	const char *line, *word, *says;
} bad[] = {
	{ "vm name=a vcpus=0", "0", "vcpus= wants a number from 1 to 256" },
	{ "vm name=a vcpus=257", "257", "vcpus= wants" },
	{ "vm name=a vcpus=two", "two", "vcpus= wants" },
	{ "vm name=a vcpus=-1", "-1", "vcpus= wants" },
	{ "vm name=a vcpus=", "", "vcpus= wants" },
	{ "vm name=a vcpus=99999999999999999999", "9999", "vcpus= wants" },
	{ "vm name=a vcpu=2", "vcpu", "no such key" },
	{ "vm name=a =2", "=2", "no such key" },
	{ "vm name=a loud", "loud", "KEY=VALUE is expected" },
	{ "vm name=a vcpus=1 vcpus=1", "vcpus=1 vcpus", "stands on this line already" },
	{ "vm vcpus=1", "vm", "needs a name" },
	{ "vm name=", "", "name= wants" },
	{ "vm name=a/b", "a/b", "name= wants" },
	{ "vm name=abcdefghijklmnop", "abcdefghijklmnop", "name= wants" },
	{ "vm name=host", "host", "name= wants" },
	{ "vm name=a cpus=4", "4", "no core 4: the machine has 0 to 3" },
	{ "vm name=a cpus=0-99999999999", "0-999", "no core" },
	{ "vm name=a cpus=2-1", "2-1", "cpus= wants" },
	{ "vm name=a cpus=0,0", "0,0", "core 0 is in this list already" },
	{ "vm name=a cpus=0-2,1", "1", "core 1 is in this list already" },
	{ "vm name=a cpus=0,", "0,", "cpus= wants" },
	{ "vm name=a cpus=", "", "cpus= wants" },
	{ "vm name=a mem=32", "32", "mem= wants" },
	{ "vm name=a mem=3M", "3M", "steps of 2M" },
	{ "vm name=a mem=0M", "0M", "steps of 2M" },
	{ "vm name=a mem=5G", "5G", "steps of 2M" },
	{ "vm name=a mem=99999999999G", "99999999999G", "mem= wants" },
	{ "vm name=a mem=2G", "2G", "only 1024M of memory are free" },
	{ "vm name=a apic=x3apic", "x3apic", "apic= wants xapic or x2apic" },
	{ "vm name=a pv=xen", "xen", "pv= wants" },
	{ "vm name=a pv=kvm,none", "kvm,none", "pv= wants" },
	{ "vm name=a pv=kvm,kvm", "kvm,kvm", "pv= wants" },
	{ "vm name=a apicv=yes", "yes", "apicv= wants on or off" },
	{ "vm name=a posted=on", "on", "posted=on needs apicv=on" },
	{ "vm name=a apicv=on ipiv=on", "on ipiv", "ipiv=on needs posted=on" },
	{ "vm name=a apic-page=on", "on", "apic-page=on needs apic=xapic" },
	{ "vm name=a vcpus=256 apic=xapic", "256", "xAPIC mode has IDs for 255" },
	{ "vm name=a weight=1001", "1001", "weight= wants" },
	{ "vm name=a slice=0", "0", "slice= wants" },
	{ "vm name=a slice=5s", "5s", "slice= wants" },
	{ "vm name=a slice=ms", "ms", "slice= wants" },
	{ "vm name=a budget=1001", "1001", "budget= wants" },
	{ "vm name=a timer-floor=1000001", "1000001", "timer-floor= wants" },
	{ "vm name=a timer-floor=5ms", "5ms", "timer-floor= wants" },
	{ "vm name=a console=com1", "com1", "console= wants" },
	{ "vm name=a restart=maybe", "maybe", "restart= wants" },
	{ "vm name=a after=", "", "after= wants" },
	{ "vm name=a after=b", "b", "no vm line has this name" },
	{ "vm name=a after=a", "a", "in a circle" },
	{ "virtual name=a", "virtual", "a module is one of" },
	{ "", "", "a module is one of" },
	{ "root", "root", "there is such a line already: module 1" },
	{ "monitor", "monitor", "there is such a line already: module 2" },
	{ "initrd", "initrd", "such a line reads: initrd name=VM" },
	{ "module name=x", "x", "no vm line has this name" },
	{ "module vm=x", "vm=x", "such a line reads: module name=VM" },
	{ "initrd name=x", "x", "no vm line has this name" },
};

/* More files than a VM has slots for, words without --, arguments that are too long. */
START_TEST(bad_modules)
{
	static char line[MODULE_ARGS_LEN + 64];

	machine();
	add("vm name=a");
	for (u32 i = 0; i < VM_MODULES; i++)
		add("module name=a");
	add("initrd name=a ro");
	memset(line, 'x', sizeof(line) - 1);
	memcpy(line, "module name=b -- ", 17);
	add("vm name=b");
	add(line);
	parse();
	ck_assert_uint_eq(config.errors, 3);
	ck_assert_holds(config.error[0].text, "this VM has 3 modules already");
	ck_assert_holds(config.error[1].text, "nothing but --");
	ck_assert_holds(config.error[2].text, "more than 255 characters");
}
END_TEST

START_TEST(bad_lines)
{
	for (u32 i = 0; i < ARRAY_SIZE(bad); i++) {
		const struct config_error *e = &config.error[0];
		const char *at;

		machine();
		add(bad[i].line);
		parse();
		ck_assert_msg(config.errors > 0, "accepted: %s", bad[i].line);
		ck_assert_msg(e->line == 2, "%s:\n%s", bad[i].line, out.text);
		ck_assert_msg(strstr(e->text, bad[i].says) != NULL, "%s:\n%s", bad[i].line,
		              out.text);
		at = bad[i].line + e->column;
		ck_assert_msg(strncmp(at, bad[i].word,
		                      e->length < strlen(bad[i].word) ? e->length
		                                                      : strlen(bad[i].word)) == 0,
		              "%s: points to \"%s\"", bad[i].line, at);
	}
}
END_TEST

START_TEST(message_looks_like_this)
{
	machine();
	add("vm name=a vcpus=two cpus=0");
	parse();
	ck_assert_str_eq(out.text, "grub.cfg has 1 mistake; no VM is started\n"
	                           "  on the line module2, number 3: vcpus= wants a number from 1 "
	                           "to 256\n"
	                           "    vm name=a vcpus=two cpus=0\n"
	                           "                    ^~~\n");
}
END_TEST

START_TEST(wholes)
{
	machine();
	parse();
	ck_assert_holds(out.text, "there is no VM");
	info.modules = 1;
	add("vm name=a");
	parse();
	ck_assert_holds(out.text, "the monitor is missing");
	machine();
	add("vm name=a mem=600M");
	add("vm name=b mem=600M");
	parse();
	ck_assert_holds(out.text, "the VMs ask for 1200 MiB of memory, 1024 MiB are free");
	machine();
	add("vm name=a");
	add("vm name=a");
	parse();
	ck_assert_holds(out.text, "number 4: module 3 has this name already");
	machine();
	add("vm name=a");
	info.module[2].size = 0;
	parse();
	ck_assert_holds(out.text, "the image is empty");
	machine();
	add("vm name=a");
	add("initrd name=a");
	add("initrd name=a");
	parse();
	ck_assert_holds(out.text, "has an initrd already: module 4");
	machine();
	for (char line[] = "vm name=a mem=2M"; line[8] < 'a' + (char)MAX_VMS; line[8]++)
		add(line);
	parse();
	ck_assert_holds(out.text, "too many VMs: 15 are possible");
	machine();
	info.machine = 0;
	add("vm name=a apicv=on");
	parse();
	ck_assert_holds(out.text, "VT-x here lacks \"use TPR shadow\": apicv=off");
}
END_TEST

START_TEST(command_line)
{
	static const struct {
		const char *line, *says;
	} cases[] = {
		{ "console=com3",
		  "console= wants com1, com2 or serial, screen, both (serial,screen) or none" },
		{ "console",
		  "console= wants com1, com2 or serial, screen, both (serial,screen) or none" },
		{ "tables=yes", "tables= wants off or on" },
		{ "crash=reboot", "crash= wants halt or poweroff" },
		{ "telemetry=com1", "want the same port" },
		{ "batch=1", "batch takes no value" },
		{ "verbose", "no such option" },
	};

	for (u32 i = 0; i < ARRAY_SIZE(cases); i++) {
		machine();
		add("vm name=a");
		strcpy(info.command_line, cases[i].line);
		parse();
		ck_assert_holds(out.text, "on the line multiboot2");
		ck_assert_holds(out.text, cases[i].says);
	}
}
END_TEST

START_TEST(options)
{
	machine();
	add("vm name=a");
	parse();
	ck_assert_uint_eq(config.console, PORT_COM1);
	ck_assert_uint_eq(config.telemetry, PORT_NONE);
	ck_assert_uint_eq(config.tables, 1);
	ck_assert_uint_eq(config.batch, 0);
	strcpy(info.command_line, "batch console=com2 tables=off telemetry=com1 crash=poweroff");
	parse();
	ck_assert_uint_eq(config.errors, 0);
	ck_assert_uint_eq(config.console, PORT_COM2);
	ck_assert_uint_eq(config.telemetry, PORT_COM1);
	ck_assert_uint_eq(config.tables, 0);
	ck_assert_uint_eq(config.batch, 1);
	strcpy(info.command_line, "console=none telemetry=none");
	parse();
	ck_assert_uint_eq(config.errors, 0);
	ck_assert_uint_eq(config.console, PORT_NONE);
}
END_TEST

/* Words, initrd lines, after= and what no line shows are looked at one kind after the other. */
START_TEST(in_the_order_of_lines)
{
	static const u32 lines[] = { CONFIG_COMMAND_LINE, 1, 2, 3, 3, 3, 4, CONFIG_NO_LINE };

	machine();
	info.modules = 1;
	add("root");
	add("initrd name=nobody");
	add("vm vcpus=2 vcpus=3 verbose");
	add("vm name=b after=nobody");
	strcpy(info.command_line, "loud");
	parse();
	ck_assert_uint_eq(config.errors, ARRAY_SIZE(lines));
	for (u32 i = 0; i < ARRAY_SIZE(lines); i++)
		ck_assert_uint_eq(config.error[i].line, lines[i]);
	ck_assert_holds(config.error[3].text, "needs a name");
	ck_assert_holds(config.error[4].text, "stands on this line already");
	ck_assert_holds(config.error[5].text, "KEY=VALUE");
}
END_TEST

/* One message for one mistake. */
START_TEST(no_second_message)
{
	static const char *const sizes[] = { "999999999G", "4096M", "3G", "x" };

	for (u32 i = 0; i < ARRAY_SIZE(sizes); i++) {
		char text[64];

		machine();
		add(strcat(strcpy(text, "vm name=a mem="), sizes[i]));
		parse();
		ck_assert_msg(config.errors == 1, "%s: %s", sizes[i], out.text);
	}
	machine();
	add("vm nam=a");
	add("vm name=b/c");
	parse();
	ck_assert_msg(config.errors == 2, "%s", out.text);
}
END_TEST

START_TEST(after)
{
	machine();
	add("vm name=a after=b");
	add("vm name=b");
	add("vm name=c after=b");
	parse();
	ck_assert_uint_eq(config.errors, 0);
	ck_assert_ptr_eq(config.vm[0].after_vm, &config.vm[1]);
	ck_assert_ptr_null(config.vm[1].after_vm);
	ck_assert_ptr_eq(config.vm[2].after_vm, &config.vm[1]);
	machine();
	add("vm name=a after=c");
	add("vm name=b after=a");
	add("vm name=c after=b");
	add("vm name=d after=a");
	parse();
	ck_assert_uint_ge(config.errors, 1);
	ck_assert_holds(out.text, "number 5: these VMs wait for each other in a circle");
}
END_TEST

/* However many mistakes there are, and however long the line. */
START_TEST(many_and_long)
{
	char line[ARGS_LEN];

	memset(line, 0, sizeof(line));
	strcpy(line, "vm");
	while (strlen(line) + 4 < sizeof(line))
		strcat(line, " x=y");
	machine();
	add(line);
	parse();
	ck_assert_uint_gt(config.errors, CONFIG_ERRORS);
	ck_assert_holds(out.text, "and 2");
	memset(line, 'x', sizeof(line) - 1);
	machine();
	add(line);
	memcpy(line, "vm name=a -- ", 13);
	add(line);
	parse();
	ck_assert_uint_eq(config.errors, 1);
	ck_assert_uint_eq(strlen(config.vm[0].config.args), ARGS_LEN - 1 - 13);
}
END_TEST

RING3_MAIN("root_config", all_keys, defaults, values, several_and_initrd, bad_lines, bad_modules,
           message_looks_like_this, wholes, command_line, options, in_the_order_of_lines,
           no_second_message, after, many_and_long)
