#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Ring 0's objects are layered by what they call: no cycle among them, and none above another that
calls it, but by the symbols below. Taken from the symbols of the objects themselves."""
import os
import subprocess
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)) + "/../tools")
import tree  # noqa: E402
from tap import Tap  # noqa: E402

# What a lower object names and a higher one defines, and why.
ASSEMBLY = "called from assembly, which has nobody below it to ask"
UP = {
    "panic": "the end, from anywhere",
    "crash_extra": "the end's report asks the layer above for what guests did last",
    "boot_main": ASSEMBLY,
    "smp_core_main": ASSEMBLY,
    "kernel_trap": ASSEMBLY,
    "user_trap": ASSEMBLY,
    "vmx_on_exit": ASSEMBLY,
    "vmx_after_exit": ASSEMBLY,
    "vmx_on_entry_failed": ASSEMBLY,
    "vmx_on_access_failed": "a VMX instruction failed: the end, with a message",
    "boot_stack": "boot's stack, whose guard page the kernel's tables leave out",
    "memory_next": "what boot has found is mapped by the kernel's own tables",
    "hv_main": "boot is over",
    "hv_core_main": "boot is over",
    "interrupt_in_kernel": "the interrupt table asks the scheduler's layer",
    "interrupt_nmi": "the same of an NMI",
}
# Bottom first; a file stands where its folder does. What calls up from one to another is a fault.
FOLDERS = ["hv/base", "vapic", "vmx", "hv/kernel/cpu", "hv/kernel/boot", "hv/kernel/sched",
           "hv/kernel/vcpu", "hv/kernel/vm", "hv/kernel/user", "hv/kernel/ipi", "hv/kernel/pv",
           "hv/kernel/exit", "hv/kernel/build", "hv/kernel/run", "hv/kernel"]
OBJECTS = f"{tree.TOP}/{os.environ.get('TAPVISOR_BUILD', 'build')}/obj/ring0"


def sources():
    ring0 = ("hv/base/", "hv/kernel/", "vmx/", "vapic/")
    names = [name for name in tree.files(".c", ".asm") if name.startswith(ring0)]
    return [name for name in names if os.path.exists(f"{OBJECTS}/{name}.o")]


def symbols(name):
    """(defined, undefined) of one object; the compiler's own, for link-time optimisation, apart."""
    done = subprocess.run(["readelf", "--wide", "--symbols", f"{OBJECTS}/{name}.o"],
                          capture_output=True, text=True, check=True)
    rows = [line.split() for line in done.stdout.split("\n")]
    rows = [row for row in rows if len(row) == 8 and row[4] in ("GLOBAL", "WEAK")]
    wanted = {row[7] for row in rows if row[6] == "UND"}
    return {row[7] for row in rows} - wanted, wanted


def cycles(graph):
    """Strongly connected components of more than one object (Tarjan)."""
    index, low, stack, found = {}, {}, [], []

    def visit(node):
        index[node] = low[node] = len(index)
        stack.append(node)
        for target in graph[node]:
            if target not in index:
                visit(target)
            if target in stack:
                low[node] = min(low[node], low[target])
        if low[node] == index[node]:
            at = stack.index(node)
            found.append(stack[at:])
            del stack[at:]

    for node in graph:
        if node not in index:
            visit(node)
    return [sorted(part) for part in found if len(part) > 1]


def level(name):
    return FOLDERS.index(tree.directory(name))


tap = Tap()
table = {name: symbols(name) for name in sources()}
tap.ok(len(table) > 80, f"{len(table)} objects of ring 0 are built", "make all builds them")
home = {symbol: name for name, (defined, _) in table.items() for symbol in defined}
arrows = {(name, home[symbol], symbol) for name, (_, wanted) in table.items() for symbol in wanted
          if symbol in home and home[symbol] != name}
down = {arrow for arrow in arrows if arrow[2] not in UP}
graph = {name: {target for source, target, _ in down if source == name} for name in table}
knots = cycles(graph)
print(f"# {len({arrow[:2] for arrow in arrows})} arrows; the largest cycle has "
      f"{max(map(len, knots), default=0)} objects")
tap.none([f"{source} -> {target}: {symbol}" for knot in knots
          for source, target, symbol in sorted(down) if source in knot and target in knot],
         "no cycle among ring 0's objects")
up = sorted(arrow for arrow in down if level(arrow[0]) < level(arrow[1]))
tap.none([f"{source} -> {target}: {symbol}" for source, target, symbol in up],
         "folders call downwards only")
tap.none(sorted(set(UP) - {arrow[2] for arrow in arrows}), "each symbol that may be called upwards "
         "is")
tap.done()
