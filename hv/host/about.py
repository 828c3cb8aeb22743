# SPDX-License-Identifier: MIT
"""What a run was of, and on what: the first line of the telemetry that it leaves."""
import datetime
import os
import platform
import re
import shutil
import subprocess

import bochs

HERE = os.path.dirname(os.path.abspath(__file__))


def said(*command):
    """A command's output, "" where it fails or is not there."""
    if not shutil.which(command[0]):
        return ""
    done = subprocess.run(command, cwd=HERE, stdin=subprocess.DEVNULL, capture_output=True,
                          text=True, errors="replace", check=False)
    return done.stdout.strip() if done.returncode == 0 else ""


def emulator(kind):
    if kind == "bochs":
        return "Bochs {}.{}".format(*bochs.version())
    found = re.search(r"version (\S+)", said("qemu-system-x86_64", "--version"))
    return f"QEMU {found.group(1)}" if found else "QEMU"


def compiler(build):
    """What the hypervisor was compiled by, as its debug information says."""
    text = said("readelf", "--debug-dump=info", "--dwarf-depth=1",
                os.path.abspath(f"{build}/tapvisor.debug"))
    found = re.findall(r"DW_AT_producer .*?: (GNU C|NASM|[^:]*clang version)\S* ([\d.]+)", text)
    names = {"GNU C": "gcc", "NASM": "nasm"}
    return ", ".join(sorted({f"{names.get(name, 'clang')} {version}" for name, version in found}))


def processor():
    """Of this machine, which matters where the hypervisor runs on it and not in Bochs."""
    try:
        with open("/proc/cpuinfo", encoding="utf-8", errors="replace") as f:
            found = re.search(r"^model name\s*:\s*(.*)$", f.read(), re.M)
    except OSError:
        found = None
    return found.group(1).strip() if found else platform.machine()


def record(build, title, kind, why, cpus):
    now = datetime.datetime.now(datetime.timezone.utc)
    return {"type": "run", "entry": title, "machine": kind, "why": why, "cpus": cpus,
            "emulator": emulator(kind), "processor": processor(),
            "host": f"{platform.system()} {platform.release()}", "compiler": compiler(build),
            "commit": said("git", "describe", "--tags", "--always", "--dirty"),
            "date": now.strftime("%Y-%m-%d %H:%M UTC")}
