; SPDX-License-Identifier: MIT
;
; An option ROM that measures whether a tick is an instruction, for hv/host/probe.py. It starts the
; second CPU, which counts without end. Then it reads the TSC at both ends of one path again and
; again, in every position to the other CPU's turns, and prints four numbers on COM1, each in eight
; hexadecimal digits: the path's instructions, the shortest and the longest time that they took, and
; how far the other CPU has counted. The CPU is in real mode, and its APIC in x2APIC mode, whose
; registers are MSRs.

ROM_SIZE    equ 512
COM1        equ 0x3f8
AP_PAGE     equ 0x7			; where the second CPU starts: 0x7000
COUNTER     equ 0x7800			; and what it counts
SAMPLES     equ 400
NOPS        equ 24
APIC_BASE   equ 0x1b
X2APIC_MODE equ 0xc00
X2APIC_ICR  equ 0x830
INIT_OTHERS equ 0xc4500			; to all but oneself: the first CPU is the only one so far
SIPI_OTHERS equ 0xc4600 | AP_PAGE

org 0
bits 16
	dw 0xaa55
	db ROM_SIZE / 512
	cli
	cld
	xor ax, ax
	mov ds, ax
	mov es, ax
	mov di, AP_PAGE << 12
	mov si, count
	mov cx, count.end - count
	cs rep movsb
	mov dword [COUNTER], 0

	mov al, 0xff			; no interrupt of the firmware's may wait
	out 0x21, al
	out 0xa1, al
	mov ecx, APIC_BASE
	rdmsr
	or ax, X2APIC_MODE
	wrmsr
	mov eax, INIT_OTHERS
	call send
	mov eax, SIPI_OTHERS
	call send
	mov eax, SIPI_OTHERS
	call send

; The path is entered at each of its instructions, the last one first: whoever keeps decoded
; instructions as one piece up to the next branch has a long piece for each then.
	mov bx, path.end
.enter:	call bx
	dec bx
	cmp bx, path
	jae .enter

; EDI the shortest, EBP the longest, BX samples to come.
	mov edi, -1
	xor ebp, ebp
	mov bx, SAMPLES
sample:
	mov cx, bx			; begins in another place of a turn each time
	and cx, 7
	inc cx
.later:	loop .later
	rdtsc
	mov esi, eax
	call path
	rdtsc
	sub eax, esi
	cmp eax, edi
	ja .longest
	mov edi, eax
.longest:
	cmp eax, ebp
	jb .next
	mov ebp, eax
.next:	dec bx
	jnz sample

PATH  equ 1 + 1 + NOPS + 1 + 1		; MOV, CALL, the NOPs, RET, and the second RDTSC

	mov dx, COM1 + 3
	mov al, 3			; 8 bits, no parity
	out dx, al
	mov eax, PATH
	call print
	mov eax, edi
	call print
	mov eax, ebp
	call print
	mov eax, [COUNTER]
	call print
	mov dx, COM1 + 5
.drain:	in al, dx
	test al, 0x40
	jz .drain
	mov si, shutdown
	mov dx, 0x8900
	mov cx, 8
	cs rep outsb
	hlt

path:	times NOPS nop
.end:	ret

; EAX to the interrupt command register; time for the other CPU.
send:
	xor edx, edx
	mov ecx, X2APIC_ICR
	wrmsr
	mov cx, 2000
	loop $
	ret

; EAX in eight hexadecimal digits, and a blank.
print:
	mov cx, 8
.digit:	rol eax, 4
	push ax
	and al, 15
	cmp al, 10
	sbb al, 0x69			; the old way to a hexadecimal digit
	das
	call put
	pop ax
	loop .digit
	mov al, " "
put:
	push ax
	mov dx, COM1 + 5
.wait:	in al, dx
	test al, 0x20
	jz .wait
	pop ax
	mov dx, COM1
	out dx, al
	ret

; Copied to AP_PAGE: the second CPU, in paths of another length.
count:
	xor ax, ax
	mov ds, ax
.more:	inc dword [COUNTER]
	nop
	nop
	jmp .more
.end:

shutdown:
	db "Shutdown"

times ROM_SIZE - ($ - $$) db 0
