/* The host's C lives here, where Cython has no words: tail calls, unaligned memory, atomics. It does not know x86. */
#ifndef PYX86EMU_HOST_H
#define PYX86EMU_HOST_H
#include <errno.h>
#include <stdint.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#if __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
#error "pyx86emu needs a little-endian host: registers are views of one another"
#endif

/* GO: continue with another op. A handler returns GO(c, nx), which the compiler turns into a jump
   to the next handler (a sibling call). Where the compiler does not promise that (-O0, -O1,
   sanitizers, coverage), GO returns the op to the loop trampoline() in run.pxi. */
#ifdef NO_TAIL_CALLS
#define GO(c, nx) (nx)
#else
#define GO(c, nx) ((nx)->fn((c), (nx)))
#endif

/* Each op that the loop executes. A test build counts them; without tail calls these are all ops. */
#ifdef COUNT_OPS
#include "../../tests/ops_counted.h"
#else
#define SEE_OP(fn, first, k, insn) ((void)0)
#endif

/* Bytes before and after a slot's memory that no access is allowed to touch. Only in a test build:
   they cost two more mappings per slot. */
#ifdef GUARD_PAGES
#define GUARD 4096
#else
#define GUARD 0
#endif

/* Op slots in one chunk of memory for blocks, and the number of chunks a vCPU may have. A test build
   has few, so that tests fill them. */
#ifdef SMALL_POOL
#define CHUNK 128
#define MAX_CHUNKS 3
#else
#define CHUNK 2048
#define MAX_CHUNKS 256
#endif
/* The same while blocks have probes. A granule still has less than 65,536 blocks, as each has at least
   10 slots then. */
#define MOST_CHUNKS (MAX_CHUNKS * 6 / 5)

/* Says that x is most often false. The compiler then moves the slow path to the end of the handler,
   and saves registers only there. */
#define RARELY(x) __builtin_expect(!!(x), 0)

/* Says that p is not 0. The compiler then drops later tests of p against 0. */
static inline uintptr_t THERE(uintptr_t p) { if (!p) __builtin_unreachable(); return p; }

#define LOAD_FAILED (1ULL << 63) /* a load failed: the handler returns c->run.go */

#define FOREVER UINT64_MAX /* a time or a count that never comes */

static inline uint32_t get16(uintptr_t p) { uint16_t v; memcpy(&v, (void *)p, 2); return v; }
static inline uint32_t get32(uintptr_t p) { uint32_t v; memcpy(&v, (void *)p, 4); return v; }
static inline void put16(uintptr_t p, uint32_t v) { uint16_t w = (uint16_t)v; memcpy((void *)p, &w, 2); }
static inline void put32(uintptr_t p, uint32_t v) { memcpy((void *)p, &v, 4); }

/* A word of the register file, which most often was stored an instruction ago. A load that extends it (MOVZX) waits for
   the store: 7 cycles on Zen 4. A load of 16 bits takes the value over from it at once, as those of 32 and 64 bits do.
   So here the upper half is cleared first. */
#if defined(__x86_64__) && !defined(__SANITIZE_ADDRESS__)
static inline uint32_t reg16(const uint16_t *p)
{
    uint32_t v = 0;
    __asm__("movw %1, %w0" : "+r"(v) : "m"(*p));
    return v;
}
/* The sum of two words of the register file and another one, modulo 64 KiB. */
static inline uint32_t sum16(const uint16_t *a, const uint16_t *b, const uint16_t *d)
{
    uint32_t v = 0;
    __asm__("movw %1, %w0\n\taddw %2, %w0\n\taddw %3, %w0" : "+r"(v) : "m"(*a), "m"(*b), "m"(*d) : "cc");
    return v;
}
#else
static inline uint32_t reg16(const uint16_t *p) { return *p; }
static inline uint32_t sum16(const uint16_t *a, const uint16_t *b, const uint16_t *d) { return (*a + *b + *d) & 0xFFFF; }
#endif

/* Words that several threads read and write. All of these are in one order for all threads, except load and
   publish: a thread that loads what was published also sees what was stored before it. */
static inline uint64_t at_load64(const uint64_t *p) { return __atomic_load_n(p, __ATOMIC_ACQUIRE); }
static inline void at_publish64(uint64_t *p, uint64_t v) { __atomic_store_n(p, v, __ATOMIC_RELEASE); }
static inline void at_publish32(uint32_t *p, uint32_t v) { __atomic_store_n(p, v, __ATOMIC_RELEASE); }
/* A look at a word that another thread may be writing. Order does not matter: the other asks for a second look. */
static inline uint32_t at_peek32(const uint32_t *p) { return __atomic_load_n(p, __ATOMIC_RELAXED); }
static inline uint64_t at_peek64(const uint64_t *p) { return __atomic_load_n(p, __ATOMIC_RELAXED); }
static inline uint32_t at_get32(uint32_t *p) { return __atomic_load_n(p, __ATOMIC_SEQ_CST); }
static inline uint64_t at_get64(uint64_t *p) { return __atomic_load_n(p, __ATOMIC_SEQ_CST); }
static inline void at_put32(uint32_t *p, uint32_t v) { __atomic_store_n(p, v, __ATOMIC_SEQ_CST); }
static inline void at_put64(uint64_t *p, uint64_t v) { __atomic_store_n(p, v, __ATOMIC_SEQ_CST); }
/* These return what was there before. */
static inline uint32_t at_swap32(uint32_t *p, uint32_t v) { return __atomic_exchange_n(p, v, __ATOMIC_SEQ_CST); }
static inline uint64_t at_swap64(uint64_t *p, uint64_t v) { return __atomic_exchange_n(p, v, __ATOMIC_SEQ_CST); }
static inline uint32_t at_add32(uint32_t *p, uint32_t v) { return __atomic_fetch_add(p, v, __ATOMIC_SEQ_CST); }
static inline uint64_t at_add64(uint64_t *p, uint64_t v) { return __atomic_fetch_add(p, v, __ATOMIC_SEQ_CST); }
static inline uint8_t at_or8(uint8_t *p, uint8_t v) { return __atomic_fetch_or(p, v, __ATOMIC_SEQ_CST); }
static inline uint32_t at_or32(uint32_t *p, uint32_t v) { return __atomic_fetch_or(p, v, __ATOMIC_SEQ_CST); }
static inline uint64_t at_or64(uint64_t *p, uint64_t v) { return __atomic_fetch_or(p, v, __ATOMIC_SEQ_CST); }
static inline uint64_t at_and64(uint64_t *p, uint64_t v) { return __atomic_fetch_and(p, v, __ATOMIC_SEQ_CST); }
/* The floor of a vCPU is read at each block entry, where order does not matter. */
static inline void at_put_floor(int64_t *p, int64_t v) { __atomic_store_n(p, v, __ATOMIC_SEQ_CST); }
static inline int64_t at_get_floor(int64_t *p) { return __atomic_load_n(p, __ATOMIC_RELAXED); }
static inline uint16_t at_look16(const uint16_t *p) { return __atomic_load_n(p, __ATOMIC_ACQUIRE); }
static inline void at_store16(uint16_t *p, uint16_t v) { __atomic_store_n(p, v, __ATOMIC_RELEASE); }
static inline void at_fence(void) { __atomic_thread_fence(__ATOMIC_SEQ_CST); }
/* Publish v, then load *q. Another thread that stores to *q, calls fence_all() and then loads *p sees v, or this load
   sees what it stored. So the frequent side needs no fence of its own. */
static inline uint32_t at_publish_and_look(uint64_t *p, uint64_t v, const uint32_t *q)
{
    __atomic_store_n(p, v, __ATOMIC_RELEASE);
    __atomic_signal_fence(__ATOMIC_SEQ_CST);
    return __atomic_load_n(q, __ATOMIC_RELAXED);
}
/* Compare and swap; p is aligned to size. Returns 0 if the memory did not hold `old`. */
static inline int at_cas(uintptr_t p, uint32_t old, uint32_t v, int size)
{
    uint8_t o8 = (uint8_t)old;
    uint16_t o16 = (uint16_t)old;
    if (size == 1)
        return __atomic_compare_exchange_n((uint8_t *)p, &o8, (uint8_t)v, 0, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);
    if (size == 2)
        return __atomic_compare_exchange_n((uint16_t *)p, &o16, (uint16_t)v, 0, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);
    return __atomic_compare_exchange_n((uint32_t *)p, &old, v, 0, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);
}

/* A fence in every thread of this process (membarrier(2)). Returns 0 if the kernel has none, which is before Linux 4.14.
   The first call in a process registers it; with several threads that takes the kernel some milliseconds. */
static inline int fence_all(void)
{
#ifdef SYS_membarrier
    enum { FENCE = 1 << 3, REGISTER = 1 << 4 }; /* MEMBARRIER_CMD_[REGISTER_]PRIVATE_EXPEDITED */
    if (syscall(SYS_membarrier, FENCE, 0) == 0)
        return 1;
    return syscall(SYS_membarrier, REGISTER, 0) == 0 && syscall(SYS_membarrier, FENCE, 0) == 0;
#else
    return 0;
#endif
}

/* Sleep while *p is v, until futex_wake(), at most so many ns (0: without a limit). It may return early. Returns 0 if
   the time is over. */
static inline int futex_wait(uint32_t *p, uint32_t v, uint64_t ns)
{
    struct timespec t = {(time_t)(ns / 1000000000), (long)(ns % 1000000000)};
    return syscall(SYS_futex, p, 128, v, ns ? &t : NULL, NULL, 0) == 0 || errno != ETIMEDOUT; /* FUTEX_WAIT_PRIVATE */
}
static inline void futex_wake(uint32_t *p) { syscall(SYS_futex, p, 129, INT32_MAX, NULL, NULL, 0); }
/* A hint to the host that this is a loop which waits for another thread. */
static inline void spin_hint(void)
{
#if defined(__x86_64__) || defined(__i386__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ volatile("yield");
#endif
}

/* The number of the lowest bit that is 1; v is not 0. */
static inline int lowest_one(uint32_t v) { return __builtin_ctz(v); }
static inline int lowest_one64(uint64_t v) { return __builtin_ctzll(v); }
/* Of the highest one. */
static inline int highest_one(uint32_t v) { return 31 - __builtin_clz(v); }

/* The upper half of a product. */
static inline uint64_t high64(uint64_t a, uint64_t b) { return (uint64_t)((unsigned __int128)a * b >> 64); }

static inline int64_t host_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}
#endif
