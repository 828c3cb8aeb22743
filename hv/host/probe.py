# SPDX-License-Identifier: MIT
"""Measures whether a tick is an instruction in the Bochs at hand. All figures from Bochs stand on
that, and a Bochs that passes over its debugger's commands breaks it without a word."""
import contextlib
import os
import re

import machine
from preload import CYLINDER, rom

SECONDS = 60


def inexact(build, place, quantum=1):
    """Why ticks are no instructions with turns of `quantum`; "" where they are. A run of probe.asm,
    with two CPUs, in the directory `place`."""
    os.makedirs(place, exist_ok=True)
    disk = f"{place}/empty.img"
    with contextlib.suppress(FileNotFoundError):
        os.unlink(f"{disk}.lock")  # what a Bochs that was killed leaves behind
    with open(disk, "wb") as f:
        f.truncate(CYLINDER)
    config = machine.Config(iso=disk, rom=rom(build, "probe"), cpus=2, mem=32, keep=place,
                            quantum=quantum, seconds=SECONDS)
    result = machine.run_bochs(config)
    found = re.fullmatch(r"([0-9A-F]{8}) " * 4, result.console)
    if not found or not result.ok:
        return f"the probe of turns failed: {result.explain()}"
    path, low, high, other = (int(digits, 16) for digits in found.groups())
    if other == 0:
        return "the probe of turns failed: the second CPU does not run"
    if (low, high) == (path, path):
        return ""
    took = str(low) if low == high else f"{low} to {high}"
    return f"a path of {path} instructions takes {took} ticks, so ticks are no instructions here"
