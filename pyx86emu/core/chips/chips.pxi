# The chips of a Vm in the core: keep their table and serve their deadlines. Know rows, not vCPUs.
#
# To add a chip, write a file in this folder, add a row here (chips_new) and add its state to Chips. Then IN, OUT,
# REP INS, the host's reads and writes, the lock and the timed edges of its line work. A span may be on the MMIO bus. A
# chip that guests poll often may get a short way too: handlers in access.pxi.
#
# The 8259 sees a line of a chip as it is: a request whose line falls before it is acknowledged is dropped. An edge that
# nobody can see is no event. So a line has an event at each rise, and at a fall only if the rise is still a request.
# A vCPU that is late (a long instruction, the host's clock) may find a rise and its fall at once. Then it sees the fall
# one instruction after the rise: a guest with open interrupts loses none.
#
# Who may use them when is said in owner.pxi.

ctypedef uint32_t (*ChipRead)(void* state, uint32_t port, uint64_t now) noexcept nogil
ctypedef bint (*ChipWrite)(void* state, uint32_t port, uint32_t value, uint64_t now) noexcept nogil
ctypedef void (*ChipNext)(void* state, uint64_t now, uint64_t* rise, uint64_t* fall) noexcept nogil
ctypedef bint (*ChipLine)(void* state, uint64_t now, uint32_t* rises) noexcept nogil
ctypedef Op* (*PortFn)(CPU*, Op*, uint32_t port) noexcept nogil

cdef enum:                       # the rows
    CHIP_PIC = 0
    CHIP_PIT = 1
    CHIP_PORT61 = 2
    CHIP_VGA = 3                 # off until Vm.create_vga()
    CHIPS = 4

cdef enum:
    CHIP_SPANS = 6
    SHORT_PORTS = 1024           # the ISA bus decodes 10 bits; these ports may have a short way
    OWNER_ASKED = 1              # a bit of `owner`: somebody waits until the owner has given the chips up
    LEAST_PATIENCE = 512         # uses of some 50 ns: they take longer than to ask a vCPU that runs (owner.pxi)

cdef struct Span:
    int bus                      # BUS_PIO or BUS_MMIO; no address is on both: ports are below 10000h, memory is not
    uint32_t base
    uint32_t length

# Each Vm has its own rows, because a row points to the state in its Vm.
cdef struct Chip:
    const char* name             # the owner of the ports in messages: "range ... overlaps ..."
    Span span[CHIP_SPANS]        # its ports and addresses
    int spans
    bint timed                   # a write uses `now`; if not, a write does not read the host's clock
    bint interrupts              # the interrupt controller: any access may raise INTR or end an interrupt
    void* state
    ChipRead read                # reads a byte; the caller has the lock, if the chips are shared
    ChipWrite write              # writes a byte; returns 1: its line, or what `next_edges` returns, may have changed
    ChipNext next_edges          # guest ns of the next rise and fall of its line; FOREVER: never. NULL: it has no line
    ChipLine line                # the level of its line, and how often it rose since the last call
    int gsi                      # the number of its line
    uint64_t rise                # when its line rises next
    uint64_t due                 # the next event: that, or a fall that takes a request away

# The short ways of a vCPU, by port; NULL: go to the bus.
cdef struct Ways:
    PortFn in_[SHORT_PORTS]      # of a byte
    PortFn out[SHORT_PORTS]
    PortFn out16[SHORT_PORTS]    # of a word, whose bytes go to two ports of one chip

cdef struct Chips:
    Chip chip[CHIPS]
    uint64_t due                 # the earliest `due` of the rows
    uint32_t rung                # lines that irqfds have raised and no user of the chips has seen: bits 0 to 15 as a
    uint32_t held                # pulse, bits 16 to 31 held high. While `hold` is set, a recorder keeps them in `held`
    uint32_t hold
    pthread_mutex_t lock
    uint64_t owner               # CPU*, which uses the chips without the lock; 0: everyone takes it. See owner.pxi
    int user                     # who took the lock last: the number of a vCPU + 1; 0: the host
    uint32_t alone               # how often that one took it in a row
    uint32_t patience            # and how often it has to until it becomes the owner
    int64_t since                # host ns when the owner became it
    Ways ways                    # of the first vCPU, while it is the owner
    Ways* others                 # the same for other vCPUs; NULL: there is none
    IrqChip irqchip
    Pit pit
    Vga vga
    void* speaker                # who listens to it (speaker.pxi), or NULL
    LineLog* lines               # who traces the lines of interrupts, or NULL


cdef Chips* chips_new() noexcept nogil:
    """The table of a new Vm; NULL: no memory. The chips are off: they have no ports and no deadlines."""
    cdef Chips* chips = <Chips*>calloc(1, sizeof(Chips))
    cdef Chip* chip
    if chips == NULL:
        return NULL
    pthread_mutex_init(&chips.lock, NULL)
    chips.due = FOREVER
    chips.patience = LEAST_PATIENCE

    chip = add_chip(chips, CHIP_PIC, b"the interrupt controller", &chips.irqchip, irqchip_read, irqchip_write)
    chip.interrupts = 1
    add_span(chip, BUS_PIO, 0x20, 2)
    add_span(chip, BUS_PIO, 0xA0, 2)
    add_span(chip, BUS_PIO, 0x4D0, 2)

    chip = add_chip(chips, CHIP_PIT, b"the interval timer", &chips.pit, pit_read, pit_write)
    chip.timed = 1
    chip.next_edges = pit_next_edges
    chip.line = pit_line
    chip.gsi = 0
    add_span(chip, BUS_PIO, 0x40, 4)

    chip = add_chip(chips, CHIP_PORT61, b"system control port B", &chips.pit, port61_read, port61_write)
    chip.timed = 1
    add_span(chip, BUS_PIO, 0x61, 1)

    chip = add_chip(chips, CHIP_VGA, b"the VGA", &chips.vga, vga_read, vga_write)
    add_span(chip, BUS_PIO, 0x3B4, 2)
    add_span(chip, BUS_PIO, 0x3BA, 1)
    add_span(chip, BUS_PIO, 0x3C0, 16)
    add_span(chip, BUS_PIO, 0x3D4, 2)
    add_span(chip, BUS_PIO, 0x3D8, 3)
    add_span(chip, BUS_MMIO, VGA_WINDOW, VGA_WINDOW_SIZE)
    return chips


cdef Chip* add_chip(Chips* chips, int row, const char* name, void* state, ChipRead read,
                    ChipWrite write) noexcept nogil:
    cdef Chip* chip = &chips.chip[row]
    chip.name = name
    chip.state = state
    chip.read = read
    chip.write = write
    chip.rise = chip.due = FOREVER
    return chip


cdef void add_span(Chip* chip, int bus, uint32_t base, uint32_t length) noexcept nogil:
    chip.span[chip.spans].bus = bus
    chip.span[chip.spans].base = base
    chip.span[chip.spans].length = length
    chip.spans += 1


cdef void chips_reset(Chips* chips) noexcept nogil:
    """Power-on of all chips."""
    irqchip_reset(&chips.irqchip)
    pit_reset(&chips.pit, 0)


# -- an access, under the lock

cdef inline uint64_t chip_get(Chip* chip, uint32_t port, int size, uint64_t now) noexcept nogil:
    """Read `size` bytes, the lowest port first."""
    cdef uint64_t v = 0
    cdef int i
    for i in range(size):
        v |= <uint64_t>chip.read(chip.state, port + i, now) << 8 * i
    return v


cdef inline bint chip_put(Chips* chips, Chip* chip, uint32_t port, int size, uint64_t value,
                          uint64_t now) noexcept nogil:
    """Write `size` bytes, the lowest port first. 1: the next deadline is earlier now."""
    cdef bint moved = 0
    cdef int i
    for i in range(size):
        if chip.write(chip.state, port + i, value >> 8 * i & 255, now):
            moved |= chip_follow(chips, chip, now)
    return moved


# -- what comes next

cdef bint chip_follow(Chips* chips, Chip* chip, uint64_t now) noexcept nogil:
    """Bring the chip's line up to `now`, and find its next event. 1: the next deadline is earlier now."""
    cdef uint64_t was = chips.due, fall
    cdef uint32_t rises
    cdef bint level = chip.line(chip.state, now, &rises)
    if rises or not level:
        irqchip_drive(&chips.irqchip, LINE_CHIP, chip.gsi, 0)
    if rises:
        irqchip_drive(&chips.irqchip, LINE_CHIP, chip.gsi, 1)
        if RARELY(chips.lines != NULL):
            note_line(chips.lines, &chips.irqchip, chip.gsi, LINE_HIGH if level else LINE_PULSE, now)
    elif level:
        irqchip_found_high(&chips.irqchip, LINE_CHIP, chip.gsi)
    chip.next_edges(chip.state, now, &chip.rise, &fall)
    chip.due = chip.rise
    if irqchip_requests(&chips.irqchip, chip.gsi):
        if rises and not level:
            fall = now + 1                       # it has fallen: show that after the next instruction
        chip.due = min(fall, chip.rise)
    find_due(chips)
    return chips.due < was


cdef void chip_was_set(Chips* chips, Chip* chip, uint64_t now, bint waits) noexcept nogil:
    """The state of the chip, or of the 8259, was set: find its next event. All its rises have been delivered. `waits`:
    it fell together with its last rise, and that is to be shown after the next instruction."""
    cdef uint64_t fall
    cdef uint32_t rises
    cdef bint level = chip.line(chip.state, now, &rises)
    chip.next_edges(chip.state, now, &chip.rise, &fall)
    chip.due = chip.rise
    if irqchip_requests(&chips.irqchip, chip.gsi):
        if not level:
            fall = now + waits
        chip.due = min(fall, chip.rise)
    find_due(chips)


cdef bint fall_waits(Chips* chips, Chip* chip, uint64_t now, bint level) noexcept nogil:
    """Is a fall of the chip's line, which is at `level`, to be shown after the next instruction?"""
    return not level and now < chip.due < chip.rise and irqchip_requests(&chips.irqchip, chip.gsi)


cdef void find_due(Chips* chips) noexcept nogil:
    """The first vCPU looks at `due` without the lock, so it is written once."""
    cdef uint64_t due = FOREVER
    cdef int i
    for i in range(CHIPS):
        if chips.chip[i].due < due:
            due = chips.chip[i].due
    at_publish64(&chips.due, due)


cdef void chips_serve(Chips* chips, uint64_t now) noexcept nogil:
    """Serve every chip that is due. The caller has the chips."""
    cdef int i
    for i in range(CHIPS):
        if chips.chip[i].due <= now:
            chip_follow(chips, &chips.chip[i], now)


cdef int chips_acknowledge(Chips* chips, uint64_t now) noexcept nogil:
    """INTA: the vector of the interrupt that the first vCPU takes. The caller has the chips."""
    cdef int vector, i
    cdef Chip* chip
    if RARELY(chips.lines != NULL):
        note_line(chips.lines, &chips.irqchip, next_line(&chips.irqchip), LINE_TAKEN, now)
    vector = irqchip_ack(&chips.irqchip)
    for i in range(CHIPS):
        chip = &chips.chip[i]
        if chip.due < chip.rise and not irqchip_requests(&chips.irqchip, chip.gsi):
            chip.due = chip.rise                 # the request was taken: nobody can see the fall
            find_due(chips)
    return vector


cdef void chips_take_rung(Chips* chips) noexcept nogil:
    """Raise the lines that irqfds have raised. The caller has the chips."""
    cdef uint32_t rung = at_swap32(&chips.rung, 0)
    cdef int line
    for line in range(16):
        if rung >> line & 1:
            pulse_gsi(chips, line, 0)
        if rung >> (line + 16) & 1:
            drive_gsi(chips, LINE_IRQFD, line, 1, 0)


cdef void drive_gsi(Chips* chips, int source, int line, bint level, uint64_t now) noexcept nogil:
    """A source of a GSI that is no chip drives it high or low. `now`: guest time; 0: not known."""
    cdef uint16_t was = chips.irqchip.lines
    irqchip_drive(&chips.irqchip, source, line, level)
    if RARELY(chips.lines != NULL) and was != chips.irqchip.lines:
        note_line(chips.lines, &chips.irqchip, line, LINE_HIGH if level else LINE_LOW, now)


cdef void pulse_gsi(Chips* chips, int line, uint64_t now) noexcept nogil:
    """The same for a line that is raised and lowered at once."""
    if RARELY(chips.lines != NULL):
        note_line(chips.lines, &chips.irqchip, line, LINE_PULSE, now)
    irqchip_pulse(&chips.irqchip, line)


# -- short ways

cdef void short_way(Chips* chips, int row, PortFn in_, PortFn out, PortFn out16) noexcept nogil:
    """Send byte accesses to a chip's ports to these handlers, without lock and search, and words too if `out16` is not
    NULL. Only while every vCPU is outside. This is safe because a chip's ranges never move, and no other range may
    overlap them."""
    cdef Chip* chip = &chips.chip[row]
    cdef uint32_t port, end
    cdef int i
    for i in range(chip.spans):
        port, end = chip.span[i].base, chip.span[i].base + chip.span[i].length
        while chip.span[i].bus == BUS_PIO and port < end and port < SHORT_PORTS:
            chips.ways.in_[port] = in_
            chips.ways.out[port] = out
            if port + 1 < end:
                chips.ways.out16[port] = out16
            port += 1
