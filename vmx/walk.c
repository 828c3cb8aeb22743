/* SPDX-License-Identifier: MIT */
/* pure: also compiled on the host */
#include "vmx/walk.h"

#include "hv/base/atomic.h"
#include "hv/base/bits.h"
#include "hv/base/x86.h"

/* Bits of a paging entry, the same in all formats (SDM volume 3, figures 4-4, 4-7, 4-11). */
#define PRESENT       BIT(0)
#define WRITABLE      BIT(1)
#define USER          BIT(2)
#define ACCESSED      BIT(5)
#define DIRTY         BIT(6)
#define LARGE         BIT(7)
#define NO_EXECUTE    BIT(63)
#define ENTRY_ADDRESS BITS(51, 12)

/* Bits of a page-fault error code. */
#define ERROR_PRESENT  BIT32(0)
#define ERROR_USER     BIT32(2)
#define ERROR_RESERVED BIT32(3)

/*
 * Reads the 8 bytes around the entry at guest-physical `at`, once, and notes them in the trace, if
 * there is one. False: not in guest memory, whose size is a multiple of pages.
 */
static ALWAYS_INLINE bool read_entry(const struct guest_memory *memory, u64 at, u64 *entry,
                                     struct walk_trace *trace)
{
	u64 *word = (u64 *)(void *)(memory->base + align_down(at, 8));

	if (at >= memory->size)
		return false;
	*entry = __atomic_load_n(word, __ATOMIC_RELAXED);
	if (trace) {
		trace->entry[trace->count] = word;
		trace->value[trace->count++] = *entry;
	}
	return true;
}

static struct walk done(u64 gpa)
{
	return (struct walk){ WALK_DONE, 0, GPA(gpa) };
}

static struct walk failed(enum walk_outcome outcome)
{
	return (struct walk){ outcome, 0, GPA(0) };
}

static bool no_execute_on(const struct walk_state *s)
{
	return (s->efer & EFER_NXE) && (s->cr4 & CR4_PAE);
}

/* Returns a page fault (SDM 3A 4.7). `cause`: ERROR_PRESENT, ERROR_RESERVED, or 0. */
static struct walk page_fault(const struct walk_state *s, enum walk_access access, u32 cause)
{
	bool tell_fetch = (s->cr4 & CR4_SMEP) || no_execute_on(s);
	u32 error = cause | (access & WALK_WRITE) | (tell_fetch ? access & WALK_FETCH : 0) |
	            (s->cpl == 3 ? ERROR_USER : 0);

	return (struct walk){ WALK_PAGE_FAULT, error, GPA(0) };
}

/* How one paging mode lays out its tables (SDM tables 4-3 and following). */
struct format {
	u8 levels;
	u8 index_bits;
	bool long_mode;
};

static struct format format_of(const struct walk_state *s)
{
	if (s->efer & EFER_LMA)
		return (struct format){ s->cr4 & CR4_LA57 ? 5 : 4, 9, true };
	if (s->cr4 & CR4_PAE)
		return (struct format){ 3, 9, false };
	return (struct format){ 2, 10, false };
}

static bool is_leaf(const struct walk_state *s, struct format f, unsigned int level, u64 entry)
{
	if (level == 1)
		return true;
	if (level == 2)
		return (entry & LARGE) && (f.index_bits == 9 || (s->cr4 & CR4_PSE));
	return level == 3 && f.long_mode && (entry & LARGE);
}

/* Returns the bits that must be 0 in a present entry. */
static u64 reserved_bits(const struct walk_state *s, struct format f, unsigned int level, bool leaf)
{
	unsigned int shift = 12 + (level - 1) * f.index_bits;
	u64 reserved = ENTRY_ADDRESS & ~s->physical_mask;

	if (f.index_bits == 10) /* bits 20:13 of a 4 MiB page are bits 39:32 of its address */
		return leaf && level == 2 ? BIT(21) | (BITS(20, 13) & ~(s->physical_mask >> 19))
		                          : 0;
	if (!f.long_mode)
		reserved |= BITS(62, 52);
	if (!f.long_mode && level == 3)
		return reserved | NO_EXECUTE | BITS(8, 5) | BITS(2, 1);
	if (!(s->efer & EFER_NXE))
		reserved |= NO_EXECUTE;
	if (level >= 4)
		reserved |= LARGE;
	if (leaf && level > 1)
		reserved |= BITS(shift - 1, 13);
	return reserved;
}

/* Compares the rights that all entries grant together with those asked for (SDM 3A 4.6). */
static bool permitted(const struct walk_state *s, enum walk_access access, u64 granted)
{
	bool user_page = granted & USER;

	if (access == WALK_FETCH && (granted & NO_EXECUTE) && no_execute_on(s))
		return false;
	if (s->cpl == 3)
		return user_page && (access != WALK_WRITE || (granted & WRITABLE));
	if (access == WALK_FETCH)
		return !(user_page && (s->cr4 & CR4_SMEP));
	if (user_page && (s->cr4 & CR4_SMAP) && !(s->rflags & RFLAGS_AC))
		return false;
	return access != WALK_WRITE || (granted & WRITABLE) || !(s->cr0 & CR0_WP);
}

static u64 page_address(struct format f, u64 entry, unsigned int shift, u64 linear)
{
	u64 frame = entry & ENTRY_ADDRESS;

	if (f.index_bits == 10 && shift == 22)
		frame = (entry & BITS(31, 22)) | (entry & BITS(20, 13)) << 19;
	return align_down(frame, BIT(shift)) | (linear & (BIT(shift) - 1));
}

/* Walks the tables of any paging mode, level by level. */
static struct walk walk_tables(const struct guest_memory *memory, const struct walk_state *s,
                               u64 linear, enum walk_access access, struct walk_trace *trace)
{
	struct format f = format_of(s);
	bool narrow = f.index_bits == 10;
	unsigned int shift = 12 + (f.levels - 1u) * f.index_bits;
	u64 table = s->cr3 & (f.long_mode ? ENTRY_ADDRESS & s->physical_mask
	                      : narrow    ? BITS(31, 12)
	                                  : BITS(31, 5));
	u64 granted = USER | WRITABLE, entry;

	for (unsigned int level = f.levels;; level--, shift -= f.index_bits) {
		u64 index = (linear >> shift) & (BIT(f.index_bits) - 1);
		bool leaf;

		if (!read_entry(memory, table + index * (narrow ? 4 : 8), &entry, trace))
			return failed(WALK_UNREACHABLE);
		if (narrow)
			entry = (entry >> (index & 1) * 32) & 0xffffffff;
		if (!(entry & PRESENT))
			return page_fault(s, access, 0);
		leaf = is_leaf(s, f, level, entry);
		if (entry & reserved_bits(s, f, level, leaf))
			return page_fault(s, access, ERROR_PRESENT | ERROR_RESERVED);
		/* NO_EXECUTE adds up, the others subtract. PAE's PDPTEs have none of them. */
		if (f.long_mode || level < 3)
			granted = (granted & (entry | NO_EXECUTE)) | (entry & NO_EXECUTE);
		if (leaf)
			break;
		table = entry & ENTRY_ADDRESS;
	}
	if (!permitted(s, access, granted))
		return page_fault(s, access, ERROR_PRESENT);
	return done(page_address(f, entry, shift, linear));
}

static bool canonical(const struct walk_state *s, u64 linear)
{
	unsigned int unused = s->cr4 & CR4_LA57 ? 7 : 16;

	return (u64)((s64)(linear << unused) >> unused) == linear;
}

struct walk walk_traced(const struct guest_memory *memory, const struct walk_state *s, u64 linear,
                        enum walk_access access, struct walk_trace *trace)
{
	if (trace)
		trace->count = 0;
	if (!(s->cr0 & CR0_PG))
		return done(linear);
	if ((s->efer & EFER_LMA) && !canonical(s, linear))
		return failed(WALK_GP);
	return walk_tables(memory, s, linear, access, trace);
}

struct walk walk_translate(const struct guest_memory *memory, const struct walk_state *s,
                           u64 linear, enum walk_access access)
{
	return walk_traced(memory, s, linear, access, NULL);
}

bool walk_mark_dirty(const struct walk_state *s, u64 linear, const struct walk_trace *trace)
{
	struct format f = format_of(s);
	bool narrow = f.index_bits == 10;

	for (u32 i = f.levels == 3 ? 1 : 0; i < trace->count; i++) { /* a PDPTE of PAE has none */
		u64 bits = ACCESSED | (i == trace->count - 1 ? DIRTY : 0);
		u64 value = trace->value[i];

		if (narrow && (linear >> (i == 0 ? 22 : 12) & 1) != 0)
			bits <<= 32;
		if ((value & bits) != bits && !atomic_cas(trace->entry[i], &value, value | bits))
			return false;
	}
	return true;
}

/* Appends `n` bytes of the page that gpa lies in; false: outside guest memory. */
static bool append(const struct guest_memory *memory, gpa_t gpa, u32 n, struct insn_bytes *bytes)
{
	if (gpa.raw >= memory->size)
		return false;
	for (u32 i = 0; i < n; i++)
		bytes->byte[bytes->count + i] = memory->base[gpa.raw + i];
	bytes->count += n;
	return true;
}

struct walk walk_fetch(const struct guest_memory *memory, const struct walk_state *s, u64 linear,
                       struct insn_bytes *bytes, struct walk_trace *trace)
{
	struct walk walk = walk_traced(memory, s, linear, WALK_FETCH, trace), second;
	u32 left = (u32)(PAGE_SIZE - (linear & PAGE_MASK));
	u64 next = linear + left;

	bytes->count = 0;
	if (walk.outcome != WALK_DONE)
		return walk;
	if (!append(memory, walk.gpa, MIN(left, (u32)sizeof(bytes->byte)), bytes))
		return failed(WALK_UNREACHABLE);
	bytes->count = MIN(bytes->count, INSN_MAX);
	if (left >= INSN_MAX)
		return walk;
	if (!(s->efer & EFER_LMA))
		next &= 0xffffffff;
	second = walk_translate(memory, s, next, WALK_FETCH);
	/* If that fails, the first page's bytes may be enough. */
	(void)(second.outcome == WALK_DONE && append(memory, second.gpa, INSN_MAX - left, bytes));
	return walk;
}
