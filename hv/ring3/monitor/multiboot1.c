/* SPDX-License-Identifier: MIT */
/* pure: also compiled on the host */
/* Multiboot Specification 0.6.96, section 3.1: the header in the image. */
#include "hv/ring3/monitor/elf.h"

#include "hv/base/bits.h"

#define MB1_HEADER_MAGIC  0x1badb002u
#define MB1_SEARCH        8192u
#define MB1_REQUIRED      BITS(15, 0) /* a loader that does not know one of these must refuse */
#define MB1_KNOWN         BITS(2, 0)  /* align modules, memory map, video mode (none is offered) */
#define MB1_ADDRESS_VALID BIT32(16)

struct mb1_header {
	u32 magic, flags, checksum;
};

struct mb1_addresses {
	struct image_addresses where;
	u32 entry;
};

static bool find_header(struct view file, u64 *at, struct mb1_header *header)
{
	for (*at = 0; *at < MB1_SEARCH; *at += 4) {
		if (!view_read(file, *at, header, sizeof(*header)))
			return false;
		if (header->magic == MB1_HEADER_MAGIC &&
		    header->magic + header->flags + header->checksum == 0)
			return true;
	}
	return false;
}

/* Section 3.1.3. */
static enum image_error decode_addresses(struct view file, u64 at, struct image *image)
{
	struct mb1_addresses a;

	if (!view_read(file, at + sizeof(struct mb1_header), &a, sizeof(a)))
		return IMAGE_TRUNCATED;
	image->entry = a.entry;
	return image_add_raw(image, file, at, &a.where);
}

enum image_error multiboot1_decode(struct view file, struct image *image)
{
	struct mb1_header header;
	u64 at;

	if (!find_header(file, &at, &header))
		return IMAGE_UNKNOWN;
	if ((header.flags & MB1_REQUIRED & ~MB1_KNOWN) != 0)
		return IMAGE_FEATURE;
	image->protocol = PROTOCOL_MULTIBOOT1;
	if ((header.flags & MB1_ADDRESS_VALID) != 0)
		return decode_addresses(file, at, image);
	return elf_image(file, image);
}
