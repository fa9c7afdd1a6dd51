"""DoorbellDevice."""

import os
from concurrent.futures import ThreadPoolExecutor

import pytest

from pyx86emu.pc.devices import DoorbellDevice


class Eventfd:
    """A descriptor as `events.EventFd` wraps one; its read blocks."""

    def __init__(self, flags=0):
        self.fd = os.eventfd(0, flags)

    def fileno(self):
        return self.fd

    def read(self):
        return os.eventfd_read(self.fd)


@pytest.fixture(params=[0, os.EFD_NONBLOCK], ids=["blocking", "nonblocking"])
def eventfd(request):
    eventfd = Eventfd(request.param)
    yield eventfd
    os.close(eventfd.fd)


def test_each_write_rings_once_whatever_its_value():
    bell = DoorbellDevice()

    bell.pio_write(0, 1, 0)
    bell.pio_write(3, 1, 0xFF)
    bell.mmio_write(0, 4, 0xFFFFFFFF)

    assert bell.count == 3


def test_device_call_rings():
    bell = DoorbellDevice()

    bell.ring()
    bell.ring(10)

    assert bell.count == 11


def test_rings_of_the_eventfd_are_added(eventfd):
    bell = DoorbellDevice(eventfd)
    assert bell.count == 0

    os.eventfd_write(eventfd.fd, 5)
    bell.ring()

    assert bell.count == 6
    os.eventfd_write(eventfd.fd, 2)
    assert bell.drain() == 2
    assert bell.drain() == 0
    assert bell.count == 8


def test_guest_reads_the_count_in_any_width():
    bell = DoorbellDevice()
    bell.ring(0x01020304)

    assert bell.pio_read(0, 4) == 0x01020304
    assert bell.pio_read(0, 2) == 0x0304
    assert bell.mmio_read(3, 1) == 0x01


def test_reset_forgets_all_rings_also_those_under_way(eventfd):
    bell = DoorbellDevice(eventfd)
    bell.ring()
    os.eventfd_write(eventfd.fd, 5)

    bell.reset()

    assert bell.count == 0


def test_rings_through_the_eventfd_come_from_any_thread(eventfd):
    bell = DoorbellDevice(eventfd)
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda _: os.eventfd_write(eventfd.fd, 1), range(1000)))

    assert bell.count == 1000
