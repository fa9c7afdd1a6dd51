"""Block ports: the core moves a block, and the guest and the device see what they see without."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pyx86emu import BusError, ExitReason, PioDevice, Vm
from pyx86emu._core import BlockPort
from tests import on_kvm

MakeVm = Callable[..., Vm]

PORT = 0x1F0
#: mov dx,1F0h; mov di,2000h; mov si,di; cld
HEAD = "baf001 bf0020 89fe fc"


class Blocks(PioDevice):
    """Gives or takes blocks at offset 0, and counts the calls. Offset 1: how many have ended."""

    length = 4

    def __init__(self, block: bytes, *, writing: bool = False, in_core: bool = True) -> None:
        self.block, self.writing = block, writing
        self.port = BlockPort()
        if in_core:
            self.block_port = (0, self.port)
        self.calls = self.ended = 0
        self.taken: list[bytes] = []

    def reset(self) -> None:
        self.again()

    def again(self) -> None:
        (self.port.want if self.writing else self.port.load)(self.block)

    def pio_read(self, offset: int, size: int) -> int:
        self.calls += 1
        if offset:
            return self.ended
        value = self.port.take(size)
        self.end()
        return value

    def pio_write(self, offset: int, size: int, value: int) -> None:
        self.calls += 1
        if not offset and self.port.put(size, value):
            self.end()

    def end(self) -> None:
        if not self.port.left and self.ended < 3:
            self.ended += 1
            self.taken.append(self.port.data)
            self.again()


def run(vm: Vm, code: str, device: Blocks, **attach: bool) -> bytes:
    """Run the code until it halts; what is at 2000h afterwards."""
    memory = vm.add_memory(0, 0x4000)
    program = bytes.fromhex(HEAD + code + "f4")
    memory[0x100 : 0x100 + len(program)] = program
    memory[0x2000:0x2400] = bytes(range(256)) * 4
    vm.pio.attach(device, PORT, **attach)
    vcpu = vm.create_vcpu() if vm.accel == "kvm" else vm.create_vcpu("80386")
    vcpu.regs.cs = vcpu.regs.ds = vcpu.regs.es = 0
    vcpu.regs.ip, vcpu.regs.ss, vcpu.regs.sp = 0x100, 0, 0x1000
    while (exit := vcpu.run()).reason is ExitReason.IO:
        assert vm.pio.dispatch(exit)
    assert exit.reason is ExitReason.HLT
    return bytes(memory[0x2000:0x2400])


DATA = bytes(i * 7 & 0xFF for i in range(512))
READS = {
    "rep insw": "b90001 f36d",
    "in ax; stosw; loop": "b90001 ed ab e2fc",
    "rep insd": "b98000 66f36d",
    "rep insb": "b90002 f36c",
}
WRITES = {
    "rep outsw": "b90001 f36f",
    "lodsw; out ax; loop": "b90001 ad ef e2fc",
    "rep outsd": "b98000 66f36f",
    "rep outsb": "b90002 f36e",
}


@pytest.mark.parametrize("accel", ["interp", "kvm"])
@pytest.mark.parametrize("name", READS)
def test_a_block_is_read_with_one_call(vm: MakeVm, accel: str, name: str) -> None:
    on_kvm.need(accel)
    device = Blocks(DATA)

    assert run(vm(accel), READS[name], device)[:512] == DATA

    assert device.calls == (512 if name.endswith("b") else 1)
    assert device.ended == 1


@pytest.mark.parametrize("accel", ["interp", "kvm"])
@pytest.mark.parametrize("name", WRITES)
def test_a_block_is_written_with_one_call(vm: MakeVm, accel: str, name: str) -> None:
    on_kvm.need(accel)
    device = Blocks(bytes(512), writing=True)

    run(vm(accel), WRITES[name], device)

    assert device.taken == [bytes(range(256)) * 2]
    assert device.calls == (512 if name.endswith("b") else 1)


@pytest.mark.parametrize("pull", [False, True])
@given(
    writing=st.booleans(),
    length=st.integers(1, 40),
    steps=st.lists(st.sampled_from(["ec", "ed", "66ed", "ee", "ef", "66ef"]), max_size=60),
)
@settings(max_examples=40)
def test_the_core_does_what_the_device_alone_does(
    pull: bool, writing: bool, length: int, steps: list[str]
) -> None:
    """Reads and writes of 1, 2 and 4 bytes in any order, of blocks of any length."""
    seen = []

    for in_core in (True, False):
        device = Blocks(DATA[:length], writing=writing, in_core=in_core)
        # after each step: add what was read to BX, with a rotation
        code = "31db" + "".join(step + "01c3 d1c3" for step in steps) + "891e0020"
        with Vm() as vm:
            memory = run(vm, code, device, pull=pull)
        seen.append((memory, device.ended, device.taken, device.port.data, device.port.at))

    assert seen[0] == seen[1]


def test_what_is_loaded_into_a_port_is_checked() -> None:
    port = BlockPort()

    with pytest.raises(ValueError, match="a block of 8193 bytes: at most 8192"):
        port.load(bytes(8193))
    with pytest.raises(ValueError, match="at"):
        port.want(b"1234", 5)
    with pytest.raises(TypeError):
        port.load("text")  # type: ignore[arg-type]
    assert (port.take(2), port.put(2, 1), port.left, port.data) == (0xFFFF, False, 0, b"")
    port.load(bytes(8192), 8192)
    assert (port.take(4), port.left) == (0xFFFFFFFF, 0)


def test_a_block_port_belongs_to_the_range_that_holds_its_offset(vm: MakeVm) -> None:
    class Two(Blocks):
        @property
        def ranges(self) -> tuple[tuple[int, int], ...]:
            return ((4, 4), (0, 4))

    device = Two(DATA)

    assert run(vm(), READS["rep insw"], device)[:512] == DATA
    assert device.calls == 1


@pytest.mark.parametrize("wrong", [(0, object()), (-1, BlockPort()), ("0", BlockPort())])
def test_a_block_port_that_is_none_is_refused(vm: MakeVm, wrong: object) -> None:
    device = Blocks(DATA)
    device.block_port = wrong  # type: ignore[assignment]

    with pytest.raises((TypeError, ValueError, BusError)):
        vm().pio.attach(device, PORT)
