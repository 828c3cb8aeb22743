#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The tools inside of a Linux guest: Debian's kernel with tapvisor.ko, /dev/tapvisor, ipibench and
tapstat. `linux-inside.t patched` boots the patched kernel instead, if it was built, and holds what
it says of its hypercalls against what the hypervisor counted."""
import json
import os
import re
import sys

sys.dont_write_bytecode = True
HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [f"{HERE}/../tools", f"{HERE}/../../hv/host"]
import linux_guest  # noqa: E402
import linux_vms  # noqa: E402
from linux_guest import PLACE  # noqa: E402
from tapvisor_test import BUILD, boot, tap  # noqa: E402

PATCHED = "patched" in sys.argv[1:]
KERNEL = linux_guest.PATCHED if PATCHED else linux_guest.LINUX
BENCH = "/sys/kernel/debug/tapvisor/ipibench"

# Each step's output stands between its name and the next one's.
STEPS = [
    ("kernel", "dmesg | grep -iE 'tapvisor:|kvm-guest|APIC routing|IPI shorthand'"),
    ("device", "ls -l /dev/tapvisor; (echo x >/dev/tapvisor) 2>&1; echo status $?"),
    ("bench", f"echo all n=30 warmup=3 state=both >{BENCH}; echo status $?; cat {BENCH};"
              f" cat {BENCH}.json >/dev/ttyS1"),
    ("wrong", "dmesg -n 1; " + "".join(f"echo {words} >{BENCH}; " for words in
                      ("n=0", "n=1.5", "fast", "targets=4", "self state=halted",
                       "self unicast state=halted")) + "dmesg | tail -n 6; dmesg -n 7;"
              f" echo rows $(grep -c ' spinning ' {BENCH})"),
    ("awake", f"echo all n=2 warmup=0 state=halted >{BENCH}; echo status $?; cat {BENCH}"),
    ("options", "tapstat -i 0; echo status $?; tapstat -n1.7; echo status $?;"
                " tapstat -i 5 --once; echo status $?;"
                " tapstat --device /dev/null; echo status $?;"
                " tapstat --device=/nowhere; echo status $?;"
                " tapstat --once >/dev/full; echo status $?;"
                " tapstat -i0.1 -n 100 >/dev/full; echo status $?"),
    ("stopped", "begin=$(cut -d . -f 1 /proc/uptime); timeout -s INT 1 sh -c"
                f" 'echo unicast n=100000 state=halted pause=5000 >{BENCH}'; echo status $?;"
                " echo took $(($(cut -d . -f 1 /proc/uptime) - begin)) s;"
                f" echo 0 >/sys/devices/system/cpu/cpu3/online; echo status $?;"
                f" echo 1 >/sys/devices/system/cpu/cpu3/online; cat {BENCH}"),
    ("command", f"tapstat --csv -- sh -c 'echo broadcast n=200 warmup=0 >{BENCH}; exit 7';"
                " echo status $?"),
    ("shootdown", "tapstat --csv -- shootdown 0-2 300; echo status $?;"
                  " shootdown 0; echo status $?; shootdown 0-2 1.7; echo status $?"),
    ("interval", "tapstat -i0.2 --count=1"),
    ("patch", "cat /sys/kernel/debug/x86/tapvisor 2>&1"),
    ("counts", "tapstat --once --csv"),
    ("end", "poweroff -f"),
]


def prepare():
    """The initramfs."""
    needs = ("vmlinux", "module/tapvisor.ko")
    if PATCHED:
        linux_guest.need_patched(*needs)
    linux_guest.need([*(f"{KERNEL}/{name}" for name in needs), f"{linux_guest.LINUX}/busybox",
                      f"{BUILD}/tapstat", f"{BUILD}/shootdown"])
    linux_guest.make_initrd(KERNEL, "".join(f"echo; echo '== {name}'\n{command}\n"
                                            for name, command in STEPS))


def csv(text):
    """The last report in it: {(group, name): value}."""
    found = re.findall(r"(?m)^[\d.]+,([\w-]+),([\w.-]+),(\d+)$", text)
    return {(group, name): int(value) for group, name, value in found}


def look_at_bench(run, out):
    rows = run.lines("guest-linux-bench", vm="linux")
    want = {("self", "spinning", 1)} | {
        (op + kind, state, targets) for state in ("spinning", "halted") for kind in ("", "-send")
        for op, targets in (("unicast", 1), ("set", 2), ("broadcast", 3))}
    tap.is_({(row["op"], row["state"], row["targets"]) for row in rows}, want,
            "ipibench: a row for each operation and state", out["bench"], run.telemetry_error)
    tap.none([row for row in rows if not (row["n"] == 30 and 0 < row["min"] <= row["p50"]
                                          <= row["p99"] <= row["max"])],
             "ipibench: distributions are in order")
    # A CPU that has halted and is awake again, still in Linux's idle loop, is told without an
    # interrupt (TIF_POLLING_NRFLAG).
    least = {"spinning": 1, "halted": 0.9}
    tap.none([row for row in rows if row["sender_exits_per_op"] is None
              or row["sender_exits_per_op"] < least[row["state"]]],
             "ipibench: each operation took an exit at least")
    of = {row["op"]: (row["path"], row["addressing"]) for row in rows if row["state"] == "halted"}
    mask = "hypercall-tap" if PATCHED else "hypercall"
    tap.is_(of, {"unicast": ("x2apic", "physical"), "unicast-send": ("x2apic", "physical"),
                 "set": (mask, "bitmap"), "set-send": (mask, "bitmap"),
                 "broadcast": ("x2apic", "shorthand"), "broadcast-send": ("x2apic", "shorthand")},
            "ipibench: one CPU by the ICR, a set by one hypercall, all by a shorthand")
    halted = [row for row in rows if row["state"] == "halted"]
    tap.ok(sum(row["not_halted"] for row in halted) <= len(halted) * 3,
           "ipibench: targets that were to be halted were, nine times of ten", *halted)


def look_at_tapstat(out):
    counts = csv(out["command"])
    tap.like(out["command"], r"^status 7$", "tapstat: the command's status is its own")
    broadcasts = counts.get(("ipis", "x2apic.targets"), 0)
    # 200 broadcasts until the caller goes on and 200 until all have answered, to 3 CPUs each.
    tap.ok(1200 <= broadcasts <= 1200 + 400, "tapstat: 400 broadcasts to 3 CPUs are 1,200 targets",
           f"counted: {broadcasts}", out["command"])
    calls = counts.get(("interrupts", "CAL"), 0)
    tap.ok(1200 <= calls <= broadcasts, "tapstat: the guest's own CAL row agrees",
           f"CAL {calls}, targets {broadcasts}")
    tap.is_(sum(value for (group, _), value in counts.items() if group == "exits"),
            counts.get(("all", "exits")), "tapstat: exits by reason add up")
    steal = sum(value for (group, _), value in counts.items() if group == "blame")
    tap.ok(abs(steal - counts.get(("all", "steal"), -1)) <= 0.05 * steal + 1000,
           "tapstat: blame adds up to steal, as far as a glance can tell",
           f"blame {steal}, steal {counts.get(('all', 'steal'))}")
    for pattern in (r"^vm \d+, 4 vCPUs, 0\.\d+ s$", r"^exits +count", r"^  hlt +\d+ +\d+ +\d+\.\d%",
                    r"^interrupts +guest: RES \d+ \+ CAL \d+ = \d+, of them TLB \d+\n"
                    r" +hypervisor: IPIs \d+, injected \d+, PV flushes \d+$",
                    r"^time +guest \d+\.\d% exit", r"^steal +\d+ ticks"):
        tap.like(out["interval"], pattern, f"tapstat: a table has {pattern}", out["interval"])
    for says in ("-i 0: a number from 0.1 to 3600 is expected\nstatus 2",
                 "-n 1.7: not a whole number; 1 or 2 would be\nstatus 2",
                 "--once and --interval exclude each other\nstatus 2",
                 "/dev/null is not what tapvisor.ko makes: .*\nstatus 3",
                 "/nowhere: No such file or directory; it wants tapvisor.ko.*\nstatus 3",
                 "what was counted could not be written\nstatus 1\n"
                 "tapstat: what was counted could not be written\nstatus 1"):
        tap.like(out["options"], says, f"tapstat says: {says.splitlines()[0]}", out["options"])


def look_at_shootdown(out):
    """300 times a page changes that two of the three other CPUs have in use. Now and then one of
    them runs a kernel thread just then, flushes when it comes back, and the other is reached as a
    single CPU: that is no mask."""
    least = 0.9
    counts = csv(out["shootdown"])
    tap.like(out["shootdown"], r"300 remappings seen by 2 CPUs, \d+ ticks each, 0 stale$",
             "shootdown: no CPU sees the page before", out["shootdown"])
    tap.like(out["shootdown"], r"^status 0$", "shootdown: and says so by its status")
    tap.like(out["shootdown"], r"usage: shootdown .*\nstatus 2$", "shootdown: one CPU is too few")
    tap.is_(len(re.findall(r"usage: shootdown .*\nstatus 2$", out["shootdown"], re.M)), 2,
            "shootdown: 1.7 is no count", out["shootdown"])
    interrupts = counts.get(("interrupts", "TLB"), 0)
    if PATCHED:
        vmcalls, flushes = (counts.get(key, 0) for key in (("exits", "vmcall"),
                                                           ("events", "pv-tlb-flush")))
        tap.ok(least * 300 <= vmcalls <= 300 + 50, "shootdown: one hypercall for each change",
               f"{vmcalls}")
        tap.ok(least * 600 <= flushes <= 600 + 100,
               "shootdown: the hypervisor flushes for both CPUs", out["shootdown"])
        tap.ok(interrupts <= 20, "shootdown: nobody is interrupted", f"TLB {interrupts}")
        return
    sends, targets = (counts.get(("ipis", f"hypercall.{name}"), 0) for name in ("sends", "targets"))
    tap.ok(least * 300 <= sends <= 300 + 50, "shootdown: one hypercall for each change",
           f"{sends}")
    tap.ok(least * 600 <= targets <= 600 + 100, "shootdown: two CPUs in each", f"{targets}")
    tap.ok(least * 600 <= interrupts <= 600 + 100,
           "shootdown: the guest's own TLB row agrees", f"TLB {interrupts}")


def look_at_device(out):
    tap.like(out["device"], r"^cr--r--r--.*/dev/tapvisor", "/dev/tapvisor is read-only",
             out["device"])
    tap.like(out["device"], r"^status [1-9]", "and does not open for writing", out["device"])
    for says in (r"n=0: a whole number from 1 to 100000", r"n=1\.5: a whole number",
                 r"fast: there are self unicast set", r"targets=4: there are 3 others"):
        tap.like(out["wrong"], says, f"ipibench says: {says}", out["wrong"])
    tap.like(out["wrong"], r"^rows 7$", "ipibench: what is refused leaves the rows", out["wrong"])
    tap.is_(len(re.findall(r"self state=halted: who sends to itself is not halted", out["wrong"])),
            2, "ipibench: self does not wait for itself to halt", out["wrong"])
    tap.like(out["awake"], r"^status 0\n(.*\n)*unicast .* halted ", "ipibench: all others do",
             out["awake"])
    tap.unlike(out["awake"], r"^self ", "ipibench: without a row for self", out["awake"])
    tap.like(out["stopped"], r"^status [1-9]\d*\ntook [0-4] s\n(?:\[.*\n)*status 0\n",
             "ipibench: a run of ten minutes can be interrupted, and holds no CPU then",
             out["stopped"])
    tap.like(out["stopped"], r"^# nothing was measured", "ipibench: it left no row", out["stopped"])


def look_at_patch(out):
    """What the kernel counted, and the hypervisor a moment later."""
    own = {name: int(total) for name, total in
           re.findall(r"(?m)^([a-z]+-[a-z]+) +(\d+)", out["patch"])}
    counts = csv(out["counts"])
    tap.like(out["kernel"], r"tapvisor: CPUID base 0x40000100, features", "it is detected")
    tap.like(out["kernel"], r"kvm-guest: ", "beside KVM's interface")
    tap.like(out["kernel"], r"tapvisor: IPIs by hypercall", "it sends IPIs by hypercall")
    sends, targets = (counts.get(("ipis", f"hypercall-tap.{name}"), 0)
                      for name in ("sends", "targets"))
    tap.ok(60 <= own.get("ipi-calls", 0) <= sends <= own["ipi-calls"] + 50,
           "the hypervisor counted as many hypercalls as the kernel",
           f"kernel {own}, hypervisor {sends}")
    tap.ok(own.get("ipi-targets", 0) <= targets <= own["ipi-targets"] + 150,
           "and as many targets", f"kernel {own}, hypervisor {targets}")
    tap.is_(counts.get(("ipis", "hypercall.sends"), 0), 0, "none went by KVM's hypercall")
    tap.is_((own.get("ipi-fallback"), own.get("ipi-refused"), own.get("tlb-refused")), (0, 0, 0),
            "and none was refused", str(own))
    tap.like(out["kernel"], r"tapvisor: remote TLB flush by hypercall", "it flushes by hypercall")
    flushed = counts.get(("events", "pv-tlb-flush"), 0)
    # A flush finds a vCPU that two others asked for once.
    tap.ok(540 <= own.get("tlb-targets", 0) and own["tlb-targets"] // 2 <= flushed
           <= own["tlb-targets"] + 50, "the hypervisor flushed for as many CPUs",
           f"kernel {own}, hypervisor {flushed}")
    tap.ok(own.get("tlb-fallback", 99) <= own["tlb-calls"] // 10, "by interrupts: now and then",
           str(own))


prepare()
pv = "kvm,tap" if PATCHED else "kvm"
run = boot([f"vmlinux vm name=linux vcpus=4 cpus=0-3 mem=128M apic=x2apic pv={pv} counters=on --"
            f" {linux_vms.ALWAYS}", "initrd initrd name=linux"],
           files={"vmlinux": f"{KERNEL}/vmlinux", "initrd": f"{PLACE}/initrd"}, cpus=4, mem=640,
           quantum=5, ips=20000000, seconds=900)
out = linux_guest.sections(run.console)
tap.is_(sorted(set(name for name, _ in STEPS) - set(out)), [], "every step was taken",
        run.explain())
if set(name for name, _ in STEPS) <= set(out):
    look_at_device(out)
    look_at_bench(run, out)
    look_at_tapstat(out)
    look_at_shootdown(out)
    if PATCHED:
        look_at_patch(out)
    else:
        tap.like(out["kernel"], r"kvm-guest: setup PV IPIs", "Debian's kernel uses KVM's hypercall")
end = run.vm_end("linux") or {}
tap.is_(end.get("reason"), "power-off", "Linux switches itself off", run.explain())
tap.is_([r["ok"] for r in run.lines("verdict")], [True], "the verdict is ok",
        json.dumps(run.lines("verdict")))
tap.done()
