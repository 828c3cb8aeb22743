# SPDX-License-Identifier: MIT
"""Emulated machines: Bochs (which has VT-x) and QEMU, both with serial ports and a hard time limit.

A machine's COM1 is streamed while it runs and returned whole at the end; COM2 goes to a file. A run
ends by itself when the software in it writes "Shutdown" to port 0x8900 or switches the power off.
An emulator never outlives the process that started it.
"""
import contextlib
import ctypes
import dataclasses
import fcntl
import itertools
import os
import pty
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
import tty

import bochs
from keyboard import RawTerminal, feed, pass_on
from kvm import nested_kvm

OVMF = ["/usr/share/OVMF/OVMF_CODE_4M.fd", "/usr/share/OVMF/OVMF_CODE.fd"]
TIMEOUT_STATUS = 124
PARTING_SECONDS, PARTING_SILENCE = 15, 3  # at most; less when nothing comes any more
CRASHED = "Tapvisor wrote a crash report"
HALTED = b"end of the crash report: the machine is halted"


class Refused(Exception):
    """The machine asked for cannot be had; the text says why and what would be right."""


@dataclasses.dataclass
class Config:
    iso: str                 # a CD; with `rom`, a disk
    rom: str = ""            # Bochs only: the option ROM that loads that disk: preload.py
    cpus: int = 4
    quantum: int = 1         # instructions a CPU runs in its turn: a key of bochs.TURNS
    model: str = bochs.MODEL
    mem: int = 1024          # MiB
    seconds: float = 60      # of wall time, then it is killed
    ips: int = 5000000
    com2: str = ""           # file for COM2, none when empty
    keep: str = ""           # directory that keeps configuration and logs
    uefi: bool = False       # QEMU only
    kvm: bool = False        # QEMU only
    serial: bool = True      # Bochs only: there is a COM1
    vnc: str = ""            # QEMU only: a socket for its screen and keyboard; it stays on then
    ready: bytes = b""       # input waits until this pattern, or anything, has come out of COM1
    farewell: bytes = b""    # a line that is typed when the input has ended
    parting: bytes = b""     # typed when the time is over; then PARTING_SECONDS for the answer


@dataclasses.dataclass
class Result:
    ended: str               # shutdown, panic, timeout
    console: str             # all of COM1
    com2: str                # all of COM2
    seconds: float
    status: int              # of the emulator's process
    note: str = ""           # what the emulator said about its end

    @property
    def ok(self):
        return self.ended == "shutdown"

    @property
    def exit_status(self):
        return {"shutdown": 0, "panic": 1, "timeout": TIMEOUT_STATUS}[self.ended]

    def explain(self):
        """One line about the end, and for a bad one the last lines of the console."""
        if self.ok:
            return f"ended by itself after {self.seconds:.1f} s"
        what = {"panic": "the machine stopped",
                "timeout": f"killed after {self.seconds:.0f} s, its time limit"}[self.ended]
        return what + (f": {self.note}" if self.note else "") + "\n" + self.last_lines()

    def last_lines(self):
        last = [line.rstrip() for line in self.console.split("\n") if line.strip()][-8:]
        if not last:
            return "nothing was printed on COM1"
        return "\n".join(["last lines on COM1:"] + ["  | " + line for line in last])


def die_with_parent():
    """Be killed when the parent dies; for a child, between fork and exec."""
    ctypes.CDLL(None).prctl(1, signal.SIGKILL)


def need(program, package):
    if not shutil.which(program):
        raise Refused(f"{program} is not installed: ./setup installs it (package {package})")


def choose(wanted):
    """The machine to use for MACHINE=wanted: "bochs", "kvm" or "qemu", with the reason."""
    if wanted in ("", "auto"):
        works, why = nested_kvm()
        if works and shutil.which("qemu-system-x86_64"):
            return "kvm", "KVM here offers nested VT-x"
        return "bochs", f"no nested VT-x by KVM: {why or 'QEMU is not installed'}"
    if wanted == "kvm":
        works, why = nested_kvm()
        if not works:
            raise Refused(f"MACHINE=kvm cannot be had: {why}; MACHINE=bochs emulates VT-x")
        return "kvm", "asked for"
    if wanted in ("bochs", "qemu"):
        return wanted, "asked for"
    raise Refused(f"MACHINE={wanted}: there are auto, bochs, kvm and qemu")


def check(kind, config):
    if not os.path.isfile(config.iso):
        raise Refused(f"{config.iso}: there is no such image to boot")
    if bochs.no_turns(config.quantum):
        raise Refused(bochs.no_turns(config.quantum))
    check_size(kind, config)


def check_size(kind, config):
    if not 1 <= config.cpus <= 64:
        raise Refused(f"{config.cpus} CPUs: 1 to 64 are possible")
    if not 32 <= config.mem <= 32768:
        raise Refused(f"{config.mem} MB of memory: 32 to 32768 are possible")
    if kind == "bochs" and config.cpus > bochs.CPUS_MAX:
        raise Refused(f"a machine of {config.cpus} CPUs: Bochs emulates {bochs.CPUS_MAX} at most;"
                      " vCPUs may share cores")


def read(name):
    try:
        with open(name, "rb") as f:
            return f.read().decode("utf-8", "replace")
    except FileNotFoundError:
        return ""


class Console:
    """Follows COM1, from a file or from a pseudo-terminal, and hands each piece to a sink."""

    def __init__(self, sink):
        self.sink, self.text, self.stop = sink, bytearray(), threading.Event()
        self.thread, self.halted, self.keyboard = None, False, None
        self.last = self.parting = 0

    def take(self, piece):
        self.text += piece
        self.last = time.monotonic()
        self.halted = self.halted or HALTED in self.text[-len(piece) - len(HALTED):]
        if self.sink:
            self.sink(piece)

    def follow_file(self, name):
        def loop():
            with open(name, "rb") as f:
                while True:
                    last = self.stop.is_set()
                    piece = f.read()
                    if piece:
                        self.take(piece)
                    elif last:
                        return
                    else:
                        time.sleep(0.02)
        self.start(loop)

    def follow_tty(self, master):
        def loop():
            while True:
                try:
                    piece = os.read(master, 4096)
                except OSError:
                    return
                if not piece:
                    return
                self.take(piece)
        self.start(loop)

    def start(self, loop):
        self.thread = threading.Thread(target=loop, daemon=True)
        self.thread.start()

    def close(self):
        self.stop.set()
        if self.thread:
            self.thread.join(2)

    def decoded(self):
        return bytes(self.text).decode("utf-8", "replace").replace("\r\n", "\n")


def has_time(config, console, begin):
    """Whether the machine may go on; when its time is over it is asked for its last words."""
    now = time.monotonic()
    if now - begin < config.seconds or not config.parting:
        return now - begin < config.seconds
    if not console.parting:
        console.parting = console.last = now
        threading.Thread(target=pass_on, args=(config.parting, console.keyboard, console),
                         daemon=True).start()
    return now - console.parting < PARTING_SECONDS and now - console.last < PARTING_SILENCE


def execute(command, config, console, log):
    """Run the emulator to its end, to a crash report or to the time limit. Returns (status or None,
    seconds)."""
    begin = time.monotonic()
    with open(log, "wb") as out:
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=out,
                                   stderr=subprocess.STDOUT, start_new_session=True,
                                   preexec_fn=die_with_parent)
    try:
        while process.poll() is None and has_time(config, console, begin) \
                and not console.halted:
            time.sleep(0.02)
        status = process.poll()
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()
        seconds = time.monotonic() - begin
        console.close()
    return status, seconds


@contextlib.contextmanager
def serial_ports(kind, config, sink, stdin):
    """The directory of a run, its console, and where the emulator finds COM1 and COM2: a
    pseudo-terminal, fed from the handle `stdin`, or a file when there is nothing to type."""
    check(kind, config)
    with Workspace(config.keep) as place:
        com1, com2 = f"{place}/com1.txt", config.com2 or f"{place}/com2.txt"
        open(com2, "wb").close()
        console = Console(sink)
        if stdin is None and not config.parting:
            open(com1, "wb").close()
            console.follow_file(com1)
        else:
            master, slave = pty.openpty()
            tty.setraw(slave)
            com1 = os.ttyname(slave)
            console.keyboard = master
            console.follow_tty(master)
            if stdin is not None:
                feed(stdin, master, console, config.ready, config.farewell)
        with RawTerminal(stdin):
            yield place, console, com1, com2


def result_of(console, com2, seconds, status, end):
    """`end`: (how it ended, what the emulator said), unless the console knows better."""
    ended, note = ("panic", CRASHED) if console.halted else end
    return Result(ended, console.decoded(), read(com2), seconds, status or 0, note)


def run_bochs(config, sink=None, stdin=None):
    need("bochs", "bochs with bochs-term")
    with serial_ports("bochs", config, sink, stdin) as (place, console, com1, com2):
        mode = "file" if stdin is None and not config.parting else "term"
        com1 = f'enabled=1, mode={mode}, dev="{com1}"' if config.serial else "enabled=0"
        command = bochs.configure(config, place, com1, com2)
        status, seconds = execute(command, config, console, f"{place}/bochs.out")
        end = bochs.how_it_ended(status, read(f"{place}/bochs.log"), read(f"{place}/bochs.out"))
        return result_of(console, com2, seconds, status, end)


def qemu_command(config, com1, com2):
    command = ["qemu-system-x86_64", "-display", "none", "-no-reboot", "-nodefaults",
               "-m", str(config.mem), "-smp", str(config.cpus), "-cdrom", config.iso,
               "-boot", "d", "-serial", com1, "-serial", f"file:{com2}"]
    if config.vnc:
        command += ["-vga", "std", "-vnc", f"unix:{config.vnc}"]
    else:  # a byte of "Shutdown" ends it, as the word ends Bochs
        command += ["-device", "isa-debug-exit,iobase=0x8900,iosize=1"]
    if config.kvm:
        command += ["-machine", "q35,accel=kvm", "-cpu", "host,+vmx"]
    else:
        command += ["-machine", "q35,accel=tcg", "-cpu", "max"]
    if config.uefi:
        firmware = [name for name in OVMF if os.path.exists(name)]
        if not firmware:
            raise Refused("no OVMF firmware is installed: ./setup installs it (package ovmf)")
        command += ["-drive", f"if=pflash,format=raw,readonly=on,file={firmware[0]}"]
    return command


# The device asks for the end at its first byte, which the virtual CPU may outrun: QEMU 10 ends
# with the status of any of them.
QEMU_SHUTDOWN = {ord(letter) << 1 & 0xFF | 1 for letter in "Shutdown"}


def qemu_end(status, out):
    if status is None:
        return "timeout", ""
    if status == 0 or status in QEMU_SHUTDOWN:
        return "shutdown", ""
    return "panic", out.strip() or f"QEMU status {status}"


def run_qemu(config, sink=None, stdin=None):
    need("qemu-system-x86_64", "qemu-system-x86")
    if config.kvm:
        works, why = nested_kvm()
        if not works:
            raise Refused(f"no nested VT-x by KVM: {why}")
    with serial_ports("qemu", config, sink, stdin) as (place, console, com1, com2):
        com1 = f"file:{com1}" if stdin is None and not config.parting else com1
        status, seconds = execute(qemu_command(config, com1, com2), config, console,
                                  f"{place}/qemu.out")
        return result_of(console, com2, seconds, status,
                         qemu_end(status, read(f"{place}/qemu.out")))


_claims = []


def claim(place):
    """A directory for the files of this run: `place`, or `place`.2, .3 ... while another process
    has that."""
    for number in itertools.count(1):
        name = place if number == 1 else f"{place}.{number}"
        os.makedirs(name, exist_ok=True)
        lock = open(f"{name}/lock", "wb")
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            lock.close()
            continue
        _claims.append(lock)  # held until the process ends
        return name


class Workspace:
    """A directory for one run: the caller's, or one that goes away."""

    def __init__(self, keep):
        self.keep = keep

    def __enter__(self):
        if self.keep:
            os.makedirs(self.keep, exist_ok=True)
            return os.path.abspath(self.keep)
        self.path = tempfile.mkdtemp(prefix="tapvisor-")
        return self.path

    def __exit__(self, *_):
        if not self.keep:
            shutil.rmtree(self.path, ignore_errors=True)


def add_arguments(parser):
    """The options that both runners share."""
    parser.add_argument("--iso", required=True, help="the CD to boot")
    parser.add_argument("--cpus", type=int, default=4)
    parser.add_argument("--mem", type=int, default=1024, help="MiB")
    parser.add_argument("--time", type=float, default=60, metavar="SECONDS",
                        help="wall time, then the machine is killed and the status is 124")
    parser.add_argument("--com1", default="-", metavar="FILE",
                        help="file for COM1, - streams it to standard output")
    parser.add_argument("--com2", default="", metavar="FILE", help="file for COM2")
    parser.add_argument("--keep", default="", metavar="DIR", help="keep configuration and logs")
    parser.add_argument("--input", action="store_true",
                        help="pass standard input on to COM1 (always so on a terminal)")


def main_of(run, args, config):
    """The common end of bochs-run and qemu-run. Returns the exit status."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    out = sys.stdout.buffer if args.com1 == "-" else open(args.com1, "wb")

    def sink(piece):
        out.write(piece)
        out.flush()

    stdin = 0 if args.input or (args.com1 == "-" and os.isatty(0) and os.isatty(1)) else None
    try:
        result = run(config, sink, stdin)
    except Refused as reason:
        print(f"{os.path.basename(sys.argv[0])}: {reason}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 130
    print(f"\n{os.path.basename(sys.argv[0])}: {result.explain()}", file=sys.stderr)
    return result.exit_status
