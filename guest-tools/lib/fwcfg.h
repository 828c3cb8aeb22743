/* SPDX-License-Identifier: MIT */
/* QEMU's firmware configuration device, the part with machine sizes. CPU 0 only. */
#ifndef GUEST_FWCFG_H
#define GUEST_FWCFG_H

#include "hv/base/types.h"

#define FWCFG_RAM_SIZE 0x03u /* u64 bytes */
#define FWCFG_NB_CPUS  0x05u /* u16 */

bool fwcfg_present(void);

/* A little-endian item of that many bytes, at most 8. */
u64 fwcfg_read(u16 item, u32 bytes);

#endif
