/* SPDX-License-Identifier: MIT */
/* Ring 0 copies nothing onto itself. */
#include "hv/base/string.h"

USED void *memmove(void *dst, const void *src, size_t n)
{
	u8 *d = dst;
	const u8 *s = src;

	if (d <= s || d >= s + n)
		return memcpy(dst, src, n);
	while (n-- > 0)
		d[n] = s[n];
	return dst;
}
