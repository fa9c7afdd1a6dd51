# Exit: why run() returned, as a value that anybody can make. A read carries what takes its answer.

cdef object REASONS = {int(r): r for r in ExitReason}
cdef object IO_REASON = ExitReason.IO
cdef object MMIO_REASON = ExitReason.MMIO
cdef object DEBUG_REASON = ExitReason.DEBUG
cdef object HYPERCALL_REASON = ExitReason.HYPERCALL

cdef enum:
    MOST_ELEMENTS = 4096         # of one exit: KVM has a page of data for them


@cython.final
@cython.freelist(16)
cdef class Exit:
    """Exit(reason, *, port=None, addr=None, size=None, count=1, data=None, answer=None, cs=0, ip=0, message=None,
         dr6=0, pc=0, watch=None, watch_addr=None)
--

    Why run() returned, and what the guest wanted. A value: only reply_one() changes it, `count` becomes 1. Any thread
    may look at it; reply() and reply_one() are for the thread that calls run().

    `reason`; for IO `port`, for MMIO `addr`, for HYPERCALL `addr` is the number; `size` in bytes, `count` of
    elements (REP INS), `write`, `value` (little-endian), `data` (bytes); `cs`, `ip` of the instruction;
    `message` for INTERNAL_ERROR, and for SHUTDOWN the faults that led to it (on KVM None); `dr6` and `pc` (linear) for
    DEBUG. A HYPERCALL has its number in `addr`, EBX in `value`. (struct kvm_run.)

    `fault`: the faults that led to this end, as text. A DEBUG of `Vcpu.stop_on` has `stop`, its name, and
    `jumped_from`, where the vCPU came from.

    A DEBUG of a watchpoint has `watch`, the (addr, length, kind) that was hit first, and `watch_addr`, the first of its
    bytes that was accessed. In other exits both are None.

    Whoever calls Exit() makes one by hand: of a back end of his own, or for a test. An access is a write if it has
    `data`, bytes in memory order, whose length is its size; else a read with `size`. `answer(data)` is called with the
    bytes that reply() gives to a read or a HYPERCALL. TypeError: no reason, no place, no size, or what an exit of that
    reason does not have; ValueError: an unknown reason, a number out of range.

    >>> exit = Exit(ExitReason.IO, port=0x60, size=1, answer=print)
    >>> exit.reply(0x1E)
    b'\\x1e'
    """

    cdef readonly object reason
    cdef readonly uint64_t addr
    cdef readonly int size
    cdef readonly int count
    cdef readonly bint write
    cdef readonly uint64_t value
    cdef readonly uint32_t cs
    cdef readonly uint32_t ip
    cdef readonly object message
    cdef readonly uint32_t dr6
    cdef readonly uint32_t pc
    cdef uint64_t hit_addr                       # `watch_addr`, if there is a `watch`
    # What takes the answer (a function, or the Vcpu of `cpu`); or the tuple `watch`; or a dict with "fault", "stop" and
    # "from"; or None. A field more would cost every exit.
    cdef object held
    cdef CPU* cpu                                # the vCPU of the core that takes it, or NULL
    cdef uint64_t serial                         # of `cpu` at this exit: the next run has another one

    @property
    def watch(self):
        """The (addr, length, kind) that was hit first; None: no watchpoint was hit."""
        return self.held if type(self.held) is tuple else None

    @property
    def watch_addr(self):
        """The first byte of `watch` that was accessed; None: no watchpoint was hit."""
        return self.hit_addr if type(self.held) is tuple else None

    @property
    def observer(self):
        """The observer that has stopped the vCPU; None: there was none."""
        return (<Sight>self.held).owner if type(self.held) is Sight else None

    @property
    def fault(self):
        """The chain of faults that led to this end, such as "#UD at 0000:8034, then #GP: IDT limit 0"; None: no fault
        did. Of a SHUTDOWN it is the whole story; of a limit or a kick it names a fault that was raised again and again
        up to here. None on KVM."""
        return self.held.get("fault") if type(self.held) is dict else None

    @property
    def stop(self):
        """The name of the `stop_on` that made this DEBUG; None: none did."""
        return self.held.get("stop") if type(self.held) is dict else None

    @property
    def jumped_from(self):
        """(cs, ip) of the instruction before the place of `stop`, from which the vCPU came there; of a SHUTDOWN by a
        jump to the reset vector, of that jump. None: it is not known."""
        return self.held.get("from") if type(self.held) is dict else None

    @property
    def port(self):
        """The port of an IO exit."""
        return self.addr

    @property
    def data(self):
        """The bytes written, in memory order; b"" for reads."""
        return (<object>self.value).to_bytes(8, "little")[: self.size] if self.write else b""

    def reply(self, value):
        """Answer an IN or an MMIO read: an int, of which the lowest bits count, or bytes in memory order (size * count
        of them; what is missing reads 0, what is too much is dropped). For HYPERCALL the answer becomes EAX.
        RuntimeError: nothing to answer, or run() or reset() was called since; TypeError: neither int nor bytes.
        """
        most = self.size * self.count
        if PyObject_CheckBuffer(value) and hasattr(value, "__len__"):      # numbers of numpy are buffers, too
            raw = memoryview(value).tobytes()[:most].ljust(most, b"\0")
        else:
            raw = (exact(value, "the answer") & ((1 << 8 * most) - 1)).to_bytes(most, "little")
        if not self.waits():                     # asked last: a value may have called Python
            raise RuntimeError(f"{self!r} waits for no answer: reply to a read, before the next run(), reset() or "
                               "restore()")
        if self.cpu != NULL:
            self.answer_core(raw)
        else:
            self.held(raw)

    cdef bint waits(self):
        """Does a guest wait for the answer to this exit?"""
        cdef bint access = self.reason is IO_REASON or self.reason is MMIO_REASON
        if self.held is None or not (access and not self.write or self.reason is HYPERCALL_REASON):
            return False
        return self.cpu == NULL or self.serial == self.cpu.exits.serial

    cdef int answer_core(self, bytes raw) except -1:
        cdef CPU* c = self.cpu
        if self.reason is HYPERCALL_REASON:
            c.arch.r[AX] = int.from_bytes(raw, "little")
        elif c.reads.ins_count:
            memcpy(c.reads.ins_data, <const char*>raw, len(raw))
        else:
            answer_read(c, BUS_PIO if self.reason is IO_REASON else BUS_MMIO, self.addr, self.size,
                        int.from_bytes(raw, "little"))
        return 0

    def reply_one(self, value):
        """Answer the first element of a read only. REP INS stores it and asks for the next one by another exit, at
        its own time: for devices whose answer depends on when they are asked. Raises as reply() does."""
        cdef int count = self.count
        self.count = 1
        try:
            self.reply(value)
        except BaseException:
            self.count = count
            raise
        if self.cpu != NULL and self.cpu.reads.ins_count > 1:
            self.cpu.reads.ins_count = 1

    cdef object kept(self):
        """What a copy keeps of `held`."""
        return self.held if type(self.held) is tuple or type(self.held) is dict else None

    def because(self, reason, tuple jumped_from=None):
        """This exit with another reason: what a machine around the vCPU makes of it. It waits for no answer.
        `jumped_from`: (cs, ip), if it has one."""
        cdef Exit e = _exit_again(reason, self.addr, self.size, self.count, self.write, self.value, self.cs, self.ip,
                                  self.message, self.dr6, self.pc, self.kept(), self.hit_addr)
        if type(self.held) is Sight:
            e.held = self.held
        if jumped_from is not None:
            e.held = {"from": jumped_from}
        return e

    def __reduce__(self):
        """A copy waits for no answer."""
        return _exit_again, (self.reason, self.addr, self.size, self.count, self.write, self.value, self.cs, self.ip,
                             self.message, self.dr6, self.pc, self.kept(), self.hit_addr)

    def __repr__(self):
        name = self.reason.name
        if self.reason is IO_REASON or self.reason is MMIO_REASON:
            where = f"port={self.addr:#x}" if self.reason is IO_REASON else f"addr={self.addr:#x}"
            what = f"value={self.value:#x}" if self.write else f"read count={self.count}"
            return f"Exit({name} {where} size={self.size} {what} at {self.cs:04x}:{self.ip:04x})"
        if self.reason is HYPERCALL_REASON:
            return f"Exit({name} number={self.addr:#x} at {self.cs:04x}:{self.ip:04x})"
        words = f": {self.message}" if self.message else ""
        if type(self.held) is tuple:
            addr, length, kind = self.held
            words = f": {kind!r} of {addr:#x} length={length}, at {self.hit_addr:#x}"
        return f"Exit({name} at {self.cs:04x}:{self.ip:04x}{words})"


cpdef Exit _exit_again(object reason, uint64_t addr, int size, int count, bint write, uint64_t value, uint32_t cs,
                       uint32_t ip, object message, uint32_t dr6, uint32_t pc, object kept, uint64_t hit_addr):
    """An Exit with these fields, for because(), copies and pickles."""
    cdef Exit e = Exit.__new__(Exit)
    e.reason = ExitReason(reason)
    e.addr, e.size, e.count, e.write, e.value = addr, size, count, write, value
    e.cs, e.ip, e.message, e.dr6, e.pc = cs, ip, message, dr6, pc
    e.held, e.hit_addr = kept if type(kept) is tuple or type(kept) is dict else None, hit_addr
    return e


def stop_exit(str name, uint32_t cs, uint32_t ip, str message):
    """A DEBUG of a stop that the host found itself: `stop` is its name."""
    return _exit_again(DEBUG_REASON, 0, 0, 1, False, 0, cs, ip, message, 0, (cs << 4) + ip, {"stop": name}, 0)


def access_exit(object reason, uint64_t addr, int size, int count, bytes data, object answer, uint32_t cs, uint32_t ip):
    """An IO or MMIO exit as Exit(...) makes it, of values that a back end has from its kernel: with `data` a write,
    else a read. It costs a tenth. ValueError: another reason, or a size that no access has."""
    cdef Exit e = Exit.__new__(Exit)
    if reason is not IO_REASON and reason is not MMIO_REASON or not 1 <= size <= 8 or not 1 <= count <= MOST_ELEMENTS:
        raise ValueError(f"no access is {reason!r} of {size} bytes, {count} times")
    e.reason, e.addr, e.size, e.count, e.cs, e.ip = reason, addr, size, count, cs, ip
    if data is None:
        e.held = answer
    else:
        if len(data) != size or count != 1:
            raise ValueError(f"{len(data)} bytes of data for a write of {size}")
        e.write, e.value = True, int.from_bytes(data, "little")
    return e


# -- made by hand -----------------------------------------------------------------------------------------

# Numbers that have a default, so that None is none of them.
cdef frozenset EXIT_NUMBERS = frozenset(("count", "cs", "ip", "dr6", "pc"))


cdef Exit exit_by_hand(tuple args, dict given):
    """Exit(*args, **given): whole, or an exception."""
    cdef Exit e = Exit.__new__(Exit)
    if len(args) > 1:
        raise TypeError(f"Exit() takes the reason alone by position, not {len(args)} values: name the others")
    given = {name: value for name, value in given.items() if value is not None or name in EXIT_NUMBERS}
    given.update(zip(("reason",), args))
    if "reason" not in given:
        raise TypeError("an Exit has a reason: Exit(ExitReason.HLT)")
    e.reason = ExitReason(given.pop("reason"))
    if e.reason is IO_REASON:
        e.addr = whole(needed(e, given, "port"), "port", 0, 0xFFFF)
        fill_access(e, given, (1, 2, 4))
    elif e.reason is MMIO_REASON:
        e.addr = natural(needed(e, given, "addr"), "addr")
        fill_access(e, given, range(1, 9))
    elif e.reason is HYPERCALL_REASON:
        e.addr = whole(needed(e, given, "addr"), "addr", 0, 0xFFFFFFFF)
        given.setdefault("data", bytes(4))
        fill_access(e, given, (4,))
    e.cs = whole(given.pop("cs", 0), "cs", 0, 0xFFFFFFFF)
    e.ip = whole(given.pop("ip", 0), "ip", 0, 0xFFFFFFFF)
    e.dr6 = whole(given.pop("dr6", 0), "dr6", 0, 0xFFFFFFFF)
    e.pc = whole(given.pop("pc", 0), "pc", 0, 0xFFFFFFFF)
    fill_watch(e, given)
    e.message = given.pop("message", None)
    if e.message is not None and not isinstance(e.message, str):
        raise TypeError(f"the message of an Exit is text, not {type(e.message).__name__}")
    if given:
        raise TypeError(f"an Exit of reason {e.reason.name} has no {', '.join(given)}")
    return e


cdef int fill_watch(Exit e, dict given) except -1:
    """watch and watch_addr, of a DEBUG only."""
    cdef uint64_t first, at
    if e.reason is not DEBUG_REASON or "watch" not in given:
        return 0                                 # what is given too much is refused by the caller
    e.held = watch = watchpoint(given.pop("watch"))
    first = watch[0]
    at = natural(given.pop("watch_addr", first), "watch_addr")
    if at - first >= watch[1]:
        raise ValueError(f"watch_addr is {at:#x}: it is a byte of the watchpoint")
    e.hit_addr = at
    return 0


cdef object needed(Exit e, dict given, str name):
    if name not in given:
        raise TypeError(f"an Exit of reason {e.reason.name} has a {name}: give {name}=")
    return given.pop(name)


cdef int fill_access(Exit e, dict given, object sizes) except -1:
    """size, count, data and answer of an access that may have one of these sizes."""
    cdef bytes raw = None
    data, answer = given.pop("data", None), given.pop("answer", None)
    if data is not None:
        if not PyObject_CheckBuffer(data):
            raise TypeError(f"data is bytes in memory order, not {type(data).__name__}")
        raw = memoryview(data).tobytes()
        given.setdefault("size", len(raw))
    size = exact(needed(e, given, "size"), "size")
    if size not in sizes:
        raise ValueError(f"size is {shown(size, 'd')}: an Exit of reason {e.reason.name} has "
                         f"{', '.join(map(str, sizes))} bytes")
    e.size, e.count = size, whole(given.pop("count", 1), "count", 1, MOST_ELEMENTS)
    if raw is not None:
        if len(raw) != size or e.count != 1:
            raise ValueError(f"{len(raw)} bytes of data for size={size}, count={e.count}: a write has one element, "
                             "make an Exit for each")
        e.write, e.value = True, int.from_bytes(raw, "little")
    if answer is not None:
        if not callable(answer):
            raise TypeError(f"answer is a function that takes bytes, not {type(answer).__name__}")
        if e.write and e.reason is not HYPERCALL_REASON:
            raise ValueError("a write waits for no answer: give either data or answer")
        e.held = answer
    return 0


cdef void keep_exit(CPU* c) noexcept nogil:
    """run() raises instead of returning its exit: the next run() returns it. That of an access is queued still, and a
    limit is a matter of each run."""
    if c.run.why == EXIT_HLT:
        c.events.halted = 1
    elif c.run.why == EXIT_INTR:
        c.threads.kicked = 1
    elif c.run.why == EXIT_DEBUG:
        c.debug.due = 1
    c.run.why = EXIT_NONE
