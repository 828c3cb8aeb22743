#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Every header compiles alone, with gcc and with clang, and has a guard."""
import concurrent.futures
import os
import re
import shutil
import subprocess
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)) + "/../tools")
import tree  # noqa: E402
from tap import Tap  # noqa: E402

FLAGS = ["-std=gnu11", "-fsyntax-only", "-I.", "-ffreestanding", "-mgeneral-regs-only", "-Wall",
         "-Wextra", "-Werror", "-Wconversion", "-Wshadow", "-Wstrict-prototypes", "-Wvla",
         "-Wundef", "-Wno-unused-function", "-Wno-unused-const-variable"]

# Those that want a macro of the file that includes them, and say so.
TEMPLATES = {f"tests/unit/vapic_{name}.h": "-DWORLD_FAIL(text)=(void)(text)"
             for name in ("pair", "choices", "world")}

# A module of Linux: its headers lean on those of the kernel.
LINUX = "guest-tools/linux/module/"


def compile_alone(job):
    compiler, name = job
    flags = [flag for flag in FLAGS if not (name.startswith("tests/") and flag in FLAGS[3:5])]
    flags += [TEMPLATES[name]] if name in TEMPLATES else []
    done = subprocess.run([compiler, *flags, "-include", name, "-x", "c", os.devnull], cwd=tree.TOP,
                          capture_output=True, text=True, check=False)
    return name, done.returncode, done.stderr


tap = Tap()
headers = [name for name in tree.files(".h") if not name.startswith(LINUX)]
with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
    for compiler in ("gcc", "clang"):
        if not shutil.which(compiler):
            tap.skip(f"headers alone with {compiler}", f"{compiler} is not installed")
            continue
        bad = [(name, text) for name, status, text
               in pool.map(compile_alone, [(compiler, name) for name in headers]) if status]
        tap.none([f"{name}:\n{text}" for name, text in bad],
                 f"{len(headers)} headers compile alone with {compiler}")
unguarded = [name for name in headers
             if not re.search(r"^#ifndef (\w+)\n#define \1$", tree.read(name), re.M)]
tap.none(unguarded, "every header has a guard")
tap.done()
