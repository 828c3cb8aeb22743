/* SPDX-License-Identifier: MIT */
/* CPUID words and VMX capability MSRs of processor models; an MSR not listed is not there. */
#ifndef TESTS_UNIT_VMX_MODELS_H
#define TESTS_UNIT_VMX_MODELS_H

#include "hv/base/bits.h"
#include "hv/base/types.h"

struct msr {
	u32 number;
	u64 value;
};

struct model {
	const char *name;
	u32 cpuid_1_ecx, cpuid_7_ebx, cpuid_extended_edx;
	struct msr msr[24];
};

#define LONG_MODE (BIT32(29) | BIT32(20))

static const struct model penryn = {
	"penryn: no EPT, no TRUE controls",
	0x0008e3fd,
	0,
	LONG_MODE,
	{ { 0x3a, 5 },
	  { 0x480, 0x005a08000000000d },
	  { 0x481, 0x0000003f00000016 },
	  { 0x482, 0xf7b9fffe0401e172 },
	  { 0x483, 0x0003ffff00036dff },
	  { 0x484, 0x00003fff000011ff },
	  { 0x485, 0x00000000000403c0 },
	  { 0x486, 0x80000021 },
	  { 0x487, 0xffffffff },
	  { 0x488, 0x2000 },
	  { 0x489, 0x27ff },
	  { 0x48b, 0x0000004100000000 } },
};

static const struct model nehalem = {
	"nehalem: EPT, but no unrestricted guest",
	0x0098e3fd,
	0,
	LONG_MODE,
	{ { 0x3a, 5 },
	  { 0x480, 0x00da04000000000e },
	  { 0x481, 0x0000007f00000016 },
	  { 0x482, 0xfff9fffe0401e172 },
	  { 0x483, 0x007fffff00036dff },
	  { 0x484, 0x0000ffff000011ff },
	  { 0x485, 0x00000000000401c5 },
	  { 0x486, 0x80000021 },
	  { 0x487, 0xffffffff },
	  { 0x488, 0x2000 },
	  { 0x489, 0x27ff },
	  { 0x48b, 0x0000007f00000000 },
	  { 0x48c, 0x00000f0106114141 },
	  { 0x48d, 0x0000007f00000016 },
	  { 0x48e, 0xfff9fffe04006172 },
	  { 0x48f, 0x007fffff00036dfb },
	  { 0x490, 0x0000ffff000011fb } },
};

static const struct model sandy_bridge = {
	"sandy bridge: all that is needed, no APICv, no A/D bits, no 1G pages",
	0x17bae3ff,
	0,
	LONG_MODE,
	{ { 0x3a, 5 },
	  { 0x480, 0x00da040000000010 },
	  { 0x481, 0x0000007f00000016 },
	  { 0x482, 0xfff9fffe0401e172 },
	  { 0x483, 0x007fffff00036dff },
	  { 0x484, 0x0000ffff000011ff },
	  { 0x485, 0x00000000100401e5 },
	  { 0x486, 0x80000021 },
	  { 0x487, 0xffffffff },
	  { 0x488, 0x2000 },
	  { 0x489, 0x627ff },
	  { 0x48b, 0x000004ff00000000 },
	  { 0x48c, 0x00000f0106114141 },
	  { 0x48d, 0x0000007f00000016 },
	  { 0x48e, 0xfff9fffe04006172 },
	  { 0x48f, 0x007fffff00036dfb },
	  { 0x490, 0x0000ffff000011fb } },
};

static const struct model skylake = {
	"skylake-x: everything but IPI virtualisation; unlocked",
	0x77fefbff,
	0xd39ffffb,
	LONG_MODE | BIT32(26),
	{ { 0x3a, 0 },
	  { 0x480, 0x00da040000000004 },
	  { 0x481, 0x000000ff00000016 },
	  { 0x482, 0xfff9fffe0401e172 },
	  { 0x483, 0x01ffffff00036dff },
	  { 0x484, 0x0003ffff000011ff },
	  { 0x485, 0x000000007004c1e7 },
	  { 0x486, 0x80000021 },
	  { 0x487, 0xffffffff },
	  { 0x488, 0x2000 },
	  { 0x489, 0x3767ff },
	  { 0x48b, 0x037fffff00000000 },
	  { 0x48c, 0x00000f0106734141 },
	  { 0x48d, 0x000000ff00000016 },
	  { 0x48e, 0xfff9fffe04006172 },
	  { 0x48f, 0x01ffffff00036dfb },
	  { 0x490, 0x0003ffff000011fb } },
};

static const struct model without_vmx = { "no VT-x", 0x80202001, 0, LONG_MODE, { { 0, 0 } } };

#endif
