#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Guests that others wrote, as Debian packages them: `make check-guests`, or `others.t xen mach`.

Each boots with four vCPUs, unless it knows one alone, and is held to what it says when all of them
are up. docs/guests.md has the table.
"""
import gzip
import os
import shutil
import subprocess
import sys

sys.dont_write_bytecode = True
HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [f"{HERE}/../tools", f"{HERE}/../../hv/host"]
import debian  # noqa: E402
from tapvisor_test import Dialogue, Silence, entry, prepare, tap  # noqa: E402

UNPACK = f"{HERE}/../../guest-tools/linux/unpack"
MEMTEST = (r"CPU: 4 Cores 4 Threads +SMP: 4T \(PAR\)", r"Using: All Cores")
KERNEL = ("console=ttyS0 cryptomgr.notests nopti clearcpuid=xsavec panic=-1",
          (r"smp: Brought up 1 node, 4 CPUs", r"Run /|Unable to mount root fs"))


def packed(path):
    """What gzip has packed, unpacked beside it."""
    with gzip.open(path) as source, open(f"{path}.elf", "wb") as out:
        shutil.copyfileobj(source, out)
    return f"{path}.elf"


def linux(package):
    """A kernel's ELF, which does not unpack itself for minutes."""
    path = debian.file(package, "boot/vmlinuz-*")
    subprocess.run([UNPACK, path, f"{os.path.dirname(path)}/vmlinux"], check=True)
    return f"{os.path.dirname(path)}/vmlinux"


def memtest(name):
    return [(debian.file("memtest86+", f"boot/memtest86+{name}.bin"), "")]


def xen():
    """Debian's Xen, with a kernel and what stands for its initrd as modules."""
    image = packed(debian.file("xen-hypervisor-4.17-amd64", "boot/xen-*-amd64.gz"))
    dom0 = debian.file("linux-image-cloud-amd64", "boot/vmlinuz-*")
    return [(image, ""), (dom0, "console=hvc0 earlyprintk=xen panic=-1"), (UNPACK, "")]


def mach(package, suite):
    return [(packed(debian.file(package, "boot/gnumach-*.gz", suite)), "")]


# name: (files, vCPUs, keys, arguments, what it says in turn, what it must not say, machine)
ROWS = {
    "memtest86+": (lambda: memtest("x64"), 4, "mem=64M", "console=ttyS0,115200 nobench",
                   MEMTEST, r"Errors: +[1-9]", {}),
    "memtest86+ ia32": (lambda: memtest("ia32"), 4, "mem=64M", "console=ttyS0,115200 nobench",
                        MEMTEST, r"Errors: +[1-9]", {}),
    "xen": (xen, 4, "mem=256M", "console=com1 com1=115200 loglvl=all",
            (r"Platform timer is 3\.580MHz ACPI PM Timer", r"TIMER: vector=0x\w+ apic1=0 pin1=2",
             r"Brought up 4 CPUs", r"\*\*\* Building a PV Dom0 \*\*\*", r"about to get started"),
            r"Panic on CPU", {}),
    "mach": (lambda: mach("gnumach-image-1.8-amd64-up", "forky"), 1, "mem=128M", "console=com0",
             (r"IRQ override: pin=0 gsi=2", r"timer calibration\.\.\. done",
              r"No bootstrap code loaded with the kernel"), r"assert", {}),
    "cloud": (lambda: [(linux("linux-image-cloud-amd64"), "")], 4, "mem=128M pv=kvm", *KERNEL,
              r"BUG:|Call Trace(?!.*mount_root)", {"ips": 20000000}),
    "rt": (lambda: [(linux("linux-image-rt-amd64"), "")], 4, "mem=192M pv=kvm", KERNEL[0],
           (r"PREEMPT_RT", *KERNEL[1]), r"BUG:", {"ips": 20000000}),
}
SECONDS = 240


def lines_of(files, vcpus, keys, arguments):
    """grub.cfg's lines and the files that they name."""
    cpus = f"0-{vcpus - 1}" if vcpus > 1 else "0"
    names = [f"file{i}" for i in range(len(files))]
    modules = [f"{names[0]} vm name=a vcpus={vcpus} cpus={cpus} {keys} console=raw -- {arguments}"]
    modules += [f"{name} module name=a" + (f" -- {words}" if words else "")
                for name, (_, words) in zip(names[1:], files[1:])]
    return modules, {name: path for name, (path, _) in zip(names, files)}


def look(dialogue, says):
    """What of it was not said, in turn, and what came instead."""
    for pattern in says:
        try:
            dialogue.expect(pattern, SECONDS)
        except Silence as silence:
            return [pattern, str(silence)]
    return []


def run(name):
    get, vcpus, keys, arguments, says, unsaid, machine = ROWS[name]
    try:
        modules, files = lines_of(get(), vcpus, keys, arguments)
    except debian.Unfetched as why:
        tap.skip(name, str(why))
        return
    mem = 320 + int(keys.split("M")[0].split("=")[1]) + 2 * sum(
        os.path.getsize(path) >> 20 for path in files.values())
    config = prepare(entry(modules, "batch"), files, cpus=vcpus, mem=mem, seconds=SECONDS,
                     quantum=5, **machine)[1]
    with Dialogue(config) as d:
        missing = look(d, says)
        tap.none(missing, f"{name}: {says[-1]}")
        tap.unlike(d.text, unsaid, f"{name}: without a complaint")


unknown = [name for name in sys.argv[1:] if name not in ROWS]
if unknown:
    print(f"Bail out! no such guest: {', '.join(unknown)}; there are {', '.join(ROWS)}")
    sys.exit(1)
for row in sys.argv[1:] or ROWS:
    run(row)
tap.done()
