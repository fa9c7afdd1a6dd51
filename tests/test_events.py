"""EventFd and Doorbell: counters that hosts read."""

import os
import select
from threading import Thread

import pytest

from pyx86emu.events import Doorbell, EventFd


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
        got: list[int] = []
        reader = Thread(target=lambda: got.append(event.read()))
        reader.start()

        event.write(3)
        reader.join(10)

        assert got == [3]


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
    with pytest.raises(ValueError, match="-1 times"):
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

    threads = [Thread(target=ring) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert bell.drain() == bell.count == 20000
