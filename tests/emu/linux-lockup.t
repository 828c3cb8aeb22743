#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Linux's NMI watchdog, which counts cycles by the virtual PMU: it finds a CPU that spins with its
interrupts off, names it, and is silent about one that is only slow. Part of `make check-linux`.

Under pv=kvm Linux leaves this watchdog off, for a hypervisor may stop a vCPU for long; it is
switched on here. Our cycles are those that a vCPU executed, so what others take from it is no
alarm: with pv=kvm, the vCPU that is looked at shares its core with a VM that never halts."""
import os
import re
import shutil
import subprocess
import sys

sys.dont_write_bytecode = True
HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, f"{HERE}/../tools")
import linux_guest  # noqa: E402
import linux_vms  # noqa: E402
from linux_guest import LINUX, PLACE  # noqa: E402
from settings import outside_make  # noqa: E402
from tapvisor_test import boot, tap  # noqa: E402

LOCKED, MS = 2, 6000
FOUND = rf"Watchdog detected hard LOCKUP on cpu {LOCKED}\b"
NEIGHBOUR = f"ipibench.elf vm name=busy cpus={LOCKED} mem=8M -- victim work=40000 slices=5000"
# VM: its keys, what Linux says of its watchdog by itself, who else is there.
ROWS = {
    "none": ("apic=xapic pv=none", "1", []),
    "kvm": ("apic=x2apic pv=kvm", "0", [NEIGHBOUR]),
}
SCRIPT = f"""\
nmis() {{
	sed -n 's/^ *\\(NMI\\|PMI\\):/\\1/p' /proc/interrupts
}}
echo '== log'
dmesg | grep -E 'Performance Events|NMI watchdog|marked event'
cat /proc/sys/kernel/nmi_watchdog
echo '== on'
echo 1 >/proc/sys/kernel/nmi_watchdog
echo 1 >/proc/sys/kernel/watchdog_thresh
cat /proc/sys/kernel/nmi_watchdog
dmesg -n 1
dmesg -c >/dev/null
echo '== busy'
nmis
taskset $((1 << {LOCKED})) timeout 4 sh -c 'while :; do :; done'
nmis
dmesg
echo '== locked'
insmod /lib/lockup.ko cpu={LOCKED} ms={MS} 2>/dev/null
nmis
dmesg
echo '== off'
echo 0 >/proc/sys/kernel/nmi_watchdog
dmesg -c >/dev/null
insmod /lib/lockup.ko cpu={LOCKED} ms={MS} 2>/dev/null
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


def said_by(name, console):
    """Its lines, without its name."""
    return "".join(f"{line}\n" for line in re.findall(rf"^\[{name}\] ?(.*?)\r*$", console, re.M))


def counts(text):
    """[{row: [by CPU]}] for each time that it was looked at."""
    rows = [(name, [int(n) for n in numbers.split()])
            for name, numbers in re.findall(r"^(NMI|PMI)((?: +\d+)+)", text, re.M)]
    return [dict(rows[i:i + 2]) for i in range(0, len(rows), 2)]


def look(name, out, default, shared):
    tap.like(out["log"], r"Performance Events: .*core PMU driver", f"{name}: Linux finds the PMU")
    tap.is_(out["log"].split()[-1], default, f"{name}: its watchdog is {default} by itself")
    tap.is_(out["on"].split()[-1], "1", f"{name}: it can be switched on")

    before, after = counts(out["busy"])
    came = [b - a for a, b in zip(before["PMI"], after["PMI"])]
    least = 1 if shared else 3
    tap.ok(least <= came[LOCKED] <= 4, f"{name}: an NMI for each second of work", str(came))
    tap.unlike(out["busy"], "LOCKUP|lockup|Dazed|unknown NMI", f"{name}: and no complaint",
               out["busy"])
    tap.is_(after["NMI"], after["PMI"], f"{name}: no NMI but the counters'")

    tap.like(out["locked"], FOUND, f"{name}: a CPU that spins with interrupts off is found",
             out["locked"])
    tap.like(out["locked"], r"RIP: 0010:(delay_tsc|.*_delay|rdtsc_ordered)",
             f"{name}: where it spins is shown", out["locked"])
    tap.is_(set(re.findall(r"hard LOCKUP on cpu (\d+)", out["locked"])), {str(LOCKED)},
            f"{name}: no other is blamed")
    tap.unlike(out["off"], "hard LOCKUP", f"{name}: switched off, it finds nothing")


linux_guest.need([f"build/linux/{name}" for name in ("vmlinux", "busybox", "headers/kernel",
                                                     "module/tapvisor.ko")])
linux_guest.make_initrd(LINUX, SCRIPT, f"lib/lockup.ko={build_module()}")
for vm, (keys, by_itself, others) in ROWS.items():
    run = boot([f"vmlinux vm name={vm} vcpus=4 cpus=0-3 mem=128M {keys} -- {linux_vms.ALWAYS}",
                f"initrd initrd name={vm}", *others],
               files={"vmlinux": f"{LINUX}/vmlinux", "initrd": f"{PLACE}/initrd"}, cpus=4,
               mem=640, quantum=5, ips=20000000, seconds=900)
    parts = re.split(r"(?m)^== (\w+)\n", said_by(vm, run.console))
    found = dict(zip(parts[1::2], parts[2::2]))
    tap.ok("end" in found, f"{vm}: the script comes to its end", run.explain())
    if "end" in found:
        look(vm, found, by_itself, others != [])
tap.done()
