#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""guest-tools/linux/workloads/shootdown.c on the host, which is a Linux like any other: the lists
of CPUs that it takes, and that no CPU of this machine sees an old page."""
import os
import subprocess
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)) + "/../tools")
from tap import Tap  # noqa: E402

PROGRAM = os.environ.get("TAPVISOR_BUILD", "build") + "/shootdown"
tap = Tap()


def run(*words):
    done = subprocess.run([PROGRAM, *words], capture_output=True, text=True, timeout=60,
                          check=False)
    return done.returncode, done.stdout + done.stderr


for words in (("0", "9"), ("", "9"), (",", "9"), ("0,", "9"), ("0,0", "9"), ("0-1,1", "9"),
              ("0-1-2", "9"), ("1-0", "9"), ("0,-1", "9"), (" 0,1", "9"), ("+0,1", "9"),
              ("0-1024", "9"), ("0-1x", "9"), ("0-1", "0"), ("0-1", "1.7"), ("0-1",),
              ("0-1", "9", "9"), ()):
    status, said = run(*words)
    tap.ok(status == 2 and said.startswith("usage: shootdown"), f"refused: {words}", status, said)

cpus = sorted(os.sched_getaffinity(0))
status, said = run(f"{cpus[0]},1023", "9")
tap.ok(status == 3 and "CPU 1023 cannot be had" in said, "a CPU that there is not is named", said)
if len(cpus) < 2:
    tap.skip("a change of a mapping", "this process has one CPU only")
else:
    for words in (f"{cpus[0]},{cpus[1]}", f"{cpus[1]},{cpus[0]}"):
        status, said = run(words, "50")
        tap.ok(status == 0, f"{words}: well", status, said)
        tap.like(said, r"^shootdown: 50 remappings seen by 1 CPUs, \d+ ticks each, 0 stale$",
                 f"{words}: no CPU sees the page before", said)
tap.done()
