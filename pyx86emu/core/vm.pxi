# Vm: the Python face of memory, buses and lines. Knows tables, not opcodes.

cdef VM* new_vm() except NULL:
    cdef VM* vm = <VM*>calloc(1, sizeof(VM))
    if vm == NULL:
        raise MemoryError("no memory for a Vm")
    vm.mem = <Mem*>calloc(1, sizeof(Mem))
    vm.iotable = iotable_new()
    if vm.mem == NULL or vm.iotable == NULL:
        free_vm(vm)
        raise MemoryError("no memory for a Vm")
    pthread_mutex_init(&vm.writers, NULL)
    pthread_mutex_init(&vm.chip_lock, NULL)
    vm.refs = 1
    vm.a20 = 1
    vm.epoch = 1
    vm.timer = FOREVER
    vm.pit_edge = FOREVER
    return vm


cdef void free_vm(VM* vm) noexcept:
    """The last of Vm and its vCPUs is gone."""
    vm.refs -= 1
    if vm.refs > 0:
        return
    if vm.iotable != NULL:
        iotable_free(vm.iotable)
    for bus in range(2):
        free(vm.ranges[bus])
    free(vm.mem)
    free(vm)


cdef int RANGE_KIND[3]
RANGE_KIND[0] = RANGE_PIC
RANGE_KIND[1] = RANGE_PIT
RANGE_KIND[2] = RANGE_PORT61


cdef class Vm:
    """A virtual machine: memory slots, two buses, ioeventfds, interrupt lines; vCPUs run in it.

    `accel` is "interp". `irqchip=True` puts the 8259 pair (20h, A0h) and the 8254 (40h, 61h) into the core, as
    KVM_CREATE_IRQCHIP and KVM_CREATE_PIT2 do. One instruction takes 1 << `shift` nanoseconds of guest time
    (QEMU: -icount shift=N). `clock="host"` lets timers follow the host's clock. ValueError: another `accel`, a
    `shift` outside 0 to 20, another `clock`.

    After fork() the child goes on with its own copy of memory; both processes ring the same eventfds.
    """

    cdef VM* vm
    cdef IoTable* iotable
    cdef list _slots
    cdef list _vcpus
    cdef dict _handles
    cdef public object _timer
    cdef object _irqfds
    cdef bint closed
    cdef int views                           # of memory, writable, alive
    cdef object __weakref__

    def __cinit__(self, *args, **kwargs):
        self.vm = new_vm()
        self.iotable = self.vm.iotable
        self.vm.owner = <PyObject*>self
        self._slots = []
        self._vcpus = []
        self._handles = {}
        live_vms.add(self)

    def __init__(self, accel="interp", irqchip=False, *, shift=7, clock="virtual"):
        if accel != "interp":
            raise ValueError(f"unknown accelerator {accel!r}: this build has 'interp'")
        if not 0 <= shift <= 20:
            raise ValueError(f"shift={shift}: an instruction takes 1 << shift ns, with shift from 0 to 20")
        if clock not in ("virtual", "host"):
            raise ValueError(f"unknown clock {clock!r}: choose 'virtual' or 'host'")
        self.vm.shift = shift
        self.vm.host_clock = clock == "host"
        self.vm.host_base = host_ns()
        self.rebuild()
        if irqchip:
            self.vm.irqchip_on = 1
            irqchip_reset(&self.vm.chip)
            pit_reset(&self.vm.pit, 0)
            for base, length, kind in ((0x20, 2, 0), (0x40, 4, 1), (0x61, 1, 2), (0xA0, 2, 0), (0x4D0, 2, 0)):
                self.add_range(BUS_PIO, base, length, RANGE_KIND[kind], 1, None, None)
            mark_chip_ports(self.vm)

    def __dealloc__(self):
        if self.vm != NULL:
            self.vm.owner = NULL
            free_vm(self.vm)

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        self.close()

    def __reduce_ex__(self, protocol):
        raise not_copied(self, "memory and descriptors")

    def __repr__(self):
        return f"<Vm: {len(self._slots)} slots, {len(self._vcpus)} vCPUs{', closed' if self.closed else ''}>"

    # -- memory ---------------------------------------------------------------------------------------------

    def add_memory(self, addr, size=None, *, buffer=None, readonly=False, dirty_log=False):
        """A memory slot at guest-physical `addr`: `size` bytes of zeros, or `buffer` (any writable buffer that
        begins at a page of its own: an mmap, a memfd mapping). Addresses and sizes are multiples of 4096.

        OSError EINVAL: not aligned (the buffer to a host page), empty, beyond 2**52, larger than the buffer, or the
        65th slot; EEXIST: overlaps another slot; EBADF: the Vm is closed. TypeError: neither size nor buffer.
        (KVM_SET_USER_MEMORY_REGION; KVM_MEM_READONLY, KVM_MEM_LOG_DIRTY_PAGES.)
        """
        cdef MemorySlot slot = MemorySlot.__new__(MemorySlot)
        cdef const uint8_t[::1] ro
        cdef uint8_t[::1] rw
        self.open()
        if buffer is None:
            if size is None:
                raise TypeError("add_memory needs a size or a buffer")
        else:
            rw = memoryview(buffer).cast("B")
            if size is None:
                size = len(rw)
            elif size > len(rw):
                raise os_error(errno.EINVAL, f"the buffer has {len(rw)} bytes, the slot asks for {size}")
        self.check_place(addr, size, None)
        if buffer is None:
            rw = host_memory(size)
        slot.host = &rw[0]
        if <uintptr_t>slot.host % PAGE:
            raise os_error(errno.EINVAL, "the buffer does not begin at a page of the host: map one with "
                                         "mmap.mmap(-1, size), or leave `buffer` out")
        slot.owner = rw
        slot.vm = self
        slot.addr = addr
        slot.size = size
        slot.readonly = readonly
        slot.log = dirty_log
        if dirty_log:
            slot.bits = <uint8_t*>calloc((size // PAGE + 15) // 8, 1)
            if slot.bits == NULL:
                raise MemoryError("no memory for a dirty bitmap")
        self.stop()                              # lets the GIL go: look again at what others may change
        try:
            if len(self._slots) == 64:
                raise os_error(errno.EINVAL, "a Vm has at most 64 memory slots: make them larger")
            self.check_place(addr, size, None)
            self._slots.append(slot)
        finally:
            self.resume(True)
        return slot

    cdef int check_place(self, object addr, object size, object moved) except -1:
        if size <= 0 or addr < 0 or addr % PAGE or size % PAGE or addr + size > 1 << 52:
            raise os_error(errno.EINVAL, f"memory slot {addr:#x}, {size:#x} bytes: address and size must be "
                                         "multiples of 4096, the size not 0")
        for other in self._slots:
            if other is not moved and addr < other.addr + other.size and other.addr < addr + size:
                raise os_error(errno.EEXIST, f"memory slot {addr:#x}-{addr + size - 1:#x} overlaps {other!r}: "
                                             "delete that one or choose another address")
        return 0

    cdef int change_slots(self, MemorySlot slot, object addr, bint remove) except -1:
        if not remove:
            self.check_place(addr, slot.size, slot)
        self.stop()                              # lets the GIL go, as above
        try:
            slot.owned()
            if remove:
                self._slots.remove(slot)
                slot.vm = None
            else:
                self.check_place(addr, slot.size, slot)
                slot.addr = addr
        finally:
            self.resume(True)
        return 0

    cdef int rebuild(self) except -1:
        cdef MemorySlot slot
        cdef int i = 0
        for slot in self._slots:
            self.vm.slots[i].addr = slot.addr
            self.vm.slots[i].size = slot.size
            self.vm.slots[i].host = slot.host
            self.vm.slots[i].dirty = slot.bits
            self.vm.slots[i].readonly = slot.readonly
            i += 1
        self.vm.nslots = i
        rebuild_tables(self.vm)
        return 0

    cdef int stop(self) except -1:
        """Every vCPU out of the core, tables ours."""
        with nogil:
            pthread_mutex_lock(&self.vm.writers)
            stop_all(self.vm)
        return 0

    cdef int resume(self, bint rebuild) except -1:
        try:
            if rebuild:
                self.rebuild()
        finally:
            if rebuild:
                resume_all(self.vm)
            else:
                at_put32(&self.vm.stopping, 0)
            pthread_mutex_unlock(&self.vm.writers)
        return 0

    @property
    def slots(self):
        """The memory slots, in the order they were added."""
        return tuple(self._slots)

    @property
    def a20(self):
        """Is address line 20 open? Closed, FFFF:0010 is 0 again. An 8086 or 80186 has no such line: with one in the
        Vm it stays closed, and setting it to True changes nothing, as on a board that lacks the wire."""
        return bool(self.vm.a20)

    @a20.setter
    def a20(self, value):
        value = bool(value)
        if value == bool(self.vm.a20):
            return
        if value and any((<Vcpu>v).c.m.address_lines == 20 for v in self._vcpus):
            return
        self.stop()
        self.vm.a20 = value
        self.resume(True)

    def read(self, addr, size):
        """`size` bytes at guest-physical `addr`, across slots. ValueError names the first hole."""
        cdef uint64_t at = addr, n, left = size
        cdef Slot* s
        out = []
        while left:
            s = slot_at(self.vm, at)
            if s == NULL:
                raise ValueError(f"guest address {at:#x} is in no memory slot")
            n = min(left, s.addr + s.size - at)
            out.append(PyBytes_FromStringAndSize(<char*>s.host + (at - s.addr), n))
            at += n
            left -= n
        return b"".join(out)

    def write(self, addr, data):
        """Bytes to guest-physical `addr`, across slots, read-only ones too. ValueError names the first hole,
        and then nothing was written."""
        cdef uint64_t at = addr, n, done_ = 0, left
        cdef const uint8_t[::1] view = memoryview(data).cast("B")
        cdef Slot* s
        left = len(view)
        while done_ < left:
            s = slot_at(self.vm, at + done_)
            if s == NULL:
                raise ValueError(f"guest address {at + done_:#x} is in no memory slot")
            done_ += min(left - done_, s.addr + s.size - (at + done_))
        done_ = 0
        while done_ < left:
            s = slot_at(self.vm, at + done_)
            n = min(left - done_, s.addr + s.size - (at + done_))
            memcpy(s.host + (at + done_ - s.addr), &view[done_], n)
            host_wrote(self.vm, at + done_, n)
            done_ += n

    # -- vCPUs ----------------------------------------------------------------------------------------------

    def create_vcpu(self, model="80486"):
        """A vCPU at the reset vector F000:FFF0. `model`: see pyx86emu.models. ValueError: unknown model, or one
        whose address lines differ from those of a vCPU already here; OSError EINVAL: more than 64; EBADF: the Vm is
        closed. (KVM_CREATE_VCPU.)"""
        self.open()
        return Vcpu.__new__(Vcpu, self, canonical(model))

    @property
    def vcpus(self):
        """The vCPUs, the first of which drives the guest's clock."""
        return tuple(self._vcpus)

    # -- ioeventfds -----------------------------------------------------------------------------------------

    def ioeventfd(self, addr, length=0, *, bus="pio", datamatch=None, fd=None, coalesce=True, flags=0):
        """Signal an eventfd when the guest writes to `addr` (KVM_IOEVENTFD), and let it run on.

        `bus`: "pio", "mmio", or "hypercall" (VMCALL with the number in EAX). `length`: 1, 2, 4, 8, or 0 for any;
        `datamatch`: only that value. `fd`: None makes a new eventfd; an int or anything with fileno(); or a
        Doorbell, which counts without a system call. `coalesce`: rings of one slice are added up before they are
        written. `flags`: KVM's raw bits, for those who test them; not 0, they alone decide about bus and datamatch.

        OSError EINVAL: bad length, range, flags, or no eventfd; EBADF: not open, or the Vm is closed; EEXIST: collides
        with another entry; EMFILE: no descriptor left. ValueError: unknown bus. RuntimeWarning: an entry that can
        never match (a port above FFFFh, a datamatch wider than `length`).
        """
        return ioeventfd_assign(self, addr, length, bus, datamatch, fd, coalesce, flags)

    def ioeventfd_deassign(self, addr, length=0, *, bus="pio", datamatch=None, fd=None, flags=0):
        """Remove the entry that has exactly these properties; any descriptor of its eventfd will do. When this
        returns no write signals it any more. OSError ENOENT, EBADF, EINVAL."""
        return ioeventfd_deassign(self, addr, length, bus, datamatch, fd, flags)

    @property
    def ioeventfds(self):
        """The entries, in the order they were added."""
        return ioeventfd_list(self)

    cdef void lock_writers(self):
        with nogil:
            pthread_mutex_lock(&self.vm.writers)

    cdef void unlock_writers(self):
        pthread_mutex_unlock(&self.vm.writers)

    cdef void quiesce(self):
        with nogil:
            wait_for_others(self.vm, NULL)

    # -- devices ----------------------------------------------------------------------------------------------

    def _attach(self, bus, base, length, read, write, max_size):
        """A range of a bus for bound methods read(delta, size) and write(delta, size, value), called by the core;
        None, None: accesses exit. Ranges are checked by the Bus. Returns a handle for _detach."""
        if max_size not in (1, 2, 4, 8):
            raise ValueError(f"max_size={max_size}: a device takes 1, 2, 4 or 8 bytes at a time")
        kind = RANGE_PULL if read is None else RANGE_PYTHON
        number = BUS_PIO if bus == "pio" else BUS_MMIO
        self._handles[number, base] = read, write    # here the garbage collector sees them
        self.add_range(number, base, length, kind, max_size, read, write)
        return number, base

    def _detach(self, handle):
        bus, base = handle
        kept = self._handles.get(handle)
        self.change_ranges(bus, base, 0, 0, 0, None, None, True)
        if self._handles.get(handle) is kept:
            self._handles.pop(handle, None)

    cdef int add_range(self, int bus, uint64_t base, uint64_t length, int kind, int max_size, object read,
                       object write) except -1:
        return self.change_ranges(bus, base, length, kind, max_size, read, write, False)

    cdef int change_ranges(self, int bus, uint64_t base, uint64_t length, int kind, int max_size, object read,
                           object write, bint remove) except -1:
        """A new sorted array, published at once; the old one is freed when no vCPU can see it."""
        cdef Ranges* old
        cdef Ranges* new
        cdef int n, i, k = 0
        cdef Range mine
        self.lock_writers()                      # lets the GIL go: nothing may be looked at before
        old = self.vm.ranges[bus]
        n = 0 if old == NULL else old.count
        new = <Ranges*>calloc(1, sizeof(Ranges) + (n + 1) * sizeof(Range))
        if new == NULL:
            self.unlock_writers()
            raise MemoryError("no memory for a device range")
        mine.lo = base
        mine.hi = base + length - 1
        mine.kind = kind
        mine.max_size = max_size
        mine.read = NULL if read is None else <PyObject*>read
        mine.write = NULL if write is None else <PyObject*>write
        for i in range(n):
            if remove and old.item[i].lo == base:
                continue
            if not remove and mine.lo < old.item[i].lo and (k == 0 or new.item[k - 1].lo < mine.lo):
                new.item[k] = mine
                k += 1
            new.item[k] = old.item[i]
            k += 1
        if not remove and (k == n):
            new.item[k] = mine
            k += 1
        new.count = k
        self.vm.ranges[bus] = new
        self.quiesce()
        self.unlock_writers()
        free(old)
        return 0

    def _chip_read(self, port, size):
        """Read a port of the in-core chips from the host, None where there is none."""
        cdef uint32_t first = port
        cdef int n = size, i, kind = self.chip_at(first, n)
        cdef uint64_t v = 0, now
        if kind < 0:
            return None
        self.lock_chips()
        now = self.now()
        for i in range(n):
            v |= <uint64_t>chip_read_byte(self.vm, kind, first + i, now) << 8 * i
        self.unlock_chips()
        return v

    def _chip_write(self, port, size, value):
        """Write a port of the in-core chips from the host; False where there is none."""
        cdef uint32_t first = port
        cdef int n = size, i, kind = self.chip_at(first, n)
        cdef uint64_t v = value, now
        if kind < 0:
            return False
        self.lock_chips()
        now = self.now()
        for i in range(n):
            chip_write_byte(self.vm, kind, first + i, v >> 8 * i & 255, now)
        self.unlock_chips()
        return True

    cdef int chip_at(self, uint64_t port, int size) noexcept:
        """Which of our chips has these ports, -1: none. The range itself may go with the GIL."""
        cdef Range* r = range_at(self.vm, BUS_PIO, port, size)
        return -1 if r == NULL or r.kind == RANGE_PYTHON or r.kind == RANGE_PULL else r.kind

    cdef int lock_chips(self) except -1:
        """PIC and PIT are the caller's, who keeps the GIL and raises nothing until unlock_chips().

        A vCPU that nobody runs, or this very thread, is outside and cannot come in while the GIL is ours. One that
        another thread runs may be in the chips at this moment, without a lock: stop it once, and it takes one.
        """
        cdef unsigned long runs = (<Vcpu>self._vcpus[0]).owner if self._vcpus else 0
        if not self.vm.chips_shared and runs and runs != PyThread_get_thread_ident():
            self.stop()
            share_chips(self.vm)
            self.resume(False)
        pthread_mutex_lock(&self.vm.chip_lock)   # its holders wait for nothing, not for the GIL either
        return 0

    cdef void unlock_chips(self):
        pthread_mutex_unlock(&self.vm.chip_lock)
        self.chip_changed()

    cdef void chip_changed(self):
        if self.vm.cpu[0] != NULL:
            want(self.vm.cpu[0], REQ_INTR)

    def irq_line(self, gsi, level):
        """Drive an interrupt line, 0 to 15 (KVM_IRQ_LINE); the first vCPU takes the interrupts. OSError EINVAL
        without irqchip=True or out of range."""
        cdef int line = irq_gsi(self, gsi)
        cdef bint up = level
        self.lock_chips()
        irqchip_set_line(&self.vm.chip, line, up)
        self.unlock_chips()

    def irqfd(self, gsi, fd, resample=None):
        """Raise interrupt line `gsi` once whenever the eventfd `fd` is written (KVM_IRQFD). With `resample` the
        line stays up until the guest's EOI, which then signals that eventfd. OSError EINVAL: no irqchip=True, a line
        outside 0 to 15, or no eventfd (either of the two); EBADF: not open, or the Vm is closed; EBUSY: the eventfd
        raises a line already."""
        return irqfd_assign(self, gsi, fd, resample)

    def irqfd_deassign(self, gsi, fd):
        """Remove an irqfd by any descriptor of its eventfd; what is unknown is no error. OSError EBADF, EINVAL."""
        irqfd_deassign(self, gsi, fd)

    def _irqfds_changed(self, entries):
        irqfds_changed(self, entries)

    def _pulse(self, gsi):
        """A line up and down: what a write to an irqfd does."""
        cdef int line = gsi
        self.lock_chips()
        irqchip_pulse(&self.vm.chip, line)
        self.unlock_chips()

    # -- time -----------------------------------------------------------------------------------------------

    @property
    def time(self):
        """Guest time in nanoseconds; 0 until the first vCPU runs (with `clock="host"`: since the Vm was made)."""
        return self.now()

    cdef uint64_t now(self) noexcept:
        cdef CPU* c = self.vm.cpu[0]
        if self.vm.host_clock:
            return <uint64_t>(host_ns() - self.vm.host_base)
        if c == NULL:
            return 0
        return c.io_time if c.in_device else (c.retired + c.idle) << self.vm.shift

    def set_timer(self, deadline, callback):
        """Call `callback()` on the first vCPU's thread once `time` has reached `deadline`, in guest ns (None: never).
        One per Vm: `Clock` shares it out. What it raises comes out of run()."""
        self._timer = callback
        self.vm.timer = FOREVER if deadline is None else max(0, deadline)
        self.chip_changed()

    # -- the end --------------------------------------------------------------------------------------------

    cdef int open(self) except -1:
        if self.closed:
            raise os_error(errno.EBADF, "this Vm is closed")
        return 0

    def close(self):
        """Kick the vCPUs, wait until they have left, drop ioeventfds, devices and slots. Twice is fine. Views of
        memory stay valid."""
        cdef Vcpu v
        cdef IoTable* empty
        if self.closed:
            return
        self.closed = True
        if self._irqfds is not None:
            self._irqfds.close()
        for v in self._vcpus:
            v.shut()
        self.stop()
        self._slots, old = [], self._slots
        self.resume(True)
        for slot in old:
            (<MemorySlot>slot).vm = None
        empty = iotable_new()
        self.lock_writers()
        self.iotable, table = NULL, <uintptr_t>self.iotable
        self.vm.iotable = empty
        self.unlock_writers()
        iotable_free(<IoTable*><uintptr_t>table)
        for bus in range(2):
            free(self.vm.ranges[bus])
            self.vm.ranges[bus] = NULL
        self._handles = {}
        self._timer = None


import weakref as _weakref

live_vms = _weakref.WeakSet()


def _after_fork():
    """In a forked child: what was pending belongs to the parent, and its threads are not here."""
    cdef Vm vm
    for each in live_vms:
        vm = each
        for i in range(vm.vm.ncpus):
            if vm.vm.cpu[i] != NULL:
                rings_forked(&vm.vm.cpu[i].rings)
                vm.vm.cpu[i].in_core = 0
                vm.vm.cpu[i].waiting = 0
                pthread_mutex_init(&vm.vm.cpu[i].wait_lock, NULL)
                pthread_cond_init(&vm.vm.cpu[i].wait_cond, NULL)
        for vcpu in vm._vcpus:
            (<Vcpu>vcpu).forked()
        pthread_mutex_init(&vm.vm.writers, NULL)
        pthread_mutex_init(&vm.vm.chip_lock, NULL)
        vm.vm.stopping = 0
        if vm._irqfds is not None:               # their thread watches for the parent
            vm._irqfds.forked()
            vm._irqfds = None


os.register_at_fork(after_in_child=_after_fork)
