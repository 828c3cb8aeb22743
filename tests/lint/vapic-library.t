#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The APIC model in another project: the commands of docs/vapic.md, as they stand there, outside of
the tree, with gcc and with clang as `cc`. And libvapic.a is what a program of any kind can link."""
import os
import re
import shutil
import subprocess
import sys
import tempfile

sys.dont_write_bytecode = True
HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [f"{HERE}/../tools", f"{HERE}/../../hv/host"]
import tree  # noqa: E402
from settings import outside_make  # noqa: E402
from tap import Tap  # noqa: E402

SECTION = r"^## Using it in another project\n(.*?)^## "
FIXED_PLACE = {"R_X86_64_32", "R_X86_64_32S", "R_X86_64_16", "R_X86_64_8"}
# Builds within `make check` are builds of their own.
ENVIRONMENT = outside_make("CC")


def run(compiler, commands):
    """The commands in an empty directory beside the tree, `cc` being that compiler."""
    with tempfile.TemporaryDirectory() as where:
        os.symlink(tree.TOP, f"{where}/tapvisor")
        os.mkdir(f"{where}/bin")
        os.symlink(shutil.which(compiler), f"{where}/bin/cc")
        path = f"{where}/bin:{ENVIRONMENT['PATH']}"
        return subprocess.run(["sh", "-ex", "-c", commands], cwd=where, capture_output=True,
                              env={**ENVIRONMENT, "PATH": path}, text=True, check=False)


tap = Tap()
section = re.search(SECTION, tree.read("docs/vapic.md"), re.S | re.M)
blocks = re.findall(r"^```sh\n(.*?)^```", section.group(1) if section else "", re.S | re.M)
tap.is_(len(blocks), 2, "docs/vapic.md tells two ways")
for compiler in ("gcc", "clang"):
    for number, block in enumerate(blocks, 1):
        name = f"{compiler}: way {number} of docs/vapic.md builds and runs the example"
        if not shutil.which(compiler):
            tap.skip(name, f"{compiler} is not installed")
            continue
        done = run(compiler, block)
        tap.ok(done.returncode == 0 and "\nok 1 " in done.stdout and not
               re.search(r"\bwarning\b", done.stderr), name, done.stdout + done.stderr)

library = f"{tree.TOP}/{os.environ.get('TAPVISOR_BUILD', 'build')}/libvapic.a"
relocations = subprocess.run(["readelf", "--relocs", "--wide", library], capture_output=True,
                             text=True, check=True).stdout
loaded = [part for part in relocations.split("Relocation section ") if ".rela.debug" not in part]
kinds = {kind for part in loaded for kind in re.findall(r"\bR_X86_64_\w+", part)}
tap.ok(kinds, "libvapic.a has relocations")
tap.none(sorted(kinds & FIXED_PLACE), "none of them binds it to a place")
tap.done()
