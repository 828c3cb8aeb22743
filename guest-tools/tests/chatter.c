/* SPDX-License-Identifier: MIT */
/*
 * A guest that talks and listens: `lines=` numbered lines (0, the rule: for ever), `gap=` ticks
 * apart, each at least `width=` characters long. A line that is typed at it comes back at once as
 * `heard "..."`; the line `end` ends it well. When its lines are written, `then=spin` makes it spin
 * with interrupts off and never exit again, `then=halt` halt so, `then=sleep` halt with them on.
 */
#include "guest-tools/lib/args.h"
#include "guest-tools/lib/cpu.h"
#include "guest-tools/lib/guest.h"
#include "guest-tools/lib/print.h"
#include "guest-tools/lib/serial.h"
#include "guest-tools/lib/string.h"

#define UART_DATA   0x3f8
#define UART_STATUS 0x3fd
#define HAS_DATA    0x01u

#define HEARD_MAX 80u

static char heard[HEARD_MAX];
static u32 heard_used;

/* True: the line was `end`. */
static bool listen(void)
{
	while ((inb(UART_STATUS) & HAS_DATA) != 0) {
		char c = (char)inb(UART_DATA);

		if (c != '\r' && c != '\n') {
			if (heard_used + 1 < HEARD_MAX)
				heard[heard_used++] = c;
			continue;
		}
		heard[heard_used] = 0;
		heard_used = 0;
		if (strcmp(heard, "end") == 0)
			return true;
		print("heard \"%s\"\n", heard);
	}
	return false;
}

static NORETURN void spin_deaf(void)
{
	interrupts_off();
	(void)cpuid(0, 0); /* the entry behind this exit is the one with IF = 0 */
	for (;;)
		cpu_relax();
}

static NORETURN void halt_deaf(void)
{
	interrupts_off();
	for (;;)
		halt();
}

int guest_main(void)
{
	u64 lines = args_number("lines", 0);
	u64 gap = args_number("gap", 100000);
	u32 width = (u32)args_number("width", 16);
	const char *then = args_text("then", "end");

	args_finish();
	for (u64 line = 1; lines == 0 || line <= lines; line++) {
		u64 begin = rdtsc();

		print("line %lu", line);
		for (u32 i = 10; i < width; i++)
			print("%c", 'a' + (int)(i % 26));
		print("\n");
		do {
			if (listen())
				return 0;
			cpu_relax();
		} while (rdtsc() - begin < gap);
	}
	serial_drain();
	if (strcmp(then, "spin") == 0)
		spin_deaf();
	if (strcmp(then, "halt") == 0)
		halt_deaf();
	while (strcmp(then, "sleep") == 0)
		interrupts_on_and_halt();
	return 0;
}
