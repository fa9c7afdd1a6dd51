# The structs of VMs and vCPUs begin and end here: allocate, set to the state after RESET, free.

cdef VM* new_vm() except NULL:
    cdef VM* vm = <VM*>calloc(1, sizeof(VM))
    if vm == NULL:
        raise MemoryError("no memory for a Vm")
    vm.mem = <Mem*>calloc(1, sizeof(Mem))
    vm.iotable = iotable_new()
    vm.chips = chips_new()
    if vm.mem == NULL or vm.iotable == NULL or vm.chips == NULL:
        free_vm(vm)
        raise MemoryError("no memory for a Vm")
    pthread_mutex_init(&vm.writers, NULL)
    pthread_mutex_init(&vm.noting, NULL)
    zones_begin(&vm.zones)
    vm.refs = 1
    vm.a20 = 1
    vm.epoch = 1
    vm.timer = FOREVER
    rebuild_tables(vm)
    return vm


cdef void free_vm(VM* vm) noexcept:
    """Drop one reference. A Vm, its vCPUs and its memory slots each hold one; the last one frees the tables."""
    vm.refs -= 1
    if vm.refs > 0:
        return
    if vm.iotable != NULL:
        iotable_free(vm.iotable)
    zones_free(&vm.zones)
    image_drop(vm.base)
    track_free(vm.vga_track)
    store_drop(vm.store)
    if vm.chips != NULL:
        free(vm.chips.lines)
        free(vm.chips.others)
    free(vm.chips)
    free(vm.mem)
    free(vm.slots)
    free(vm)


cdef CPU* new_cpu(VM* vm, str model) except NULL:
    cdef CPU* c = <CPU*>calloc(1, sizeof(CPU))
    if c == NULL:
        raise MemoryError("no memory for a vCPU")
    c.blocks.hash = <Op**>calloc(HASH, sizeof(Op*))
    c.blocks.hash_mask = HASH - 1
    forget_calls(c)
    c.blocks.codemap = <uint8_t*>calloc(GRANULES * 32 + 1, 1)       # +1: two bytes are read at once
    c.blocks.list = <Block**>calloc(GRANULES, sizeof(Block*))
    c.blocks.length = <uint16_t*>calloc(GRANULES, 2)
    c.blocks.dirty_code = <uint64_t*>calloc(GRANULES // 64, 8)
    c.blocks.listed = <uint64_t*>calloc(GRANULES // 64, 8)
    c.blocks.pool = <Op**>calloc(MOST_CHUNKS, sizeof(Op*))
    if (c.blocks.hash == NULL or c.blocks.codemap == NULL or c.blocks.list == NULL or c.blocks.length == NULL
            or c.blocks.dirty_code == NULL or c.blocks.listed == NULL or c.blocks.pool == NULL):
        free_cpu(c)
        raise MemoryError("no memory for a vCPU")
    c.vm = vm
    c.chips = vm.chips
    c.ways = &NO_WAYS
    vm.refs += 1
    c.no = MAX_VCPUS                             # not yet in vm.cpu
    c.run.ram = vm.mem.ram
    c.run.look = FOREVER
    c.reads.asked_tag = FOREVER
    c.observe.turn_at = FOREVER
    c.run.wall = FOREVER
    pthread_mutex_init(&c.threads.wait_lock, NULL)
    pthread_cond_init(&c.threads.wait_cond, NULL)
    rings_begin(&c.rings)
    load_model(&c.m, model)
    reset_cpu(c)
    return c


cdef void free_cpu(CPU* c) noexcept:
    cdef int i
    for i in range(c.blocks.pools):
        free(c.blocks.pool[i])
    free(c.blocks.pool)
    free(c.blocks.hash)
    free(c.blocks.codemap)
    free(c.blocks.list)
    free(c.blocks.length)
    free(c.blocks.dirty_code)
    free(c.blocks.listed)
    free(c.debug.watch)
    free(c.observe.look)
    free(c.observe.history)
    free(c.observe.ended)
    free(c)


cdef void reset_cpu(CPU* c) noexcept nogil:
    """Set the state after RESET (80386 PRM 10.1). Decoded blocks and the count of instructions stay."""
    memset(c.arch.r, 0, sizeof(c.arch.r))
    memset(c.arch.sb, 0, sizeof(c.arch.sb))
    memset(c.system.cr, 0, sizeof(c.system.cr))
    memset(c.system.dr, 0, sizeof(c.system.dr))
    set_dr(c, 6, 0)
    set_dr(c, 7, 0)
    c.system.cr[0] = c.m.cr0_reset
    c.arch.sb[CS] = 0xF0000
    c.arch.ip = 0xFFF0
    c.arch.rest = c.m.flags_ones
    fl_arith_bits(c, 0)
    c.system.idt_base = 0
    c.system.idt_limit = 0x3FF
    c.system.gdt_base = 0
    c.system.gdt_limit = 0xFFFF
    c.events.shadow = FOREVER
    c.events.trap_shadow = FOREVER
    c.events.rep_left = FOREVER
    c.events.inject = -1
    c.events.nmi = 0
    c.events.nmi_masked = 0
    c.events.halted = 0
    c.events.dead = 0
    c.events.undelivered = -1
    c.reads.pending = 0
    c.reads.finish = 0
    c.events.delivering = 0
    c.events.trap_due = 0
    c.debug.due = 0
    c.debug.hit = 0
    c.why.stopped = 0
    c.why.faults = 0
    memset(c.why.arrival, 0, sizeof(c.why.arrival))
    memset(&c.why.stack, 0, sizeof(c.why.stack))
    c.why.came.at = FOREVER
    c.events.carry = 0
    c.exits.count = 0
    c.exits.pos = 0
    c.reads.ins_count = 0
    c.reads.ins_pos = 0
    c.debug.resume = 0
    c.python.moved = 0
    c.reads.log_tag = FOREVER


cdef void forget_calls(CPU* c) noexcept nogil:
    cdef int i
    for i in range(CALLS):
        c.blocks.calls[i] = &NO_CALL


cdef void fork_vm(VM* vm, unsigned long me) noexcept nogil:
    """In the child of a fork, where the only thread is `me`: no other holds a lock, or changes the tables."""
    cdef int i
    for i in range(vm.ncpus):
        if vm.cpu[i] != NULL:
            fork_cpu(vm.cpu[i], vm.cpu[i].threads.runner and vm.cpu[i].threads.runner != me)
    pthread_mutex_init(&vm.writers, NULL)
    pthread_mutex_init(&vm.noting, NULL)
    pthread_mutex_init(&vm.chips.lock, NULL)
    zones_forked(&vm.zones)
    vm.stopping = 0
    vm.chips.owner &= ~<uint64_t>OWNER_ASKED


cdef void fork_cpu(CPU* c, bint left) noexcept nogil:
    """Pending rings are the parent's to signal. `left`: the thread that was in run() is not here."""
    rings_begin(&c.rings)
    c.threads.in_core = 0
    c.threads.waiting = 0
    c.threads.awaited = 0
    pthread_mutex_init(&c.threads.wait_lock, NULL)
    pthread_cond_init(&c.threads.wait_cond, NULL)
    if not left:
        return
    c.threads.runner = 0
    c.threads.inside = 0
    c.threads.asleep = 0
    c.python.gil = 0
    c.python.thread = NULL
    c.python.in_device = 0
    c.python.moved = 0
    c.python.touched = 0
    c.python.called = 0
    c.run.stepping = 0
    c.debug.singlestep &= ~<uint32_t>STEP_ONCE
    forget_step(c)
