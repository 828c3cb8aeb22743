#!/bin/sh
# SPDX-License-Identifier: MIT
# Searches all states of the Spin models of delivery, FLUSH_TLB and progress: right as they are,
# wrong without each of their orders and rules. Prints TAP.
#
# Alone it makes the searches of every day (make check): each order taken away, and the models as
# they are in a small setting. With --all the large ones too (make check-models).
set -eu

all=${1:-}

models=$(cd "$(dirname "$0")" && pwd)
if ! command -v spin >/dev/null; then
	echo "1..0 # SKIP spin is not installed"
	exit 0
fi
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
n=0
formula= # of the model, which is to hold under weak fairness; none: assertions and deadlocks

# Number of errors that a search of all states of a model finds, with macros. A search that was cut
# short counts as one.
errors() {
	model=$1 optimise=$2
	shift 2
	spin -a "$@" "$models/$model.pml" >/dev/null
	if [ -z "$formula" ]; then
		cc "$optimise" -w -DSAFETY -DNOCLAIM -DMEMLIM=2000 -o pan pan.c
		./pan -m2000000 >out
	else
		cc "$optimise" -w -DNFAIR=3 -DMEMLIM=2000 -o pan pan.c
		./pan -a -f -N "$formula" -m2000000 >out
	fi
	if grep -q 'max search depth too small\|reached -DMEMLIM' out; then
		echo "not all states"
	else
		sed -n 's/.*errors: *//p' out
	fi
}

# Model, what it shows, macros.
right() {
	model=$1 what=$2
	shift 2
	n=$((n + 1))
	found=$(errors "$model" -O2 "$@")
	if [ "$found" = 0 ]; then
		states=$(sed -n 's/ *\([0-9]*\) states, stored.*/\1/p' out)
		echo "ok $n - $model: $what ($states states)"
	else
		echo "not ok $n - $model: $what: $found"
		sed 's/^/# /' out
	fi
}

# The same, only with --all.
right_large() {
	if [ "$all" = --all ]; then
		right "$@"
	else
		n=$((n + 1))
		echo "ok $n - $1: $2 # SKIP a large search: make check-models"
	fi
}

# Model, the order that is taken away, macros.
wrong() {
	model=$1 macro=$2
	shift 2
	n=$((n + 1))
	if [ "$(errors "$model" -O0 "-D$macro" "$@")" = 1 ]; then
		echo "ok $n - $model: $macro is found: $(sed -n 's/^pan:1: \(.*\) (at.*/\1/p' out)"
	else
		echo "not ok $n - $model: $macro makes no difference"
	fi
}

right_large mailbox "nothing is lost, nothing runs twice, also where vCPUs migrate"
for macro in ON_FIRST CLEAR_LATE NO_FENCE NO_LOOK NO_CAS RUNNING_LATE; do
	wrong mailbox $macro
done

two="-DVCPUS=2 -DREQUESTS=0"
right delivery "two posters and a request, no wake-up is lost"
# shellcheck disable=SC2086 # lists of words
{
	right_large delivery "two posters, two sleepers of one core, none is queued twice" $two \
		-DROUNDS=1
	right_large delivery "a poster, a guest and a timer wake two sleepers" $two -DPOSTERS=1 \
		-DGUEST_SENDS=1 -DTIMERS=1
	for macro in NEXT_LATE TAKE_UNLOCKED; do
		wrong delivery $macro $two -DROUNDS=1
	done
}
for macro in POST_UNLOCKED REQUEST_LATE ENTER_UNFENCED ENTER_BLIND BLOCK_UNFENCED BLOCK_BLIND \
	BLOCK_DEAF CLAIM_UNLOCKED PUSH_UNLOCKED PUSH_SILENT KICK_DROPPED RESUME_AS_HOST; do
	wrong delivery $macro
done
for macro in HOST_FENCED KICK_WAITS; do
	right_large delivery "$macro changes nothing" -D$macro
done

right flush "two callers at once, who also sleep: no old translation, no deadlock"
right_large flush "one caller, two targets" -DVCPUS=3 -DCALLERS=1
for macro in REQUEST_LATE ENTER_UNFENCED ENTER_BLIND WAKE_BLIND NO_WAIT NO_KICK WAIT_AS_GUEST \
	TAKE_ONLY BY_STATE_ALONE STORE_UNSEEN; do
	wrong flush $macro
done

# Without the caller of FLUSH_TLB the states are a tenth. Where somebody helps by chance, a rule is
# taken away in a setting without him.
no_flush="-DFLUSHES=0"
quiet="-DFLUSHES=0 -DWAKES=0"
# shellcheck disable=SC2086 # lists of words
{
	right progress "no instruction of a guest uses what FLUSH_TLB has dropped" -DWAKES=0
	right_large progress "the same, beside a neighbour" -DHALTS
	right_large progress "the same, no interrupt being let into the guest" -DDEAF
	for macro in NO_FLUSH FLUSH_LATE LOOK_ONCE; do
		wrong progress $macro -DWAKES=0
	done

	formula=guest
	right progress "the guest is entered whatever comes" $no_flush
	right_large progress "the guest is entered, flushes too"
	wrong progress NO_LIMIT $no_flush
	wrong progress NO_LEAST $no_flush

	formula=works
	right progress "the guest executes something whatever comes" $quiet -DTIMES=0 -DPROMPT
	right_large progress "the guest executes something, flushes too" -DWAKES=0 -DTIMES=0 \
		-DPROMPT
	wrong progress NO_BRIEF $quiet -DTIMES=0 -DPROMPT
	wrong progress NO_DRAIN $quiet -DTIMES=0 -DPROMPT
	wrong progress NO_STORM $quiet -DTIMES=0 -DPROMPT

	formula=open
	right progress "interrupts are taken, beside a vCPU woken for nothing" $no_flush -DHALTS
	wrong progress NO_WINDOW $quiet -DHALTS

	formula=neighbour
	right progress "a neighbour runs after its wake" $no_flush -DHALTS
	right progress "a neighbour runs, the guest being deaf to interrupts" $no_flush -DDEAF
	right_large progress "a neighbour runs, flushes too"
	wrong progress NO_POLL $no_flush -DHALTS
	wrong progress NO_POLL $no_flush -DDEAF
	wrong progress NO_TIMER $no_flush -DPOSTS=0
	wrong progress IN_ORDER $no_flush

	formula=mail
	right progress "what is posted is taken" $quiet -DTIMES=0
	right_large progress "what is posted is taken, beside a neighbour" -DDEAF
	wrong progress NO_END $quiet -DTIMES=0
	wrong progress LENGTHENED $quiet -DTIMES=0

	formula=asked
	right progress "what is asked is done" $quiet -DTIMES=0
	right_large progress "what is asked is done, beside a neighbour"
	wrong progress NO_END $quiet -DTIMES=0

	formula=flushed
	right_large progress "each flush is done"
}
echo "1..$n"
