/* SPDX-License-Identifier: MIT */
/*
 * A root that makes and destroys VMs and counts the free frames before and after: one line of
 * telemetry for each way. Modules: root, a monitor that goes wrong when told to, a guest's image.
 */
#include "hv/base/string.h"
#include "hv/ring3/root/json.h"
#include "hv/ring3/root/serial.h"
#include "hv/ring3/rt/sys.h"

enum { MONITOR_MODULE = 1, IMAGE_MODULE = 2 };

static const struct root_info *info = (const struct root_info *)USER_INFO;
static const struct port_ops ports = { port_in, port_out };
static const struct sys *sys;
static u64 failed; /* calls and events that were not as they should be */

static void put(struct out *out, const char *text, size_t n)
{
	(void)out;
	for (size_t i = 0; i < n; i++) {
		while ((port_in(SERIAL_COM2 + 5) & 0x20) == 0)
			__builtin_ia32_pause();
		port_out(SERIAL_COM2, (u8)text[i]);
	}
}

static struct out com2 = { put };

static u64 free_frames(void)
{
	return sys_query(sys, QUERY_FREE_FRAMES, 0);
}

static struct vm_config usual(void)
{
	return (struct vm_config){
		.name = "a",
		.vcpus = 2,
		.features = VM_PV_KVM | VM_PV_TAP | VM_COUNTERS,
		.apic = APIC_X2APIC,
		.monitor_module = MONITOR_MODULE,
		.image_module = IMAGE_MODULE,
		.module = { MODULE_NONE, MODULE_NONE, MODULE_NONE, MODULE_NONE },
		.weight = 100,
		.cores = BITS(info->cores - 1, 0),
		.memory = 2ull << 20,
	};
}

static s64 create(struct vm_config config)
{
	*sys_config(sys) = config;
	return sys_vm_create(sys);
}

static void expect(bool good)
{
	failed += good ? 0 : 1;
}

static void wait_for(u32 kind)
{
	u64 end = sys_query(sys, QUERY_NOW, 0) + 100 * info->process.tsc_hz;

	do {
		if (sys_wait(sys, info->process.tsc_hz) && sys_event(sys)->kind == kind)
			return;
	} while (sys_query(sys, QUERY_NOW, 0) < end);
	failed++;
}

static void destroy(s64 vm)
{
	expect(sys_vm_destroy(sys, (u32)vm) == 0);
	wait_for(ROOT_EVENT_VM_GONE);
}

static void round_unstarted(u32 i)
{
	struct vm_config config = usual();

	config.vcpus = 1 + i % 3;
	destroy(create(config));
}

/* Stopped at moments spread over the start of its monitor and guest. */
static void round_stopped(u32 i)
{
	s64 vm = create(usual());

	expect(vm > 0 && sys_vm_start(sys, (u32)vm) == 0);
	sys_sleep(sys, 1 + i * 20000ull);
	expect(sys_vm_destroy(sys, (u32)vm) == SYS_EBUSY);
	expect(sys_vm_stop(sys, (u32)vm) == 0);
	wait_for(ROOT_EVENT_VM_END);
	destroy(vm);
}

static void round_paused(u32 i)
{
	s64 vm = create(usual());

	expect(vm > 0 && sys_vm_start(sys, (u32)vm) == 0);
	sys_sleep(sys, 1 + i * 50000ull);
	expect(sys_vm_pause(sys, (u32)vm, true) == 0);
	expect(sys_vm_destroy(sys, (u32)vm) == SYS_EBUSY);
	expect(sys_vm_stop(sys, (u32)vm) == 0);
	wait_for(ROOT_EVENT_VM_END);
	destroy(vm);
}

/* Needs the monitor of monitor_bad.c. */
static void round_faulted(u32 i)
{
	static const char *const ways[] = {
		"null", "stack", "halt", "run-data", "exit", "reply-action", "calls", "rings",
	};
	const char *way = ways[i % ARRAY_SIZE(ways)];
	struct vm_config config = usual();
	s64 vm;

	memcpy(config.args, way, strlen(way) + 1);
	vm = create(config);
	expect(vm > 0 && sys_vm_start(sys, (u32)vm) == 0);
	wait_for(ROOT_EVENT_VM_END);
	destroy(vm);
}

/* What cannot be made leaves nothing behind. */
static void round_refused(u32 i)
{
	struct vm_config config = usual();

	switch (i % 8) {
	case 0:
		config.memory = align_down(info->memory_free, 2ull << 20);
		break;
	case 1:
		config.monitor_module = IMAGE_MODULE + 1;
		break;
	case 2:
		config.monitor_module = IMAGE_MODULE; /* an ELF, but not one of ours */
		break;
	case 3:
		config.cores = ~0ull;
		break;
	case 4:
		config.vcpus = MAX_VCPUS + 1;
		break;
	case 5:
		memset(config.name, 'a', sizeof(config.name));
		break;
	case 6:
		config.features = ~0u;
		break;
	default:
		config.memory = 0xfffffffffffff000ull;
		break;
	}
	expect(create(config) < 0);
}

static void churn(const char *what, u32 rounds, void (*round)(u32 i))
{
	u64 before;

	round(0); /* page tables of root's own stay */
	before = free_frames();
	failed = 0;
	for (u32 i = 0; i < rounds; i++)
		round(i);
	json_begin(&com2, "frames");
	json_text(&com2, "what", what);
	json_number(&com2, "rounds", rounds);
	json_number(&com2, "failed", failed);
	json_number(&com2, "before", before);
	json_number(&com2, "after", free_frames());
	json_end(&com2);
}

u64 rt_main(u64 index)
{
	const struct sys mine = { sys_call, tsc_read, sys_thread_page(index) };
	struct serial serial;

	sys = &mine;
	serial_init(&serial, &ports, SERIAL_COM2);
	churn("never started", 1000, round_unstarted);
	churn("stopped", 40, round_stopped);
	churn("paused", 10, round_paused);
	churn("refused", 40, round_refused);
	churn("monitor went wrong", 48, round_faulted);
	while (!serial_idle(&serial))
		__builtin_ia32_pause();
	sys_power(sys, POWER_OFF);
	return 0;
}
