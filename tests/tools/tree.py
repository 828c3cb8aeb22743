# SPDX-License-Identifier: MIT
"""The project's own files, for the lints."""
import os
import subprocess

TOP = os.path.abspath(os.path.dirname(os.path.abspath(__file__)) + "/../..")
RING0 = ("hv/abi/", "hv/base/", "hv/kernel/boot/", "hv/kernel/cpu/", "hv/", "vmx/", "vapic/")
RING3 = ("hv/ring3/rt/", "hv/ring3/monitor/", "hv/ring3/root/")
GUESTS = ("guest-tools/",)
SOURCE = (".c", ".h", ".asm", ".inc")


def files(*endings):
    """All files that git knows or would take, by their path from the top; by ending if given."""
    listed = subprocess.run(["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
                            cwd=TOP, capture_output=True, text=True, check=False)
    if listed.returncode == 0:
        names = {name for name in listed.stdout.split("\0") if name}
    else:
        names = set(walk())  # an unpacked archive
    found = sorted(name for name in names if os.path.isfile(f"{TOP}/{name}"))
    return [name for name in found if not endings or name.endswith(endings)]


def walk():
    for place, directories, names in os.walk(TOP):
        directories[:] = [d for d in directories if d not in (".git", "build", ".cache")]
        yield from (os.path.relpath(f"{place}/{name}", TOP) for name in names)


def read(name):
    with open(f"{TOP}/{name}", encoding="utf-8", errors="replace") as f:
        return f.read()


def directory(name):
    return os.path.dirname(name)


def scripts():
    """(name, interpreter) of every file with a #! line."""
    found = []
    for name in files():
        if name.endswith(SOURCE):
            continue
        with open(f"{TOP}/{name}", "rb") as f:
            first = f.readline(100).decode("ascii", "replace")
        if first.startswith("#!"):
            found.append((name, first[2:].strip().split("/")[-1].replace("env ", "")))
    return found
