/* SPDX-License-Identifier: MIT */
/*
 * The function that an image provides: guest_main, entered on CPU 0 with interrupts off, the local
 * APIC enabled, the other CPUs not started. Its result ends the guest: 0 = all well.
 */
#ifndef GUEST_GUEST_H
#define GUEST_GUEST_H

int guest_main(void);

#endif
