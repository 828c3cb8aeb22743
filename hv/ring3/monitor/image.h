/* SPDX-License-Identifier: MIT */
/*
 * The guest's image: decoded into a struct image, checked, and only then copied into guest memory.
 *
 * Each format is a row of a table in image.c: a decoder that says IMAGE_UNKNOWN when the file is
 * not of its kind, so that the next row is asked. A new format is a new row and a new
 * enum image_protocol. All of it is pure and treats every byte of the file as hostile.
 */
#ifndef HV_MONITOR_IMAGE_H
#define HV_MONITOR_IMAGE_H

#include "hv/abi/image_error.h"
#include "hv/ring3/monitor/view.h"

/* How the image wants to be started, and told about its machine. */
enum image_protocol {
	PROTOCOL_MULTIBOOT1,
	PROTOCOL_MULTIBOOT2,
	PROTOCOL_PVH,
	PROTOCOL_LINUX,
	PROTOCOLS
};

/* file_size bytes from `offset` of the file, then zeros up to memory_size. */
struct image_segment {
	u64 gpa, memory_size;
	u64 offset, file_size;
};

#define IMAGE_SEGMENTS 16u

struct image {
	enum image_protocol protocol;
	u64 entry; /* physical, below 4 GiB once checked */
	u32 segments;
	struct image_segment segment[IMAGE_SEGMENTS];
	struct image_segment at_fault[2]; /* what an error is about; memory_size 0: nothing */
};

/* Decodes and checks against a memory of memory_size bytes. */
MUST_USE enum image_error image_decode(struct view file, u64 memory_size, struct image *image);

/* Which segments an error of image_decode is about, as a line without its end; false: it tells of
 * none. */
#define IMAGE_EXPLANATION 128u
MUST_USE bool image_explain(const struct image *image, char text[IMAGE_EXPLANATION]);

/* Copies what image_decode has accepted for this file and memory. */
void image_commit(const struct image *image, struct view file, const struct guest_memory *memory);

/* Does the range touch a segment? The first address behind all of them. */
bool image_covers(const struct image *image, u64 gpa, u64 length);
u64 image_end(const struct image *image);

/* Adds a segment; IMAGE_SEGMENTS_BAD when there are too many. Empty ones are dropped. */
MUST_USE enum image_error image_add(struct image *image, const struct image_segment *segment);

/*
 * Multiboot's address fields, for an image without a format: the header, found at offset `at` of
 * the file, is to lie at `header`; the file's part from `load` on goes there up to load_end
 * (0: to the file's end), then zeros up to bss_end (0: none). As GRUB has it, the part begins at
 * `at` - (header - load) modulo 2^32 of the file: behind the header too.
 */
struct image_addresses {
	u32 header, load, load_end, bss_end;
};
MUST_USE enum image_error image_add_raw(struct image *image, struct view file, u64 at,
                                        const struct image_addresses *a);

/* The rows of the table. */
enum image_error multiboot1_decode(struct view file, struct image *image);
enum image_error multiboot2_decode(struct view file, struct image *image);
enum image_error pvh_decode(struct view file, struct image *image);
enum image_error bzimage_decode(struct view file, struct image *image);

#endif
