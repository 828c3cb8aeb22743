#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Tapvisor's terminal as a person meets it, on a serial line: every command, right and wrong, while
VMs print without end; VMs paused, resumed, stopped and reset in every order; focus; top on a screen
of 80 columns and 24 lines; that root's core is still root's while a guest spins on it with
interrupts off, and that `vms` tells who halted so."""
import os
import random
import re
import sys

sys.dont_write_bytecode = True
HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [f"{HERE}/../tools", f"{HERE}/../../hv/host"]
from tapvisor_test import Screen, Silence, machine, talk, tap  # noqa: E402

PROMPT = "tapvisor> "
LOUD = "chatter.elf vm name=loud cpus=1 -- gap=0"
CALM = "chatter.elf vm name=calm cpus=0 -- gap=500m"
DONE = "chatter.elf vm name=done cpus=0 -- lines=2"
HALTED = "chatter.elf vm name=halted vcpus=2 cpus=1 -- lines=1 then=halt"
ASLEEP = "chatter.elf vm name=asleep cpus=1 -- lines=1 then=sleep"
FAR = "chatter.elf vm name=far cpus=1 -- lines=40 gap=500k"
DEAF = "chatter.elf vm name=deaf cpus=0 -- lines=3 gap=0 then=spin"
LATE = "chatter.elf vm name=late cpus=0 after=calm -- gap=500m"
NOT_HERE = ("top", "focus", "pause", "resume", "stop", "reset", "power-off", "reboot")


def answers(d, line, pattern, what):
    """What comes up to the answer; "" when that does not come."""
    try:
        text = d.ask(line, pattern)
    except Silence as silence:
        tap.ok(False, what, silence)
        return ""
    tap.ok(True, what)
    return text


def part_typing(d):
    words = ["".join(chr(97 + (i * 7 + j * 5) % 26) for j in range(40)) for i in range(10)]
    got = [answers(d, word, r"there is no command \w*; help", "while a VM prints: an answer")
           for word in words]
    tap.is_([re.findall(r"no command (\w*);", text) for text in got], [[word] for word in words],
            "while a VM prints: no key is lost")
    tap.ok(max(map(len, got)) < 4000, "while a VM prints: the answer does not wait behind its text",
           [len(text) for text in got])


def part_commands(d):
    text = answers(d, "help", r"reboot .*\n", "help")
    text = text[text.rindex("help      "):].replace("\r", "")
    names = re.findall(r"^([\w-]+) +(?:VM |\[VM\] )? *\w.*$", text, re.M)
    wants = dict(re.findall(r"^([\w-]+) +(VM|\[VM\]) ", text, re.M))
    need = "help vms top exits ipi blame trace pause resume stop reset power-off".split()
    tap.is_([name for name in need if name not in names], [], "help: lists all", text)
    for name in names:
        if name in wants:
            answers(d, f"{name} nobody", "there is no VM nobody", f"{name} nobody: refused")
            answers(d, f"{name} done more", f"{name} takes one name|there is no vCPU more",
                    f"{name} done more: refused")
        else:
            answers(d, f"{name} now", f"{name} stands alone", f"{name} now: refused")
        if wants.get(name) == "VM":
            answers(d, name, f"{name} wants the name of a VM", f"{name}: refused")
        elif name not in NOT_HERE:
            answers(d, name, rf"{name}\r\n(?:.*\n)*?.*{PROMPT}", f"{name}: and the prompt again")
        if wants.get(name) == "[VM]":
            text = answers(d, f"{name} done", rf"{name} done\r\n(?:.*\n)*?.*{PROMPT}",
                           f"{name} done: and the prompt again")
            tap.unlike(text, r"^(?:loud|calm) ", f"{name} done: of no other VM")
    for line in ("", "   "):
        answers(d, line, PROMPT, f"{line!r}: nothing but a prompt")
    answers(d, "HELP", "there is no command HELP", "HELP: refused")
    answers(d, "vmx\x7fs", "VM +id state", "backspace")
    answers(d, "rubbish\x15vms", "VM +id state", "^U")
    answers(d, "vms rubbish\x17", "VM +id state", "^W")
    answers(d, "rubbish\x03vms", r"\^C\r\n(?:.*\n)*.*VM +id state", "^C")
    answers(d, "\x1b[A", "VM +id state", "arrow up")
    answers(d, "ti\t", "Time of vCPUs", "completion of a command")
    answers(d, "exits lo\t", r"Exits by VM(?:.*\n)*?loud ", "completion of a VM's name")


# What each order does to a VM in each state; None: it is refused.
ORDERS = {
    "waits": {"pause": None, "resume": None, "stop": "gone", "reset": "runs"},
    "runs": {"pause": "paused", "resume": None, "stop": "ended", "reset": "runs"},
    "paused": {"pause": None, "resume": "runs", "stop": "ended", "reset": "runs"},
    "ended": {"pause": None, "resume": None, "stop": None, "reset": "runs"},
    "gone": {"pause": None, "resume": None, "stop": None, "reset": "runs"},
}


def state(d, name):
    text = d.ask("vms", rf"\n{name} +\d+ \w+ .*\r\n(?:.*\n)*?.*{PROMPT}")
    return re.findall(rf"^{name} +\d+ (\w+) ", text, re.M)[-1]


def walk(d, name, now, steps):
    """Orders at random; the first that were not tried in this state."""
    chance, wrong, tried = random.Random(1), [], set()
    for _ in range(steps):
        new = [order for order in ORDERS[now] if (now, order) not in tried]
        order = chance.choice(new or list(ORDERS[now]))
        want = ORDERS[now][order]
        tried.add((now, order))
        text = d.ask(f"{order} {name}", rf"{order} {name}\r\n(?:.*\n)*?.*{PROMPT}")
        for _ in range(20):  # a stop takes a moment
            after = state(d, name)
            if after == (want or now):
                break
        refused = "not possible" in text
        if after != (want or now) or refused != (want is None):
            wrong.append(f"{order} when it {now}: then {after}, {text}")
            break
        now = after
    return wrong, tried


def part_orders(d):
    for name, begin, steps in (("late", "waits", 3), ("calm", "runs", 30)):
        try:
            wrong, tried = walk(d, name, begin, steps)
            tap.none(wrong, f"pause, resume, stop, reset of {name}, {steps} times")
        except Silence as silence:
            tap.ok(False, f"pause, resume, stop, reset of {name}", silence)
            return
        if name == "calm":
            missing = [(s, o) for s in ("runs", "paused", "ended") for o in ORDERS[s]
                       if (s, o) not in tried]
            tap.none(missing, "each order in each state", tried)


def part_focus(d):
    d.ask("reset calm", PROMPT)
    d.expect(r"\[calm\] line 1", 60)
    answers(d, "focus calm", "calm has the terminal", "focus")
    for i in range(12):  # lines of `loud` come in between, at any letter
        answers(d, f"to you alone {i}", rf'heard "to you alone {i}"\r\n',
                "focus: it hears what is typed, and its line is shown whole")
    tap.unlike(d.text, r'\[loud\] heard', "focus: no other VM does")
    d.type("\x14")
    answers(d, "vms", "VM +id state", "^T: and the prompt has the terminal")
    d.type("\x14")
    answers(d, "again", r'^heard "again"', "^T once more: and the VM")
    answers(d, "end", r"vm calm ended itself by debug-exit with 0(?:.*\n)*.*" + PROMPT,
            "a VM with the focus ends: the prompt comes back")


def part_top(d):
    d.seen = len(d.text)
    d.type("top\r")
    d.expect(r"\033\[H(?:.*\n)*.*any key ends this(?:.*\n)*.*any key ends this", 90)
    begin = d.text.rindex("\033[2J")
    screen = Screen().draw(d.text[begin:].rsplit("any key", 1)[0] + "any key ends this")
    head = "VM vCPU core %guest %hypv %mon %steal exits/s IPIs/s by path".split()
    tap.is_((screen.wrapped, screen.rows[0].split()), (0, head),
            "top: fits into 80 columns and 24 lines", *screen.rows)
    tap.like(screen.rows[1], r"^loud +0 +1( +\d+\.\d%){4} +\S+", "top: a row", *screen.rows)
    tap.unlike(d.text[begin:], r"\[loud\]", "top: no VM prints into it")
    tap.none([row for row in screen.rows if row.startswith("done")], "top: not who has ended")
    line = r"\[loud\] line (\d+)k"
    before = int(re.findall(line, d.text[:begin])[-1])
    d.type("q")
    first = int(re.search(line, d.expect(line)).group(1))
    tap.is_(first, before + 1, "top: what was printed meanwhile comes behind it")


def part_end(d):
    d.seen = len(d.text)
    d.type("power-off\r")
    d.expect("tapvisor: verdict: ", 60)
    verdict = d.text[d.text.rindex("Time of cores"):].replace("\r", "")
    failed = re.findall(r"^(\w+ (?!\d).*)$", verdict.split("\n\n", 2)[2], re.M)
    tap.none([line for line in failed if "stopped" not in line and "verdict" not in line],
             "power-off: what is counted adds up, though VMs ran", verdict)
    d.thread.join(20)
    tap.is_(d.result and d.result.ended, "shutdown", "power-off: the machine is off")


with talk([LOUD, CALM, DONE, LATE], cpus=2, seconds=500) as d:
    d.expect("vm done ended", 90)
    for part in (part_typing, part_commands, part_orders, part_focus, part_top, part_end):
        try:
            part(d)
        except Silence as silence:
            tap.ok(False, part.__name__, silence)
log = f"{d.config.keep}/bochs.log"
with open(log, encoding="utf-8", errors="replace") as f:
    tap.is_(f.read().count("receive FIFO overflow"), 0, "Bochs saw no overflow of the receiver")

# Root shares its core with a guest that never exits by itself. Root's own pauses end by the host's
# timer, and what the other VM has written it hears from another core: Bochs shuts both out.
with talk([DEAF, FAR, HALTED, ASLEEP], cpus=2, seconds=200) as d:
    try:
        d.expect(r"\[deaf\] line 3\w*\r\n", 40)
        tap.ok(True, "a guest spins deaf on core 0: what it said last is shown")
        d.expect(r"\[far\] line 40\w*\r\n", 40)
        tap.ok(True, "a guest spins deaf on core 0: what another core's VM says is shown")
        text = answers(d, "vms", rf"VM +id state(?:.*\n)*?.*{PROMPT}",
                       "a guest spins deaf on core 0: the prompt answers")
        for name in ("deaf", "asleep"):
            tap.like(text, rf"^{name} +\d+ runs +1 +\d+M *\r$", f"vms: {name} runs", text)
        tap.like(text, r"^halted +\d+ runs +2 +\d+M  halted, interrupts off\r$",
                 "vms: one that halted for ever is told from those that run", text)
        answers(d, "stop deaf", "vm deaf was stopped",
                "a guest spins deaf on core 0: it is stopped")
    except Silence as silence:
        tap.ok(False, "a guest spins deaf on core 0: root gets its turn", silence)

works, why = machine.nested_kvm()
if not works:
    tap.skip("the same over QEMU's serial line", why)
tap.done()
