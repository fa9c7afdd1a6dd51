"""The state of each device: given to another one, both go on alike. The Rtc has its own file."""

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pyx86emu.clock import Clock
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
    SystemControlA,
    Uart16550A,
    Vga,
)
from pyx86emu.state import Stateful

from .conftest import GuestTime, Line, connect

MS = 1_000_000


class Memory:
    """RAM for the DMA controller."""

    def __init__(self):
        self.data = bytearray(range(256)) * 4096

    def read(self, addr, size):
        return bytes(self.data[addr : addr + size]).ljust(size, b"\xff")

    def write(self, addr, data):
        self.data[addr : addr + len(data)] = data


class Small:
    """A disk of 2,880 sectors."""

    count = 2880
    geometry = (80, 2, 18)
    readonly = False

    def __init__(self):
        self.data = bytearray(i * 7 & 0xFF for i in range(self.count * 4)) * 128

    def read(self, lba, n=1):
        assert lba >= 0 and lba + n <= self.count
        return bytes(self.data[lba * 512 : (lba + n) * 512])

    def write(self, lba, data):
        assert lba >= 0 and lba * 512 + len(data) <= len(self.data)
        self.data[lba * 512 : lba * 512 + len(data)] = data

    def flush(self):
        pass


class Bench:
    """A device alone, with its own time, line, and what it gave to the outside."""

    def __init__(self, kind):
        self.time = GuestTime()
        self.clock = Clock(self.time)
        self.out = []
        self.disks = [Small(), Small()]
        self.memory = Memory()
        self.others = []
        self.device = DEVICES[kind][0](self)
        connect(self.device, self.clock)
        self.device.lines = []
        self.device.irq = lambda level: self.out.append(("irq", level))

    def do(self, step):
        """One step of a program; what the guest reads."""
        what, offset, value = step
        device = self.device
        if what == "time":
            self.time.advance(value)
            return None
        if what == "read":
            return device.pio_read(offset, 1)
        if what == "write":
            return device.pio_write(offset, 1, value & 0xFF)
        return what(device, value)

    def same_world(self, other):
        """Have the same time, disks and memory as another bench."""
        self.time.advance(other.time.time - self.time.time)
        self.memory.data[:] = other.memory.data
        for mine, its in zip(self.disks, other.disks, strict=True):
            mine.data[:] = its.data


def uart_host(uart, value):
    if value % 3 == 0:
        uart.receive(bytes([value & 0xFF] * (value % 40)))
    elif value % 3 == 1:
        uart.receive_break()
    else:
        uart.set_modem(cts=bool(value & 4), ri=bool(value & 8))


def keyboard_host(keyboard, value):
    rng = random.Random(value)
    keyboard.typematic = bool(value & 64)
    if value % 4 == 0:
        keyboard.type(rng.choice(["ab", "A{f1}", "{pause}{print}", "x" * 9]))
    elif value % 4 == 1:
        keyboard.key(rng.choice(["a", "shift", "rctrl", "up"]), bool(value & 16))
    elif value % 4 == 2:
        keyboard.mouse.move(rng.randrange(-300, 300), rng.randrange(-9, 9), value & 7, value & 1)
    else:
        keyboard.key_gap = rng.choice([0, 20 * MS])


def floppy_host(floppy, value):
    """Whole commands, since random bytes seldom are one."""
    rng = random.Random(value)
    floppy.pio_write(2, 1, rng.choice([0x0C, 0x1C, 0x1D, 0x04]))
    command = rng.choice(
        [
            (0x03, 0xDF, 0x02 | value & 1),
            (0x0F, value & 3, rng.randrange(4)),
            (0x07, 0),
            (0x08,),
            (0x66, 0, 0, 0, 1, 2, 3, 0x1B, 0xFF),
            (0x45, 0, 0, 0, 1, 2, 2, 0x1B, 0xFF),
            (0x4D, 0, 2, 3, 0x1B, 0xF6),
            (0x4A, 0),
            (0x13, 0, 0x57, 0),
            (0x16, 0, 0, 0, 1, 2, 4, 0x1B, 0xFF),
        ]
    )
    for byte in command[: rng.choice([len(command), len(command), 2])]:
        floppy.pio_write(5, 1, byte)
    dma = floppy.dma
    for port, byte in (
        (0x0B, 0x46 if value & 2 else 0x4A),
        (4, 0),
        (4, 2),
        (5, 255),
        (5, 3),
        (10, 2),
    ):
        dma.pio_write(port, 1, byte)


def floppy_disk(floppy, value):
    unit = value & 1
    if value & 2:
        floppy.eject(unit)
    else:
        floppy.insert(unit, floppy.spare[unit])


def ata_host(ata, value):
    rng = random.Random(value)
    for offset, byte in (6, rng.choice([0xE0, 0xA0, 0xF0])), (2, rng.randrange(4)), (3, 1), (4, 0):
        ata.pio_write(offset, 1, byte)
    ata.pio_write(5, 1, 0)
    if value & 1:
        ata.pio_write(2, 1, 4)
        ata.pio_write(7, 1, 0xC6)
    ata.pio_write(7, 1, rng.choice([0x20, 0x30, 0xC4, 0xC5, 0xEC, 0x40, 0x91, 0xEF, 0xE6, 0x90]))
    for i in range(rng.choice([1, 255, 256, 300])):
        if value & 4:
            ata.pio_write(0, 2, i)
        else:
            ata.pio_read(0, 2)


def make_floppy(bench):
    dma = connect(Dma8237(bench.memory), bench.clock)
    bench.others = [dma]
    floppy = FloppyController(dma)
    floppy.spare = bench.disks
    floppy.insert(0, bench.disks[0])
    return floppy


def make_keyboard(bench):
    return Keyboard8042(irq12=lambda level: bench.out.append(("aux", level)))


def make_uart(bench):
    return Uart16550A(bench.out.append)


#: How it is made, its offsets, what the host does.
DEVICES = {
    "ata": (lambda bench: AtaChannel(bench.disks), [*range(8), 0x206], [ata_host]),
    "debugcon": (lambda bench: DebugConsole(bench.out.append), [0], []),
    "debug-exit": (lambda bench: DebugExit(bench.out.append), [0, 1], []),
    "dma": (lambda bench: Dma8237(bench.memory), [*range(16), *range(0x81, 0x90)], []),
    "doorbell": (lambda bench: DoorbellDevice(), [0, 1], []),
    "floppy": (make_floppy, [2, 3, 4, 5, 7], [floppy_host, floppy_host, floppy_disk]),
    "keyboard": (make_keyboard, [0, 4], [keyboard_host]),
    "post": (lambda bench: PostPort(on_code=bench.out.append), [0], []),
    "printer": (lambda bench: Printer(bench.out.append), [0, 1, 2], []),
    "system": (lambda bench: SystemControlA(bench.out.append), [0], []),
    "uart": (make_uart, list(range(8)), [uart_host]),
    "vga": (lambda bench: Vga(), [0x10, 0x14, 0x15, 0x19, 0x24, 0x25, 0x2A], []),
}
TIMES = st.sampled_from([1, 1000, 86_000, MS, 20 * MS, 600 * MS])
#: Commands of the 8042, of the keyboard and of the mouse, and any byte.
BYTES = st.one_of(
    st.integers(0, 255), st.sampled_from([0xD4, 0xF4, 0xF3, 0xEB, 0x60, 0xF0, 3, 0x47, 0xAA])
)


def programs(kind):
    _, offsets, hosts = DEVICES[kind]
    steps = [
        st.tuples(st.just("read"), st.sampled_from(offsets), st.just(0)),
        st.tuples(st.just("write"), st.sampled_from(offsets), BYTES),
        st.tuples(st.just("time"), st.just(0), TIMES),
        *[st.tuples(st.just(host), st.just(0), st.integers(0, 1 << 16)) for host in hosts],
    ]
    return st.lists(st.one_of(steps), max_size=25)


@pytest.mark.parametrize("kind", DEVICES)
@settings(max_examples=30)
@given(data=st.data())
def test_another_device_goes_on_as_this_one(kind, data):
    one, fresh, used = Bench(kind), Bench(kind), Bench(kind)
    for step in data.draw(programs(kind)):
        one.do(step)
    for step in data.draw(programs(kind)):
        used.do(step)
    if used.time.time > one.time.time:
        one.time.advance(used.time.time - one.time.time)
    part: Stateful = one.device
    state, others = part.state(), [each.state() for each in one.others]
    timers = one.clock.timers
    one.out.clear()
    after = data.draw(programs(kind))
    told = []

    for bench in (fresh, used):
        bench.same_world(one)
        if kind == "floppy":
            for unit, drive in enumerate(one.device.drives):
                bench.device.drives[unit].disk = bench.disks[unit] if drive.disk else None
        with bench.clock.in_order(timers):
            for device, its in zip(bench.others, others, strict=True):
                device.load(its)
            bench.device.load(state)
        assert bench.device.state() == state
        bench.out.clear()
    for bench in (one, fresh, used):
        told.append([*map(bench.do, after), bench.out, bench.clock.timers, bench.device.state()])

    assert told[0] == told[1] == told[2]
    assert one.memory.data == fresh.memory.data == used.memory.data
    assert (
        [d.data for d in one.disks] == [d.data for d in fresh.disks] == [d.data for d in used.disks]
    )


@pytest.mark.parametrize("kind", DEVICES)
@settings(max_examples=25)
@given(data=st.data())
def test_the_cheap_look_sees_each_change(kind, data):
    """A device that looks the same has the same state."""
    bench = Bench(kind)
    for step in data.draw(programs(kind)):
        bench.do(step)
    device = bench.device
    if not hasattr(device, "parts"):
        return
    before, looks = device.state(), [fields.look(part) for part, fields in device.parts]

    for step in data.draw(programs(kind)):
        bench.do(step)

    same = all(look.same(timers=False) for look in looks)
    now = device.state()
    if same:
        assert {**now, "log": 0} == {**before, "log": 0}


def plain(value):
    """Is it a plain value, all of it?"""
    if isinstance(value, (tuple, list)):
        return all(map(plain, value))
    if type(value) is dict:
        return all(type(key) is str and plain(each) for key, each in value.items())
    return value is None or type(value) in (bool, int, str, bytes)


@pytest.mark.parametrize("kind", DEVICES)
@settings(max_examples=25)
@given(data=st.data())
def test_what_is_no_state_is_refused_and_nothing_changes(kind, data):
    bench = Bench(kind)
    for step in data.draw(programs(kind)):
        bench.do(step)
    device = bench.device
    before = device.state()
    name = data.draw(st.sampled_from(sorted(before)))
    bad = data.draw(
        st.one_of(
            st.just("missing"),
            st.sampled_from([{}, (), b"x" * 70_000, 1 << 70, -(1 << 70), 1.5, "no", object()]),
        )
    )
    rest = {key: value for key, value in before.items() if key != name}
    given_state = rest if bad == "missing" else {**rest, name: bad}

    try:
        device.load(given_state)
    except (ValueError, TypeError) as error:
        assert isinstance(error, ValueError) or kind == "vga"
        assert device.state() == before
    else:
        assert plain(bad)
        now = device.state()
        assert now[name] == bad or name in ("queue", "history")


@pytest.mark.parametrize("kind", DEVICES)
def test_a_state_is_made_of_plain_values(kind):
    state = Bench(kind).device.state()

    assert plain(state)
    assert None not in state.values() or kind != "dma"


def test_a_fifo_phase_without_its_command_is_refused():
    floppy = Bench("floppy").device
    state = floppy.state()

    with pytest.raises(ValueError, match="phase of a state"):
        floppy.load({**state, "phase": 3})

    assert floppy.pio_read(4, 1) == 0


def test_a_write_outside_the_disk_is_refused():
    ata = Bench("ata").device
    state = ata.state()
    drive = {**state["drives"][0], "moved": "written", "next": 2880}
    block = {"data": bytes(512), "at": 510, "writing": True}

    with pytest.raises(ValueError, match="outside the disk"):
        ata.load({**state, "block": block, "drives": (drive, state["drives"][1])})

    assert ata.state() == state


def test_a_timer_of_a_device_without_a_clock_is_refused():
    """Nothing has changed then."""
    bench = Bench("uart")
    bench.device.receive(b"abc")
    alone = Uart16550A()
    before = alone.state()

    with pytest.raises(RuntimeError, match="not attached"):
        alone.load({**bench.device.state(), "next_byte": ("uart.byte", 5)})

    assert alone.state() == before


def test_a_line_is_driven_to_its_level():
    bench = Bench("uart")
    for offset, value in (4, 8), (1, 2):
        bench.device.pio_write(offset, 1, value)
    other = connect(Uart16550A(), Clock(GuestTime()))
    assert isinstance(other.irq, Line)

    other.load(bench.device.state())

    assert other.irq.level
