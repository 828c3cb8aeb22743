#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""hv/host/report.py and telemetry.py, on lines made up for it."""
import json
import os
import subprocess
import sys
import tempfile

sys.dont_write_bytecode = True
TOOLS = os.path.dirname(os.path.abspath(__file__)) + "/../../hv/host"
sys.path[:0] = [f"{TOOLS}/../../tests/tools", TOOLS]
import report  # noqa: E402
import telemetry  # noqa: E402
from tap import Tap  # noqa: E402

tap = Tap()


def bench(vm, path, op, targets, p50, **more):
    return dict({"type": "bench", "vm": vm, "path": path, "op": op, "targets": targets, "n": 200,
                 "min": p50 - 10, "p50": p50, "p99": p50 + 90, "max": p50 + 900, "unit": "ticks"},
                **more)


SAMPLE = [
    bench("native", "native", "unicast", 1, 207, mode="x2apic", exits_per_op=None),
    bench("a", "x2apic", "unicast", 1, 653, exits_per_op=4.0),
    bench("b", "hypercall", "unicast", 1, 1702, exits_per_op=3.5),
    bench("a", "x2apic", "set", 2, 1291, exits_per_op=6.0),
    bench("a", "x2apic", "set-send", 2, 444, exits_per_op=2.0),
    bench("a", "local", "cpuid", 0, 128, exits_per_op=1.0),
    {"type": "exit", "vm": "a", "reason": "wrmsr", "count": 4, "ticks": 1000, "min": 90, "max": 400,
     "hist": [0, 0, 0, 0, 0, 0, 1, 2, 1]},
    {"type": "exit", "vm": "a", "reason": "hlt", "count": 1, "ticks": 3000, "min": 3000,
     "max": 3000, "hist": [0] * 11 + [1]},
    {"type": "blame", "victim": "v", "culprit": "a", "cause": "guest", "ticks": 700000},
    {"type": "blame", "victim": "v", "culprit": "a", "cause": "exit", "ticks": 1234},
    {"type": "blame", "victim": "v", "culprit": "b", "cause": "kick", "ticks": 5},
    {"type": "verdict", "ok": True},
]


def refused(text):
    try:
        telemetry.parse(text, "f")
    except telemetry.TelemetryError as error:
        return str(error)
    return None


def run(records, *args):
    with tempfile.NamedTemporaryFile("w", suffix=".jsonl") as f:
        f.write(telemetry.dump(records))
        f.flush()
        done = subprocess.run([f"{TOOLS}/report.py", f.name, *args], capture_output=True, text=True,
                              check=False)
        return done.returncode, done.stdout


text = report.render(SAMPLE, "bochs")
tap.like(text, r"operation +targets +x2apic +x2apic +hypercall$", "native stands beside its mode")
tap.like(text, r"^ +in +native +a +b$", "and each column says whose it is")
tap.like(text, r"^unicast +1 +median +207 +653 +1,702$", "medians in one row")
tap.like(text, r"^ +p99 +297 +743 +1,792$", "99th percentiles below")
tap.like(text, r"^ +exits +- +4\.00 +3\.50$", "exits an operation below that")
tap.like(text, r"^set +2 +median +- +1,291 +-$", "what was not measured is a dash")
tap.like(text, r"^ +sender +- +444 +-$", "the sender's part of a set")
tap.like(text, r"^cpuid +a +local +200 +118 +128 +218 +1,028 +1\.00$", "other operations apart")
tap.like(text, r"instructions in Bochs, path lengths with no hardware", "the unit is named")
tap.like(text, r"^a +hlt +1 +3,000 +75\.0% ", "exits: the dearest reason first")
tap.like(text, r"^ +wrmsr +4 +1,000 +25\.0% +90 +128\.\.255 +400$",
         "exits: median from the histogram")
tap.like(text, r"^ +all +5 +4,000$", "exits: sum of the VM")
tap.like(text, r"^victim +by a +by b +all \(steal\)$", "blame: culprits across")
tap.like(text, r"^v +701,234 +5 +701,239$", "blame: a row adds up to the steal time")
tap.like(text, r"^v +a +700,000 +1,234 +-$", "blame: by cause")
tap.like(text, r"^verdict: ok$", "verdict")
tap.unlike(text, "\033", "no colour unless asked for")

# A VM that was made anew has its lines once for each life.
LIFE = {"type": "exit", "vm": "d", "reason": "io", "count": 63, "ticks": 6300, "min": 90,
        "max": 400, "hist": [0, 0, 0, 0, 0, 0, 63]}
lives = report.render([LIFE, dict(LIFE, min=80, hist=[0, 0, 0, 63]), dict(LIFE, max=401),
                       bench("d", "local", "cpuid", 0, 128), bench("d", "local", "cpuid", 0, 129)])
tap.like(lives, r"^d +io +189 +18,900 +100\.0% +80 +64\.\.127 +401$", "exits: lives are added up")
tap.is_(lives.count(" io "), 1, "exits: in one row")
tap.like(lives, r"^ +all +189 +18,900$", "exits: and in the sum")
tap.is_(lives.count("cpuid"), 1, "other operations: one row, of the last life")
tap.like(lives, r"^cpuid +d +local +200 +119 +129 ", "other operations: the last life's figures")
tap.like(lives, "no VM waited for another", "exits without blame: nobody waited")

little = report.render([{"type": "machine"}, {"type": "verdict", "ok": False}])
tap.unlike(little, "Exits by|What one IPI|Blame", "no empty tables")
tap.like(little, "no figures were reported(.|\n)*verdict: failed", "but the verdict")
alone = report.render(SAMPLE[:1], verdict_due=False)
tap.like(alone, r"^unicast +1 +median +207$", "the bare machine's table alone")
tap.unlike(alone, "verdict|Exits by|Blame", "without Tapvisor's tables and its verdict")
tap.is_(report.has_figures([{"type": "machine"}]), False, "a machine line is no figure")
tap.is_(report.has_figures(SAMPLE), True, "a bench line is one")

tap.is_(report.hist_median([3, 0, 0]), "0..1", "bucket 0 begins at 0")
tap.like(report.render([]), "verdict: missing", "an empty run has no verdict")

tap.is_(run(SAMPLE)[0], 0, "status 0: ok")
tap.is_(run(SAMPLE + [{"type": "verdict", "ok": False}])[0], 1, "status 1: the last verdict counts")
tap.is_(run(SAMPLE[:-1])[0], 1, "status 1: no verdict")
tap.unlike(run(SAMPLE)[1], "\033", "a pipe gets no colour")
tap.like(run(SAMPLE, "--color", "always")[1], "\033", "unless told to")

tap.is_(refused('{"type":"verdict","ok":true}\n\n'), None, "a blank line is no error")
tap.like(refused('\n{"type":"verd'), r"^f:2: not JSON", "a line cut short is told with its number")
tap.like(refused('[1]'), 'an object with a "type"', "not an object")
tap.like(refused('{"type":"blame","victim":"v"}'), 'a "blame" line without "culprit"',
         "field missing")
tap.like(refused('{"type":"verdict","ok":1}'), '"ok" is 1, not of type bool', "field of wrong type")
tap.is_(refused('{"type":"new","x":1}'), None, "an unknown type passes")
for ticks in "-1", str(2**64):
    tap.like(refused(f'{{"type":"blame","victim":"v","culprit":"c","cause":"x","ticks":{ticks}}}'),
             f'"ticks" is {ticks}, not from 0', f"no counter holds {ticks}")
tap.like(refused("[" * 100000), "^f:1: not JSON", "nor is what nests 100,000 deep JSON")
tap.like(refused('{"type":"x","n":' + "9" * 5000 + "}"), "^f:1: not JSON",
         "nor a number of 5,000 digits")

forged = [{"vm": "a", "type": "verdict", "ok": True}, {"vm": "a", "type": "bench", "op": "self"},
          {"vm": "a", "type": "victim", "lost": 7}, {"vm": "a", "x": 1},
          *({"vm": "a", **{k: v for k, v in bench("a", "p", "o", 1, 20, exits_per_op=wrong).items()
                           if k != "vm"}} for wrong in ("4", True, [], -1.0, float("inf")))]
tap.is_([r["type"] for r in telemetry.parse(telemetry.dump(forged))],
        ["guest-verdict", "guest-bench", "victim", "guest-None", *["guest-bench"] * 5],
        "a guest gives no verdict, and a bad line of its own stops nobody")

console = 'boot\n[a] {"type":"bench","op":"self"}\nb: {"type":"x"}\n{"type":"y"}\n{"no":1}\n{bad}\n'
got = telemetry.from_console(console)
tap.is_([(r["type"], r.get("vm")) for r in got], [("bench", "a"), ("x", "b"), ("y", None)],
        "records among console lines, with the VM's name")
native = telemetry.native([json.loads('{"type":"bench","path":"xapic"}'), {"type": "x"}], "bare")
tap.is_(native, [{"type": "bench", "path": "native", "via": "xapic", "vm": "bare"}],
        "a bare run's path becomes native")
tap.done()
