#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""gcc and clang both build everything."""
import os
import shutil
import subprocess
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)) + "/../tools")
import tree  # noqa: E402
from tap import Tap  # noqa: E402

tap = Tap()
for compiler in ("gcc", "clang"):
    if not shutil.which(compiler):
        tap.skip(f"{compiler} builds everything", f"{compiler} is not installed")
        continue
    environment = {name: value for name, value in os.environ.items()
                   if name not in ("MAKEFLAGS", "MFLAGS", "MAKELEVEL")}
    done = subprocess.run(["make", "-s", f"CC={compiler}", "all", "units"], cwd=tree.TOP,
                          env=environment, capture_output=True, text=True, check=False)
    tap.ok(done.returncode == 0, f"{compiler} builds everything",
           (done.stdout + done.stderr)[-4000:])
tap.done()
