# Vm: the interpreter as a back end. Memory, buses and lines, for Python. Knows tables, not opcodes.

cdef class Vm(VmTables):
    """The interpreter, the back end "interp" of a Vm. What the methods promise is said in VmFront and backend.py."""

    accel = "interp"
    slot_class = MemorySlot                  # of what add_memory() and ioeventfd() make; another back end has its own
    entry_class = IoEventFd

    cdef RangeTable pio                      # who answers the ports, and the addresses outside memory
    cdef RangeTable mmio

    def __cinit__(self, *args, **kwargs):
        self.pio = table_of(self, BUS_PIO)
        self.mmio = table_of(self, BUS_MMIO)
        self._coalesced = coalesced_ring(self)

    def __init__(self, irqchip=False, *, shift=7, clock="virtual"):
        if self.made:
            raise RuntimeError("a Vm is initialised once: make another one")
        shift = exact(shift, "shift")
        if not 0 <= shift <= 20:
            raise ValueError(f"shift={shown(shift, 'd')}: an instruction takes 1 << shift ns, with shift from 0 to 20")
        if clock not in ("virtual", "host"):
            raise ValueError(f"unknown clock {clock!r}: choose 'virtual' or 'host'")
        cdef bint host_clock = clock == "host", with_irqchip = truth(irqchip, "irqchip")
        if self.made:                            # what was called above may have been Python
            raise RuntimeError("a Vm is initialised once: make another one")
        self.made = True
        self.vm.shift = shift
        self.vm.host_clock = host_clock
        self.vm.host_base = host_ns()
        if with_irqchip:
            self.vm.irqchip_on = 1
            self.add_chips()

    def check_open(self):
        """OSError EBADF: the Vm is closed."""
        self.open()

    def __reduce_ex__(self, protocol):
        raise not_copied(self, "memory and descriptors")

    def __repr__(self):
        return f"<Vm: {len(self._slots)} slots, {len(self._vcpus)} vCPUs{', closed' if self.closed else ''}>"

    # -- memory ---------------------------------------------------------------------------------------------

    def add_memory(self, addr, size=None, *, buffer=None, readonly=False, dirty_log=False, shared=False):
        cdef MemorySlot slot
        cdef Slot mine, other
        cdef int status
        cdef object owner = None
        cdef bint is_rom = truth(readonly, "readonly"), logged = truth(dirty_log, "dirty_log")
        cdef bint is_shared = truth(shared, "shared")
        self.open()
        if is_shared and buffer is not None:
            raise ValueError("shared=True makes memory of its own: leave `buffer` out, and map slot.fileno() elsewhere")
        addr = address(addr, "addr")
        if buffer is not None:
            owner = window(buffer)
        elif size is None:
            raise TypeError("add_memory needs a size or a buffer")
        size = len(owner) if size is None else exact(size, "size")
        if owner is not None and size > len(owner):
            raise os_error(errno.EINVAL, f"the buffer has {len(owner)} bytes, the slot asks for {shown(size)}")
        check_place(self.vm, addr, size, NULL)
        slot = new_slot(self.slot_class)
        if is_shared:
            slot.share(size)
        else:
            slot.owner = host_memory(size) if owner is None else owner
            slot.host = <uint8_t*>PyMemoryView_GET_BUFFER(slot.owner).buf
        if <uintptr_t>slot.host % PAGE:
            raise os_error(errno.EINVAL, "the buffer does not begin at a page of the host: map one with "
                                         "mmap.mmap(-1, size), or leave `buffer` out")
        slot.addr = addr
        slot.size = size
        slot.rom = is_rom
        slot.foreign = is_shared or buffer is not None
        if logged:
            slot.bits = new_log(slot.size)
        self.vm.refs += 1
        slot.machine = self.vm
        mine.addr, mine.size, mine.readonly, mine.shared = slot.addr, slot.size, is_rom, is_shared
        mine.host, mine.dirty, mine.face, mine.track = slot.host, slot.bits, <PyObject*>slot, NULL
        self._slots[slot] = None                 # before the core has it: it must not go
        self.stop()
        status = CLOSED if self.closed else slot_add(self.vm, &mine, &other)
        self.resume(status == CHANGED and within_reach(slot.addr))
        if status == CHANGED:
            slot.tables = self
            return slot
        self._slots.pop(slot, None)              # close() has a new dict
        self.open()
        if status == NO_MEMORY:
            raise MemoryError("no memory for the table of slots")
        if status == FULL:
            raise os_error(errno.EINVAL, f"a Vm has at most {MAX_SLOTS} memory slots: make them larger")
        raise overlap(slot.addr, slot.size, &other)

    @property
    def slots(self):
        return tuple([slot for slot in self._slots if (<MemorySlot>slot).tables is not None])

    @property
    def a20(self):
        return bool(self.vm.a20)

    @a20.deleter
    def a20(self):
        raise AttributeError("a20 cannot be deleted: set it to False")

    @a20.setter
    def a20(self, value):
        cdef bint up = truth(value, "a20")
        cdef int status
        if up == self.vm.a20:
            return
        self.stop()
        status = put_a20(self.vm, up)
        self.resume(status == CHANGED)

    def read(self, addr, size):
        return read_memory(self, addr, size)

    def write(self, addr, data):
        return write_memory(self, addr, data)

    def code_changed(self, addr, size):
        cdef uint64_t at = natural(address(addr, "addr"), "addr"), n = natural(size, "size")
        check_there(self, at, n)
        over_slots(self.vm, TELL, at, n, NULL)

    # -- vCPUs ----------------------------------------------------------------------------------------------

    def create_vcpu(self, model=None):
        self.open()
        return Vcpu.__new__(Vcpu, self, "80486" if model is None else str(canonical(model)))

    @property
    def vcpus(self):
        return tuple(self._vcpus)

    # -- ioeventfds -----------------------------------------------------------------------------------------

    def ioeventfd(self, addr, length=0, *, bus="pio", datamatch=None, fd=None, coalesce=True, flags=0):
        self.initialised()
        return ioeventfd_assign(self, addr, length, bus, datamatch, fd, truth(coalesce, "coalesce"), flags)

    def ioeventfd_deassign(self, addr, length=0, *, bus="pio", datamatch=None, fd=None, flags=0):
        self.initialised()
        return ioeventfd_deassign(self, addr, length, bus, datamatch, fd, flags)

    @property
    def ioeventfds(self):
        return ioeventfd_list(self)

    # -- coalesced zones ------------------------------------------------------------------------------------

    def coalesce(self, addr, length, *, bus="mmio", on_drain=None, array=False):
        return coalesce(self, addr, length, bus, on_drain, array)

    @property
    def coalesced(self):
        return self._coalesced

    # -- devices ----------------------------------------------------------------------------------------------

    def device_line(self, gsi):
        """The interrupt line of a device that is to be attached; None: it has none. OSError as for irq_line, and
        EINVAL for line 2, to which the slave 8259 is wired; EBADF: the Vm is closed."""
        self.open()
        if gsi is None:
            return None
        line = irq_gsi(self, gsi)
        if line == 2:
            raise os_error(errno.EINVAL, "interrupt line 2 is the slave 8259's: no device has it, give gsi=9")
        return line

    @property
    def started(self):
        """Has a vCPU executed an instruction?"""
        cdef int i
        for i in range(self.vm.ncpus):
            if self.vm.cpu[i] != NULL and self.vm.cpu[i].run.retired:
                return True
        return False

    def ranges(self, bus):
        """The table of the ranges of a bus, "pio" or "mmio". ValueError: another bus."""
        if bus == "pio":
            return self.pio
        if bus == "mmio":
            return self.mmio
        raise ValueError(f"there is no bus {bus!r} for devices: use 'pio' or 'mmio'")

    cdef int add_chips(self) except -1:
        """Switch the chips on and give them their ports. OSError EBADF: the Vm is closed."""
        cdef Chips* chips = self.vm.chips
        cdef Chip* chip
        cdef list found = []
        cdef tuple ranges
        cdef int i, k
        chips_reset(chips)
        for i in range(CHIP_VGA):
            chip = &chips.chip[i]
            for k in range(chip.spans):
                found.append(chip_range(self._chip_read, self._chip_write, chip, &chip.span[k], i))
        ranges = tuple(sorted(found, key=attrgetter("start")))
        if self.pio.put(self.pio.items, ranges) != CHANGED:
            self.open()
        if not self.vm.host_clock:
            open_short_ways(chips)
        return 0

    def _chip_read(self, port, size):
        """Read a port of the in-core chips from the host. All bits are 1 where there is none, as in a closed Vm."""
        cdef uint64_t first = natural(port, "port"), v
        cdef int n = whole(size, "size", 1, 8)
        cdef Chip* chip = self.chip_at(first, n)
        if chip == NULL:
            return ones(n)
        self.lock_chips()
        v = chip_get(chip, <uint32_t>first, n, self.now())
        self.unlock_chips()
        return v

    def _chip_write(self, port, size, value):
        """Write a port of the in-core chips from the host; False where there is none."""
        cdef uint64_t first = natural(port, "port"), v = natural(value, "value")
        cdef int n = whole(size, "size", 1, 8)
        cdef Chip* chip = self.chip_at(first, n)
        if chip == NULL:
            return False
        self.lock_chips()
        chip_put(self.vm.chips, chip, <uint32_t>first, n, v, self.now())
        self.unlock_chips()
        return True

    cdef Chip* chip_at(self, uint64_t port, int size) noexcept:
        """The chip that has all these ports, or NULL."""
        cdef PyObject* r = range_at(self.vm.ranges[BUS_PIO], port, size)
        return &self.vm.chips.chip[row_of(r)] if r != NULL and kind_of(r) == RANGE_CHIP else NULL

    def _chips_owner(self):
        """The number of the vCPU that uses the chips without a lock, or None: for tests."""
        cdef CPU* c = owner_of(self.vm.chips)
        return None if c == NULL else c.no

    def create_vga(self):
        return create_vga(self, VgaCore, self.pio, self.mmio, 0)

    def _create_vga(self, cls):
        """The same of a subclass of VgaCore: for another back end, which calls it (push)."""
        if not (isinstance(cls, type) and issubclass(cls, VgaCore)):
            raise TypeError("the VGA of a back end must be a VgaCore")
        return create_vga(self, cls, self.pio, self.mmio, 1)

    def irq_line(self, gsi, level):
        drive_line(self, gsi, level)

    def irq_pulse(self, gsi):
        pulse_line(self, gsi)

    def irqfd(self, gsi, fd, resample=None):
        return irqfd_assign(self, gsi, fd, resample)

    def irqfd_deassign(self, gsi, fd):
        irqfd_deassign(self, gsi, fd)

    def _irqfd_remove(self, entry):
        """Remove an irqfd by its IrqFd, if it is still there."""
        irqfd_remove(self, entry.serial)

    def _irqfds_hold(self, on):
        """While on, what irqfds raise waits until `_irqfds_release()`: for a recorder."""
        irqfds_hold(self, truth(on, "on"))

    def _irqfds_held(self):
        """Take the lines that irqfds have raised since then, as bits: 0 to 15 pulses, 16 to 31 held high."""
        return irqfds_held(self)

    def _irqfds_release(self, lines):
        """Raise such lines, recorded ones too."""
        irqfds_release(self, whole(lines, "lines", 0, 0xFFFFFFFF))

    def _end_slice(self):
        """End the run of the first vCPU soon with Exit(DEADLINE), as its limit in real time does; no later run. From
        any thread, for a recorder that has something to do."""
        cdef CPU* c = self.vm.cpu[0]
        if c != NULL and at_peek32(&c.threads.inside):
            c.run.wall = 0
            want(c, REQ_INTR)

    # -- state ----------------------------------------------------------------------------------------------

    @property
    def capabilities(self):
        return capabilities_of(self.vm)

    cdef int chips_there(self) except -1:
        self.initialised()
        if not self.vm.irqchip_on:
            raise os_error(errno.EINVAL, "this Vm has no interrupt controller and timer: make it with irqchip=True")
        return 0

    cdef int none_runs(self, str what) except -1:
        """RuntimeError if another thread runs a vCPU of this Vm."""
        cdef int i
        for i in range(self.vm.ncpus):
            if self.vm.cpu[i] != NULL:
                mine(self.vm.cpu[i], what)
        return 0

    @property
    def irqchip(self):
        cdef IrqChip copy
        self.chips_there()
        self.lock_chips()
        copy = self.vm.chips.irqchip
        self.unlock_chips()
        return irqchip_state(&copy)

    @irqchip.deleter
    def irqchip(self):
        raise AttributeError("irqchip cannot be deleted: set it to another value")

    @irqchip.setter
    def irqchip(self, value):
        cdef IrqChip new
        cdef Pit pit
        cdef uint64_t now
        cdef bint waits
        self.chips_there()
        irqchip_from(&new, value)
        self.open()
        self.none_runs("set irqchip")
        self.lock_chips()
        now = self.now()
        waits = pit_copy(self.vm.chips, &pit, now)
        new.eoi_lines = self.vm.chips.irqchip.eoi_lines
        self.vm.chips.irqchip = new
        pit_was_set(self.vm.chips, now, waits)
        self.unlock_chips()

    @property
    def pit(self):
        cdef Pit copy
        cdef bint waits
        self.chips_there()
        self.lock_chips()
        waits = pit_copy(self.vm.chips, &copy, self.now())
        self.unlock_chips()
        return pit_state(&copy, waits)

    @pit.deleter
    def pit(self):
        raise AttributeError("pit cannot be deleted: set it to another value")

    @pit.setter
    def pit(self, value):
        cdef Pit new
        cdef uint64_t now = self.now()
        cdef bint waits
        self.chips_there()
        waits = pit_from(&new, value, now)
        self.open()
        self.none_runs("set pit")
        self.lock_chips()
        self.vm.chips.pit = new
        pit_was_set(self.vm.chips, now, waits)
        self.unlock_chips()

    # -- time -----------------------------------------------------------------------------------------------

    @property
    def time(self):
        return self.now()

    @time.deleter
    def time(self):
        raise AttributeError("time cannot be deleted: set it to a later one")

    @time.setter
    def time(self, value):
        cdef uint64_t at = whole(value, "time", 0, LAST_TIME)
        cdef CPU* c
        cdef int i
        self.open()
        c = self.vm.cpu[0]
        if c == NULL and not self.vm.host_clock:
            raise RuntimeError("the first vCPU counts guest time: create it before you set the time")
        for i in range(self.vm.ncpus):
            if self.vm.cpu[i] != NULL and self.vm.cpu[i].threads.runner:
                raise RuntimeError("a vCPU is in run(): set the time when all have returned")
        if at < self.now():
            raise ValueError(f"time is {shown(at, 'd')}: it is {self.now()} now, and guest time does not go back")
        if self.vm.host_clock:
            self.vm.host_base -= <int64_t>(at - self.now())
            return
        if at & ((1ULL << self.vm.shift) - 1):
            raise ValueError(f"time is {shown(at, 'd')}: an instruction takes {1 << self.vm.shift} ns, give a multiple")
        c.run.idle = (at >> self.vm.shift) - c.run.retired
        at_publish64(&self.vm.ticks, at >> self.vm.shift)

    def _clock_by(self, clock, shift):
        """From now on guest time is that of "host", or "virtual" with 1 << `shift` ns for an instruction. For a
        recorder. What it is now stays; only if the instructions alone are more, they are the time."""
        cdef int bits = whole(shift, "shift", 0, 20)
        cdef CPU* c
        cdef uint64_t now
        nobody_runs(self, "change the clock of")
        c = self.vm.cpu[0]
        if c == NULL:
            raise RuntimeError("the first vCPU counts guest time: create it first")
        now = self.now()
        self.vm.shift = bits
        self.vm.host_clock = clock == "host"
        if self.vm.host_clock:
            self.vm.host_base = host_ns() - <int64_t>now
        c.run.idle = (now >> bits) - c.run.retired if now >> bits > c.run.retired else 0
        at_publish64(&self.vm.ticks, now >> bits)
        want(c, REQ_INTR | REQ_DROP)

    def pressed(self):
        """Is the run of the first vCPU to end now? For a Clock with many functions to call."""
        cdef CPU* c = self.vm.cpu[0]
        return c != NULL and (at_get32(&c.threads.request) & (REQ_KICK | REQ_RESET) != 0 or late(c))

    def wait_ends(self, ns):
        """Has a device to end its wait for somebody outside, after `ns` host ns? False in a thread whose vCPU is not in
        a device."""
        cdef uint64_t waited = whole(ns, "ns", 0, LAST_TIME)
        cdef CPU* c = asking(self.vm)
        return c != NULL and wait_ends(c, waited)

    def owe(self, settle):
        """The vCPU whose device this thread is in calls settle() when its next run begins. False: there is none."""
        cdef CPU* c = asking(self.vm)
        if not callable(settle):
            raise TypeError(f"what is owed is a function, not {type(settle).__name__}")
        return c != NULL and owe(c, settle)

    def set_timer(self, deadline, callback):
        cdef uint64_t at = FOREVER
        if deadline is not None:
            at = moment(deadline, "deadline")
        if callback is not None and not callable(callback):
            raise TypeError(f"a timer calls a function, not {type(callback).__name__}")
        self.initialised()
        before = self._timer                     # released at the end: that may call Python
        self._timer = callback
        self.vm.timer = at
        self.chip_changed()

    # -- saved states ---------------------------------------------------------------------------------------

    def snapshot(self):
        """A `Snapshot` of the Vm as it is. Raises as `Vm.save`."""
        return snapshot_take(self)

    def restore_snapshot(self, snapshot):
        """Become as a `Snapshot` says. Raises as `Vm.restore`."""
        if type(snapshot) is not Snapshot:
            raise TypeError(f"a Vm is restored from a Snapshot, not from {type(snapshot).__name__}")
        snapshot_put(self, <Snapshot>snapshot)

    def populate(self, snapshot, source):
        """For a Vm that has nothing yet: the slots, vCPUs and VGA of a `Snapshot` of the Vm `source`, which is then
        restored. ValueError: it has slots or vCPUs; TypeError; MemoryError."""
        self.open()
        if type(snapshot) is not Snapshot or not isinstance(source, Vm):
            raise TypeError(f"a Vm is populated from a Snapshot of a Vm, not from {type(snapshot).__name__}")
        snapshot_populate(self, <Snapshot>snapshot, <Vm>source)

    # -- the end --------------------------------------------------------------------------------------------

    def close(self):
        cdef IoTable* empty
        cdef IoTable* table
        cdef tuple ports, addresses, none = ()
        if self.closing or self.closed and self.iotable == NULL:
            return
        self.closed = self.closing = True
        try:
            irqfds_close(self)
            for v in tuple(self._vcpus):
                (<Vcpu>v).shut()
            empty = iotable_new()
            if empty == NULL:
                raise MemoryError("no memory to close the Vm")
            self.stop()
            table = self.iotable
            self.iotable = NULL
            self.vm.iotable = empty
            zones_clear(&self.vm.zones)
            self.vm.nslots = 0
            ports, addresses = self.pio.items, self.mmio.items      # released last: that may call Python
            self.pio.put_in_core(none)
            self.mmio.put_in_core(none)
            self.resume(True)
            iotable_free(table)
        finally:
            self.closing = False
        slots, self._slots = self._slots, {}
        for slot in slots:
            (<MemorySlot>slot).tables = None
        timer, self._timer = self._timer, None
        (<CoalescedRing>self._coalesced).closed()


# Lines and memory, called without a detour through Python.

cdef int drive_line(Vm vm, object gsi, object level) except -1:
    cdef int line = irq_gsi(vm, gsi)
    cdef bint up = truth(level, "level")
    vm.lock_chips()
    drive_gsi(vm.vm.chips, LINE_USER, line, up, vm.now())
    vm.unlock_chips()
    return 0


cdef int pulse_line(Vm vm, object gsi) except -1:
    cdef int line = irq_gsi(vm, gsi)
    vm.lock_chips()
    pulse_gsi(vm.vm.chips, line, vm.now())
    vm.unlock_chips()
    return 0


cdef bytes read_memory(VmTables vm, object addr, object size):
    cdef uint64_t at = natural(address(addr, "addr"), "addr"), n = natural(size, "size")
    cdef bytes out
    cdef char* to
    cdef Slot* first = slot_at(vm.vm, at)
    if first != NULL and n <= first.addr + first.size - at:
        return PyBytes_FromStringAndSize(<char*>first.host + (at - first.addr), n)
    check_there(vm, at, n)
    out = PyBytes_FromStringAndSize(NULL, n)
    to = out
    over_slots(vm.vm, READ, at, n, <uint8_t*>to)
    return out


cdef object write_memory(VmTables vm, object addr, object data):
    cdef uint64_t at = natural(address(addr, "addr"), "addr")
    cdef Py_buffer view
    cdef bytes copy
    cdef Slot* first
    borrow(data, &view)
    try:
        first = slot_at(vm.vm, at)
        if first != NULL and <uint64_t>view.len <= first.addr + first.size - at:
            over_slots(vm.vm, WRITE, at, view.len, <uint8_t*>view.buf)
            return
        check_there(vm, at, view.len)
        # Into several slots: what goes to the first must not overwrite what comes from there to the second.
        copy = PyBytes_FromStringAndSize(<char*>view.buf, view.len)
    finally:
        PyBuffer_Release(&view)
    write_copy(vm, at, copy)


cdef int write_copy(VmTables vm, uint64_t at, bytes data) except -1:
    cdef uint64_t n = len(data)
    cdef const char* from_ = data
    check_there(vm, at, n)                       # the release of a buffer may call Python
    over_slots(vm.vm, WRITE, at, n, <uint8_t*>from_)
    return 0


cdef int check_there(VmTables vm, uint64_t at, uint64_t n) except -1:
    cdef uint64_t there
    vm.initialised()
    there = over_slots(vm.vm, LOOK, at, n, NULL)
    if there < n:
        raise ValueError(f"guest address {at + there:#x} is in no memory slot")
    return 0
