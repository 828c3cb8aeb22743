/* SPDX-License-Identifier: MIT */
/* pure: also compiled on the host */
/*
 * An ELF with Xen's note 18 (XEN_ELFNOTE_PHYS32_ENTRY) is entered at the physical address that the
 * note holds, in 32-bit protected mode: the PVH entry, as Linux's vmlinux has it.
 */
#include "hv/ring3/monitor/elf.h"

#include "hv/base/bits.h"

#define NOTE_PHYS32_ENTRY 18u

struct elf_note {
	u32 name_size, value_size, type;
};

static bool is_entry_note(struct view notes, u64 at, const struct elf_note *note)
{
	char name[4];

	return note->type == NOTE_PHYS32_ENTRY && note->name_size == sizeof(name) &&
	       (note->value_size == 4 || note->value_size == 8) &&
	       view_read(notes, at + sizeof(*note), name, sizeof(name)) &&
	       memcmp(name, "Xen", sizeof(name)) == 0;
}

/* Name and value are each padded to 4 bytes. Sizes are 32 bits: sums of them cannot wrap. */
static bool find_entry(struct view notes, u64 *entry)
{
	struct elf_note note;

	for (u64 at = 0; view_read(notes, at, &note, sizeof(note));) {
		u64 value = at + sizeof(note) + align_up(note.name_size, 4);

		*entry = 0;
		if (is_entry_note(notes, at, &note))
			return view_read(notes, value, entry, note.value_size);
		at = value + align_up(note.value_size, 4);
	}
	return false;
}

enum image_error pvh_decode(struct view file, struct image *image)
{
	struct elf elf;
	enum image_error error = elf_open(file, &elf);

	if (error != IMAGE_OK)
		return error;
	for (u32 i = 0; i < elf.program_header_count; i++) {
		struct elf_segment s;
		struct view notes;

		error = elf_segment(&elf, i, &s);
		if (error != IMAGE_OK)
			return error;
		if (s.type != ELF_PT_NOTE)
			continue;
		if (!view_part(file, s.offset, s.file_size, &notes))
			return IMAGE_TRUNCATED;
		if (find_entry(notes, &image->entry)) {
			image->protocol = PROTOCOL_PVH;
			return elf_load(&elf, image);
		}
	}
	return IMAGE_UNKNOWN;
}
