; SPDX-License-Identifier: MIT
;
; Where a ring-3 program begins, and how it calls ring 0.
;
; A thread starts here with RDI = its index and RSP = the top of its stack (hv/abi/process.h).
; Should rt_main ever return, its result is the code that the program ends with.

%define SYS_EXIT       16
%define SYSCALL_VECTOR 0x80

	section .text
	bits 64

	extern rt_main
	global _start
_start:
	xor ebp, ebp
	and rsp, -16
	call rt_main
	mov edi, eax
	mov eax, SYS_EXIT
	int SYSCALL_VECTOR
	ud2

; s64 sys_call(u64 number, u64 a, u64 b, u64 c): hv/ring3/rt/sys.h
	global sys_call
sys_call:
	mov rax, rdi
	mov rdi, rsi
	mov rsi, rdx
	mov rdx, rcx
	int SYSCALL_VECTOR
	ret

; u8 port_in(u16 port), void port_out(u16 port, u8 value): hv/ring3/rt/port.h
	global port_in
port_in:
	mov edx, edi
	xor eax, eax
	in al, dx
	ret

	global port_out
port_out:
	mov edx, edi
	mov eax, esi
	out dx, al
	ret

; u64 tsc_read(void): hv/ring3/rt/sys.h
	global tsc_read
tsc_read:
	rdtsc
	shl rdx, 32
	or rax, rdx
	ret
