#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Linux's NMI watchdog, which counts cycles by the virtual PMU: it finds a CPU that spins with its
interrupts off, names it, and goes on to do so. Part of `make check-linux`.

Under pv=kvm Linux leaves this watchdog off, for a hypervisor may stop a vCPU for long; it is
switched on here. Cycles are those that a vCPU executed, not those that others took from it: with
pv=kvm the vCPU that is looked at shares its core with a VM that never halts, and so has half as
many NMIs."""
import os
import re
import shutil
import subprocess
import sys

sys.dont_write_bytecode = True
HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [f"{HERE}/../tools", f"{HERE}/../../hv/host"]
import linux_guest  # noqa: E402
import linux_vms  # noqa: E402
from linux_guest import LINUX, PLACE  # noqa: E402
from settings import outside_make  # noqa: E402
from tapvisor_test import boot, tap  # noqa: E402

LOCKED, NEXT, MS = 2, 1, 6000
NEIGHBOUR = f"ipibench.elf vm name=busy cpus={LOCKED} mem=8M -- victim work=40000 slices=5000"
# VM: its keys, what Linux says of its watchdog by itself, who else is there.
ROWS = {
    "none": ("apic=xapic pv=none", "1", []),
    "kvm": ("apic=x2apic pv=kvm", "0", [NEIGHBOUR]),
}
SCRIPT = f"""\
lock() {{
	insmod /lib/lockup.ko cpu=$1 ms={MS}
	rmmod lockup
}}
work() {{
	taskset $((1 << {LOCKED})) timeout $1 sh -c 'while :; do :; done'
}}
steal() {{
	awk '/^cpu{LOCKED} / {{ print "steal", $9 }}' /proc/stat
}}
nmis() {{
	sed -n 's/^ *\\(NMI\\|PMI\\):/\\1/p' /proc/interrupts
}}
echo '== log'
dmesg | grep -E 'Performance Events|NMI watchdog|marked event'
cat /proc/sys/kernel/nmi_watchdog
echo '== on'
echo 1 >/proc/sys/kernel/nmi_watchdog
echo 1 >/proc/sys/kernel/watchdog_thresh
echo 0 >/proc/sys/kernel/perf_cpu_time_max_percent # docs/quirks.md: an NMI that takes long
cat /proc/sys/kernel/nmi_watchdog
dmesg -n 1
dmesg -c >/dev/null
echo '== busy'
nmis
steal
work 4
nmis
steal
dmesg
echo '== locked'
lock {LOCKED}
nmis
dmesg
echo '== again'
dmesg -c >/dev/null
lock {NEXT}
dmesg -c
work 3 # an NMI that finds all well: only then a CPU is reported once more
lock {LOCKED}
dmesg
echo '== off'
echo 0 >/proc/sys/kernel/nmi_watchdog
dmesg -c >/dev/null
lock {LOCKED}
dmesg
echo '== end'
poweroff -f
"""


def build_module():
    place = f"{PLACE}/module"
    shutil.copytree(f"{HERE}/lockup", place, dirs_exist_ok=True)
    subprocess.run(["make", "-s", "-C", f"{LINUX}/headers/kernel", f"M={os.path.abspath(place)}",
                    "modules"], env=outside_make(), check=True, stdout=subprocess.DEVNULL)
    return f"{place}/lockup.ko"


def counts(text):
    """[{row: [by CPU]}] for each time that it was looked at."""
    rows = [(name, [int(n) for n in numbers.split()])
            for name, numbers in re.findall(r"^(NMI|PMI)((?: +\d+)+)", text, re.M)]
    return [dict(rows[i:i + 2]) for i in range(0, len(rows), 2)]


def lockups(text):
    """The CPUs; the console says each line, dmesg once more."""
    lines = re.findall(r"^\[ *([\d.]+)\] .*detected hard LOCKUP on cpu (\d+)", text, re.M)
    return [int(cpu) for _, cpu in sorted(set(lines))]


def look(name, out, default, shared):
    tap.like(out["log"], r"Performance Events: .*core PMU driver", f"{name}: Linux finds the PMU")
    tap.is_(out["log"].split()[-1], default, f"{name}: its watchdog is {default} by itself")
    tap.is_(out["on"].split()[-1], "1", f"{name}: it can be switched on")

    before, after = counts(out["busy"])
    came = [b - a for a, b in zip(before["PMI"], after["PMI"])]
    least, most = (1, 2) if shared else (3, 4)
    tap.ok(least <= came[LOCKED] <= most,
           f"{name}: {least} or {most} NMIs in four seconds, as it worked for {most}", str(came))
    first, last = (int(n) for n in re.findall(r"^steal (\d+)", out["busy"], re.M))
    tap.ok(last - first > 100 if shared else last - first < 20,
           f"{name}: so much was stolen from it", f"{last - first} hundredths of a second")
    tap.unlike(out["busy"], "LOCKUP|lockup|Dazed|unknown NMI", f"{name}: and no complaint",
               out["busy"])
    tap.is_(after["NMI"], after["PMI"], f"{name}: no NMI but the counters'")

    tap.is_(lockups(out["locked"]), [LOCKED],
            f"{name}: a CPU that spins with interrupts off is found, and no other", out["locked"])
    tap.like(out["locked"], r"RIP: 0010:(delay_tsc|.*_delay|rdtsc_ordered)",
             f"{name}: where it spins is shown", out["locked"])
    # Not it once more where it shares its core: Bochs lets the neighbour keep a blocking of NMIs
    # and bring it back (docs/quirks.md), which only an IRET would end.
    tap.is_(lockups(out["again"])[:1 if shared else 2], [NEXT] if shared else [NEXT, LOCKED],
            f"{name}: then another one{'' if shared else ', and it once more'}", out["again"])
    tap.unlike(out["off"], "hard LOCKUP", f"{name}: switched off, it finds nothing")


linux_guest.need([f"{LINUX}/{name}" for name in ("vmlinux", "busybox", "headers/kernel",
                                                     "module/tapvisor.ko")])
linux_guest.make_initrd(LINUX, SCRIPT, f"lib/lockup.ko={build_module()}")
for vm, (keys, by_itself, others) in ROWS.items():
    run = boot([f"vmlinux vm name={vm} vcpus=4 cpus=0-3 mem=128M {keys} -- {linux_vms.ALWAYS}",
                f"initrd initrd name={vm}", *others],
               files={"vmlinux": f"{LINUX}/vmlinux", "initrd": f"{PLACE}/initrd"}, cpus=4,
               mem=640, quantum=5, ips=20000000, seconds=900)
    found = linux_guest.sections(run.console, vm)
    tap.ok("end" in found, f"{vm}: the script comes to its end", run.explain())
    if "end" in found:
        look(vm, found, by_itself, others != [])
tap.done()
