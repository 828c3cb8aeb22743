; SPDX-License-Identifier: MIT
;
; The 256 interrupt entries, and the two calls that can be left by an interrupt:
; trap_call (an exception ends it) and user_call (runs a function at CPL 3; INT 0x80 ends it).

%define CPU_TRAP_RSP    8               ; struct cpu (smp.h); static_assert'ed in interrupt.c
%define CPU_USER_RSP    16
%define CPU_TSS_RSP0    40

global interrupt_entries, trap_call, trap_landing, user_call, user_landing
extern interrupt_dispatch

%macro PUSH_ALL 0
	push rax
	push rcx
	push rdx
	push rbx
	push rbp
	push rsi
	push rdi
	push r8
	push r9
	push r10
	push r11
	push r12
	push r13
	push r14
	push r15
%endmacro

%macro POP_ALL 0
	pop r15
	pop r14
	pop r13
	pop r12
	pop r11
	pop r10
	pop r9
	pop r8
	pop rdi
	pop rsi
	pop rbp
	pop rbx
	pop rdx
	pop rcx
	pop rax
%endmacro

; The registers that C keeps for its caller.
%macro PUSH_KEPT 0
	push rbp
	push rbx
	push r12
	push r13
	push r14
	push r15
%endmacro

%macro POP_KEPT 0
	pop r15
	pop r14
	pop r13
	pop r12
	pop rbx
	pop rbp
%endmacro

; Exceptions that push an error code: DF TS NP SS GP PF AC CP VC SX.
%define ERROR_CODES 0x60227d00

section .text
bits 64
default abs
%assign vector 0
%rep 256
entry_ %+ vector:
  %if vector >= 32
	push qword 0
  %elif ((ERROR_CODES >> vector) & 1) == 0
	push qword 0
  %endif
	push qword vector
	jmp near interrupt_common
  %assign vector vector + 1
%endrep

interrupt_common:
	PUSH_ALL
	cld
	mov rdi, rsp
	mov rbp, rsp
	and rsp, ~15
	call interrupt_dispatch
	mov rsp, rbp
	POP_ALL
	add rsp, 16
	iretq

; int trap_call(void (*fn)(void *), void *arg): the vector that ended fn, or -1.
trap_call:
	PUSH_KEPT
	push qword [gs:CPU_TRAP_RSP]    ; calls nest; also aligns the stack
	mov [gs:CPU_TRAP_RSP], rsp
	mov rax, rdi
	mov rdi, rsi
	call rax
	mov eax, -1
trap_landing:                           ; EAX = vector, RSP = as kept above
	pop qword [gs:CPU_TRAP_RSP]
	POP_KEPT
	ret

; u64 user_call(u64 (*fn)(u64), u64 arg, void *stack_top): fn's result.
user_call:
	PUSH_KEPT
	push qword [gs:CPU_USER_RSP]
	mov [gs:CPU_USER_RSP], rsp
	mov [gs:CPU_TSS_RSP0], rsp
	mov rax, rdi
	mov rdi, rsi
	push qword 0x23                 ; SS
	push rdx
	push qword 0x202
	push qword 0x2b                 ; CS
	lea rcx, [user_start]
	push rcx
	iretq
user_start:
	call rax
	int 0x80
user_landing:                           ; RAX = result, RSP = as kept above
	pop qword [gs:CPU_USER_RSP]
	POP_KEPT
	ret

section .rodata
align 8
interrupt_entries:
%assign vector 0
%rep 256
	dq entry_ %+ vector
  %assign vector vector + 1
%endrep

section .note.GNU-stack noalloc noexec nowrite progbits
