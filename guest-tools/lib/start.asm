; SPDX-License-Identifier: MIT
;
; Entry of a guest image. Multiboot 1, Multiboot 2 and PVH loaders all enter in 32-bit protected
; mode, paging off, interrupts off; EBX holds the loader's information. Here: identity-mapped page
; tables for the low 4 GiB, long mode, the boot stack, and then boot_main(magic, information).

%define MB1_MAGIC       0x1badb002
%define MB1_FLAGS       0x00010003      ; page-aligned modules, memory map, address fields valid
%define MB2_MAGIC       0xe85250d6
%define PVH_BOOT_MAGIC  0x336ec578      ; first word of the PVH start information
%define PVH_ELFNOTE     18              ; XEN_ELFNOTE_PHYS32_ENTRY

%define PTE_LARGE_USER  0x87            ; present, writable, user, 2 MiB
%define PTE_TABLE       0x07
%define PTE_UNCACHED    0x18            ; PWT, PCD

%define CR4_ON          0x620           ; PAE, OSFXSR, OSXMMEXCPT
%define CR0_CLEAR       0x6000000c      ; CD, NW, TS, EM
%define CR0_ON          0x80000023      ; PG, PE, MP, NE

global start, start_pvh, enter_long_mode, boot_pml4, boot_pdpt, boot_gdt, boot_gdt_pointer
extern boot_main, image_start, image_load_end, image_end, cpu_stacks

KIT_STACK_SIZE  equ 8192                ; cpu_stacks' element, as in smp.h

section .boot progbits alloc exec write align=4096
bits 32
align 8
multiboot1:
	dd MB1_MAGIC, MB1_FLAGS, -(MB1_MAGIC + MB1_FLAGS)
	dd multiboot1, image_start, image_load_end, image_end, start
align 8
multiboot2:
	dd MB2_MAGIC, 0, multiboot2_end - multiboot2
	dd 0x100000000 - (MB2_MAGIC + (multiboot2_end - multiboot2))
	dw 0, 0
	dd 8
multiboot2_end:

start_pvh:
	mov eax, PVH_BOOT_MAGIC
start:
	cli
	cld
	mov ebp, eax                    ; which loader, kept until boot_main
	mov esi, ebx                    ; its information, likewise
	mov esp, cpu_stacks + KIT_STACK_SIZE

	mov edi, boot_pds               ; four page directories, one after the other
	mov eax, PTE_LARGE_USER
	xor ecx, ecx
.fill:	mov [edi + ecx * 8], eax
	mov dword [edi + ecx * 8 + 4], 0
	add eax, 0x200000
	inc ecx
	cmp ecx, 2048
	jb .fill
	or dword [edi + (0xfec00000 >> 21) * 8], PTE_UNCACHED
	or dword [edi + (0xfee00000 >> 21) * 8], PTE_UNCACHED

	mov eax, boot_pds + PTE_TABLE
	xor ecx, ecx
.dirs:	mov [boot_pdpt + ecx * 8], eax
	add eax, 4096
	inc ecx
	cmp ecx, 4
	jb .dirs
	mov dword [boot_pml4], boot_pdpt + PTE_TABLE

	mov ebx, start64
	; falls into enter_long_mode

; In: 32-bit protected mode, EBX = 64-bit address to go on at. Keeps EBP, ESI, ESP.
; Also the way of the application processors (trampoline.asm).
enter_long_mode:
	mov eax, cr4
	or eax, CR4_ON
	mov cr4, eax
	mov eax, boot_pml4
	mov cr3, eax
	mov ecx, 0xc0000080             ; IA32_EFER
	rdmsr
	or eax, 0x900                   ; LME, NXE
	wrmsr
	mov eax, cr0
	and eax, ~CR0_CLEAR
	or eax, CR0_ON
	mov cr0, eax
	lgdt [boot_gdt_pointer]
	jmp 0x08:.long

bits 64
.long:
	mov eax, 0x10
	mov ds, eax
	mov es, eax
	mov ss, eax
	xor eax, eax
	mov fs, eax
	mov gs, eax
	mov ebx, ebx                    ; the upper halves are undefined after the switch
	jmp rbx

start64:
	mov esp, esp
	mov edi, ebp
	mov esi, esi
	xor ebp, ebp
	call boot_main
	ud2

align 8
boot_gdt:
	dq 0
	dq 0x00af9b000000ffff           ; 0x08 code, 64-bit
	dq 0x00cf93000000ffff           ; 0x10 data
	dq 0x00cf9b000000ffff           ; 0x18 code, 32-bit
boot_gdt_end:
boot_gdt_pointer:
	dw boot_gdt_end - boot_gdt - 1
	dq boot_gdt

section .note.pvh note alloc align=4
	dd 4, 8, PVH_ELFNOTE
	db "Xen", 0
	dq start_pvh

section .bss nobits alloc write align=4096
boot_pml4:      resb 4096
boot_pdpt:      resb 4096
boot_pds:       resb 4 * 4096

section .note.GNU-stack noalloc noexec nowrite progbits
