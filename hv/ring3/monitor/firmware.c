/* SPDX-License-Identifier: MIT */
/* pure: also compiled on the host */
#include "hv/ring3/monitor/firmware.h"

#include "hv/ring3/monitor/crt.h"
#include "hv/ring3/monitor/ioapic.h"
#include "hv/ring3/monitor/layout.h"
#include "hv/ring3/monitor/pit.h"

/* Words that kernels read: those of the BIOS data area, and the head of the extended one. */
static const struct {
	u32 at;
	u16 value;
} data_area[] = {
	{ 0x400, 0x3f8 },                                     /* COM1 */
	{ 0x402, 0x2f8 },                                     /* COM2 */
	{ 0x40e, LAYOUT_LOW_END >> 4 },                       /* segment of the extended area */
	{ 0x410, 0x0422 },                                    /* FPU, 80x25, two serial ports */
	{ 0x413, LAYOUT_LOW_END >> 10 },                      /* KiB of base memory */
	{ 0x449, 80 << 8 | 3 },                               /* video mode 3, columns */
	{ 0x463, CRT_PORT },                                  /* of the CRT controller */
	{ LAYOUT_LOW_END, (0xa0000 - LAYOUT_LOW_END) >> 10 }, /* KiB of the extended area */
};

static const u8 no_service[] = {
	0x55,                   /* push bp */
	0x89, 0xe5,             /* mov bp, sp */
	0x80, 0x4e, 0x06, 0x01, /* or byte [bp + 6], 1: CF of the caller's flags */
	0xb4, 0x86,             /* mov ah, 0x86 */
	0x5d,                   /* pop bp */
	0xcf,                   /* iret */
};

#define VECTORS 256u

void firmware_put_data_area(const struct guest_memory *memory)
{
	const u16 vector[2] = { LAYOUT_NO_SERVICE & 0xffff, 0xf000 }; /* offset, segment */

	for (u32 i = 0; i < VECTORS; i++)
		memcpy(memory->base + i * sizeof(vector), vector, sizeof(vector));
	memcpy(memory->base + LAYOUT_NO_SERVICE, no_service, sizeof(no_service));
	for (u32 i = 0; i < ARRAY_SIZE(data_area); i++)
		memcpy(memory->base + data_area[i].at, &data_area[i].value, sizeof(u16));
}

/* ---- MultiProcessor Specification 1.4, chapter 4 ---- */

#define MP_REVISION    4u
#define MP_IDS         255u
#define MP_CPU_ENABLED 1u
#define MP_CPU_BOOT    2u
#define MP_VERSION     0x14u /* of the local APIC */
#define MP_FAMILY      0x600u
#define MP_FEATURES    0x201u /* FPU, APIC */
#define MP_ISA         0u     /* the one bus */
#define MP_ISA_LINES   16u
#define MP_ISA_TIMER   0u
#define MP_ISA_CASCADE 2u
#define MP_ALL         0xffu

enum mp_entry { MP_PROCESSOR, MP_BUS, MP_IOAPIC, MP_INTERRUPT, MP_LOCAL };
enum mp_type { MP_INT, MP_NMI, MP_SMI, MP_EXTINT };

struct mp_pointer {
	char signature[4];
	u32 table;
	u8 length, revision, checksum, features[5];
} PACKED;

struct mp_table {
	char signature[4];
	u16 length;
	u8 revision, checksum;
	char oem[8], product[12];
	u32 oem_table;
	u16 oem_size, entries;
	u32 lapic;
	u16 extended_length;
	u8 extended_checksum, reserved;
} PACKED;

struct mp_processor {
	u8 type, id, version, flags;
	u32 family, features;
	u64 reserved;
} PACKED;

struct mp_bus {
	u8 type, id;
	char name[6];
} PACKED;

struct mp_ioapic {
	u8 type, id, version, flags;
	u32 address;
} PACKED;

struct mp_interrupt {
	u8 entry, type;
	u16 flags; /* 0: as the bus has it */
	u8 bus, line, apic, pin;
} PACKED;

static void put_interrupt(struct writer *w, struct mp_table *table, struct mp_interrupt interrupt)
{
	(void)writer_put(w, &interrupt, sizeof(interrupt), 1);
	table->entries++;
}

static void put_interrupts(struct writer *w, struct mp_table *table, u8 ioapic)
{
	for (u8 i = 0; i < MP_ISA_LINES; i++)
		if (i != MP_ISA_CASCADE)
			put_interrupt(w, table,
			              (struct mp_interrupt){ MP_INTERRUPT, MP_INT, 0, MP_ISA, i,
			                                     ioapic,
			                                     i == MP_ISA_TIMER ? (u8)PIT_PIN : i });
	put_interrupt(w, table,
	              (struct mp_interrupt){ MP_LOCAL, MP_EXTINT, 0, MP_ISA, 0, MP_ALL, 0 });
	put_interrupt(w, table, (struct mp_interrupt){ MP_LOCAL, MP_NMI, 0, MP_ISA, 0, MP_ALL, 1 });
}

static void put_processors(struct writer *w, struct mp_table *table, u32 vcpus)
{
	for (u32 id = 0; id < MIN(vcpus, MP_IDS); id++) {
		struct mp_processor processor = {
			.type = MP_PROCESSOR,
			.id = (u8)id,
			.version = MP_VERSION,
			.flags = MP_CPU_ENABLED | (id == 0 ? MP_CPU_BOOT : 0),
			.family = MP_FAMILY,
			.features = MP_FEATURES,
		};

		(void)writer_put(w, &processor, sizeof(processor), 1);
		table->entries++;
	}
}

/* The IOAPIC's ID is what its register reads: it counts apart from the processors' here. */
static void put_entries(struct writer *w, struct mp_table *table, u32 vcpus)
{
	const struct mp_bus bus = { MP_BUS, MP_ISA, "ISA   " };
	const struct mp_ioapic ioapic = { MP_IOAPIC, 0, IOAPIC_VERSION_NUMBER, 1, LAYOUT_IOAPIC };

	put_processors(w, table, vcpus);
	(void)writer_put(w, &bus, sizeof(bus), 1);
	(void)writer_put(w, &ioapic, sizeof(ioapic), 1);
	table->entries += 2;
	put_interrupts(w, table, ioapic.id);
}

static u8 checksum(const u8 *bytes, u64 n)
{
	u8 sum = 0;

	for (u64 i = 0; i < n; i++)
		sum = (u8)(sum + bytes[i]);
	return (u8)-sum;
}

bool firmware_put_mp_table(struct writer *w, u32 vcpus)
{
	u64 pointer_at = writer_reserve(w, sizeof(struct mp_pointer), 16);
	u64 at = writer_reserve(w, sizeof(struct mp_table), 16);
	struct mp_pointer pointer = { "_MP_", (u32)at, 1, MP_REVISION, 0, { 0 } };
	struct mp_table table = {
		"PCMP",       0, MP_REVISION, 0, "TAPVSR  ", "TAPVISOR    ", 0, 0, 0,
		LAYOUT_LAPIC, 0, 0,           0
	};

	put_entries(w, &table, vcpus);
	if (w->full)
		return false;
	table.length = (u16)(w->gpa + w->used - at);
	memcpy(writer_bytes(w, at), &table, sizeof(table));
	table.checksum = checksum(writer_bytes(w, at), table.length);
	memcpy(writer_bytes(w, at), &table, sizeof(table));
	pointer.checksum = checksum((const u8 *)&pointer, sizeof(pointer));
	memcpy(writer_bytes(w, pointer_at), &pointer, sizeof(pointer));
	return true;
}
