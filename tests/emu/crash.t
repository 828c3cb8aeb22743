#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The crash report. Bochs's debugger breaks registers at hv_main; the kernel has no part in it."""
import os
import re
import subprocess
import sys

sys.dont_write_bytecode = True
HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [f"{HERE}/../tools", f"{HERE}/../../hv/host"]
from tapvisor_test import BUILD, machine, start, tap  # noqa: E402

BODY = ["multiboot2 /boot/tapvisor console=com1 crash=poweroff"]
execute = machine.execute


def addresses(function):
    """Of its first two instructions: Bochs misses a breakpoint that is the first instruction of a
    CPU's turn, and the next one is not."""
    code = subprocess.run(["objdump", "-d", f"--disassemble={function}", f"{BUILD}/tapvisor"],
                          text=True, capture_output=True, check=True)
    return re.findall(r"^(f[0-9a-f]{15}):", code.stdout, re.M)[:2]


def crash(*settings, where="hv_main", body=BODY):
    """Boots, stops at a function, changes registers, goes on."""
    commands = [*(f"lb 0x{place}" for place in addresses(where)), "c",
                *(f"set {s}" for s in settings), "c", "c"]

    def execute_debugger(command, *rest):
        with open(command[-1], "w", encoding="ascii") as f:
            f.write("\n".join(commands) + "\n")
        return execute(command, *rest)

    machine.execute = execute_debugger
    run = start(body, None, cpus=4, seconds=60)
    tap.is_(run.ended, "shutdown", f"{settings[0]}: crash=poweroff ends the machine", run.explain())
    return run.console[run.console.find("cores: 4"):]


report = crash("rdi = 0x10")
tap.like(report, r"^CRASH on core 0 \(APIC ID 0\): #PF, vector 14, error code 0x0$",
         "a page fault says what, where, why", report)
tap.like(report, r"^at 0x[0-9a-f]{16} \w+\+0x[0-9a-f]+$", "the place has a name", report)
tap.like(report, r"^cs 8 ss .* cr2 1[0-9a-f]{0,3} cr3 ", "CR2 is the address", report)
tap.like(report, r"^    0x[0-9a-f]+ boot_done\+0x[0-9a-f]+$", "the backtrace has the caller",
         report)
tap.like(report, r"^end of the crash report: the machine ends$", "the report has an end", report)
tap.is_(len(re.findall("^CRASH|^PANIC", report, re.M)), 1, "there is one report", report)

ALL = "rax rbx rcx rdx rsi rdi rbp r8 r9 r10 r11 r12 r13 r14 r15".split()
report = crash("rip = 0x1234", *(f"{name} = {0x1122334455667700 + i:#x}"
                                 for i, name in enumerate(ALL)))
tap.like(report, r"^CRASH .*: #PF, vector 14, error code 0x10$", "a wild jump: a fetch", report)
tap.like(report, r"^at 0x1234 \?$", "the place has no name")
tap.none([name for i, name in enumerate(ALL)
          if f"{name:3} {0x1122334455667700 + i:016x}" not in report], "all registers are there",
         report)

report = crash("rsp = 0xffffc00000001010")  # a page's worth of guard lies below this stack
tap.like(report, r"^CRASH on core 0 .*: #DF, vector 8", "a stack that overflows is a #DF", report)
tap.like(report, r" cr2 ffffc00000000f", "CR2 lies in the guard page", report)

report = crash("rsp = 0x0000900000000000")
tap.like(report, r"^CRASH on core 0 .*: #(DF|SS)", "no stack at all: still a report", report)

report = crash("rdi = 0x10", where="vm_end", body=[
    *BODY, "module2 /boot/monitor.elf monitor", "module2 /boot/root.elf root",
    "module2 /boot/triple_fault.elf vm name=a cpus=0"])
trace = re.findall(r"^  vm \d+ vcpu \d+ reason (\d+), ([a-z-]+)$", report, re.M)
tap.like(report, r"^CRASH on core 0 .*: #PF", "a crash while a VM runs", report)
tap.is_(len(trace), 32, "the core's last exits are told", report)
tap.is_(trace[-1:], [("2", "triple-fault")], "the last of them is the last, with its name", report)

report = crash("rax = 0x10")
tap.unlike(report, "^CRASH", "no crash, no report")
tap.like(report, r"^PANIC on core 0 .*no module is called root", "a panic is a report", report)
tap.like(report, r"^    0x[0-9a-f]+ hv_main\+0x[0-9a-f]+$", "with a backtrace", report)
tap.done()
