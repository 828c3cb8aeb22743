/* SPDX-License-Identifier: MIT */
/* The host's interrupt vectors. A kick makes a core leave guest mode, ring 3 or idle; it says no
 * more. */
#ifndef HV_CPU_VECTORS_H
#define HV_CPU_VECTORS_H

#define VECTOR_NMI           0x02u
#define VECTOR_DOUBLE_FAULT  0x08u
#define VECTOR_MACHINE_CHECK 0x12u
#define VECTOR_SYSCALL       0x80u /* int 0x80, the one gate that ring 3 may use */
#define VECTOR_POSTED        0xefu /* posted-interrupt notification; outside of guest mode, a kick */
#define VECTOR_KICK          0xf0u
#define VECTOR_TIMER         0xf1u
#define VECTOR_ERROR         0xfeu /* local APIC error */
#define VECTOR_SPURIOUS      0xffu /* never acknowledged: no EOI */

#endif
