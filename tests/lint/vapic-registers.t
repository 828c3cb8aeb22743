#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The table of docs/vapic-registers.md is the register table of vapic/regs.c, column by column; the
remarks are the document's own."""
import os
import re
import subprocess
import sys
import tempfile

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)) + "/../tools")
import tree  # noqa: E402
from tap import Tap  # noqa: E402

DOCUMENT = "docs/vapic-registers.md"
LIBRARY = f"{tree.TOP}/{os.environ.get('TAPVISOR_BUILD', 'build')}/libvapic.a"
PRINT = r"""
#include "vapic/regs.h"
#include <stdio.h>
int main(void)
{
	for (u32 i = 0; i < APIC_ROWS; i++)
		if (regs[i].name != NULL)
			printf("%s %x %x %x %x %x\n", regs[i].name, i * 16, regs[i].access,
			       regs[i].writable, regs[i].ignored, regs[i].reset);
}
"""
R, W, MSR_R, MSR_W = 1, 2, 4, 8


def bits(mask):
    """"19:18, 7:0": the runs of ones of a mask, highest first."""
    runs, high = [], None
    for bit in range(31, -2, -1):
        one = bit >= 0 and mask >> bit & 1
        if one and high is None:
            high = bit
        elif not one and high is not None:
            runs.append(f"{high}:{bit + 1}" if high != bit + 1 else str(high))
            high = None
    return ", ".join(runs)


def rows_of_source():
    """[[offset, register, MMIO, MSR, writable, read-only, reset]] as the program has them."""
    with tempfile.TemporaryDirectory() as place:
        with open(f"{place}/print.c", "w", encoding="utf-8") as f:
            f.write(PRINT)
        subprocess.run(["cc", "-std=gnu11", f"-I{tree.TOP}", "-o", f"{place}/print",
                        f"{place}/print.c", LIBRARY], check=True)
        text = subprocess.run([f"{place}/print"], capture_output=True, text=True, check=True).stdout
    found = []
    for name, *numbers in (line.split(" ") for line in text.splitlines()):
        offset, access, writable, ignored, reset = (int(number, 16) for number in numbers)
        mmio = "R" * bool(access & R) + "W" * bool(access & W) or "reserved"
        msr = "R" * bool(access & MSR_R) + "W" * bool(access & MSR_W) or "#GP"
        may = bits(writable) or ("none" if access & (W | MSR_W) else "")
        row = [f"{offset:03x}", name, mmio, msr, may, bits(ignored), f"{reset:x}"]
        if found and found[-1][1:] == row[1:]:  # one register of eight words
            row[0] = f"{found.pop()[0][:3]}-{row[0]}"
        found.append(row)
    return found


def rows_of_document():
    text = re.search(r"^\| offset .*?\n\n", tree.read(DOCUMENT), re.S | re.M)
    lines = text.group(0).strip().split("\n")[2:] if text else []
    return [[cell.strip() for cell in line.strip("|").split("|")][:7] for line in lines]


tap = Tap()
source, document = rows_of_source(), rows_of_document()
tap.ok(len(source) > 20, f"vapic/regs.c has {len(source)} registers")
tap.none([f"regs.c:   | {' | '.join(row)} |" for row in source if row not in document]
         + [f"document: | {' | '.join(row)} |" for row in document if row not in source],
         "the document has these, and no others")
tap.is_([row[0] for row in document], sorted(row[0] for row in document), "in their order")
tap.done()
