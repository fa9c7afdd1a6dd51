"""Whatever a guest does with the ports of a device, and however much time passes: no exception, and
a bounded number of turns of Python for one access, one timer, one jump of time."""

import sys
from collections.abc import Sized
from datetime import datetime
from pathlib import Path
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import pyx86emu
from pyx86emu import Disk
from pyx86emu.pc.devices import (
    AtaChannel,
    DebugConsole,
    DebugExit,
    Dma8237,
    DoorbellDevice,
    FloppyController,
    Keyboard8042,
    PostPort,
    Printer,
    Rtc,
    SystemControlA,
    Uart16550A,
    Vga,
)
from pyx86emu.pc.devices.keyboard.keyboard import BURST

HERE = str(Path(pyx86emu.__file__).parent)
SECOND = 10**9
YEAR = 365 * 86400 * SECOND

JUMPS = st.sampled_from(
    (1, 1000, 100_000, 10**6, 20 * 10**6, SECOND, 3600 * SECOND, 86400 * SECOND, 30 * YEAR)
) | st.integers(0, 3 * SECOND)


class Memory:
    """Two pages with a hole between them."""

    def __init__(self):
        self.pages = {0: bytearray(4096), 0x2000: bytearray(4096)}

    def _page(self, addr, size):
        page = self.pages.get(addr & ~0xFFF)
        if page is None or (addr & 0xFFF) + size > 4096:
            raise ValueError("hole")
        return page

    def read(self, addr, size):
        at = addr & 0xFFF
        return bytes(self._page(addr, size)[at : at + size])

    def write(self, addr, data):
        at = addr & 0xFFF
        self._page(addr, len(data))[at : at + len(data)] = data


def keyboard_in_use():
    keyboard = Keyboard8042()

    def use():
        keyboard.type("{ctrl+alt+delete}" * 100)
        keyboard.key("pause", True)
        keyboard.key("a", True)

    return keyboard, use


def mouse_in_use():
    keyboard = Keyboard8042()

    def use():
        keyboard.mouse.receive(0xF4)
        for i in range(200):
            keyboard.mouse.move(1000, -1000, i & 7, wheel=i)

    return keyboard, use


def keyboard_without_gap():
    keyboard = Keyboard8042()
    keyboard.key_gap = 0

    def use():
        keyboard.ram[0] |= 0x10  # all is typed when the guest enables it
        keyboard.type("some text " * 100)

    return keyboard, use


def uart_in_use():
    uart = Uart16550A(output=len)
    return uart, lambda: uart.receive(bytes(range(256)) * 8)


def floppy_in_use():
    floppy = FloppyController(Dma8237(Memory()))
    floppy.dma.pio_write(0x0F, 1, 0)
    return floppy, lambda: floppy.insert(0, Disk(bytes(368640)))


def ata_in_use():
    ata = AtaChannel([Disk(bytes(368640)), Disk(bytes(737280))])
    return ata, lambda: None


def alone(make):
    return lambda: (make(), lambda: None)


# name: (how to make one, lines of Python that one access or one timer may take)
DEVICES = {
    "rtc": (alone(Rtc), 300),
    "rtc near the end": (alone(lambda: Rtc(datetime.max)), 300),
    "rtc at the beginning": (alone(lambda: Rtc(datetime.min)), 300),
    "keyboard": (keyboard_in_use, 1500),
    "mouse": (mouse_in_use, 1500),
    "keyboard without gap": (keyboard_without_gap, 6000),
    "uart": (uart_in_use, 300),
    "dma": (alone(lambda: Dma8237(Memory())), 100),
    "vga": (alone(Vga), 50),
    "printer": (alone(lambda: Printer(output=len, limit=100)), 120),
    "post": (alone(PostPort), 20),
    "system": (alone(lambda: SystemControlA(bool, int)), 20),
    "debug": (alone(lambda: DebugConsole(limit=100)), 50),
    "exit": (alone(DebugExit), 20),
    "doorbell": (alone(DoorbellDevice), 50),
    # Up to 256 sectors in one command; the disk takes them one by one.
    "ata": (ata_in_use, 256 * 30),
    # Up to 255 sectors in one command, moved by the DMA controller in pieces.
    "floppy": (floppy_in_use, 255 * 250),
}
#: How many timers may come while the guest does nothing, however long that is.
TIMERS_IN_A_JUMP = 60


class Lines:
    """Counts the lines of ours that are executed: a loop counts, whatever it calls."""

    def __init__(self, most):
        self.most = most
        self.count = 0

    def trace(self, frame, event, arg):
        if not frame.f_code.co_filename.startswith(HERE):
            return None
        if event == "line":
            self.count += 1
            assert self.count <= self.most, f"{self.most} lines and no end"
        return self.trace

    def __enter__(self):
        self.count = 0
        self.old = sys.gettrace()
        sys.settrace(self.trace)

    def __exit__(self, *_):
        sys.settrace(self.old)


def programs(device):
    """Reads, writes and time; all that a bus can ask of the device."""
    accesses = [
        (offset + i, size)
        for offset, length in device.ranges
        for i in range(length)
        for size in (1, 2, 4)
        if size <= device.max_size
    ]
    access = st.sampled_from(accesses)
    values = st.sampled_from((0, 1, 0x55, 0xFF)) | st.integers(0, 0xFF)
    write = st.tuples(access, values, values).map(
        lambda t: ("write", t[0], t[1] if t[0][1] == 1 else (t[1] | t[2] << 8 * (t[0][1] - 1)))
    )
    read = access.map(lambda a: ("read", a, 0))
    return st.lists(
        st.one_of(write, write, write, read, JUMPS.map(lambda ns: ("pass", (0, 0), ns))),
        max_size=60,
    )


@pytest.mark.parametrize("name", DEVICES)
@given(data=st.data())
@settings(max_examples=60)
def test_any_program_of_a_device(attach_alone, name, data):
    make, most = DEVICES[name]
    device, use = make()
    device, time = attach_alone(device)
    if name == "floppy":
        device.pio_write(2, 1, 0x1C)  # out of reset
    use()
    lines = Lines(most)
    timers = 0
    called = time.advance

    for what, (offset, size), value in data.draw(programs(device)):
        if what == "pass":
            end = time.time + value
            timers = 0
            while time.waiting and time._deadline <= end:
                timers += 1
                assert timers <= TIMERS_IN_A_JUMP, "timers without end"
                with lines:
                    called(max(0, time._deadline - time.time))
            time.time = end
        elif what == "read":
            with lines:
                got = device.pio_read(offset, size)
            assert 0 <= got < 1 << 8 * size
        else:
            with lines:
                device.pio_write(offset, size, value)


@pytest.mark.parametrize("name", DEVICES)
def test_nothing_goes_on_for_ever_in_a_device_that_nobody_serves(attach_alone, name):
    """Thirty years pass while the guest reads nothing: after a while no timer is left."""
    make, _ = DEVICES[name]
    device, use = make()
    device, time = attach_alone(device)
    use()
    timers = 0

    while time.waiting:
        timers += 1
        assert timers <= TIMERS_IN_A_JUMP
        time.advance(time._deadline - time.time)


def size(device):
    """How much a device remembers, in items."""
    return sum(len(value) for value in vars(device).values() if isinstance(value, Sized))


@pytest.mark.parametrize("name", DEVICES)
def test_a_long_program_makes_nothing_grow(attach_alone, name):
    make, _ = DEVICES[name]
    device, _ = make()
    device, time = attach_alone(device)
    accesses = [offset + i for offset, length in device.ranges for i in range(length)]
    random = Random(name)
    before = size(device)

    for _ in range(5000):
        device.pio_write(
            random.choice(accesses), 1, random.choice((0, 0xFF, random.randrange(256)))
        )
        if random.random() < 0.01:
            time.advance(random.randrange(SECOND))

    assert size(device) < before + 400  # the POST port keeps 256 codes
    assert len(device.clock._waiting) < 8


def keys_read(keyboard, time, ns):
    """What a handler of IRQ 1 reads in this time."""
    codes = []
    end = time.time + ns
    while time.time < end:
        if keyboard.pio_read(4, 1) & 1:
            codes.append(keyboard.pio_read(0, 1))
        time.advance(500_000)
    return codes


def test_a_held_key_rests_while_the_buffer_is_full_and_goes_on_when_the_guest_reads(attach_alone):
    keyboard, time = attach_alone(Keyboard8042())
    keyboard.key("a", True)

    time.advance(3600 * SECOND)

    assert not time.waiting  # nobody reads: nothing more can come
    assert keys_read(keyboard, time, SECOND // 10)[:15] == [0x1E] * 15
    assert len(keys_read(keyboard, time, 2 * SECOND)) > 15
    keyboard.key("a", False)
    assert keys_read(keyboard, time, SECOND)[-1] == 0x9E
    assert keys_read(keyboard, time, 2 * SECOND) == []
    assert not time.waiting


def test_a_held_key_that_rested_stops_with_its_release(attach_alone):
    keyboard, time = attach_alone(Keyboard8042())
    keyboard.key_gap = 0
    keyboard.key("a", True)
    time.advance(60 * SECOND)
    keyboard.key("a", False)

    keys_read(keyboard, time, SECOND)

    assert keys_read(keyboard, time, 10 * SECOND) == []
    assert not time.waiting


def test_long_text_without_gap_moves_in_bursts(attach_alone):
    keyboard, time = attach_alone(Keyboard8042())
    keyboard.key_gap = 0

    keyboard.type("x" * 1000)

    assert len(keyboard.queue) == 2 * 1000 - BURST
    time.advance(SECOND)
    assert not keyboard.queue
    assert not time.waiting


@given(
    program=st.lists(
        st.tuples(
            st.sampled_from(("read", "write", "run")),
            st.sampled_from(
                [
                    p
                    for a, n in (
                        (0, 16),
                        (0x60, 5),
                        (0x70, 2),
                        (0x80, 16),
                        (0x92, 1),
                        (0xE9, 1),
                        (0x3C0, 27),
                        (0x3F0, 16),
                    )
                    for p in range(a, a + n)
                ]
            ),
            st.sampled_from((1, 2, 4)),
            st.integers(0, 0xFFFFFFFF),
        ),
        max_size=40,
    )
)
@settings(max_examples=40)
def test_any_program_of_a_whole_machine(program):
    with pyx86emu.Machine(bytes.fromhex("fbf4ebfd"), memory=0x10000) as m:
        m.boot()
        m.keyboard.type("hello")
        m.uart.receive(b"hello")
        for what, port, size, value in program:
            if what == "read":
                assert 0 <= m.pio.read(port, size) < 1 << 8 * size
            elif what == "write":
                m.pio.write(port, size, value & (1 << 8 * size) - 1)
            else:
                m.run(timeout=(value % 50) / 1000, max_instructions=20_000)
        repr(m)
        assert m.screen.png().startswith(b"\x89PNG")
