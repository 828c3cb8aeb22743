#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Tapvisor under KVM, on a machine without VT-x: Bochs emulates a machine with it, Debian's kernel
runs there with KVM, and QEMU in that boots Tapvisor's CD. `make check-nested`.

The benchmark and guest images in VMs, one after the other, must hold there as they do in Bochs
itself. A tick is an instruction of Bochs, those of the Linux outside included. Arguments choose
images.
"""
import os
import re
import subprocess
import sys

sys.dont_write_bytecode = True
HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [f"{HERE}/../tools", f"{HERE}/../../hv/host"]
import iso  # noqa: E402
import machine  # noqa: E402
import preload  # noqa: E402
from guest_images import failures  # noqa: E402
from linux_guest import LINUX, PLACE, TOP, need  # noqa: E402
from tapvisor_test import BUILD, Run, tap  # noqa: E402

MODULES = [f"{LINUX}/modules/{name}.ko" for name in ("irqbypass", "kvm", "kvm-intel")]
QEMU = "usr/bin/qemu-system-x86_64"
FIRMWARE = ("bios-256k.bin", "kvmvapic.bin", "linuxboot_dma.bin", "multiboot_dma.bin")
FIRMWARE_PLACES = ("/usr/share/seabios", "/usr/share/qemu")
IPS = 20000000
# The processor says 3.5 GHz of itself, while the emulator's clock has a tick for each instruction.
WORDS = "console=ttyS0 quiet cryptomgr.notests nopti clearcpuid=xsavec lapic=notscdeadline" \
        f" nokaslr mitigations=off printk.time=0 printk.devkmsg=on tsc_early_khz={IPS // 1000}"
OFFERED = "mem=8M apic=x2apic pv=kvm,tap counters=on"
# A character on a console costs 50,000 ticks there: not all images, and little to say. Not those
# that Bochs has trouble with: where a guest spins with IF = 0 the host's interrupts are shut out,
# the outer Linux's as well; and NMIs may come late (docs/quirks.md).
IMAGES = sys.argv[1:] or ["self_ipi", "physical", "hlt"]
BENCH = "path=x2apic,hypercall-tap null cpuid self eoi pingpong n=100"


def tapvisor_cd(name):
    lines = ["multiboot2 /boot/tapvisor console=com1 telemetry=com2 batch tables=off",
             "module2 /boot/root.elf root", "module2 /boot/monitor.elf monitor",
             f"module2 /boot/ipibench.elf vm name=ipibench vcpus=2 cpus=0-1 {OFFERED} -- {BENCH}"]
    before = "ipibench"
    for image in IMAGES:
        lines.append(f"module2 /boot/{image}.elf vm name={image} vcpus=2 cpus=0-1 {OFFERED}"
                     f" after={before}")
        before = image
    body = "".join(f"\t{line}\n" for line in lines)
    iso.make_fast(name, f'set timeout=0\nmenuentry "nested" {{\n{body}}}\n', BUILD)


def firmware():
    for name in FIRMWARE:
        for place in FIRMWARE_PLACES:
            if os.path.exists(f"{place}/{name}"):
                yield f"share/{name}={place}/{name}"
                break


def make_initrd(name):
    needed = subprocess.run([f"{TOP}/guest-tools/linux/needed", "/", QEMU], capture_output=True,
                            text=True, check=True).stdout.split()
    subprocess.run([f"{TOP}/guest-tools/linux/initramfs", name, f"bin/busybox={LINUX}/busybox",
                    "bin/sh@busybox", f"init={HERE}/nested/init", f"tapvisor.iso={PLACE}/cd.iso",
                    *firmware(), *(f"lib/{os.path.basename(path)}={path}" for path in MODULES),
                    *needed], check=True)


def boot():
    config = machine.Config(iso=f"{PLACE}/disk.img", cpus=2, quantum=5, mem=1536, seconds=1800,
                            ips=IPS, keep=PLACE)
    config.rom = preload.make_linux(config.iso, f"{LINUX}/vmlinux", f"{PLACE}/initrd", WORDS, BUILD)
    return machine.run_bochs(config, Progress().sink)


class Progress:
    """Says what the Linux outside begins with, and which VM has ended."""
    rest = b""

    def sink(self, piece):
        *lines, self.rest = (self.rest + piece).split(b"\n")
        for line in lines:
            if line.startswith((b"== ", b"QEMU ended", b"1|tapvisor: vm")):
                tap.note(line.decode("utf-8", "replace").strip())


def behind(mark, text):
    return "".join(f"{line}\n" for line in re.findall(rf"^{mark}\|(.*)$", text, re.M))


def look_at_tapvisor(text):
    tap.like(text, rf"^QEMU ended with {machine.QEMU_SHUTDOWN}$", "Tapvisor ends the machine in it",
             text[-1000:])
    run = Run(machine.Result("shutdown", behind(1, text), behind(2, text), 0, 0))
    tap.is_([record["nested"] for record in run.lines("machine")], [True],
            "Tapvisor sees that it is nested", run.console[-1000:], run.telemetry_error)
    for image in ["ipibench", *IMAGES]:
        tap.none(failures(run, image), f"under KVM: {image}")
    tap.is_([record["ok"] for record in run.lines("verdict")], [True],
            "under KVM: what is counted adds up, the verdict is ok", *run.lines("verdict"))
    for record in run.lines("bench", vm="ipibench"):
        tap.note(f"under KVM: {record['path']} {record['op']}: p50 {record['p50']:,} ticks of"
                 f" Bochs, {record['exits_per_op']} exits, {record['n']} times")


machine.need("qemu-system-x86_64", "qemu-system-x86")
need([f"{LINUX}/vmlinux", f"{LINUX}/busybox", *MODULES])
os.makedirs(PLACE, exist_ok=True)
tapvisor_cd(f"{PLACE}/cd.iso")
make_initrd(f"{PLACE}/initrd")
tap.note("a Linux with KVM boots in Bochs: half a minute")
result = boot()
said = dict(re.findall(r"^== (\w+)\n(.*?)(?=^== |\Z)", result.console.replace("\r", ""),
                       re.M | re.S))
tap.is_(result.ended, "shutdown", "the Linux outside switches itself off", result.explain())
tap.like(said.get("linux", ""), r"^nested Y$", "its KVM offers VT-x to its guests")
tap.is_(said.get("kernel"), "", "and nothing to complain of KVM and its guest")
look_at_tapvisor(said.get("tapvisor", ""))
tap.done()
