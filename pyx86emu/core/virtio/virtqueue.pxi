# GuestMap and VirtQueue: what a virtio device in Python sees of guest memory and of its queues.

cdef enum:
    LARGE_COPY = 65536                       # bytes of an area that are copied without the GIL

cdef class GuestMap:
    """Guest memory as a device reaches it.

    `memory` is a Vm, or a list of `(guest address, size in bytes, buffer)`: memory that somebody else has mapped, as a
    vhost-user back end gets it. A buffer may be longer than `size`; one that is read-only is ROM. A store to a Vm is
    one of the host: code there is decoded again, saved states see it, it sets no bit in a dirty log. A store to a
    read-only slot is refused.

    `read` and `write` copy. ValueError: a hole, or a store to ROM; an area that overlaps another, is empty, ends beyond
    2**64, or does not begin at the same offset modulo 16 in the guest and in the host; more than 512 areas; TypeError:
    no buffer. Any thread may call it; with areas the buffers must stay as they are.

    >>> memory = GuestMap([(0x1000, 16, bytearray(16))])
    >>> memory.write(0x1004, b"abc")
    >>> memory.read(0x1003, 5)
    b'\\x00abc\\x00'
    """

    cdef GuestMem mem
    cdef VmTables vm
    cdef list views
    cdef bint made

    def __cinit__(self, *args, **kwargs):
        self.views = []

    def __init__(self, memory):
        cdef VmTables vm
        if self.made:
            raise RuntimeError("a GuestMap is initialised once: make another one")
        if isinstance(memory, VmFront):
            memory = (<VmFront>memory)._backend
        if isinstance(memory, VmTables):
            vm = <VmTables>memory
            vm.initialised()
            self.vm = vm
            self.mem.vm = vm.vm
        else:
            self.take(list(memory))
        self.made = 1

    cdef int take(self, list areas) except -1:
        cdef Area* area
        cdef Py_buffer* view
        cdef list sorted_ = []
        cdef int i
        if len(areas) > MEM_AREAS:
            raise ValueError(f"{len(areas)} areas of memory: a map has at most {MEM_AREAS}")
        for part in areas:
            addr, size, buffer = part
            addr = within(exact(addr, "the address of an area"), "the address of an area", 0, UINT64_MAX)
            size = within(exact(size, "the size of an area"), "the size of an area", 1, UINT64_MAX - addr)
            sorted_.append((addr, len(sorted_), size, memoryview(buffer).cast("B")))
        sorted_.sort()
        free(self.mem.area)                      # of an __init__ that has failed
        self.views.clear()
        self.mem.area = <Area*>calloc(len(sorted_) + 1, sizeof(Area))
        if self.mem.area == NULL:
            raise MemoryError("no memory for a map of memory")
        for i in range(<int>len(sorted_)):
            addr, _, size, each = sorted_[i]
            area = &self.mem.area[i]
            view = PyMemoryView_GET_BUFFER(each)
            if size > <uint64_t>view.len:
                raise ValueError(f"an area of {size:#x} bytes at {addr:#x} has a buffer of {view.len:#x} bytes")
            if i and addr < sorted_[i - 1][0] + sorted_[i - 1][2]:
                raise ValueError(f"the area at {addr:#x} overlaps the one at {sorted_[i - 1][0]:#x}")
            area.addr, area.size = addr, size
            area.host = <uint8_t*>view.buf
            area.readonly = view.readonly
            if (<uint64_t><uintptr_t>area.host - area.addr) & (MEM_ALIGN - 1):
                raise ValueError(f"the area at {addr:#x} begins at {<uintptr_t>area.host & (MEM_ALIGN - 1)} modulo "
                                 f"{MEM_ALIGN} in the host: map it at the beginning of a page")
            self.views.append(each)
        self.mem.areas = <int>len(sorted_)
        return 0

    def __dealloc__(self):
        free(self.mem.area)

    cdef int ready(self) except -1:
        if not self.made:
            raise RuntimeError("this GuestMap is not initialised: GuestMap(memory)")
        return 0

    def read(self, addr, size):
        """The `size` bytes at a guest address."""
        cdef uint64_t at = natural(addr, "addr"), n = natural(size, "size")
        cdef bytes out
        self.ready()
        if not mem_there(&self.mem, at, n, 0):
            raise ValueError(f"{shown(n)} bytes at {shown(at)} are not memory of the guest")
        out = PyBytes_FromStringAndSize(NULL, n)
        if not mem_load(&self.mem, at, <uint8_t*>out, n):
            raise ValueError(f"{shown(n)} bytes at {shown(at)} are not memory of the guest any more")
        return out

    def write(self, addr, data):
        """Store bytes to a guest address."""
        cdef uint64_t at = natural(addr, "addr")
        cdef Py_buffer view
        self.ready()
        borrow(data, &view)
        try:
            if not mem_there(&self.mem, at, view.len, 1):
                raise ValueError(f"{view.len:#x} bytes at {shown(at)} are not memory of the guest that can be written")
            mem_store(&self.mem, at, <uint8_t*>view.buf, view.len)
        finally:
            PyBuffer_Release(&view)

    def __reduce_ex__(self, protocol):
        raise not_copied(self, "memory of a guest")

    def __repr__(self):
        if self.vm is not None:
            return f"<GuestMap of {self.vm.seen()!r}>"
        return f"<GuestMap of {self.mem.areas} areas>"


@cython.final
cdef class VirtQueue:
    """A split virtqueue, the device's side (Virtual I/O Device 1.2, 2.7).

    `memory` is a GuestMap; `size` the number of descriptors, a power of two up to 32,768; `desc`, `avail` and `used`
    the guest addresses of the three parts; `features` what was negotiated: INDIRECT_DESC (bit 28), EVENT_IDX (29) and
    IN_ORDER (35) matter here.

    - `pop_many(limit)` takes up to `limit` requests: a list of `(head, readable, writable)`, where `readable` are the
      bytes that the driver wrote and `writable` is how many bytes the device may write. One call takes some 16 MiB
      of both and follows some 65,536 descriptors at most: call it again until the list is empty. `carried` says how
      many bytes it has taken.
    - `push_many([(head, data), ...])` gives them back: `data` goes to the writable part, from its beginning. With
      `(head, data, tail)` the bytes of `tail` go to its end. It returns whether the driver wants an interrupt.
    - `pop()` and `push(head, data, tail)` do the same with one.
    - `notify(True)` asks the driver for notifications, `notify(False)` for none. It returns whether there is something
      to pop: look again then.

    What the driver does wrong sets `broken`, a sentence: from then on nothing is popped, and what is pushed is dropped.
    The device sets DEVICE_NEEDS_RESET. Memory outside the map is never touched.

    One thread at a time: RuntimeError, if another call is in progress. ValueError: a head that is not in flight, more
    bytes than the request can take, a size or an address out of range; TypeError: no integer, no bytes.

    >>> ram = bytearray(0x1000)
    >>> memory = GuestMap([(0, 0x1000, ram)])
    >>> queue = VirtQueue(memory, 2, 0x000, 0x100, 0x200)
    >>> memory.write(0x000, bytes.fromhex("0003000000000000 03000000 0100 0100"))   # reads 3 bytes at 300h, then 1
    >>> memory.write(0x010, bytes.fromhex("0004000000000000 08000000 0200 0000"))   # writes up to 8 bytes at 400h
    >>> memory.write(0x300, b"cat")
    >>> memory.write(0x100, bytes.fromhex("0000 0100 0000"))                        # head 0 is available
    >>> queue.pop_many()
    [(0, b'cat', 8)]
    >>> queue.push(0, b"meow"), memory.read(0x400, 5), memory.read(0x202, 10).hex()
    (True, b'meow\\x00', '01000000000004000000')
    """

    cdef Ring ring
    cdef GuestMap map
    cdef readonly uint64_t features
    cdef readonly uint64_t carried           # readable and writable bytes of what was popped last, as far as they count
    cdef object why                          # `broken`, if the device has set it
    cdef bint made
    cdef bint busy

    def __init__(self, GuestMap memory not None, size, desc, avail, used, features=0):
        cdef uint64_t bits = natural(features, "features")
        cdef uint32_t n = whole(size, "the size of a queue", 1, RING_MOST)
        cdef uint64_t at_desc = natural(desc, "desc"), at_avail = natural(avail, "avail")
        cdef uint64_t at_used = natural(used, "used")
        if self.made:
            raise RuntimeError("a VirtQueue is initialised once: make another one")
        memory.ready()
        if n & (n - 1):
            raise ValueError(f"the size of a queue is {n}: give a power of two")
        self.ring.size = n
        if not ring_begin(&self.ring):
            ring_end(&self.ring)
            memset(&self.ring, 0, sizeof(Ring))
            raise MemoryError("no memory for a queue")
        self.map = memory
        self.features = bits
        self.ring.mem = &memory.mem
        self.ring.desc, self.ring.avail, self.ring.used = at_desc, at_avail, at_used
        self.ring.indirect = bits >> F_INDIRECT_DESC & 1
        self.ring.event_idx = bits >> F_EVENT_IDX & 1
        self.ring.in_order = bits >> F_IN_ORDER & 1
        self.ring.wants = 1
        ring_place(&self.ring)
        self.made = 1

    def __dealloc__(self):
        ring_end(&self.ring)

    cdef int enter(self) except -1:
        if not self.made:
            raise RuntimeError("this VirtQueue is not initialised: a VirtQueue is made with its memory")
        if self.busy:
            raise RuntimeError("another call of this VirtQueue is in progress: one thread at a time uses a queue")
        self.busy = 1
        return 0

    @property
    def size(self):
        """The number of descriptors."""
        return self.ring.size

    @property
    def addresses(self):
        """The guest addresses of the descriptor table, the available ring and the used ring."""
        return self.ring.desc, self.ring.avail, self.ring.used

    @property
    def broken(self):
        """What the driver has done wrong, a sentence; None: nothing."""
        if self.ring.broken == NULL:
            return None
        if self.why is not None:
            return self.why
        text = (<bytes>self.ring.broken).decode("ascii")
        return text % self.ring.culprit if "%" in text else text

    @property
    def in_flight(self):
        """How many requests were popped and not pushed yet."""
        return self.ring.flying

    @property
    def popped(self):
        """The index of the available ring up to which requests were popped, 0 to 65,535."""
        return self.ring.seen

    @property
    def pushed(self):
        """The index of the used ring, 0 to 65,535."""
        return self.ring.put

    def pop(self):
        """The next request, `(head, readable, writable)`; None: there is none."""
        cdef list found
        self.enter()
        try:
            found = self.take(1)
        finally:
            self.busy = 0
        return found[0] if found else None

    def pop_many(self, limit=None):
        """Up to `limit` requests; None: as many as there are."""
        cdef uint64_t most = self.ring.size if limit is None else natural(limit, "limit")
        self.enter()
        try:
            return self.take(most)
        finally:
            self.busy = 0

    cdef list take(self, uint64_t most):
        cdef list found = []
        cdef bytes data
        cdef uint32_t head = 0
        cdef Ring* r = &self.ring
        r.walked = 0
        self.carried = 0
        while most and self.carried < RING_BYTES and r.walked < RING_WALKED and ring_take(r, &head) == RING_TOOK:
            data = PyBytes_FromStringAndSize(NULL, r.readable)
            if not self.copy_in(<uint8_t*>data):
                break
            self.carried += r.readable + min(r.writable, <uint64_t>RING_BYTES)
            found.append((head, data, r.writable))
            most -= 1
        return found

    cdef bint copy_in(self, uint8_t* to) noexcept:
        cdef bint there
        if self.ring.mem.vm != NULL or self.ring.readable < LARGE_COPY:
            return ring_read(&self.ring, to)
        with nogil:
            there = ring_read(&self.ring, to)
        return there

    cdef bint copy_out(self, uint32_t head, uint64_t at, const uint8_t* data, uint64_t n) noexcept:
        cdef bint there
        if self.ring.mem.vm != NULL or n < LARGE_COPY:
            return ring_write(&self.ring, head, at, data, n)
        with nogil:
            there = ring_write(&self.ring, head, at, data, n)
        return there

    def push(self, head, data=b"", tail=b""):
        """Give one request back. Returns whether the driver wants an interrupt."""
        return self.push_many(((head, data, tail),))

    def push_many(self, done):
        """Give requests back, in this order. Returns whether the driver wants an interrupt. If one of them is wrong,
        those before it are given back."""
        cdef Ring* r = &self.ring
        cdef uint16_t was
        cdef uint8_t* used
        cdef bint wanted = 0
        self.enter()
        was = r.put
        try:
            try:
                for each in done:
                    self.give(each)
            finally:
                if r.broken == NULL:
                    used = ring_used(r)
                    if used != NULL:
                        wanted = ring_publish(r, used, was)
        finally:
            self.busy = 0
        return wanted

    cdef int give(self, object each) except -1:
        cdef Ring* r = &self.ring
        cdef uint32_t head
        cdef uint64_t room, n, end = 0
        cdef Py_buffer data, tail
        cdef bint tailed
        cdef uint8_t* used
        parts = tuple(each)
        if not 2 <= len(parts) <= 3:
            raise ValueError(f"a request is given back as (head, data) or (head, data, tail), not with {len(parts)}")
        head = whole(parts[0], "the head of a request", 0, r.size - 1)
        if r.chain[head].state != CHAIN_FLIES:
            if r.broken != NULL:
                return 0
            raise ValueError(f"request {head} is not in flight: each one is given back once")
        tailed = len(parts) == 3
        borrow(parts[1], &data)
        try:
            if tailed:
                borrow(parts[2], &tail)
            try:
                room = r.chain[head].room
                n = data.len
                if tailed:
                    end = tail.len
                if n > room or end > room - n:
                    raise ValueError(f"request {head} takes {room} bytes, not {n + end}")
                if r.broken != NULL or not self.copy_out(head, 0, <uint8_t*>data.buf, n):
                    return 0
                if end and not self.copy_out(head, room - end, <uint8_t*>tail.buf, end):
                    return 0
            finally:
                if tailed:
                    PyBuffer_Release(&tail)
        finally:
            PyBuffer_Release(&data)
        if r.chain[head].state != CHAIN_FLIES:   # the buffer of the caller has called this queue
            return 0
        used = ring_used(r)
        if used != NULL:
            ring_done(r, used, head, <uint32_t>(room if end and n + end == room else n))
        return 0

    def notify(self, on):
        """Ask the driver for notifications, or for none. Returns whether there is something to pop."""
        cdef bint wants = truth(on, "on")
        self.enter()
        try:
            return ring_wants(&self.ring, wants)
        finally:
            self.busy = 0

    def stop(self, why):
        """Set `broken`: the device has found something wrong in a request. The first reason stays."""
        text = str(why)
        if self.made and self.ring.broken == NULL:
            self.why = text
            ring_break(&self.ring, b"", 0)

    def state(self):
        """The queue as values: plain numbers, and the heads of the requests in flight."""
        cdef Ring* r = &self.ring
        cdef uint32_t i
        self.enter()
        try:
            flying = [r.order[(r.first + i) & (r.size - 1)] for i in range(r.count)]
            flying += [r.again[i] for i in range(r.agains)]
            return {"size": r.size, "addresses": self.addresses, "features": self.features, "popped": r.seen,
                    "pushed": r.put, "told": r.told if r.told_valid else None, "wants": bool(r.wants),
                    "in_flight": tuple(flying), "broken": self.broken}
        finally:
            self.busy = 0

    def load(self, state):
        """Become what `state()` returned, of a queue with the same size and addresses. What was in flight is popped
        again. ValueError: another queue, or a number out of range; TypeError, KeyError: no such state."""
        cdef Ring* r = &self.ring
        cdef uint32_t i
        self.enter()
        try:
            if (state["size"], state["addresses"], state["features"]) != (r.size, self.addresses, self.features):
                raise ValueError("the state is of another queue: make the queue with its size, addresses and features")
            popped = whole(state["popped"], "popped", 0, 0xFFFF)
            pushed = whole(state["pushed"], "pushed", 0, 0xFFFF)
            told = None if state["told"] is None else whole(state["told"], "told", 0, 0xFFFF)
            wants = truth(state["wants"], "wants")
            heads = [whole(head, "a head in flight", 0, r.size - 1) for head in state["in_flight"]]
            if len(set(heads)) != len(heads):
                raise ValueError("the state has a request in flight twice")
            broken = state["broken"]
            if broken is not None and type(broken) is not str:
                raise TypeError("what is broken in a queue is a text")
            ring_free_chains(r)
            r.seen, r.put = popped, pushed
            r.told_valid = told is not None
            r.told = 0 if told is None else told
            r.wants = wants
            r.agains = len(heads)
            for i in range(r.agains):
                r.again[i] = heads[i]
            r.broken, self.why = NULL, None
            ring_place(r)
            if broken is not None:
                self.why = broken
                ring_break(r, b"", 0)
        finally:
            self.busy = 0

    def __reduce_ex__(self, protocol):
        raise not_copied(self, "requests of a guest")

    def __repr__(self):
        return f"<VirtQueue of {self.ring.size}, {self.ring.flying} in flight{', broken' if self.broken else ''}>"
