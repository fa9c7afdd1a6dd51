# VmFront: what users see of a Vm. It has a back end and hands it every call; memory of the core without a detour.

cdef class VmFront:
    """The methods of a Vm. `pyx86emu.Vm` is made of it, with a clock and two buses.

    An address is an integer; or "SEG:OFF", another text or a pair, as `pyx86emu.address` reads them."""

    cdef Vm interp                           # the back end, if it is the core's: no method of Python's is called
    cdef readonly object _backend            # whichever it is; None before _use()
    cdef object __weakref__

    def _use(self, backend):
        """Once. RuntimeError: there is one already."""
        if self._backend is not None:
            raise RuntimeError("a Vm is initialised once: make another one")
        backend.holder = self
        self._backend = backend
        if type(backend) is Vm:
            self.interp = backend

    cdef object back(self):
        if self._backend is None:
            raise RuntimeError("this Vm is not initialised: a subclass must call Vm.__init__()")
        return self._backend

    def __enter__(self):
        self.back().check_open()
        return self

    def __exit__(self, *exc):
        self.close()

    def __reduce_ex__(self, protocol):
        raise not_copied(self, "memory and descriptors")

    def __repr__(self):
        return "<Vm: not initialised>" if self._backend is None else repr(self._backend)

    # -- memory ---------------------------------------------------------------------------------------------

    def add_memory(self, addr, size=None, *, buffer=None, readonly=False, dirty_log=False, shared=False):
        """A memory slot at guest-physical `addr`: `size` bytes of zeros, or `buffer` (any writable buffer that
        begins at a page of its own: an mmap, a memfd mapping). Addresses and sizes are multiples of 4096.

        The guest reads and writes `buffer` at any time. What you store there yourself must be made known with
        `code_changed`, in every Vm that has the buffer, or code that was decoded from it may run on; the same holds
        for what the guest of another Vm stores there. A mapping of a file must not become shorter: an access beyond
        the end of the file ends the process (SIGBUS).

        `shared`: the memory is a memfd of its own, which other processes can map (`MemorySlot.fileno`). A forked child
        shares it, too; other slots are copied.

        OSError EINVAL: not aligned (the buffer to a host page), empty, beyond 2**52, larger than the buffer, or the
        32765th slot; EEXIST: overlaps another slot; EBADF: the Vm is closed; EMFILE: no descriptor left for shared
        memory. TypeError: neither size nor buffer, a number that is no integer, or a buffer that is read-only or in
        pieces. ValueError: `shared` with a buffer. MemoryError.
        (KVM_SET_USER_MEMORY_REGION; KVM_MEM_READONLY, KVM_MEM_LOG_DIRTY_PAGES.)
        """
        return self.back().add_memory(addr, size, buffer=buffer, readonly=readonly, dirty_log=dirty_log, shared=shared)

    @property
    def slots(self):
        """The memory slots, in the order they were added."""
        return self.back().slots

    @property
    def a20(self):
        """Is address line 20 open? Closed, FFFF:0010 is 0 again. An 8086 or 80186 has no such line: with one in the
        Vm it stays closed, and setting it to True changes nothing, as on a board that lacks the wire."""
        return self.back().a20

    @a20.deleter
    def a20(self):
        raise AttributeError("a20 cannot be deleted: set it to False")

    @a20.setter
    def a20(self, value):
        self.back().a20 = value

    def read(self, addr, size):
        """`size` bytes at guest-physical `addr`, across slots. ValueError names the first hole; a closed Vm has
        nothing else."""
        if self.interp is None:
            return self.back().read(addr, size)
        return read_memory(self.interp, addr, size)

    def write(self, addr, data):
        """Bytes to guest-physical `addr`, across slots, read-only ones too. ValueError names the first hole,
        and then nothing was written; TypeError, BufferError: `data` is no buffer, or not in one piece."""
        if self.interp is None:
            return self.back().write(addr, data)
        return write_memory(self.interp, addr, data)

    def code_changed(self, addr, size):
        """Tell the vCPUs that you have stored into the `buffer` of a memory slot yourself: what they decoded from the
        `size` bytes at guest-physical `addr`, or from the same memory at another address, they decode again. Not
        needed after `write`, `slot[a:b] = data` or a view of a slot. The store comes first, then this call.
        ValueError names the first hole."""
        self.back().code_changed(addr, size)

    # -- vCPUs ----------------------------------------------------------------------------------------------

    def create_vcpu(self, model=None):
        """A vCPU at the reset vector F000:FFF0. `model`: see pyx86emu.models; None: an 80486, on KVM the host's
        processor. ValueError: unknown model, or one whose address lines differ from those of a vCPU already here;
        OSError EINVAL: more than 64; EBADF: the Vm is closed; EOPNOTSUPP: KVM has only the host's processor.
        (KVM_CREATE_VCPU.)"""
        return self.back().create_vcpu(model)

    @property
    def vcpus(self):
        """The vCPUs, the first of which drives the guest's clock."""
        return self.back().vcpus

    # -- the VGA --------------------------------------------------------------------------------------------

    def create_vga(self):
        """Put a VGA into the Vm: its ports (3B4h to 3DAh) and the window A0000h-BFFFFh. Returns its `VgaCore`.
        `pyx86emu.pc.devices.Vga` shows it.

        Where the registers make the window plain (text, mode 13h) it becomes memory, which `read` and `write` reach as
        any other. A memory slot in the window keeps its place. BusError: a device has one of the addresses; OSError
        EEXIST: there is a VGA; EBADF: the Vm is closed. MemoryError."""
        return self.back().create_vga()

    # -- ioeventfds and interrupt lines ---------------------------------------------------------------------

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
        addr = address(addr, "addr")
        return self.back().ioeventfd(addr, length, bus=bus, datamatch=datamatch, fd=fd, coalesce=coalesce, flags=flags)

    def ioeventfd_deassign(self, addr, length=0, *, bus="pio", datamatch=None, fd=None, flags=0):
        """Remove the entry that has exactly these properties; any descriptor of its eventfd will do. When this
        returns no write signals it any more. OSError ENOENT, EBADF, EINVAL."""
        addr = address(addr, "addr")
        self.back().ioeventfd_deassign(addr, length, bus=bus, datamatch=datamatch, fd=fd, flags=flags)

    @property
    def ioeventfds(self):
        """The entries, in the order they were added."""
        return self.back().ioeventfds

    def coalesce(self, addr, length, *, bus="mmio", on_drain=None, array=False):
        """Collect the guest's writes to `length` bytes or ports at `addr` in the ring `coalesced`, and let it run on
        (KVM_REGISTER_COALESCED_MMIO). Returns the CoalescedZone. `bus`: "mmio" or "pio".

        A write goes into the ring if all of it is inside the zone, and neither RAM nor an ioeventfd nor a device that
        the core calls has it. run() returns what was not collected; the ring has what came before it.

        `on_drain(writes)`: gets the writes of this zone instead, oldest first: a list as `coalesced.drain()` returns,
        with `array` an array as of `drain_array()`. It is called by run(), on its thread, before run() returns or
        raises, and when `coalesced.capacity` writes wait. What it raises comes out of run(); the next run() returns the
        exit. Zones may overlap: the one with the highest end takes the write, then the one with the lowest start, then
        the oldest.

        OSError EINVAL: not in 64 bits; EBADF: the Vm is closed. ValueError: unknown bus, or `array` without `on_drain`.
        TypeError: a number that is no integer, or an `on_drain` that cannot be called. ImportError: `array` without
        numpy. RuntimeWarning: a zone that can never collect a write (length 0, a port above FFFFh). MemoryError.
        """
        return self.back().coalesce(address(addr, "addr"), length, bus=bus, on_drain=on_drain, array=array)

    @property
    def coalesced(self):
        """The ring of the writes to coalesced zones, a CoalescedRing. It is the same object each time."""
        return self.back().coalesced

    def irq_line(self, gsi, level):
        """Drive an interrupt line, 0 to 15, up or down (KVM_IRQ_LINE); the first vCPU takes the interrupts. OSError
        EINVAL: no irqchip=True, or a line outside 0 to 15. Any thread may call it.

        A line that falls before the guest acknowledges takes its request with it, as on the 8259A. So up and down
        between two instructions of the guest is nothing, where KVM keeps a request: use `irq_pulse` for an edge."""
        if self.interp is None:
            self.back().irq_line(gsi, level)
        else:
            drive_line(self.interp, gsi, level)

    def irq_pulse(self, gsi):
        """Request the interrupt of a line once: an edge that the 8259 keeps until the guest takes it, as after
        KVM_IRQ_LINE up and down, or a write to an irqfd. Nothing happens on a line that is high already, or that is
        level-triggered. OSError as for `irq_line`. Any thread may call it."""
        if self.interp is None:
            self.back().irq_pulse(gsi)
        else:
            pulse_line(self.interp, gsi)

    def irqfd(self, gsi, fd, resample=None):
        """Raise interrupt line `gsi` once whenever the eventfd `fd` is written (KVM_IRQFD). With `resample` the
        line stays up until the guest's EOI, which then signals that eventfd. The Vm duplicates both descriptors, so
        you may close yours.

        A ring of this Vm's own ioeventfd with the same eventfd raises the line at that instruction, and such runs
        repeat exactly; a write by anyone else soon. OSError EINVAL: no irqchip=True, a line outside 0 to 15, or no
        eventfd (either of the two); EBADF: not open, or the Vm is closed; EBUSY: the eventfd is an irqfd already, of
        any Vm in this process; EMFILE: no descriptor left; EAGAIN: no thread left. Any thread may call it."""
        return self.back().irqfd(gsi, fd, resample)

    def irqfd_deassign(self, gsi, fd):
        """Remove an irqfd by any descriptor of its eventfd; what is unknown is no error. OSError EBADF, EINVAL."""
        self.back().irqfd_deassign(gsi, fd)

    # -- state ----------------------------------------------------------------------------------------------

    @property
    def capabilities(self):
        """What the back end of this Vm can do, a `Capabilities`. (KVM_CHECK_EXTENSION.)"""
        return self.back().capabilities

    @property
    def irqchip(self):
        """The 8259 pair as an `IrqChip`; can be set. While another thread runs a vCPU reading gives the state of some
        moment, and writing raises RuntimeError.

        OSError EINVAL without irqchip=True; EBADF when set: the Vm is closed. ValueError: what this back end cannot
        hold, by the name of the field; TypeError: no IrqChip. Then nothing has changed. (KVM_GET_IRQCHIP,
        KVM_SET_IRQCHIP.)"""
        return self.back().irqchip

    @irqchip.deleter
    def irqchip(self):
        raise AttributeError("irqchip cannot be deleted: set it to another value")

    @irqchip.setter
    def irqchip(self, value):
        self.back().irqchip = value

    @property
    def pit(self):
        """The 8254 as a `PitState`, at this moment; can be set. Raises as `irqchip` does. (KVM_GET_PIT2,
        KVM_SET_PIT2.)"""
        return self.back().pit

    @pit.deleter
    def pit(self):
        raise AttributeError("pit cannot be deleted: set it to another value")

    @pit.setter
    def pit(self, value):
        self.back().pit = value

    @property
    def started(self):
        """Has a vCPU run? A device that is attached later keeps its state."""
        return self.back().started

    # -- time, the end --------------------------------------------------------------------------------------

    @property
    def time(self):
        """Guest time in nanoseconds; 0 until the first vCPU runs (with `clock="host"`: since the Vm was made).

        It can be set forward while no vCPU is in run(); timers that are due then are called by the next one.
        RuntimeError: one is, or there is none yet; ValueError: a time that has passed, beyond 2**63 - 1, or no multiple
        of 1 << `shift`; OSError EBADF: the Vm is closed."""
        return self.back().time if self.interp is None else self.interp.now()

    @time.deleter
    def time(self):
        raise AttributeError("time cannot be deleted: set it to a later one")

    @time.setter
    def time(self, value):
        self.back().time = value

    def set_timer(self, deadline, callback):
        """Call `callback()` on the first vCPU's thread once `time` has reached `deadline`, in guest ns; at once if that
        is over or negative, never if it is None. One per Vm: `Clock` shares it out. What it raises comes out of run().
        ValueError: a deadline beyond 2**63 - 1; TypeError: no integer, or a callback that cannot be called."""
        self.back().set_timer(deadline, callback)

    def close(self):
        """Kick the vCPUs, wait until they have left, drop ioeventfds, devices and slots. Twice is fine; while another
        thread closes the Vm it returns at once. Views of memory stay valid.

        Afterwards all that adds something or runs raises OSError EBADF; memory has no address any more (ValueError);
        `time`, `a20`, `irq_line` and `set_timer` still answer, and what removes something finds nothing."""
        if self._backend is not None:
            self._backend.close()
