/* SPDX-License-Identifier: MIT */
/* pure: also compiled on the host */
/*
 * Memory as an instruction of the guest's sees it: segments, page tables, RAM, and where there is
 * none, devices. With the checks that the processor makes (SDM volume 3, 4.6, 5.3 to 5.5, 17.2).
 *
 * RAM is read here. It is written by ring 0 (SYS_STORE), since another vCPU may take a page away
 * from the guest meanwhile and be told that nobody writes to it any more.
 */
#ifndef HV_MONITOR_ACCESS_H
#define HV_MONITOR_ACCESS_H

#include "hv/abi/message.h"
#include "hv/ring3/monitor/decode.h"
#include "vmx/walk.h"

struct monitor;

enum verdict {
	DOES,        /* goes on, or is done */
	FAULTS,      /* with result->fault */
	RETRIES,     /* the guest shall execute it again: it is not what it was */
	UNREACHABLE, /* a page table is where there is no memory */
	WAITS,       /* a device has no room: handle the message again */
};

enum fault {
	FAULT_UD = 6,
	FAULT_NM = 7,
	FAULT_SS = 12,
	FAULT_GP = 13,
	FAULT_PF = 14,
	FAULT_AC = 17,
};

/* One instruction under way. */
struct emulation {
	struct monitor *m;
	const struct vcpu_dump *cpu; /* at its begin */
	struct insn_result *result;
	struct decoded insn;
	struct walk_state walk;
	enum code_mode mode;
	enum verdict verdict;
	u64 unreachable; /* linear address, of UNREACHABLE */
	bool device;     /* some operand is not RAM */
	bool claimed;    /* and something was there */
};

/* An operand in memory, of at most 16 bytes: in one page, or in two. */
struct place {
	u64 linear;
	u32 size;
	struct {
		u64 gpa;
		u32 size;
		bool ram;
	} part[2];
};

/* The functions that return bool say whether the instruction goes on; `verdict` tells why not. */

bool access_fault(struct emulation *e, enum fault fault, u32 error);

/* Finds offset..offset + size of a segment, all checks made, for the access wanted. */
bool access_find(struct emulation *e, u8 segment, u64 offset, u32 size, enum walk_access access,
                 struct place *place);

/* The same of a place found for it; data breakpoints are noted. */
bool access_read(struct emulation *e, const struct place *place, u8 *bytes);
bool access_write(struct emulation *e, const struct place *place, const u8 *bytes);

/* Notes the breakpoints of DR7 that an access to an I/O port matches. */
void access_port(struct emulation *e, u32 port, u32 size);

#endif
