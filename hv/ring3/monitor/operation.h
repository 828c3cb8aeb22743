/* SPDX-License-Identifier: MIT */
/* pure: also compiled on the host */
/* What each operation does to registers and operands, once it is decoded. */
#ifndef HV_MONITOR_OPERATION_H
#define HV_MONITOR_OPERATION_H

#include "hv/ring3/monitor/access.h"

/*
 * All checks first, then what a device sees, then the registers in e->result. e->verdict tells how
 * it went; unless it is DOES, what stands in e->result->gpr is of no meaning.
 */
void operation_run(struct emulation *e);

/* The string instructions of those: hv/ring3/monitor/string_operation.c. */
void operation_string(struct emulation *e);

/* Registers as instructions use them: 4 bytes clear the upper half, 1 and 2 keep what is above. */
u64 operation_register(const struct emulation *e, u8 reg, u8 size, bool high);
void operation_set_register(struct emulation *e, u8 reg, u8 size, bool high, u64 value);

/* An operand as a number; size is at most 8. */
bool operation_read(struct emulation *e, const struct place *place, u64 *value);
bool operation_write(struct emulation *e, const struct place *place, u64 value);

/* False, and the guest tries again: no operand is anything but RAM, so this is not what exited. */
bool operation_is_ours(struct emulation *e);

#endif
