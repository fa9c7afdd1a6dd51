"""The VGA in saved states: registers, planes, and a window that is memory or is not."""

from __future__ import annotations

from typing import Any

import pytest

from pyx86emu import State, Vm, _core
from tests.harness import CODE, program

TEXT = "b800b8 8ec0 31ff b92000 b84107 f3ab f4  ; 32 times A in white at B800:0000"
PLANES = "b800a0 8ec0 31ff b92000 b85a5a f3ab f4  ; 64 bytes at A000:0000"


def made(code: str) -> tuple[Vm, _core.VgaCore]:
    vm = Vm()
    raw = program(code)
    vm.add_memory(0, 0x10000)[CODE : CODE + len(raw)] = raw
    vga = vm.create_vga()
    vcpu = vm.create_vcpu()
    vcpu.regs.cs, vcpu.regs.ip = 0, CODE
    return vm, vga


def mode_12h(vga: _core.VgaCore) -> None:
    """All planes at A0000h, as in mode 12h."""
    for port, value in ((0x3C4, 0x0F02), (0x3C4, 0x0604), (0x3CE, 0x0506), (0x3CE, 0x0005)):
        vga.write(port, 2, value)


def plain_text(vm: Vm, vga: _core.VgaCore) -> None:
    """The window is memory."""
    for n in range(70):
        vga.write(0xB8000 + n, 1, n)
    assert vga.mapped


def seen(vm: Vm, vga: _core.VgaCore) -> Any:
    return vga.state(), repr(vm.vcpus[0].regs), vm.vcpus[0].instructions


@pytest.mark.parametrize("mapped", [False, True])
@pytest.mark.parametrize("code", [TEXT, PLANES])
def test_what_the_guest_draws_is_drawn_again(code: str, mapped: bool) -> None:
    vm, vga = made(code)
    with vm:
        if mapped:
            plain_text(vm, vga)
        else:
            mode_12h(vga)
        before = seen(vm, vga)
        state = vm.save()
        for _ in range(3):
            vm.vcpus[0].run(500)
            after = seen(vm, vga)
            vm.restore(state)
            assert seen(vm, vga) == before
            assert vga.mapped is mapped
        other, copy = made("f4")
        with other:
            other.restore(State.from_bytes(state.to_bytes()))
            assert seen(other, copy) == before
            other.vcpus[0].run(500)
            assert seen(other, copy) == after
        with vm.fork() as twin:
            twin.vcpus[0].run(500)
            assert _core.snapshot_values(twin.save().core)["vga"] == after[0]


def test_a_window_that_became_memory_or_planes_since() -> None:
    vm, vga = made(TEXT)
    with vm:
        planes = vm.save(), seen(vm, vga)
        plain_text(vm, vga)
        text = vm.save(), seen(vm, vga)
        mode_12h(vga)
        vga.write(0xA0000, 1, 0xFF)
        graphics = vm.save(), seen(vm, vga)
        for state, wanted in (planes, text, graphics, text, planes, graphics, planes, text):
            vm.restore(state)
            assert seen(vm, vga) == wanted
            vm.write(0x4000, bytes([wanted[0]["misc"]]))
        assert vga.mapped and vm.read(0xB8000, 4) == bytes(range(4))


def test_a_restore_shows() -> None:
    vm, vga = made(TEXT)
    with vm:
        state = vm.save()
        version = vga.version
        vm.restore(state)
        assert vga.version != version


def test_a_slot_in_the_place_of_the_window_keeps_it() -> None:
    vm, vga = made(TEXT)
    with vm:
        plain_text(vm, vga)
        state = State.from_bytes(vm.save().to_bytes())
        direct = vm.save()
    other, copy = made(TEXT)
    with other:
        mode_12h(copy)
        other.add_memory(0xB8000, 0x1000)
        with pytest.raises(ValueError, match="memory slots"):
            other.restore(direct)
    third, last = made(TEXT)
    with third:
        third.restore(direct)
        assert last.mapped and last.state() == _core.snapshot_values(state.core)["vga"]
