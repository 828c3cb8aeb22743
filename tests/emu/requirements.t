#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Machines that cannot run VMs: each says what is missing and what to do, and ends."""
import os
import sys

sys.dont_write_bytecode = True
HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [f"{HERE}/../tools", f"{HERE}/../../hv/host"]
from tapvisor_test import boot, tap  # noqa: E402

ADVICE = r"in a virtual machine, let the outer hypervisor offer it"

for name, config, says in (
        ("QEMU without VT-x, BIOS", {"emulator": "qemu"}, "no VT-x: use"),
        ("QEMU without VT-x, UEFI", {"emulator": "qemu", "uefi": True}, "no VT-x: use"),
        ("Penryn", {"model": "core2_penryn_t9600"}, r"no EPT \(extended page tables\)"),
        ("Lynnfield", {"model": "corei5_lynnfield_750"}, 'VT-x lacks "unrestricted guest"')):
    run = boot([], cpus=2, seconds=60, **config)
    tap.is_(run.ended, "shutdown", f"{name}: the machine switches itself off", run.explain())
    tap.like(run.console, f"^cannot run VMs: {says}", f"{name}: what is missing", run.console)
    tap.like(run.console, ADVICE, f"{name}: what to do")
    tap.unlike(run.console, "PANIC", f"{name}: no crash")
tap.done()
