"""The table of chips: a port in the core answers every reader and instruction alike."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from pyx86emu import BusError, Exit, ExitReason, PioDevice, Vcpu, Vm
from tests.harness import CODE, Running, program, vcpu

DATA = 0x4000
#: What each port gives after `set_up`.
BYTES = {
    0x20: 0x0C,  # requests: line 3, and the slave
    0x21: 0x5A,
    0x40: 0xD4,  # status: OUT is high, no count yet, and the control word
    0x41: 0xD6,
    0x42: 0xD8,
    0x43: 0xFF,
    0x61: 0x22,
    0xA0: 0x10,  # requests: line 12
    0xA1: 0xC3,
    0x4D0: 0x20,
    0x4D1: 0x40,
}
#: A write to each port that changes what some port gives.
WRITES = {
    0x20: 0x0B,  # reads give what is in service
    0x21: 0x77,
    0x40: 0x12,  # a count
    0x41: 0x34,
    0x42: 0x56,
    0x43: 0x92,  # control word of channel 2
    0x61: 0x01,
    0xA0: 0x0B,
    0xA1: 0x88,
    0x4D0: 0x38,
    0x4D1: 0x0C,
}
with Vm(irqchip=True) as _vm:
    TABLE = [(r.start, r.end - r.start, r.name) for r in _vm._backend.ranges("pio").items]


def set_up(vm: Vm) -> None:
    """Give every port something to say."""
    write = vm.pio.write
    vm.irq_line(3, True)
    vm.irq_line(12, True)
    write(0x21, 1, 0x5A)
    write(0xA1, 1, 0xC3)
    for channel in range(3):
        write(0x43, 1, channel << 6 | 0x14 + 2 * channel)  # modes 2, 3, 4; one byte
    write(0x61, 1, 2)
    write(0x4D0, 2, 0x4020)
    latch(vm)


def latch(vm: Vm) -> None:
    """The next read of each counter gives its status."""
    vm.pio.write(0x43, 1, 0xEE)


def steady(port: int, value: int) -> int:
    """Without bit 4 of port 61h, which follows the time."""
    return value & ~0x10 if port == 0x61 else value


def everything(vm: Vm) -> dict[int, int]:
    """What all ports give, once the counters have taken what was written."""
    first = vm.vcpus[0]
    first.regs.ip = CODE + 0x100
    first.run(100)
    for port in (0x40, 0x41, 0x42):
        vm.pio.read(port, 1)  # what was latched before
    latch(vm)
    return {port: steady(port, vm.pio.read(port, 1)) for port in BYTES}


# -- who asks, and how ----------------------------------------------------------------------------

Perform = Callable[[Vcpu], Exit]


def runs(cpu: Vcpu) -> Exit:
    return cpu.run(10_000)


def steps(cpu: Vcpu) -> Exit:
    while (exit := cpu.step()).reason is ExitReason.DEBUG:
        if cpu.vm.read(cpu.regs.ip, 1) == b"\xf4":
            return cpu.run()
    return exit


#: Name -> clock of the Vm, which vCPU, how it runs.
WHO: dict[str, tuple[str, int, Perform]] = {
    "the only vCPU": ("virtual", 0, runs),
    "single steps": ("virtual", 0, steps),
    "the first of two": ("virtual", 0, runs),
    "the second vCPU": ("virtual", 1, runs),
    "on the host's clock": ("host", 0, runs),
}
EXACT = [who for who in WHO if who != "on the host's clock"]


@contextmanager
def board(who: str) -> Iterator[tuple[Vm, Callable[[str], Exit]]]:
    """A Vm with its chips set up, and a function that lets a vCPU run some code."""
    clock, number, perform = WHO[who]
    with Vm(irqchip=True, clock=clock) as vm:  # type: ignore[arg-type]
        vcpu(vm, "")
        vm.write(CODE + 0x100, b"\x90" * 100 + b"\xf4")
        if "two" in who or "second" in who:
            vm.create_vcpu()
        set_up(vm)

        def run(code: str) -> Exit:
            data = program(code) + b"\xf4"
            vm.write(CODE, data)
            cpu = vm.vcpus[number]
            for name in ("cs", "ds", "es", "ss"):
                setattr(cpu.regs, name, 0)
            cpu.regs.ip, cpu.regs.flags = CODE, 2
            return perform(cpu)

        yield vm, run


def le(value: int, size: int = 2) -> str:
    return value.to_bytes(size, "little").hex()


def reading(port: int) -> dict[str, str]:
    """Name -> code that reads a byte and stores it at DATA."""
    start = f"bf{le(DATA)} ba{le(port)} b90100"  # mov di,DATA; mov dx,port; mov cx,1
    ways = {"in al,dx": "ec aa", "insb": "6c", "rep insb": "f36c"}
    if port < 0x100:
        ways["in al,imm8"] = f"e4{port:02x} aa"
    return {name: f"{start} {code}" for name, code in ways.items()}


def writing(port: int, value: int) -> dict[str, str]:
    """Name -> code that writes a byte."""
    start = f"c606{le(DATA)}{value:02x} be{le(DATA)} ba{le(port)} b90100 b0{value:02x}"
    ways = {"out dx,al": "ee", "outsb": "6e", "rep outsb": "f36e"}
    if port < 0x100:
        ways["out imm8,al"] = f"e6{port:02x}"
    return {name: f"{start} {code}" for name, code in ways.items()}


# -- reads ----------------------------------------------------------------------------------------


def test_the_table_has_these_ports() -> None:
    ports = [port for base, length, _ in TABLE for port in range(base, base + length)]

    assert ports == sorted(BYTES) == sorted(WRITES)
    with Vm() as without:
        assert without._backend.ranges("pio").items == ()


@pytest.mark.parametrize("who", WHO)
def test_a_byte_is_read_alike_by_every_instruction_and_vcpu(who: str) -> None:
    for port, value in BYTES.items():
        for how, code in reading(port).items():
            with board(who) as (vm, run):
                exit = run(code)

                assert exit.reason is ExitReason.HLT, (how, hex(port), exit)
                assert steady(port, vm.read(DATA, 1)[0]) == value, (how, hex(port))


def test_the_host_reads_what_a_guest_reads() -> None:
    for port, value in BYTES.items():
        with board("the only vCPU") as (vm, _):
            assert steady(port, vm.pio.read(port, 1)) == value, hex(port)


def joined(port: int, size: int) -> int:
    """Bytes of several ports as one value; FFh where there is no chip."""
    return sum(BYTES.get(port + i, 0xFF) << 8 * i for i in range(size))


WIDE = {2: "ed ab", 4: "66ed 66ab"}  # in (e)ax,dx; stos


def spans(size: int) -> Iterator[tuple[int, bool]]:
    """Every port where an access touches a chip, and whether it lies wholly in that chip."""
    for base, length, _ in TABLE:
        for port in range(base - size + 1, base + length):
            yield port, base <= port and port + size <= base + length


@pytest.mark.parametrize("size", WIDE)
@pytest.mark.parametrize("who", WHO)
def test_a_wide_read_is_its_bytes_and_exits_where_it_crosses_the_edge_of_a_chip(
    who: str, size: int
) -> None:
    for port, inside in spans(size):
        with board(who) as (vm, run):
            exit = run(f"bf{le(DATA)} ba{le(port)} {WIDE[size]}")

            if inside:
                assert exit.reason is ExitReason.HLT, (hex(port), exit)
                assert int.from_bytes(vm.read(DATA, size), "little") == joined(port, size)
            else:
                assert (exit.reason, exit.port, exit.size) == (ExitReason.IO, port, size)
                # No chip was read: what a read would take is still there.
                assert vm.pio.read(port, size) & ~mask61(port, size) == joined(port, size)


def mask61(port: int, size: int) -> int:
    """Bit 4 of port 61h in a wide value."""
    return 0x10 << 8 * (0x61 - port) if port <= 0x61 < port + size else 0


def test_the_host_reads_bytes_where_an_access_crosses_the_edge_of_a_chip() -> None:
    for size in (2, 3, 4, 8):
        for port, _ in spans(size):
            with board("the only vCPU") as (vm, _):
                value = vm.pio.read(port, size)
                assert value & ~mask61(port, size) == joined(port, size), (hex(port), size)


@pytest.mark.parametrize("who", WHO)
def test_a_rep_ins_reads_a_port_again_and_again(who: str) -> None:
    with board(who) as (vm, run):
        exit = run(f"bf{le(DATA)} ba2100 b90500 f36c ba2000 b90200 f36d")  # insb x5, insw x2

        assert exit.reason is ExitReason.HLT
        assert vm.read(DATA, 9).hex() == "5a5a5a5a5a 0c5a 0c5a".replace(" ", "")


# -- writes ---------------------------------------------------------------------------------------


def after(who: str, code: str | None, host: tuple[int, int, int] | None = None) -> dict[int, int]:
    """What all ports give after some code, or after a write of the host."""
    with board(who) as (vm, run):
        if code is not None:
            exit = run(code)
            assert exit.reason is ExitReason.HLT, (code, exit)
        if host is not None:
            vm.pio.write(*host)
        return everything(vm)


@pytest.mark.parametrize("port", WRITES, ids=hex)
def test_a_byte_is_written_alike_by_every_instruction_and_vcpu(port: int) -> None:
    untouched = after("the only vCPU", None)
    expected = after("the only vCPU", None, (port, 1, WRITES[port]))

    assert expected != untouched, "the write changes something"
    for who in EXACT:
        for how, code in writing(port, WRITES[port]).items():
            assert after(who, code) == expected, (who, how)


@pytest.mark.parametrize("who", EXACT)
def test_a_wide_write_is_its_bytes_and_exits_where_it_crosses_the_edge_of_a_chip(who: str) -> None:
    untouched = after("the only vCPU", None)
    for port, inside in spans(2):
        value = WRITES.get(port, 0xEE) | WRITES.get(port + 1, 0xEE) << 8
        with board(who) as (vm, run):
            exit = run(f"ba{le(port)} b8{le(value)} ef")

            if inside:
                assert exit.reason is ExitReason.HLT, (hex(port), exit)
                assert everything(vm) == after("the only vCPU", None, (port, 2, value)), hex(port)
            else:
                assert (exit.reason, exit.port, exit.size) == (ExitReason.IO, port, 2)
                assert everything(vm) == untouched, hex(port)


# -- who else may be at these ports ---------------------------------------------------------------


class Card(PioDevice):
    """Never called here."""

    length = 1

    def pio_read(self, offset: int, size: int) -> int:
        raise AssertionError

    def pio_write(self, offset: int, size: int, value: int) -> None:
        raise AssertionError


@pytest.mark.parametrize(("base", "length", "name"), TABLE)
def test_a_device_over_a_chip_is_refused_with_the_name_of_the_chip(
    base: int, length: int, name: str
) -> None:
    with Vm(irqchip=True) as vm:
        for port in range(base, base + length):
            with pytest.raises(BusError) as error:
                vm.pio.attach(Card(), port)
            last = f"-{base + length - 1:#x}" if length > 1 else ""
            assert str(error.value) == (
                f"range {port:#x} of 'card' overlaps {name} ({base:#x}{last}): "
                "attach one of them at another port"
            )
        vm.pio.attach(Card(), base - 1)
        vm.pio.attach(Card(), base + length)


@pytest.mark.parametrize("who", EXACT)
def test_an_ioeventfd_at_a_port_of_a_chip_goes_before_the_chip(who: str) -> None:
    untouched = after("the only vCPU", None)
    for port, value in WRITES.items():
        ways = writing(port, value)
        with board(who) as (vm, run):
            bell = vm.ioeventfd(port, 1)
            for code in ways.values():
                assert run(code).reason is ExitReason.HLT

            assert bell.read() == len(ways), hex(port)
            assert everything(vm) == untouched, hex(port)


@pytest.mark.parametrize("who", EXACT)
def test_an_ioeventfd_of_another_length_leaves_the_port_to_the_chip(who: str) -> None:
    byte = after("the only vCPU", None, (0x21, 1, 0x77))
    word = after("the only vCPU", None, (0x20, 2, 0x770B))
    with board(who) as (vm, run):
        bell = vm.ioeventfd(0x21, 2)
        run("b077 e621")  # mov al,77h; out 21h,al

        assert (bell.read(), everything(vm)) == (0, byte)
    with board(who) as (vm, run):
        bell = vm.ioeventfd(0x20, 1)
        run("b80b77 e720")  # mov ax,770bh; out 20h,ax

        assert (bell.read(), everything(vm)) == (0, word)


# -- others come ----------------------------------------------------------------------------------


def test_the_short_way_ends_when_another_thread_drives_a_line() -> None:
    with board("the only vCPU") as (vm, run):
        # mov cx,1000; again: in al,21h; cmp al,5ah; jne wrong; out 0a1h,al; loop again; wrong: hlt
        loops = Running(lambda: [run("b9e803 e421 3c5a 7504 e6a1 e2f6") for _ in range(20)])
        while loops.going:
            vm.irq_line(5, True)
            vm.irq_line(5, False)
        ends = loops.result()

        assert {exit.reason for exit in ends} == {ExitReason.HLT}  # type: ignore[attr-defined]
        assert vm.vcpus[0].regs.cx == 0
        assert vm.pio.read(0xA1, 1) == 0x5A
