/* SPDX-License-Identifier: MIT */
/* The C library's names, with its meaning; memcpy and memset are also what the compiler calls. */
#ifndef GUEST_STRING_H
#define GUEST_STRING_H

#include "hv/base/types.h"

void *memcpy(void *to, const void *from, size_t n);
void *memset(void *to, int value, size_t n);
int memcmp(const void *a, const void *b, size_t n);
size_t strlen(const char *s);
int strcmp(const char *a, const char *b);
int strncmp(const char *a, const char *b, size_t n);

/* Copies at most size - 1 characters and always ends the copy. */
void string_copy(char *to, const char *from, size_t size);

/* Decimal, 0x hexadecimal; suffixes k, m, g (1024). True and *value, or false for anything else. */
MUST_USE bool string_number(const char *s, u64 *value);

#endif
