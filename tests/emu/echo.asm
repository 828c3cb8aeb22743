; SPDX-License-Identifier: MIT
;
; The smallest machine that a test of the runners needs: prints a line on COM1 and one on COM2, then
; echoes COM1. "q" writes "Shutdown" to port 0x8900; "t" is a triple fault. With the argument
; "quit" it ends without being asked; with a module it prints that on COM2 instead and ends: so it
; stands in for a hypervisor whose telemetry is known.

%define COM1 0x3f8
%define COM2 0x2f8

%define TAG_END     0
%define TAG_CMDLINE 1
%define TAG_MODULE  3

section .multiboot2
align 8
header:
	dd 0xe85250d6, 0, .end - header, 0x100000000 - (0xe85250d6 + (.end - header))
	dw 0, 0
	dd 8
.end:

section .text
bits 32
global start
start:
	mov esp, stack_end
	lea edi, [ebx + 8]              ; the first tag of the multiboot information
	mov dx, COM1
	mov esi, hello
	mov ecx, hello.end - hello
	call print

	xor ebp, ebp                    ; 1: end without being asked
	mov esi, json
	mov ecx, json.end - json
.tag:	cmp dword [edi], TAG_END
	je .last
	cmp dword [edi], TAG_CMDLINE
	jne .module
	cmp dword [edi + 8], "quit"
	jne .next
	inc ebp
.module:
	cmp dword [edi], TAG_MODULE
	jne .next
	inc ebp
	mov esi, [edi + 8]
	mov ecx, [edi + 12]
	sub ecx, esi
	jmp .last                       ; the first one alone
.next:	mov eax, [edi + 4]
	add eax, 7
	and eax, ~7
	add edi, eax
	jmp .tag
.last:	mov dx, COM2
	call print
	test ebp, ebp
	jnz quit

echo:	mov dx, COM1 + 5
	in al, dx
	test al, 1
	jz echo
	mov dx, COM1
	in al, dx
	cmp al, "q"
	je quit
	cmp al, "t"
	je triple
	call put
	jmp echo

quit:	mov dx, COM1 + 5                ; let both ports' last characters out
	in al, dx
	mov dx, COM2 + 5
	mov ah, al
	in al, dx
	and al, ah
	test al, 0x40
	jz quit
	mov esi, shutdown
	mov dx, 0x8900
	mov ecx, 8
	rep outsb
	cli
	hlt

triple:	lidt [no_idt]
	int3

; Set port DX to 8n1 and print the ECX characters at ESI.
print:	push edx
	add dx, 3
	mov al, 3
	out dx, al
	pop edx
.next:	jecxz .done
	lodsb
	call put
	dec ecx
	jmp .next
.done:	ret

; Print AL on port DX.
put:	push eax
	push edx
	add dx, 5
.wait:	in al, dx
	test al, 0x20
	jz .wait
	pop edx
	pop eax
	out dx, al
	ret

section .rodata
hello:	db "hello from the machine", 10
.end:
json:	db '{"type":"verdict","ok":true}', 10
.end:
shutdown:
	db "Shutdown"
no_idt:	dw 0
	dq 0

section .bss
align 16
	resb 4096
stack_end:
