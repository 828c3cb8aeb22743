#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The APIC model calls nobody: it may leave memcpy and memset undefined, nothing else."""
import os
import subprocess
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)) + "/../tools")
import tree  # noqa: E402
from tap import Tap  # noqa: E402

# The last is the linker's own, of position-independent code.
MAY = {"memcpy", "memset", "_GLOBAL_OFFSET_TABLE_"}
library = f"{tree.TOP}/{os.environ.get('TAPVISOR_BUILD', 'build')}/libvapic.a"


def symbols(*options):
    done = subprocess.run(["nm", "--format=posix", *options, library], capture_output=True,
                          text=True, check=True)
    lines = [line.split() for line in done.stdout.split("\n")]
    return {words[0] for words in lines if len(words) >= 2}


tap = Tap()
tap.ok(os.path.exists(library), "libvapic.a is built", library)
wanted = symbols("--undefined-only") - symbols("--defined-only", "--extern-only") - MAY
tap.none(sorted(wanted), "libvapic.a needs memcpy and memset at most")
data = symbols("--defined-only") if os.path.exists(library) else set()
tap.ok(data, "libvapic.a is not empty")
tap.done()
