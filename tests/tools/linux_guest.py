# SPDX-License-Identifier: MIT
"""What the tests that look into Linux guests have in common: the files, and an initramfs."""
import os
import re
import subprocess
import sys

from linux_vms import release
from settings import outside_make
from tapvisor_test import BUILD, TEST, skip_all, tap

HERE = os.path.dirname(os.path.abspath(__file__))
TOP = os.path.abspath(f"{HERE}/../..")
LINUX = f"{TOP}/build/linux/{release()}"
PATCHED = f"{LINUX}/patched"
PLACE = f"{BUILD}/emu/{TEST}"


def need_patched(*names):
    """The patched kernel takes too long to be built for a test."""
    if not all(os.path.exists(f"{PATCHED}/{name}") for name in names):
        skip_all("the patched kernel is not built: `make check-linux-patched` builds it")


def need(names, *settings):
    """Has make bring these files and targets; what cannot be fetched is a reason to skip.
    `settings` are the test's own, not make's."""
    names = [os.path.relpath(name, TOP) if name.startswith("/") else name for name in names]
    done = subprocess.run(["make", "-s", *names], cwd=TOP, env=outside_make(*settings),
                          capture_output=True, text=True, check=False)
    unfetched = re.search(r"fetch: (the Debian package.*)", done.stdout + done.stderr)
    if done.returncode and unfetched:
        skip_all(unfetched.group(1))
    if done.returncode:
        tap.give_up((done.stdout + done.stderr)[-2000:])


def sections(console, vm="linux"):
    """{name: text} of what the VM said behind each line `== name`, without its own name."""
    said = "\n".join(re.findall(rf"^\[{vm}\] ?(.*)$", console.replace("\r", ""), re.M)) + "\n"
    parts = re.split(r"(?m)^== ([\w-]+)\n", said)
    return dict(zip(parts[1::2], parts[2::2]))


def make_initrd(kernel, script, *items):
    """An initramfs with the module and the tools, which runs this script at its start; `items`
    besides, as guest-tools/linux/initramfs takes them."""
    os.makedirs(PLACE, exist_ok=True)
    with open(f"{PLACE}/50-test", "w", encoding="utf-8") as f:
        f.write(f"#!/bin/sh\nexec 2>&1\n{script}")
    os.chmod(f"{PLACE}/50-test", 0o755)
    tools = f"{TOP}/guest-tools/linux"
    subprocess.run([f"{tools}/initramfs", f"{PLACE}/initrd", f"bin/busybox={LINUX}/busybox",
                    "bin/sh@busybox", f"init={tools}/init", f"bin/tapstat={BUILD}/tapstat",
                    f"bin/shootdown={BUILD}/shootdown",
                    f"lib/tapvisor.ko={kernel}/module/tapvisor.ko",
                    f"etc/rc.d/10-tapvisor={tools}/rc.d/10-tapvisor",
                    f"etc/rc.d/50-test={PLACE}/50-test", *items], check=True)
