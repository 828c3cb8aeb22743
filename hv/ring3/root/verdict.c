/* SPDX-License-Identifier: MIT */
/* pure: also compiled on the host */
#include "hv/ring3/root/report.h"

#include "hv/abi/names.h"

#define READS 8u /* of counters that may just be changing */

static u32 check_end(const struct report_vm *vm, struct out *out)
{
	if (vm->end == END_POWER_OFF || (vm->end == END_DEBUG_EXIT && vm->value == 0))
		return 0;
	if (vm->end == END_NONE)
		out_print(out, "%s %s\n", vm->name,
		          report_vcpu(vm, 0)->created == 0 ? "was never started" : "still runs");
	else if (vm->end == END_DEBUG_EXIT)
		out_print(out, "%s ended by debug-exit with %llu, not 0\n", vm->name,
		          (unsigned long long)vm->value);
	else
		out_print(out, "%s %s\n", vm->name, vm_end_text(vm->end));
	return 1;
}

static u32 check_times(const struct report_vm *vm, u32 vcpu, struct out *out)
{
	const struct vcpu_counters *c = report_vcpu(vm, vcpu);
	u64 sum = 0;

	for (u32 time = 0; time < VCPU_TIMES; time++)
		sum += c->time[time];
	if (sum == c->now - c->created)
		return 0;
	out_print(out, "%s vCPU %u: its times add up to %llu, the clock says %llu\n", vm->name,
	          vcpu, (unsigned long long)sum, (unsigned long long)(c->now - c->created));
	return 1;
}

static u32 check_blame(const struct report_vm *vm, u32 vcpu, struct out *out)
{
	const struct vcpu_counters *c = report_vcpu(vm, vcpu);
	u64 steal = c->time[TIME_READY] + c->time[TIME_TAKEN], sum = 0;

	for (u32 culprit = 0; culprit < MAX_VMS; culprit++)
		for (u32 cause = 0; cause < BLAME_CAUSES; cause++)
			sum += c->blame[culprit][cause];
	if (sum == steal)
		return 0;
	out_print(out, "%s vCPU %u: others are blamed for %llu, %llu were stolen\n", vm->name, vcpu,
	          (unsigned long long)sum, (unsigned long long)steal);
	return 1;
}

static u32 check_ipis(const struct report_vm *vm, u32 vcpu, struct out *out)
{
	u32 failed = 0;

	for (u32 path = 0; path < IPI_PATHS; path++) {
		const struct ipi_counter *c = &report_vcpu(vm, vcpu)->ipi[path];

		if (c->requested == c->posted + c->coalesced + c->dropped)
			continue;
		out_print(out,
		          "%s vCPU %u, %s: %llu requested, but %llu posted + %llu coalesced + "
		          "%llu dropped\n",
		          vm->name, vcpu, ipi_path_name(path), (unsigned long long)c->requested,
		          (unsigned long long)c->posted, (unsigned long long)c->coalesced,
		          (unsigned long long)c->dropped);
		failed++;
	}
	return failed;
}

u32 verdict_vm(const struct report_vm *vm, struct out *out)
{
	u32 failed = check_end(vm, out);

	for (u32 vcpu = 0; vcpu < vm->vcpus; vcpu++) {
		failed += check_times(vm, vcpu, out);
		failed += check_blame(vm, vcpu, out);
		failed += check_ipis(vm, vcpu, out);
	}
	return failed;
}

static bool adds_up(const struct report *r, const struct core_times *t)
{
	u64 sum = t->idle + t->vms + t->host;

	return r->complete ? sum == t->wall : sum <= t->wall;
}

u32 verdict_cores(const struct report *r, struct out *out)
{
	u32 failed = 0;

	for (u32 core = 0; core < r->cores; core++) {
		struct core_times t = total_core(r, core);

		for (u32 i = 1; i < READS && !adds_up(r, &t); i++)
			t = total_core(r, core);
		if (adds_up(r, &t))
			continue;
		out_print(out,
		          "core %u: idle %llu + VMs %llu + host %llu is not the clock's %llu\n",
		          core, (unsigned long long)t.idle, (unsigned long long)t.vms,
		          (unsigned long long)t.host, (unsigned long long)t.wall);
		failed++;
	}
	return failed;
}
