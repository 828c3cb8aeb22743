/* SPDX-License-Identifier: MIT */
#include "hv/kernel/build/build.h"

#include "hv/abi/hypercall.h"
#include "hv/kernel/ipi/apicv.h"
#include "hv/base/memory.h"
#include "hv/base/string.h"
#include "hv/kernel/cpu/mmu.h"
#include "hv/kernel/vm/machine.h"
#include "hv/kernel/user/root.h"
#include "vmx/msr.h"

#define APIC_ADDRESS 0xfee00000ull
#define LARGE_FRAMES 512u

/* ---- guest memory ---- */

#define CLEAR_PIECE (16 * PAGE_SIZE) /* 8,192 stores of eight bytes */
#define MAP_PIECE   (1ull << 21)
#define IMAGE_PIECE (64 * PAGE_SIZE)

static u64 pieces_of(u64 bytes, u64 piece)
{
	return (bytes + piece - 1) / piece;
}

static bool has(const struct vm *vm, u32 features)
{
	return (vm->config.features & features) != 0;
}

static s64 result_of(bool done)
{
	return done ? 0 : SYS_ENOMEM;
}

static s64 take_memory(struct vm *vm, UNUSED u64 i)
{
	u64 frames = vm->config.memory >> PAGE_SHIFT;
	struct frames_take *take = &vm->progress.memory;
	hpa_t at;

	switch (frames_take(take, frames, LARGE_FRAMES)) {
	case FRAMES_MORE:
		return SYS_AGAIN;
	case FRAMES_NONE:
		return SYS_ENOMEM;
	case FRAMES_ALL:
		break;
	}
	at = HPA(take->start << PAGE_SHIFT);
	vm->memory = (struct guest_memory){ hpa_to_ptr(at), vm->config.memory };
	vm->memory_at = at;
	if (arena_adopt(&vm->process.arena, at, frames))
		return 0;
	/* Not one frame is left to write it down in; it is taken again at the next VM's cost. */
	frames_free(at, frames);
	return SYS_ENOMEM;
}

static s64 clear_memory(struct vm *vm, u64 i)
{
	memset(vm->memory.base + i * CLEAR_PIECE, 0, CLEAR_PIECE);
	return 0;
}

static u64 clear_pieces(const struct vm *vm)
{
	return vm->config.memory / CLEAR_PIECE;
}

/* Both trees; the second has the APIC-access page where the first has a hole. */
static s64 map_memory(struct vm *vm, u64 i)
{
	gpa_t gpa = GPA(i * MAP_PIECE);
	hpa_t hpa = HPA(vm->memory_at.raw + gpa.raw);

	return result_of(
		ept_map(&vm->ept, gpa, hpa, MAP_PIECE, EPT_RIGHTS) &&
		(!has(vm, VM_APICV) || ept_map(&vm->ept_apic, gpa, hpa, MAP_PIECE, EPT_RIGHTS)) &&
		process_map(&vm->process, USER_GUEST + gpa.raw, hpa, MAP_PIECE, PT_WRITE));
}

static u64 map_pieces(const struct vm *vm)
{
	return vm->config.memory / MAP_PIECE;
}

/* ---- what there is once ---- */

static bool make_ept(struct ept *ept, const struct vm *vm, bool apic_page)
{
	const struct vmx_caps *caps = &machine()->caps;

	return ept_create(ept, caps->ept_largest, caps->itlb_multihit ? vm->config.memory : 0) &&
	       (!apic_page ||
	        ept_map(ept, GPA(APIC_ADDRESS), vm->apic_page, PAGE_SIZE, EPT_READ | EPT_WRITE));
}

static s64 make_trees(struct vm *vm, UNUSED u64 i)
{
	if (has(vm, VM_APIC_PAGE | VM_APICV)) {
		void *page = vm_alloc(vm, 1, 1);

		if (page == NULL)
			return SYS_ENOMEM;
		vm->apic_page = ptr_to_hpa(page);
	}
	return result_of(make_ept(&vm->ept, vm, has(vm, VM_APIC_PAGE)) &&
	                 (!has(vm, VM_APICV) || make_ept(&vm->ept_apic, vm, true)));
}

static s64 make_bitmaps(struct vm *vm, UNUSED u64 i)
{
	void *bitmap = vm_alloc(vm, 1, 1);

	if (bitmap == NULL)
		return SYS_ENOMEM;
	msr_bitmap_build(bitmap);
	vm->msr_bitmap = ptr_to_hpa(bitmap);
	return result_of(!has(vm, VM_APICV) || apicv_build(vm));
}

static u64 once(UNUSED const struct vm *vm)
{
	return 1;
}

/* ---- for each vCPU ---- */

static u64 each_vcpu(const struct vm *vm)
{
	return vm->config.vcpus;
}

static bool show_to_guest(struct ept *ept, const struct vcpu *vcpu)
{
	return ept_map(ept, GPA(COUNTERS_GPA + vcpu->index * COUNTERS_STRIDE),
	               ptr_to_hpa(vcpu->task.counters), COUNTERS_STRIDE, EPT_READ);
}

/* The counters appear in root, in the monitor and, if it wants them, in the guest. */
static s64 show_counters(struct vm *vm, u64 i)
{
	const struct vcpu *vcpu = vm->vcpu[i];

	if (has(vm, VM_COUNTERS) && (!show_to_guest(&vm->ept, vcpu) ||
	                             (has(vm, VM_APICV) && !show_to_guest(&vm->ept_apic, vcpu))))
		return SYS_ENOMEM;
	return result_of(process_map_counters(&vm->process, USER_COUNTERS + i * COUNTERS_STRIDE,
	                                      vcpu->task.counters) &&
	                 root_map_counters(vm, (u32)i));
}

/* ---- the monitor ---- */

static struct module module_of(u32 index)
{
	struct module module = { HPA(0), 0 };

	(void)!machine_module(index, &module); /* checked with the configuration; or MODULE_NONE */
	return module;
}

static struct module program_of(const struct vm *vm)
{
	return module_of(vm->config.monitor_module);
}

static s64 make_process(struct vm *vm, UNUSED u64 i)
{
	const struct module program = program_of(vm);

	return process_create(&vm->process, &program);
}

static u64 program_pages(const struct vm *vm)
{
	const struct module program = program_of(vm);

	return process_pages(&program);
}

static s64 load_program(struct vm *vm, u64 i)
{
	const struct module program = program_of(vm);

	return process_load(&vm->process, &program, i);
}

static s64 make_thread(struct vm *vm, u64 i)
{
	const struct module program = program_of(vm);

	return process_thread(&vm->process, &program, i, &vm->vcpu[i]->task.thread);
}

static s64 make_console(struct vm *vm, UNUSED u64 i)
{
	struct process_info *info = vm_alloc(vm, vm_frames_for(sizeof(*info)), 1);
	void *console = vm_alloc(vm, vm_frames_for(sizeof(struct vm_console)), 1);

	if (info == NULL || console == NULL)
		return SYS_ENOMEM;
	vm->console = ptr_to_hpa(console);
	process_fill_info(info, vm->id, &vm->config);
	info->physical_mask = vm->physical_mask;
	info->image_size = module_of(vm->config.image_module).size;
	for (u32 m = 0; m < VM_MODULES; m++)
		info->module_size[m] = module_of(vm->config.module[m]).size;
	return result_of(process_map(&vm->process, USER_INFO, ptr_to_hpa(info), sizeof(*info), 0) &&
	                 process_map(&vm->process, USER_CONSOLE, vm->console,
	                             sizeof(struct vm_console), PT_WRITE) &&
	                 root_map_console(vm));
}

/* A piece of a module, to read. */
static s64 show_module(struct vm *vm, u32 index, u64 va, u64 i)
{
	const struct module m = module_of(index);
	u64 at = i * IMAGE_PIECE;

	return result_of(process_map(&vm->process, va + at, HPA(m.start.raw + at),
	                             MIN(IMAGE_PIECE, m.size - at), 0));
}

static s64 show_image(struct vm *vm, u64 i)
{
	return show_module(vm, vm->config.image_module, USER_IMAGE, i);
}

static u64 image_pieces(const struct vm *vm)
{
	return pieces_of(module_of(vm->config.image_module).size, IMAGE_PIECE);
}

static u64 pieces_of_module(const struct vm *vm, u32 m)
{
	return pieces_of(module_of(vm->config.module[m]).size, IMAGE_PIECE);
}

/* One module after the other. */
static s64 show_modules(struct vm *vm, u64 i)
{
	u32 m = 0;

	for (; i >= pieces_of_module(vm, m); m++)
		i -= pieces_of_module(vm, m);
	return show_module(vm, vm->config.module[m], USER_MODULES + m * USER_MODULE_STRIDE, i);
}

static u64 module_pieces(const struct vm *vm)
{
	u64 sum = 0;

	for (u32 m = 0; m < VM_MODULES; m++)
		sum += pieces_of_module(vm, m);
	return sum;
}

/* ---- all of it ---- */

/* Pieces of less than 10,000 ticks each, so that whoever calls stays within STRETCH_BOUND. */
struct stage {
	s64 (*run)(struct vm *vm, u64 i); /* 0; SYS_AGAIN: the same piece once more; an error */
	u64 (*pieces)(const struct vm *vm);
};

/* After this many ticks a call has done enough. */
#define ENOUGH 4096u

static s64 run_stages(struct vm *vm, const struct stage *stages, u32 count)
{
	struct vm_progress *at = &vm->progress;
	u64 until = rdtsc() + ENOUGH;

	while (at->stage < count) {
		const struct stage *stage = &stages[at->stage];
		s64 result = at->piece < stage->pieces(vm) ? stage->run(vm, at->piece) : 0;

		if (result != 0 && result != SYS_AGAIN)
			return result;
		if (result == 0 && ++at->piece >= stage->pieces(vm))
			at->stage++, at->piece = 0;
		if (rdtsc() >= until)
			return SYS_AGAIN;
	}
	return 0;
}

s64 vm_build(struct vm *vm)
{
	static const struct stage stages[] = {
		{ make_process, once },         { vm_make_cpuid, once },
		{ take_memory, once },          { vm_make_bus, once },
		{ make_trees, once },           { make_bitmaps, once },
		{ clear_memory, clear_pieces }, { map_memory, map_pieces },
		{ vm_make_vcpu, each_vcpu },    { load_program, program_pages },
		{ make_thread, each_vcpu },     { make_console, once },
		{ show_image, image_pieces },   { show_modules, module_pieces },
		{ show_counters, each_vcpu },
	};

	return run_stages(vm, stages, ARRAY_SIZE(stages));
}

/* ---- and back ---- */

#define TABLES_PIECE 6u /* some 3,100 ticks each, for 512 entries */

static s64 hide_console(struct vm *vm, UNUSED u64 i)
{
	root_unmap_console(vm);
	return 0;
}

static s64 hide_counters(struct vm *vm, u64 i)
{
	root_unmap_counters(vm, i);
	return 0;
}

static s64 free_tables(struct vm *vm, UNUSED u64 i)
{
	unsigned int budget = TABLES_PIECE;

	if (!ept_destroy(&vm->ept, &budget) || !ept_destroy(&vm->ept_apic, &budget) ||
	    (vm->process.tables.raw != 0 && !pt_destroy(vm->process.tables, &budget)))
		return SYS_AGAIN;
	vm->process.tables = HPA(0);
	return 0;
}

static s64 free_memory(struct vm *vm, UNUSED u64 i)
{
	return arena_free_some(&vm->process.arena) ? 0 : SYS_AGAIN;
}

s64 vm_unbuild(struct vm *vm)
{
	static const struct stage stages[] = {
		{ hide_console, once },
		{ hide_counters, each_vcpu },
		{ free_tables, once },
		{ free_memory, once },
	};

	return run_stages(vm, stages, ARRAY_SIZE(stages));
}
