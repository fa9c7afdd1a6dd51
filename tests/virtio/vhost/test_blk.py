"""VhostUserBlk in a machine: no exit for a request, back ends that die, lie or say nothing."""

from __future__ import annotations

import socket
import struct
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from pyx86emu import ExitReason, Machine, MachineError, StateError
from pyx86emu.virtio import mmio
from pyx86emu.virtio.numbers import NEEDS_RESET, VERSION_1
from pyx86emu.virtio.vhost.blk import VhostUserBlk
from pyx86emu.virtio.vhost.messages import ProtocolError
from pyx86emu.virtio.vhost.numbers import Request
from pyx86emu.virtio.vhost.serve import serve
from pyx86emu.virtio.vhost.sockets import Listener
from tests.harness import program, wait_until
from tests.virtio.driver import Registers, Ring
from tests.virtio.ring import SECTOR, T_IN, T_OUT
from tests.virtio.vhost.peers import Peer
from tests.virtio.vhost.ramdisk import RamDisk
from tests.virtio.vhost.served import Served

SIZE = 1 << 20
RINGS, HEADER, DATA, STATUS = 0x20000, 0x24000, 0x25000, 0x26000
COUNT, IRQS = 0x7DFC, 0x7DFA
PATIENCE = 20.0

#: Rings the bell [count] times. After each it waits: it looks at the used ring again and again.
POLLING = """
    b80020 8ed8 b800d0 8ec0  ; mov ax,2000h; mov ds,ax; mov ax,0D000h; mov es,ax
    2e8b0efc7d               ; mov cx,cs:[7DFCh]
    ff060210                 ; again: inc word [1002h]: one more is available
    2666c7065000 00000000    ; mov dword es:[50h],0: QueueNotify
    a10210                   ; mov ax,[1002h]
    3b060a12                 ; wait: cmp ax,[120Ah]: the used index
    75fa                     ; jne wait
    e2e7                     ; loop again
    faf4                     ; cli; hlt
"""
#: The same, but it halts until the interrupt of line 10, which it only acknowledges at the 8259s.
WITH_INTERRUPTS = """
    31c0 8ed8 c706c801497c a3ca01   ; vector 72h leads to the handler below, at 0000:7C49
    e4a1 24fb e6a1 e421 24fb e621   ; lines 10 and 2 are open
    b80020 8ed8 b800d0 8ec0 2e8b0efc7d
    ff060210                        ; again: inc word [1002h]
    2666c7065000 00000000           ; mov dword es:[50h],0
    fa a10210 3b060a12 7404         ; wait: cli; mov ax,[1002h]; cmp ax,[120Ah]; je done
    fb f4 ebf2                      ; sti; hlt; jmp wait
    fb e2e1 faf4                    ; done: sti; loop again; cli; hlt
    50 b020 e6a0 e620 58            ; handler: end of interrupt
    2eff06fa7d cf                   ; inc word cs:[7DFAh]; iret
"""


def sector(code: str, count: int) -> bytes:
    data = program(code).ljust(0x1FC, b"\0") + struct.pack("<H", count)
    return data.ljust(510, b"\0") + b"\x55\xaa"


class Guest:
    """A machine with the device; Python has set it up with one read that the program repeats."""

    def __init__(
        self, path: object, code: str = POLLING, count: int = 100, **options: object
    ) -> None:
        self.m = Machine(sector(code, count), memory=2 << 20, shared=True, clock="host")
        self.blk = VhostUserBlk(str(path), **options)  # type: ignore[arg-type]
        self.m.boot()
        device = self.m.attach(self.blk).device
        assert isinstance(device, mmio.VirtioMmio)
        self.transport = device
        self.registers = Registers(device)

    def start(self) -> None:
        m = self.m
        ring = self.ring = Ring(m.vm, 256, RINGS)
        self.registers.start({0: ring}, VERSION_1)
        parts = [(HEADER, 16, False), (DATA, SECTOR, True), (STATUS, 1, True)]
        head = ring.chain(parts).to_bytes(2, "little")
        m.vm.write(ring.avail + 4, head * 256)
        m.vm.write(HEADER, struct.pack("<IIQ", T_IN, 0, 3))
        m.vm.write(STATUS, b"\xff")

    def used(self) -> int:
        """How many requests are done."""
        return int.from_bytes(self.m.vm.read(self.ring.used + 2, 2), "little")

    def __enter__(self) -> Guest:
        return self

    def __exit__(self, *_: object) -> None:
        self.blk.close()
        self.m.close()


@pytest.fixture
def served(sock: Path, tmp_path: Path) -> Iterator[Served]:
    with Served(sock, tmp_path / "disk", SIZE) as process:
        with open(process.file, "r+b") as disk:
            disk.seek(3 * SECTOR)
            disk.write(b"third".ljust(SECTOR, b"."))
        yield process


@pytest.mark.parametrize("code", [POLLING, WITH_INTERRUPTS], ids=["polling", "interrupts"])
def test_requests_of_a_guest_cost_no_exit(served: Served, code: str) -> None:
    with Guest(served.sock, code) as guest:
        guest.start()

        ended = guest.m.run()

        assert ended.reason is ExitReason.HLT
        assert guest.m.vm.read(DATA, 5) == b"third"
        assert guest.m.vm.read(STATUS, 1) == b"\0"
        assert guest.used() == 100
        assert (guest.m.stats.pio_exits, guest.m.stats.mmio_exits) == (0, 0)
        interrupts = int.from_bytes(guest.m.vm.read(IRQS, 2), "little")
        assert interrupts == 0 if code == POLLING else interrupts > 0
        assert guest.registers.get(mmio.INTERRUPT_STATUS) == 1


def test_a_guest_does_not_see_that_its_back_end_was_killed(served: Served) -> None:
    with Guest(served.sock, WITH_INTERRUPTS, 2000) as guest:
        guest.start()
        thread = threading.Thread(target=guest.m.run)
        thread.start()
        wait_until(lambda: guest.used() >= 50)

        served.kill()
        served.start()

        thread.join(60)
        assert not thread.is_alive()
        assert guest.used() == 2000
        assert guest.blk.connections == 2


def test_a_machine_without_shared_memory_says_how(served: Served) -> None:
    with Machine() as m, closing(VhostUserBlk(served.sock)) as blk:
        before = blk.connections
        with pytest.raises(MachineError, match="shared=True"):
            m.attach(blk)
        assert blk.connections == before


def test_a_machine_with_a_back_end_outside_is_not_saved(served: Served) -> None:
    with Guest(served.sock) as guest:
        guest.start()

        with pytest.raises(StateError, match="served by another process"):
            guest.m.save()


def test_a_reset_stops_the_back_end_and_it_starts_again(sock: Path) -> None:
    device = RamDisk(bytearray(SIZE))
    with serve(device, sock) as back, Guest(sock) as guest:
        guest.start()
        assert guest.blk.settle()
        resets = device.resets

        guest.registers.put(mmio.STATUS, 0)

        assert device.resets > resets
        assert device.queues == [None]
        guest.start()
        guest.registers.kick()
        ring = guest.ring
        guest.m.vm.write(ring.avail + 2, b"\1\0")
        guest.registers.kick()
        wait_until(lambda: guest.m.vm.read(ring.used + 2, 2) == b"\1\0")
        assert (back.connections, back.errors) == (1, [])


def test_the_back_end_may_connect_to_the_device(sock: Path) -> None:
    """server=True: a back end that is a client, as `serve` with a connected socket."""
    made: list[VhostUserBlk] = []
    thread = threading.Thread(target=lambda: made.append(VhostUserBlk(sock, server=True)))
    thread.start()
    wait_until(sock.exists)
    peer = socket.socket(socket.AF_UNIX)

    def connected() -> bool:
        try:
            peer.connect(str(sock))
        except ConnectionRefusedError:
            return False
        return True

    wait_until(connected)
    with serve(RamDisk(bytearray(SIZE)), peer):
        thread.join(PATIENCE)
        assert made[0].config[:8] == struct.pack("<Q", SIZE // SECTOR)
        assert sock.stat().st_mode & 0o777 == 0o600
        made[0].close()


class Fake:
    """A back end in this process that answers as it is told, at a socket."""

    def __init__(self, sock: Path, answers: dict[Request, bytes | None]) -> None:
        self._way = Listener(str(sock))
        self.peer = Peer(answers)
        self._thread = threading.Thread(target=self._accept, daemon=True)
        self._thread.start()

    def _accept(self) -> None:
        wait_until(self._try)

    def _try(self) -> bool:
        try:
            self.peer.take(self._way.connect())
        except BlockingIOError:
            return False
        return True

    def __enter__(self) -> Fake:
        return self

    def __exit__(self, *_: object) -> None:
        self._thread.join()
        self._way.close()
        self.peer.close()


@pytest.mark.parametrize(
    ("answers", "words"),
    [
        ({Request.GET_FEATURES: bytes(4)}, "4 bytes, 8 expected"),
        ({Request.GET_FEATURES: struct.pack("=Q", 1 << 30)}, "does not offer VERSION_1"),
        ({Request.GET_PROTOCOL_FEATURES: bytes(8)}, "has no CONFIG"),
        ({Request.GET_CONFIG: b""}, "refuses GET_CONFIG"),
        ({Request.GET_CONFIG: struct.pack("=III", 0, 61, 0) + bytes(60)}, "61 bytes at offset 0"),
        ({Request.GET_CONFIG: struct.pack("=III", 1, 60, 0) + bytes(60)}, "60 at offset 1"),
    ],
)
def test_a_back_end_that_answers_garbage_is_an_error(
    sock: Path, answers: dict[Request, bytes | None], words: str
) -> None:
    with Fake(sock, answers), pytest.raises(ProtocolError, match=words):
        VhostUserBlk(sock)


def test_a_back_end_that_says_nothing_is_a_timeout(sock: Path) -> None:
    with Fake(sock, {Request.GET_FEATURES: None}), pytest.raises(TimeoutError):
        VhostUserBlk(sock, timeout=0.01)


def test_a_run_can_be_stopped_though_the_back_end_never_answers(sock: Path) -> None:
    with Fake(sock, {}), Guest(sock) as guest:
        guest.start()
        thread = threading.Thread(target=guest.m.run)
        thread.start()
        wait_until(lambda: guest.m.vm.read(guest.ring.avail + 2, 2) == b"\1\0")

        guest.m.stop()

        thread.join(PATIENCE)
        assert not thread.is_alive()
        assert guest.blk.error is None


def test_garbage_while_the_driver_works_makes_it_reset_the_device(sock: Path) -> None:
    with Fake(sock, {Request.SET_VRING_ENABLE: bytes(8)}), Guest(sock) as guest:
        guest.start()

        wait_until(lambda: guest.registers.get(mmio.STATUS) & NEEDS_RESET)

        assert "nobody has asked for" in str(guest.transport.trouble)
        assert isinstance(guest.blk.error, ProtocolError)


def test_without_reconnect_a_dead_back_end_makes_it_reset_the_device(served: Served) -> None:
    with Guest(served.sock, reconnect=None) as guest:
        guest.start()
        assert guest.blk.settle()

        served.kill()

        wait_until(lambda: guest.registers.get(mmio.STATUS) & NEEDS_RESET)


def test_a_write_of_the_guest_is_on_the_disk_of_the_other_process(served: Served) -> None:
    with Guest(served.sock) as guest:
        guest.start()
        vm, ring = guest.m.vm, guest.ring
        vm.write(HEADER, struct.pack("<IIQ", T_OUT, 0, 9))
        vm.write(DATA, b"ninth".ljust(SECTOR, b"!"))
        ring.add([(HEADER, 16, False), (DATA, SECTOR, False), (STATUS, 1, True)])

        guest.registers.kick()
        wait_until(lambda: ring.reap())

        assert vm.read(STATUS, 1) == b"\0"
        with open(served.file, "rb") as disk:
            disk.seek(9 * SECTOR)
            assert disk.read(5) == b"ninth"


@pytest.mark.parametrize(
    ("options", "error"),
    [
        ({"queue_size": 3}, ValueError),
        ({"queue_size": 48}, ValueError),
        ({"queues": 0}, ValueError),
    ],
)
def test_bad_numbers_are_refused(options: dict[str, int], error: type[Exception]) -> None:
    with pytest.raises(error):
        VhostUserBlk("none.sock", **options)  # type: ignore[arg-type]
