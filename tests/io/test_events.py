"""EventFd and Doorbell: counters that hosts read."""

from __future__ import annotations

import copy
import errno
import gc
import os
import pickle
import select
import signal
import warnings
from collections.abc import Callable
from typing import Any

import pytest

from pyx86emu.events import Doorbell, EventFd
from tests.harness import Running, descriptors, entered, python


def test_writes_add_up_until_they_are_read() -> None:
    with EventFd(5) as event:
        event.write()
        event.write(10)

        assert event.read() == 16
        assert event.read() == 0


def test_a_semaphore_gives_one_at_a_time() -> None:
    with EventFd(2, semaphore=True) as event:
        assert [event.read() for _ in range(3)] == [1, 1, 0]


def test_a_blocking_reader_is_woken() -> None:
    with EventFd(blocking=True) as event:
        reader = entered(event.read)

        event.write(3)

        assert reader.result() == 3


def test_close_may_be_called_twice_and_closes_only_its_own() -> None:
    event = EventFd()
    fd = event.fileno()
    event.close()
    other = os.eventfd(0)
    try:
        event.close()

        assert event.fileno() == -1
        assert other == fd  # the number went to another eventfd, which is still open
        os.fstat(other)
    finally:
        os.close(other)


def test_a_closed_eventfd_can_be_neither_written_nor_read() -> None:
    event = EventFd()
    event.close()

    with pytest.raises(OSError, match="this EventFd is closed"):
        event.write()
    with pytest.raises(OSError, match="this EventFd is closed"):
        event.read()


def test_repr_names_the_descriptor() -> None:
    with EventFd() as event:
        assert repr(event) == f"<EventFd fd {event.fileno()}>"
    assert repr(event) == "<EventFd closed>"


@pytest.mark.parametrize("how", [copy.copy, copy.deepcopy, pickle.dumps])
def test_an_eventfd_cannot_be_copied(how: Callable[[object], object]) -> None:
    with EventFd() as event:
        with pytest.raises(
            TypeError, match=r"EventFd objects cannot be copied or pickled.*os\.dup"
        ):
            how(event)

        event.write()
        assert event.read() == 1


def test_a_forgotten_eventfd_is_closed_with_a_warning() -> None:
    event = EventFd()
    fd = event.fileno()

    with pytest.warns(ResourceWarning, match=f"unclosed <EventFd fd {fd}>"):
        del event
        gc.collect()

    other = os.eventfd(0)
    os.close(other)
    assert other == fd


def test_an_eventfd_that_was_never_made_is_a_closed_one() -> None:
    event = EventFd.__new__(EventFd)

    assert repr(event) == "<EventFd closed>"
    with pytest.raises(OSError, match="this EventFd is closed"):
        event.read()
    event.close()


def test_an_eventfd_is_made_once() -> None:
    with EventFd() as event:
        fd = event.fileno()
        with pytest.raises(RuntimeError, match="make another one"):
            EventFd.__init__(event)
        assert event.fileno() == fd


def test_a_forked_child_closes_its_own_descriptor_only() -> None:
    script = (
        "import os; from pyx86emu.events import EventFd\n"
        "event = EventFd()\n"
        "if os.fork() == 0: del event; os._exit(0)\n"
        "os.wait(); event.write(); print(event.read()); event.close()"
    )

    result = python("-c", script)

    assert (result.returncode, result.stdout, result.stderr) == (0, "1\n", "")


MOST = 2**64 - 2


def test_a_counter_holds_what_the_kernel_holds() -> None:
    with EventFd(MOST) as event:
        assert event.read() == MOST
        event.write(MOST)
        event.write(0)
        with pytest.raises(BlockingIOError, match="this EventFd is full, nothing was added"):
            event.write()
        assert event.read() == MOST


def test_an_eventfd_that_cannot_be_made_leaves_nothing_open(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def fail(fd: int, data: bytes) -> int:
        raise OSError(errno.EIO, "no luck")

    monkeypatch.setattr("os.write", fail)
    before = descriptors()

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(OSError, match="no luck"):
            EventFd(5)

    assert descriptors() == before


@pytest.mark.parametrize("n", [-1, 2**64 - 1, 2**64, -(2**70), 2**9999], ids=range(5))
def test_a_count_that_the_kernel_cannot_hold_is_refused(n: int) -> None:
    with pytest.raises(ValueError, match="value is"):
        EventFd(n)
    with EventFd() as event:
        with pytest.raises(ValueError, match="n is"):
            event.write(n)
        assert event.read() == 0


@pytest.mark.parametrize("n", [1.0, "1", None, float("nan")])
def test_a_count_is_an_integer(n: Any) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(TypeError, match="value must be an integer"):
            EventFd(n)
    with EventFd() as event, pytest.raises(TypeError, match="n must be an integer"):
        event.write(n)


def test_a_signal_does_not_end_a_read_that_waits() -> None:
    with EventFd(blocking=True) as event:

        def write_at_last(number: int, frame: object) -> None:
            seen.append(number)
            if len(seen) == 3:
                event.write(7)

        seen: list[int] = []
        before = signal.signal(signal.SIGALRM, write_at_last)
        signal.setitimer(signal.ITIMER_REAL, 0.02, 0.02)
        try:
            assert event.read() == 7
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)
            signal.signal(signal.SIGALRM, before)
        assert len(seen) >= 3


def test_doorbell_counts_all_and_drains_the_rest() -> None:
    bell = Doorbell()
    bell.ring()
    bell.ring(4)

    assert bell.drain() == 5
    bell.ring(0)
    assert bell.drain() == 0
    bell.ring(2)
    assert bell.count == 7


def test_doorbell_cannot_be_unrung() -> None:
    with pytest.raises(ValueError, match="number of rings is -1"):
        Doorbell().ring(-1)


def test_doorbell_notifies_once_until_it_is_drained() -> None:
    with EventFd() as event:
        bell = Doorbell(notify=event)

        bell.ring()
        bell.ring(3)
        assert event.read() == 1

        bell.ring()
        assert event.read() == 0
        assert bell.drain() == 5

        bell.ring()
        assert event.read() == 1


def test_doorbell_can_be_polled_through_its_notify_descriptor() -> None:
    with EventFd() as event:
        bell = Doorbell(notify=event)
        poll = select.poll()
        poll.register(bell, select.POLLIN)

        assert poll.poll(0) == []
        bell.ring()
        assert poll.poll(0) == [(event.fileno(), select.POLLIN)]


@pytest.mark.parametrize("flags", [0, os.EFD_NONBLOCK, os.EFD_SEMAPHORE])
def test_a_full_notify_descriptor_stops_nobody(flags: int) -> None:
    fd = os.eventfd(0, flags)
    os.eventfd_write(fd, 2**64 - 2)
    bell = Doorbell(notify=fd)

    for _ in range(3):
        bell.ring()
        assert bell.drain() == 1

    os.close(fd)


def test_doorbell_keeps_ringing_when_its_notify_number_is_reused() -> None:
    fd = os.eventfd(0, os.EFD_NONBLOCK)
    same = os.dup(fd)
    bell = Doorbell(notify=fd)
    os.close(fd)
    other = os.eventfd(0, os.EFD_NONBLOCK)
    try:
        bell.ring()

        assert other == fd
        assert os.eventfd_read(same) == 1
        with pytest.raises(BlockingIOError):
            os.eventfd_read(other)
    finally:
        os.close(same)
        os.close(other)


@pytest.mark.parametrize("bad", [-1, 1 << 40])
def test_doorbell_refuses_what_is_no_descriptor(bad: int) -> None:
    with pytest.raises(OSError, match="not an open descriptor"):
        Doorbell(notify=bad)


def test_doorbell_refuses_a_descriptor_that_is_no_eventfd() -> None:
    with open(os.devnull) as null, pytest.raises(OSError, match="not an eventfd"):
        Doorbell(notify=null)


def test_doorbell_without_notify_has_no_descriptor() -> None:
    with pytest.raises(OSError, match="Doorbell\\(notify=eventfd\\)"):
        Doorbell().fileno()


def test_rings_of_many_threads_are_all_counted() -> None:
    bell = Doorbell()

    def ring() -> None:
        for _ in range(5000):
            bell.ring()

    for thread in [Running(ring) for _ in range(4)]:
        thread.result()

    assert bell.drain() == bell.count == 20000
