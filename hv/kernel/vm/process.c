/* SPDX-License-Identifier: MIT */
#include "hv/kernel/vm/process.h"

#include "hv/base/bits.h"
#include "hv/base/string.h"
#include "hv/kernel/cpu/clock.h"
#include "hv/kernel/cpu/mmu.h"

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

bool process_map(struct process *process, u64 va, hpa_t hpa, u64 len, u32 flags)
{
	return pt_map(process->tables, va, hpa, align_up(len, PAGE_SIZE), flags | PT_USER);
}

void process_fill_info(struct process_info *info, u32 vm, const struct vm_config *config)
{
	info->vm = vm;
	info->hz_known = clock_get()->invariant;
	info->tsc_hz = clock_get()->tsc_hz;
	info->config = *config;
}

/* Zeroed memory of the process's at va. NULL: none left. */
static void *map_new(struct process *process, u64 va, u64 len, u32 flags)
{
	void *memory = arena_alloc(&process->arena, align_up(len, PAGE_SIZE) >> PAGE_SHIFT, 1);

	if (memory == NULL || !process_map(process, va, ptr_to_hpa(memory), len, flags))
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

/* The i-th segment of a checked program; none that is not loaded. */
static bool segment_at(const struct module *program, u32 i, struct elf_segment *s)
{
	const u8 *file = hpa_to_ptr(program->start);
	struct elf_header header;

	memcpy(&header, file, sizeof(header));
	if (i >= header.phnum)
		return false;
	memcpy(s, file + header.phoff + i * sizeof(*s), sizeof(*s));
	if (s->type != ELF_LOAD)
		s->memsz = 0;
	return true;
}

static u64 pages_of(const struct elf_segment *s)
{
	u64 end = align_up(s->vaddr + s->memsz, PAGE_SIZE);

	return s->memsz == 0 ? 0 : (end - align_down(s->vaddr, PAGE_SIZE)) >> PAGE_SHIFT;
}

u64 process_pages(const struct module *program)
{
	struct elf_segment s;
	u64 pages = 0;

	for (u32 i = 0; segment_at(program, i, &s); i++)
		pages += pages_of(&s);
	return pages;
}

/* What of the file lies in the page at va. */
static s64 load_page(struct process *process, const u8 *file, const struct elf_segment *s, u64 va)
{
	u32 flags = ((s->flags & ELF_W) != 0 ? PT_WRITE : 0) |
	            ((s->flags & ELF_X) != 0 ? PT_EXEC : 0);
	u64 from = MAX(va, s->vaddr), to = MIN(va + PAGE_SIZE, s->vaddr + s->filesz);
	u8 *page = map_new(process, va, PAGE_SIZE, flags);

	if (page == NULL)
		return SYS_ENOMEM;
	if (from < to)
		memcpy(page + (from - va), file + s->offset + (from - s->vaddr), to - from);
	return 0;
}

s64 process_load(struct process *process, const struct module *program, u64 i)
{
	struct elf_segment s;

	for (u32 n = 0; segment_at(program, n, &s); i -= pages_of(&s), n++)
		if (i < pages_of(&s))
			return load_page(process, hpa_to_ptr(program->start), &s,
			                 align_down(s.vaddr, PAGE_SIZE) + (i << PAGE_SHIFT));
	return SYS_EMODULE;
}

static s64 check_program(const struct module *program)
{
	const u8 *file = hpa_to_ptr(program->start);
	struct elf_header header;
	struct elf_segment s;

	if (program->size < sizeof(header))
		return SYS_EMODULE;
	memcpy(&header, file, sizeof(header));
	if (header.magic != ELF_MAGIC || header.class != ELF_CLASS_64 || header.type != ELF_EXEC ||
	    header.machine != ELF_X86_64 || header.phentsize != sizeof(struct elf_segment) ||
	    header.phoff > program->size ||
	    (u64)header.phnum * sizeof(struct elf_segment) > program->size - header.phoff)
		return SYS_EMODULE;
	for (u32 i = 0; segment_at(program, i, &s); i++)
		if (s.memsz != 0 && !segment_valid(&s, program->size))
			return SYS_EMODULE;
	return 0;
}

s64 process_create(struct process *process, const struct module *program)
{
	s64 error = check_program(program);

	if (error != 0)
		return error;
	process->tables = pt_create(kernel_page_table());
	return process->tables.raw == 0 ? SYS_ENOMEM : 0;
}

s64 process_thread(struct process *process, const struct module *program, u64 i,
                   struct thread *thread)
{
	const struct elf_header *header = hpa_to_ptr(program->start);
	u64 base = USER_THREADS + i * USER_THREAD_STRIDE;
	u64 stack = base + USER_STACK_OFFSET;

	thread->page = map_new(process, base, sizeof(struct thread_page), PT_WRITE);
	if (thread->page == NULL || map_new(process, stack, USER_STACK_SIZE, PT_WRITE) == NULL)
		return SYS_ENOMEM;
	user_regs_init(&thread->regs, header->entry, stack + USER_STACK_SIZE);
	thread->regs.rdi = i;
	thread->busy = true;
	return 0;
}
