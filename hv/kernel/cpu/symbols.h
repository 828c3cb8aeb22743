/* SPDX-License-Identifier: MIT */
/*
 * Names for addresses of the kernel, out of its own ELF symbol table, which the boot loader left in
 * memory. For the crash report: trusts nothing, takes no lock.
 */
#ifndef HV_CPU_SYMBOLS_H
#define HV_CPU_SYMBOLS_H

#include "hv/base/types.h"

/* Writes "name+0x12", or "?" when address is not in the kernel's text or has no symbol. */
void symbol_describe(u64 address, char *out, size_t size);

/* Whether address is in the kernel's text, just behind a CALL. */
MUST_USE bool symbol_is_return(u64 address);

#endif
