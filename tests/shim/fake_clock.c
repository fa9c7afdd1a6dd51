/* A monotonic clock that only moves when somebody looks at it, by FAKE_CLOCK_STEP ns each time, or when a
   test says so. Every other clock is the system's. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdlib.h>
#include <time.h>

static long long now = 1000000000LL, looks, step = -1;

long long fake_clock_looks(void) { return __atomic_load_n(&looks, __ATOMIC_SEQ_CST); }
void fake_clock_advance(long long ns) { __atomic_add_fetch(&now, ns, __ATOMIC_SEQ_CST); }

int clock_gettime(clockid_t id, struct timespec *t)
{
    static int (*real)(clockid_t, struct timespec *);
    if (id != CLOCK_MONOTONIC) {
        if (!real)
            real = (int (*)(clockid_t, struct timespec *))dlsym(RTLD_NEXT, "clock_gettime");
        return real(id, t);
    }
    if (step < 0) {
        const char *text = getenv("FAKE_CLOCK_STEP");
        step = text ? atoll(text) : 1000000;
    }
    __atomic_add_fetch(&looks, 1, __ATOMIC_SEQ_CST);
    long long ns = __atomic_add_fetch(&now, step, __ATOMIC_SEQ_CST);
    t->tv_sec = ns / 1000000000;
    t->tv_nsec = ns % 1000000000;
    return 0;
}
