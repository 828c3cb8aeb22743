/* SPDX-License-Identifier: MIT */
/* ACPI tables crafted in an arena that ends at an unmapped page: whole, cut, damaged, circular. */
#define DIRECT_MAP 0x200000000000ull
#include "hv/kernel/boot/acpi.c"

#include <check.h>
#include <stdlib.h>
#include <sys/mman.h>

#define ARENA 0x10000ul /* what the parser is told is memory */

#define RSDT_AT 0x1000u
#define XSDT_AT 0x2000u
#define MADT_AT 0x3000u
#define FADT_AT 0x4000u

static struct acpi_rsdp rsdp;
static struct acpi_info info;

static void setup(void)
{
	void *arena = mmap(hpa_to_ptr(HPA(0)), ARENA, PROT_READ | PROT_WRITE,
	                   MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);

	ck_assert_ptr_eq(arena, hpa_to_ptr(HPA(0)));
}

static u8 *at(u64 address)
{
	return hpa_to_ptr(HPA(address));
}

static void sign(u64 address)
{
	struct acpi_header *table = hpa_to_ptr(HPA(address));

	table->checksum = 0;
	table->checksum = (u8)-checksum(table, table->length);
}

/* A table with that body; the header's other fields stay 0. */
static void put_table(u64 address, const char *signature, const void *body, u32 size)
{
	struct acpi_header *table = hpa_to_ptr(HPA(address));

	memset(table, 0, sizeof(*table));
	memcpy(table->signature, signature, 4);
	table->length = (u32)sizeof(*table) + size;
	memcpy(table + 1, body, size);
	sign(address);
}

static void sign_rsdp(void)
{
	rsdp.checksum = 0;
	rsdp.checksum_all = 0;
	rsdp.checksum = (u8)-checksum(&rsdp, 20);
	rsdp.checksum_all = (u8)-checksum(&rsdp, 36);
}

static const u8 madt_body[] = {
	0,  0,  0xe0, 0xfe, 1, 0, 0,    0,                /* LAPIC address, flags */
	0,  8,  0,    4,    1, 0, 0,    0,                /* APIC 4, enabled */
	0,  8,  1,    5,    0, 0, 0,    0,                /* APIC 5, disabled */
	0,  8,  2,    6,    2, 0, 0,    0,                /* APIC 6, online capable only */
	1,  12, 0,    0,    0, 0, 0xc0, 0xfe, 0, 0, 0, 0, /* an IOAPIC */
	4,  6,  0xff, 0,    0, 1,                         /* NMI */
	9,  16, 0,    0,    4, 0, 0,    0,    1, 0, 0, 0, 0, 0, 0, 0, /* x2APIC 4: the same again */
	9,  16, 0,    0,    0, 1, 0,    0,    1, 0, 0, 0, 1, 0, 0, 0, /* x2APIC 256 */
	9,  16, 0,    0,    7, 0, 0,    0,    0, 0, 0, 0, 2, 0, 0, 0, /* x2APIC 7, disabled */
	99, 3,  0,                                                    /* unknown */
	0,  8,  3,    0,    1, 0, 0,    0,                            /* APIC 0 */
};

static void put_fadt(u32 flags, u8 timer_len)
{
	u8 body[129 - 36] = { 0 };

	body[76 - 36] = 0x08;
	body[77 - 36] = 0xb0;
	body[91 - 36] = timer_len;
	memcpy(&body[112 - 36], &flags, 4);
	put_table(FADT_AT, "FACP", body, sizeof(body));
}

static void put_machine(void)
{
	const u32 rsdt[] = { FADT_AT, MADT_AT };
	const u64 xsdt[] = { MADT_AT, FADT_AT };

	put_table(MADT_AT, "APIC", madt_body, sizeof(madt_body));
	put_fadt(0, 4);
	put_table(RSDT_AT, "RSDT", rsdt, sizeof(rsdt));
	put_table(XSDT_AT, "XSDT", xsdt, sizeof(xsdt));
	memset(&rsdp, 0, sizeof(rsdp));
	memcpy(rsdp.signature, "RSD PTR ", 8);
	rsdp.revision = 2;
	rsdp.length = 36;
	rsdp.rsdt = RSDT_AT;
	rsdp.xsdt = XSDT_AT;
	sign_rsdp();
}

static const char *parse(u32 rsdp_size)
{
	return acpi_parse((const u8 *)&rsdp, rsdp_size, ARENA, &info);
}

static void check_machine(void)
{
	ck_assert_uint_eq(info.core_count, 3);
	ck_assert_uint_eq(info.core_excess, 0);
	ck_assert_uint_eq(info.apic_ids[0], 4);
	ck_assert_uint_eq(info.apic_ids[1], 256);
	ck_assert_uint_eq(info.apic_ids[2], 0);
	ck_assert_uint_eq(info.ioapic_count, 1);
	ck_assert_uint_eq(info.ioapics[0], 0xfec00000);
	ck_assert_uint_eq(info.pm_timer_port, 0xb008);
	ck_assert(!info.hw_reduced);
}

START_TEST(both_versions)
{
	put_machine();
	ck_assert_ptr_null(parse(20));
	check_machine();
	ck_assert_ptr_null(parse(36));
	check_machine();
}
END_TEST

START_TEST(root_pointer_damaged)
{
	put_machine();
	ck_assert_ptr_nonnull(parse(0));
	ck_assert_ptr_nonnull(parse(24));
	rsdp.oem[0] ^= 1;
	ck_assert_ptr_nonnull(parse(20));
	ck_assert_ptr_nonnull(parse(36));
	rsdp.oem[0] ^= 1;
	rsdp.signature[0] = 'X';
	sign_rsdp();
	ck_assert_ptr_nonnull(parse(36));
}
END_TEST

START_TEST(xsdt_damaged_falls_back_to_rsdt)
{
	put_machine();
	at(XSDT_AT)[20] ^= 1;
	ck_assert_ptr_null(parse(36));
	check_machine();
	put_machine();
	rsdp.checksum_all ^= 1;
	rsdp.xsdt = 0;
	ck_assert_ptr_null(parse(36));
	check_machine();
	at(RSDT_AT)[20] ^= 1;
	ck_assert_ptr_nonnull(parse(36));
	ck_assert_uint_eq(info.core_count, 0);
}
END_TEST

START_TEST(tables_outside_of_memory)
{
	static const u64 addresses[] = { 0, ARENA - 35, ARENA, ~0ull, ~0ull - 35, 1ull << 63 };

	for (size_t i = 0; i < ARRAY_SIZE(addresses); i++) {
		const u64 xsdt[] = { addresses[i], MADT_AT };

		put_machine();
		put_table(XSDT_AT, "XSDT", xsdt, sizeof(xsdt));
		ck_assert_ptr_null(parse(36));
		ck_assert_uint_eq(info.core_count, 3);
		ck_assert_uint_eq(info.pm_timer_port, 0);
		rsdp.xsdt = addresses[i];
		sign_rsdp();
		ck_assert_ptr_null(parse(36));
		check_machine();
	}
}
END_TEST

START_TEST(madt_of_every_length)
{
	for (u32 size = 0; size <= sizeof(madt_body); size++) {
		put_machine();
		put_table(MADT_AT, "APIC", madt_body, size);
		ck_assert_ptr_null(parse(36));
		ck_assert_uint_le(info.core_count, 3);
	}
	check_machine();
}
END_TEST

START_TEST(fadt_of_every_length)
{
	for (u32 size = 0; size < 129 - 36; size++) {
		put_machine();
		((struct acpi_header *)hpa_to_ptr(HPA(FADT_AT)))->length = 36 + size;
		sign(FADT_AT);
		ck_assert_ptr_null(parse(36));
		ck_assert_uint_eq(info.pm_timer_port, size < 116 - 36 ? 0 : 0xb008);
	}
}
END_TEST

START_TEST(lengths_of_every_kind)
{
	static const u32 lengths[] = { 0, 1, 35, ARENA - MADT_AT + 1, 0x7fffffff, 0xffffffff };

	for (size_t i = 0; i < ARRAY_SIZE(lengths); i++) {
		put_machine();
		((struct acpi_header *)hpa_to_ptr(HPA(MADT_AT)))->length = lengths[i];
		ck_assert_ptr_null(parse(36));
		ck_assert_uint_eq(info.core_count, 0);
	}
}
END_TEST

START_TEST(entries_of_every_length)
{
	for (u32 len = 0; len < 256; len++) {
		u8 body[8 + 16 + 8] = { [8] = 9, [9] = (u8)len, [12] = 3, [16] = 1 };

		put_machine();
		put_table(MADT_AT, "APIC", body, sizeof(body));
		ck_assert_ptr_null(parse(36));
		ck_assert_uint_eq(info.core_count, len >= 16 && len <= 24 ? 1 : 0);
	}
}
END_TEST

START_TEST(hardware_reduced_has_no_timer)
{
	put_machine();
	put_fadt(1u << 20, 4);
	ck_assert_ptr_null(parse(36));
	ck_assert(info.hw_reduced);
	ck_assert_uint_eq(info.pm_timer_port, 0);
	put_fadt(0, 0);
	ck_assert_ptr_null(parse(36));
	ck_assert_uint_eq(info.pm_timer_port, 0);
}
END_TEST

START_TEST(more_cores_than_the_array_holds)
{
	static u8 body[8 + (ACPI_CORES_MAX + 3) * 16];

	for (u32 i = 0; i < ACPI_CORES_MAX + 3; i++) {
		u8 *entry = body + 8 + i * 16;

		entry[0] = 9;
		entry[1] = 16;
		memcpy(entry + 4, &i, 4);
		entry[8] = 1;
	}
	put_machine();
	put_table(FADT_AT, "APIC", body, sizeof(body));
	ck_assert_ptr_null(parse(36));
	ck_assert_uint_eq(info.core_count, ACPI_CORES_MAX);
	ck_assert_uint_eq(info.core_excess, 3);
}
END_TEST

/* Any bytes at all, with right checksums: no crash, no endless loop, no read outside. */
START_TEST(random_tables)
{
	srand(3);
	for (int round = 0; round < 20000; round++) {
		u8 body[64];

		for (size_t i = 0; i < sizeof(body); i++)
			body[i] = (u8)(rand() % 4 == 0 ? rand() : rand() % 17);
		put_machine();
		put_table(MADT_AT, "APIC", body, (u32)rand() % 65);
		if (rand() % 2 == 0)
			put_table(XSDT_AT, "XSDT", body, (u32)rand() % 65);
		ck_assert_ptr_null(parse(36));
	}
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("acpi");
	TCase *tests = tcase_create("acpi");
	SRunner *runner = srunner_create(suite);
	int failed;

	tcase_add_checked_fixture(tests, setup, NULL);
	tcase_add_test(tests, both_versions);
	tcase_add_test(tests, root_pointer_damaged);
	tcase_add_test(tests, xsdt_damaged_falls_back_to_rsdt);
	tcase_add_test(tests, tables_outside_of_memory);
	tcase_add_test(tests, madt_of_every_length);
	tcase_add_test(tests, fadt_of_every_length);
	tcase_add_test(tests, lengths_of_every_kind);
	tcase_add_test(tests, entries_of_every_length);
	tcase_add_test(tests, hardware_reduced_has_no_timer);
	tcase_add_test(tests, more_cores_than_the_array_holds);
	tcase_add_test(tests, random_tables);
	suite_add_tcase(suite, tests);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed != 0;
}
