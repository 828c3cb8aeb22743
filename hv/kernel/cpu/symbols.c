/* SPDX-License-Identifier: MIT */
#include "hv/kernel/cpu/symbols.h"

#include "hv/base/bits.h"
#include "hv/base/format.h"
#include "hv/base/image.h"
#include "hv/base/memory.h"
#include "hv/kernel/boot/boot_info.h"
#include "hv/kernel/cpu/crash.h"

#define STT_NOTYPE 0u /* labels of assembly files */
#define STT_FUNC   2u

struct elf64_symbol {
	u32 name;
	u8 info; /* bits 3..0: type */
	u8 other;
	u16 section;
	u64 value;
	u64 size;
};

static const struct elf64_symbol *symbols;
static u64 symbol_count;
static const char *names;
static u64 names_size;

void crash_set_symbols(const struct boot_info *info)
{
	if (info->symtab.raw == 0)
		return;
	symbols = hpa_to_ptr(info->symtab);
	symbol_count = info->symtab_size / sizeof(*symbols);
	names = hpa_to_ptr(info->strtab);
	names_size = info->strtab_size;
}

static bool in_text(u64 address)
{
	return address >= (u64)(uintptr_t)kernel_text && address < (u64)(uintptr_t)kernel_text_end;
}

static bool is_candidate(const struct elf64_symbol *symbol, u64 address)
{
	u32 type = symbol->info & 15u;

	return (type == STT_FUNC || type == STT_NOTYPE) && symbol->value <= address &&
	       in_text(symbol->value) && symbol->name < names_size;
}

void symbol_describe(u64 address, char *out, size_t size)
{
	const struct elf64_symbol *best = NULL;

	format(out, size, "?");
	if (!in_text(address))
		return;
	for (u64 i = 0; i < symbol_count; i++) {
		if (is_candidate(&symbols[i], address) &&
		    (best == NULL || symbols[i].value > best->value))
			best = &symbols[i];
	}
	if (best != NULL)
		format(out, size, "%.*s+0x%lx", (int)MIN(names_size - best->name, 60),
		       names + best->name, address - best->value);
}

/* CALL rel32 is E8 and 4 bytes; CALL r/m64 is FF /2 with 2 to 7 bytes in all (SDM 2A). */
bool symbol_is_return(u64 address)
{
	const u8 *code = (const u8 *)(uintptr_t)address;

	if (!in_text(address) || !in_text(address - 8))
		return false;
	if (code[-5] == 0xe8)
		return true;
	for (int len = 2; len <= 7; len++) {
		if (code[-len] == 0xff && (code[1 - len] >> 3 & 7) == 2)
			return true;
	}
	return false;
}
