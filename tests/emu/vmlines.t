#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Mistakes in grub.cfg: each is told with the line it stands in and a mark below the word, and no
VM is started, not even those whose lines are right."""
import os
import re
import struct
import sys

sys.dont_write_bytecode = True
HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [f"{HERE}/../tools", f"{HERE}/../../hv/host"]
import bochs  # noqa: E402
from tapvisor_test import BUILD, boot, guest_passes, tap, unfolded  # noqa: E402

EMPTY = f"{BUILD}/emu/vmlines/empty.elf"
os.makedirs(os.path.dirname(EMPTY), exist_ok=True)
open(EMPTY, "wb").close()
LARGE = f"{BUILD}/emu/vmlines/large"
with open(LARGE, "wb") as large:
    large.truncate(2 << 20)
IMAGE = "self_ipi.elf"
RIGHT = f"{IMAGE} vm name=right"
# Bochs has posted interrupts from 2.8 on; then it is their other need that is told.
HAS_POSTED = bochs.version() >= (2, 8)
NO_POSTED = "posted=on needs apicv=on" if HAS_POSTED else "VT-x here lacks .*: posted=off"

# A boot for each list. Its lines follow root, monitor and RIGHT: the first is module 4. With each
# line: the word that is marked, and the message.
BOOTS = [
    [
        ("vm name=k1 vcpu=2", "vcpu", "no such key; there are name vcpus cpus mem"),
        ("vm name=k2 vcpus=0", "0", "vcpus= wants a number from 1 to 256"),
        ("vm name=k3 vcpus=257", "257", "vcpus= wants a number from 1 to 256"),
        ("vm name=k4 vcpus=256 apic=xapic", "256", "xAPIC mode has IDs for 255 vCPUs"),
        ("vm name=k5 cpus=0,4", "4", "there is no core 4: the machine has 0 to 1"),
        ("vm name=k6 cpus=0-1,1", "1", "core 1 is in this list already"),
        ("vm name=k7 cpus=1-0", "1-0", "cpus= wants cores and ranges of cores"),
        ("vm name=k8 cpus=", "", "cpus= wants cores and ranges of cores"),
        ("vm name=k9 mem=1M", "1M", "memory comes in steps of 2M, from 2M to"),
        ("vm name=k10 mem=999999G", "999999G", "memory comes in steps of 2M"),
        ("vm name=k11 mem=2G", "2G", "only .*M of memory are free"),
        ("vm name=k12 mem=99999999999999999999G", "99999999999999999999G", "mem= wants a size"),
        ("vm name=k13 apic=x1apic", "x1apic", "apic= wants xapic or x2apic"),
        ("vm name=k14 pv=kvm,xen", "kvm,xen", "pv= wants none, kvm, tap, or kvm,tap"),
    ],
    [
        ("vm name=l1 vcpus=2 vcpus=2", "vcpus", "vcpus= stands on this line already"),
        ("vm name=right", "right", "module 3 has this name already"),
        ("vm name=l3 verbose", "verbose", "KEY=VALUE is expected, or -- before the guest"),
        ("vm name=a/b", "a/b", "name= wants 1 to 15 letters"),
        ("vm name=host", "host", "name= wants 1 to 15 letters"),
        ("vm name=sixteen.letters.", "sixteen.letters.", "name= wants 1 to 15 letters"),
        ("vm name=l7 weight=1001", "1001", "weight= wants a number from 1 to 1000"),
        ("vm name=l8 budget=-1", "-1", "budget= wants per mille"),
        ("vm name=l9 slice=5h", "5h", "slice= wants ticks, or a time"),
        ("vm name=l10 console=com1", "com1", "console= wants off, lines or raw"),
        ("vm name=l11 posted=on", "on", NO_POSTED),
        ("vm name=l12 apic-page=on apic=x2apic", "on", "apic-page=on needs apic=xapic"),
        ("vm name=l13 counters=yes", "yes", "counters= wants on or off"),
        ("wm name=l14", "wm", "a module is one of: root, monitor, vm, initrd"),
        ("initrd name=nobody", "nobody", "no vm line has this name"),
        ("initrd for=right", "for=right", "such a line reads: initrd name=VM"),
        ("root", "root", "there is such a line already: module 1"),
    ],
    [(f"vm name=m{i} mem=256M", "", "the VMs ask for 1056 MiB of memory, .* MiB are free")
     for i in range(4)],
    [("vm", "vm", "the VM needs a name: name=a"),
     ("vm vcpus=2", "vm", "the VM needs a name: name=a"),
     ("vm name=o2 after=nobody", "nobody", "no vm line has this name"),
     ("initrd name=nobody", "nobody", "no vm line has this name"),
     ("vm name=o4 verbose", "verbose", "KEY=VALUE is expected"),
     ("vm name=o5 mem=999999G", "999999G", "memory comes in steps")],
    [(f"vm name=n{i} mem=2M", "vm" if i == 14 else "", "too many VMs: 15 are possible")
     for i in range(15)],
]


def started(run):
    """VMs of which anything was heard."""
    return sorted({r["vm"] for r in run.telemetry if "vm" in r} - {"host"}) + \
        [line for line in run.console.split("\n") if line.startswith("[")]


def look(run, what):
    tap.is_(run.ended, "shutdown", f"{what}: the machine switches itself off", run.explain())
    tap.none(started(run), f"{what}: no VM is started")
    tap.is_([r["ok"] for r in run.lines("verdict")], [False], f"{what}: which is no success")


def marked(lines, number):
    """The word above the mark: the line as it was, and ^~~~ below the word."""
    line, mark = lines[number + 1], lines[number + 2]
    return line[mark.find("^"):len(mark)]


def find(run, module, message):
    lines = run.console.split("\n")
    head = f"  on the line module2, number {module}: "
    return [marked(lines, i) for i, line in enumerate(lines)
            if line.startswith(head) and re.search(message, line[len(head):])]


for number, rows in enumerate(BOOTS, 1):
    run = boot([RIGHT] + [f"{IMAGE} {row[0]}" for row in rows], cpus=2, mem=512, seconds=60)
    look(run, f"boot {number}")
    told = re.search(r"^grub.cfg has (\d+) mistake", run.console, re.M)
    if number not in (3, 5):
        tap.is_(told and int(told.group(1)), len(rows), f"boot {number}: one message a mistake",
                run.console)
    order = [int(n) for n in re.findall(r"on the line module2, number (\d+):", run.console)]
    tap.is_(order, sorted(order), f"boot {number}: in the order of the lines")
    for i, (words, word, message) in enumerate(rows):
        if number == 3:
            tap.like(run.console, f"in grub.cfg: {message}", f"{words} and all others: {message}",
                     run.console)
            break
        if number == 5 and not word:
            continue
        found = find(run, i + 4, message)
        # A mark has a length of one at least, so of nothing it stands for what follows.
        tap.ok(found and (found[0] == word or (not word and len(found) == 1)),
               f"{words}: {message}", f"marked: {found}, not {word!r}", run.console)

for what, modules, args, message in (
        ("no VM", [], "", "in grub.cfg: there is no VM: no module2 line with the word vm"),
        ("an empty image", ["empty.elf vm name=a"], "", "number 3: the image is empty"),
        ("no monitor", ["root.elf root", "self_ipi.elf vm name=monitor", "monitor.elf vm name=b"],
         "", "in grub.cfg: the monitor is missing"),
        ("options", [RIGHT], "consolle=com1 batch=1 telemetry=com3",
         r"multiboot2: no such option(.|\n)*: batch takes no value(.|\n)*"
         r": telemetry= wants none, com1 or com2")
):
    run = boot(modules, args, {"empty.elf": EMPTY}, cpus=2, seconds=60)
    look(run, what)
    tap.like(run.console, message, f"{what}: {message}", run.console)

# What only processors can offer: Sandy Bridge has no APICv.
SANDY_BRIDGE = "corei7_sandy_bridge_2600k"
run = boot([RIGHT, f"{IMAGE} vm name=apicv apicv=on"], cpus=2, model=SANDY_BRIDGE, seconds=60)
look(run, f"apicv=on, {SANDY_BRIDGE}")
tap.like(run.console, "number 4: VT-x here lacks .*: apicv=off",
         f"apicv=on, {SANDY_BRIDGE}: refused", run.console)
run = boot([f"{RIGHT} apicv=off"], cpus=2, model=SANDY_BRIDGE, seconds=60)
guest_passes(run, "right", f"apicv=off, {SANDY_BRIDGE}")



def two_segments(name, second):
    """An ELF32 with a Multiboot header, 0x200 bytes at 1 MiB, and .bss where it is told to."""
    size, code = 0x200, 0x100000
    head = struct.pack("<16s2H5I6H", b"\177ELF\1\1\1", 2, 3, 1, code, 52, 0, 0, 52, 32, 2, 0, 0, 0)
    head += struct.pack("<8I", 1, 0, code, code, size, size, 5, 0)
    head += struct.pack("<8I", 1, 0, second, second, 0, size, 6, 0)
    head += struct.pack("<3I", 0x1badb002, 0, -0x1badb002 & 0xffffffff)
    path = f"{os.path.dirname(EMPTY)}/{name}"
    with open(path, "wb") as f:
        f.write(head.ljust(size, b"\xf4"))
    return path


# What only the monitor can tell: this VM ends, and the others run.
files = {"text.elf": __file__, "large": LARGE, "twice.elf": two_segments("twice", 0x1001f0),
         "high.elf": two_segments("high", 0xd0000000)}
run = boot([f"{IMAGE} vm name=right", "text.elf vm name=text", f"{IMAGE} vm name=small mem=2M",
            "large initrd name=small", "twice.elf vm name=twice", "high.elf vm name=high"],
           files=files, cpus=2, seconds=60)
for vm, value, why in (("text", 1, "the image has no Multiboot header, and is no ELF with a PVH"),
                       ("small", 11,
                        "the initrd or a module does not fit into the VM's memory: raise mem="),
                       ("twice", 13, "two segments lie in the same place"),
                       ("high", 14, "a segment ends above 3 GiB, more than any mem= can give")):
    end = run.vm_end(vm) or {}
    tap.is_((end.get("reason"), end.get("value")), ("image", value), f"{vm}: its image is refused",
            run.console)
    tap.like(unfolded(run.console), f"vm {vm} could not be loaded: {why}", f"{vm}: and it says why",
             run.console)
tap.like(run.console, r"^\[twice\] segment 0x100000 to 0x1001ff, segment 0x1001f0 to 0x1003ef$",
         "twice: with both places", run.console)
tap.like(run.console, r"^\[high\] segment 0xd0000000 to 0xd00001ff$", "high: with its place",
         run.console)
end = run.vm_end("right") or {}
tap.is_((end.get("reason"), end.get("value")), ("debug-exit", 0), "the VM beside them runs")
tap.done()
