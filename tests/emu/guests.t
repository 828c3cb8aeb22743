#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Every test image of guest-tools/tests as a VM: both APIC modes, with and without paravirtual
interfaces, 1 to 8 cores, turns of 1 and 5, more vCPUs than cores, many VMs on the same cores.

Arguments choose rows, and images behind a colon: `guests.t x2apic:fpu`.
"""
import os
import sys

sys.dont_write_bytecode = True
HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [f"{HERE}/../tools", f"{HERE}/../../hv/host"]
from guest_images import ANY_APIC, ANY_VM, IMAGES, NO_NMIS, QUICK, SINGLE, run_rows  # noqa: E402
from tapvisor_test import tap  # noqa: E402

# Those whose vCPUs wait for each other, which is what sharing a core makes hard.
MEETING = ["broadcast", "hlt"]
# Those that differ with eight vCPUs, each on a core.
EIGHT = ["broadcast", "cluster", "flat", "smp_start"]
# Where what a VM is offered is the matter; one way to the APIC; vCPUs that share cores; one CPU.
OFFERED = [name for name in QUICK if name not in ANY_VM]
ACCESS = [name for name in QUICK if name not in ANY_APIC]
SHARING = [name for name in NO_NMIS if name not in SINGLE or name == "timer"]
LONELY = ["fpu", "hlt", "ioapic", "pv_clock", "pv_eoi", "pv_steal", "timer", "tpr"]

X2APIC, XAPIC = "apic=x2apic pv=kvm,tap counters=on", "apic=xapic pv=none"
rows = {
    # name: images, VMs a boot, vCPUs of a VM, its cores (VMs take turns), keys, the machine
    "x2apic": (IMAGES, 11, 4, ["0-3"], X2APIC, {"cpus": 5, "quantum": 5}),
    "xapic": (OFFERED, 10, 4, ["0-3", "3-6"], XAPIC, {"cpus": 8, "quantum": 5}),
    "eight": (EIGHT, 1, 8, ["0-7"], X2APIC, {"cpus": 8, "quantum": 5}),
    "apic-page": (ACCESS, 10, 2, ["0-1"], "apic=xapic apic-page=on pv=kvm",
                  {"cpus": 3, "quantum": 1}),
    "overcommit": (SHARING, 3, 8, ["0-1"], "apic=x2apic pv=tap", {"cpus": 2, "quantum": 5}),
    "overcommit, turns of 1": (MEETING, 2, 8, ["0-1"], "apic=x2apic pv=tap",
                               {"cpus": 2, "quantum": 1}),
    "overcommit, turns of 16": (MEETING, 2, 8, ["0-1"], "apic=x2apic pv=tap",
                                {"cpus": 2, "quantum": 16}),
    "one core": (LONELY, 10, 1, ["0"], "apic=x2apic pv=kvm", {"cpus": 1, "quantum": 1}),
}

run_rows(rows)
tap.done()
