/* SPDX-License-Identifier: MIT */
/* pure: also compiled on the host */
#include "hv/ring3/monitor/access.h"

#include "hv/base/guest_memory.h"
#include "hv/ring3/monitor/memory.h"
#include "hv/ring3/monitor/monitor.h"

#define CR0_PE    BIT(0)
#define CR0_AM    BIT(18)
#define CR4_DE    BIT(3)
#define CR4_LA57  BIT(12)
#define RFLAGS_VM BIT(17)
#define RFLAGS_AC BIT(18)

/* Segment access rights as the VMCS has them (SDM 3C, table 25-2). */
#define RIGHTS_WRITE    BIT(1) /* of a code segment: readable */
#define RIGHTS_DOWN     BIT(2) /* of a data segment: expands down */
#define RIGHTS_CODE     BIT(3)
#define RIGHTS_BIG      BIT(14)
#define RIGHTS_UNUSABLE BIT(16)

#define SEGMENT_SS 2
#define SEGMENT_FS 4

bool access_fault(struct emulation *e, enum fault fault, u32 error)
{
	e->verdict = FAULTS;
	e->result->fault = fault;
	e->result->error = error;
	return false;
}

static bool give_up(struct emulation *e, enum verdict verdict)
{
	e->verdict = verdict;
	return false;
}

/* ---- segments ---- */

static bool canonical(const struct emulation *e, u64 linear)
{
	u32 unused = (e->cpu->cr4 & CR4_LA57) != 0 ? 7 : 16;

	return (u64)((s64)(linear << unused) >> unused) == linear;
}

/* SDM 3A 5.3. A limit of 4 GiB lets accesses wrap, as processors do. */
static bool within_limit(u64 rights, u64 limit, u64 offset, u32 size)
{
	u64 last = offset + size - 1;

	if ((rights & (RIGHTS_CODE | RIGHTS_DOWN)) == RIGHTS_DOWN)
		return offset > limit && last <= ((rights & RIGHTS_BIG) != 0 ? 0xffffffff : 0xffff);
	return last <= limit || limit == 0xffffffff;
}

/* SDM 3A 5.5. Real mode and virtual-8086 mode know limits alone. */
static bool permitted(const struct emulation *e, u64 rights, enum walk_access access)
{
	if ((rights & RIGHTS_UNUSABLE) != 0)
		return false;
	if ((e->cpu->cr0 & CR0_PE) == 0 || (e->cpu->rflags & RFLAGS_VM) != 0)
		return true;
	if (access == WALK_WRITE)
		return (rights & (RIGHTS_CODE | RIGHTS_WRITE)) == RIGHTS_WRITE;
	return (rights & RIGHTS_CODE) == 0 || (rights & RIGHTS_WRITE) != 0;
}

static bool find_linear(struct emulation *e, u8 segment, u64 offset, u32 size,
                        enum walk_access access, u64 *linear)
{
	const u64 *s = e->cpu->segment[segment];
	bool right;

	if (e->mode == CODE_64) {
		*linear = offset + (segment >= SEGMENT_FS ? s[1] : 0);
		right = canonical(e, *linear) && canonical(e, *linear + size - 1);
	} else {
		*linear = (u32)(offset + s[1]);
		right = permitted(e, s[3], access) && within_limit(s[3], s[2], offset, size);
	}
	return right || access_fault(e, segment == SEGMENT_SS ? FAULT_SS : FAULT_GP, 0);
}

/* ---- pages ---- */

static bool translate(struct emulation *e, u64 linear, enum walk_access access, u64 *gpa)
{
	struct walk walk = walk_translate(&e->m->memory, &e->walk, linear, access);

	*gpa = walk.gpa.raw;
	switch (walk.outcome) {
	case WALK_DONE:
		return true;
	case WALK_PAGE_FAULT:
		e->result->cr2 = linear;
		return access_fault(e, FAULT_PF, walk.error);
	case WALK_GP:
		return access_fault(e, FAULT_GP, 0);
	default:
		e->unreachable = linear;
		return give_up(e, UNREACHABLE);
	}
}

static u64 next_page(const struct emulation *e, u64 linear)
{
	u64 next = (linear | PAGE_MASK) + 1;

	return e->mode == CODE_64 ? next : (u32)next;
}

bool access_find(struct emulation *e, u8 segment, u64 offset, u32 size, enum walk_access access,
                 struct place *place)
{
	u64 left, linear;

	if (!find_linear(e, segment, offset, size, access, &linear))
		return false;
	if (e->insn.aligned && linear % size != 0)
		return access_fault(e, FAULT_GP, 0);
	if (size <= 8 && linear % size != 0 && e->walk.cpl == 3 && (e->cpu->cr0 & CR0_AM) != 0 &&
	    (e->cpu->rflags & RFLAGS_AC) != 0)
		return access_fault(e, FAULT_AC, 0);
	left = PAGE_SIZE - (linear & PAGE_MASK);
	*place = (struct place){ .linear = linear, .size = size };
	place->part[0].size = (u32)MIN(left, size);
	place->part[1].size = size - place->part[0].size;
	for (u32 i = 0; i < 2 && place->part[i].size != 0; i++) {
		if (!translate(e, linear, access, &place->part[i].gpa))
			return false;
		place->part[i].ram = place->part[i].gpa < e->m->memory.size;
		e->device = e->device || !place->part[i].ram;
		linear = next_page(e, linear);
	}
	return true;
}

/* ---- RAM and devices ---- */

/*
 * The translation is asked for once more behind the read: while it stands the page is the guest's
 * to read, so that what was read is what stood there before anybody took the page away.
 */
static bool read_ram(struct emulation *e, u64 linear, u64 gpa, u8 *bytes, u32 size)
{
	u64 again;

	guest_memory_copy(bytes, e->m->memory.base + gpa, size);
	__asm__ volatile("" : : : "memory");
	return translate(e, linear, WALK_READ, &again) && (again == gpa || give_up(e, RETRIES));
}

static void read_device(struct emulation *e, u64 gpa, u8 *bytes, u32 size)
{
	for (u32 done = 0, n; done < size; done += n) {
		u64 value;

		n = MIN(size - done, 8u);
		e->claimed = memory_read(e->m, gpa + done, n, &value) || e->claimed;
		memcpy(bytes + done, &value, n);
	}
}

static bool write_part(struct emulation *e, u64 linear, u64 gpa, bool ram, const u8 *bytes,
                       u32 size)
{
	for (u32 done = 0, n; done < size; done += n) {
		u64 value = 0;

		n = MIN(size - done, 8u);
		memcpy(&value, bytes + done, n);
		if (!ram)
			e->claimed = memory_write(e->m, gpa + done, n, value) || e->claimed;
		else if (sys_store(e->m->sys, linear + done, value, n) != 0)
			return give_up(e, RETRIES);
	}
	return true;
}

/* ---- breakpoints (SDM 3B 17.2) ---- */

#define DR7_ENABLED(n)     (3ull << 2 * (n))
#define DR7_TYPE(dr7, n)   ((dr7) >> (16 + 4 * (n)) & 3)
#define DR7_LENGTH(dr7, n) ((dr7) >> (18 + 4 * (n)) & 3)
#define TYPE_WRITE         1u
#define TYPE_PORT          2u
#define TYPE_DATA          3u /* read or written */

static void match(struct emulation *e, u64 at, u32 size, u32 types)
{
	static const u8 lengths[] = { 1, 2, 8, 4 };
	u64 dr7 = e->cpu->dr7;

	for (u32 n = 0; n < 4; n++) {
		u64 length = lengths[DR7_LENGTH(dr7, n)];
		u64 first = align_down(e->cpu->dr[n], length);

		if ((dr7 & DR7_ENABLED(n)) != 0 && (types & BIT32(DR7_TYPE(dr7, n))) != 0 &&
		    first < at + size && at < first + length)
			e->result->breakpoints |= BIT32(n);
	}
}

void access_port(struct emulation *e, u32 port, u32 size)
{
	if ((e->cpu->cr4 & CR4_DE) != 0)
		match(e, port, size, BIT32(TYPE_PORT));
}

bool access_read(struct emulation *e, const struct place *p, u8 *bytes)
{
	u64 linear = p->linear;
	u32 done = 0;

	for (u32 i = 0; i < 2; i++) {
		u32 n = p->part[i].size;

		if (!p->part[i].ram)
			read_device(e, p->part[i].gpa, bytes + done, n);
		else if (n != 0 && !read_ram(e, linear, p->part[i].gpa, bytes + done, n))
			return false;
		done += n;
		linear = next_page(e, linear);
	}
	match(e, p->linear, p->size, BIT32(TYPE_DATA));
	return true;
}

bool access_write(struct emulation *e, const struct place *p, const u8 *bytes)
{
	u64 linear = p->linear;
	u32 done = 0;

	for (u32 i = 0; i < 2; i++) {
		u32 n = p->part[i].size;

		if (!write_part(e, linear, p->part[i].gpa, p->part[i].ram, bytes + done, n))
			return false;
		done += n;
		linear = next_page(e, linear);
	}
	match(e, p->linear, p->size, BIT32(TYPE_DATA) | BIT32(TYPE_WRITE));
	return true;
}
