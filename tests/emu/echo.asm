; SPDX-License-Identifier: MIT
;
; The smallest machine a test of the runners needs: prints a line on COM1 and one on COM2, then
; echoes COM1. "q" writes "Shutdown" to port 0x8900; "t" is a triple fault. With the argument
; "quit" on its command line it ends without being asked.

%define COM1 0x3f8
%define COM2 0x2f8

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
	mov edi, ebx                    ; multiboot information
	mov dx, COM1
	mov esi, hello
	call print
	mov dx, COM2
	mov esi, json
	call print
	add edi, 8
.tag:	cmp dword [edi], 1              ; tag 1: the command line
	je .args
	cmp dword [edi], 0
	je echo
	mov eax, [edi + 4]
	add eax, 7
	and eax, ~7
	add edi, eax
	jmp .tag
.args:	cmp dword [edi + 8], "quit"
	je quit

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

; Set port DX to 8n1 and print the string at ESI.
print:	push edx
	add dx, 3
	mov al, 3
	out dx, al
	pop edx
.next:	lodsb
	test al, al
	jz .done
	call put
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
hello:    db "hello from the machine", 10, 0
json:     db '{"type":"verdict","ok":true}', 10, 0
shutdown: db "Shutdown"
no_idt:   dw 0
          dq 0

section .bss
align 16
	resb 4096
stack_end:
