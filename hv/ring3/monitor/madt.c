/* SPDX-License-Identifier: MIT */
/* pure: also compiled on the host */
/* The MADT: ACPI 6.4 section 5.2.12. IDs that 8 bits cannot hold stand in x2APIC entries. */
#include "hv/ring3/monitor/acpi.h"

#include "hv/ring3/monitor/layout.h"
#include "hv/ring3/monitor/pit.h"

#define MADT_LAPIC     0u
#define MADT_IOAPIC    1u
#define MADT_OVERRIDE  2u
#define MADT_LAPIC_NMI 4u
#define MADT_X2APIC    9u
#define MADT_ENABLED   1u
#define MADT_ALL       0xffu
#define XAPIC_IDS      255u /* 255 is the broadcast ID */
#define LINT_NMI       1u

struct madt_head {
	struct acpi_header header;
	u32 lapic, flags;
} PACKED;

struct madt_lapic {
	u8 type, length, uid, id;
	u32 flags;
} PACKED;

struct madt_x2apic {
	u8 type, length;
	u16 reserved;
	u32 id, flags, uid;
} PACKED;

struct madt_tail {
	struct {
		u8 type, length, id, reserved;
		u32 address, first_interrupt;
	} PACKED ioapic;
	struct {
		u8 type, length, bus, line;
		u32 pin;
		u16 flags; /* 0: as ISA has it */
	} PACKED timer;
	struct {
		u8 type, length, uid;
		u16 flags;
		u8 lint;
	} PACKED nmi;
} PACKED;

static void put_vcpu(struct writer *w, u32 id)
{
	struct madt_lapic lapic = { MADT_LAPIC, sizeof(lapic), (u8)id, (u8)id, MADT_ENABLED };
	struct madt_x2apic x2apic = { MADT_X2APIC, sizeof(x2apic), 0, id, MADT_ENABLED, id };

	if (id < XAPIC_IDS)
		(void)writer_put(w, &lapic, sizeof(lapic), 1);
	else
		(void)writer_put(w, &x2apic, sizeof(x2apic), 1);
}

u64 acpi_build_madt(struct writer *w, u32 vcpus)
{
	u64 at = writer_reserve(w, sizeof(struct madt_head), 16);
	struct madt_head head = { .lapic = LAYOUT_LAPIC };
	struct madt_tail tail = {
		.ioapic = { MADT_IOAPIC, sizeof(tail.ioapic), 0, 0, LAYOUT_IOAPIC, 0 },
		.timer = { MADT_OVERRIDE, sizeof(tail.timer), 0, 0, PIT_PIN, 0 },
		.nmi = { MADT_LAPIC_NMI, sizeof(tail.nmi), MADT_ALL, 0, LINT_NMI },
	};
	u64 length;

	for (u32 id = 0; id < vcpus; id++)
		put_vcpu(w, id);
	(void)writer_put(w, &tail, sizeof(tail), 1);
	if (w->full)
		return 0;
	length = w->gpa + w->used - at;
	head.header = acpi_header("APIC", 5, length);
	memcpy(writer_bytes(w, at), &head, sizeof(head));
	acpi_checksum(writer_bytes(w, at), length, writer_bytes(w, at) + 9);
	return at;
}
