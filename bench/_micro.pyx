"""The core once more, with loops around its hot paths. Built for benches only; bench/micro.py prints what they cost.

It includes the core's own source, compiled with the same flags: what is timed is the real code. Each function does
its thing n times and returns nanoseconds.
"""

include "../pyx86emu/_core.pyx"

cdef enum:
    BELL_PORT = 0x510
    FREE_PORT = 0x600
    LOOP = 0x1000


cdef class Bed:
    """A Vm with RAM and an ioeventfd at BELL_PORT, among `entries`; its guest writes to FREE_PORT for ever."""

    cdef Vm vm
    cdef Vcpu vcpu
    cdef CPU* c
    cdef Op* op
    cdef IoEventFd bell

    def __init__(self, int entries=1000):
        self.vm = Vm()
        ram = self.vm.add_memory(0, 0xA0000)
        ram[LOOP:LOOP + 3] = bytes.fromhex("ee ebfd")       # again: out dx,al; jmp again
        self.vcpu = self.vm.create_vcpu()
        self.bell = self.vm.ioeventfd(BELL_PORT, 1)
        for port in range(entries - 1):
            self.vm.ioeventfd(0x1000 + port, 1, fd=self.bell.fileno())
        self.vcpu.regs.cs, self.vcpu.regs.ip, self.vcpu.regs.dx = 0, LOOP, FREE_PORT
        self.vcpu.run()                                     # at the first exit the block is decoded
        self.c = self.vcpu.c
        self.c.arch.ip = LOOP
        self.op = find(self.c)

    def close(self):
        self.vm.close()

    def table_probe(self, uint64_t n):
        """A port to its ioeventfd."""
        cdef IoEntry* e = NULL
        cdef uint64_t i, found = 0
        cdef int64_t began = host_ns()
        for i in range(n):
            e = iotable_find(self.c.vm.iotable, BUS_PIO, BELL_PORT, 1, i)
            found += e != NULL
        began = host_ns() - began
        assert found == n
        return began / <double>n

    def eventfd_flush(self, uint64_t n):
        """One ring added up, and the flush that writes it to the eventfd."""
        cdef IoEntry* e = iotable_find(self.c.vm.iotable, BUS_PIO, BELL_PORT, 1, 0)
        cdef uint64_t i
        cdef int64_t began = host_ns()
        if e == NULL:
            raise LookupError("the entry is not found")
        rings_count(&self.c.rings, e, 1, 0)                   # the first of a slice is written at once
        for i in range(n - 1):
            rings_count(&self.c.rings, e, 1, i)
            rings_flush(&self.c.rings)
        began = host_ns() - began
        rings_new_slice(&self.c.rings)
        assert self.bell.read() == n
        return began / <double>n

    def heavy_exit(self, uint64_t n):
        """run() to the next exit, which nothing in the core handles."""
        cdef uint64_t _
        cdef int64_t began
        run = self.vcpu.run
        io = ExitReason.IO
        began = host_ns()
        for _ in range(n):
            assert run().reason is io
        return (host_ns() - began) / <double>n

    def load(self, uint64_t n):
        """A word from RAM."""
        cdef uint64_t i, total = 0
        cdef int64_t began = host_ns()
        for i in range(n):
            total += ld(self.c, self.op, DS, 0x4000 + (<uint32_t>i & 0xFFE), 2)
        began = host_ns() - began
        assert total == 0
        return began / <double>n

    def store(self, uint64_t n):
        """A word to RAM."""
        cdef uint64_t i
        cdef bint stored = True
        cdef int64_t began = host_ns()
        for i in range(n):
            stored &= put(self.c, self.op, DS, 0x6000 + (<uint32_t>i & 0xFFE), <uint32_t>i, 2)
        began = host_ns() - began
        assert stored
        return began / <double>n

    def block_entry(self, uint64_t n):
        """CS:IP to its block by way of the hash."""
        cdef uint64_t _, found = 0
        cdef int64_t began
        cdef uint32_t at = self.c.arch.ip
        self.c.arch.ip = LOOP
        began = host_ns()
        for _ in range(n):
            found += find(self.c) == self.op
        began = host_ns() - began
        self.c.arch.ip = at
        assert found == n
        return began / <double>n

    def flag_read(self, uint64_t n):
        """All six flags out of a lazy result."""
        cdef uint64_t i, zeros = 0
        cdef int64_t began = host_ns()
        for i in range(n):
            fl_logic(self.c, <uint32_t>i & 0xFF, 1)
            zeros += (fl_all(self.c) >> 6) & 1
        began = host_ns() - began
        assert zeros == (n + 255) >> 8
        return began / <double>n
