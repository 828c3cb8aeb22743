/* SPDX-License-Identifier: MIT */
/* pure: also compiled on the host */
#include "hv/ring3/root/dump.h"

#include "hv/abi/hypercall.h"
#include "hv/abi/image_error.h"
#include "hv/abi/names.h"
#include "hv/abi/process.h"
#include "hv/base/bits.h"
#include "hv/ring3/root/refused_names.h"

/* Bits that have names, in the order in which they are printed. */
struct bit_name {
	u32 bit;
	const char *name;
};

static const struct bit_name cr0_bits[] = {
	{ 0, "PE" },  { 1, "MP" },  { 2, "EM" },  { 3, "TS" },  { 5, "NE" }, { 16, "WP" },
	{ 18, "AM" }, { 29, "NW" }, { 30, "CD" }, { 31, "PG" }, { 0, NULL },
};

static const struct bit_name cr4_bits[] = {
	{ 0, "VME" },   { 2, "TSD" },   { 3, "DE" },        { 4, "PSE" },    { 5, "PAE" },
	{ 6, "MCE" },   { 7, "PGE" },   { 8, "PCE" },       { 9, "OSFXSR" }, { 11, "UMIP" },
	{ 12, "LA57" }, { 13, "VMXE" }, { 16, "FSGSBASE" }, { 17, "PCIDE" }, { 18, "OSXSAVE" },
	{ 20, "SMEP" }, { 21, "SMAP" }, { 0, NULL },
};

static const struct bit_name efer_bits[] = {
	{ 0, "SCE" }, { 8, "LME" }, { 10, "LMA" }, { 11, "NXE" }, { 0, NULL },
};

static const struct bit_name rflags_bits[] = {
	{ 0, "CF" }, { 2, "PF" },  { 4, "AF" },  { 6, "ZF" },  { 7, "SF" },  { 8, "TF" },
	{ 9, "IF" }, { 10, "DF" }, { 11, "OF" }, { 16, "RF" }, { 17, "VM" }, { 0, NULL },
};

static unsigned long long ull(u64 v)
{
	return v;
}

static void print_bits(const char *name, u64 value, const struct bit_name *bits, struct out *out)
{
	out_print(out, "  %-6s %016llx", name, ull(value));
	for (; bits->name != NULL; bits++)
		if ((value & BIT(bits->bit)) != 0)
			out_print(out, " %s", bits->name);
	out_text(out, "\n");
}

static void print_general(const struct vcpu_dump *d, struct out *out)
{
	static const char *const names[16] = { "rax", "rcx", "rdx", "rbx", "rsp", "rbp",
		                               "rsi", "rdi", "r8",  "r9",  "r10", "r11",
		                               "r12", "r13", "r14", "r15" };

	for (u32 i = 0; i < ARRAY_SIZE(names); i++)
		out_print(out, "  %-6s %016llx%s", names[i], ull(d->gpr[i]),
		          i % 3 == 2 || i == 15 ? "\n" : "");
	out_print(out, "  rip    %016llx  code", ull(d->rip));
	for (u32 i = 0; i < sizeof(d->code); i++)
		out_print(out, " %02x", d->code[i]);
	out_text(out, "\n");
}

static void print_system(const struct vcpu_dump *d, struct out *out)
{
	static const char *const names[6] = { "es", "cs", "ss", "ds", "fs", "gs" };

	print_bits("rflags", d->rflags, rflags_bits, out);
	print_bits("cr0", d->cr0, cr0_bits, out);
	out_print(out, "  cr2    %016llx  cr3    %016llx\n", ull(d->cr2), ull(d->cr3));
	print_bits("cr4", d->cr4, cr4_bits, out);
	print_bits("efer", d->efer, efer_bits, out);
	for (u32 i = 0; i < ARRAY_SIZE(names); i++)
		out_print(out, "  %-6s %04llx base %016llx limit %08llx rights %05llx\n", names[i],
		          ull(d->segment[i][0]), ull(d->segment[i][1]), ull(d->segment[i][2]),
		          ull(d->segment[i][3]));
	out_print(out, "  gdt    base %016llx limit %04llx  idt base %016llx limit %04llx\n",
	          ull(d->gdt_base), ull(d->gdt_limit), ull(d->idt_base), ull(d->idt_limit));
}

#define ENTRY_FAILURE BIT(31) /* of the exit reason: SDM volume 3, section 25.9.1 */
#define EVENT_VALID   BIT(31) /* of vectoring and entry information */

/* Basic exit reasons that come with a guest-physical address. Of others the VMCS has what an
 * earlier exit has left (SDM 28.2.1). */
#define EPT_VIOLATION        48
#define EPT_MISCONFIGURATION 49

static void print_event(const char *name, u64 info, struct out *out)
{
	if ((info & EVENT_VALID) != 0)
		out_print(out, "  %s: vector %llu (%s), type %llu\n", name,
		          ull(bits_get(info, 7, 0)), exception_name(bits_get(info, 7, 0)),
		          ull(bits_get(info, 10, 8)));
}

static void print_exit(const struct vcpu_dump *d, struct out *out)
{
	u64 reason = bits_get(d->exit_reason, 15, 0);

	out_print(out, "  exit   %llu %s%s  qualification %llx", ull(reason),
	          exit_reason_name(reason),
	          (d->exit_reason & ENTRY_FAILURE) != 0 ? ", entry failed" : "",
	          ull(d->qualification));
	dump_qualification(reason, d->qualification, out);
	if (reason == EPT_VIOLATION || reason == EPT_MISCONFIGURATION)
		out_print(out, "\n  gpa    %016llx  linear %016llx", ull(d->gpa), ull(d->gla));
	out_print(out, "\n  length %llu\n", ull(d->instruction_length));
	out_print(out, "  interruptibility %llx  activity %llu", ull(d->interruptibility),
	          ull(d->activity));
	if (d->instruction_error != 0)
		out_print(out, "  VM-instruction error %llu", ull(d->instruction_error));
	out_text(out, "\n");
	print_event("while delivering", d->idt_vectoring, out);
	print_event("while injecting", d->entry_info, out);
}

/* How each kind of end is explained. */
static const struct {
	bool dump, monitor;
} kinds[VM_ENDS] = {
	[END_TRIPLE_FAULT] = { true, false },   [END_UNKNOWN_EXIT] = { true, false },
	[END_ENTRY_FAILED] = { true, false },   [END_UNREACHABLE] = { true, false },
	[END_INSTRUCTION] = { true, false },    [END_MONITOR_FAULT] = { true, true },
	[END_MONITOR_TIMEOUT] = { true, true }, [END_MONITOR_PROTOCOL] = { true, true },
};

bool dump_is_due(u32 end)
{
	return end < VM_ENDS && kinds[end].dump;
}

/* Where a VM can have something that is no RAM. Elsewhere is nothing. */
static bool may_be_device(u64 gpa)
{
	u64 page = gpa & ~(PAGE_SIZE - 1);

	return page == 0xfec00000 || page == 0xfee00000 || /* IOAPIC, local APIC */
	       gpa - COUNTERS_GPA < VM_COUNTERS_STRIDE;
}

/* With the name of the device that guests expect there. */
static void print_address(u64 address, struct out *out)
{
	const char *name = refused_name(COUNT_MEMORY_REFUSED, address);

	out_print(out, ": on %llx", ull(address));
	if (name[0] != 0)
		out_print(out, " (%s)", name);
	out_text(out, may_be_device(address) ? ", which is no RAM" : ", where nothing is");
}

void dump_value(u32 end, u64 value, struct out *out)
{
	switch (end) {
	case END_DEBUG_EXIT:
		out_print(out, " with %llu", ull(value));
		break;
	case END_UNREACHABLE:
	case END_INSTRUCTION:
		print_address(value, out);
		break;
	case END_IMAGE:
		out_print(out, ": %s", image_error_text(value));
		break;
	case END_UNKNOWN_EXIT:
		out_print(out, ": %llu %s", ull(value), exit_reason_name(value));
		break;
	case END_ENTRY_FAILED:
		out_print(out, ": %llu %s", ull(value), entry_error_name(value));
		break;
	case END_MONITOR_PROTOCOL:
		out_print(out, ": %llu", ull(value));
		break;
	case END_MONITOR_FAULT:
		out_print(out, ": %s", exception_name(value));
		break;
	default:
		break;
	}
}

static const char *mode_name(const struct vcpu_dump *d)
{
	u64 rights = d->segment[1][3];

	if ((d->cr0 & BIT(0)) == 0)
		return "real mode";
	if ((d->rflags & BIT(17)) != 0)
		return "virtual-8086 mode";
	if ((d->efer & BIT(10)) != 0 && (rights & BIT(13)) != 0)
		return "64-bit mode";
	return (rights & BIT(14)) != 0 ? "32-bit mode" : "16-bit mode";
}

static void print_doing(const struct vcpu_dump *d, struct out *out)
{
	static const char *const names[DOING_KINDS] = {
		[DOING_GUEST] = "executes",
		[DOING_HALT] = "halted, waits for an interrupt",
		[DOING_HALT_DEAF] = "halted with interrupts off, waits for an NMI",
		[DOING_SIPI] = "waits for its start-up interrupt",
		[DOING_MESSAGE] = "waits for its monitor",
	};
	static const char *const messages[] = {
		[MSG_NONE] = "",
		[MSG_START] = ": loading the image",
		[MSG_IO] = ": a port",
		[MSG_INSTRUCTION] = ": an instruction on memory or a string of ports",
		[MSG_MSR] = ": an MSR",
		[MSG_EOI] = ": an EOI",
		[MSG_SIGNAL] = ": an alarm",
	};

	out_text(out, d->doing < DOING_KINDS ? names[d->doing] : "unknown");
	if (d->doing == DOING_MESSAGE && d->message < ARRAY_SIZE(messages))
		out_text(out, messages[d->message]);
	if (d->timer == UINT64_MAX)
		out_text(out, "; its timer is not set\n");
	else
		out_print(out, "; its timer is due in %llu\n", ull(d->timer));
}

void dump_glance(const struct vcpu_dump *d, struct out *out)
{
	u64 reason = bits_get(d->exit_reason, 15, 0);

	print_doing(d, out);
	if (d->doing == DOING_SIPI)
		return;
	out_print(out, "  %s, paging %s, interrupts %s, cr3 %llx, rsp %016llx\n", mode_name(d),
	          (d->cr0 & BIT(31)) != 0 ? "on" : "off", (d->rflags & BIT(9)) != 0 ? "on" : "off",
	          ull(d->cr3), ull(d->gpr[4]));
	out_print(out, "  last exit %llu %s; code at %llx:", ull(reason), exit_reason_name(reason),
	          ull(d->rip));
	for (u32 i = 0; i < sizeof(d->code); i++)
		out_print(out, " %02x", d->code[i]);
	out_text(out, "\n");
}

void dump_print(const struct root_event *event, struct out *out)
{
	const struct vcpu_dump *d = &event->dump;

	out_print(out, "  vCPU %u\n", event->vcpu);
	if (kinds[event->stop].monitor)
		out_print(out, "  monitor: rip %016llx rsp %016llx cr2 %016llx\n", ull(d->user_rip),
		          ull(d->user_rsp), ull(d->user_cr2));
	print_exit(d, out);
	print_general(d, out);
	print_system(d, out);
}
