#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The runners themselves: a machine's end, its output, its input, and what they refuse."""
import os
import subprocess
import sys
import time

sys.dont_write_bytecode = True
HERE = os.path.dirname(os.path.abspath(__file__))
TOOLS = f"{HERE}/../tools"
sys.path[:0] = [TOOLS, f"{HERE}/../../hv/host"]
import probe  # noqa: E402
from tapvisor_test import BUILD, bare, bochs, iso, machine, preload, tap  # noqa: E402

ECHO = {"echo.elf": f"{BUILD}/emu/echo.elf"}


def runner(name, *args, typed=""):
    done = subprocess.run([f"{TOOLS}/{name}", *args], input=typed, text=True, capture_output=True,
                          timeout=500, check=False)
    return done.returncode, done.stdout, done.stderr


for grub in False, True:
    name = "Bochs with GRUB" if grub else "Bochs"
    run = bare("echo.elf", "quit", ECHO, cpus=2, seconds=30, grub=grub)
    tap.is_(run.ended, "shutdown", f"{name}: Shutdown ends the run", run.explain())
    tap.is_(run.console, "hello from the machine\n", f"{name}: COM1 arrives whole")
    tap.is_(len(run.lines("verdict", ok=True)), 1, f"{name}: COM2 arrives as telemetry", run.com2)

# Where preload.py would not do as GRUB does, it leaves the boot to GRUB.
ELF32 = f"{BUILD}/emu/harness/elf32.elf"
with open(ECHO["echo.elf"], "rb") as old, open(ELF32, "wb") as new:
    new.write(old.read().replace(b"\x7fELF\x02", b"\x7fELF\x01", 1))
for grub, lines in ((False, ["multiboot2 /boot/echo.elf a  b\t'c{;$'", "module2 /boot/echo.elf d"]),
                    (True, ["multiboot2 /boot/echo.elf $a"]),
                    (True, ["multiboot2 /boot/echo.elf 'a b'"]),
                    (True, ["multiboot2 /boot/echo.elf a\\b"]),
                    (True, ["multiboot2 /boot/echo.elf a#b"]),
                    (True, ["multiboot2 /boot/echo.elf 'a"]),
                    (True, ["multiboot2 /boot/elf32.elf"]),
                    (True, ["module2 /boot/echo.elf", "multiboot2 /boot/echo.elf"])):
    config = machine.Config(iso="")
    preload.attach(config, f"{BUILD}/emu/harness", "\n".join(lines), BUILD,
                   {**ECHO, "elf32.elf": ELF32})
    tap.is_(not config.rom, grub, f"{'GRUB' if grub else 'no GRUB'} for {'; '.join(lines)!r}")

run = bare("echo.elf", "quit", ECHO, emulator="qemu", cpus=2, seconds=30)
tap.is_(run.ended, "shutdown", "QEMU: Shutdown ends the run", run.explain())
tap.like(run.console, "^hello from the machine$", "QEMU: COM1 arrives")

run = bare("echo.elf", "quit", ECHO, emulator="qemu", uefi=True, seconds=60)
tap.is_(run.ended, "shutdown", "QEMU with OVMF: a hybrid ISO boots", run.explain())

# A tick is an instruction, which all figures stand on; where it is not, the probe sees that.
PROBE = f"{BUILD}/emu/harness/probe"
tap.is_(probe.inexact(BUILD, PROBE), "", "turns of 1: a tick is an instruction")
tap.like(probe.inexact(BUILD, PROBE, quantum=5), r"^a path of 28 instructions takes 25 to 30 ticks",
         "turns of 5: the probe sees them")
if bochs.debugger_options():
    asked, bochs.debugger_options = bochs.debugger_options, lambda: []
    tap.like(probe.inexact(BUILD, PROBE), r"^a path of 28 instructions takes \d+ ticks",
             "without its debugger Bochs takes other turns: the probe sees them")
    bochs.debugger_options = asked
else:
    tap.skip("Bochs without its debugger", "this one has it awake always")

cd = f"{BUILD}/emu/harness/echo.iso"
CFG = 'set timeout=0\nmenuentry "echo" {\n\tmultiboot2 /boot/echo.elf\n}\n'
iso.make_fast(cd, CFG, BUILD, ECHO)
began = time.monotonic()
status, out, err = runner("bochs-run", "--iso", cd, "--time=120", "--input", typed="a person q")
tap.is_((status, out), (0, "hello from the machine\na person "),
        "bochs-run: what is typed gets there", err)
took = time.monotonic() - began
status, out, err = runner("bochs-run", "--iso", cd, "--time=120", "--input", typed="t")
tap.is_(status, 1, "bochs-run: a triple fault is no success", out, err)
tap.like(err, "the machine stopped: triple fault", "bochs-run: and says so", err)
limit = max(20, round(4 * took))  # others may use this machine too
status, out, err = runner("bochs-run", "--iso", cd, "--time", str(limit))
tap.is_(status, machine.TIMEOUT_STATUS, "bochs-run: the time limit is a status of its own")
tap.like(err, rf"killed after {limit} s[^$]*\| hello from", "bochs-run: and shows the last lines",
         err)

for args, says in ((["--iso", "/nowhere.iso"], "/nowhere.iso: there is no such image"),
                   (["--iso", cd, "--cpus", "65"], "65 CPUs: 1 to 64"),
                   (["--iso", cd, "--quantum", "16"], "turns of 1 or of 5 instructions")):
    status, out, err = runner("bochs-run", *args)
    tap.is_((status, says in err), (2, True), f"bochs-run {args[-2]} {args[-1]}: {says}", err)
tap.done()
