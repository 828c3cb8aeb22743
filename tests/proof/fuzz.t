#!/bin/sh
# SPDX-License-Identifier: MIT
# A short run of each fuzzer. `make fuzz` runs them for longer.
exec "$(dirname "$0")/fuzz" --tap --runs 20000 --seed 1 --jobs 1
