# SPDX-License-Identifier: MIT
"""Bochs: which version is at hand, what that one gets wrong, its configuration, and the turns that
its CPUs take."""
import functools
import os
import re
import shutil
import subprocess

MODEL = "corei7_skylake_x"
CPUS_MAX = 14            # each takes some of Bochs's 64 timers
HOST_MAX = 2048          # MB of memory that Bochs keeps in its own; the rest is in a file
SHARE = "/usr/share/bochs"

BOCHSRC = """\
memory: guest={mem}, host={host}
cpu: model={model}, count={cpus}, ips={ips}, quantum={quantum}, reset_on_triple_fault=0
romimage: file={share}/BIOS-bochs-latest
vgaromimage: file={share}/VGABIOS-lgpl-latest
{medium}
com1: {com1}
com2: enabled=1, mode=file, dev="{com2}"
display_library: rfb, options="timeout=0"
clock: sync=none, time0=946684800
log: "{log}"
panic: action=fatal
error: action=report
info: action=ignore
"""

CD = """\
ata0-master: type=cdrom, path="{iso}", status=inserted
boot: cdrom"""
PRELOADED = """\
ata0-master: type=disk, path="{iso}", mode=flat
boot: disk
optromimage1: file="{rom}", address=0xd0000"""

# Debian's Bochs has its debugger built in, whose commands set the turns, whatever quantum= says:
# "continue" lets CPUs run 5 instructions each in turn, "step all" 1. A step's count has 32 bits, so
# there are many of them; together they outlast any time limit. One CPU alone takes no turns, and
# "step all" does not survive it.
STEPS = "s all 4000000000\n" * 2000
TURNS = {1: STEPS, 5: "c\n"}

# What some versions get wrong (docs/quirks.md): the first that is right. The tests and the Linux
# guests go around a fault only where it is.
MENDED = {
    "NMI blocking outlives VM entry": (3, 0),
    "a single-step trap outlives the exit that clears it": (3, 0),
    "XRSTOR loses what XSAVEC saved": (3, 0),
}


def no_turns(quantum):
    """Why CPUs cannot take turns of so many instructions in Bochs; "" where they can."""
    if quantum in TURNS:
        return ""
    return f"quantum {quantum}: Debian's Bochs gives CPUs turns of 1 or of 5 instructions only"


@functools.lru_cache(maxsize=None)
def help_text():
    """What `bochs --help` says; "" where there is no Bochs."""
    if not shutil.which("bochs"):
        return ""
    done = subprocess.run(["bochs", "--help"], stdin=subprocess.DEVNULL, capture_output=True,
                          text=True, errors="replace", check=False)
    return done.stdout + done.stderr


def version():
    """(major, minor) of the Bochs at hand; (0, 0) where there is none."""
    found = re.search(r"Bochs x86 Emulator (\d+)\.(\d+)", help_text())
    return (int(found.group(1)), int(found.group(2))) if found else (0, 0)


def gets_wrong(fault):
    """Does the Bochs at hand have this fault of MENDED?"""
    return version() < MENDED[fault]


def debugger_options():
    """From 3.0 on the debugger sleeps unless it is asked for, -rc is passed over without a word,
    and CPUs run a trace each in turn: a tick is then an instruction on the average alone. 2.7 has
    it awake and does not know the option."""
    return ["-debugger"] if re.search(r"^\s*-debugger\b", help_text(), re.M) else []


def configure(config, place, com1, com2):
    """Writes configuration and debugger commands of a run into the directory `place`; the command
    that starts it. `com1` are words of bochsrc, `com2` is a file."""
    medium = (PRELOADED if config.rom else CD).format(iso=os.path.abspath(config.iso),
                                                      rom=config.rom)
    with open(f"{place}/bochsrc", "w", encoding="ascii") as f:
        f.write(BOCHSRC.format(share=SHARE, com1=com1, com2=com2, log=f"{place}/bochs.log",
                               mem=config.mem, host=min(config.mem, HOST_MAX), medium=medium,
                               model=config.model, cpus=config.cpus, ips=config.ips,
                               quantum=config.quantum))
    with open(f"{place}/commands", "w", encoding="ascii") as f:
        f.write(TURNS[config.quantum if config.cpus > 1 else 5])
    return ["bochs", *debugger_options(), "-q", "-f", f"{place}/bochsrc",
            "-rc", f"{place}/commands"]


def how_it_ended(status, log, out):
    """(ended, note) by what Bochs's log says."""
    if status is None:
        return "timeout", ""
    panics = re.findall(r">>PANIC<< (.*)", log)
    if panics and re.search(r"shutdown requested|soft power off", panics[-1]):
        return "shutdown", ""
    if panics:
        what = "triple fault: " if "3rd" in panics[-1] else ""
        return "panic", what + panics[-1].strip()
    errors = re.findall(r"^\d+[ep]\[.{6}\] (?:>>PANIC<< )?(.*bochsrc.*)", out, re.M)
    return "panic", "; ".join(errors) or f"Bochs ended with status {status}"
