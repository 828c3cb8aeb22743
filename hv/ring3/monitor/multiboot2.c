/* SPDX-License-Identifier: MIT */
/* pure: also compiled on the host */
/* Multiboot2 Specification 2.0, section 3.1: the header in the image, and its tags. */
#include "hv/ring3/monitor/elf.h"

#include "hv/base/bits.h"

#define MB2_HEADER_MAGIC 0xe85250d6u
#define MB2_SEARCH       32768u
#define MB2_ALIGN        8u

enum mb2_header_tag {
	MB2_TAG_END,
	MB2_TAG_REQUEST,
	MB2_TAG_ADDRESS,
	MB2_TAG_ENTRY,
	MB2_TAG_CONSOLE,
	MB2_TAG_FRAMEBUFFER,
	MB2_TAG_ALIGN,
	MB2_TAG_EFI_SERVICES,
	MB2_TAG_EFI_ENTRY_32,
	MB2_TAG_EFI_ENTRY_64,
	MB2_TAG_RELOCATABLE,
};

#define MB2_TAG_OPTIONAL BIT32(0)

/*
 * The last type of information that the specification names. As GRUB has it, who requests one that
 * is known but not there (a framebuffer, EFI) looks for it himself and finds none.
 */
#define MB2_INFO_KNOWN 21u

struct mb2_header {
	u32 magic, architecture, length, checksum;
};

struct mb2_tag {
	u16 type, flags;
	u32 size;
};

/* What the tags say. */
struct mb2_wishes {
	bool has_addresses, has_entry;
	struct image_addresses addresses;
	u32 entry;
};

static bool find_header(struct view file, u64 *at, struct mb2_header *header)
{
	for (*at = 0; *at < MB2_SEARCH; *at += MB2_ALIGN) {
		if (!view_read(file, *at, header, sizeof(*header)))
			return false;
		if (header->magic == MB2_HEADER_MAGIC &&
		    header->magic + header->architecture + header->length + header->checksum == 0)
			return true;
	}
	return false;
}

static enum image_error check_requests(struct view body)
{
	u32 type;

	for (u64 at = 0; view_read(body, at, &type, sizeof(type)); at += sizeof(type))
		if (type > MB2_INFO_KNOWN)
			return IMAGE_FEATURE;
	return IMAGE_OK;
}

static enum image_error read_tag(const struct mb2_tag *tag, struct view body, struct mb2_wishes *w)
{
	bool optional = (tag->flags & MB2_TAG_OPTIONAL) != 0;

	switch (tag->type) {
	case MB2_TAG_REQUEST:
		return optional ? IMAGE_OK : check_requests(body);
	case MB2_TAG_ADDRESS:
		w->has_addresses = view_read(body, 0, &w->addresses, sizeof(w->addresses));
		return w->has_addresses ? IMAGE_OK : IMAGE_TRUNCATED;
	case MB2_TAG_ENTRY:
		w->has_entry = view_read(body, 0, &w->entry, sizeof(w->entry));
		return w->has_entry ? IMAGE_OK : IMAGE_TRUNCATED;
	case MB2_TAG_CONSOLE: /* wishes that a serial machine fulfils by having no screen */
	case MB2_TAG_ALIGN:
	case MB2_TAG_EFI_SERVICES:
	case MB2_TAG_EFI_ENTRY_32:
	case MB2_TAG_EFI_ENTRY_64:
	case MB2_TAG_RELOCATABLE: /* the address it was linked for serves */
		return IMAGE_OK;
	default:
		return optional ? IMAGE_OK : IMAGE_FEATURE;
	}
}

static enum image_error read_tags(struct view tags, struct mb2_wishes *w)
{
	struct mb2_tag tag;

	*w = (struct mb2_wishes){ 0 };
	for (u64 at = 0; view_read(tags, at, &tag, sizeof(tag)); at += align_up(tag.size, 8)) {
		struct view body;
		enum image_error error;

		if (tag.type == MB2_TAG_END)
			return IMAGE_OK;
		if (tag.size < sizeof(tag) ||
		    !view_part(tags, at + sizeof(tag), tag.size - sizeof(tag), &body))
			return IMAGE_TRUNCATED;
		error = read_tag(&tag, body, w);
		if (error != IMAGE_OK)
			return error;
	}
	return IMAGE_TRUNCATED;
}

/* Section 3.1.5: a load address of all ones means the start of the file. */
static enum image_error decode_addresses(struct view file, u64 at, struct image_addresses a,
                                         struct image *image)
{
	if (a.load == UINT32_MAX) {
		if (a.header < at)
			return IMAGE_ADDRESS_FIELDS;
		a.load = a.header - (u32)at;
	}
	return image_add_raw(image, file, at, &a);
}

enum image_error multiboot2_decode(struct view file, struct image *image)
{
	struct mb2_header header;
	struct mb2_wishes wishes;
	struct view tags;
	enum image_error error;
	u64 at;

	if (!find_header(file, &at, &header))
		return IMAGE_UNKNOWN;
	if (header.architecture != 0)
		return IMAGE_NOT_X86;
	if (header.length < sizeof(header) ||
	    !view_part(file, at + sizeof(header), header.length - sizeof(header), &tags))
		return IMAGE_TRUNCATED;
	error = read_tags(tags, &wishes);
	if (error != IMAGE_OK)
		return error;
	image->protocol = PROTOCOL_MULTIBOOT2;
	if (wishes.has_addresses) {
		if (!wishes.has_entry)
			return IMAGE_ADDRESS_FIELDS;
		error = decode_addresses(file, at, wishes.addresses, image);
	} else {
		error = elf_image(file, image);
	}
	if (wishes.has_entry)
		image->entry = wishes.entry;
	return error;
}
