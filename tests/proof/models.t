#!/bin/sh
# SPDX-License-Identifier: MIT
# Checks the Spin model of delivery: right as it is, wrong without each of its orders. Prints TAP.
set -eu

model=$(cd "$(dirname "$0")" && pwd)/mailbox.pml
broken="ON_FIRST CLEAR_LATE NO_FENCE NO_LOOK NO_CAS RUNNING_LATE"

if ! command -v spin >/dev/null; then
	echo "1..0 # SKIP spin is not installed"
	exit 0
fi
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"

# Number of errors that a search of all states finds, with the given macro.
errors() {
	spin -a ${1:+"-D$1"} "$model" >/dev/null
	cc -O2 -w -DSAFETY -DMEMLIM=2000 -o pan pan.c
	./pan -m200000 >out
	sed -n 's/.*errors: *//p' out
}

n=1
echo "1..7"
if [ "$(errors "")" = 0 ]; then
	states=$(sed -n 's/ *\([0-9]*\) states, stored.*/\1/p' out)
	echo "ok $n - nothing is lost, nothing runs twice ($states states)"
else
	echo "not ok $n - the protocol as it is"
	sed 's/^/# /' out
fi
for macro in $broken; do
	n=$((n + 1))
	if [ "$(errors "$macro")" = 0 ]; then
		echo "not ok $n - $macro makes no difference"
	else
		echo "ok $n - $macro is found: $(sed -n 's/^pan:1: \(.*\) (at.*/\1/p' out)"
	fi
done
