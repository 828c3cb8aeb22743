/* SPDX-License-Identifier: MIT */
/* pure: also compiled on the host */
#include "hv/ring3/monitor/load.h"

#include "hv/ring3/monitor/acpi.h"
#include "hv/ring3/monitor/bootinfo.h"
#include "hv/ring3/monitor/firmware.h"
#include "hv/ring3/monitor/layout.h"

static const struct {
	bootinfo_write *write;
	u64 size;
} protocols[PROTOCOLS] = {
	[PROTOCOL_MULTIBOOT1] = { bootinfo_multiboot1, BOOTINFO_SIZE },
	[PROTOCOL_MULTIBOOT2] = { bootinfo_multiboot2, BOOTINFO_SIZE },
	[PROTOCOL_PVH] = { bootinfo_pvh, BOOTINFO_SIZE },
	[PROTOCOL_LINUX] = { bootinfo_linux, BOOTINFO_LINUX_SIZE },
};

/* Places for the boot information: the first that the image leaves free is taken. */
static const u64 places[] = { 0x9000, 0x1000, 0x5000, 0x50000, 0x9e000 };

static u64 find_place(const struct image *image, u64 size)
{
	for (u32 i = 0; i < ARRAY_SIZE(places); i++)
		if (places[i] + size <= LAYOUT_LOW_END && !image_covers(image, places[i], size))
			return places[i];
	return 0;
}

/* Behind the image, each at a page boundary. */
static enum image_error put_modules(const struct load_request *r, const struct image *image,
                                    struct boot_facts *facts)
{
	u64 at = align_up(MAX(image_end(image), LAYOUT_HIGH), PAGE_SIZE);

	for (u32 i = 0; i < VM_MODULES; i++) {
		const struct view *file = &r->module[i];

		if (file->size == 0)
			continue;
		if (i > 0 && image->protocol == PROTOCOL_LINUX)
			return IMAGE_MODULES;
		if (!guest_write(&r->memory, at, file->data, file->size))
			return IMAGE_INITRD;
		facts->module[facts->modules++] = (struct boot_module){
			at, file->size, i == 0 ? "initrd" : "module", r->config->module_args[i]
		};
		at = align_up(at + file->size, PAGE_SIZE);
	}
	return IMAGE_OK;
}

/* An image that lies there can do without. */
static bool put_mp_table(const struct load_request *r, const struct image *image)
{
	struct writer w = writer_at(&r->memory, LAYOUT_MP, FIRMWARE_MP_SIZE);

	return image_covers(image, LAYOUT_MP, FIRMWARE_MP_SIZE) ||
	       firmware_put_mp_table(&w, r->config->vcpus);
}

static enum image_error put_tables(const struct load_request *r, const struct image *image,
                                   struct boot_facts *facts)
{
	struct writer w = writer_at(&r->memory, LAYOUT_ACPI, ACPI_SIZE);

	if (image_covers(image, LAYOUT_ACPI, ACPI_SIZE))
		return IMAGE_NO_ROOM;
	facts->rsdp = acpi_build(&w, r->config->vcpus);
	if (facts->rsdp == 0)
		return IMAGE_NO_ROOM;
	facts->rsdp_bytes = writer_bytes(&w, facts->rsdp);
	return put_mp_table(r, image) ? IMAGE_OK : IMAGE_NO_ROOM;
}

/*
 * A processor's first instruction, and where guests jump to in real mode in order to reset. Linux
 * does on a hardware-reduced ACPI machine, which it takes for one with EFI, if there is no EFI.
 */
static enum image_error put_reset_vector(const struct load_request *r, const struct image *image)
{
	static const u8 code[] = {
		0xba,
		ACPI_PORT_RESET & 0xff,
		ACPI_PORT_RESET >> 8, /* mov dx, port */
		0xb0,
		ACPI_RESET_VALUE, /* mov al, value */
		0xee,             /* out dx, al */
		0xf4,             /* hlt */
		0xeb,
		0xfd, /* jmp to the hlt */
	};

	if (!image_covers(image, LAYOUT_RESET, sizeof(code)) &&
	    !guest_write(&r->memory, LAYOUT_RESET, code, sizeof(code)))
		return IMAGE_OUTSIDE_MEMORY;
	return IMAGE_OK;
}

static enum image_error put_information(const struct load_request *r, const struct image *image,
                                        const struct boot_facts *facts, struct vcpu_start *start)
{
	u64 size = protocols[image->protocol].size, place = find_place(image, size);
	struct writer w;

	if (place == 0)
		return IMAGE_NO_ROOM;
	w = writer_at(&r->memory, place, size);
	protocols[image->protocol].write(&w, facts, start);
	return w.full ? IMAGE_NO_ROOM : IMAGE_OK;
}

enum image_error load_guest(const struct load_request *r, struct image *image,
                            struct vcpu_start *start)
{
	struct boot_facts facts = { .name = r->config->name,
		                    .args = r->config->args,
		                    .image = r->image,
		                    .memory = r->memory.size };
	enum image_error error;

	*image = (struct image){ 0 };
	if (r->memory.size < LAYOUT_MEMORY_MIN)
		return IMAGE_OUTSIDE_MEMORY;
	error = image_decode(r->image, r->memory.size, image);
	if (error != IMAGE_OK)
		return error;
	firmware_put_data_area(&r->memory);
	image_commit(image, r->image, &r->memory);
	*start = (struct vcpu_start){ .mode = START_PROTECTED, .rip = image->entry };
	error = put_reset_vector(r, image);
	if (error == IMAGE_OK)
		error = put_modules(r, image, &facts);
	if (error == IMAGE_OK)
		error = put_tables(r, image, &facts);
	if (error == IMAGE_OK)
		error = put_information(r, image, &facts, start);
	return error;
}
