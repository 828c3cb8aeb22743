/* SPDX-License-Identifier: MIT */
/*
 * ELF files of both classes, made one: what is needed to load a static executable. Pure; hostile
 * files are expected. (System V ABI, chapter 4 and 5.)
 */
#ifndef HV_MONITOR_ELF_H
#define HV_MONITOR_ELF_H

#include "hv/ring3/monitor/image.h"

#define ELF_PT_LOAD 1u
#define ELF_PT_NOTE 4u

struct elf {
	struct view file;
	bool wide; /* ELF64 */
	u64 entry; /* as it stands in the header: a virtual address */
	u64 program_headers;
	u32 program_header_size, program_header_count;
};

struct elf_segment {
	u32 type;
	u64 offset, virtual, physical, file_size, memory_size;
};

/* IMAGE_UNKNOWN: not an ELF at all. */
MUST_USE enum image_error elf_open(struct view file, struct elf *elf);

/* Program header `index`, which must be below program_header_count. */
MUST_USE enum image_error elf_segment(const struct elf *elf, u32 index, struct elf_segment *out);

/* Adds all PT_LOAD segments, by physical address, to the image. */
MUST_USE enum image_error elf_load(const struct elf *elf, struct image *image);

/*
 * The whole of it for a file that is entered at its ELF entry point: that is translated by the
 * segment whose virtual addresses hold it, and taken as it stands when there is none.
 */
MUST_USE enum image_error elf_image(struct view file, struct image *image);

#endif
