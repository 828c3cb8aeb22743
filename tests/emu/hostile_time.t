#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Nobody takes a core: VMs that attack by timers, kicks, interrupts, flushes, starts, and by
number, each beside a victim on the same core that measures how late it wakes and what it loses. The
console answers, monitors are not ended for what their neighbours take, and ring 0 keeps interrupts
off for at most its bound on every core (the verdict). Arguments choose parts.

Numbers are ticks; in Bochs, instructions. A slice is 100,000. Whoever sleeps comes back with half
a slice of credit and preempts one who has run for a thirty-second part of its slice, so that a wake
is late by that, a switch and a stretch of ring 0. Two things make it later: others who woke before
it (MEMBER for each), and, in Bochs, a neighbour that spins with interrupts off, which shuts the
host's out until the preemption timer's watch, a fiftieth of a second, 100,000 ticks.
"""
import os
import re
import sys
import time

sys.dont_write_bytecode = True
HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [f"{HERE}/../tools", f"{HERE}/../../hv/host"]
from tapvisor_test import BUILD, Silence, boot, guest_passes, talk, tap  # noqa: E402

SLICE, BOUND = 100000, 25000
PROMPTLY = SLICE // 2        # a thirty-second part, a switch, a stretch, another's turn
LATE = 2 * SLICE             # behind one who is deaf
MEMBER = 4000                # a switch, a handler, a switch; at its start also a VMCS is made
UNFAIR = 0.05                # of the time: what a loss may be above the fair share
KEYS = "mem=8M apic=x2apic pv=kvm,tap"

DEAF = {"deaf", "timer-masked-deaf", "ipi-deaf", "flush-deaf"}
# What one CPU does to its core; what five others do to a CPU of that core, a sixth beside them.
ALONE = ("timer timer-masked timer-halt timer-masked-deaf timer-rearm spin deaf exits ports self"
         " yield")
ALONE_XAPIC = "timer timer-masked timer-halt timer-masked-deaf"
TOGETHER = ("kick kick-spin ipi ipi-spin ipi-deaf vectors vectors-halt broadcast tsc flush"
            " flush-deaf nmi nmi-halt init init-sipi")
# The target of these spins, and gets somewhere: so many rounds of its loop.
GOES_ON = {"kick-spin": 2000, "ipi-spin": 200, "tsc": 2000, "flush": 200, "nmi": 1000}
STEP = 600000


def sleeper(name, cpu, ticks, more=""):
    return f"victim.elf vm name={name} cpus={cpu} {KEYS} -- sleep for={ticks} {more}"


def spinner(name, cpu, ticks):
    return f"victim.elf vm name={name} cpus={cpu} {KEYS} -- spin for={ticks}"


def attacker(name, cpus, vcpus, words, ticks=STEP, keys="", mode="x2apic"):
    return (f"attack.elf vm name={name} cpus={cpus} vcpus={vcpus} {KEYS} {keys}"
            f" -- {words} for={ticks} mode={mode}")


def holds(run, what):
    """The machine's end and the verdict, and the bound on each core by the figures themselves."""
    tap.is_(run.ended, "shutdown", f"{what}: the machine switches itself off", run.explain())
    tap.is_([r["ok"] for r in run.lines("verdict")], [True], f"{what}: the verdict is ok",
            *[f for r in run.lines("verdict") for f in r["failures"]], run.telemetry_error)
    tap.none([f"core {r['core']}: {r['stretch']}" for r in run.lines("core")
              if r["stretch"]["max"] > BOUND],
             f"{what}: ring 0 has interrupts off for {BOUND} ticks at most")


def worst(run, vm, begin, end):
    """What a victim measured at worst in each window between two moments in which it did. What
    comes first may have begun before."""
    found = []
    for line in run.lines("guest-window", vm=vm):
        for i, ticks in enumerate(line["worst"]):
            moment = line["from"] + i * line["ticks"]
            if begin + SLICE <= moment < end and ticks:
                found.append(ticks)
    return found


def lateness(run, vm, begin, end, bound, what):
    """The wakes that fall between two moments came within the bound, and there were some."""
    found = worst(run, vm, begin, end)
    tap.ok(found and max(found) <= bound, f"{what}: a sleeper is late by {bound} ticks at most",
           f"at worst: {found}")


def settled(run, vm, told, what):
    """As lateness, for the whole time of an attack, but for what comes first: what the sleeper's
    own start took of the core it pays back, at most for a third of the time."""
    found = worst(run, vm, told["begin"], told["end"])
    debt = next((i for i, ticks in enumerate(found) if ticks <= PROMPTLY), len(found))
    tap.ok(debt <= len(found) / 3 and max(found[debt:] or [~0]) <= PROMPTLY and len(found) > debt,
           f"{what}: a sleeper without debts is late by {PROMPTLY} ticks at most", found)


def attacks(run, vm, victim, words, what):
    told = {a["name"]: a for a in run.lines("guest-attack", vm=vm)}
    tap.is_(sorted(told), sorted(words.split()), f"{what}: each attack took place")
    for name, a in told.items():
        lateness(run, victim, a["begin"], a["end"], LATE if name in DEAF else PROMPTLY,
                 f"{what}: {name}")


def busy(run, vm):
    """The part of its time that a vCPU had the core."""
    row = run.lines("time", vm=vm, vcpu=0)[0]
    return (row["guest"] + row["exit"] + row["monitor"]) / row["ticks"]


def loss(run, vm, rivals, sleepers, what):
    """A spinner lost no more than its rivals' fair part, and what sleepers beside them used."""
    told = (run.lines("victim", vm=vm) or [None])[0]
    if not told:
        tap.ok(False, f"{what}: a spinner comes to its end", run.explain())
        return
    lost = told["sum"] / (told["end"] - told["begin"])
    fair = rivals / (rivals + 1) + sum(busy(run, s) for s in sleepers)
    tap.ok(lost <= fair + UNFAIR, f"{what}: a spinner loses its neighbours' fair part at most",
           f"lost {lost:.3f}, fair {fair:.3f}, and {UNFAIR}")


# ---- one core each, no help from elsewhere ----

def part_alone():
    length = STEP * (len(ALONE.split()) + 6)
    run = boot([sleeper("sleep1", 1, length), attacker("a1", 1, 1, ALONE),
                sleeper("sleep2", 2, length), attacker("a2", 2, 1, ALONE_XAPIC, mode="xapic"),
                spinner("spin3", 3, length), attacker("a3", 3, 1, ALONE),
                sleeper("sleep4", 4, length), attacker("light", 4, 1, "spin", length, "weight=1"),
                sleeper("sleep5", 5, length),
                attacker("heavy", 5, 1, "spin", length, "weight=1000")],
               cpus=6, quantum=5, seconds=240)
    attacks(run, "a1", "sleep1", ALONE, "alone")
    attacks(run, "a2", "sleep2", ALONE_XAPIC, "alone, xAPIC")
    loss(run, "spin3", 1, [], "alone")
    for vm, victim in (("light", "sleep4"), ("heavy", "sleep5")):
        told = (run.lines("guest-attack", vm=vm) or [{"begin": 0, "end": 0}])[0]
        settled(run, victim, told, f"weights: {vm}")
    holds(run, "alone")


# ---- from other cores ----

def part_together():
    length = 2 * STEP * (len(TOGETHER.split()) + 1)  # some take longer than that
    run = boot([sleeper("sleep", 1, length), spinner("spin", 1, length),
                attacker("many", "1-6", 7, TOGETHER)], cpus=7, quantum=5, seconds=400)
    attacks(run, "many", "sleep", TOGETHER, "from other cores")
    loss(run, "spin", 2, ["sleep"], "from other cores")
    for a in run.lines("guest-attack", vm="many"):
        tap.ok(a["sent"] > STEP / 1000, f"from other cores: {a['name']}: they sent", a)
        if a["name"] in GOES_ON:
            tap.ok(a["rounds"] >= GOES_ON[a["name"]],
                   f"from other cores: {a['name']}: the target executes more than its kicks", a)
    holds(run, "from other cores")


def part_rearm():
    """On cores of its own each interrupt is prompt, also the 1,024th, whatever its handler does."""
    run = boot([f"rearm.elf vm name=rearm cpus=1-2 vcpus=2 {KEYS}"], cpus=3, quantum=5,
               seconds=120)
    guest_passes(run, "rearm", "rearm")
    holds(run, "rearm")


# ---- by number ----

CROWDS = ((1, 50), (2, 100), (3, 255))


def part_broadcast():
    run = boot([line for core, n in CROWDS for line in (
        sleeper(f"sleep{n}", core, 6000000),
        f"crowd.elf vm name=crowd{n} cpus={core} vcpus={n + 1} {KEYS} -- sleep members={n}"
        " for=2m")], cpus=4, quantum=5, seconds=240)
    for _, n in CROWDS:
        guest_passes(run, f"crowd{n}", f"broadcast to {n}")
        told = (run.lines("guest-crowd", vm=f"crowd{n}") or [{"begin": 0, "end": 0}])[0]
        lateness(run, f"sleep{n}", told["begin"], told["end"], LATE + n * MEMBER,
                 f"broadcast to {n}")
    holds(run, "broadcasts")


def part_crowd():
    """A core's 257th part is what each gets, a quarter of a slice at a time: 6.4 M ticks a round.
    The victim asks for less than that, and has its wakes on time."""
    run = boot([sleeper("modest", 1, 30000000, "nap=3m window=100k"),
                f"crowd.elf vm name=crowd cpus=1 vcpus=256 {KEYS} -- spin members=255 for=14m"],
               cpus=2, quantum=5, seconds=300)
    guest_passes(run, "crowd", "255 that spin")
    told = (run.lines("guest-crowd") or [{"begin": 0, "end": 0, "least": 0}])[0]
    tap.ok(told["least"] > 0, "255 that spin: each gets somewhere", told)
    settled(run, "modest", told, "255 that spin")
    exits = sum(r["exit"] for r in run.lines("time", vm="crowd"))
    inside = sum(r["guest"] for r in run.lines("time", vm="crowd"))
    tap.ok(exits < inside / 2, "255 that spin: the core's time is theirs, not ring 0's",
           f"{inside} in guests, {exits} in ring 0")
    holds(run, "255 that spin")


# ---- ring 3 ----

def part_patience():
    """A monitor computes for 20 M ticks of its own, beside two VMs that weigh ten times as much:
    600 M ticks would be its wall time, 50 M are its patience."""
    run = boot(["self_ipi.elf vm name=compute cpus=1 mem=8M -- compute"]
               + [attacker(f"heavy{i}", 1, 1, "spin", 120000000, "weight=1000") for i in (1, 2)],
               files={"monitor.elf": f"{BUILD}/emu/monitor_bad.elf"}, cpus=2, quantum=5,
               seconds=240)
    guest_passes(run, "compute", "patience: a monitor is not ended for its neighbours' time")
    row = (run.lines("time", vm="compute") or [{"ready": 0}])[0]
    tap.ok(row["ready"] > 50000000, "patience: though they took more than its patience", row)
    holds(run, "patience")


def console(word, mode):
    """On core 0 the prompt answers, and ends it."""
    what = f"core 0: {word}, {mode}"
    with talk([attacker("a", 0, 1, word, 4000000000, mode=mode)], cpus=2, quantum=5,
              seconds=120) as d:
        try:
            d.expect(rf"\[a\] # {word} begins", 30)
            d.quiet(1)  # the attack, and nothing but that
            begin = time.monotonic()
            text = d.ask("vms", r"VM +id state(?:.*\n)*?.*tapvisor> ", 60)
            tap.like(text, r"^a +\d+ runs ", f"{what}: the prompt answers", text)
            text = d.ask("times", r"interrupts off in ring 0(?:.*\n)*?.*tapvisor> ", 60)
            d.ask("stop a", "vm a was stopped", 60)
            tap.ok(True, f"{what}: and stops it")
            tap.note(f"{what}: {time.monotonic() - begin:.1f} s for three commands")
        except Silence as silence:
            tap.ok(False, f"{what}: the prompt answers", silence)


def part_console():
    for word in ALONE_XAPIC.split():
        console(word, "x2apic")
    console("timer", "xapic")


PARTS = {"alone": part_alone, "together": part_together, "rearm": part_rearm,
         "broadcast": part_broadcast, "crowd": part_crowd, "patience": part_patience,
         "console": part_console}
for name in sys.argv[1:] or PARTS:
    PARTS[name]()
tap.done()
