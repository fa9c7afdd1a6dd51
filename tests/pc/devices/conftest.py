"""What every device test needs: guest time that the test moves, an interrupt line it can read."""

import pytest

from pyx86emu.clock import Clock


class GuestTime:
    """Stands in for the Vm as the clock's source of time."""

    def __init__(self):
        self.time = 0
        self._deadline = None
        self._fn = None

    def set_timer(self, deadline_ns, fn):
        self._deadline, self._fn = deadline_ns, fn

    def advance(self, ns):
        """Let `ns` nanoseconds pass, stopping at every deadline on the way."""
        end = self.time + ns
        while self._deadline is not None and self._deadline <= end:
            self.time = max(self.time, self._deadline)
            self._deadline = None
            self._fn()
        self.time = end

    @property
    def waiting(self):
        return self._deadline is not None


class Line:
    """An interrupt line: its level, and how often it went up."""

    def __init__(self):
        self.level = False
        self.edges = 0

    def __call__(self, level):
        assert level != self.level, "a device reports changes only"
        self.level = level
        self.edges += level


def connect(device, clock):
    """Do for a device what a bus does; `device.irq` is a Line afterwards."""
    device.clock = clock
    device.irq = Line()
    device.reset()
    return device


@pytest.fixture
def guest_time():
    return GuestTime()


@pytest.fixture
def attach(guest_time):
    """`attach(device)` gives the device back, on the test's guest time."""
    clock = Clock(guest_time)
    return lambda device: connect(device, clock)


@pytest.fixture(scope="session")
def attach_alone():
    """`attach_alone(device)` gives (device, its own guest time), for one hypothesis example."""

    def attach_alone(device):
        time = GuestTime()
        return connect(device, Clock(time)), time

    return attach_alone
