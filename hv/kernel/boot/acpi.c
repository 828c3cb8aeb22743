/* SPDX-License-Identifier: MIT */
#include "hv/kernel/boot/acpi.h"

#include "hv/abi/acpi.h"
#include "hv/base/bits.h"
#include "hv/base/memory.h"
#include "hv/base/string.h"

/* The FADT's fields that we read, by offset (5.2.9). */
#define FADT_PM_TMR_BLK   76u
#define FADT_PM_TMR_LEN   91u
#define FADT_FLAGS        112u
#define FADT_FLAG_REDUCED BIT32(20)

/* The MADT's entries (5.2.12). */
#define MADT_ENTRIES      44u
#define MADT_LAPIC        0u
#define MADT_IOAPIC       1u
#define MADT_X2APIC       9u
#define MADT_FLAG_ENABLED BIT32(0)

static u8 checksum(const void *data, size_t len)
{
	const u8 *bytes = data;
	u8 sum = 0;

	for (size_t i = 0; i < len; i++)
		sum = (u8)(sum + bytes[i]);
	return sum;
}

/* Little-endian fields at any alignment. */
static u32 get32(const u8 *p)
{
	u32 v;

	memcpy(&v, p, sizeof(v));
	return v;
}

static u64 get64(const u8 *p)
{
	return get32(p) | (u64)get32(p + 4) << 32;
}

/* A whole and valid table, or NULL. */
static const struct acpi_header *table_at(u64 address, u64 limit)
{
	const struct acpi_header *table = hpa_to_ptr(HPA(address));

	if (address == 0 || address > limit || limit - address < sizeof(*table))
		return NULL;
	if (table->length < sizeof(*table) || table->length > limit - address)
		return NULL;
	return checksum(table, table->length) == 0 ? table : NULL;
}

static void add_core(struct acpi_info *info, u32 apic_id, u32 flags)
{
	if ((flags & MADT_FLAG_ENABLED) == 0)
		return;
	for (u32 i = 0; i < info->core_count; i++) {
		if (info->apic_ids[i] == apic_id)
			return; /* listed in both forms */
	}
	if (info->core_count == ACPI_CORES_MAX)
		info->core_excess++;
	else
		info->apic_ids[info->core_count++] = apic_id;
}

static void parse_madt(const struct acpi_header *table, struct acpi_info *info)
{
	const u8 *madt = (const u8 *)table;

	for (u32 at = MADT_ENTRIES; at < table->length && table->length - at >= 2;) {
		const u8 *entry = madt + at;
		u8 len = entry[1];

		if (len < 2 || len > table->length - at)
			return;
		if (entry[0] == MADT_LAPIC && len >= 8)
			add_core(info, entry[3], get32(entry + 4));
		if (entry[0] == MADT_IOAPIC && len >= 12 && info->ioapic_count < ACPI_IOAPICS_MAX)
			info->ioapics[info->ioapic_count++] = get32(entry + 4);
		if (entry[0] == MADT_X2APIC && len >= 16)
			add_core(info, get32(entry + 4), get32(entry + 8));
		at += len;
	}
}

static void parse_fadt(const struct acpi_header *table, struct acpi_info *info)
{
	const u8 *fadt = (const u8 *)table;
	u32 flags;

	if (table->length < FADT_FLAGS + 4)
		return;
	flags = get32(fadt + FADT_FLAGS);
	info->hw_reduced = (flags & FADT_FLAG_REDUCED) != 0;
	if (!info->hw_reduced && fadt[FADT_PM_TMR_LEN] == 4)
		info->pm_timer_port = (u16)get32(fadt + FADT_PM_TMR_BLK);
}

static const struct {
	const char *signature;
	void (*parse)(const struct acpi_header *, struct acpi_info *);
} table_parsers[] = {
	{ "APIC", parse_madt },
	{ "FACP", parse_fadt },
};

static void parse_table(const struct acpi_header *table, struct acpi_info *info)
{
	for (size_t i = 0; i < ARRAY_SIZE(table_parsers); i++) {
		if (memcmp(table->signature, table_parsers[i].signature, 4) == 0)
			table_parsers[i].parse(table, info);
	}
}

/* The RSDT has pointers of 4 bytes, the XSDT of 8. */
static void parse_root(const struct acpi_header *root, u32 pointer_size, u64 limit,
                       struct acpi_info *info)
{
	const u8 *pointers = (const u8 *)(root + 1);
	u32 count = (root->length - (u32)sizeof(*root)) / pointer_size;

	for (u32 i = 0; i < count; i++) {
		const u8 *p = pointers + i * pointer_size;
		const struct acpi_header *table = table_at(pointer_size == 8 ? get64(p) : get32(p),
		                                           limit);

		if (table != NULL)
			parse_table(table, info);
	}
}

const char *acpi_parse(const u8 *rsdp_bytes, u32 rsdp_size, u64 limit, struct acpi_info *info)
{
	struct acpi_rsdp rsdp = { 0 };
	const struct acpi_header *root;

	memset(info, 0, sizeof(*info));
	if (rsdp_size != 20 && rsdp_size != 36)
		return "the boot loader gave no ACPI root pointer";
	memcpy(&rsdp, rsdp_bytes, rsdp_size);
	if (memcmp(rsdp.signature, "RSD PTR ", 8) != 0 || checksum(&rsdp, 20) != 0)
		return "the ACPI root pointer is damaged";
	if (rsdp_size == 36 && rsdp.revision >= 2 && checksum(&rsdp, 36) == 0) {
		root = table_at(rsdp.xsdt, limit);
		if (root != NULL && memcmp(root->signature, "XSDT", 4) == 0) {
			parse_root(root, 8, limit, info);
			return NULL;
		}
	}
	root = table_at(rsdp.rsdt, limit);
	if (root == NULL || memcmp(root->signature, "RSDT", 4) != 0)
		return "ACPI has neither a valid XSDT nor a valid RSDT";
	parse_root(root, 4, limit, info);
	return NULL;
}
