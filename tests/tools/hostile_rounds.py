# SPDX-License-Identifier: MIT
"""Rounds of hostile guests: VMs that carry out random operations, a kind each, beside two
neighbours that measure what becomes of them, and a console that must answer. For `make hostile` and
hostile.t.

A VM that ends by what it did is made anew with another seed. What counts as a failure is in
Round.failures: the machine, a core, a neighbour, the console, or something that is ours to answer
for in how a VM ended.
"""
import collections
import json
import re

from tapvisor_test import Run, Silence, talk

KINDS = ("msr", "cpuid", "control", "debug", "port", "mmio", "ioapic", "hypercall", "timer", "icr",
         "pages", "segments", "real")
SEVERAL = {"hypercall", "icr", "real", "ioapic"}  # kinds that have use for other CPUs
SLICE, BOUND = 100000, 25000
# A neighbour asks for less than its share of a core: then it is late by what stands before it.
NAP, LATE, MEMBER, UNFAIR = 1000000, 2 * SLICE, 4000, 0.05
KEYS = "apic=x2apic pv=kvm,tap"
# Root tells of each VM's end by lines on a slow port, and the emulator may be slow as well.
PATIENCE = 120

# Ends that no operation of a guest may lead to.
OURS = re.compile(r"tapvisor: vm (\S+) (could not be entered.*|ended because its monitor .*"
                  r"|made an exit for which.*)")
# What the verdict says of a VM that ended as it liked, or was stopped in the end.
ENDED = re.compile(r"^\S+ (was stopped|still runs|was never started|ended|asked for|used an"
                   r"|executes|made an|switched|could not be)")


def progress(line):
    """What a line of telemetry says, if a hostile VM tells of itself there."""
    try:
        record = json.loads(line.strip("\r\0 "))
    except json.JSONDecodeError:
        return None
    mine = isinstance(record, dict) and record.get("type") == "hostile" and "vm" in record
    return record if mine else None


class Life:
    """A VM from its start to its end, by what it last told of itself."""

    def __init__(self, record):
        self.kind, self.seed = record["kind"], record["seed"]
        self.take(record)

    def take(self, record):
        self.ops, self.faults, self.how = record["ops"], record["faults"], record["how"]

    def __str__(self):
        return f"{self.kind}: seed {self.seed}, after operation {self.ops} ({self.how})"


class Round:
    """One boot. `seed`: of all; each VM is made anew `anew` times at most. With 0 it lives once, by
    exactly that seed."""

    def __init__(self, kinds, seed, ops, ticks, anew, step=0, seconds=300):
        self.kinds, self.ticks, self.lives, self.failures = kinds, ticks, [], []
        self.crowd = collections.Counter()
        modules = [f"victim.elf vm name=calm cpus=1 mem=8M {KEYS} -- sleep for={ticks} nap={NAP}",
                   f"victim.elf vm name=busy cpus=2 mem=8M {KEYS} -- spin for={ticks}"]
        for number, kind in enumerate(kinds):
            modules.append(self.module(number, kind, seed, ops, anew, step))
        self.run(modules, seconds)

    def module(self, number, kind, seed, ops, anew, step):
        core = 1 + number % 2
        vcpus, cores = (2, "1-2") if kind in SEVERAL else (1, core)
        for i in range(vcpus):
            self.crowd[1 + i if vcpus > 1 else core] += 1
        life = "life=1" if anew else ""
        return (f"hostile.elf vm name={kind} vcpus={vcpus} cpus={cores} mem=4M {KEYS}"
                f" restart={anew} -- {kind} seed={seed} ops={ops}"
                f" for={4 * self.ticks} {life} {f'step={step}' if step else ''}")

    def run(self, modules, seconds):
        with talk(modules, cpus=3, quantum=5, seconds=seconds) as d:
            try:
                d.expect("tapvisor> ", PATIENCE)
                d.ask("vms", r"^calm +\d+ ", PATIENCE)
                for _ in ("calm", "busy"):
                    d.expect(r"vm (calm|busy) ended", seconds)
                d.ask("times", r"interrupts off in ring 0", PATIENCE)
                d.ask("power-off", r"tapvisor: verdict: \w+", PATIENCE)
                d.thread.join(PATIENCE)
            except Silence as silence:
                self.failures.append(f"the machine does not answer: {silence}")
            result = d.hang_up()
        self.console = result.console
        if result.ended != "shutdown":
            self.failures.append(f"the machine: {result.explain()}")
        self.read(result)
        self.judge()

    def read(self, result):
        self.told, now = Run(result), {}
        for line in result.com2.split("\n"):  # which may have been cut off
            record = progress(line)
            if record is None:
                continue
            kind = record["kind"]
            if record["how"] == "begins":
                now[kind] = Life(record)
                self.lives.append(now[kind])
            elif kind in now:
                now[kind].take(record)

    def judge(self):
        if self.told.telemetry_error:
            self.failures.append(self.told.telemetry_error)
        for vm, end in OURS.findall(self.console):
            self.failures.append(f"vm {vm} {end}")
        for verdict in self.told.lines("verdict"):
            self.failures += [text for text in verdict["failures"]
                              if not ENDED.match(text) or text.split()[0] in ("calm", "busy")]
        for core in self.told.lines("core"):
            if core["stretch"]["max"] > BOUND:
                self.failures.append(f"core {core['core']}: interrupts off: {core['stretch']}")
        self.judge_neighbours()

    def judge_neighbours(self):
        told = {r["vm"]: r for r in self.told.lines("victim")}
        if sorted(told) != ["busy", "calm"]:
            self.failures.append(f"neighbours that came to their end: {sorted(told)}")
            return
        bound = LATE + MEMBER * self.crowd[1]
        late = [ticks for line in self.told.lines("guest-window", vm="calm")
                for ticks in line["worst"] if ticks]
        # Its own start is paid back first.
        if not late or max(late[1:] or [0]) > bound:
            self.failures.append(f"a sleeper was late by {late}, bound {bound}")
        busy = told["busy"]
        lost = busy["sum"] / (busy["end"] - busy["begin"])
        fair = self.crowd[2] / (self.crowd[2] + 1)
        if lost > fair + UNFAIR:
            self.failures.append(f"a spinner lost {lost:.3f} of its time, fair are {fair:.3f}")

    def explain(self):
        """Where each kind was: what replays it."""
        last = {life.kind: life for life in self.lives}
        return [str(life) for life in last.values()]
