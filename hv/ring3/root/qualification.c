/* SPDX-License-Identifier: MIT */
/* pure: also compiled on the host */
/* Exit qualifications: SDM volume 3, tables 28-1 to 28-7, as rows. */
#include "hv/ring3/root/dump.h"

#include "hv/base/bits.h"

/* A field hi..lo of the qualification of one exit reason; one bit wide: `name` when it is set. */
struct field {
	u8 reason, hi, lo;
	const char *name;
	const char *const *values; /* NULL: a number */
};

static const char *const cr_access[] = { "mov to", "mov from", "clts", "lmsw" };
static const char *const registers[] = { "rax", "rcx", "rdx", "rbx", "rsp", "rbp", "rsi", "rdi",
	                                 "r8",  "r9",  "r10", "r11", "r12", "r13", "r14", "r15" };
static const char *const direction[] = { "out", "in" };
static const char *const dr_access[] = { "mov to", "mov from" };
static const char *const task_source[] = { "call", "iret", "jmp", "task gate" };
static const char *const apic_access[] = {
	"read",
	"write",
	"fetch",
	"event delivery",
	"unknown",
	"unknown",
	"unknown",
	"unknown",
	"unknown",
	"unknown",
	"guest-physical event delivery",
	"unknown",
	"unknown",
	"unknown",
	"unknown",
	"guest-physical access",
};

static const struct field fields[] = {
	{ 9, 15, 0, "selector", NULL },
	{ 9, 31, 30, "by", task_source },
	{ 28, 3, 0, "cr", NULL },
	{ 28, 5, 4, "access", cr_access },
	{ 28, 11, 8, "register", registers },
	{ 29, 2, 0, "dr", NULL },
	{ 29, 4, 4, "access", dr_access },
	{ 29, 11, 8, "register", registers },
	{ 30, 31, 16, "port", NULL },
	{ 30, 3, 3, "direction", direction },
	{ 30, 2, 0, "bytes-1", NULL },
	{ 30, 4, 4, "string", NULL },
	{ 30, 5, 5, "rep", NULL },
	{ 44, 11, 0, "offset", NULL },
	{ 44, 15, 12, "access", apic_access },
	{ 48, 0, 0, "read", NULL },
	{ 48, 1, 1, "write", NULL },
	{ 48, 2, 2, "fetch", NULL },
	{ 48, 3, 3, "readable", NULL },
	{ 48, 4, 4, "writable", NULL },
	{ 48, 5, 5, "executable", NULL },
	{ 48, 8, 8, "of the final address", NULL },
	{ 48, 12, 12, "NMI unblocked by IRET", NULL },
	{ 56, 11, 0, "offset", NULL },
};

static void print_field(const struct field *f, u64 qualification, struct out *out)
{
	u64 value = bits_get(qualification, f->hi, f->lo);

	if (f->values != NULL)
		out_print(out, "; %s: %s", f->name, f->values[value]);
	else if (f->hi != f->lo)
		out_print(out, "; %s: 0x%llx", f->name, (unsigned long long)value);
	else if (value != 0)
		out_print(out, "; %s", f->name);
}

void dump_qualification(u64 reason, u64 qualification, struct out *out)
{
	for (u32 i = 0; i < ARRAY_SIZE(fields); i++)
		if (fields[i].reason == reason)
			print_field(&fields[i], qualification, out);
}
