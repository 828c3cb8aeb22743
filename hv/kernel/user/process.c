/* SPDX-License-Identifier: MIT */
#include "hv/kernel/user/process.h"

#include "hv/abi/syscall.h"
#include "hv/base/bits.h"
#include "hv/base/memory.h"
#include "hv/base/string.h"
#include "hv/kernel/cpu/mmu.h"
#include "hv/kernel/vm/vm.h"

/* ELF64, as far as a static program needs it. */
#define ELF_MAGIC    0x464c457fu
#define ELF_CLASS_64 2u
#define ELF_EXEC     2u
#define ELF_X86_64   62u
#define ELF_LOAD     1u
#define ELF_X        BIT32(0)
#define ELF_W        BIT32(1)

struct elf_header {
	u32 magic;
	u8 class, data, version, padding[9];
	u16 type, machine;
	u32 version2;
	u64 entry, phoff, shoff;
	u32 flags;
	u16 ehsize, phentsize, phnum, shentsize, shnum, shstrndx;
};

struct elf_segment {
	u32 type, flags;
	u64 offset, vaddr, paddr, filesz, memsz, align;
};

bool process_map(struct vm *vm, u64 va, hpa_t hpa, u64 len, u32 flags)
{
	return pt_map(vm->root, va, hpa, align_up(len, PAGE_SIZE), flags | PT_USER);
}

bool process_map_counters(struct vm *vm, u64 va, const struct vm *of)
{
	for (u32 i = 0; i < of->config.vcpus; i++)
		if (!process_map(vm, va + i * COUNTERS_STRIDE, ptr_to_hpa(of->vcpu[i]->counters),
		                 COUNTERS_STRIDE, 0))
			return false;
	return true;
}

/* Zeroed memory of the VM's at va. NULL: none left. */
static void *map_new(struct vm *vm, u64 va, u64 len, u32 flags)
{
	void *memory = vm_alloc(vm, align_up(len, PAGE_SIZE) >> PAGE_SHIFT, 1);

	if (memory == NULL || !process_map(vm, va, ptr_to_hpa(memory), len, flags))
		return NULL;
	return memory;
}

static bool segment_valid(const struct elf_segment *s, u64 file_size)
{
	return s->vaddr >= USER_PROGRAM && s->memsz <= USER_INFO - USER_PROGRAM &&
	       s->vaddr <= USER_INFO - s->memsz && s->filesz <= s->memsz &&
	       s->filesz <= file_size && s->offset <= file_size - s->filesz &&
	       (s->flags & (ELF_W | ELF_X)) != (ELF_W | ELF_X);
}

static s64 load_segment(struct vm *vm, const u8 *file, const struct elf_segment *s)
{
	u64 start = align_down(s->vaddr, PAGE_SIZE);
	u32 flags = ((s->flags & ELF_W) != 0 ? PT_WRITE : 0) |
	            ((s->flags & ELF_X) != 0 ? PT_EXEC : 0);
	u8 *memory = map_new(vm, start, s->vaddr + s->memsz - start, flags);

	if (memory == NULL)
		return SYS_ENOMEM;
	memcpy(memory + (s->vaddr - start), file + s->offset, s->filesz);
	return 0;
}

/* Decode, then commit: all headers are checked before the first is used. */
static s64 load_program(struct vm *vm, const struct module *program, u64 *entry)
{
	const u8 *file = hpa_to_ptr(program->start);
	struct elf_header header;
	s64 error = 0;

	if (program->size < sizeof(header))
		return SYS_EMODULE;
	memcpy(&header, file, sizeof(header));
	if (header.magic != ELF_MAGIC || header.class != ELF_CLASS_64 || header.type != ELF_EXEC ||
	    header.machine != ELF_X86_64 || header.phentsize != sizeof(struct elf_segment) ||
	    header.phoff > program->size ||
	    (u64)header.phnum * sizeof(struct elf_segment) > program->size - header.phoff)
		return SYS_EMODULE;
	for (int commit = 0; commit < 2; commit++) {
		for (unsigned int i = 0; i < header.phnum && error == 0; i++) {
			struct elf_segment s;

			memcpy(&s, file + header.phoff + i * sizeof(s), sizeof(s));
			if (s.type != ELF_LOAD || s.memsz == 0)
				continue;
			if (commit != 0)
				error = load_segment(vm, file, &s);
			else if (!segment_valid(&s, program->size))
				error = SYS_EMODULE;
		}
	}
	*entry = header.entry;
	return error;
}

static bool create_thread(struct vm *vm, struct vcpu *vcpu, u64 entry)
{
	u64 base = USER_THREADS + vcpu->index * USER_THREAD_STRIDE;
	u64 stack = base + USER_STACK_OFFSET;

	vcpu->thread.page = map_new(vm, base, sizeof(struct thread_page), PT_WRITE);
	if (vcpu->thread.page == NULL || map_new(vm, stack, USER_STACK_SIZE, PT_WRITE) == NULL)
		return false;
	user_regs_init(&vcpu->thread.regs, entry, stack + USER_STACK_SIZE);
	vcpu->thread.regs.rdi = vcpu->index;
	vcpu->thread.busy = true;
	return true;
}

s64 process_create(struct vm *vm, const struct module *program)
{
	u64 entry;
	s64 error;

	vm->root = pt_create(kernel_root());
	if (vm->root.raw == 0)
		return SYS_ENOMEM;
	error = load_program(vm, program, &entry);
	if (error != 0)
		return error;
	for (u32 i = 0; i < vm->config.vcpus; i++)
		if (!create_thread(vm, vm->vcpu[i], entry))
			return SYS_ENOMEM;
	return 0;
}
