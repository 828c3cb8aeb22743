#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What real machines do and Bochs does not: leftovers of a firmware, processors that lack INVVPID,
NMIs of the machine's own, machine checks at an entry, bus locks. Code in the hypervisor itself
stands for the machine (tests/tools/patched.py).

Arguments choose parts.
"""
import os
import sys

sys.dont_write_bytecode = True
HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [f"{HERE}/../tools", f"{HERE}/../../hv/host"]
from patched import Patched  # noqa: E402
from tapvisor_test import BUILD, boot, guest_passes, tap  # noqa: E402

PAIR = ["self_ipi.elf vm name=a vcpus=2 cpus=0-1 mem=8M apic=x2apic"]
FEATURE_CONTROL, SYSENTER_CS, PAT = 0x3a, 0x174, 0x277
X2APIC_ICR, X2APIC_COUNTERS, X2APIC_THERMAL = 0x830, 0x834, 0x833
CAP_SECONDARY, CAP_EPT_VPID = 0x48b, 0x48c
IDE_COMMAND = 0x80000904       # PCI 0:1.1
IOAPIC_MAPPED = 0xffffd00000001000  # behind the screen


def wrmsr(msr, high, low):
    return [f"mov ecx, {msr:#x}", f"mov eax, {low:#x}", f"mov edx, {high:#x}", "wrmsr"]


def keeping(*lines, registers=("rax", "rcx", "rdx")):
    return [*(f"push {name}" for name in registers), *lines,
            *(f"pop {name}" for name in reversed(registers))]


def rdmsr_with(*lines):
    """The function rdmsr, and these lines between the instruction and its result."""
    return ["mov ecx, edi", "rdmsr", *lines, "shl rdx, 32", "or rax, rdx", "ret"]


# ---- leftovers ----

def left_behind():
    """As the first core comes from the loader."""
    yield from wrmsr(PAT, 0x01010101, 0x01010101)
    yield from wrmsr(SYSENTER_CS, 0, 8)
    for register, value in ((0xf0, 0x1ff), (0x340, 0x51), (0x330, 0x52)):
        yield f"mov eax, {0xfee00000 + register:#x}"
        yield f"mov dword [rax], {value:#x}"
    yield "mov eax, 0xfec00000"
    for index, value in ((0x10 + 2 * 2, 0x60), (0x10 + 2 * 23, 0x8000 | 0x61)):
        yield f"mov dword [rax], {index:#x}"
        yield f"mov dword [rax + 0x10], {value:#x}"
    yield from ("mov dx, 0xcf8", f"mov eax, {IDE_COMMAND:#x}", "out dx, eax", "mov dx, 0xcfc",
                "in eax, dx", "or eax, 4", "and eax, 0xffff", "out dx, eax")


def looked_at():
    """When boot is through: RBX counts up, and stands at the first that is not as it should be."""
    yield "xor ebx, ebx"

    def must(*lines):
        yield from lines
        yield from ("inc ebx", "jne failed")

    def msr_is(msr, high, low):
        return must(f"mov ecx, {msr:#x}", "rdmsr", f"xor eax, {low:#x}", f"xor edx, {high:#x}",
                    "or eax, edx")

    def masked(msr):
        return must(f"mov ecx, {msr:#x}", "rdmsr", "not eax", "test eax, 1 << 16")

    def pin_is(pin, value):
        return must(f"mov rdx, {IOAPIC_MAPPED:#x}", f"mov dword [rdx], {0x10 + 2 * pin:#x}",
                    f"mov eax, [rdx + 0x10]", f"cmp eax, {value:#x}")

    for part in (msr_is(PAT, 0x00070106, 0x00070106), msr_is(SYSENTER_CS, 0, 0),
                 masked(X2APIC_COUNTERS), masked(X2APIC_THERMAL), pin_is(2, 0x10000),
                 pin_is(23, 0x10000),
                 must("mov dx, 0xcf8", f"mov eax, {IDE_COMMAND:#x}", "out dx, eax",
                      "mov dx, 0xcfc", "in eax, dx", "test eax, 4")):
        # INC leaves CF and changes ZF: the comparison's outcome is kept around it.
        *lines, increment, jump = part
        yield from (*lines, "pushfq", increment, "popfq", jump)
    yield from ("jmp fine", "failed: ud2", "fine:")


def part_leftovers():
    kernel = Patched(BUILD)
    kernel.before("boot_main", *keeping(*left_behind()))
    kernel.before("hv_main", *keeping(*looked_at(), registers=("rax", "rbx", "rcx", "rdx")))
    run = boot(PAIR, "crash=poweroff", cpus=2, seconds=60,
               files={"tapvisor": kernel.write("leftovers")})
    tap.unlike(run.console, "^CRASH", "leftovers: all are gone (RBX numbers the first that is not)",
               run.console)
    guest_passes(run, "a", "leftovers: a VM")


# Bochs' firmware locks IA32_FEATURE_CONTROL on each core, with VMX on: so a write of it is #GP.
def part_locked():
    for name, value, says in (
            ("off", 1, r"^PANIC on core 1 .*: core 1: VT-x is locked off by the firmware"),
            ("open", 0, r"^CRASH on core 1 .*: #GP.*\n(?:.*\n)?rax 0{15}5 .* rcx 0{14}3a ")):
        kernel = Patched(BUILD)
        kernel.replace("rdmsr", *rdmsr_with(
            f"cmp edi, {FEATURE_CONTROL:#x}", "jne .done", "mov r8d, eax", "mov r9d, edx",
            "mov ecx, 0x802", "rdmsr", "test eax, eax", "mov eax, r8d", "mov edx, r9d", "jz .done",
            f"mov eax, {value}", ".done:"))
        run = boot(PAIR, "crash=poweroff", cpus=2, seconds=60,
                   files={"tapvisor": kernel.write("locked")})
        tap.like(run.console, says, f"locked: core 0 is, with VMX; core 1 is {name}", run.console)


# ---- VPIDs ----

VPID_IMAGES = ["cr4", "fpu", "pv_flush", "smp_start"]


def part_vpid():
    for name, msr, bits, invvpid in (("no VPIDs", CAP_SECONDARY, 1 << (37 - 32), False),
                                     ("no INVVPID", CAP_EPT_VPID, 1 << (32 - 32), False),
                                     ("no type that serves", CAP_EPT_VPID, 3 << (41 - 32), False),
                                     ("all contexts alone", CAP_EPT_VPID, 1 << (41 - 32), True)):
        kernel = Patched(BUILD)
        kernel.replace("rdmsr", *rdmsr_with(f"cmp edi, {msr:#x}", "jne .done",
                                            f"and edx, ~{bits:#x}", ".done:"))
        if not invvpid:
            tap.ok(kernel.without(b"\x66\x0f\x38\x81") > 0, f"{name}: INVVPID is undefined there")
        run = boot([f"{image}.elf vm name={image} vcpus=2 cpus={2 * i}-{2 * i + 1} mem=8M "
                    "apic=x2apic pv=kvm" for i, image in enumerate(VPID_IMAGES)],
                   "crash=poweroff", cpus=8, quantum=5, seconds=120,
                   files={"tapvisor": kernel.write("vpid")})
        tap.unlike(run.console, "^CRASH", f"{name}: no INVVPID is executed", run.console[-2000:])
        for image in VPID_IMAGES:
            guest_passes(run, image, f"{name}: {image}")


# ---- what the machine reports ----

def part_nmi():
    """Who sees a VM end sends an NMI to all other cores: to root's, a guest's, an idle one."""
    kernel = Patched(BUILD)
    kernel.before("vm_end", *keeping(*wrmsr(X2APIC_ICR, 0, 0xc4400)))
    run = boot(["self_ipi.elf vm name=a cpus=1 mem=8M apic=x2apic",
                "self_ipi.elf vm name=b cpus=2 mem=8M apic=x2apic after=a"], cpus=4, seconds=60,
               files={"tapvisor": kernel.write("nmi")})
    for vm in "ab":
        guest_passes(run, vm, f"nmi: {vm}")
    tap.is_({r["core"]: r["nmis"] for r in run.lines("core")}, {0: 2, 1: 1, 2: 1, 3: 2},
            "nmi: each is counted where it came")
    for core in range(4):
        tap.like(run.console, rf"^tapvisor: core {core}: \d NMIs? of the machine's$",
                 f"nmi: that of core {core} is told", run.console)


def destination(text):
    """The register that VMREAD writes, as objdump says it."""
    return text.split("%")[-1].strip()


def part_entry():
    """The exit of a triple fault becomes the report of a machine check at an entry."""
    def turn(text):
        reg = destination(text)
        return [f"cmp {reg}, 2", "jne .other", f"mov {reg}, 0x80000029", ".other:"]

    kernel = Patched(BUILD)
    kernel.after("vmx_on_exit", "vmread", turn)
    kernel.after("exit_refused", "vmread", turn)
    run = boot(["triple_fault.elf vm name=a cpus=1 mem=8M"], "crash=poweroff", cpus=2, seconds=60,
               files={"tapvisor": kernel.write("entry")})
    tap.like(run.console, "^PANIC on core 1 .*: machine check on core 1, at the entry of VM 1 vCPU",
             "entry: a machine check there stops the machine", run.console)


def part_bus_locks():
    """Each exit says that there was a bus lock as well."""
    kernel = Patched(BUILD)
    kernel.after("vmx_on_exit", "vmread", lambda text: [f"or {destination(text)}, 1 << 26"])
    run = boot([image.replace("self_ipi", name).replace("=a ", f"={name} ")
                for name in ("self_ipi", "cr4", "hypercall") for image in PAIR],
               cpus=2, seconds=60, files={"tapvisor": kernel.write("bus_locks")})
    for name in ("self_ipi", "cr4", "hypercall"):
        guest_passes(run, name, f"bus locks: {name}")


for part_name, part in (("leftovers", part_leftovers), ("locked", part_locked),
                        ("vpid", part_vpid), ("nmi", part_nmi), ("entry", part_entry),
                        ("bus-locks", part_bus_locks)):
    if not sys.argv[1:] or part_name in sys.argv[1:]:
        part()
tap.done()
