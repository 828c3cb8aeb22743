; SPDX-License-Identifier: MIT
;
; The world switch: the only way into guest mode, and the only way out of it.
;
; HOST_RSP of each VMCS points at the end of its vCPU's gpr[16] (vmx/vcpu.h, offset 0 of struct
; vmx_vcpu). A VM exit so pushes the guest's registers straight to where C reads them, without a
; free register and without touching the core's stack, which is loaded only then and always empty:
;
;      gpr + 128  <- RSP at VM exit          r15 is pushed first, rax last, as instructions
;      gpr + 0    <- RSP after the pushes    number them; slot 4 (rsp) is in the VMCS
;
; NMIs and machine checks have stacks of their own (IST), so RSP may point there.

default rel
bits 64
section .text

extern vmx_on_exit             ; NORETURN void (struct vmx_vcpu *)
extern vmx_on_entry_failed     ; NORETURN void (struct vmx_vcpu *, bool invalid)

VCPU_STACK_TOP	equ 128        ; offsetof, held together by static_assert in vmx/vcpu.h
VCPU_LAUNCHED	equ 136

%macro LOAD_GUEST 0
	pop	rax
	pop	rcx
	pop	rdx
	pop	rbx
	pop	rbp                    ; the unused slot 4
	pop	rbp
	pop	rsi
	pop	rdi
	pop	r8
	pop	r9
	pop	r10
	pop	r11
	pop	r12
	pop	r13
	pop	r14
	pop	r15
%endmacro

; NORETURN void vmx_enter(struct vmx_vcpu *vcpu): its VMCS is current, interrupts are off.
global vmx_enter
vmx_enter:
	cmp	dword [rdi + VCPU_LAUNCHED], 0
	mov	rsp, rdi
	je	.first
	LOAD_GUEST
	vmresume
	jmp	.failed                ; never fall into VMLAUNCH: this VMCS is launched
.first:
	mov	dword [rdi + VCPU_LAUNCHED], 1
	LOAD_GUEST
	vmlaunch
.failed:
	; The registers hold the guest's values: nothing may be taken from them. RSP is ours.
	lea	rdi, [rsp - 128]       ; LEA and MOV leave CF (invalid) and ZF (valid, error number)
	mov	rsp, [rdi + VCPU_STACK_TOP]
	setc	sil
	movzx	esi, sil
	call	vmx_on_entry_failed
	ud2

; HOST_RIP.
global vmx_exit
vmx_exit:
	push	r15
	push	r14
	push	r13
	push	r12
	push	r11
	push	r10
	push	r9
	push	r8
	push	rdi
	push	rsi
	push	rbp
	push	rbp                    ; slot 4, never read
	push	rbx
	push	rdx
	push	rcx
	push	rax
	mov	rdi, rsp
	mov	rsp, [rdi + VCPU_STACK_TOP]
	call	vmx_on_exit
	ud2
