# What an observer has seen, for Python. Knows no vCPU.

cdef class Sight:
    """What one observer of a vCPU looks for and has seen. Made by `Vcpu._look`; observe.py has the words.

    `count`: how often it was seen. `seen()`: the newest of that as bytes, 152 each, the oldest first. `call` is called
    with the bytes of one, between two instructions. `owner`: what Exit.observer returns.
    """

    cdef Look* look
    cdef object vcpu                             # None: it no longer looks
    cdef object call
    cdef readonly object owner

    def __cinit__(self):
        self.look = <Look*>calloc(1, sizeof(Look))
        if self.look == NULL:
            raise MemoryError("no memory for an observer")

    def __dealloc__(self):
        if self.look != NULL:
            free(self.look.ring)
            free(self.look)

    def __reduce_ex__(self, protocol):
        raise not_copied(self, "what it has seen")

    @property
    def count(self):
        """How often it was seen."""
        return self.look.count

    @property
    def on(self):
        """Does it still look?"""
        return self.vcpu is not None

    def seen(self):
        """The newest `capacity` of what it has seen, as bytes, the oldest first."""
        return self.newest(min(self.look.count, self.look.capacity))

    cdef bytes newest(self, uint64_t n):
        cdef uint64_t first, part
        cdef bytes out = PyBytes_FromStringAndSize(NULL, n * sizeof(Seen))
        cdef char* to = out
        if n == 0 or self.look.ring == NULL:
            return b""
        first = (self.look.count - n) % self.look.capacity
        part = min(n, self.look.capacity - first)
        memcpy(to, self.look.ring + first, part * sizeof(Seen))
        memcpy(to + part * sizeof(Seen), self.look.ring, (n - part) * sizeof(Seen))
        return out

    cdef object words(self, what):
        """The sentence of its Exit(DEBUG)."""
        return None if self.owner is None else self.owner._words(what)

    def drain(self):
        """(bytes, lost): what it has seen since the last call, the oldest first, and how many of these are no longer
        there."""
        cdef Look* k = self.look
        cdef uint64_t n = k.count - k.drained, lost = k.lost + n - min(n, k.capacity)
        seen = self.newest(min(n, k.capacity))
        k.drained = k.count
        k.asked = k.lost = 0
        return seen, lost

    def clear(self):
        """Forget what it has seen."""
        self.look.count = self.look.drained = self.look.asked = self.look.lost = 0

    def remove(self):
        """It no longer looks. Twice is harmless. RuntimeError: another thread runs the vCPU."""
        if self.vcpu is not None:
            self.vcpu._unlook(self)
            self.vcpu = None
