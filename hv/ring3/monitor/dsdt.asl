// SPDX-License-Identifier: MIT
//
// The devices that a guest cannot find by itself, and how to switch off. Compiled by iasl; dsdt.c
// holds the result (`iasl -p /tmp/dsdt hv/ring3/monitor/dsdt.asl`).
DefinitionBlock ("", "DSDT", 2, "TAPVSR", "TAPVISOR", 1)
{
	Name (_S5, Package () { 5, 0 })

	Scope (_SB)
	{
		Device (COM1)
		{
			Name (_HID, EisaId ("PNP0501"))
			Name (_UID, 1)
			Name (_CRS, ResourceTemplate () {
				IO (Decode16, 0x3f8, 0x3f8, 0, 8)
				Interrupt (ResourceConsumer, Edge, ActiveHigh, Exclusive) { 4 }
			})
		}
		Device (COM2)
		{
			Name (_HID, EisaId ("PNP0501"))
			Name (_UID, 2)
			Name (_CRS, ResourceTemplate () {
				IO (Decode16, 0x2f8, 0x2f8, 0, 8)
				Interrupt (ResourceConsumer, Edge, ActiveHigh, Exclusive) { 3 }
			})
		}
		Device (RTC)
		{
			Name (_HID, EisaId ("PNP0B00"))
			Name (_CRS, ResourceTemplate () {
				IO (Decode16, 0x70, 0x70, 0, 2)
			})
		}
	}
}
