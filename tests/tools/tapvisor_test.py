# SPDX-License-Identifier: MIT
"""For tests in tests/emu: boot VMs in Bochs and look at what came of it.

    from tapvisor_test import boot, bare, tap
    run = boot(["ipibench.elf vm name=a vcpus=2 cpus=0-1 mem=32M -- pingpong"], cpus=2)
    tap.ok(run.ended == "shutdown", "the machine ends by itself", run.explain())
    tap.is_(run.lines("verdict")[-1]["ok"], True, "verdict")
    tap.done()

Configuration, logs and ISO of each boot stay under build/emu/TEST/.
"""
import os
import re
import sys

sys.dont_write_bytecode = True
import bochs  # noqa: E402,F401
import iso  # noqa: E402
import machine  # noqa: E402
import preload  # noqa: E402
import telemetry  # noqa: E402
from dialogue import Dialogue, Screen, Silence  # noqa: E402,F401
from tap import Tap, skip_all  # noqa: E402,F401

BUILD = os.environ.get("TAPVISOR_BUILD", "build")
TEST = re.sub(r"\.t$", "", os.path.basename(sys.argv[0]))
tap = Tap()
_boots = 0


class Run:
    """One boot and its outcome."""

    def __init__(self, result):
        self.ended, self.console, self.com2 = result.ended, result.console, result.com2
        self.seconds = result.seconds
        self.explain = result.explain
        try:
            self.telemetry, self.telemetry_error = telemetry.parse(self.com2, "COM2"), None
        except telemetry.TelemetryError as error:
            self.telemetry, self.telemetry_error = telemetry.from_console(self.com2), str(error)

    def lines(self, kind, **fields):
        """Telemetry records of one type whose fields have these values."""
        return [record for record in self.telemetry if record["type"] == kind
                and all(record.get(name) == value for name, value in fields.items())]

    def vm_end(self, vm):
        """The record of that VM's end, or None."""
        ends = self.lines("vm-end", vm=vm)
        return ends[-1] if ends else None


def prepare(body, files, grub=False, **config):
    """What boots one menu entry, and the machine for it: `config` as in machine.Config. Bochs has
    it in memory, unless GRUB is to load it."""
    global _boots
    _boots += 1
    place = f"{BUILD}/emu/{TEST}/{_boots}"
    os.makedirs(place, exist_ok=True)
    cfg = 'set timeout=0\nmenuentry "test" {\n' + "".join(f"\t{line}\n" for line in body) + "}\n"
    settings = machine.Config(iso="", **config)
    try:
        preload.attach(settings, place, cfg, BUILD, files, "test", grub)
    except iso.IsoError as error:
        tap.give_up(error)
    return place, settings


def start(body, files, emulator="bochs", sink=None, **config):
    """Boot one menu entry, to its end; sink(bytes) gets the console as it comes."""
    place, settings = prepare(body, files, **{"grub": emulator != "bochs", **config})
    try:
        result = (machine.run_bochs if emulator == "bochs" else machine.run_qemu)(settings, sink)
    except machine.Refused as error:
        tap.give_up(error)
    with open(f"{place}/console.txt", "w", encoding="utf-8") as f:
        f.write(result.console)
    return Run(result)


def entry(modules, args):
    body = [f"multiboot2 /boot/tapvisor console=com1 telemetry=com2 {args}".rstrip()]
    for name in ("root", "monitor"):
        if not any(module.startswith(f"{name}.elf") for module in modules):
            body.append(f"module2 /boot/{name}.elf {name}")
    return body + [f"module2 /boot/{module}" for module in modules]


def boot(modules, args="", files=None, **config):
    """Boot Tapvisor with these modules: `file words...`, the file as it is called under build/.
    root.elf and monitor.elf are added unless `modules` names them. The machine switches itself off
    after the last VM's end."""
    return start(entry(modules, f"batch {args}"), files, **config)


def talk(modules, args="", files=None, **config):
    """A dialogue with the same at its prompt."""
    return Dialogue(prepare(entry(modules, args), files, **config)[1])


def bare(image, args="", files=None, **config):
    """Boot one image on the bare machine."""
    return start([f"multiboot2 /boot/{image} {args}".rstrip()], files, **config)


def unfolded(text):
    """Lines as they were before root folded those of more than 100 columns: the rest of one stands
    below it, nine columns in."""
    return re.sub(r"\n {9}(?=\S)", " ", text)


def guest_points(run, vm, name):
    """A test point for each that a guest image made on its console, and one for their number.
    `name` stands before each; the guest's own `# SKIP` and `# TODO` hold here too."""
    lines = [line[len(vm) + 3:] for line in run.console.split("\n") if line.startswith(f"[{vm}] ")]
    plan = [int(line[3:]) for line in lines if re.fullmatch(r"1\.\.\d+", line)]
    points = [re.fullmatch(r"(not )?ok \d+ - (.*)", line) for line in lines]
    points = [match for match in points if match]
    for match in points:
        tap.ok(not match.group(1), f"{name}: {match.group(2)}")
    tap.ok(plan == [len(points)] and points, f"{name}: as many test points as it said",
           f"plan {plan}, points {len(points)}", run.explain(), "\n".join(lines[-20:]))


def guest_passes(run, vm, name):
    """guest_points, and that the guest ended itself with 0 in a machine that ended well."""
    guest_points(run, vm, name)
    end = run.vm_end(vm) or {}
    tap.is_((end.get("reason"), end.get("value")), ("debug-exit", 0), f"{name}: ends with 0")
    tap.ok(run.ended == "shutdown", f"{name}: the machine switches itself off", run.explain())
