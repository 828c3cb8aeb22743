/* SPDX-License-Identifier: MIT */
/* What guests look for in vain, by name: ports, MSRs, addresses, hypercalls. Pure. */
#ifndef HV_ROOT_REFUSED_NAMES_H
#define HV_ROOT_REFUSED_NAMES_H

#include "hv/base/types.h"

/* "port read", "msr" ... by enum vcpu_count. */
const char *refused_kind(u32 event);

/* Its name; "" when it has none here. */
const char *refused_name(u32 event, u64 what);

#endif
