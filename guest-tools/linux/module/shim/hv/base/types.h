/* SPDX-License-Identifier: GPL-2.0 */
/* Stands in for the hypervisor's own file of that name, so that hv/abi compiles within Linux. */
#ifndef HV_BASE_TYPES_H
#define HV_BASE_TYPES_H

#include <linux/build_bug.h>
#include <linux/types.h>

#endif
