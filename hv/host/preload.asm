; SPDX-License-Identifier: MIT
;
; An option ROM that stands in for GRUB in an emulator, for tests: the firmware calls it before it
; would look for a disk. It reads what hv/host/preload.py laid out on the first disk into
; memory, one run of sectors, completes the Multiboot 2 information by what only the firmware knows
; (memory map, RSDP), and enters the image as GRUB does: 32-bit mode, flat, EAX and EBX.
;
; Sector 0 of the disk, in dwords: MAGIC, where memory begins that sectors 1 and on belong to, their
; number, the image's entry point, the information, and in it: the KiB above 1 MiB, the RSDP, the
; tag of the memory map, the last one.

ROM       equ 0xd0000			; where it is put
ROM_SIZE  equ 512
MAGIC     equ 0x4c455250		; "PREL"
STACK     equ 0x7c00
MAP       equ 0x10000			; the firmware's memory map
HEADER    equ 0x20000			; sector 0
ENTRY     equ 24			; bytes of an entry of the map

%define field(n) [HEADER + 4 * (n)]

ATA       equ 0x1f0			; data; +2 count, +3 to +5 LBA, +6 drive, +7 command
ATA_LBA   equ 0xe0
ATA_READ  equ 0x20
ATA_BUSY  equ 0x80
ATA_DATA  equ 0x08
RUN       equ 256			; sectors that one command reads at most

org 0
bits 16
	dw 0xaa55
	db ROM_SIZE / 512
	mov ax, MAP >> 4
	mov es, ax
	xor di, di
	xor ebx, ebx
next_entry:
	mov eax, 0xe820
	mov edx, 0x534d4150		; "SMAP"
	mov ecx, 20
	mov dword [es:di + 20], 0
	int 0x15
	jc map_complete
	add di, ENTRY
	test ebx, ebx
	jnz next_entry
map_complete:
	movzx ebp, di			; its size, from here on
	cli
	cld
	in al, 0x92
	or al, 2			; A20
	out 0x92, al
	lgdt [cs:gdtr]
	mov eax, cr0
	or al, 1
	mov cr0, eax
	jmp dword 8:ROM + flat

bits 32
flat:
	mov ax, 16
	mov ds, ax
	mov es, ax
	mov ss, ax
	mov esp, STACK

	xor ebx, ebx
	mov edi, HEADER
	mov ecx, 1
	call read
	cmp dword field(0), MAGIC
	jne $
	mov edi, field(1)
	mov esi, field(2)
next_run:
	mov ecx, RUN
	cmp esi, ecx
	cmovb ecx, esi
	sub esi, ecx
	call read
	test esi, esi
	jnz next_run

	mov esi, MAP
above:	cmp dword [esi], 0x100000
	lea esi, [esi + ENTRY]
	jne above
	mov eax, [esi - ENTRY + 8]
	shr eax, 10
	mov edi, field(5)
	mov [edi], eax

	mov esi, 0xe0000
scan:	add esi, 16
	cmp dword [esi], "RSD "
	jne scan
	cmp dword [esi + 4], "PTR "
	jne scan
	mov edi, field(6)
	mov ecx, 5
	rep movsd

	mov edi, field(7)
	lea eax, [ebp + 16]
	mov [edi + 4], eax		; the tag's size
	add edi, 16
	mov esi, MAP
	mov ecx, ebp
	rep movsb
	mov dword [edi], 0		; the tag that ends them all
	mov dword [edi + 4], 8
	add edi, 8
	mov ebx, field(4)
	sub edi, ebx
	mov [ebx], edi			; and the size of all
	mov eax, 0x36d76289
	jmp field(3)

; ECX sectors, 1 to 256, from EBX on to EDI; both go on behind them.
read:
	mov edx, ATA + 2
	mov al, cl
	out dx, al
	mov eax, ebx
	inc edx
	out dx, al
	shr eax, 8
	inc edx
	out dx, al
	shr eax, 8
	inc edx
	out dx, al
	shr eax, 8
	or al, ATA_LBA
	inc edx
	out dx, al
	inc edx
	mov al, ATA_READ
	out dx, al
	add ebx, ecx
.sector:
	in al, dx
	and al, ATA_BUSY | ATA_DATA
	cmp al, ATA_DATA
	jne .sector
	push ecx
	mov edx, ATA
	mov ecx, 512 / 4
	rep insd
	mov edx, ATA + 7
	pop ecx
	loop .sector
	ret

align 8
gdt:	dq 0, 0x00cf9b000000ffff, 0x00cf93000000ffff	; accessed: it cannot be written
gdtr:	dw gdtr - gdt - 1
	dd ROM + gdt

times ROM_SIZE - ($ - $$) db 0
