; SPDX-License-Identifier: MIT
;
; Moves between memory and a vector register whose number is known at run time: one piece of code
; for each register, all of one length (hv/ring3/monitor/vector.h).

	section .text
	bits 64

%macro MOVES 1 ; xmm0 to xmm15, the instruction's other operand is [rsi]
%assign reg 0
%rep 16
	align 8
	%1 reg
	ret
%assign reg reg + 1
%endrep
%endmacro

%macro GET 1
	movdqu [rsi], xmm%1
%endmacro

%macro SET 1
	movdqu xmm%1, [rsi]
%endmacro

; void vector_get(u32 reg, u8 bytes[16]): edi, rsi
	global vector_get
vector_get:
	and edi, 15
	lea rax, [rel gets]
	lea rax, [rax + rdi * 8]
	jmp rax

; void vector_set(u32 reg, const u8 bytes[16]): edi, rsi
	global vector_set
vector_set:
	and edi, 15
	lea rax, [rel sets]
	lea rax, [rax + rdi * 8]
	jmp rax

	align 8
gets:
	MOVES GET
	align 8
sets:
	MOVES SET
