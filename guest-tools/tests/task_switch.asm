; SPDX-License-Identifier: MIT
;
; A hardware task switch, in 32-bit protected mode without paging: an exit that no hypervisor can
; turn off, and one that Tapvisor does not know: its VM is to stop with a report. On the bare
; machine the switch is done, and the new task says so and ends the machine.

%define COM1            0x3f8
%define DEBUG_EXIT      0xf4
%define BOCHS_SHUTDOWN  0x8900

%define CODE32          0x08
%define DATA32          0x10
%define TSS_OLD         0x18
%define TSS_NEW         0x20

global guest_main

section .text
bits 64
default abs
guest_main:
	cli
	mov eax, tss_old                ; descriptor bases, in three pieces each
	mov [gdt.old + 2], ax
	shr eax, 16
	mov [gdt.old + 4], al
	mov [gdt.old + 7], ah
	mov eax, tss_new
	mov [gdt.new + 2], ax
	shr eax, 16
	mov [gdt.new + 4], al
	mov [gdt.new + 7], ah
	lgdt [gdt_pointer]
	push CODE32
	push compatibility
	retfq

bits 32
compatibility:
	mov eax, DATA32
	mov ds, eax
	mov es, eax
	mov ss, eax
	mov esp, stack_end
	mov eax, cr0                    ; paging off: out of long mode
	and eax, 0x7fffffff
	mov cr0, eax
	mov ecx, 0xc0000080
	rdmsr
	and eax, ~0x100                 ; EFER.LME
	wrmsr
	xor eax, eax
	mov cr4, eax
	mov eax, TSS_OLD
	ltr ax
	mov esi, before
	call say
	jmp TSS_NEW:0

new_task:
	mov esi, after
	call say
	mov edx, DEBUG_EXIT
	xor eax, eax
	out dx, eax
	mov esi, shutdown
	mov edx, BOCHS_SHUTDOWN
	mov ecx, 8
	rep outsb
.stop:	cli
	hlt
	jmp .stop

; In: ESI = text, ended by a NUL. Waits until it has left.
say:
	mov edx, COM1 + 5
	in al, dx
	test al, 0x40
	jz say
	lodsb
	test al, al
	jz .end
	mov edx, COM1
	out dx, al
	jmp say
.end:	ret

section .data
before: db "# task switch now", 13, 10, 0
after:  db "ok 1 - the task switch was done", 13, 10, "1..1", 13, 10, "# exit 0", 13, 10, 0
shutdown: db "Shutdown"

align 8
gdt:
	dq 0
	dq 0x00cf9b000000ffff
	dq 0x00cf93000000ffff
.old:	dw 103, 0
	db 0, 0x89, 0, 0
.new:	dw 103, 0
	db 0, 0x89, 0, 0
gdt_pointer:
	dw gdt_pointer - gdt - 1
	dq gdt

align 16
tss_old: times 26 dd 0
tss_new:
	times 7 dd 0
	dd 0                            ; CR3
	dd new_task                     ; EIP
	dd 2                            ; EFLAGS
	times 4 dd 0
	dd stack_end                    ; ESP
	times 3 dd 0
	dd DATA32, CODE32, DATA32, DATA32, 0, 0 ; ES CS SS DS FS GS
	dd 0                            ; LDT
	dd 104 << 16                    ; no I/O map

section .bss
align 16
	resb 1024
stack_end:

section .note.GNU-stack noalloc noexec nowrite progbits
