"""What a device author relies on."""

from random import Random

import pytest

from pyx86emu.clock import Clock
from pyx86emu.device import Device, MmioDevice, PioDevice


class Dice(PioDevice):
    """The example of the style guide, word for word but for its length."""

    length = 1

    def reset(self):
        self.rng = Random(0)

    def pio_read(self, offset, size):
        return self.rng.randrange(1, 7)

    def pio_write(self, offset, size, value):
        self.rng.seed(value)


def test_device_without_constructor_works():
    dice = Dice()
    dice.reset()

    first = [dice.pio_read(0, 1) for _ in range(10)]
    dice.reset()

    assert [dice.pio_read(0, 1) for _ in range(10)] == first
    assert set(first) <= set(range(1, 7))


def test_name_is_the_class_name_unless_given():
    class Beeper(PioDevice):
        pass

    class Printer(PioDevice):
        name = "lpt1"

    class LaserPrinter(Printer):
        pass

    assert Beeper().name == "beeper"
    assert Printer().name == "lpt1"
    assert LaserPrinter().name == "laserprinter"


def test_one_instance_may_have_its_own_name():
    first, second = Dice(), Dice()
    second.name = "dice1"

    assert (first.name, second.name) == ("dice", "dice1")


def test_ranges_follow_the_length_unless_given():
    class Wide(PioDevice):
        length = 8

    class Torn(PioDevice):
        ranges = ((0, 1), (4, 1))

    wide = Wide()
    assert wide.ranges == ((0, 8),)
    wide.length = 4
    assert wide.ranges == ((0, 4),)
    assert Torn().ranges == ((0, 1), (4, 1))


def test_unattached_device_may_move_its_line():
    Dice().irq(True)


def test_line_handed_in_is_called_with_the_level_only():
    levels = []
    dice = Dice()
    dice.irq = levels.append

    dice.irq(True)

    assert levels == [True]


def test_unattached_device_has_time_zero_and_cannot_wait():
    dice = Dice()

    assert dice.clock.now() == 0
    with pytest.raises(RuntimeError, match="attach it to a bus"):
        dice.clock.call_after(1, print)


def test_unattached_devices_share_no_clock_with_attached_ones():
    class Vm:
        time = 7

        def set_timer(self, deadline_ns, fn):
            pass

    first, second = Dice(), Dice()
    first.clock = Clock(Vm())

    assert (first.clock.now(), second.clock.now()) == (7, 0)


@pytest.mark.parametrize("size", [1, 2, 4])
def test_undriven_bytes_read_as_ones_and_writes_are_dropped(size):
    class Silent(PioDevice, MmioDevice):
        pass

    silent = Silent()

    assert silent.pio_read(0, size) == silent.mmio_read(0, size) == 256**size - 1
    silent.pio_write(0, size, 0)
    silent.mmio_write(0, size, 0)


def test_device_of_both_buses_is_one_device():
    class Both(PioDevice, MmioDevice):
        length = 16
        max_size = 2

    both = Both()

    assert isinstance(both, Device)
    assert (both.name, both.length, both.max_size) == ("both", 16, 2)


def test_repr_names_class_and_device():
    assert repr(Dice()) == "<Dice 'dice'>"
