/* SPDX-License-Identifier: MIT */
/*
 * Types and compiler words that every layer uses. Compiles freestanding and on the host.
 *
 * Guest-physical and host-physical addresses are one-member structs, so that the compiler refuses
 * to mix them: `.raw` is the number, and taking it out is a visible act.
 */
#ifndef HV_BASE_TYPES_H
#define HV_BASE_TYPES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef uint8_t u8;
typedef uint16_t u16;
typedef uint32_t u32;
typedef uint64_t u64;
typedef int8_t s8;
typedef int16_t s16;
typedef int32_t s32;
typedef int64_t s64;

/* A guest-physical address: what the guest's page tables yield. */
typedef struct {
	u64 raw;
} gpa_t;

/* A host-physical address: what EPT, the host's page tables and DMA use. */
typedef struct {
	u64 raw;
} hpa_t;

#define GPA(x) ((gpa_t){ (u64)(x) })
#define HPA(x) ((hpa_t){ (u64)(x) })

#define PAGE_SHIFT 12u
#define PAGE_SIZE  4096ul
#define PAGE_MASK  (PAGE_SIZE - 1)
#define CACHE_LINE 64

/* A result that the caller may not drop: a status, an outcome, a set of vCPUs to wake. */
#define MUST_USE               __attribute__((warn_unused_result))
#define USED                   __attribute__((used))
#define UNUSED                 __attribute__((unused))
#define NORETURN               __attribute__((noreturn))
#define ALIGNED(n)             __attribute__((aligned(n)))
#define PACKED                 __attribute__((packed))
#define PRINTF_LIKE(fmt, args) __attribute__((format(printf, fmt, args)))
#define ALWAYS_INLINE          inline __attribute__((always_inline))
#define NOINLINE               __attribute__((noinline))
#define likely(x)              __builtin_expect(!!(x), 1)
#define unlikely(x)            __builtin_expect(!!(x), 0)

#define ARRAY_SIZE(a)                   (sizeof(a) / sizeof((a)[0]))
#define container_of(ptr, type, member) ((type *)(void *)((char *)(ptr)-offsetof(type, member)))

#ifndef static_assert
#define static_assert _Static_assert
#endif

#endif
