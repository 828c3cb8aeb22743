#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""An hour of stress-ng in a Linux guest whose four vCPUs share two cores, and no lost interrupt:
the kernel must not complain of soft lockups, unanswered function calls or RCU stalls.

`make soak-linux`. From the environment: MINUTES of the guest's time (60) and IPS, the instructions
that are a second of it (5000000): the fewer, the sooner it is over, and the less a guest can do
before its own time limits run out, which so become stricter. `patched` as argument: the patched
kernel, in which who waits for a CPU's answer complains after 5 seconds and names it.
"""
import json
import os
import re
import sys

sys.dont_write_bytecode = True
HERE = os.path.dirname(os.path.abspath(__file__))
TOP = os.path.abspath(f"{HERE}/../..")
sys.path[:0] = [f"{HERE}/../tools", f"{HERE}/../../hv/host"]
import linux_guest  # noqa: E402
import linux_vms  # noqa: E402
from settings import Wrong, check_given, number  # noqa: E402
from tapvisor_test import boot, tap  # noqa: E402

PATCHED = "patched" in sys.argv[1:]
FILES = linux_guest.PATCHED if PATCHED else linux_guest.LINUX
try:
    # `make soak-linux` hands in what stands on its command line.
    check_given([word.removeprefix("--given=") for word in sys.argv[1:]
                 if word.startswith("--given=")], ("MINUTES", "IPS", "DEBIAN"))
    MINUTES, IPS = number("MINUTES", 60, 1, 10000), number("IPS", 5000000, 1000000, 1000000000)
except Wrong as error:
    print(f"soak-linux: {error}", file=sys.stderr)
    sys.exit(2)
if "--settings" in sys.argv[1:]:
    sys.exit(0)
PV = "kvm,tap" if PATCHED else "kvm"
# Wall time: a busy host may emulate 2,000,000 ticks a second.
SECONDS = 600 + MINUTES * 60 * IPS // 2000000


def prepare():
    if PATCHED:
        linux_guest.need_patched("vmlinux")
    linux_guest.need([f"{FILES}/vmlinux", f"{FILES}/initrd-tools"], "IPS", "MINUTES")


class Progress:
    """What the guest says of its rounds, as it says it."""
    rest = b""

    def sink(self, piece):
        *lines, self.rest = (self.rest + piece).split(b"\n")
        for line in lines:
            if line.startswith(b"[linux] soak: "):
                tap.note(line[8:].decode("utf-8", "replace").strip())


prepare()
tap.note(f"{MINUTES} minute{'s' * (MINUTES > 1)} of the guest's time; Linux boots first")
run = boot([f"vmlinux vm name=linux vcpus=4 cpus=0-1 mem=256M apic=x2apic pv={PV} counters=on --"
            f" {linux_vms.ALWAYS} csdlock_debug=1 tapvisor.soak={MINUTES}",
            "initrd initrd name=linux"],
           files={"vmlinux": f"{TOP}/{FILES}/vmlinux", "initrd": f"{TOP}/{FILES}/initrd-tools"},
           cpus=2, mem=1024, quantum=5, ips=IPS, seconds=SECONDS,
           sink=Progress().sink)
rounds = run.lines("guest-soak", vm="linux")
last = rounds[-1] if rounds else {}
tap.ok(last.get("seconds", 0) >= MINUTES * 60, f"it ran for {MINUTES} minutes of the guest's time",
       str(last), run.explain())
tap.none([row for row in rounds if row["status"] or not row["operations"]] or
         ["no round"] * (not rounds), "stress-ng and shootdown did well in each round")
said = [line for line in run.console.split("\n") if re.match(r"\[linux\] soak: \[", line)]
tap.ok(rounds and last["complaints"] == 0, "no soft lockup, no unanswered call, no RCU stall",
       *said[:20])
sent = sum(record["requested"] for record in run.lines("ipi", vm="linux")
           if record["path"] != "msi")
tap.note(f"{len(rounds)} round{'s' * (len(rounds) != 1)}, "
         f"{sum(row['operations'] for row in rounds):,} operations, "
         f"{sent:,} IPIs to vCPUs in {run.seconds:.0f} s of wall time")
tap.ok(sent > MINUTES * 1000, "IPIs were sent all the time", str(sent))
end = run.vm_end("linux") or {}
tap.is_(end.get("reason"), "power-off", "Linux switches itself off", run.explain())
tap.is_([record["ok"] for record in run.lines("verdict")], [True], "the verdict is ok",
        json.dumps(run.lines("verdict")))
tap.done()
