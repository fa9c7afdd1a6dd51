# UnclaimedPorts: where a machine says that the core answers ports that no device has, and sees how they are used.

@cython.final
cdef class UnclaimedPorts:
    """Accesses of a vCPU to ports that no device has. `UnclaimedPorts(vcpu)`; all of one vCPU are the same.

    `answered`: while it is True, the core answers them: a read of 1, 2 or 4 bytes gives all ones, a write is dropped,
    and neither makes an exit. An access of which some byte has a device, or a range of `pull=True`, exits as ever. At
    first it is False.
    `served`: how many accesses the core has answered.
    `port`, `cs`, `ip`, `times`: the last read, and how many in a row were made of that port by that instruction. Who
    answers a read himself counts it with `note`.
    `every`: if it is not 0, a read exits whose number `times` is a multiple of it, so that its caller may look.

    Any thread may read it. The thread that runs the vCPU writes, or any while none does. TypeError: no vCPU of the
    core; or a number that is no integer. ValueError: one that is out of range.
    """

    cdef Vcpu vcpu
    cdef UnclaimedState* u

    def __cinit__(self, *args, **kwargs):
        if len(args) != 1 or kwargs or not isinstance(args[0], Vcpu):
            raise TypeError("UnclaimedPorts(vcpu) takes one vCPU of the core")
        self.vcpu = args[0]
        self.u = &self.vcpu.c.unclaimed

    def __reduce_ex__(self, protocol):
        raise not_copied(self, "what its vCPU does")

    @property
    def answered(self):
        """Does the core answer?"""
        return bool(self.u.answered)

    @answered.setter
    def answered(self, value):
        self.u.answered = truth(value, "answered")

    @property
    def every(self):
        """Which reads exit; 0: none."""
        return self.u.every

    @every.setter
    def every(self, value):
        self.u.every = whole(value, "every", 0, LAST_TIME)

    @property
    def served(self):
        """How many accesses the core has answered."""
        return self.u.served

    @property
    def port(self):
        """The port that was read last."""
        return self.u.port

    @property
    def cs(self):
        """CS of the instruction that read it."""
        return self.u.cs

    @property
    def ip(self):
        """IP of the instruction that read it."""
        return self.u.ip

    @property
    def times(self):
        """How many reads in a row were made there; 0: none."""
        return self.u.times

    def note(self, port, cs, ip):
        """Count a read that somebody else has answered. Returns `times`."""
        cdef uint32_t at = whole(port, "port", 0, 0xFFFF), segment = whole(cs, "cs", 0, UINT32_MAX)
        cdef uint32_t offset = whole(ip, "ip", 0, UINT32_MAX)
        count_read(self.u, at, segment, offset)
        return self.u.times

    def forget(self):
        """After a reset: no read was made. What the core has answered stays counted."""
        self.u.times = 0
