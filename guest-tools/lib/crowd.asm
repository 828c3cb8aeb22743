; SPDX-License-Identifier: MIT
;
; The code of a member of a crowd (crowd.h): copied to CROWD_PAGE, entered there in real mode by a
; start-up IPI. EBX is its APIC ID all the time. crowd.c holds the same addresses.

%define CROWD_PAGE      0x9000
%define CROWD_ORDER     0xa000
%define CROWD_MEMBERS   0xa100          ; 8 bytes each: rounds, wakes
%define CROWD_STACKS    0xb000          ; 64 bytes each
%define AT(label)       (CROWD_PAGE + (label) - crowd_code)

%define MSR_APIC_BASE   0x1b
%define APIC_BASE_ON    0xc00           ; enabled, x2APIC
%define MSR_X2APIC_ID   0x802
%define MSR_X2APIC_EOI  0x80b
%define MSR_X2APIC_SVR  0x80f

global crowd_code, crowd_handler, crowd_ignore, crowd_code_end

section .rodata
bits 16
crowd_code:
	cli
	cld
	xor eax, eax
	mov ds, ax
	mov ss, ax
	mov ecx, MSR_APIC_BASE
	rdmsr
	or eax, APIC_BASE_ON
	wrmsr
	mov ecx, MSR_X2APIC_ID
	rdmsr
	movzx ebx, al
	mov esp, ebx
	shl esp, 6
	add esp, CROWD_STACKS + 64
	mov ecx, MSR_X2APIC_SVR
	mov eax, 0x1ff
	xor edx, edx
	wrmsr
.round:	inc dword [ebx * 8 + CROWD_MEMBERS]
	sti
	cmp byte [CROWD_ORDER], 0
	jne .round
	cli
	cmp byte [CROWD_ORDER], 0
	jne .round
	sti
	hlt
	jmp .round

crowd_handler:
	inc dword [ebx * 8 + CROWD_MEMBERS + 4]
	mov ecx, MSR_X2APIC_EOI
	xor eax, eax
	xor edx, edx
	wrmsr
crowd_ignore:
	iret
crowd_code_end:

section .note.GNU-stack noalloc noexec nowrite progbits
