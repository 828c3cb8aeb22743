/* SPDX-License-Identifier: MIT */
/* pure: also compiled on the host */
#include "hv/monitor/image.h"

#include "hv/base/bits.h"

/* In this order, as `qemu -kernel` and GRUB would decide for a file that offers several. */
static enum image_error (*const formats[])(struct view, struct image *) = {
	multiboot1_decode,
	multiboot2_decode,
	pvh_decode,
	bzimage_decode,
};

enum image_error image_add(struct image *image, const struct image_segment *segment)
{
	if (segment->memory_size == 0)
		return IMAGE_OK;
	if (image->segments == IMAGE_SEGMENTS)
		return IMAGE_SEGMENTS_BAD;
	image->segment[image->segments++] = *segment;
	return IMAGE_OK;
}

enum image_error image_add_raw(struct image *image, struct view file, u64 at,
                               const struct image_addresses *a)
{
	u64 offset, end;

	if (a->header < a->load || a->header - a->load > at)
		return IMAGE_ADDRESS_FIELDS;
	offset = at - (a->header - a->load);
	end = a->load_end != 0 ? a->load_end : a->load + (file.size - offset);
	if (end < a->load || (a->bss_end != 0 && a->bss_end < end))
		return IMAGE_ADDRESS_FIELDS;
	return image_add(image, &(struct image_segment){ a->load, MAX(a->bss_end, end) - a->load,
	                                                 offset, end - a->load });
}

static bool touches(const struct image_segment *s, u64 gpa, u64 length)
{
	return gpa < s->gpa + s->memory_size && s->gpa < gpa + length;
}

bool image_covers(const struct image *image, u64 gpa, u64 length)
{
	for (u32 i = 0; i < image->segments; i++)
		if (touches(&image->segment[i], gpa, length))
			return true;
	return false;
}

u64 image_end(const struct image *image)
{
	u64 end = 0;

	for (u32 i = 0; i < image->segments; i++)
		end = MAX(end, image->segment[i].gpa + image->segment[i].memory_size);
	return end;
}

static enum image_error check(const struct image *image, u64 file_size, u64 memory_size)
{
	const struct view file = { NULL, file_size };
	const struct guest_memory memory = { NULL, memory_size };

	if (image->segments == 0)
		return IMAGE_SEGMENTS_BAD;
	for (u32 i = 0; i < image->segments; i++) {
		const struct image_segment *s = &image->segment[i];

		if (!view_has(file, s->offset, s->file_size))
			return IMAGE_TRUNCATED;
		if (s->file_size > s->memory_size)
			return IMAGE_ELF;
		if (!guest_has(&memory, s->gpa, s->memory_size))
			return IMAGE_OUTSIDE_MEMORY;
	}
	if (image->entry > UINT32_MAX || !image_covers(image, image->entry, 1))
		return IMAGE_ENTRY;
	return IMAGE_OK;
}

enum image_error image_decode(struct view file, u64 memory_size, struct image *image)
{
	enum image_error error = IMAGE_UNKNOWN;

	for (u32 i = 0; error == IMAGE_UNKNOWN && i < ARRAY_SIZE(formats); i++) {
		*image = (struct image){ 0 };
		error = formats[i](file, image);
	}
	return error == IMAGE_OK ? check(image, file.size, memory_size) : error;
}

void image_commit(const struct image *image, struct view file, const struct guest_memory *memory)
{
	for (u32 i = 0; i < image->segments; i++) {
		const struct image_segment *s = &image->segment[i];
		u8 *to = memory->base + s->gpa;

		memcpy(to, file.data + s->offset, s->file_size);
		memset(to + s->file_size, 0, s->memory_size - s->file_size);
	}
}
