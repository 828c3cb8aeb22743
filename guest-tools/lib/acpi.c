/* SPDX-License-Identifier: MIT */
#include "guest-tools/lib/acpi.h"
#include "guest-tools/lib/string.h"

#define MADT_LOCAL_APIC   0u
#define MADT_LOCAL_X2APIC 9u
#define MADT_ENTRIES      44u
#define MADT_ENABLED      1u
#define XAPIC_NO_ID       0xffu

struct PACKED rsdp {
	char signature[8];
	u8 checksum;
	char oem[6];
	u8 revision;
	u32 rsdt;
	u32 length;
	u64 xsdt;
};

struct PACKED table {
	char signature[4];
	u32 length;
	u8 rest[28];
};

struct PACKED madt_entry {
	u8 type, length;
	union {
		struct PACKED {
			u8 uid, id;
			u32 flags;
		} apic;
		struct PACKED {
			u16 reserved;
			u32 id, flags, uid;
		} x2apic;
	};
};

static bool checksum_ok(const void *data, size_t n)
{
	const u8 *bytes = data;
	u8 sum = 0;

	while (n-- != 0)
		sum = (u8)(sum + bytes[n]);
	return sum == 0;
}

u64 acpi_scan_rsdp(void)
{
	for (u64 at = 0xe0000; at < 0x100000; at += 16)
		if (memcmp((const void *)at, "RSD PTR ", 8) == 0 &&
		    checksum_ok((const void *)at, 20))
			return at;
	return 0;
}

/* The table with that signature, by RSDT or XSDT: entries of 4 or 8 bytes. */
static const struct table *find_table(const struct rsdp *rsdp, const char *signature)
{
	bool wide = rsdp->revision >= 2 && rsdp->xsdt != 0;
	u64 root_at = wide ? rsdp->xsdt : rsdp->rsdt;
	const struct table *root = (const void *)root_at;
	u32 step = wide ? 8 : 4;

	for (u32 at = sizeof(struct table); at + step <= root->length; at += step) {
		u64 address = 0;
		const struct table *table;

		memcpy(&address, (const u8 *)root + at, step);
		table = (const void *)address;
		if (memcmp(table->signature, signature, 4) == 0)
			return table;
	}
	return NULL;
}

u32 acpi_cpu_ids(u64 rsdp, u32 *ids, u32 max)
{
	const struct table *madt = find_table((const void *)rsdp, "APIC");
	u32 count = 0;

	for (u32 at = MADT_ENTRIES; madt != NULL && at + 2 <= madt->length && count < max;) {
		const struct madt_entry *entry = (const void *)((const u8 *)madt + at);

		if (entry->length < 2)
			break;
		if (entry->type == MADT_LOCAL_APIC && entry->apic.flags & MADT_ENABLED &&
		    entry->apic.id != XAPIC_NO_ID)
			ids[count++] = entry->apic.id;
		if (entry->type == MADT_LOCAL_X2APIC && entry->x2apic.flags & MADT_ENABLED)
			ids[count++] = entry->x2apic.id;
		at += entry->length;
	}
	return count;
}
