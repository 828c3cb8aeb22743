#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""./setup with an apt, a dpkg and a make that write down how they were called."""
import os
import re
import subprocess
import sys
import tempfile

sys.dont_write_bytecode = True
HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, f"{HERE}/../tools")
from tap import Tap  # noqa: E402

SETUP = f"{HERE}/../../setup"
# Each stands before the real one in PATH. KNOWN and INSTALLED are lists of packages.
TOOLS = {
    "apt-get": 'echo "apt-get $*" >>"$LOG"',
    "apt-cache": 'shift; for name; do case " $KNOWN " in *" $name "*) '
                 'printf "%s:\\n  Candidate: 1\\n" "$name";; esac; done',
    "dpkg-query": 'for name; do case " $INSTALLED " in *" $name "*) echo "$name installed";; esac;'
                  ' done',
    "make": 'echo "make $*" >>"$LOG"',
    "sudo": "exit 1",
    "id": 'echo "$WHO"',
}
tap = Tap()


def setup(*targets, who="0", known="", installed=""):
    """(exit status, what was called, what was said on standard error)"""
    with tempfile.TemporaryDirectory() as place:
        for name, body in TOOLS.items():
            with open(f"{place}/{name}", "w", encoding="ascii") as f:
                f.write(f"#!/bin/sh\n{body}\n")
            os.chmod(f"{place}/{name}", 0o755)
        log = f"{place}/log"
        open(log, "w", encoding="ascii").close()
        done = subprocess.run([SETUP, *targets], capture_output=True, text=True, check=False,
                              env=dict(os.environ, PATH=f"{place}:{os.environ['PATH']}", LOG=log,
                                       WHO=who, KNOWN=known, INSTALLED=installed))
        with open(log, encoding="ascii") as f:
            return done.returncode, f.read().splitlines(), done.stderr


def installs(calls):
    """The packages of the call that installs; None where there is none."""
    found = [call.split()[2:] for call in calls if call.startswith("apt-get install")]
    return {word for word in found[0] if not word.startswith("-")} if found else None


status, calls, said = setup("run", "CPUS=2")
run = installs(calls)
tap.is_((status, calls[0], calls[-1]), (0, "apt-get update -q", "make run CPUS=2"),
        "run: lists, packages, then make with all that was said", str(calls))
tap.ok({"make", "gcc", "nasm", "bochs", "bochs-term", "python3"} <= run, "run: what it needs",
       str(run))
tap.is_(run & {"clang", "perl", "spin", "git", "flex"}, set(), "run: no more")
linux = installs(setup("linux")[1])
tap.is_(linux - run, {"xz-utils", "zstd"}, "linux: what unpacks kernels besides")
tap.is_(installs(setup("report")[1]) - run, {"gnuplot-nox"}, "report: what draws besides")
everything = installs(setup("check")[1])
tap.ok(run | {"gnuplot-nox"} < linux | {"gnuplot-nox"} < everything, "check: that and more")
for targets in (("check-report",), ("check-report", "check"), ("run", "check-report")):
    tap.is_(installs(setup(*targets)[1]) - everything, {"chromium-headless-shell"},
            f"{' '.join(targets)}: a browser as well")
for targets in ((), ("lint",), ("run", "check"), ("V=1", "coverage")):
    tap.is_(installs(setup(*targets)[1]), everything, f"{' '.join(targets) or 'no target'}: all")
tap.is_(setup()[1][-1], "make help", "without a target the targets are listed")

status, calls, said = setup("run", installed=" ".join(run))
tap.is_((status, calls), (0, ["make run"]), "what is there already is left alone")
status, calls, said = setup("check", installed=" ".join(run))
tap.is_(installs(calls), everything - run, "what is lacking alone is installed")

# A release without some of them
status, calls, said = setup("check", known=" ".join(everything - {"spin", "gcc", "zstd"}))
tap.is_((status, installs(calls)), (0, everything - {"spin", "gcc", "zstd"}),
        "unknown packages do not stop the others")
for name, what in (("spin", "the harness, lints, proofs"), ("gcc", "building"),
                   ("zstd", "unpacking Linux")):
    tap.like(said, rf"(?m)^setup: .* no package {name} \(for {what}\); going on without$",
             f"{name} is named, with what it is for", said)
tap.is_(calls[-1], "make check", "and make is called")

# A user who may not install
status, calls, said = setup("run", who="1000", known=" ".join(run - {"vgabios"}))
line = re.findall(r"(?m)^apt-get update && apt-get install -y --no-install-recommends (.*)$", said)
tap.is_((status, calls, len(line)), (1, [], 1), "no root: one line for root, nothing is called",
        said)
tap.is_(set(line[0].split()) if line else None, run - {"vgabios"}, "it names what apt knows")
tap.done()
