; SPDX-License-Identifier: MIT
;
; From the boot loader's 32-bit protected mode to C in the upper half of the address space.
;
; GRUB hands over alike from BIOS and UEFI (without an EFI entry tag it leaves the boot services and
; goes to 32-bit mode itself): EAX the magic, EBX the boot information, paging off, interrupts off.
; No tag asks for a framebuffer: under UEFI there is one all the same (docs/quirks.md).
; The boot tables made here map the first 4 GiB, writable and executable, at 0 and in the direct
; map, and the first GiB as the kernel's; mmu_init replaces them, other cores pass through them.

KERNEL_BASE equ 0xffffffff80000000
%define phys(symbol) ((symbol) - KERNEL_BASE)

MULTIBOOT2_MAGIC equ 0xe85250d6
STACK_SIZE       equ 0x4000		; hv/kernel/cpu/core.h

CR4_PAE   equ 1 << 5
EFER      equ 0xc0000080
EFER_LME  equ 1 << 8
EFER_NXE  equ 1 << 11
CR0_START equ 0x80010033		; PG WP NE ET MP PE
CPUID_LM  equ 1 << 29			; 0x80000001 EDX
CPUID_NX  equ 1 << 20
WRITABLE  equ 3				; present, too
LARGE     equ 0x80

; From 16- or 32-bit code, paging off: the boot tables and long mode; a far jump completes it.
%macro LONG_MODE 0
	mov eax, CR4_PAE
	mov cr4, eax
	mov eax, phys(boot_pml4)
	mov cr3, eax
	mov ecx, EFER
	rdmsr
	or eax, EFER_LME | EFER_NXE
	wrmsr
	mov eax, CR0_START
	mov cr0, eax
%endmacro

global smp_start_root, smp_start_stack
global start, start_core, boot_stack, boot_gdt
global trampoline, trampoline_end, trampoline_gdtr, trampoline_jump
global trampoline_long
extern boot_main, smp_core_main

section .multiboot progbits alloc noexec nowrite align=8
header:
	dd MULTIBOOT2_MAGIC, 0, header_end - header
	dd -(MULTIBOOT2_MAGIC + (header_end - header)) & 0xffffffff
	dw 6, 0				; modules start on page boundaries
	dd 8
	dw 3, 0				; entry point, physical
	dd 12, phys(start), 0
	dw 0, 0
	dd 8
header_end:

section .text
bits 32
start:
	cli
	cld
	mov esp, phys(boot_stack_end)
	mov ebp, eax			; the magic
	mov esi, ebx			; the boot information
	mov eax, 0x80000000
	cpuid
	cmp eax, 0x80000001
	jb .too_old
	mov eax, 0x80000001
	cpuid
	and edx, CPUID_LM | CPUID_NX
	cmp edx, CPUID_LM | CPUID_NX
	jne .too_old

	LONG_MODE
	lgdt [phys(boot_gdtr)]
	jmp 0x08:phys(.long)

.too_old:
	mov esi, phys(uart_settings)
	mov edx, 0x300
	mov ecx, 4
.setting:
	lodsb
	mov dl, al
	lodsb
	out dx, al
	loop .setting
	mov esi, phys(message_too_old)
.character:
	mov dx, 0x3fd
.wait:
	in al, dx
	test al, 0x20
	jz .wait
	mov dx, 0x3f8
	lodsb
	test al, al
	jz .stop
	out dx, al
	jmp .character
.stop:
	hlt
	jmp .stop

bits 64
.long:
	mov rax, .upper
	jmp rax
.upper:
	mov ax, 0x10
	mov ds, ax
	mov es, ax
	mov ss, ax
	xor eax, eax
	mov fs, ax
	mov gs, ax
	mov rsp, boot_stack_end - 16
	mov edi, ebp
	mov esi, esi
	call boot_main			; never returns
	ud2

; Another core, from the trampoline, in long mode on the boot tables.
start_core:
	mov ax, 0x10
	mov ds, ax
	mov es, ax
	mov ss, ax
	mov rax, [rel smp_start_root]
	mov cr3, rax
	xor eax, eax
	xchg rax, [rel smp_start_stack]	; taken once: who comes too late finds 0
	test rax, rax
	jz .late
	mov rsp, rax
	call smp_core_main		; never returns
	ud2
.late:
	cli
	hlt
	jmp .late

section .rodata
align 8
boot_gdt:
	dq 0
	dq 0x00af9b000000ffff		; 0x08: 64-bit code
	dq 0x00cf93000000ffff		; 0x10: data
boot_gdtr:
	dw 3 * 8 - 1
	dq phys(boot_gdt)
uart_settings:				; COM1, low byte of port and value: 115,200 8N1
	db 0xfb, 0x80, 0xf8, 1, 0xf9, 0, 0xfb, 3
message_too_old:
	db "Tapvisor needs a 64-bit processor with no-execute pages (and VT-x).", 13, 10, 0

; What a start-up IPI runs, copied to a page below 1 MiB: from real mode straight to long mode. The
; copy's two pointers are filled in by smp.c. CS:0 is its start.
bits 16
align 16
trampoline:
	cli
	cld
	mov ax, cs
	mov ds, ax
	o32 lgdt [trampoline_gdtr - trampoline]
	LONG_MODE
	o32 jmp far [trampoline_jump - trampoline]
bits 64
trampoline_long:
	mov rax, start_core
	jmp rax
align 8
trampoline_gdtr:
	dw 3 * 8 - 1
	dd 0				; physical address of boot_gdt
align 8
trampoline_jump:
	dd 0				; physical address of the copy's trampoline_long
	dw 0x08
trampoline_end:

section .data align=4096
boot_pml4:
	dq phys(boot_pdpt) + WRITABLE
	times 255 dq 0
	dq phys(boot_pdpt) + WRITABLE
	times 254 dq 0
	dq phys(boot_pdpt_kernel) + WRITABLE
boot_pdpt:
%assign i 0
%rep 4
	dq phys(boot_pd) + i * 0x1000 + WRITABLE
%assign i i + 1
%endrep
	times 508 dq 0
boot_pdpt_kernel:
	times 510 dq 0
	dq phys(boot_pd) + WRITABLE, 0
boot_pd:
%assign i 0
%rep 2048
	dq i * 0x200000 + LARGE + WRITABLE
%assign i i + 1
%endrep

section .bss nobits alloc noexec write align=16384
boot_stack:
	resb STACK_SIZE
boot_stack_end:
smp_start_root:				; what boot/smp.c tells another core
	resq 1
smp_start_stack:
	resq 1

section .note.GNU-stack noalloc noexec nowrite progbits
