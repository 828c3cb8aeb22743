/* SPDX-License-Identifier: MIT */
/*
 * The local APIC's registers in both modes, by a table: what may be read, what may be written,
 * which bits stick (SDM 3A tables 10-1 and 10-6). Then ESR, software disable, and accesses that
 * fault.
 */
#include "guest-tools/lib/apic.h"
#include "guest-tools/lib/guest.h"
#include "guest-tools/lib/interrupt.h"
#include "guest-tools/lib/print.h"
#include "guest-tools/lib/tap.h"

#define ANY 0xffffffffu

enum access {
	NONE = 0, /* not there: xAPIC reads 0 and notes an error, x2APIC gives #GP */
	R = 1,
	W = 2,
	RW = 3,
};

struct row {
	const char *name;
	enum apic_register reg;
	enum access xapic, x2apic;
	u32 writable; /* bits that keep what is written, of those tried */
	u32 tried;
};

/* Bits that exist, and bits worth trying: those that arm nothing. */
static const struct row rows[] = {
	{ "ID", APIC_ID, R, R, 0, 0 },
	{ "version", APIC_VERSION, R, R, 0, 0 },
	{ "TPR", APIC_TPR, RW, RW, 0xff, 0xff },
	{ "APR", APIC_APR, R, NONE, 0, 0 },
	{ "PPR", APIC_PPR, R, R, 0, 0 },
	{ "EOI", APIC_EOI, W, W, 0, 0 },
	{ "LDR", APIC_LDR, RW, R, 0xff000000, 0xff000000 },
	{ "DFR", APIC_DFR, RW, NONE, 0xf0000000, 0xf0000000 },
	{ "SVR", APIC_SVR, RW, RW, 0x1ff, 0x1ff },
	{ "ISR 0", APIC_ISR, R, R, 0, 0 },
	{ "ISR 7", APIC_ISR + 0x70, R, R, 0, 0 },
	{ "TMR 0", APIC_TMR, R, R, 0, 0 },
	{ "TMR 7", APIC_TMR + 0x70, R, R, 0, 0 },
	{ "IRR 0", APIC_IRR, R, R, 0, 0 },
	{ "IRR 7", APIC_IRR + 0x70, R, R, 0, 0 },
	{ "LVT timer", APIC_LVT_TIMER, RW, RW, 0x310ff & ~0x1000u, 0x310ff },
	{ "LVT thermal", APIC_LVT_THERMAL, RW, RW, 0x107ff, 0x117ff },
	{ "LVT performance", APIC_LVT_PERF, RW, RW, 0x107ff, 0x117ff },
	{ "LVT LINT0", APIC_LVT_LINT0, RW, RW, 0x1a7ff, 0x1b7ff },
	{ "LVT LINT1", APIC_LVT_LINT1, RW, RW, 0x1a7ff, 0x1b7ff },
	{ "LVT error", APIC_LVT_ERROR, RW, RW, 0x100ff, 0x110ff },
	{ "timer initial", APIC_TIMER_INITIAL, RW, RW, ANY, ANY },
	{ "timer current", APIC_TIMER_CURRENT, R, R, 0, 0 },
	{ "timer divide", APIC_TIMER_DIVIDE, RW, RW, 0xb, 0xb },
};

struct attempt {
	enum apic_register reg;
	u64 value;
};

static void do_read(void *arg)
{
	struct attempt *a = arg;

	a->value = apic_read(a->reg);
}

static void do_write(void *arg)
{
	const struct attempt *a = arg;

	apic_write(a->reg, (u32)a->value);
}

static void do_wrmsr(void *arg)
{
	const struct attempt *a = arg;

	wrmsr(x2apic_msr(a->reg), a->value);
}

static int try_read(enum apic_register reg)
{
	struct attempt a = { .reg = reg };

	return trap_call(do_read, &a);
}

static int try_write(enum apic_register reg, u32 value)
{
	struct attempt a = { reg, value };

	return trap_call(do_write, &a);
}

static int try_wrmsr(enum apic_register reg, u64 value)
{
	struct attempt a = { reg, value };

	return trap_call(do_wrmsr, &a);
}

static enum access access_of(const struct row *row)
{
	return apic == &x2apic_ops ? row->x2apic : row->xapic;
}

/* MMIO never faults; an MSR access that is not allowed gives #GP. */
static int expected_fault(const struct row *row, enum access kind)
{
	return apic == &x2apic_ops && (access_of(row) & kind) == 0 ? (int)VECTOR_GP : -1;
}

/* x2APIC refuses bits that are not there; so only those that are get tried. */
static void test_bits(const struct row *row)
{
	u32 old = apic_read(row->reg);
	u32 tried = apic == &x2apic_ops ? row->writable : row->tried;
	u32 masked = row->tried & LVT_MASKED;
	u32 ones, zeros;

	apic_write(row->reg, tried);
	ones = apic_read(row->reg) & row->tried;
	apic_write(row->reg, masked);
	zeros = apic_read(row->reg) & row->tried;
	apic_write(row->reg, old);
	tap_bare(ones == row->writable && (zeros & row->writable) == (masked & row->writable),
	         "Bochs differs", "%s: %s keeps bits %x", apic->name, row->name, row->writable);
	if (ones != row->writable)
		print("# got %x, with zeros %x\n", ones, zeros);
}

static void test_row(const struct row *row)
{
	tap_bare(try_read(row->reg) == expected_fault(row, R), "Bochs differs", "%s: %s, read",
	         apic->name, row->name);
	if ((access_of(row) & W) == 0)
		tap_bare(try_write(row->reg, 0) == expected_fault(row, W), "Bochs differs",
		         "%s: %s, write", apic->name, row->name);
	if (access_of(row) == RW)
		test_bits(row);
}

static u32 read_esr(void)
{
	apic_write(APIC_ESR, 0);
	return apic_read(APIC_ESR);
}

static void test_esr(void)
{
	read_esr();
	tap_bare(read_esr() == 0, "QEMU differs", "%s: ESR is clear", apic->name);
	apic_send(0, ICR_SELF | 0x05);
	tap_bare((read_esr() & 0x60) != 0, "Bochs differs",
	         "%s: an illegal vector shows in ESR after a write to it", apic->name);
	tap_bare(read_esr() == 0, "QEMU differs", "%s: and is gone after the next", apic->name);
}

static void test_version(void)
{
	u32 version = apic_read(APIC_VERSION);

	tap_ok((version & 0xff) >= 0x10 && (version & 0xff) <= 0x15, "%s: an integrated APIC",
	       apic->name);
	tap_ok((version >> 16 & 0xff) >= 5, "%s: at least 6 LVT entries", apic->name);
}

static void expect_lvt(u32 wanted, const char *what)
{
	tap_bare(apic_read(APIC_LVT_ERROR) == wanted, "QEMU differs", "%s: %s", apic->name, what);
}

/* Software disable masks every LVT entry and keeps the masks set until it is enabled again. */
static void test_disable(void)
{
	apic_write(APIC_LVT_ERROR, 0x55);
	apic_write(APIC_SVR, VECTOR_SPURIOUS);
	expect_lvt(LVT_MASKED | 0x55, "SVR off masks the LVT");
	apic_write(APIC_LVT_ERROR, 0x55);
	expect_lvt(LVT_MASKED | 0x55, "and keeps it masked");
	apic_write(APIC_SVR, SVR_ENABLE | VECTOR_SPURIOUS);
	expect_lvt(LVT_MASKED | 0x55, "SVR on does not unmask");
	apic_write(APIC_LVT_ERROR, 0x55);
	expect_lvt(0x55, "but lets unmask");
	apic_write(APIC_LVT_ERROR, LVT_MASKED);
}

static const struct {
	const char *name;
	enum apic_register reg;
	u64 value;
} refused[] = {
	{ "EOI other than 0", APIC_EOI, 1 },
	{ "ESR other than 0", APIC_ESR, 1 },
	{ "TPR above 0xff", APIC_TPR, 0x100 },
	{ "SVR with reserved bits", APIC_SVR, 0x2000 | SVR_ENABLE | VECTOR_SPURIOUS },
	{ "LVT with reserved bits", APIC_LVT_ERROR, 0x80000 | LVT_MASKED },
	{ "ICR with reserved bits", APIC_ICR, 0x100000000 | ICR_SELF | 1u << 20 },
	{ "self-IPI with reserved bits", APIC_SELF_IPI, 0x100 },
	{ "timer divide with reserved bits", APIC_TIMER_DIVIDE, 0x10 },
	{ "ICR2, which is no register", APIC_ICR2, 0 },
	{ "high half of TPR", APIC_TPR, 1ull << 32 },
	{ "high half of SVR", APIC_SVR, 1ull << 32 | SVR_ENABLE | VECTOR_SPURIOUS },
};

static void test_refused(void)
{
	for (u32 i = 0; i < ARRAY_SIZE(refused); i++)
		tap_bare(try_wrmsr(refused[i].reg, refused[i].value) == (int)VECTOR_GP,
		         "Bochs differs", "x2apic: write of %s gives #GP", refused[i].name);
	tap_bare(try_read(APIC_SELF_IPI) == (int)VECTOR_GP, "Bochs differs",
	         "x2apic: self-IPI is write-only");
	tap_bare(try_read((enum apic_register)0x010) == (int)VECTOR_GP, "Bochs differs",
	         "x2apic: 0x801 is no register");
	apic_write(APIC_SVR, SVR_ENABLE | VECTOR_SPURIOUS);
}

/* Offsets between the registers, and those of x2APIC alone. */
static void test_holes(void)
{
	static const u32 holes[] = { 0x000, 0x010, 0x040, 0x070, 0x290, 0x3a0, 0x3f0 };

	for (u32 i = 0; i < ARRAY_SIZE(holes); i++)
		tap_is(xapic_read((enum apic_register)holes[i]), 0, "xapic: offset %x reads 0",
		       holes[i]);
	tap_is(xapic_read(APIC_ICR) & ICR_PENDING, 0, "xapic: ICR is idle");
	xapic_write(APIC_ICR2, 0x12345678);
	tap_bare(xapic_read(APIC_ICR2) == 0x12000000, "QEMU differs",
	         "xapic: ICR2 keeps the destination alone");
	read_esr();
}

static void test_mode(void)
{
	test_version();
	for (const struct row *row = rows; row < rows + ARRAY_SIZE(rows); row++)
		test_row(row);
	if (apic == &xapic_ops)
		test_holes();
	else
		test_refused();
	test_disable();
	test_esr();
}

int guest_main(void)
{
	apic_write(APIC_LVT_TIMER, LVT_MASKED);
	test_mode();
	if (apic == &xapic_ops && apic_use(&x2apic_ops))
		test_mode();
	else
		tap_skip("second mode", "the machine has or starts in one only");
	return tap_done();
}
