#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Programs in ring 3 that go wrong. Monitors, in every way at hand: the VM concerned ends with a
report, the machine and the other VMs go on, and their figures are those of a boot in which nobody
goes wrong; no frame is lost. Root: VMs end their work without it.

Arguments choose parts: `ring3.t null,stack churn root`, the first for ways of monitors.
"""
import os
import re
import sys

sys.dont_write_bytecode = True
HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [f"{HERE}/../tools", f"{HERE}/../../hv/host"]
import preload  # noqa: E402
from tapvisor_test import BUILD, boot, guest_passes, tap  # noqa: E402

FILES = {"monitor.elf": f"{BUILD}/emu/monitor_bad.elf"}
ABI = [f"{HERE}/../../hv/abi/{name}.h" for name in ("message", "process", "syscall")]
if not os.path.exists(FILES["monitor.elf"]) or any(
        os.path.getmtime(FILES["monitor.elf"]) < os.path.getmtime(name) for name in ABI):
    tap.give_up("the monitor that goes wrong is not built, or for another ABI: make emus")
FAULT, TIMEOUT, PROTOCOL = "monitor-fault", "monitor-timeout", "monitor-protocol"
PF, GP, UD = 14, 13, 6
FAULTED, DEBUG_EXIT = 10, 1  # enum vm_end, as ring 0 says it
NM = 7

# Calls that monitor_bad.c makes and has no right to: ten by ten values for each of root's ten
# calls and of three that do not exist, and two more.
REFUSED = (10 + 3) * 10 * 10 + 2

# What the monitor does, how its VM ends, the value that goes with it (None: any). A race of its own
# threads may end in the refusal of a reply or in its acceptance, and in nothing between.
WAYS = [
    ("null", FAULT, PF),
    ("kernel", FAULT, PF),
    ("direct-map", FAULT, PF),
    ("counters", FAULT, PF),
    ("text", FAULT, PF),
    ("run-data", FAULT, PF),
    ("next-stack", FAULT, PF),
    ("halt", FAULT, GP),
    ("port", FAULT, GP),
    ("serial-port", FAULT, GP),
    ("selectors", FAULT, PF),
    ("local-selector", FAULT, GP),
    ("sysenter", FAULT, GP),
    ("syscall", FAULT, UD),
    ("rdpmc", FAULT, GP),
    ("tail", "debug-exit", 0),
    ("loop", TIMEOUT, None),
    ("never", TIMEOUT, None),
    ("stack", FAULT, PF),
    ("exit", PROTOCOL, 7),
    ("registers", FAULT, None),
    ("reply-action", PROTOCOL, None),
    ("reply-resume", PROTOCOL, None),
    ("reply-twice", PROTOCOL, None),
    ("reply-end", PROTOCOL, None),
    ("reply-mode", PROTOCOL, None),
    ("reply-rip", PROTOCOL, None),
    ("reply-cr3", PROTOCOL, None),
    *((f"reply-race{i}", None, None) for i in range(3)),
    *((f"insn-{what}", "debug-exit", 0)
      for what in ("registers", "length", "fault", "traps", "random")),
    ("calls", "debug-exit", 0),
    ("rings", "debug-exit", 0),
]
GOOD = [f"ipibench.elf vm name={name} cpus={cpus} vcpus=2 mem=8M counters=on -- self port set n=50"
        for name, cpus in (("near", "0-1"), ("far", "2-3"))]
ALONE = ("self", "port")  # executed on one CPU: the same ticks, whatever the others do


def good(run, what):
    for vm in ("near", "far"):
        guest_passes(run, vm, f"{what}: {vm}")
    return {(b["mode"], b["op"]): (b["n"], b["min"], b["p50"], b["exits_per_op"])
            for b in run.lines("bench", vm="far") if b["op"] in ALONE}


def look_at(run, way, reason, value):
    end = run.vm_end(way) or {}
    tap.ok(end.get("reason") in ((reason,) if reason else (PROTOCOL, "debug-exit")),
           f"{way}: how its VM ends", end, run.console[-3000:])
    if value is not None:
        tap.is_(end.get("value"), value, f"{way}: the value that says more")
    tap.like(run.console, f"^tapvisor: vm {way} ", f"{way}: it is told")
    if way == "calls":
        tap.like(run.console, r"^tapvisor: the monitor of vm calls made system call \d+: refused",
                 "calls: what it has no right to is told")
        counted = [r["syscall-refused"] for r in run.lines("events", vm="calls")]
        tap.is_(counted, [REFUSED], "calls: and counted, each one")
    if reason == FAULT:
        text = run.console.split(f"tapvisor: vm {way} ", 1)[-1][:300]
        tap.like(text, r"monitor: rip [0-9a-f]{16} rsp [0-9a-f]{16} cr2", f"{way}: and where", text)


put = preload.Memory.put


def put_on_leftovers(memory, data, start=None):
    """What the loader loads, as into memory that was used before: its last page's rest shows."""
    start = put(memory, data, start)
    put(memory, b"\xa5" * (-(start + len(data)) % preload.PAGE), start + len(data))
    return start


def image_for(way):
    """The guest: for answers to instructions one that has nothing but those."""
    return "insists" if way.startswith("insn-") else "self_ipi"


def part_monitors(ways):
    preload.Memory.put = put_on_leftovers
    before = good(boot(GOOD, files=FILES, cpus=4, seconds=120), "nobody goes wrong")
    for third in (ways[::3], ways[1::3], ways[2::3]):  # there can be 15 VMs at a time
        if not third:
            continue
        vms = [f"{image_for(way)}.elf vm name={way} vcpus=2 cpus=0-1 mem=8M -- "
               + ("reply-race" if way.startswith("reply-race") else way) for way, *_ in third]
        run = boot(vms + GOOD, files=FILES, cpus=4, seconds=300)
        for row in third:
            look_at(run, *row)
        tap.is_(good(run, "beside them"), before, "the figures of a VM beside them do not change")
        failed = {f.split(" ")[0] for r in run.lines("verdict") for f in r["failures"]}
        ends = {r["vm"]: (r["reason"], r["value"]) for r in run.lines("vm-end")
                if r["vm"] not in ("near", "far")}
        tap.is_(failed, {way for way, end in ends.items() if end != ("debug-exit", 0)},
                "the verdict names those that failed, and nothing else", run.lines("verdict"))


# A monitor that computes for long, once: it is preempted in its vCPU's turn like a guest, it pays,
# and who shares its core is told who took the time.
LONG = 20000000  # ticks, as in monitor_bad.c


def part_compute():
    run = boot(["self_ipi.elf vm name=compute cpus=0 mem=8M -- compute",
                "ipibench.elf vm name=beside cpus=0 mem=8M counters=on -- self port n=100"],
               files=FILES, cpus=1, seconds=120)
    guest_passes(run, "beside", "compute: the VM on the same core")
    ends = [r["vm"] for r in run.lines("vm-end")]
    tap.is_(ends, ["beside", "compute"], "compute: who waited for the core was not kept waiting")
    tap.is_([r["ok"] for r in run.lines("verdict")], [True], "compute: all adds up",
            run.com2[-800:])
    time = run.lines("time", vm="compute")[0]
    tap.ok(LONG / 4 < time["monitor"] < LONG * 1.1, "compute: its time is its VM's", time)
    blamed = sum(r["ticks"] for r in run.lines("blame", victim="beside", culprit="compute",
                                               cause="monitor"))
    ready = run.lines("time", vm="beside")[0]["ready"]
    tap.ok(0.8 * ready < blamed <= ready, "compute: the other's loss is blamed on it",
           blamed, ready)


# A monitor that says that it has output, and says it again, on a core of its own: root looks as
# often as ever, and who shares root's core does not feel it.
def part_output():
    run = boot(["self_ipi.elf vm name=output cpus=1 mem=8M -- output",
                "ipibench.elf vm name=near cpus=0 mem=8M counters=on -- self port n=300"],
               files=FILES, cpus=2, seconds=120)
    guest_passes(run, "near", "output: the VM on root's core")
    ready = run.lines("time", vm="near")[0]["ready"]
    tap.ok(ready < LONG / 10, "output: it does not wait for root", f"{ready} ticks")


# Each of 250 threads makes a call that is refused, while other VMs end: no end is lost by that.
def part_flood():
    ends = [f"end{i}" for i in range(9)]
    run = boot(["self_ipi.elf vm name=flood vcpus=250 cpus=1-3 mem=2M -- flood"]
               + [f"self_ipi.elf vm name={vm} cpus={1 + i % 3} mem=2M -- end"
                  for i, vm in enumerate(ends)], files=FILES, cpus=4, seconds=120)
    told = re.findall(r"^tapvisor: the monitor of vm flood made system call", run.console, re.M)
    tap.is_(len(told), 1, "flood: 250 refused calls are told once", run.console[-2000:])
    for vm in ends:
        end = run.vm_end(vm) or {}
        tap.is_((end.get("reason"), end.get("value")), ("debug-exit", 0), f"flood: {vm} is told")
    tap.unlike(run.console, "events were lost", "flood: no event is lost")


# What a VM leaves in its memory, the next that gets the frames must not see.
def part_leak():
    run = boot(["leak.elf vm name=again mem=16M restart=1"], files=FILES, cpus=1, seconds=120)
    lines = [line for line in run.console.split("\n") if re.match(r"\[again\] (not )?ok", line)]
    tap.is_([line[:12] for line in lines], [f"[again] ok {i}" for i in (1, 2, 3)] * 2,
            "leak: a VM that is made anew finds its memory empty", *lines, run.explain())


# root_churn makes VMs and destroys them, whatever state they are in, and counts the free frames.
def part_churn():
    files = dict(FILES, **{"root.elf": f"{BUILD}/emu/root_churn.elf"})
    run = boot(["root.elf root", "monitor.elf monitor", "self_ipi.elf vm"], files=files, cpus=2,
               seconds=200)
    tap.is_(run.ended, "shutdown", "churn: the machine switches itself off", run.explain())
    rows = {r["what"]: r for r in run.lines("frames")}
    for what, rounds in (("never started", 1000), ("stopped", 40), ("paused", 10),
                         ("refused", 40), ("monitor went wrong", 48)):
        row = rows.get(what, {})
        tap.is_((row.get("rounds"), row.get("failed")), (rounds, 0),
                f"churn, {what}: {rounds} rounds", run.com2)
        tap.is_(row.get("after"), row.get("before", -1), f"churn, {what}: no frame is lost", row)


# root_dies is root until a moment after the VMs' start. What they print gets nowhere then; how
# they end, the kernel says, and with the last of them that nothing is left to do.
def part_root():
    run = boot(["root.elf root"] + GOOD, "crash=poweroff", cpus=4, seconds=120,
               files={"root.elf": f"{BUILD}/emu/root_dies.elf"})
    tap.like(run.console, rf"^vm 0 root has ended: {FAULTED}, value {PF}$", "root: its end is told",
             run.console)
    for number, vm in enumerate(("near", "far"), 1):
        tap.like(run.console, rf"^vm {number} {vm} has ended: {DEBUG_EXIT}, value 0$",
                 f"root: {vm} finishes without it", run.console)
    tap.unlike(run.console, "CRASH", "root: no crash of the kernel's")
    tap.like(run.console, "PANIC.*root has died, and no VM runs", "root: the kernel's last words")
    tap.is_(run.ended, "shutdown", "root: the machine ends after the last VM", run.explain())


# root_late stops a VM that has ended, and reads on in its console: that must still be there.
def part_late():
    run = boot(["root.elf root", "self_ipi.elf vm name=a cpus=1 mem=8M"], cpus=2, seconds=120,
               files={"root.elf": f"{BUILD}/emu/root_late.elf"})
    guest_passes(run, "a", "late: a VM that root stops after its end")
    tap.is_(run.ended, "shutdown", "late: root lives on", run.explain())


# The vector registers that root finds are those of a guest: it may not look. TSC_AUX, which it may
# read, is not the guest's. The guest (fpu.elf) finds both as it left them.
def part_vector():
    run = boot(["root.elf root", "fpu.elf vm name=a cpus=0 mem=8M", GOOD[1]], "crash=poweroff",
               cpus=4, seconds=120, files={"root.elf": f"{BUILD}/emu/root_vector.elf"})
    tap.like(run.console, rf"^vm 0 root has ended: {FAULTED}, value {NM}$",
             "vector: root gets #NM, and TSC_AUX is 0", run.console)
    run = boot(["fpu.elf vm name=a cpus=0 mem=8M -- rounds=1000",
                "chatter.elf vm name=b cpus=1 mem=8M -- lines=200 gap=0"],
               cpus=2, seconds=120)
    guest_passes(run, "a", "vector: a guest that shares root's core")


names = [name for words in sys.argv[1:] for name in words.split(",")]
chosen = [row for row in WAYS if not names or row[0].rstrip("0123") in names]
if chosen:
    part_monitors(chosen)
for name, part in (("compute", part_compute), ("output", part_output), ("flood", part_flood),
                   ("leak", part_leak), ("churn", part_churn), ("root", part_root),
                   ("late", part_late), ("vector", part_vector)):
    if not names or name in names:
        part()
tap.done()
