/* SPDX-License-Identifier: MIT */
/*
 * Memory and string functions: those that the compiler may call on its own accord (memcpy, memset,
 * memmove, memcmp) and the few that ring 0 uses besides. Semantics are those of C.
 */
#ifndef HV_BASE_STRING_H
#define HV_BASE_STRING_H

#include "hv/base/types.h"

void *memcpy(void *dst, const void *src, size_t n);
void *memmove(void *dst, const void *src, size_t n);
void *memset(void *dst, int value, size_t n);
int memcmp(const void *a, const void *b, size_t n);
size_t strlen(const char *s);
int strcmp(const char *a, const char *b);
int strncmp(const char *a, const char *b, size_t n);

#endif
