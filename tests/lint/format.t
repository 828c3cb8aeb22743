#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""clang-format 14 finds nothing to change in C; the other sources keep to 100 columns as well."""
import os
import re
import shutil
import subprocess
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)) + "/../tools")
import tree  # noqa: E402
from tap import Tap  # noqa: E402

COLUMNS = 100
tap = Tap()
sources = tree.files(".c", ".h")
VERSION = 14  # decides: others format macros and empty bodies otherwise


def formatter():
    """The name of the clang-format that decides, or ("", why there is none)."""
    others = []
    for name in f"clang-format-{VERSION}", "clang-format":
        if shutil.which(name):
            said = subprocess.run([name, "--version"], capture_output=True, text=True, check=False)
            found = re.search(r"version (\d+)", said.stdout)
            if found and int(found.group(1)) == VERSION:
                return name, ""
            others.append(said.stdout.strip())
    return "", f"version {VERSION} decides, here is: {', '.join(others) or 'none'}"


program, lacks = formatter()
if not program:
    tap.skip("clang-format", lacks)
else:
    done = subprocess.run([program, "--dry-run", "--ferror-limit=1", *sources], cwd=tree.TOP,
                          capture_output=True, text=True, check=False)
    bad = [line.split(": ")[0] for line in done.stderr.split("\n") if "warning:" in line]
    tap.none(bad, f"{len(sources)} C files are formatted", "`clang-format -i FILE` formats")


def too_long(name):
    for number, line in enumerate(tree.read(name).split("\n"), 1):
        if len(line.expandtabs(8)) > COLUMNS:
            yield f"{name}:{number}: {len(line.expandtabs(8))} columns"


def ragged(name):
    text = tree.read(name)
    if text and not text.endswith("\n"):
        yield f"{name}: no newline at its end"
    for number, line in enumerate(text.split("\n"), 1):
        if line != line.rstrip():
            yield f"{name}:{number}: blanks at the end of the line"


code = sorted(set(tree.files(".asm", ".inc", ".py", ".ld", ".t", ".mk") + ["Makefile"]
                  + [name for name, _ in tree.scripts()]))
# Its rows quote whole lines of source, tabs and all.
QUOTES = "tests/proof/mutants"
wide = [text for name in code if name != QUOTES for text in too_long(name)]
tap.none(wide, f"no line is longer than {COLUMNS} columns")
tap.none([text for name in code + sources for text in ragged(name)],
         "no blanks at the ends of lines")
tap.done()
