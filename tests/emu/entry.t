#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""VM entries that the processor refuses, forced through Bochs's debugger: VMRESUME of a VMCS that
was not launched, VMLAUNCH of one that was, and guest state that is not valid. The VM ends with a
dump, and the VM beside it finishes."""
import os
import re
import subprocess
import sys

sys.dont_write_bytecode = True
HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [f"{HERE}/../tools", f"{HERE}/../../hv/host"]
from tapvisor_test import BUILD, boot, guest_passes, machine, tap, unfolded  # noqa: E402

VMS = [f"ipibench.elf vm name={vm} mem=8M counters=on -- self cpuid n=50" for vm in ("a", "b")]
execute = machine.execute


def disassembly(*options):
    """(address, text) of each instruction."""
    out = subprocess.run(["objdump", "-d", "--no-show-raw-insn", *options, f"{BUILD}/tapvisor"],
                         text=True, capture_output=True, check=True).stdout
    return [(int(at, 16), text) for at, text in re.findall(r"^\s*([0-9a-f]+):\s+(.*)$", out, re.M)]


def writes_of(field):
    """(address, source register) of each VMWRITE of a field by its number."""
    code = disassembly()
    for i, (_, text) in enumerate(code):
        number = re.fullmatch(rf"mov +\${field:#x},%[er](\w+)", text)
        for at, write in code[i + 1:i + 5] if number else []:
            match = re.fullmatch(rf"vmwrite %(\w+),%r{number.group(1)}", write)
            if match:
                yield at, match.group(1)


enter = disassembly("--disassemble=vmx_enter")
# The branch between VMRESUME, which follows it, and VMLAUNCH, where it leads.
branch = next(i for i, (_, text) in enumerate(enter) if text.startswith("je"))
resume, launch = enter[branch + 1][0], int(enter[branch][1].split()[1], 16)
rflags = sorted(set(writes_of(0x6820)))


def force(what, places, skip, settings, value):
    """At the breakpoints' hit number skip + 1, changes registers."""
    commands = [f"lb {at:#x}" for at in places] + ["c"] * (skip + 1)
    commands += [f"set {setting}" for setting in settings]
    commands += [f"del {i + 1}" for i in range(len(places))] + ["c"]

    def execute_debugger(command, *rest):
        with open(command[-1], "w", encoding="ascii") as f:
            f.write("\n".join(commands) + "\n")
        return execute(command, *rest)

    machine.execute = execute_debugger
    run = boot(VMS, cpus=1, seconds=60)
    ends = {r["reason"]: r for r in run.lines("vm-end")}
    tap.is_(sorted(ends), ["debug-exit", "entry-failed"], f"{what}: one VM fails, one does not",
            run.explain(), run.console)
    failed, good = (ends.get(name, {}) for name in ("entry-failed", "debug-exit"))
    tap.is_(failed.get("value"), value, f"{what}: the reason")
    guest_passes(run, good.get("vm", "b"), f"{what}: the other")
    text = run.console[run.console.find("could not be entered"):]
    tap.like(text, r"^  rip +[0-9a-f]{16}", f"{what}: a dump", run.console)
    tap.is_([f.split(" ")[0] for r in run.lines("verdict") for f in r["failures"]],
            [failed.get("vm")], f"{what}: the verdict says so, and no more")
    return text


BRANCH = [enter[branch][0]]
text = force("VMRESUME of a VMCS that was not launched", BRANCH, 0, [f"rip = {resume:#x}"], 5)
tap.like(unfolded(text), "VMRESUME with a VMCS that was not launched", "the error is named",
         text[:300])
text = force("VMLAUNCH of a VMCS that was launched", BRANCH, 300, [f"rip = {launch:#x}"], 4)
tap.like(unfolded(text), "VMLAUNCH with a VMCS that is not clear", "the error is named", text[:300])
# Bit 1 of RFLAGS must be set: SDM volume 3, 26.3.1.4. All sites write it before a first entry.
tap.ok(rflags, "the VMWRITEs of RFLAGS are found")
text = force("invalid guest state", [at for at, _ in rflags], 0,
             [f"{source} = 0" for source in sorted({source for _, source in rflags})], 33)
tap.like(text, "entry-guest-state", "the reason is named", text[:300])
tap.done()
