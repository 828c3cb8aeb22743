# SPDX-License-Identifier: MIT
"""Linux VMs, as `make linux` and its tests start them: settings become lines of grub.cfg."""
import os
import re

import bochs
import machine
from settings import Wrong, arguments, boot_name, cores, image, memory, number, one_of, pv, setting

READY = b"exit or poweroff -f ends it\r\n"  # guest-tools/linux/init says so before the shell
# The kernel tries every cipher it has when it starts: two thirds of what an emulator would do.
ALWAYS = "console=ttyS0 cryptomgr.notests nopti"
if bochs.gets_wrong("XRSTOR loses what XSAVEC saved"):
    ALWAYS += " clearcpuid=xsavec"
NAME_LENGTH = 15
# What an initramfs begins with: cpio, gzip, xz, zstd, bzip2, LZMA, LZO, LZ4.
ARCHIVES = (b"0707", b"\x1f\x8b", b"\xfd7zXZ", b"\x28\xb5\x2f\xfd", b"BZh", b"\x5d\0\0",
            b"\x89LZO", b"\x02\x21\x4c\x18")
VMS_MAX = 15

# Initramfs of ours, whose shell says when it is there.
OURS = os.path.realpath(os.path.join(os.path.dirname(__file__), "../../build/linux")) + "/"


def release():
    """Whose kernel and busybox are taken: DEBIAN=, or this machine's own release."""
    try:
        with open("/etc/os-release", encoding="utf-8") as f:
            here = re.search(r"^VERSION_CODENAME=(\w+)", f.read(), re.M)
    except FileNotFoundError:
        here = None
    return setting("DEBIAN") or (here.group(1) if here else "debian")


def vm_names(paravirt):
    """A name for each VM, of what it is offered."""
    names = []
    for words in paravirt:
        name = "linux" if len(paravirt) == 1 else f"linux-{words.replace(',', '-')}"
        again = sum(re.fullmatch(re.escape(name) + r"(-\d+)?", other) is not None
                    for other in names)
        names.append((name + (f"-{again + 1}" if again else ""))[:NAME_LENGTH])
    return names


def begins(path, *magics):
    """Does one of these (place, bytes) stand in the file?"""
    with open(path, "rb") as f:
        head = f.read(1024)
    return any(head[at:at + len(magic)] == magic for at, magic in magics)


def check_files(kernel, initrd):
    """What was given, by its first bytes: a machine would tell it later."""
    if kernel and not begins(kernel, (0, b"\x7fELF"), (0x202, b"HdrS")):
        raise Wrong(f"KERNEL={kernel}: neither a bzImage nor an ELF such as vmlinux")
    if initrd and not begins(initrd, *((0, magic) for magic in ARCHIVES)):
        raise Wrong(f"INITRD={initrd}: no cpio archive, and none that is compressed as Linux can"
                    " unpack it")


def plan(build, initramfs="initrd", built=True):
    """(grub.cfg, files, machine.Config without its ISO, names of VMs), or Wrong. Settings can be
    looked at before Debian's files are `built`; what comes of that is no plan to follow."""
    check_files(image("KERNEL"), image("INITRD"))
    kernel = image("KERNEL", f"{build}/vmlinux" if built else "")
    initrd = image("INITRD", f"{build}/{initramfs}" if built else "")
    vcpus, mem = number("VCPUS", 4, 1, 64), memory("128M")
    cpus, highest = cores("0-1" if vcpus > 1 else "0")
    paravirt = [pv(words) for words in setting("PV", "kvm").split() or ["kvm"]]
    if len(paravirt) > VMS_MAX:
        raise Wrong(f"PV: {len(paravirt)} VMs: {VMS_MAX} are possible")
    apic = one_of("APIC", "x2apic", ("xapic", "x2apic"))
    counters = one_of("COUNTERS", "off", ("off", "on"))
    guest, ramdisk = f"kernel-{boot_name(kernel)}", f"initrd-{boot_name(initrd)}"
    files, modules, names = {guest: kernel, ramdisk: initrd}, [], vm_names(paravirt)
    for name, words in zip(names, paravirt):
        line = (f"vm name={name} vcpus={vcpus} cpus={cpus} mem={mem}M apic={apic} pv={words}"
                f" counters={counters} console=raw restart=reset"
                + arguments("APPEND", f"{ALWAYS} tapvisor.name={name}"))
        modules += [f"{guest} {line}", f"{ramdisk} initrd name={name}"]
    size = sum(os.path.getsize(path) for path in files.values() if path) >> 20
    config = machine.Config(iso="", cpus=highest + 1, mem=128 + len(names) * (mem + 2 * size),
                            seconds=number("TIME", 3600, 1, 86400), quantum=5,
                            ips=number("IPS", 20000000, 1000000, 1000000000))
    if os.path.realpath(initrd).startswith(OURS):
        # What comes before, the shell's start would throw away. From 1.37 on busybox says ~.
        config.ready = rf"{re.escape(names[0])}:(/root|~)# ".encode()
        config.farewell = b"exit\n"
    lines = ["multiboot2 /boot/tapvisor console=com1 telemetry=com2 batch tables=off",
             "module2 /boot/root.elf root", "module2 /boot/monitor.elf monitor",
             *(f"module2 /boot/{module}" for module in modules)]
    body = "".join(f"\t{line}\n" for line in lines)
    cfg = f"set timeout=0\nmenuentry \"linux\" {{\n{body}}}\n"
    return cfg, files, config, names
