/* SPDX-License-Identifier: MIT */
/* pure: also compiled on the host */
#include "hv/ring3/monitor/acpi.h"

#define OEM       "TAPVSR"
#define OEM_TABLE "TAPVISOR"
#define CREATOR   "TAPV"

/* FADT flags, ACPI 6.4 table 5.10. */
#define FADT_WBINVD          BIT32(0)
#define FADT_NO_POWER_BUTTON BIT32(4) /* no fixed one */
#define FADT_NO_SLEEP_BUTTON BIT32(5)
#define FADT_RESET_REGISTER  BIT32(10)
#define FADT_HW_REDUCED      BIT32(20)
#define FADT_BOOT_NO_VGA     0x04u

#define GAS_IO 1u /* address space of a generic address: system I/O */

struct acpi_gas {
	u8 space, width, offset, access;
	u64 address;
} PACKED;

/* Only the fields that a hardware-reduced machine uses have names. */
struct acpi_fadt {
	struct acpi_header header;
	u32 facs, dsdt;
	u8 before_pm_timer[32];
	u32 pm_timer;
	u8 before_pm_timer_length[11];
	u8 pm_timer_length;
	u8 fixed_hardware[17];
	u16 boot_flags;
	u8 reserved;
	u32 flags;
	struct acpi_gas reset;
	u8 reset_value;
	u8 arm[2], minor;
	u64 x_facs, x_dsdt;
	u8 x_fixed_hardware[60];
	struct acpi_gas x_pm_timer;
	u8 x_gpe[24];
	struct acpi_gas sleep_control, sleep_status;
	char hypervisor[8];
} PACKED;
static_assert(offsetof(struct acpi_fadt, pm_timer) == 76, "ACPI 6.4 table 5.9");
static_assert(offsetof(struct acpi_fadt, pm_timer_length) == 91, "ACPI 6.4 table 5.9");
static_assert(offsetof(struct acpi_fadt, x_pm_timer) == 208, "ACPI 6.4 table 5.9");
static_assert(offsetof(struct acpi_fadt, flags) == 112, "ACPI 6.4 table 5.9");
static_assert(offsetof(struct acpi_fadt, sleep_control) == 244, "ACPI 6.4 table 5.9");
static_assert(sizeof(struct acpi_fadt) == 276, "ACPI 6.4 table 5.9");

struct acpi_xsdt {
	struct acpi_header header;
	u64 table[2];
} PACKED;

struct acpi_rsdt {
	struct acpi_header header;
	u32 table[2];
} PACKED;

struct acpi_header acpi_header(const char *signature, u8 revision, u64 length)
{
	struct acpi_header h = { .length = (u32)length, .revision = revision, .oem_revision = 1 };

	memcpy(h.signature, signature, sizeof(h.signature));
	memcpy(h.oem, OEM, sizeof(h.oem));
	memcpy(h.oem_table, OEM_TABLE, sizeof(h.oem_table));
	memcpy(h.creator, CREATOR, sizeof(h.creator));
	return h;
}

void acpi_checksum(u8 *table, u64 n, u8 *checksum)
{
	u8 sum = 0;

	*checksum = 0;
	for (u64 i = 0; i < n; i++)
		sum = (u8)(sum + table[i]);
	*checksum = (u8)-sum;
}

static struct acpi_gas port(u16 number)
{
	return (struct acpi_gas){ GAS_IO, 8, 0, 1, number };
}

/* That machine has no PM timer by the specification; those who look for it find it all the same. */
static void name_pm_timer(struct acpi_fadt *fadt)
{
	fadt->pm_timer = ACPI_PORT_PM_TIMER;
	fadt->pm_timer_length = 4;
	fadt->x_pm_timer = (struct acpi_gas){ GAS_IO, 32, 0, 3, ACPI_PORT_PM_TIMER };
}

static u64 build_fadt(struct writer *w, u64 dsdt)
{
	struct acpi_fadt fadt = {
		.header = acpi_header("FACP", 6, sizeof(fadt)),
		.dsdt = (u32)dsdt,
		.x_dsdt = dsdt,
		.boot_flags = FADT_BOOT_NO_VGA,
		.flags = FADT_WBINVD | FADT_NO_POWER_BUTTON | FADT_NO_SLEEP_BUTTON |
		         FADT_RESET_REGISTER | FADT_HW_REDUCED,
		.reset = port(ACPI_PORT_RESET),
		.reset_value = ACPI_RESET_VALUE,
		.sleep_control = port(ACPI_PORT_SLEEP_CONTROL),
		.sleep_status = port(ACPI_PORT_SLEEP_STATUS),
	};

	name_pm_timer(&fadt);
	memcpy(fadt.hypervisor, OEM_TABLE, sizeof(fadt.hypervisor));
	acpi_checksum((u8 *)&fadt, sizeof(fadt), &fadt.header.checksum);
	return writer_put(w, &fadt, sizeof(fadt), 16);
}

static u64 build_xsdt(struct writer *w, u64 fadt, u64 madt)
{
	struct acpi_xsdt xsdt = { acpi_header("XSDT", 1, sizeof(xsdt)), { fadt, madt } };

	acpi_checksum((u8 *)&xsdt, sizeof(xsdt), &xsdt.header.checksum);
	return writer_put(w, &xsdt, sizeof(xsdt), 16);
}

static u64 build_rsdt(struct writer *w, u64 fadt, u64 madt)
{
	struct acpi_rsdt rsdt = { acpi_header("RSDT", 1, sizeof(rsdt)), { (u32)fadt, (u32)madt } };

	acpi_checksum((u8 *)&rsdt, sizeof(rsdt), &rsdt.header.checksum);
	return writer_put(w, &rsdt, sizeof(rsdt), 16);
}

static struct acpi_rsdp make_rsdp(u64 rsdt, u64 xsdt)
{
	struct acpi_rsdp r = {
		.revision = 2, .length = sizeof(r), .rsdt = (u32)rsdt, .xsdt = xsdt
	};

	memcpy(r.signature, "RSD PTR ", sizeof(r.signature));
	memcpy(r.oem, OEM, sizeof(r.oem));
	acpi_checksum((u8 *)&r, 20, &r.checksum);
	acpi_checksum((u8 *)&r, sizeof(r), &r.checksum_all);
	return r;
}

u64 acpi_build(struct writer *w, u32 vcpus)
{
	u64 at = writer_reserve(w, sizeof(struct acpi_rsdp), 16);
	u64 dsdt = writer_put(w, acpi_dsdt, acpi_dsdt_size, 16);
	u64 fadt = build_fadt(w, dsdt);
	u64 madt = acpi_build_madt(w, vcpus);
	u64 rsdt = build_rsdt(w, fadt, madt), xsdt = build_xsdt(w, fadt, madt);
	struct acpi_rsdp rsdp = make_rsdp(rsdt, xsdt);

	if (w->full)
		return 0;
	memcpy(writer_bytes(w, at), &rsdp, sizeof(rsdp));
	return at;
}
