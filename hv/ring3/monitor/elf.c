/* SPDX-License-Identifier: MIT */
/* pure: also compiled on the host */
#include "hv/ring3/monitor/elf.h"

#define ELF_MAGIC       0x464c457fu
#define ELF_CLASS_32    1
#define ELF_CLASS_64    2
#define ELF_LITTLE      1
#define ELF_EXECUTABLE  2
#define ELF_SHARED      3 /* static PIE: loaded where it says */
#define ELF_MACHINE_386 3
#define ELF_MACHINE_AMD 62
#define ELF_HEADERS_MAX 64u

struct elf_ident {
	u32 magic;
	u8 class, data, version, pad[9];
	u16 type, machine;
	u32 version2;
} PACKED;

struct elf32_rest {
	u32 entry, phoff, shoff, flags;
	u16 ehsize, phentsize, phnum;
} PACKED;

struct elf64_rest {
	u64 entry, phoff, shoff;
	u32 flags;
	u16 ehsize, phentsize, phnum;
} PACKED;

struct elf32_phdr {
	u32 type, offset, vaddr, paddr, filesz, memsz, flags, align;
} PACKED;

struct elf64_phdr {
	u32 type, flags;
	u64 offset, vaddr, paddr, filesz, memsz, align;
} PACKED;

static bool read_rest(struct elf *elf)
{
	struct elf32_rest r32;
	struct elf64_rest r64;

	if (elf->wide) {
		if (!view_read(elf->file, sizeof(struct elf_ident), &r64, sizeof(r64)))
			return false;
		elf->entry = r64.entry;
		elf->program_headers = r64.phoff;
		elf->program_header_size = r64.phentsize;
		elf->program_header_count = r64.phnum;
		return true;
	}
	if (!view_read(elf->file, sizeof(struct elf_ident), &r32, sizeof(r32)))
		return false;
	elf->entry = r32.entry;
	elf->program_headers = r32.phoff;
	elf->program_header_size = r32.phentsize;
	elf->program_header_count = r32.phnum;
	return true;
}

static enum image_error check_ident(const struct elf_ident *ident)
{
	if (ident->class != ELF_CLASS_32 && ident->class != ELF_CLASS_64)
		return IMAGE_ELF;
	if (ident->data != ELF_LITTLE ||
	    (ident->machine != ELF_MACHINE_386 && ident->machine != ELF_MACHINE_AMD))
		return IMAGE_NOT_X86;
	if (ident->type != ELF_EXECUTABLE && ident->type != ELF_SHARED)
		return IMAGE_ELF;
	return IMAGE_OK;
}

enum image_error elf_open(struct view file, struct elf *elf)
{
	struct elf_ident ident;
	enum image_error error;
	u32 header_size;

	if (!view_read(file, 0, &ident, sizeof(ident)) || ident.magic != ELF_MAGIC)
		return IMAGE_UNKNOWN;
	error = check_ident(&ident);
	if (error != IMAGE_OK)
		return error;
	*elf = (struct elf){ .file = file, .wide = ident.class == ELF_CLASS_64 };
	header_size = elf->wide ? sizeof(struct elf64_phdr) : sizeof(struct elf32_phdr);
	if (!read_rest(elf))
		return IMAGE_TRUNCATED;
	if (elf->program_header_size < header_size || elf->program_header_count > ELF_HEADERS_MAX)
		return IMAGE_ELF;
	if (!view_has(file, elf->program_headers,
	              (u64)elf->program_header_count * elf->program_header_size))
		return IMAGE_TRUNCATED;
	return IMAGE_OK;
}

enum image_error elf_segment(const struct elf *elf, u32 index, struct elf_segment *out)
{
	u64 at = elf->program_headers + (u64)index * elf->program_header_size;
	struct elf32_phdr p32;
	struct elf64_phdr p64;

	if (elf->wide) {
		if (!view_read(elf->file, at, &p64, sizeof(p64)))
			return IMAGE_TRUNCATED;
		*out = (struct elf_segment){ p64.type,  p64.offset, p64.vaddr,
			                     p64.paddr, p64.filesz, p64.memsz };
		return IMAGE_OK;
	}
	if (!view_read(elf->file, at, &p32, sizeof(p32)))
		return IMAGE_TRUNCATED;
	*out = (struct elf_segment){ p32.type,  p32.offset, p32.vaddr,
		                     p32.paddr, p32.filesz, p32.memsz };
	return IMAGE_OK;
}

enum image_error elf_load(const struct elf *elf, struct image *image)
{
	for (u32 i = 0; i < elf->program_header_count; i++) {
		struct elf_segment s;
		enum image_error error = elf_segment(elf, i, &s);

		if (error == IMAGE_OK && s.type == ELF_PT_LOAD)
			error = image_add(image, &(struct image_segment){ s.physical, s.memory_size,
			                                                  s.offset, s.file_size });
		if (error != IMAGE_OK)
			return error;
	}
	return IMAGE_OK;
}

static enum image_error physical_entry(const struct elf *elf, u64 *entry)
{
	*entry = elf->entry;
	for (u32 i = 0; i < elf->program_header_count; i++) {
		struct elf_segment s;
		enum image_error error = elf_segment(elf, i, &s);

		if (error != IMAGE_OK)
			return error;
		if (s.type == ELF_PT_LOAD && elf->entry - s.virtual < s.memory_size) {
			*entry = s.physical + (elf->entry - s.virtual);
			return IMAGE_OK;
		}
	}
	return IMAGE_OK;
}

enum image_error elf_image(struct view file, struct image *image)
{
	struct elf elf;
	enum image_error error = elf_open(file, &elf);

	if (error == IMAGE_OK)
		error = physical_entry(&elf, &image->entry);
	if (error == IMAGE_OK)
		error = elf_load(&elf, image);
	return error;
}
