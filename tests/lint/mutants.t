#!/bin/sh
# SPDX-License-Identifier: MIT
# The faults of tests/proof/mutants quote the source: each must still be found there, once.
exec "$(dirname "$0")/../proof/mutants" --rows
