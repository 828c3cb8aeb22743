#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""hv/ring3/monitor/dsdt.c is what iasl makes of hv/ring3/monitor/dsdt.asl."""
import os
import re
import shutil
import subprocess
import sys
import tempfile

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)) + "/../tools")
import tree  # noqa: E402
from tap import Tap  # noqa: E402

CREATOR = slice(28, 36)  # of the header: who compiled it, and which version of it
CHECKSUM = slice(9, 10)

tap = Tap()


def comparable(table):
    """A table without what depends on the compiler's version."""
    table = bytearray(table)
    table[CREATOR] = table[CHECKSUM] = b""
    return bytes(table)


if not shutil.which("iasl"):
    tap.skip("dsdt.c is dsdt.asl, compiled", "iasl is not installed")
else:
    with tempfile.TemporaryDirectory() as place:
        source = f"{tree.TOP}/hv/ring3/monitor/dsdt.asl"
        done = subprocess.run(["iasl", "-p", f"{place}/dsdt", source], capture_output=True,
                              text=True, check=False)
        tap.ok(done.returncode == 0, "iasl compiles dsdt.asl", done.stdout + done.stderr)
        compiled = open(f"{place}/dsdt.aml", "rb").read() if done.returncode == 0 else b""
    rows = re.findall(r"^\t(?:0x[0-9a-f]{2},? ?)+$", tree.read("hv/ring3/monitor/dsdt.c"), re.M)
    written = bytes(int(byte, 16) for row in rows for byte in re.findall(r"0x([0-9a-f]{2})", row))
    tap.ok(sum(written) % 256 == 0, "its checksum is right")
    tap.ok(comparable(compiled) == comparable(written), "dsdt.c is dsdt.asl, compiled",
           f"{len(written)} bytes stand there, {len(compiled)} were compiled")
tap.done()
