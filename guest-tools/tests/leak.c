/* SPDX-License-Identifier: MIT */
/*
 * What was left in memory by who had it before: nothing may be. Looks at all memory above the
 * image, then writes to all of it, for who comes next. To be booted twice in turn: `restart=1`.
 */
#include "guest-tools/lib/boot.h"
#include "guest-tools/lib/guest.h"
#include "guest-tools/lib/tap.h"

#define IMAGE_END 0x300000ul /* guest.ld keeps the image below */

static u64 pattern(u64 address)
{
	return 0x5ec7e75ec7e75ec7ull ^ address;
}

/* Words that are not zero. */
static u64 count(u64 begin, u64 end)
{
	u64 found = 0;

	for (u64 at = begin; at < end; at += sizeof(u64))
		found += *(volatile u64 *)at != 0;
	return found;
}

static void fill(u64 begin, u64 end)
{
	for (u64 at = begin; at < end; at += sizeof(u64))
		*(volatile u64 *)at = pattern(at);
}

int guest_main(void)
{
	u64 top = boot_info.memory_top, found;

	tap_ok(top > IMAGE_END, "there is memory above the image: up to %lu", top);
	found = count(IMAGE_END, top);
	tap_ok(found == 0, "memory above the image is zero: %lu words are not", found);
	fill(IMAGE_END, top);
	tap_ok(count(IMAGE_END, top) == (top - IMAGE_END) / sizeof(u64), "and can be written");
	return tap_done();
}
