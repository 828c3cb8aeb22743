/* SPDX-License-Identifier: MIT */
/*
 * The IOAPIC, with COM1's "transmitter empty" interrupt on pin 4 as its source: registers, mask,
 * edge and level, remote IRR and EOI, physical and logical destinations. 82093AA; the UART keeps
 * its line up from the moment the interrupt is enabled until its cause is read.
 */
#include "guest-tools/lib/apic.h"
#include "guest-tools/lib/count.h"
#include "guest-tools/lib/guest.h"
#include "guest-tools/lib/hypercall.h"
#include "guest-tools/lib/interrupt.h"
#include "guest-tools/lib/print.h"
#include "guest-tools/lib/serial.h"
#include "guest-tools/lib/tap.h"

#define IOAPIC      0xfec00000ul
#define REG_ID      0x00u
#define REG_VERSION 0x01u
#define REG_PIN(n)  (0x10u + 2 * (n))

#define PIN_LOGICAL    0x00800u
#define PIN_REMOTE_IRR 0x04000u
#define PIN_LEVEL      0x08000u
#define PIN_MASKED     0x10000u

/* How long the line is held for interrupts that may not come. */
#define RAISE_TICKS 5000000ull

/* More of one level than an IOAPIC sends without a pause, where it does that. */
#define STORM 1100u

#define PIN         4u
#define VECTOR_TEST 0x51u

#define UART_ENABLE  0x3f9
#define UART_CAUSE   0x3fa
#define UART_MODEM   0x3fc
#define ENABLE_EMPTY 0x02u
#define MODEM_OUT2   0x0bu /* DTR, RTS, and the gate of the interrupt line */

static u32 came, came_on, remote_irr_seen, repeats;

static void ioapic_write(u32 reg, u32 value)
{
	*(volatile u32 *)IOAPIC = reg;
	*(volatile u32 *)(IOAPIC + 0x10) = value;
}

static u32 ioapic_read(u32 reg)
{
	*(volatile u32 *)IOAPIC = reg;
	return *(volatile u32 *)(IOAPIC + 0x10);
}

static void set_pin(u32 destination, u32 low)
{
	ioapic_write(REG_PIN(PIN), PIN_MASKED);
	ioapic_write(REG_PIN(PIN) + 1, destination << 24);
	ioapic_write(REG_PIN(PIN), low);
}

/* Takes the cause away the repeats-th time it comes. */
static void on_line(struct interrupt_frame *frame)
{
	(void)frame;
	came_on = this_cpu()->index;
	remote_irr_seen += (ioapic_read(REG_PIN(PIN)) & PIN_REMOTE_IRR) != 0;
	if (came + 1 >= repeats) {
		inb(UART_CAUSE);
		outb(UART_ENABLE, 0);
	}
	apic_eoi();
	atomic_store(&came, came + 1);
}

/* Raises the line; it falls when the handler has come n times, or here. Returns how often it came.
 */
static u32 raise_line(u32 n)
{
	u64 most = n == STORM && hypervisor.present ? COUNT_LATE_TICKS : RAISE_TICKS;
	u64 start;

	serial_drain();
	came = remote_irr_seen = 0;
	repeats = n;
	outb(UART_ENABLE, ENABLE_EMPTY);
	for (start = rdtsc(); atomic_load(&came) < n && rdtsc() - start < most;)
		cpu_relax();
	delay_ticks(COUNT_QUIET_TICKS);
	outb(UART_ENABLE, 0);
	inb(UART_CAUSE);
	return atomic_load(&came);
}

static void test_registers(void)
{
	u32 version = ioapic_read(REG_VERSION);

	tap_ok((version >> 16 & 0xff) >= 23, "at least 24 pins");
	tap_ok((version & 0xff) >= 0x11, "version 1.1 or later");
	for (u32 pin = 0; pin <= (version >> 16 & 0xff); pin++)
		ioapic_write(REG_PIN(pin), PIN_MASKED);
	set_pin(0x5a, PIN_MASKED | PIN_LEVEL | PIN_LOGICAL | VECTOR_TEST);
	tap_is(ioapic_read(REG_PIN(PIN)), PIN_MASKED | PIN_LEVEL | PIN_LOGICAL | VECTOR_TEST,
	       "a pin's low word keeps what is written");
	tap_is(ioapic_read(REG_PIN(PIN) + 1) >> 24, 0x5a, "and so does its destination");
}

static void test_edge(void)
{
	set_pin(cpu_ids[0], PIN_MASKED | VECTOR_TEST);
	tap_is(raise_line(1), 0, "a masked pin is quiet");
	set_pin(cpu_ids[0], VECTOR_TEST);
	tap_is(raise_line(1), 1, "an edge is one interrupt");
	tap_is(remote_irr_seen, 0, "without remote IRR");
	tap_is(raise_line(3), 1, "a line that stays up is no second edge");
	tap_is(raise_line(1), 1, "the next edge is");
}

static void test_level(void)
{
	set_pin(cpu_ids[0], PIN_LEVEL | VECTOR_TEST);
	tap_is(raise_line(1), 1, "a level that falls in the handler is one interrupt");
	tap_bare(remote_irr_seen == 1, "Bochs has no remote IRR",
	         "remote IRR is set while it is handled");
	tap_is(ioapic_read(REG_PIN(PIN)) & PIN_REMOTE_IRR, 0, "and EOI clears it");
	tap_bare(raise_line(3) == 3, "Bochs has no remote IRR",
	         "a level that stays up comes again after EOI");
}

/* It is not an edge: it must come as soon as somebody takes it. */
static void test_nobody_accepts(void)
{
	u32 svr = apic_read(APIC_SVR);
	u64 start;

	set_pin(cpu_ids[0], PIN_LEVEL | VECTOR_TEST);
	serial_drain();
	came = 0;
	repeats = 1;
	apic_write(APIC_SVR, svr & ~SVR_ENABLE);
	outb(UART_ENABLE, ENABLE_EMPTY);
	delay_ticks(COUNT_QUIET_TICKS);
	tap_bare(atomic_load(&came) == 0,
	         "Bochs' APICs take fixed interrupts while disabled by SVR",
	         "a level for an APIC that is disabled by SVR waits");
	apic_write(APIC_SVR, svr);
	for (start = rdtsc(); atomic_load(&came) == 0 && rdtsc() - start < RAISE_TICKS;)
		cpu_relax();
	delay_ticks(COUNT_QUIET_TICKS);
	tap_is(atomic_load(&came), 1, "and comes when that is enabled");
	outb(UART_ENABLE, 0);
	inb(UART_CAUSE);
}

static void test_destinations(void)
{
	u32 last = cpu_ids_count - 1;

	set_pin(cpu_ids[last], VECTOR_TEST);
	tap_is(raise_line(1), 1, "physical destination: one interrupt");
	tap_is(came_on, last, "on the last CPU");
	if (apic == &xapic_ops && last < 8) {
		set_pin(1u << last, PIN_LOGICAL | VECTOR_TEST);
		tap_ok(raise_line(1) == 1 && came_on == last, "logical destination: the last CPU");
	}
	set_pin(cpu_ids[last], PIN_LEVEL | VECTOR_TEST);
	tap_bare(raise_line(STORM) == STORM, "Bochs has no remote IRR",
	         "a level that stays up for long comes again and again on the last CPU");
	set_pin(cpu_ids[0], PIN_MASKED);
}

int guest_main(void)
{
	smp_start_all();
	interrupt_handle(VECTOR_TEST, on_line);
	if ((ioapic_read(REG_VERSION) & 0xff) == 0xff) {
		tap_skip("IOAPIC", "there is none");
		return tap_done();
	}
	outb(UART_MODEM, MODEM_OUT2);
	test_registers();
	interrupts_on();
	test_edge();
	test_level();
	test_nobody_accepts();
	test_destinations();
	interrupts_off();
	return tap_done();
}
