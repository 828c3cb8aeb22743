#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What lies where: licence lines, the top level, scripts that run, words that must not be."""
import os
import re
import shutil
import subprocess
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)) + "/../tools")
import tree  # noqa: E402
from tap import Tap  # noqa: E402

TOP = {"hv", "vmx", "vapic", "guest-tools", "tests", "docs", "Makefile", "grub.cfg", "setup",
       "README.md", "CHANGELOG.md", "CONTRIBUTING.md", "LICENSE", ".ci", ".clang-format",
       ".editorconfig", ".gitignore", ".gitattributes"}
NO_SPDX = {"LICENSE", ".clang-format", ".gitignore", ".gitattributes"}
NO_SPDX_ENDINGS = (".md", ".json", ".jsonl", ".csv", ".svg", ".png", ".patch")

# What becomes a part of Linux has Linux's licence; what such files and MIT's share has both.
GPL = ("guest-tools/linux/module/", "tests/emu/lockup/")

# Paths of one person's machine, and notes to oneself that belong into docs/caveats.md.
WORDS = r"(?<![\w.])/(home|root|Users)/\w|\bXXX\b|\bFIXME\b|(?<!# )\bTODO\b|^<<<<<<<|^>>>>>>>"
WORDS_MAY = {"tests/lint/tree.t"}

tap = Tap()
names = tree.files()
tap.none(sorted({name.split("/")[0] for name in names} - TOP),
         "the top level holds what it should and nothing else")

lacking = [name for name in names if name not in NO_SPDX and not name.endswith(NO_SPDX_ENDINGS)
           and not any(f"SPDX-License-Identifier: {licence}" in line
                       for licence in (["GPL-2.0", "(GPL-2.0"] if name.startswith(GPL) else ["MIT"])
                       for line in tree.read(name).split("\n")[:2])]
tap.none(lacking, "every file begins with its licence (an SPDX line)")

texts = [name for name in names if not name.endswith(".png")]
found = [f"{name}:{number}: {line.strip()[:80]}" for name in texts if name not in WORDS_MAY
         for number, line in enumerate(tree.read(name).split("\n"), 1) if re.search(WORDS, line)]
tap.none(found, "no machine's paths, no notes to oneself")

# prove would end all tests with it; tap.give_up() fails that test alone.
BAIL = "Bail " + "out!"
tap.none([name for name in names if name.startswith("tests/") and BAIL in tree.read(name)],
         "no test that cannot go on stops the others")

scripts = tree.scripts()
tap.none([name for name, _ in scripts if not os.access(f"{tree.TOP}/{name}", os.X_OK)],
         "every script may be executed")
shell = [name for name, program in scripts if program in ("sh", "bash")]
if shutil.which("shellcheck"):
    done = subprocess.run(["shellcheck", *shell], cwd=tree.TOP, capture_output=True, text=True,
                          check=False)
    tap.ok(done.returncode == 0, f"shellcheck finds nothing in {', '.join(shell)}", done.stdout)
else:
    tap.skip("shellcheck", "shellcheck is not installed")

python = [name for name in names if name.endswith(".py") or (name, "python3") in scripts]
bad = []
for name in python:
    try:
        compile(tree.read(name), name, "exec")
    except SyntaxError as error:
        bad.append(str(error))
tap.none(bad, f"{len(python)} Python files parse")
tap.done()
