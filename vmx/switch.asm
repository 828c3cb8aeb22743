; SPDX-License-Identifier: MIT
;
; The world switch: the only way into guest mode, and the only way out of it.
;
; HOST_RSP of each VMCS points at the end of its vCPU's gpr[16] (vmx/vcpu.h, offset 0 of struct
; vmx_vcpu). A VM exit so pushes the guest's registers straight to where C reads them, without a
; free register and without touching the core's stack, which is loaded only then and always empty:
;
;      gpr + 128  <- RSP at VM exit          r15 comes first, rax last, as instructions
;      gpr + 0    <- RSP after the pushes    number them; slot 4 (rsp) is in the VMCS
;
; NMIs and machine checks have stacks of their own (IST), so RSP may point there.
;
; The fast path saves what C may change, and RBX, which CPUID and hypercalls need. RBP and r12 to
; r15 stay where they are: the ABI has every C function hand them back. Only an exit that the fast
; path does not handle (.slow) stores them as well.

default rel
bits 64
section .text

extern vmx_on_exit             ; exit_handler (struct vmx_vcpu *)
extern vmx_after_exit          ; NORETURN void (struct vmx_vcpu *, enum after)
extern vmx_on_entry_failed     ; enum after (struct vmx_vcpu *, bool invalid)

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

%macro STORE_PRESERVED 1       ; those that C hands back, to gpr[] at the given register
	mov	[%1 + 8 * 5], rbp
	mov	[%1 + 8 * 12], r12
	mov	[%1 + 8 * 13], r13
	mov	[%1 + 8 * 14], r14
	mov	[%1 + 8 * 15], r15
%endmacro

; HOST_RIP.
global vmx_exit
vmx_exit:
	sub	rsp, 8 * 4             ; r15 to r12
	push	r11
	push	r10
	push	r9
	push	r8
	push	rdi
	push	rsi
	sub	rsp, 8 * 2             ; rbp, and slot 4, which is never read
	push	rbx
	push	rdx
	push	rcx
	push	rax
	mov	rdi, rsp
	mov	rsp, [rdi + VCPU_STACK_TOP]
	push	rdi
	call	vmx_on_exit
	pop	rsp
	test	rax, rax
	jnz	.slow
	pop	rax
	pop	rcx
	pop	rdx
	pop	rbx
	add	rsp, 8 * 2
	pop	rsi
	pop	rdi
	pop	r8
	pop	r9
	pop	r10
	pop	r11
	vmresume
	lea	rdi, [rsp - 8 * 12]    ; LEA and MOV leave CF and ZF, as below
	STORE_PRESERVED rdi
	jmp	entry_failed
.slow:
	mov	rdi, rsp
	STORE_PRESERVED rdi
	mov	rsp, [rdi + VCPU_STACK_TOP]
	push	rdi
	call	rax                    ; its handler
handled:
	pop	rdi
	mov	esi, eax
	call	vmx_after_exit
	ud2

; NORETURN void vmx_enter(struct vmx_vcpu *vcpu): its VMCS is current, interrupts are off. The way
; in for all that comes from elsewhere than the fast path.
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
	lea	rdi, [rsp - 128]

; The registers hold the guest's values: nothing may be taken from them but RDI, its vCPU. CF says
; that there was no VMCS, ZF that there is an error number.
entry_failed:
	mov	rsp, [rdi + VCPU_STACK_TOP]
	setc	sil
	movzx	esi, sil
	push	rdi
	call	vmx_on_entry_failed
	jmp	handled
