; SPDX-License-Identifier: MIT
;
; Every way into the kernel but a VM exit, and the way out to ring 3.
;
; All 256 stubs leave the same frame, struct user_regs (hv/kernel/cpu/user.h). Where it lies
; differs: from ring 3 in the current thread, for TSS.RSP0 points there; from ring 0 (idle, or a
; crash) and for the vectors with an interrupt stack, on that stack.

%define BIT_OF(n) (1 << (n))
; Exceptions with an error code: #DF, #TS, #NP, #SS, #GP, #PF, #AC, #CP, #VC, #SX.
ERROR_CODES equ BIT_OF(8) | 0x1f << 10 | BIT_OF(17) | BIT_OF(21) | BIT_OF(29) | BIT_OF(30)

; struct user_regs
REGS_CS           equ 144
REGS_KERNEL_STACK equ 176

global interrupt_stubs, user_return, core_idle, core_window, stack_switch
extern user_trap, kernel_trap

; RFLAGS for C, from ring 3's: AC off (it would suspend SMAP), DF, TF, NT off. POPF does it in two
; instructions on any processor; CLAC is #UD where there is no SMAP.
%macro CLEAN_FLAGS 0
	push 2
	popfq
%endmacro

; The order in struct user_regs, from its end: the first is pushed first.
%define GPRS rax, rbx, rcx, rdx, rsi, rdi, rbp, r8, r9, r10, r11, r12, r13, r14, r15

%macro PUSH_ALL 1-*
%rep %0
	push %1
%rotate 1
%endrep
%endmacro

%macro POP_ALL 1-*
%rep %0
%rotate -1
	pop %1
%endrep
%endmacro

; Drops vector and error code, returns to what the frame says.
%macro RESTORE_AND_RETURN 0
	POP_ALL GPRS
	add rsp, 16
	iretq
%endmacro

section .text
align 16
; One stub every 16 bytes. Where the CPU pushes no error code (SDM 3A 6.15), the stub pushes 0. NMI,
; #DF and #MC have stacks of their own.
interrupt_stubs:
%assign vector 0
%rep 256
	align 16
%if vector >= 32 || (BIT_OF(vector) & ERROR_CODES) == 0
	push 0
%endif
	push strict qword vector
%if vector == 2 || vector == 8 || vector == 18
	jmp near trap_ist
%else
	jmp near trap
%endif
%assign vector vector + 1
%endrep

align 16
trap:
	PUSH_ALL GPRS
	mov rdi, rsp
	test byte [rsp + REGS_CS], 3
	jz trap_ring0
	mov rsp, [rsp + REGS_KERNEL_STACK]
	CLEAN_FLAGS
	call user_trap			; never returns
	ud2

trap_ist:
	PUSH_ALL GPRS
	mov rdi, rsp
trap_ring0:
	CLEAN_FLAGS
	call kernel_trap
	RESTORE_AND_RETURN

; void user_return(struct user_regs *regs)
align 16
user_return:
	mov rsp, rdi
	RESTORE_AND_RETURN

; void core_idle(void): STI holds interrupts back until HLT has begun, so none is missed.
core_idle:
	sti
	hlt
	cli
	ret

; void core_window(void): interrupts are taken behind the NOP that follows STI.
core_window:
	sti
	nop
	cli
	ret

; void stack_switch(u64 stack_top, void (*function)(void *), void *argument)
stack_switch:
	mov rsp, rdi
	mov rdi, rdx
	call rsi			; never returns
	ud2

section .note.GNU-stack noalloc noexec nowrite progbits
