# SpeakerTap: what listens to the speaker of a Vm, for Python. Knows no files.

@cython.no_gc_clear                          # __dealloc__ needs the Vm
cdef class SpeakerTap:
    """Records the speaker of `vm`, from now on, as samples of 16 bits, `rate` a second (8000 to 192000).

    The guest does not notice. One tap a Vm. OSError EINVAL: the Vm has no 8254; EOPNOTSUPP: its 8254 is KVM's;
    EBUSY: somebody listens already; EBADF: it is closed. ValueError, TypeError: `rate`, `vm`."""

    cdef Vm vm
    cdef Speaker* s                          # freed with this object, since a thread may be in take() during close()
    cdef bint closed

    def __init__(self, VmFront vm not None, rate=44100):
        cdef int samples = whole(rate, "rate", 8000, 192000)
        cdef Vm back
        cdef Speaker* s
        cdef bint busy
        if self.s != NULL:
            raise RuntimeError("a SpeakerTap is initialised once: make another one")
        if type(vm.back()) is not Vm:
            raise os_error(errno.EOPNOTSUPP, "the 8254 is in KVM, which does not tell what the guest writes to it: "
                                             "use accel='interp'")
        back = vm.back()
        back.chips_there()
        s = new_speaker(samples)
        if s == NULL:
            raise MemoryError("no memory to record the speaker")
        back.stop()
        busy = back.closed or back.vm.chips.speaker != NULL
        if not busy:
            pthread_mutex_lock(&back.vm.chips.lock)
            speaker_listen(back.vm.chips, s, back.now())
            follow_ways(back.vm)
            pthread_mutex_unlock(&back.vm.chips.lock)
        back.resume(False)
        if busy:
            free_speaker(s)
            back.open()
            raise os_error(errno.EBUSY, "somebody listens to this speaker already: close the other tap")
        if self.s != NULL:                       # stop() released the GIL
            back.stop()
            end_tap(back, s)
            back.resume(False)
            free_speaker(s)
            raise RuntimeError("a SpeakerTap is initialised once: make another one")
        self.vm = back
        self.s = s

    def take(self):
        """(samples, edges, more): little-endian bytes of the samples up to now, since the last call, at most a second
        of them; (guest ns, level) of each edge; whether there is more to take."""
        cdef bint more
        cdef int i, samples, edges
        cdef Speaker* s = self.s
        if s == NULL or self.closed:
            return b"", [], False
        self.vm.lock_chips()                     # may release the GIL
        more = speaker_run(s, self.vm.vm.chips, self.vm.now())
        self.vm.unlock_chips()
        data = PyBytes_FromStringAndSize(<char*>s.sample, s.samples * 2)
        return data, [(pit_time(s.edge[i].tick), bool(s.edge[i].level)) for i in range(s.edges)], bool(more)

    @property
    def lost(self):
        """How many writes or edges were dropped, because `take` was called too rarely."""
        return 0 if self.s == NULL else self.s.lost

    def close(self):
        """Stop listening. Twice is harmless."""
        if self.s != NULL and not self.closed:
            self.closed = 1
            self.vm.stop()
            end_tap(self.vm, self.s)
            self.vm.resume(False)

    def __dealloc__(self):
        if self.s != NULL:
            self.close()
            free_speaker(self.s)

    def __reduce_ex__(self, protocol):
        raise not_copied(self, "what it has recorded")


cdef void end_tap(Vm vm, Speaker* s) noexcept:
    """Every vCPU is outside."""
    pthread_mutex_lock(&vm.vm.chips.lock)
    if vm.vm.chips.speaker == <void*>s:
        speaker_ignore(vm.vm.chips)
        follow_ways(vm.vm)
    pthread_mutex_unlock(&vm.vm.chips.lock)


cdef Speaker* new_speaker(int rate) noexcept:
    cdef Speaker* s = <Speaker*>calloc(1, sizeof(Speaker))
    if s == NULL:
        return NULL
    s.rate = rate
    s.room = rate + 2
    s.event = <SpeakerEvent*>malloc(SPEAKER_EVENTS * sizeof(SpeakerEvent))
    s.edge = <SpeakerEdge*>malloc(SPEAKER_EDGES * sizeof(SpeakerEdge))
    s.sample = <int16_t*>malloc(s.room * sizeof(int16_t))
    if s.event == NULL or s.edge == NULL or s.sample == NULL:
        free_speaker(s)
        return NULL
    return s


cdef void free_speaker(Speaker* s) noexcept:
    free(s.event)
    free(s.edge)
    free(s.sample)
    free(s)
