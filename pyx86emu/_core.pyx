"""The core: a real-mode x86 vCPU and KVM's way of doing I/O, in one translation unit. This is its table of contents."""

cimport cython
from cpython.buffer cimport (
    PyBUF_FORMAT, PyBUF_INDIRECT, PyBUF_ND, PyBUF_WRITABLE, PyBuffer_Release, PyObject_CheckBuffer,
    PyObject_GetBuffer,
)
from cpython.bytes cimport PyBytes_FromStringAndSize
from cpython.exc cimport PyErr_CheckSignals
from cpython.long cimport PyLong_AsUnsignedLongLongMask, PyLong_CheckExact
from cpython.memoryview cimport PyMemoryView_GET_BUFFER
from cpython.number cimport PyNumber_Index
from cpython.pythread cimport PyThread_get_thread_ident
from cpython.ref cimport Py_DECREF, Py_INCREF, Py_XDECREF, PyObject
from cpython.type cimport PyType_Modified
from libc.stdint cimport (
    int8_t, int16_t, int32_t, int64_t, uint8_t, uint16_t, uint32_t, uint64_t, uintptr_t, UINT32_MAX, UINT64_MAX,
)
from libc.stdlib cimport calloc, free, malloc, realloc
from libc.string cimport memchr, memcmp, memcpy, memmove, memset, strchr
from posix.time cimport CLOCK_REALTIME, clock_gettime, timespec
from posix.types cimport time_t

import errno
import os
from functools import partial
from itertools import islice
from operator import attrgetter

from .errors import BusError, NotYet, StateError
from .executed import Executed
from .exits import ExitReason
from .irqfd import IrqFd, ON_KVM as _irqfds_on_kvm
from .models import canonical, fields

cdef extern from "<pthread.h>" nogil:
    ctypedef struct pthread_mutex_t:
        pass
    ctypedef struct pthread_cond_t:
        pass
    int pthread_mutex_init(pthread_mutex_t*, void*)
    int pthread_mutex_lock(pthread_mutex_t*)
    int pthread_mutex_trylock(pthread_mutex_t*)
    int pthread_mutex_unlock(pthread_mutex_t*)
    int pthread_cond_init(pthread_cond_t*, void*)
    int pthread_cond_broadcast(pthread_cond_t*)
    int pthread_cond_timedwait(pthread_cond_t*, pthread_mutex_t*, timespec*)

cdef extern from "Python.h" nogil:
    ctypedef struct PyThreadState:
        pass
    PyThreadState* PyEval_SaveThread()
    void PyEval_RestoreThread(PyThreadState*)
    Py_ssize_t Py_REFCNT(PyObject*)

cdef extern from "Python.h":
    ctypedef object (*newfunc)(type, PyObject*, PyObject*)
    ctypedef struct PyTypeObject:
        newfunc tp_new
        void* tp_vectorcall

cdef extern from "<errno.h>" nogil:
    int io_errno "errno"
    int IO_EAGAIN "EAGAIN"
    int IO_EBADF "EBADF"
    int IO_EBUSY "EBUSY"
    int IO_EEXIST "EEXIST"
    int IO_EINTR "EINTR"
    int IO_EINVAL "EINVAL"
    int IO_ENOENT "ENOENT"
    int IO_ENOMEM "ENOMEM"

cdef extern from "<sys/mman.h>" nogil:
    int PROT_NONE
    int PROT_READ
    int PROT_WRITE
    int MAP_SHARED
    int MAP_PRIVATE
    int MAP_ANONYMOUS
    int MAP_FIXED
    void* MAP_FAILED
    int mprotect(void*, size_t, int)
    void* mmap(void*, size_t, int, int, int, long)
    int munmap(void*, size_t)
    int madvise(void*, size_t, int)

cdef struct CPU
cdef struct Op
cdef struct Chips
cdef struct IrqFds

cdef extern from "core/host.h" nogil:
    uint64_t LOAD_FAILED
    uint64_t FOREVER
    int GUARD
    int CHUNK
    int MAX_CHUNKS
    int MOST_CHUNKS
    Op* GO(CPU*, Op*)
    bint RARELY(bint)
    void SEE_OP(void*, void*, int, int)
    uintptr_t THERE(uintptr_t)
    uint32_t get16(uintptr_t)
    uint32_t get32(uintptr_t)
    void put16(uintptr_t, uint32_t)
    uint32_t reg16(const uint16_t*)
    uint32_t sum16(const uint16_t*, const uint16_t*, const uint16_t*)
    void put32(uintptr_t, uint32_t)
    uint64_t at_load64(const uint64_t*)
    void at_publish64(uint64_t*, uint64_t)
    void at_publish32(uint32_t*, uint32_t)
    uint32_t at_peek32(const uint32_t*)
    uint64_t at_peek64(const uint64_t*)
    uint32_t at_get32(uint32_t*)
    uint64_t at_get64(uint64_t*)
    void at_put32(uint32_t*, uint32_t)
    void at_put64(uint64_t*, uint64_t)
    uint32_t at_swap32(uint32_t*, uint32_t)
    uint64_t at_swap64(uint64_t*, uint64_t)
    uint32_t at_add32(uint32_t*, uint32_t)
    uint64_t at_add64(uint64_t*, uint64_t)
    uint8_t at_or8(uint8_t*, uint8_t)
    uint32_t at_or32(uint32_t*, uint32_t)
    uint64_t at_or64(uint64_t*, uint64_t)
    uint64_t at_and64(uint64_t*, uint64_t)
    void at_put_floor(int64_t*, int64_t)
    int64_t at_get_floor(int64_t*)
    uint16_t at_look16(const uint16_t*)
    void at_store16(uint16_t*, uint16_t)
    void at_fence()
    uint32_t at_publish_and_look(uint64_t*, uint64_t, const uint32_t*)
    bint fence_all()
    bint futex_wait(uint32_t*, uint32_t, uint64_t)
    void futex_wake(uint32_t*)
    void spin_hint()
    int at_cas(uintptr_t, uint32_t, uint32_t, int)
    int64_t host_ns()
    int lowest_one(uint32_t)
    int lowest_one64(uint64_t)
    int highest_one(uint32_t)
    uint64_t high64(uint64_t, uint64_t)

# The files, in reading order. A file uses names of the layers before its own, and of its own; tests/arrows.py has the
# layers and shows who uses whom. Cython needs no declaration for a call, so some calls can point upwards; each is in
# this list, with its reason. Nothing else may.
#
#   decode_ops  cpu/blocks -> cpu/decode        the decoder, which fills a block, names all handlers; these use blocks
#   call_bells  run -> face/bell_calls          a Doorbell may have a Python function that it calls
#   call_timer  run -> face/bell_calls          a timer is a Python function that the Vm keeps

# What stands alone: it knows no vCPU, and the structs of the next layer have it as members.
include "core/base/numbers.pxi"
include "core/base/models.pxi"
include "core/io/sinks.pxi"
include "core/io/find.pxi"
include "core/io/rings.pxi"
include "core/io/registry.pxi"
include "core/io/coalesced.pxi"
include "core/chips/pic.pxi"
include "core/chips/lines.pxi"
include "core/chips/pit.pxi"
include "core/chips/vga.pxi"
include "core/chips/vga_time.pxi"
include "core/chips/vga_ports.pxi"
include "core/chips/vga_memory.pxi"
include "core/chips/chips.pxi"
include "core/chips/speaker.pxi"

# The state of a vCPU and of a VM, and what any other file may do to it.
include "core/base/looks.pxi"
include "core/base/images.pxi"
include "core/base/why.pxi"
include "core/base/cpu.pxi"
include "core/base/vmstate.pxi"
include "core/base/flags.pxi"
include "core/base/time.pxi"
include "core/base/threads.pxi"
include "core/base/granules.pxi"
include "core/base/debug.pxi"
include "core/base/lifecycle.pxi"

# An instruction, and what it meets beyond RAM.
include "core/io/irqfds.pxi"
include "core/chips/owner.pxi"
include "core/chips/access.pxi"
include "core/chips/vga_access.pxi"
include "core/io/reads.pxi"
include "core/io/blockport.pxi"
include "core/io/waits.pxi"
include "core/io/pydevice.pxi"
include "core/io/unclaimed.pxi"
include "core/io/bus.pxi"
include "core/cpu/arrivals.pxi"
include "core/cpu/history.pxi"
include "core/cpu/near.pxi"
include "core/cpu/memory.pxi"
include "core/cpu/interrupts.pxi"
include "core/cpu/blocks.pxi"
include "core/cpu/ops_alu.pxi"
include "core/cpu/ops_shift.pxi"
include "core/cpu/ops_muldiv.pxi"
include "core/cpu/ops_mov.pxi"
include "core/cpu/ops_stack.pxi"
include "core/cpu/ops_memory.pxi"
include "core/cpu/runs.pxi"
include "core/cpu/ops_flow.pxi"
include "core/cpu/ops_string.pxi"
include "core/cpu/ops_io.pxi"
include "core/cpu/ops_system.pxi"
include "core/cpu/predicate.pxi"
include "core/cpu/ops_grid.pxi"
include "core/cpu/peephole.pxi"
include "core/cpu/probes.pxi"
include "core/cpu/seen.pxi"
include "core/cpu/decode.pxi"
include "core/cpu/forms.pxi"
include "core/cpu/forms_flow.pxi"
include "core/cpu/opcodes.pxi"

include "core/observe.pxi"

# From one instruction to a run.
include "core/run.pxi"

# What Python sees.
include "core/face/errors.pxi"
include "core/face/tables.pxi"
include "core/face/hostmemory.pxi"
include "core/face/slots.pxi"
include "core/face/ioeventfd_api.pxi"
include "core/face/bell_calls.pxi"
include "core/face/irqfd_api.pxi"
include "core/face/registers.pxi"
include "core/face/vcpu_state.pxi"
include "core/face/chip_state.pxi"
include "core/face/watchpoints.pxi"
include "core/face/sights.pxi"
include "core/face/history_api.pxi"
include "core/face/exits.pxi"
include "core/face/ranges.pxi"
include "core/face/coalesced_api.pxi"
include "core/face/why.pxi"
include "core/face/vcpu.pxi"
include "core/face/looks_api.pxi"
include "core/face/unclaimed_api.pxi"
include "core/face/capabilities.pxi"
include "core/face/vga_api.pxi"
include "core/face/snapshot_memory.pxi"
include "core/face/snapshot_vga.pxi"
include "core/face/snapshot_vcpu.pxi"
include "core/face/snapshot.pxi"
include "core/face/snapshot_values.pxi"
include "core/face/snapshot_changes.pxi"
include "core/face/vm.pxi"
include "core/face/front.pxi"
include "core/face/speaker_api.pxi"
include "core/face/fork.pxi"
include "core/face/factories.pxi"

# Virtqueues, for devices in Python.
include "core/virtio/guestmem.pxi"
include "core/virtio/ring.pxi"
include "core/virtio/virtqueue.pxi"

# For the verbs conformance and bench; nothing above is for these alone.
include "core/lab/vectors.pxi"
include "core/lab/measure.pxi"
include "core/lab/latency.pxi"
