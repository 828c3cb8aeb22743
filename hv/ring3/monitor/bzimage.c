/* SPDX-License-Identifier: MIT */
/* pure: also compiled on the host */
/*
 * Linux's bzImage, entered in 64-bit mode, or in 32-bit mode if it knows no other: the kernel's
 * Documentation/x86/boot.rst. What lies
 * behind the real-mode part goes where the kernel would like to be, with all the memory it says it
 * needs to unpack itself; the 64-bit entry is 0x200 bytes
 * into it, the 32-bit one at its start.
 */
#include "hv/ring3/monitor/bzimage.h"

#include "hv/ring3/monitor/image.h"

#define BOOT_FLAG         0xaa55u
#define OLDEST            0x020cu /* the first protocol with xloadflags */
#define LOADED_HIGH       0x01u
#define SECTOR            512u
#define SECTORS_IF_ZERO   4u
#define ENTRY_64          0x200u
#define SYSSIZE_PARAGRAPH 16u

enum image_error bzimage_decode(struct view file, struct image *image)
{
	struct bzimage_header h;
	u64 offset, size;

	if (!view_read(file, BZIMAGE_HEADER, &h, sizeof(h)) || h.magic != BZIMAGE_MAGIC)
		return IMAGE_UNKNOWN;
	if (h.boot_flag != BOOT_FLAG || h.version < OLDEST || (h.loadflags & LOADED_HIGH) == 0)
		return IMAGE_BZIMAGE;
	offset = ((h.setup_sects != 0 ? h.setup_sects : SECTORS_IF_ZERO) + 1ull) * SECTOR;
	size = h.syssize * (u64)SYSSIZE_PARAGRAPH;
	if (offset >= file.size)
		return IMAGE_TRUNCATED;
	/* Signatures may stand behind, and the last paragraph need not be whole. */
	size = size < file.size - offset ? size : file.size - offset;
	if (h.init_size < size || h.pref_address > UINT32_MAX)
		return IMAGE_BZIMAGE;
	image->protocol = PROTOCOL_LINUX;
	image->entry = h.pref_address + (bzimage_is_64_bit(&h) ? ENTRY_64 : 0);
	return image_add(image,
	                 &(struct image_segment){ h.pref_address, h.init_size, offset, size });
}
