/* SPDX-License-Identifier: MIT */
/*
 * The setup header of a bzImage, at 0x1f1 of the file and of boot_params alike: the decoder reads
 * it, bootinfo_linux.c hands it back to the kernel. Names are those of Linux's boot protocol.
 */
#ifndef HV_MONITOR_BZIMAGE_H
#define HV_MONITOR_BZIMAGE_H

#include "hv/base/types.h"

#define BZIMAGE_HEADER 0x1f1u
#define BZIMAGE_MAGIC  0x53726448u /* "HdrS" */

struct bzimage_header {
	u8 setup_sects;
	u16 root_flags;
	u32 syssize;
	u16 ram_size, vid_mode, root_dev, boot_flag;
	u8 jump, header_length; /* the header ends so many bytes behind 0x202 */
	u32 magic;
	u16 version;
	u32 realmode_swtch;
	u16 start_sys_seg, kernel_version;
	u8 type_of_loader, loadflags;
	u16 setup_move_size;
	u32 code32_start, ramdisk_image, ramdisk_size, bootsect_kludge;
	u16 heap_end_ptr;
	u8 ext_loader_ver, ext_loader_type;
	u32 cmd_line_ptr, initrd_addr_max, kernel_alignment;
	u8 relocatable_kernel, min_alignment;
	u16 xloadflags;
	u32 cmdline_size, hardware_subarch;
	u64 hardware_subarch_data;
	u32 payload_offset, payload_length;
	u64 setup_data, pref_address;
	u32 init_size;
} PACKED;
static_assert(offsetof(struct bzimage_header, magic) == 0x202 - BZIMAGE_HEADER, "boot.rst");
static_assert(offsetof(struct bzimage_header, xloadflags) == 0x236 - BZIMAGE_HEADER, "boot.rst");
static_assert(offsetof(struct bzimage_header, init_size) == 0x260 - BZIMAGE_HEADER, "boot.rst");

static inline bool bzimage_is_64_bit(const struct bzimage_header *h)
{
	return (h->xloadflags & 0x01) != 0; /* XLF_KERNEL_64 */
}

#endif
