#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""apicv=on: the processor serves the APIC. The test images, what the benchmark's exits cost, and
machines and keys that cannot have it.

Arguments choose rows of the test images, as for guests.t, and leave the rest out; `figures` alone
leaves the images out.
"""
import os
import sys

sys.dont_write_bytecode = True
HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [f"{HERE}/../tools", f"{HERE}/../../hv/host"]
from guest_images import QUICK, run_rows  # noqa: E402
from tapvisor_test import boot, guest_passes, tap  # noqa: E402

# To a guest that is entered with IF clear, Bochs 2.7 hands a waiting virtual interrupt all the same
# (docs/quirks.md). Who looks closely at that has cores of its own, and not core 0, which root's
# interrupts visit.
CLOSELY = ["debug", "self_ipi", "shadow", "tpr"]
# What the APIC has to do with.
APIC = ["apic_base", "apic_regs", "hlt", "ioapic", "physical", "smp_start"]
ROUTES = ["broadcast", "cluster", "flat", "pv_eoi", "timer"]
X2APIC, XAPIC = "apic=x2apic pv=kvm,tap counters=on apicv=on", "apic=xapic pv=kvm,tap apicv=on"
PAGE, QUIET = XAPIC + " apic-page=on", ["1-2", "3-4"]
rows = {
    "x2apic": ([*(i for i in QUICK if i not in CLOSELY), "wild_msr"], 11, 4, ["0-3"], X2APIC,
               {"cpus": 5, "quantum": 5}),
    "xapic": (APIC + ROUTES + ["nmi"], 7, 4, ["0-3"], XAPIC, {"cpus": 5, "quantum": 5}),
    "quiet cores": (CLOSELY, 2, 2, QUIET, X2APIC, {"cpus": 5, "quantum": 5}),
    "quiet cores, xapic": (["self_ipi", "tpr"], 2, 2, QUIET, PAGE, {"cpus": 5, "quantum": 1}),
    "three in turns of 1": (APIC, 8, 3, ["0-2"], X2APIC, {"cpus": 3, "quantum": 1}),
    "overcommit": (APIC + ROUTES, 7, 4, ["0-1"], X2APIC, {"cpus": 2, "quantum": 5}),
    "xapic, overcommit": (APIC, 8, 2, ["0"], PAGE, {"cpus": 1, "quantum": 1}),
    "one core": (APIC, 8, 1, ["0"], X2APIC, {"cpus": 1, "quantum": 1}),
}
if sys.argv[1:] != ["figures"]:
    run_rows(rows)
    if sys.argv[1:]:
        tap.done()
        sys.exit()

# ---- figures ----

BENCH = "-- null cpuid self eoi pingpong n=300 path=x2apic,x2apic-self,xapic"
run = boot([f"ipibench.elf vm name=virtual vcpus=2 cpus=1-2 counters=on apicv=on {BENCH}",
            f"ipibench.elf vm name=trapped vcpus=2 cpus=3-4 counters=on {BENCH}",
            "tpr.elf vm name=shadow vcpus=1 cpus=0 counters=on"],
           cpus=5, quantum=5, seconds=120)
for vm in "virtual", "trapped":
    guest_passes(run, vm, vm)
# The image itself skips where CR8 exits; not on a machine that has the TPR shadow.
guest_passes(run, "shadow", "shadow")
tap.ok("has no TPR shadow" not in run.console, "CR8 moves without an exit, also without apicv=on")
held = sum(r["count"] for r in run.lines("exit", vm="shadow", reason="tpr-threshold"))
tap.ok(held >= 160, "and exits where it lets an interrupt come", str(held))


def figure(vm, op, path, name):
    return run.lines("bench", vm=vm, op=op, path=path)[0][name]


for op, path, virtual, trapped in (
        ("self", "x2apic-self", 0, 2),   # neither the IPI nor its EOI; trapped: both
        ("self", "x2apic", 1, 2),        # the ICR by its MSR exits
        ("self", "xapic", 0, 3),         # a shorthand in the page does not
        ("unicast", "x2apic", 2, 3),     # the ICR, the kick; trapped: and the EOI
        ("unicast", "xapic", 2, 4),      # one APIC-write; trapped: ICR2, ICR, kick, EOI
        ("cpuid", "exit", 1, 1)):
    for vm, want in ("virtual", virtual), ("trapped", trapped):
        got = figure(vm, op, path, "exits_per_op")
        tap.ok(want <= got < want + 0.3, f"{vm}: {op} by {path} takes {want} exits", f"{got}")
eoi = {vm: figure(vm, "eoi", "x2apic", "p50") for vm in ("virtual", "trapped")}
tap.ok(eoi["virtual"] < 20 < eoi["trapped"], "an EOI is an instruction, not an exit", str(eoi))
short = {vm: figure(vm, "cpuid", "exit", "p50") for vm in ("virtual", "trapped")}
tap.ok(abs(short["virtual"] - short["trapped"]) <= 5, "a short exit pays nothing for it",
       str(short))
ipis = run.lines("ipi", vm="virtual")
tap.none([str(r) for r in ipis
          if r["requested"] != r["posted"] + r["coalesced"] + r["dropped"]],
         "requested = posted + coalesced + dropped")
paths = {r["path"]: r["sends"] for r in ipis}
tap.ok(paths.get("apic-write", 0) >= 300, "xAPIC's ICR counts as apic-write", str(paths))
tap.ok(not paths.get("xapic"), "nothing came by a trapped store", str(paths))
events = run.lines("events", vm="virtual")[0]
tap.ok(events["virtual-interrupt"] >= 600 and events["eoi"] < 20,
       "vectors were handed to the processor, EOIs were its own", str(events))

# ---- what cannot be had ----

for name, keys, model, word, lacks in (
        ("no virtual-interrupt delivery", "apicv=on", "corei7_sandy_bridge_2600k",
         "on", '"APIC-register virtualization": apicv=off'),
        ("no posted interrupts", "apicv=on posted=on", "broadwell_ult",
         "on", '"process posted interrupts": posted=off'),
        ("no IPI virtualisation", "apicv=on posted=on ipiv=on", None,
         "on", '"IPI virtualization": ipiv=off')):
    run = boot([f"self_ipi.elf vm name=a {keys}"], cpus=1, seconds=40,
               **({"model": model} if model else {}))
    says = f"on the line module2, number 3: VT-x here lacks {lacks}"
    tap.ok(says in run.console, f"{name}: told with its line", run.console[-800:])
    tap.ok("no VM is started" in run.console and not run.lines("vm-end"),
           f"{name}: no VM is started")
    tap.is_(run.ended, "shutdown", f"{name}: the machine ends", run.explain())
tap.done()
