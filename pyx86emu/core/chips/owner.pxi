# The owner of the chips lives here: the vCPU that uses them without the lock. Others ask for them and get them.
#
# At first the first vCPU owns the chips. Its accesses take no lock, and a byte may take the short way (access.pxi).
#
#   user                                    how it gets the chips
#   the owner, inside the core              it has them
#   another vCPU, inside the core           the lock, if there is no owner; else it asks the owner first
#   the thread that runs the owner, in a    the lock: the owner is outside, and this thread does not let it in
#   device or a timer
#   a thread while nobody runs the owner    the lock: it has the GIL, so the owner cannot come in
#   another thread while the owner runs     the lock, after it has asked the owner (Vm.lock_chips)
#   the thread of the irqfds                the lock; it changes only `rung`, which the owner reads as others do
#
# To ask the owner means: set OWNER_ASKED in `owner` with the writers' lock held, and wait until the owner has passed
# the end of a block or is outside (await_vcpu). Each vCPU looks at `owner` when it comes inside (look_at_owner), and
# only then: so `owns` is valid until it goes outside. After that there is no owner, and everyone takes the lock.
#
# A vCPU that takes the lock many times in a row, without another user in between, becomes the owner. How many times is
# `patience`: it is doubled while owners are asked soon after they became it, compared with what the asking costs. So
# two vCPUs that both use the chips settle on the lock.
#
# A thread that holds the lock waits for nothing, including the GIL.

cdef enum:
    MOST_PATIENCE = 1 << 24
    WORTH = 64                   # to own the chips pays off from so many times the cost of the asking on


cdef inline CPU* owner_of(Chips* chips) noexcept nogil:
    return <CPU*><uintptr_t>(at_get64(&chips.owner) & ~<uint64_t>OWNER_ASKED)


cdef inline void lock_chips(CPU* c) noexcept nogil:
    """For a vCPU inside the core. It may go outside to get the chips, as in lock_from_core(); then it stays inside
    until unlock_chips()."""
    if RARELY(not c.owns):
        lock_chips_slow(c)


cdef inline void unlock_chips(CPU* c) noexcept nogil:
    if RARELY(not c.owns):
        pthread_mutex_unlock(&c.chips.lock)


cdef void lock_chips_slow(CPU* c) noexcept nogil:
    cdef Chips* chips = c.chips
    pthread_mutex_lock(&chips.lock)
    if chips.owner != 0:
        pthread_mutex_unlock(&chips.lock)
        rings_flush(&c.rings)                    # the wait may be long
        lock_from_core(c)
        take_chips(chips, ask_owner(c.vm, c))
        pthread_mutex_unlock(&c.vm.writers)
    if chips.user != c.no + 1:
        chips.user = c.no + 1
        chips.alone = 0
    chips.alone += 1
    if chips.alone > chips.patience and chips.owner == 0:
        own_chips(c)


cdef void own_chips(CPU* c) noexcept nogil:
    """The vCPU, which has the lock, becomes the owner: it has the chips without the lock from here on."""
    cdef Chips* chips = c.chips
    chips.alone = 0
    chips.since = host_ns()
    at_put64(&chips.owner, <uint64_t><uintptr_t>c)
    look_at_owner(c)
    pthread_mutex_unlock(&chips.lock)


cdef int64_t ask_owner(VM* vm, CPU* me) noexcept nogil:
    """Wait until no vCPU uses the chips without the lock. The caller holds the writers' lock up to take_chips(), and no
    vCPU becomes the owner meanwhile. `me`: the vCPU that the caller is, inside the core, or NULL. Returns when the
    wait began, in host ns."""
    cdef Chips* chips = vm.chips
    cdef CPU* owner
    cdef int64_t began
    pthread_mutex_lock(&chips.lock)
    owner = owner_of(chips)
    at_put64(&chips.owner, chips.owner | OWNER_ASKED)
    pthread_mutex_unlock(&chips.lock)
    began = host_ns()
    if owner != NULL and owner != me:
        await_vcpu(owner, at_add64(&vm.epoch, 1) + 1, me)
    return began


cdef void take_chips(Chips* chips, int64_t began) noexcept nogil:
    """Lock the chips after ask_owner(), which returned `began`: they have no owner now."""
    cdef int64_t now = host_ns()
    pthread_mutex_lock(&chips.lock)
    if owner_of(chips) != NULL:
        if began - chips.since < WORTH * (now - began):
            chips.patience = min(2 * chips.patience, <uint32_t>MOST_PATIENCE)
        else:
            chips.patience = max(chips.patience // 2, <uint32_t>LEAST_PATIENCE)
    at_put64(&chips.owner, 0)


cdef void first_owner(Chips* chips, CPU* c) noexcept nogil:
    """A new vCPU, which is outside: the first one of a Vm owns the chips. The caller has the lock."""
    if c.no != 0:
        return
    chips.since = host_ns()
    at_put64(&chips.owner, <uint64_t><uintptr_t>c)


cdef void disown(Chips* chips, CPU* c) noexcept nogil:
    """The vCPU goes away. The caller has the lock."""
    if owner_of(chips) == c:
        at_put64(&chips.owner, 0)
