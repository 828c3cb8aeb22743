#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Small files, small functions, and a small ring 0."""
import os
import re
import subprocess
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)) + "/../tools")
import tree  # noqa: E402
from tap import Tap  # noqa: E402

FILE_MAX, FUNCTION_MAX = 400, 60
UNIT_FILE_MAX, UNIT_FUNCTION_MAX = 1000, 100  # unit tests: tables of cases, second models

# Those that may be longer, and how long. Each wants a reason.
FILES = {}
FUNCTIONS = {
    "hv/abi/exit_names.h:exit_reason_name": 90,  # a table: one row for each reason
}


def functions(name):
    """(name, lines) of each function of a C file in kernel style: braces in column 0."""
    start, head = None, ""
    for number, line in enumerate(tree.read(name).split("\n"), 1):
        if line == "{":
            start = number
        elif line.startswith("}") and start:
            match = re.search(r"(\w+)\([^()]*(?:\([^()]*\)[^()]*)*\)[^()]*$", head)
            yield f"{name}:{match.group(1) if match else number}", number - start - 1
            start, head = None, ""
        elif start is None and line and not line.startswith(("#", "/", " *")):
            head = line if not line[0].isspace() else head + line


def limit(name, rows, unit, rest):
    return rows.get(name, unit if name.startswith("tests/unit/") else rest)


def median(values):
    values = sorted(values)
    return values[len(values) // 2] if values else 0


tap = Tap()
loc = subprocess.run([f"{tree.TOP}/tests/tools/loc", "--quiet"], cwd=tree.TOP, capture_output=True,
                     text=True, check=False)
tap.ok(loc.returncode == 0, "ring 0 keeps to its limit", loc.stderr)

code = [n for n in tree.files(*tree.SOURCE, ".py", ".ld", ".t", ".mk")] + ["Makefile"]
lines = {name: tree.read(name).count("\n") for name in code}
long = [f"{name}: {count} lines" for name, count in lines.items()
        if count > limit(name, FILES, UNIT_FILE_MAX, FILE_MAX)]
tap.none(long, f"no file has more than {FILE_MAX} lines (median {median(lines.values())})")
stale = [name for name in FILES if lines.get(name, FILE_MAX + 1) <= FILE_MAX]
tap.none(stale, "no file is allowed to be long that is short")

sizes = {name: count for source in tree.files(".c", ".h") for name, count in functions(source)}
long = [f"{name}: {count} lines" for name, count in sizes.items()
        if count > limit(name, FUNCTIONS, UNIT_FUNCTION_MAX, FUNCTION_MAX)]
tap.none(long, f"no function has more than {FUNCTION_MAX} lines (median {median(sizes.values())})")
tap.done()
