#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The screen and the keyboard, by pictures whose text is read by the font's own glyphs: machines
that cannot run VMs say on the screen why, also where the console is a serial port; a person without
one boots, types, reads tables in pages, and switches off; a crash shows its report. In VGA's text
mode (Bochs's VNC server shows no more than 8 bits of a pixel) and, in QEMU under UEFI, on a
framebuffer."""
import contextlib
import os
import re
import sys
import threading
import time

sys.dont_write_bytecode = True
HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [f"{HERE}/../tools", f"{HERE}/../../hv/host"]
import screen  # noqa: E402
from tapvisor_test import BUILD, TEST, entry, machine, prepare, tap  # noqa: E402

CALM = "chatter.elf vm name=calm cpus=0 -- gap=500m"
SECONDS = 240
PICTURE = os.environ.get("TAPVISOR_PICTURE")  # a PNG file of the prompt, for docs/


@contextlib.contextmanager
def running(body, emulator="bochs", **config):
    """A machine while it runs, and its VNC client."""
    place, settings = prepare(body, None, grub=emulator != "bochs", seconds=SECONDS, **config)
    place = os.path.abspath(place)
    if emulator == "qemu":
        settings.vnc = f"{place}/vnc"
        with contextlib.suppress(FileNotFoundError):
            os.unlink(settings.vnc)
    settings.keep = place
    run = machine.run_bochs if emulator == "bochs" else machine.run_qemu
    result = []
    thread = threading.Thread(target=lambda: result.append(run(settings)), daemon=True)
    thread.start()
    try:
        yield (screen.bochs_vnc(place) if emulator == "bochs" else connect(settings.vnc)), result
    finally:
        settings.seconds = 0
        thread.join()


def connect(address, seconds=30):
    end = time.monotonic() + seconds
    while True:
        try:
            return screen.Vnc(address)
        except OSError:
            if time.monotonic() > end:
                raise
            time.sleep(0.2)


def shows(vnc, pattern, what, seconds=120):
    picture, lines = vnc.expect(pattern, seconds)
    tap.ok(lines, what, f"no match for: {pattern}", *picture.lines())
    return picture


def no_vtx(what, console, **config):
    with running([f"multiboot2 /boot/tapvisor {console}".rstrip()], **config) as (vnc, _):
        picture = shows(vnc, r"^cannot run VMs: no VT-x: use an Intel processor",
                        f"{what}: what is missing")
        tap.like("".join(picture.lines()), "let the outer hypervisor offer it",
                 f"{what}: what to do")
        return picture


def type_line(vnc, text):
    """Letter by letter, each when the last is there: a keyboard keeps few for a slow machine."""
    typed = ""
    for letter in text:
        vnc.type(letter)
        typed = typed[:-1] if letter == "\b" else typed + letter
        vnc.expect(re.escape(typed.rstrip()) + " *$", 20, pause=0.05)
    vnc.type("\r")


def body_of(console):
    return [f"multiboot2 /boot/tapvisor {console}".rstrip(), *entry([CALM], "")[1:]]


def at_the_prompt(what, console, **config):
    with running(body_of(console), **config) as (vnc, result):
        shows(vnc, r"^cores: \d, x2APIC$", f"{what}: ring 0's lines stay")
        shows(vnc, r"^tapvisor: \d cores?, \d+ MiB free", f"{what}: root's lines")
        shows(vnc, r"^\[calm\] line 1", f"{what}: a VM's line")
        shows(vnc, r"^tapvisor>$", f"{what}: the prompt")
        type_line(vnc, "vmx\bs")
        shows(vnc, r"^calm +1 runs +1 +32M", f"{what}: what is typed is done")
        type_line(vnc, "Exits CALM")
        shows(vnc, "there is no command Exits; help", f"{what}: shift")
        vnc.press("CONTROL", "t", pause=0.3)
        shows(vnc, "vm calm has the terminal", f"{what}: control")
        vnc.type("hello\r", pause=0.4)
        shows(vnc, '^heard "hello"', f"{what}: a VM with the terminal is typed at")
        vnc.press("CONTROL", "t", pause=0.3)
        shows(vnc, "^tapvisor>$", f"{what}: and back")
        type_line(vnc, "report")
        picture = shows(vnc, "^-- more: any key; q: no more --$", f"{what}: a long table waits")
        vnc.type("q")
        shows(vnc, "^tapvisor>$", f"{what}: q ends it")
        type_line(vnc, "power-off")
        last(vnc, result, what)
        return picture


def last(vnc, result, what):
    """Pages up to the last, and that the machine is then off."""
    seen = turned = None
    end = time.monotonic() + 120
    while time.monotonic() < end:
        picture, lines = vnc.expect("^-- (more: any key|any key: off)", 60)
        if lines is None or any("any key: off" in line for line in lines):
            break
        page = [line.replace(screen.UNKNOWN, " ").rstrip() for line in lines]  # a cursor blinks
        if page == seen and page != turned:  # it is drawn whole, and is another one
            vnc.type(" ")
            turned = page
        seen = page
    tap.like("\n".join(picture.lines()), r"^tapvisor: verdict: failed$", f"{what}: the last page",
             *picture.lines())
    tap.is_(result, [], f"{what}: the machine waits until it is read")
    with contextlib.suppress(OSError):
        vnc.type(" ")
    end = time.monotonic() + 60
    while not result and time.monotonic() < end:
        time.sleep(0.2)
    tap.ok(result and result[0].ended == "shutdown", f"{what}: then it is off",
           result and result[0].explain())


def crash(what, **config):
    """No module is root."""
    with running(["multiboot2 /boot/tapvisor console=com1"], **config) as (vnc, _):
        picture = shows(vnc, "^end of the crash report: the machine is halted",
                        f"{what}: a crash shows its report, whatever the console is")
        tap.like("\n".join(picture.lines()[:3]), "^PANIC on core 0 .*no module is called root",
                 f"{what}: from the top")


def main():
    if screen.vga_glyphs() is None:
        tap.skip("VGA's text mode", "no VGA BIOS with a font of 8 by 16 is installed")
    else:
        no_vtx("QEMU, text", "console=com1", emulator="qemu")
        picture = at_the_prompt("Bochs, no serial port", "", cpus=2, serial=False)
        if PICTURE:
            picture.save(PICTURE)
        crash("Bochs", cpus=2, serial=False)
    no_vtx("QEMU, UEFI", "", emulator="qemu", uefi=True)
    tap.done()


if __name__ == "__main__":
    main()
