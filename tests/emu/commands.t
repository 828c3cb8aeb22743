#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""make run and make boot, with a stand-in for the hypervisor that says what it is told to."""
import fcntl
import json
import os
import re
import shutil
import subprocess
import sys

sys.dont_write_bytecode = True
HERE = os.path.dirname(os.path.abspath(__file__))
TOOLS = f"{HERE}/../../hv/host"
sys.path[:0] = [f"{HERE}/../tools", TOOLS]
from settings import outside_make  # noqa: E402
from tapvisor_test import BUILD, tap  # noqa: E402

PLACE = f"{BUILD}/emu/commands"
SETTINGS = ("IMAGE", "INITRD", "VCPUS", "MEM", "APIC", "PV", "CPUS", "ARGS", "ENTRY", "TIME")
CFG = """set default="compare"
menuentry "compare" {
	multiboot2 /boot/tapvisor
	module2 /boot/root.elf
	module2 /boot/ipibench.elf vm name=a
}
menuentry "bare: ipibench" {
	multiboot2 /boot/ipibench.elf self pingpong n=20
}
menuentry "not built" {
	multiboot2 /boot/tapvisor
	module2 /boot/nowhere.elf root
}
"""


def fake_build(lines):
    """A build directory whose hypervisor prints these lines on COM2 and ends."""
    shutil.rmtree(PLACE, ignore_errors=True)
    os.makedirs(PLACE)
    shutil.copyfile(f"{BUILD}/emu/echo.elf", f"{PLACE}/tapvisor")
    shutil.copyfile(f"{BUILD}/guest/ipibench.elf", f"{PLACE}/ipibench.elf")
    with open(f"{PLACE}/root.elf", "w", encoding="ascii") as f:
        f.write("".join(json.dumps(line) + "\n" for line in lines))
    shutil.copyfile(f"{PLACE}/root.elf", f"{PLACE}/monitor.elf")
    with open(f"{PLACE}/grub.cfg", "w", encoding="ascii") as f:
        f.write(CFG)


def call(tool, *args, **settings):
    environment = {name: text for name, text in os.environ.items() if name not in SETTINGS}
    done = subprocess.run([f"{TOOLS}/{tool}", "--build", PLACE, *args], text=True,
                          env={**environment, "MACHINE": "bochs", "TIME": "60", **settings},
                          stdin=subprocess.DEVNULL, capture_output=True, check=False)
    return done.returncode, done.stdout, done.stderr


def end(reason, **more):
    return dict({"type": "vm-end", "vm": "guest", "reason": reason}, **more)


# boot: the guest's value is the outcome
for lines, status, says in (
        ([end("debug-exit", value=0)], 0, r"exit value 0 \(qemu would exit with 1\)"),
        ([end("debug-exit", value=3)], 1, r"exit value 3 \(qemu would exit with 7\)"),
        ([end("triple-fault", value=0, vcpu=1)], 3,
         r"the guest ended without an exit value: triple-fault, on vCPU 1$"),
        ([end("image", value=11, vcpu=0)], 3,
         r"the guest ended without an exit value: image \(value 0xb\)$"),
        ([{"type": "vm-end", "vm": "other", "reason": "debug-exit", "value": 0}], 3,
         "the guest's end was not reported")):
    fake_build(lines)
    got, out, err = call("boot", IMAGE=f"{PLACE}/ipibench.elf")
    tap.is_(got, status, f"boot: {lines[0]['reason']} {lines[0].get('value', '')}", out, err)
    tap.like(err, says, "boot: and says so")
tap.like(out, "hello from the machine", "boot: the console is on standard output")
tap.like(err, r"all that was counted: .*/boot/com2\.txt$", "boot: its COM2 is named", err)
fake_build([end("debug-exit", value=3), {"type": "time", "vm": "guest", "vcpu": 0, "ticks": 12345}])
got, out, err = call("boot", IMAGE=f"{PLACE}/ipibench.elf", SKIP="3")
tap.is_(got, 77, "boot: a value that says skip", out, err)
tap.like(err, r"^boot: 12,345 ticks$", "boot: how long the guest was there", err)
# boot: a guest that spins with interrupts off, until its time is over
done = subprocess.run([f"{TOOLS}/boot", "--build", BUILD], text=True, capture_output=True,
                      check=False, stdin=subprocess.DEVNULL,
                      env={**os.environ, "IMAGE": f"{BUILD}/guest/chatter.elf", "TIME": "20",
                           "ARGS": "lines=1 then=spin", "MACHINE": "bochs"})
tap.is_(done.returncode, 124, "boot: its time is over", done.stdout, done.stderr)
tap.like(done.stdout, r"^guest +1 runs", "boot: the VMs are asked for", done.stdout)
tap.like(done.stdout, r"guest vCPU 0: executes[^\n]*\n  64-bit mode, paging on, interrupts off",
         "boot: and where the guest is", done.stdout)
tap.like(done.stdout, r"\d+ of 16 times at rip [0-9a-f]{16}", "boot: by 16 samples", done.stdout)

# Another run in the same tree takes nothing from the first.
with open(f"{PLACE}/boot/lock", "wb") as lock:
    fcntl.flock(lock, fcntl.LOCK_EX)
    written = os.stat(f"{PLACE}/boot/disk.img").st_mtime_ns
    got, out, err = call("boot", IMAGE=f"{PLACE}/ipibench.elf")
    tap.is_(os.stat(f"{PLACE}/boot/disk.img").st_mtime_ns, written, "boot: two at a time", err)
    tap.ok(os.path.exists(f"{PLACE}/boot.2/com2.txt"), "boot: each in a place of its own")
tap.like(out, "hello from the machine", "boot: the second ran too")

# boot: wrong input is named, with what would be right
GOOD = {"IMAGE": f"{PLACE}/ipibench.elf"}
for wrong, says in (
        ({"IMAGE": ""}, "IMAGE= is missing"),
        ({"IMAGE": "/nowhere"}, "IMAGE=/nowhere: there is no such file"),
        ({"IMAGE": "/dev/null"}, "IMAGE=/dev/null: that is no regular file"),
        ({"IMAGE": "/etc"}, "IMAGE=/etc: that is a directory"),
        ({"INITRD": "/nowhere"}, "INITRD=/nowhere: there is no such file"),
        ({"VCPUS": "0"}, "VCPUS=0: a number from 1 to 256"),
        ({"VCPUS": "two"}, "VCPUS=two: a number from 1 to 256"),
        ({"MEM": "12Q"}, "MEM=12Q: a number with K, M or G"),
        ({"MEM": "1K"}, "MEM=1K: 2M to 3G"),
        ({"CPUS": "3-1"}, "CPUS=3-1: `3-1` is no range within 0-63"),
        ({"CPUS": "0,x"}, "CPUS=0,x: cores such as"),
        ({"CPUS": "0,0"}, "CPUS=0,0: core 0 is in it twice"),
        ({"CPUS": "2,0-3"}, "CPUS=2,0-3: core 2 is in it twice"),
        ({"PV": "kvm,kvm"}, "PV=kvm,kvm: kvm is in it twice"),
        ({"PV": "none,none"}, "PV=none,none: there are none, kvm"),
        ({"APIC": "x3"}, "APIC=x3: there are xapic, x2apic"),
        ({"PV": "kvm,xen"}, "PV=kvm,xen: there are none, kvm, tap"),
        ({"ARGS": "it's"}, "ARGS: the character \"'\""),
        ({"ARGS": "x" * 1000}, "ARGS: 1000 characters are too many"),
        ({"MACHINE": "vax"}, "MACHINE=vax: there are auto, bochs, kvm and qemu")):
    environment = dict(os.environ, **GOOD, **{"MACHINE": "bochs"})
    done = subprocess.run([f"{TOOLS}/boot", "--build", PLACE], env=dict(environment, **wrong),
                          capture_output=True, text=True, check=False)
    tap.ok(done.returncode == 2 and says in done.stderr, f"boot: {says}", done.stderr)
got, out, err = call("boot", "--plan", VCPUS="2", PV="kvm,tap", ARGS="a=$b {x}", **GOOD)
got, out, err = call("boot", "--plan", COUNTERS="on", APIC="xapic", APICPAGE="on", WEIGHT="50",
                     RESTART="3", MODULES=f"{PLACE}/root.elf a b, {PLACE}/grub.cfg", **GOOD)
tap.like(out, r" counters=on apic-page=on restart=3 weight=50 console=raw$", "boot: all keys", out,
         err)
tap.like(out, r"/module0-root\.elf module name=guest -- 'a' 'b'$", "boot: a module", out, err)
tap.like(out, r"/module1-grub\.cfg module name=guest$", "boot: another", out, err)
got, out, err = call("boot", "--plan", VCPUS="2", PV="kvm,tap", ARGS="a=$b {x}", **GOOD)
tap.like(out, r"tapvisor .* tables=off batch$", "boot: no tables behind the guest's text", out)
tap.like(out, r"ipibench.elf vm name=guest vcpus=2 cpus=0-1 mem=64M apic=x2apic pv=kvm,tap"
              r" console=raw -- 'a=\$b' '\{x\}'", "boot: the VM's line", out, err)

# A variable that nobody reads, on make's command line. The tool is told their names; that make
# tells it, and which, is seen by what it would run.
for tool, args, given, says in (
        ("boot", [], "VCPU", "VCPU=: there is no such setting; VCPUS= is meant?"),
        ("boot", [], "image", "image=: there is no such setting; IMAGE= is meant?"),
        ("boot", [], "FOO", "FOO=: there is no such setting; there are IMAGE INITRD VCPUS"),
        ("run", [], "VCPUS", "VCPUS=: there is no such setting; CPUS= is meant?"),
        ("run", ["--shell"], "ENTRIES", "ENTRIES=: there is no such setting; ENTRY= is meant?"),
        ("linux", [], "ARGS", "ARGS=: there is no such setting; there are DEBIAN KERNEL")):
    got, out, err = call(tool, "--given", "CC", "--given", given, *args)
    tap.ok(got == 2 and says in err, f"{tool}: {says}", err)
for target, command in (("boot", "boot"), ("run", "run"), ("shell", "run"), ("linux", "linux")):
    done = subprocess.run(["make", "-C", f"{HERE}/../..", "-n", target, "FOO=a b", "KERNEL=k",
                           "INITRD=i"], capture_output=True, text=True, check=False,
                          env=outside_make())
    line = next((x for x in done.stdout.split("\n") if f"hv/host/{command} " in x), "")
    tap.like(line, r"--given FOO\b.*", f"make {target}: tells what is on its command line",
             done.stdout[-300:], done.stderr)
    tap.unlike(line, "MAKE|SHELL|given Q", f"make {target}: and no more")

# run: the bare machine's figures beside the hypervisor's
BENCH = {"type": "bench", "vm": "a", "path": "x2apic", "op": "unicast", "targets": 1, "n": 9,
         "min": 600, "p50": 651, "p99": 700, "max": 900, "unit": "ticks", "exits_per_op": 4.0}
fake_build([BENCH, {"type": "verdict", "ok": True}])
got, out, err = call("run", "--grub-cfg", f"{PLACE}/grub.cfg")
tap.is_(got, 0, "run: status 0 when the verdict is ok", out, err)
tap.like(out, r"in +native +native +a +native", "run: native stands beside", out)
tap.like(out, r"^unicast +1 +median +\d+ +\d+ +651 ", "run: in one row", out)
with open(f"{PLACE}/run/telemetry.jsonl", encoding="utf-8") as f:
    left = [json.loads(line) for line in f]
tap.is_(left[-1], {"type": "verdict", "ok": True}, "run: the verdict is the last line of all")
tap.ok(any(r["type"] == "bench" and r["path"] == "native" and r["n"] == 20 for r in left),
       "run: native lines are in it")

fake_build([BENCH, {"type": "verdict", "ok": False}])
got, out, err = call("run", "--grub-cfg", f"{PLACE}/grub.cfg")
tap.is_(got, 1, "run: status 1 when it is not", out, err)
fake_build([BENCH])
got, out, err = call("run", "--grub-cfg", f"{PLACE}/grub.cfg")
tap.is_(got, 1, "run: status 1 without a verdict", out, err)
tap.like(out, "verdict: missing", "run: and says so")
tap.unlike(out, "Exits by VM", "run: no empty table of exits", out)
fake_build([{"type": "machine"}, {"type": "verdict", "ok": False}])
got, out, err = call("run", "--grub-cfg", f"{PLACE}/grub.cfg")
tap.unlike(out, "What one IPI|Exits by VM|Blame", "run: no tables where Tapvisor came to nothing",
           out)
tap.like(out, "no figures were reported\n\nverdict: failed", "run: and says so", out)

# run: a Bochs whose ticks are no instructions, here one that takes turns of five.
os.makedirs(f"{PLACE}/bin")
with open(f"{PLACE}/bin/bochs", "w", encoding="ascii") as f:
    f.write(f"#!/bin/sh\nfor last; do :; done\n[ ! -f \"$last\" ] || echo c >\"$last\"\n"
            f"exec {shutil.which('bochs')} \"$@\"\n")
os.chmod(f"{PLACE}/bin/bochs", 0o755)
got, out, err = call("run", "--grub-cfg", f"{PLACE}/grub.cfg",
                     PATH=f"{PLACE}/bin:{os.environ['PATH']}")
tap.is_(got, 2, "run: no figures where a tick is no instruction", out, err)
tap.like(err, r"^run: no figures can be had of this Bochs: a path of 28 instructions takes 25 to",
         "run: and says what was measured", err)
tap.unlike(out, "What one IPI|no figures were", "run: no table, not even an empty one", out)

# run: an entry without Tapvisor; what other entries name need not be there
got, out, err = call("run", "--grub-cfg", f"{PLACE}/grub.cfg", ENTRY="1")
tap.is_(got, 0, "run: an image on the bare machine alone", out, err)
tap.like(out, r"in +native +native +native$", "run: its table has native columns", out)
tap.unlike(out + err, "verdict|beside it", "run: without a verdict, for there is no Tapvisor")
with open(f"{PLACE}/run/telemetry.jsonl", encoding="utf-8") as f:
    first, *lines = (json.loads(line) for line in f)
tap.is_({line["path"] for line in lines}, {"native"}, "run: native lines alone")
tap.is_([first[name] for name in ("type", "entry", "machine", "cpus")],
        ["run", "bare: ipibench", "bochs", 4], "run: behind one that says what it was", str(first))
# QEMU's ticks are of the host's clock: figures have any length, columns must not run together.
got, out, err = call("run", "--grub-cfg", f"{PLACE}/grub.cfg", ENTRY="1", MACHINE="qemu")
tap.is_(got, 0, "run: the same in QEMU", out, err)
tap.like(out, r"in +native( +native)*$", "run: with the same table", out)
with open(f"{PLACE}/run/native.txt", encoding="utf-8") as f:
    rows = re.findall(r"^# (?:path|x2?apic[\w-]*) .*$", f.read(), re.M)
tap.ok(len(rows) > 3, "run: the image's own table is in its console", rows)
tap.none([row for row in rows if len(row.split()) != 10], "run: with each column apart")
with open(f"{PLACE}/grub.cfg", encoding="utf-8") as f:
    line = next(i for i, text in enumerate(f, 1) if "nowhere" in text)
got, out, err = call("run", "--grub-cfg", f"{PLACE}/grub.cfg", ENTRY="2")
tap.is_(got, 2, "run: what the chosen entry names must be there")
tap.like(err, f"grub.cfg:{line}: /boot/nowhere.elf is not built", "run: and says which", err)
done = subprocess.run([f"{TOOLS}/mkiso", "--grub-cfg", f"{PLACE}/grub.cfg", "--build", PLACE,
                       "--output", f"{PLACE}/all.iso"], capture_output=True, text=True, check=False)
tap.like(done.stderr, f"{line}: /boot/nowhere.elf is not built", "iso: needs the files of all",
         done.stderr)
for wrong, says in (({"ENTRY": "no such"}, r"ENTRY=no such: .*\n  0  compare\n  1  bare"),
                    ({"CPUS": "65"}, "CPUS=65: a number from 1 to 64")):
    got, out, err = call("run", "--grub-cfg", f"{PLACE}/grub.cfg", **wrong)
    tap.is_(got, 2, f"run: {wrong}")
    tap.like(err, says, "run: and says so", err)

# Targets for people that no other test calls.
TOP = os.path.abspath(f"{HERE}/../..")
done = subprocess.run(["make", "-C", TOP, "--no-print-directory", "-W", "build/tapvisor.debug",
                       "disasm"], capture_output=True, text=True, check=False, env=outside_make())
tap.is_((done.returncode, done.stderr), (0, ""), "disasm: without objdump's complaints")
with open(f"{TOP}/build/tapvisor.dis", encoding="utf-8", errors="replace") as f:
    tap.like(f.read(), r"<vmx_on_exit>:", "disasm: functions by name")
tap.ok(not os.path.exists(f"{TOP}/build/tapvisor.dis.err"), "disasm: nothing is left behind")
tree = f"{PLACE}/tree"
os.makedirs(f"{tree}/build")
for name in os.listdir(TOP):
    if name not in ("build", "compile_commands.json") and not name.startswith("."):
        os.symlink(f"{TOP}/{name}", f"{tree}/{name}")
with open(f"{tree}/compile_commands.json", "w", encoding="ascii") as f:
    f.write("[]")
subprocess.run(["make", "-s", "-C", tree, "clean"], check=False)
tap.none([name for name in ("build", "compile_commands.json") if os.path.exists(f"{tree}/{name}")],
         "clean: what is made is gone")
tap.ok(os.path.exists(f"{tree}/hv/kernel/main.c"), "clean: and no more")
tap.done()
