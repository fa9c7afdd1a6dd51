/* The counts of the build `ops` live here: how often an op was executed after which two others of its block. It knows
   handlers by their addresses; ops_counted.py knows their names. One thread may run guests. */
#include <stdint.h>

#define OPS_PLACES (1 << 17)

struct ops_counted {
    uintptr_t fn[3]; /* the op, the one before it, and the one before that; 0: it is the first of its block */
    uint64_t ops;
    uint64_t instructions; /* of these, how often the op was the first of its instruction */
};

__attribute__((visibility("default"))) struct ops_counted ops_counted[OPS_PLACES];
__attribute__((visibility("default"))) uint64_t ops_lost; /* ops for which the table had no place */

static inline void SEE_OP(void *fn, void *first, int k, int ip)
{
    static uintptr_t before[2];
    static void *block;
    static int last_k, last_ip;
    uintptr_t at = (uintptr_t)fn, hash;
    int tries, goes_on = first == block && k > last_k;
    uintptr_t one = goes_on ? before[0] : 0, two = goes_on ? before[1] : 0;
    hash = (at >> 2) * 0x9E3779B97F4A7C15u ^ (one >> 2) * 0xC2B2AE3D27D4EB4Fu ^ (two >> 2) * 0x165667B19E3779F9u;
    hash ^= hash >> 29;
    for (tries = 0; tries < 64; tries++) {
        struct ops_counted *c = &ops_counted[(hash + tries) & (OPS_PLACES - 1)];
        if (c->fn[0] == 0) {
            c->fn[0] = at;
            c->fn[1] = one;
            c->fn[2] = two;
        } else if (c->fn[0] != at || c->fn[1] != one || c->fn[2] != two)
            continue;
        c->ops++;
        c->instructions += !goes_on || ip != last_ip;
        break;
    }
    ops_lost += tries == 64;
    before[1] = one;
    before[0] = at;
    block = first;
    last_k = k;
    last_ip = ip;
}
