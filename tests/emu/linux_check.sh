#!/bin/sh
# SPDX-License-Identifier: MIT
# What a Linux guest can see of itself, in sections that linux.t reads. Ends with "== end".

cpu=/sys/devices/system/cpu

section() {
	echo "== $1"
}

dmesg -n 1 # no lines of the kernel's between these
section online
cat $cpu/online
section clocksource
cat /sys/devices/system/clocksource/clocksource0/current_clocksource
section watchdogs
cat /proc/sys/kernel/soft_watchdog /proc/sys/kernel/nmi_watchdog
section warnings
dmesg -r | grep '^<[0-4]>' | sed 's/^<\([0-9]\)>\[ *[0-9.]*\] /\1 /'
section crashes
for round in 1 2 3 4 5; do
	dmesg | grep -v "round $round" | sed 's/a/b/' >/dev/null
done
dmesg | grep -E 'segfault|general protection|invalid opcode'
section memory
grep -E 'MemTotal|MemFree' /proc/meminfo

section hotplug
last=$(cut -d - -f 2 $cpu/online)
if [ "$last" != 0 ]; then
	echo 0 >$cpu/cpu"$last"/online && cat $cpu/online
	echo 1 >$cpu/cpu"$last"/online && cat $cpu/online
	taskset -c "$last" cut -d ' ' -f 39 /proc/self/stat # the CPU that it runs on
fi

section interrupts
cat /proc/interrupts
section steal
awk '/^cpu / { print $9 }' /proc/stat
section uptime
cat /proc/uptime
dmesg -n 7
section end
