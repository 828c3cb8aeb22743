#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What is built into Linux: the series of patches is taken by `git am` and found good by the
kernel's own checkpatch.pl, what it touches compiles without a warning, and so does the module
against the headers of Debian's kernel. `make check-linux-patched` builds and boots the whole."""
import glob
import os
import re
import shutil
import subprocess
import sys
import tempfile

sys.dont_write_bytecode = True
HERE = os.path.dirname(os.path.abspath(__file__))
TOP = os.path.abspath(f"{HERE}/../..")
sys.path[:0] = [f"{HERE}/../tools", f"{HERE}/../../hv/host"]
from linux_vms import release  # noqa: E402
from settings import outside_make  # noqa: E402
from tap import Tap  # noqa: E402

LINUX = f"{TOP}/build/linux/{release()}"
SOURCE = f"{LINUX}/patched/source"
OBJECTS = f"{LINUX}/patched/obj/arch/x86/kernel"
MODULE = f"{LINUX}/module/tapvisor.ko"
PATCHES = sorted(glob.glob(f"{TOP}/guest-tools/linux/patch/*.patch"))
MADE_FOR = "6.1"  # there the series fits to the line, later ones differ around its places
NEEDED = ("flex", "bison", "bc", "perl", "patch")
AUTHOR = ["-c", "user.name=t", "-c", "user.email=t@example.org"]

tap = Tap()


def run(*command, cwd=TOP, **more):
    done = subprocess.run(command, cwd=cwd, env=outside_make(), capture_output=True, text=True,
                          errors="replace", check=False, **more)
    return done.returncode == 0, done.stdout + done.stderr


def make(target, what):
    """True if it is there now. A package that cannot be fetched is a reason to skip."""
    lacking = [name for name in NEEDED if not shutil.which(name)]
    if lacking:
        tap.skip(what, f"{' '.join(lacking)} not installed: ./setup installs them")
        return False
    made, text = run("make", "-s", target)
    unfetched = re.search(r"fetch: (the Debian package .*)", text)
    if not made and unfetched:
        tap.skip(what, unfetched.group(1))
        return False
    tap.ok(made and "warning:" not in text, what, text[-3000:])
    return made


def touched():
    """Files of the series that were there before it."""
    names, new = set(), set()
    for name in PATCHES:
        with open(name, encoding="utf-8") as f:
            text = f.read()
        names |= set(re.findall(r"^\+\+\+ b/(\S+)", text, re.M))
        new |= set(re.findall(r"^--- /dev/null\n\+\+\+ b/(\S+)", text, re.M))
    return sorted(names), new


def version():
    """Of the source, such as 6.1."""
    with open(f"{SOURCE}/Makefile", encoding="utf-8") as f:
        found = re.search(r"^VERSION = (\d+)\nPATCHLEVEL = (\d+)$", f.read(), re.M)
    return ".".join(found.groups())


def test_git_am():
    """Debian's files, which the patched tree has once the series is taken back, under git."""
    names, new = touched()
    with tempfile.TemporaryDirectory() as place:
        for name in names:
            os.makedirs(os.path.dirname(f"{place}/{name}"), exist_ok=True)
            shutil.copy(f"{SOURCE}/{name}", f"{place}/{name}")
        exact = version() == MADE_FOR
        for name in reversed(PATCHES):
            back, text = run("patch", "-R", "-s", "-p1", "-F0" if exact else "-F2",
                             "--no-backup-if-mismatch", "-i", name, cwd=place)
            if not back:
                tap.ok(False, "the series is in the patched source", text)
                return
        tap.none([name for name in new if os.path.exists(f"{place}/{name}")],
                 "the series is in the patched source, and comes off it whole")
        for command in (["init", "-q"], ["add", "-A"], [*AUTHOR, "commit", "-q", "-m", "Debian"]):
            run("git", *command, cwd=place)
        taken, text = run("git", *AUTHOR, "am", "-q", *([] if exact else ["-C1"]), *PATCHES,
                          cwd=place)
        tap.ok(taken, f"git am takes {len(PATCHES)} patches for Linux {version()}", text)
        different = [name for name in names
                     if not run("cmp", f"{place}/{name}", f"{SOURCE}/{name}")[0]]
        tap.none(different, "and yields what is compiled")


def test_checkpatch():
    for name in PATCHES:
        good, text = run("perl", "scripts/checkpatch.pl", "--strict", "--no-color", name,
                         cwd=SOURCE)
        tap.ok(good and re.search(r"total: 0 errors, 0 warnings, 0 checks", text),
               f"checkpatch.pl --strict: {os.path.basename(name)[5:45]}", text)


def test_objects():
    _, text = run("nm", f"{OBJECTS}/tapvisor.o")
    for symbol in ("tapvisor_init_platform", "tapvisor_send_IPI_mask", "tapvisor_flush_tlb_multi"):
        tap.like(text, rf"\b[tT] {symbol}\b", f"tapvisor.o has {symbol}", text)
    _, text = run("nm", f"{OBJECTS}/setup.o")
    tap.like(text, r"\bU tapvisor_init_platform\b", "setup.o calls it", text)
    _, text = run("nm", f"{LINUX}/patched/objects/tapvisor.o")
    tap.like(text, r"\b[tT] tapvisor_cpuid\b", "the module compiles for that source as well", text)


tap.ok(PATCHES, "there is a series of patches")
if make("linux-patch", "what the patches touch compiles"):
    test_git_am()
    test_checkpatch()
    test_objects()
if make("linux-module", "the module compiles for Debian's kernel"):
    _, modinfo = run("strings", MODULE)
    tap.like(modinfo, r"(?m)^vermagic=\d+\.\d+\..*-amd64 SMP",
             "vermagic is that of Debian's kernel")
    tap.like(modinfo, r"(?m)^license=GPL$", "it says under which licence it is")
tap.done()
