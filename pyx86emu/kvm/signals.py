"""Kicks: end KVM_RUN in another thread by a signal that means nothing to anybody else.

KVM_RUN returns EINTR when its thread gets a signal that has a handler. The handler here is a
function of C that does nothing. So no code of Python runs for a kick, neither a handler of the
program nor its wake-up descriptor sees it, and a kick that comes when the thread has left KVM_RUN
is harmless. The signal is a real-time signal that the program does not use; if it begins to use it,
the next kick takes another one.
"""

import ctypes
import os
import signal
from ctypes import byref, c_int, c_long, c_void_p, sizeof
from threading import get_native_id

SYS_TGKILL, SYS_GETPID = 234, 39
SYS_TIMER_CREATE, SYS_TIMER_SETTIME, SYS_TIMER_DELETE = 222, 223, 226
CLOCK_MONOTONIC = 1
SIGEV_THREAD_ID = 4
SA_RESTART = 0x10000000

#: Calls keep the GIL: none of them waits.
_libc = ctypes.PyDLL(None, use_errno=True)
_syscall = _libc.syscall
_syscall.restype = c_long


class _SigAction(ctypes.Structure):
    """struct sigaction of the C library on x86-64."""

    _fields_ = (
        ("handler", c_void_p),
        ("mask", c_long * 16),
        ("flags", c_int),
        ("restorer", c_void_p),
    )


class _SigEvent(ctypes.Structure):
    """struct sigevent of the kernel."""

    _fields_ = (
        ("value", c_void_p),
        ("signo", c_int),
        ("notify", c_int),
        ("thread", c_int),
        ("pad", c_int * 11),
    )


#: abs() of the C library: it may be called with a signal number at any time, and does nothing.
_NOTHING = ctypes.cast(_libc.abs, c_void_p).value
_chosen: list[int] = []
_mask = (ctypes.c_uint64 * 16)()  # sigset_t


def _handler(number: int) -> int:
    """What happens at a signal now: 0 is SIG_DFL."""
    now = _SigAction()
    _libc.sigaction(number, None, byref(now))
    return now.handler or 0


def kick_signal() -> int:
    """The number of our signal; its handler is ours. RuntimeError: the program uses all of them."""
    if _chosen and _handler(_chosen[0]) == _NOTHING:
        return _chosen[0]
    for number in range(signal.SIGRTMAX, signal.SIGRTMIN, -1):
        if _handler(number) in (0, _NOTHING):
            _libc.sigaction(number, byref(_SigAction(_NOTHING, flags=SA_RESTART)), None)
            _chosen[:] = [number]
            _mask[0] |= 1 << number - 1  # each that was ever chosen
            return number
    raise RuntimeError("KVM needs a real-time signal for kicks: the program has handlers for all")


def allow() -> None:
    """Let the signal reach this thread, which may have blocked all signals."""
    _libc.pthread_sigmask(signal.SIG_UNBLOCK, _mask, None)


def send(thread: int) -> None:
    """Signal a thread of this process by its native id. One that has ended is no error."""
    _syscall(SYS_TGKILL, _syscall(SYS_GETPID), c_long(thread), kick_signal())


class Alarm:
    """A timer of the kernel that signals the thread which made it, from a moment on.

    It signals again every `AGAIN` ns until it is set again, because a signal that comes just before
    KVM_RUN begins does not end it. OSError: the kernel has no timer left.
    """

    AGAIN = 500_000

    def __init__(self) -> None:
        self.thread, self._pid = get_native_id(), os.getpid()
        self.number = kick_signal()
        self._id: int | None = None
        made = c_int()
        event = _SigEvent(None, self.number, SIGEV_THREAD_ID, self.thread)
        if _syscall(SYS_TIMER_CREATE, CLOCK_MONOTONIC, byref(event), byref(made)):
            raise OSError(ctypes.get_errno(), "the kernel makes no timer for deadlines")
        self._id = made.value
        self._when = (c_long * 4)()  # struct itimerspec: the interval, then the moment
        assert sizeof(self._when) == 32

    def mine(self, thread: int) -> bool:
        """Does it signal this thread, by a signal that has our handler still?"""
        return self.thread == thread and self.number == kick_signal()

    def set(self, moment: int | None) -> None:
        """Signal at this time of CLOCK_MONOTONIC in ns, at once if it is over; None: never."""
        when = self._when
        when[0] = 0
        when[1] = self.AGAIN if moment is not None else 0
        when[2], when[3] = divmod(max(moment, 1), 10**9) if moment is not None else (0, 0)
        _syscall(SYS_TIMER_SETTIME, self._id, 1, byref(when), None)  # 1: TIMER_ABSTIME

    def close(self) -> None:
        """Delete the timer, once. A child of fork() has none of its parent's."""
        timer, self._id = self._id, None
        if timer is not None and self._pid == os.getpid():
            _syscall(SYS_TIMER_DELETE, timer)

    def __del__(self) -> None:
        if "_id" in self.__dict__:
            self.close()


SYS_KCMP, KCMP_FILE = 312, 0


def same_open_file(one: int, other: int) -> bool:
    """Are two descriptors of this process the same open file? (kcmp(2).)"""
    me = _syscall(SYS_GETPID)
    return bool(_syscall(SYS_KCMP, me, me, KCMP_FILE, c_long(one), c_long(other)) == 0)
