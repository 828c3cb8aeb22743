/* SPDX-License-Identifier: MIT */
#include "guest-tools/lib/window.h"
#include "guest-tools/lib/boot.h"
#include "guest-tools/lib/cpu.h"
#include "guest-tools/lib/fwcfg.h"
#include "hv/base/bits.h"

#define WINDOW_ADDRESS 0x8000000000ull /* the second entry of the top table */
#define PTE_TABLE      0x7ull
#define PTE_LARGE      0x87ull

extern u64 boot_pml4[512]; /* start.asm */

static u64 window_pdpt[512] ALIGNED(4096);
static u64 window_pd[512] ALIGNED(4096);

void *window_entry(u64 entry)
{
	window_pd[0] = entry;
	window_pdpt[0] = (u64)window_pd | PTE_TABLE;
	boot_pml4[1] = (u64)window_pdpt | PTE_TABLE;
	write_cr3(read_cr3());
	return (void *)WINDOW_ADDRESS;
}

void *window_at(u64 physical)
{
	u64 first = physical & ~(WINDOW_BYTES - 1);
	u8 *start;

	window_pd[1] = (first + WINDOW_BYTES) | PTE_LARGE;
	start = window_entry(first | PTE_LARGE);
	return start + (physical & (WINDOW_BYTES - 1));
}

u64 memory_hole(void)
{
	u64 end = boot_info.memory_top;

	if (fwcfg_present())
		end = fwcfg_read(FWCFG_RAM_SIZE, 8);
	return align_up(MAX(end, 0x400000ull), WINDOW_BYTES);
}
