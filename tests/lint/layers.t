#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Includes point down: hv/kernel -> vmx -> vapic -> hv/base, hv/abi; ring 3 and guests know the ABI
alone."""
import os
import re
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)) + "/../tools")
import tree  # noqa: E402
from tap import Tap  # noqa: E402

FREESTANDING = {"stdarg.h", "stdbool.h", "stddef.h", "stdint.h", "limits.h", "cpuid.h"}
BITS = ["hv/base/types.h", "hv/base/bits.h", "hv/base/atomic.h"]
# Of hv/base only what touches neither the machine nor the kernel.
PURE_BASE = [*BITS, "hv/base/string.h", "hv/base/format.h", "hv/base/guest_memory.h",
             "hv/base/canvas.h", "hv/base/font.h"]

# Ring 0's folders, bottom first: each may include itself and those before it (calls.t: and call).
KERNEL = ["hv/kernel/sched", "hv/kernel/vcpu", "hv/kernel/vm", "hv/kernel/user", "hv/kernel/ipi",
          "hv/kernel/pv", "hv/kernel/exit", "hv/kernel/build", "hv/kernel/run", "hv/kernel"]
BELOW = ["hv/abi", "hv/base", "vapic", "vmx", "hv/kernel/cpu", "hv/kernel/boot"]

# Who may include what: directories (without those below them) and files.
MAY = {
    "hv/abi": ["hv/abi", *BITS],
    "hv/base": ["hv/base", "hv/abi"],
    "vapic": ["vapic", "hv/abi", *BITS],
    "vmx": ["vmx", "vapic", "hv/base", "hv/abi"],
    "hv/kernel/cpu": ["hv/kernel/cpu", "hv/kernel/boot", "hv/base", "hv/abi"],
    "hv/kernel/boot": ["hv/kernel/boot", "hv/kernel/cpu", "hv/base", "hv/abi"],
    **{part: BELOW + KERNEL[:at + 1] for at, part in enumerate(KERNEL)},
    "hv/host": [],
    "hv/ring3/rt": ["hv/ring3/rt", "hv/abi", *PURE_BASE],
    # The walk of a guest's page tables is one file for both rings.
    "hv/ring3/monitor": ["hv/ring3/monitor", "hv/ring3/rt", "hv/abi", "vmx/walk.h", *PURE_BASE],
    "hv/ring3/root": ["hv/ring3/root", "hv/ring3/rt", "hv/abi", *PURE_BASE],
    "guest-tools/lib": ["guest-tools/lib", "hv/abi", *BITS],
    "guest-tools/bench": ["guest-tools/bench", "guest-tools/lib", "hv/abi", *BITS],
    "guest-tools/tests": ["guest-tools/tests", "guest-tools/lib", "hv/abi", *BITS],
    "guest-tools/hostile": ["guest-tools/hostile", "guest-tools/lib", "hv/abi", *BITS],
    "guest-tools/linux/tapstat": ["guest-tools/linux/tapstat", "hv/abi", *BITS,
                                  "guest-tools/linux/module/tapvisor_ioctl.h"],
    "guest-tools/linux/workloads": [],
}
# Programs for Linux, with its libc.
HOSTED = {"guest-tools/linux/tapstat", "guest-tools/linux/workloads"}
# Parts of Linux, with Linux's rules for includes.
LINUX = ("guest-tools/linux/module/",)


def wrong_includes(name):
    may = MAY[tree.directory(name)]
    for number, line in enumerate(tree.read(name).split("\n"), 1):
        match = re.match(r'\s*[#%]\s*include\s+([<"])([^>"]+)[>"]', line)
        if not match:
            continue
        kind, target = match.groups()
        if kind == "<":
            if target not in FREESTANDING and tree.directory(name) not in HOSTED:
                yield f"{name}:{number}: <{target}> is not freestanding"
        elif not os.path.exists(f"{tree.TOP}/{target}"):
            yield f"{name}:{number}: {target}: paths are written from the top of the tree"
        elif target not in may and tree.directory(target) not in may:
            yield f"{name}:{number}: {tree.directory(name)} must not include {target}"


tap = Tap()
sources = [name for name in tree.files(*tree.SOURCE) if not name.startswith(("tests/", *LINUX))]
unknown = sorted({tree.directory(name) for name in sources} - set(MAY))
tap.none(unknown, "every directory has its place among the layers")
for place in MAY:
    mine = [name for name in sources if tree.directory(name) == place]
    wrong = [text for name in mine for text in wrong_includes(name)]
    tap.none(wrong, f"{place}: {len(mine)} files include downwards only")
tap.done()
