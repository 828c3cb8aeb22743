/* SPDX-License-Identifier: MIT */
/* pure: also compiled on the host */
#include "hv/ring3/monitor/image.h"

#include "hv/abi/limits.h"
#include "hv/base/bits.h"
#include "hv/base/format.h"

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
	u64 offset = (u32)at - (a->header - a->load), end;

	if (offset > file.size)
		return IMAGE_ADDRESS_FIELDS;
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

static enum image_error check_segment(const struct image_segment *s, u64 file_size, u64 memory_size)
{
	const struct view file = { NULL, file_size };
	const struct guest_memory memory = { NULL, memory_size }, largest = { NULL, VM_MEMORY_MAX };

	if (!view_has(file, s->offset, s->file_size))
		return IMAGE_TRUNCATED;
	if (s->file_size > s->memory_size)
		return IMAGE_ELF;
	if (!guest_has(&largest, s->gpa, s->memory_size))
		return IMAGE_TOO_HIGH;
	return guest_has(&memory, s->gpa, s->memory_size) ? IMAGE_OK : IMAGE_OUTSIDE_MEMORY;
}

/* Loaded one after the other, the second would take the place of the first. Each lies in memory. */
static enum image_error check_overlap(struct image *image, u32 index)
{
	const struct image_segment *s = &image->segment[index];

	for (u32 i = 0; i < index; i++) {
		if (touches(&image->segment[i], s->gpa, s->memory_size)) {
			image->at_fault[0] = image->segment[i];
			image->at_fault[1] = *s;
			return IMAGE_OVERLAP;
		}
	}
	return IMAGE_OK;
}

static enum image_error check(struct image *image, u64 file_size, u64 memory_size)
{
	if (image->segments == 0)
		return IMAGE_SEGMENTS_BAD;
	for (u32 i = 0; i < image->segments; i++) {
		const struct image_segment *s = &image->segment[i];
		enum image_error error = check_segment(s, file_size, memory_size);

		if (error != IMAGE_OK) {
			image->at_fault[0] = *s;
			return error;
		}
		error = check_overlap(image, i);
		if (error != IMAGE_OK)
			return error;
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

static size_t print_range(char *out, size_t size, const struct image_segment *s)
{
	return format(out, size, "0x%llx to 0x%llx", (unsigned long long)s->gpa,
	              (unsigned long long)(s->gpa + s->memory_size - 1));
}

bool image_explain(const struct image *image, char text[IMAGE_EXPLANATION])
{
	const struct image_segment *at = image->at_fault;
	size_t used;

	if (at[0].memory_size == 0)
		return false;
	used = format(text, IMAGE_EXPLANATION, "segment ");
	used += print_range(text + used, IMAGE_EXPLANATION - used, &at[0]);
	if (at[1].memory_size != 0) {
		used += format(text + used, IMAGE_EXPLANATION - used, ", segment ");
		(void)print_range(text + used, IMAGE_EXPLANATION - used, &at[1]);
	}
	return true;
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
