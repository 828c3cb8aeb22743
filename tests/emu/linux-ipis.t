#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""IPIs of the patched kernel where they are not easy: hypercalls that are refused, NMIs, and CPUs
that go and come meanwhile. None may be lost. Part of `make check-linux-patched`.

The hypervisor refuses nothing that the kernel asks for, so the kernel's own error injection does it
(fail_function, see Documentation/fault-injection): tapvisor_hypercall() then returns -EINVAL."""
import json
import os
import re
import sys

sys.dont_write_bytecode = True
HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [f"{HERE}/../tools", f"{HERE}/../../hv/host"]
import linux_guest  # noqa: E402
import linux_vms  # noqa: E402
from linux_guest import PATCHED as KERNEL, PLACE  # noqa: E402
from tapvisor_test import boot, tap  # noqa: E402

COUNT, LONG = 200, 2500
# VM: pv=, switches, what is done in it.
ROWS = {
    "refused": ("tap", "", "refuse"),
    "refused-kvm": ("kvm,tap", "", "refuse"),
    "hotplug-ipi": ("kvm,tap", "no-tapvisor-tlb no_ipi_broadcast=1", "hotplug"),
    "hotplug-tlb": ("kvm,tap", "no_ipi_broadcast=1", "hotplug"),
}
# Where an IPI goes whose hypercall was refused: the path, and its sends for a mask of two.
FALLBACK = {"refused": ("x2apic", 2), "refused-kvm": ("hypercall", 1)}
PATHS = ("xapic", "x2apic", "hypercall", "hypercall-tap")
# Errors beside the two that say that a hypercall was refused.
BAD = (r"soft lockup|csd:|CSD lock|rcu.*(stall|detected)|blocked for more than|BUG:|WARNING:|Oops"
       r"|segfault|general protection|invalid opcode|unknown NMI|Dazed")

SCRIPT = f"""\
dmesg -n 1
look() {{
	sed "s/^/$1 /" /sys/kernel/debug/x86/tapvisor
	sed -n "s/^ *NMI:/$1 nmi/p" /proc/interrupts
	sed -n "s/^nr_tlb_remote_flush /$1 flushes /p" /proc/vmstat
}}
step() {{
	echo "== $1"
	shift
	look before
	tapstat --csv -- "$@"
	echo "status $?"
	look after
}}
both() {{
	step "$1-shootdown" shootdown 0-2 {COUNT}
	step "$1-nmi" taskset 1 sh -c 'echo l >/proc/sysrq-trigger'
	dmesg | grep 'NMI backtrace for cpu' | cut -c 1-70
	dmesg -c >>/tmp/log
}}
# A flush for a program that this CPU does not run: 4 forgets which of its pages were written.
cat >/tmp/others <<'end'
	taskset 2 sh -c 'while :; do :; done' &
	sleep 0.1
	for i in $(seq {COUNT}); do
		echo 4 >/proc/$!/clear_refs
	done
	kill $!
end
cat >/tmp/hotplug <<'end'
	calls() {{
		awk '/calls/ {{ n += $2 }} END {{ printf "%d ", n }}' /sys/kernel/debug/x86/tapvisor
	}}
	shootdown 0-3 {LONG} &
	sleep 0.1
	cd /sys/devices/system/cpu
	while [ -d /proc/$! ]; do
		for cpu in 3 2 1; do
			echo 0 >cpu$cpu/online
			echo "cpu $cpu off $(calls; sleep 0.05; calls)"
			echo 1 >cpu$cpu/online
			echo "cpu $cpu on $(calls; sleep 0.05; calls)"
		done
	done
	wait $! # for its status
end

cpus=/sys/devices/system/cpu/online
case $(sed 's/.*test.do=//' /proc/cmdline) in
refuse*)
	cd /sys/kernel/debug/fail_function
	echo 0 >verbose
	echo 1000000000 >times
	echo tapvisor_hypercall >inject
	both taken
	step others taskset 1 sh /tmp/others
	echo 100 >probability
	both refused
	echo 50 >probability
	both half
	echo 0 >probability
	both again
	;;
hotplug*)
	step hotplug sh /tmp/hotplug
	echo "== online"
	cat $cpus
	step after shootdown 0-3 {COUNT}
	;;
esac
dmesg -c >>/tmp/log
echo "== log"
grep -E 'refused|{BAD}' /tmp/log
echo "== end"
poweroff -f
"""


class Step:
    """What was printed between a step's name and the next one's."""

    def __init__(self, text):
        self.text = text
        self.counts = {(group, key): int(value) for group, key, value in
                       re.findall(r"(?m)^[\d.]+,([\w-]+),([\w.-]+),(\d+)$", text)}
        at = {(when, name): [int(number) for number in numbers.split()] for when, name, numbers in
              re.findall(r"(?m)^(before|after) ([a-z-]+) +([\d ]+?)(?: +[A-Z].*)?$", text)}
        self.own = {name: [b - a for a, b in zip(at[("before", name)], numbers)]
                    for (when, name), numbers in at.items()
                    if when == "after" and ("before", name) in at}

    def sum(self, name):
        """How much a count of the kernel's has grown. -1: it has none such."""
        return self.own.get(name, [-1])[0]

    def ipis(self, path, what="sends"):
        return self.counts.get(("ipis", f"{path}.{what}"), 0)

    def paths(self):
        return {path: self.ipis(path) for path in PATHS}


def near(count, expected, more=50):
    """A change may find a CPU in the kernel, and Linux wakes a thread now and then."""
    return 0.9 * expected <= count <= expected + more


def shot(name, step, count=COUNT):
    tap.like(step.text, rf"shootdown: {count} remappings seen by \d CPUs, \d+ ticks each, 0 stale",
             f"{name}: no CPU sees the page before", step.text[-1500:])
    tap.like(step.text, r"^status 0$", f"{name}: and it ends well")


def look_at_flushes(vm, name, step, refused):
    """A shootdown of two CPUs: by FLUSH_TLB, or by IPIs."""
    what = f"{vm}: {name}"
    shot(what, step)
    tap.ok(near(step.sum("flushes"), COUNT), f"{what}: /proc/vmstat has each flush once",
           str(step.own))
    names = ("tlb-calls", "tlb-targets", "tlb-refused", "tlb-fallback", "ipi-calls", "ipi-refused",
             "ipi-fallback")
    want = (0, 0, COUNT, COUNT, 0, COUNT, COUNT) if refused else (COUNT, 2 * COUNT, 0, 0, 0, 0, 0)
    tap.none([f"{key} {step.sum(key)}, not {count}" for key, count in zip(names, want)
              if not near(step.sum(key), count, 20)], f"{what}: the kernel's counts say so",
             str(step.own))
    path, sends = FALLBACK[vm]
    want = {each: sends * COUNT if refused and each == path else 0 for each in PATHS}
    got = step.paths()
    tap.ok(all(near(got[each], want[each]) for each in PATHS),
           f"{what}: {f'IPIs by {path}' if refused else 'no IPIs'}", f"{got}, not {want}")
    if refused:
        interrupts = step.counts.get(("interrupts", "TLB"), 0)
        tap.ok(near(interrupts, 2 * COUNT), f"{what}: each CPU has its interrupts",
               str(interrupts))


def look_at_others(vm, step):
    what = f"{vm}: flushes for another CPU alone"
    tap.ok(near(step.sum("flushes"), COUNT), f"{what}: /proc/vmstat has each once", str(step.own))
    tap.ok(near(step.sum("tlb-targets"), COUNT), f"{what}: by hypercall", str(step.own))


def look_at_half(vm, step):
    """Each hypercall is refused or not, as it comes."""
    what = f"{vm}: half of them refused"
    shot(what, step)
    done, refused = step.sum("tlb-calls"), step.sum("tlb-refused")
    tap.ok(near(done + refused, COUNT) and min(done, refused) > COUNT // 4,
           f"{what}: some are done, some not", str(step.own))
    tap.ok(step.sum("ipi-calls") > 0 and step.sum("ipi-fallback") == step.sum("ipi-refused") > 0,
           f"{what}: so are the IPIs for those that are not", str(step.own))


def look_at_nmi(vm, name, step, refused):
    """SysRq l on CPU 0: it prints its own stack, the others are asked by NMI."""
    what = f"{vm}: NMIs, {name}"
    tap.is_(step.own.get("nmi"), [0, 1, 1, 1], f"{what}: one for each of the others", step.text)
    tap.is_(sorted(re.findall(r"NMI backtrace for cpu (\d)", step.text)), list("0123"),
            f"{what}: each CPU says where it is", step.text)
    if refused is None:
        return
    got = tuple(step.sum(key) for key in ("ipi-calls", "ipi-targets", "ipi-refused",
                                          "ipi-fallback"))
    tap.is_(got, (0, 0, 1, 1) if refused else (1, 3, 0, 0),
            f"{what}: by {'the driver' if refused else 'one hypercall'}", str(step.own))
    path = FALLBACK[vm][0] if refused else "hypercall-tap"
    tap.ok(step.ipis(path, "targets") >= 3, f"{what}: by {path}", str(step.counts))
    tap.ok(refused or step.ipis(path) == 1, f"{what}: no other mask", str(step.paths()))


def look_at_refused(vm, steps):
    for name, refused in (("taken", False), ("refused", True), ("half", None), ("again", False)):
        flushes = steps[f"{name}-shootdown"]
        if refused is None:
            look_at_half(vm, flushes)
        else:
            look_at_flushes(vm, name, flushes, refused)
        look_at_nmi(vm, name, steps[f"{name}-nmi"], refused)
    look_at_others(vm, steps["others"])
    log = steps["log"].text
    tap.is_(sorted(re.findall(r"tapvisor: (.*) refused: -22", log)), ["IPIs", "TLB flush"],
            f"{vm}: the kernel warns once of each kind", log)
    tap.is_(len(re.findall(BAD, log)), 2, f"{vm}: and of nothing else", log)


def look_at_hotplug(vm, steps):
    during, after = steps["hotplug"], steps["after"]
    shot(vm, during, LONG)
    kind = vm.removeprefix("hotplug-")
    for state in ("off", "on"):
        windows = [int(after) - int(before) for before, after in
                   re.findall(rf"cpu \d {state} (\d+) (\d+)", during.text)]
        tap.ok(len(windows) >= 3 and sum(windows) >= 2 * len(windows),
               f"{vm}: three CPUs are {state}, while hypercalls are made",
               str(windows), during.text[-1500:])
        tap.note(f"{vm}: {len(windows)} times {state}, hypercalls meanwhile: {sum(windows)}")
    tap.is_(during.sum(f"{kind}-refused"), 0, f"{vm}: none is refused", str(during.own))
    tap.is_(steps["online"].text.strip(), "0-3", f"{vm}: all are there at the end")
    shot(f"{vm}: after", after)
    tap.ok(near(after.sum(f"{kind}-calls"), COUNT)
           and near(after.sum(f"{kind}-targets"), 3 * COUNT, 150),
           f"{vm}: after: one hypercall reaches all three", str(after.own))
    tap.is_(steps["log"].text.strip(), "", f"{vm}: no IPI is waited for in vain")


def start():
    modules, before = [], ""
    for name, (pv, switches, do) in ROWS.items():
        modules += [f"vmlinux vm name={name} vcpus=4 cpus=0-3 mem=64M apic=x2apic pv={pv}"
                    f" counters=on{before} -- {linux_vms.ALWAYS} csdlock_debug=1 {switches}"
                    f" test.do={do}", f"initrd initrd name={name}"]
        before = f" after={name}"
    return boot(modules, cpus=4, mem=768, quantum=5, ips=20000000, seconds=600,
                files={"vmlinux": f"{KERNEL}/vmlinux", "initrd": f"{PLACE}/initrd"})


linux_guest.need_patched("vmlinux", "module/tapvisor.ko")
linux_guest.make_initrd(KERNEL, SCRIPT)
run = start()
for vm, (_, _, do) in ROWS.items():
    steps = {name: Step(text) for name, text in linux_guest.sections(run.console, vm).items()}
    tap.ok("end" in steps, f"{vm}: every step was taken", *steps, run.explain())
    if "end" in steps:
        (look_at_refused if do == "refuse" else look_at_hotplug)(vm, steps)
    tap.is_((run.vm_end(vm) or {}).get("reason"), "power-off", f"{vm}: switches itself off")
tap.is_([record["ok"] for record in run.lines("verdict")], [True], "the verdict is ok",
        json.dumps(run.lines("verdict")))
tap.done()
