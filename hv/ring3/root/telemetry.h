/* SPDX-License-Identifier: MIT */
/*
 * The telemetry line, COM2: JSON objects, one a line (docs/telemetry.md). What guests write to
 * their COM2 goes there too: an object gets "vm" as its first member, any other line becomes
 * {"type":"text",...}, so that every line of the stream is an object whatever a guest writes, and
 * no guest speaks for another. Pure.
 */
#ifndef HV_ROOT_TELEMETRY_H
#define HV_ROOT_TELEMETRY_H

#include "hv/abi/limits.h"
#include "hv/ring3/rt/out.h"

#define TELEMETRY_LINE 2048u

struct telemetry {
	struct out *out;
	struct telemetry_line {
		char text[TELEMETRY_LINE];
		u32 length;
	} line[MAX_VMS];
};

/* Bytes that a VM has written to its COM2. */
void telemetry_vm(struct telemetry *t, u32 vm, const char *name, const u8 *bytes, u32 n);

/* What a VM has begun and will not end. */
void telemetry_flush_vm(struct telemetry *t, u32 vm, const char *name);

#endif
