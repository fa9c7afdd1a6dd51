"""Forwarded ranges: which accesses go over the socket, how they look there, what wins over them."""

from __future__ import annotations

import os
import socket
from typing import Any

import pytest

from pyx86emu import BusError, ExitReason, Machine, PioDevice, Vm
from pyx86emu.forward import wire
from tests import on_kvm
from tests.harness import descriptors
from tests.io.forwarded import ACCELS, guest, pair, peer, received, silent

both = pytest.mark.parametrize("accel", ACCELS)


def brief(commands: list[wire.Command]) -> list[tuple[Any, ...]]:
    """Direction, size, offset and data of each."""
    return [("w" if c.write else "r", c.size, c.offset, c.data) for c in commands]


# -- what is sent ----------------------------------------------------------------------------------


def test_an_access_is_32_bytes_as_ioregionfd_has_them() -> None:
    with pair() as (here, there), Vm() as vm:
        vm.pio.forward(0x300, 16, here, posted=True, user_data=0x1122334455667788)

        vm.pio.write(0x302, 2, 0xABCD)

        assert there.recv(100) == bytes.fromhex(
            "01 01 000000000000 8877665544332211 0200000000000000 cdab000000000000"
        )


def test_a_write_that_is_waited_for_and_a_read_ask_for_a_response() -> None:
    with pair() as (here, there), Vm() as vm:
        vm.pio.forward(0x300, 16, here)
        with peer(there, lambda c: wire.response(0 if c.write else 0x5A)) as seen:
            vm.pio.write(0x300, 1, 0x11)
            value = vm.pio.read(0x301, 1)

    assert value == 0x5A
    assert seen == [
        wire.Command(True, 1, True, 0, 0, 0x11),
        wire.Command(False, 1, True, 0, 1, 0),
    ]


def written(accel: str, code: str, count: int) -> list[tuple[Any, ...]]:
    """What a guest's posted writes send, from ports 80h to 87h and addresses D0000h to D1FFFh."""
    on_kvm.need(accel)
    with pair() as (here, there), Vm(accel) as vm:
        vm.pio.forward(0x80, 8, here, posted=True)
        vm.mmio.forward(0xD0000, 0x2000, here, posted=True)

        assert guest(vm, code).run().reason is ExitReason.HLT

        sent = brief(received(there, count))
        assert silent(there)
    return sent


@both
def test_ports_of_every_width_arrive_whole(accel: str) -> None:
    code = "b83412 e680 e781 66b878563412 66e783 f4"  # out 80h,al; out 81h,ax; out 83h,eax

    assert written(accel, code, 3) == [
        ("w", 1, 0, 0x34),
        ("w", 2, 1, 0x1234),
        ("w", 4, 3, 0x12345678),
    ]


@both
def test_what_the_peer_says_is_what_the_guest_reads(accel: str) -> None:
    on_kvm.need(accel)
    code = "66e580 6689c3 e582 89c1 e483 f4"  # in eax,80h; mov ebx,eax; in ax,82h; cx; in al,83h
    answers = {4: 0x89ABCDEF, 2: 0x4321, 1: 0x65}
    with pair() as (here, there), Vm(accel) as vm:
        vm.pio.forward(0x80, 4, here)
        vcpu = guest(vm, code)
        with peer(there, lambda c: wire.response(answers[c.size])):
            assert vcpu.run().reason is ExitReason.HLT

        regs = vcpu.regs
        assert (regs.ebx, regs.cx, regs.ax) == (0x89ABCDEF, 0x4321, 0x4365)


@both
def test_a_store_that_crosses_a_page_is_sent_in_sizes_that_the_format_has(accel: str) -> None:
    code = "66b878563412 66a3fd0f f4"  # mov [0ffdh],eax: 3 bytes, then 1

    assert written(accel, code, 3) == [
        ("w", 2, 0xFFD, 0x5678),
        ("w", 1, 0xFFF, 0x34),
        ("w", 1, 0x1000, 0x12),
    ]


@pytest.mark.parametrize("size", [1, 2, 3, 4, 5, 6, 7, 8])
def test_every_size_is_read_and_written(size: int) -> None:
    memory = bytearray(range(0x10, 0x20))

    def answer(c: wire.Command) -> bytes:
        if c.write:
            memory[c.offset : c.offset + c.size] = c.data.to_bytes(c.size, "little")
            return wire.response(0)
        return wire.response(int.from_bytes(memory[c.offset : c.offset + c.size], "little"))

    with pair() as (here, there), Vm() as vm:
        vm.mmio.forward(0xE0000, 16, here)
        with peer(there, answer):
            expected = int.from_bytes(memory[3 : 3 + size], "little")
            assert vm.mmio.read(0xE0003, size) == expected
            vm.mmio.write(0xE0005, size, (1 << 8 * size) - 2)

    assert memory[5 : 5 + size] == b"\xfe" + b"\xff" * (size - 1)


def test_elements_of_strings_come_one_by_one() -> None:
    code = "ba8000 b90300 be0002 1e 31c0 8ed8 f36e 1f 31c0 8ec0 bf0003 b90200 f36d f4"
    with pair() as (here, there), Vm() as vm:
        vm.pio.forward(0x80, 4, here)
        vcpu = guest(vm, code)
        vm.write(0x200, b"abc")
        numbers = iter(range(0x100, 0x200))
        with peer(there, lambda c: wire.response(0 if c.write else next(numbers))) as seen:
            assert vcpu.run().reason is ExitReason.HLT

        assert brief(seen) == [("w", 1, 0, ord(c)) for c in "abc"] + [("r", 2, 0, 0)] * 2
        assert vm.read(0x300, 4) == bytes.fromhex("0001 0101")


def test_an_instruction_that_reads_and_writes_does_both_once() -> None:
    with pair() as (here, there), Vm() as vm:
        vm.mmio.forward(0xD0000, 16, here)
        vcpu = guest(vm, "ff060400 f4")  # inc word [4]
        with peer(there, lambda c: wire.response(0 if c.write else 7)) as seen:
            assert vcpu.run().reason is ExitReason.HLT

    assert brief(seen) == [("r", 2, 4, 0), ("w", 2, 4, 8)]


# -- who wins --------------------------------------------------------------------------------------


@both
def test_an_ioeventfd_wins_over_a_forwarded_range(accel: str) -> None:
    on_kvm.need(accel)
    code = "b055 e680 b056 e680 e780 f4"  # out 80h,55h; out 80h,56h; out 80h,ax
    with pair() as (here, there), Vm(accel) as vm:
        vm.pio.forward(0x80, 4, here, posted=True)
        bell = vm.ioeventfd(0x80, 1, datamatch=0x55)

        assert guest(vm, code).run().reason is ExitReason.HLT

        assert bell.read() == 1
        sent = received(there, 2)
        assert [(c.size, c.data & 0xFF) for c in sent] == [(1, 0x56), (2, 0x56)]
        assert silent(there)


def test_memory_wins_and_a_zone_does_not() -> None:
    with pair() as (here, there), Vm() as vm:
        vm.add_memory(0xD0000, 0x1000)
        vm.mmio.forward(0xD0000, 0x2000, here, posted=True)
        vm.coalesce(0xD1000, 0x1000)
        vcpu = guest(vm, "b055 a20000 a20010 f4")  # mov [0],al: memory; mov [1000h],al

        assert vcpu.run().reason is ExitReason.HLT

        assert brief(received(there)) == [("w", 1, 0x1000, 0x55)]
        assert silent(there) and not vm.coalesced.drain()


@both
def test_an_access_that_lies_only_partly_in_the_range_exits(accel: str) -> None:
    on_kvm.need(accel)
    with pair() as (here, there), Vm(accel) as vm:
        vm.pio.forward(0x80, 4, here, posted=True)
        vcpu = guest(vm, "e783 f4")  # out 83h,ax

        exit = vcpu.run()

        assert (exit.reason, exit.port, exit.size) == (ExitReason.IO, 0x83, 2)
        assert silent(there)


def test_a_machine_serves_such_an_access_byte_by_byte() -> None:
    with pair() as (here, there), Machine(bytes.fromhex("baff02 b83412 ef faf4")) as m:
        m.pio.forward(0x300, 4, here, posted=True)

        m.run(timeout=5)

        assert brief(received(there)) == [("w", 1, 0, 0x12)]


def test_ranges_do_not_overlap_and_both_owners_are_named() -> None:
    class Mouse(PioDevice):
        length = 8

    with pair() as (here, _), Vm() as vm:
        vm.pio.attach(Mouse(), 0x300)

        with pytest.raises(BusError, match=r"0x307-0x308 of 'bell' overlaps 'mouse'"):
            vm.pio.forward(0x307, 2, here, name="bell")
        vm.pio.forward(0x310, 2, here, name="bell")
        with pytest.raises(BusError, match=r"of 'mouse' overlaps 'bell' \(0x310-0x311\)"):
            vm.pio.attach(Mouse(), 0x30A)
        with pytest.raises(BusError, match="outside the pio bus"):
            vm.pio.forward(0xFFFF, 2, here)


def test_after_detach_accesses_exit_again_and_the_peer_sees_the_end() -> None:
    with pair() as (here, there), Vm() as vm:
        first = vm.pio.forward(0x80, 1, here, posted=True)
        second = vm.pio.forward(0x81, 1, here, posted=True)
        here.close()
        vcpu = guest(vm, "e680 e681 f4")

        first.detach()
        assert vcpu.run().port == 0x80
        assert vcpu.run().reason is ExitReason.HLT
        assert brief(received(there)) == [("w", 1, 0, 0)]
        second.detach()
        del first, second

        assert there.recv(1) == b""


def test_nothing_keeps_a_descriptor_of_a_closed_vm() -> None:
    with pair() as (here, _):
        before = descriptors()
        for _ in range(3):
            with Vm() as vm:
                vm.pio.forward(0x80, 1, here)
            del vm
        assert descriptors() == before


@pytest.mark.parametrize("blocking", [True, False])
def test_the_flags_of_the_socket_stay(blocking: bool) -> None:
    with pair() as (here, there), Vm() as vm:
        here.setblocking(blocking)
        vm.pio.forward(0x80, 1, here)
        with peer(there):
            vm.pio.read(0x80, 1)

        assert os.get_blocking(here.fileno()) == blocking


# -- many ranges, many Vms -------------------------------------------------------------------------


def test_ranges_on_one_socket_keep_the_order_and_their_cookies() -> None:
    code = "e680 a20000 e682 e480 f4"  # out 80h,al; mov [0],al; out 82h,al; in al,80h
    with pair() as (here, there), Vm() as vm:
        vm.pio.forward(0x80, 1, here, user_data=1, posted=True)
        vm.pio.forward(0x82, 1, here, user_data=2)
        vm.mmio.forward(0xD0000, 4, here, user_data=2**64 - 1, posted=True)
        vcpu = guest(vm, code)
        with peer(there) as seen:
            assert vcpu.run().reason is ExitReason.HLT

    assert [(c.user_data, c.write, c.respond) for c in seen] == [
        (1, True, False),
        (2**64 - 1, True, False),
        (2, True, True),
        (1, False, True),
    ]


def test_two_vms_on_descriptors_of_one_socket_share_it() -> None:
    with pair() as (here, there), here.dup() as again, Vm() as one, Vm() as other:
        one.pio.forward(0x80, 1, here, user_data=1)
        other.pio.forward(0x80, 1, again, user_data=2)
        with peer(there, lambda c: wire.response(0x10 + c.user_data)):
            values = [vm.pio.read(0x80, 1) for vm in (one, other, one)]

    assert values == [0x11, 0x12, 0x11]


# -- what is refused -------------------------------------------------------------------------------


def test_what_is_no_connected_socket_is_refused() -> None:
    with Vm() as vm, socket.socket(socket.AF_UNIX) as alone:
        with pytest.raises(OSError, match="a socket without a peer"):
            vm.pio.forward(0x80, 1, alone)
        with pytest.raises(TypeError, match="forward to a socket, not to int"):
            vm.pio.forward(0x80, 1, 3)  # type: ignore[arg-type]
        with pytest.raises(OSError, match="socket"), open("/dev/null") as file:
            vm.pio.forward(0x80, 1, file)  # type: ignore[arg-type]
        with pytest.raises(OSError, match="descriptor"):
            alone.close()
            vm.pio.forward(0x80, 1, alone)
        with pair(socket.SOCK_DGRAM) as (here, _), pytest.raises(ValueError, match="SOCK_STREAM"):
            vm.pio.forward(0x80, 1, here)
        assert not vm.pio.attachments


@pytest.mark.parametrize(
    ("arguments", "error", "words"),
    [
        ({"length": 0}, ValueError, "length"),
        ({"length": "1"}, TypeError, "length"),
        ({"user_data": -1}, ValueError, "user_data"),
        ({"user_data": 2**64}, ValueError, "user_data"),
        ({"user_data": 1.0}, TypeError, "user_data"),
        ({"name": 5}, TypeError, "name"),
    ],
)
def test_bad_arguments_name_themselves(
    arguments: dict[str, Any], error: type[Exception], words: str
) -> None:
    with pair() as (here, _), Vm() as vm, pytest.raises(error, match=words):
        vm.pio.forward(**{"addr": 0x80, "length": 1, "sock": here} | arguments)


def test_a_closed_vm_takes_no_range() -> None:
    with pair() as (here, _):
        with Vm() as vm:
            pass
        with pytest.raises(OSError, match="closed"):
            vm.pio.forward(0x80, 1, here)
