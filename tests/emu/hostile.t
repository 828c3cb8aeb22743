#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Random hostile guests, for a short while: each kind of operation by seeds that are kept, then in
as many lives as there is time for. The machine, its cores, two neighbours and the console bear it.
`make hostile` is the same for long."""
import os
import sys

sys.dont_write_bytecode = True
HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [f"{HERE}/../tools", f"{HERE}/../../hv/host"]
from hostile_rounds import KINDS, Round  # noqa: E402
from tapvisor_test import tap  # noqa: E402

# Seeds for a boot in which each VM lives once: one for all kinds.
KEPT = [1, 20261201]
TICKS = 3000000


def look_at(done, what):
    tap.none(done.failures, f"{what}: the machine, its cores and the neighbours bear it",
             *done.explain())
    tried = {life.kind: life for life in done.lives}
    tap.is_(sorted(tried), sorted(KINDS), f"{what}: each kind was tried")
    tap.ok(sum(life.ops for life in done.lives) > 100 * len(KINDS),
           f"{what}: they got somewhere", *done.explain())


for seed in KEPT:
    look_at(Round(KINDS, seed, 2000, TICKS, 0, step=64), f"seed {seed}")
look_at(Round(KINDS, 1, 2000, TICKS, 4, step=64), "many lives")
tap.done()
