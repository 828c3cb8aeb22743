; SPDX-License-Identifier: MIT
;
; Where an application processor starts: copied to TRAMPOLINE (smp.h), entered in real mode by a
; start-up IPI, on to long mode by enter_long_mode, then ap_main(index) on the stack of the CPU
; whose APIC ID is in cpu_ids. A processor that is not listed halts for good.

%define TRAMPOLINE      0x8000
%define AT(label)       (TRAMPOLINE + (label) - trampoline_start)

global trampoline_start, trampoline_end, ap_start64
extern enter_long_mode, boot_gdt, cpu_ids, cpu_ids_count, cpu_stacks, ap_main

KIT_STACK_SIZE  equ 8192

section .rodata
bits 16
trampoline_start:
	cli
	cld
	xor eax, eax
	mov ds, ax
	o32 lgdt [AT(gdt_pointer)]
	mov eax, cr0
	and eax, 0x9fffffff             ; CD, NW: set by a reset, left alone by INIT
	or eax, 1
	mov cr0, eax
	jmp dword 0x18:AT(protected)
bits 32
protected:
	mov eax, 0x10
	mov ds, eax
	mov es, eax
	mov ss, eax
	mov ebx, ap_start64
	mov eax, enter_long_mode
	jmp eax
align 8
gdt_pointer:
	dw 4 * 8 - 1
	dd boot_gdt
trampoline_end:

section .text
bits 64
default abs
ap_start64:
	xor eax, eax                    ; APIC ID to EAX: leaf 0xb where it tells one, else leaf 1
	cpuid
	cmp eax, 0xb
	jb .leaf1
	mov eax, 0xb
	xor ecx, ecx
	cpuid
	mov eax, edx
	test ebx, ebx
	jnz .id
.leaf1:	mov eax, 1
	cpuid
	shr ebx, 24
	mov eax, ebx
.id:
	xor ecx, ecx
.find:	cmp ecx, [cpu_ids_count]
	jae .unknown
	cmp [cpu_ids + rcx * 4], eax
	je .found
	inc ecx
	jmp .find
.found:
	mov edi, ecx
	inc ecx
	imul ecx, ecx, KIT_STACK_SIZE
	lea rsp, [cpu_stacks + rcx]
	xor ebp, ebp
	call ap_main
.unknown:
	cli
	hlt
	jmp .unknown

section .note.GNU-stack noalloc noexec nowrite progbits
