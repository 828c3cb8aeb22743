/* SPDX-License-Identifier: MIT */
/* Why a monitor could not load its guest's image: the value that goes with END_IMAGE. */
#ifndef HV_ABI_IMAGE_ERROR_H
#define HV_ABI_IMAGE_ERROR_H

#include "hv/base/types.h"

enum image_error {
	IMAGE_OK,
	IMAGE_UNKNOWN,
	IMAGE_TRUNCATED,
	IMAGE_ELF,
	IMAGE_NOT_X86,
	IMAGE_SEGMENTS_BAD,
	IMAGE_OUTSIDE_MEMORY,
	IMAGE_ENTRY,
	IMAGE_ADDRESS_FIELDS,
	IMAGE_FEATURE,
	IMAGE_NO_ROOM,
	IMAGE_INITRD,
	IMAGE_BZIMAGE,
	IMAGE_OVERLAP,
	IMAGE_TOO_HIGH,
	IMAGE_MODULES,
	IMAGE_ERRORS
};

static inline const char *image_error_text(u64 error)
{
	static const char *const texts[IMAGE_ERRORS] = {
		[IMAGE_OK] = "no error",
		[IMAGE_UNKNOWN] =
			"the image has no Multiboot header, and is no ELF with a PVH note and no bzImage",
		[IMAGE_TRUNCATED] = "a header points behind the end of the image",
		[IMAGE_ELF] = "the ELF header is malformed, or not that of an executable",
		[IMAGE_NOT_X86] = "the ELF is for another processor",
		[IMAGE_SEGMENTS_BAD] = "the ELF has no segment to load, or too many",
		[IMAGE_OUTSIDE_MEMORY] = "a segment does not fit into the VM's memory: raise mem=",
		[IMAGE_ENTRY] = "the entry point lies outside of what was loaded, or above 4 GiB",
		[IMAGE_ADDRESS_FIELDS] = "the Multiboot address fields contradict each other",
		[IMAGE_FEATURE] = "the Multiboot header requires something that is not offered",
		[IMAGE_NO_ROOM] = "the image covers the places where boot information goes",
		[IMAGE_INITRD] =
			"the initrd or a module does not fit into the VM's memory: raise mem=",
		[IMAGE_BZIMAGE] =
			"the bzImage's header is malformed, or older than boot protocol 2.12",
		[IMAGE_OVERLAP] = "two segments lie in the same place",
		[IMAGE_TOO_HIGH] = "a segment ends above 3 GiB, more than any mem= can give",
		[IMAGE_MODULES] = "a bzImage takes an initrd alone, no module",
	};
	return error < IMAGE_ERRORS ? texts[error] : "unknown";
}

#endif
