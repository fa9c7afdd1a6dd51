"""Devices in the core: the short way is the long one, and others may come at any time."""

from __future__ import annotations

import os
import random
from collections.abc import Callable
from functools import partial

import pytest

from pyx86emu import ExitReason, PioDevice, Vm
from tests.harness import CODE, Guest, Running, advance, another, program, running, wait_until

HZ = 1193182
SECOND = 10**9
DATA, HANDLER, COUNTS = 0x4000, 0x2000, 0x3000
BYTE_PORTS = (0x20, 0x21, 0x40, 0x41, 0x42, 0x43, 0x61, 0xA0, 0xA1)
#: The last two lie only partly in a chip: they exit.
WORD_PORTS = (0x20, 0x40, 0x42, 0xA0, 0x21, 0x43)


# -- one way or the other -------------------------------------------------------------------------


def accesses(rng: random.Random) -> bytes:
    """A guest that reads and writes the chips, and keeps what it reads."""
    code = program(f"bf{DATA & 255:02x}{DATA >> 8:02x}  ; mov di,DATA")
    for _ in range(250):
        value, byte, word = rng.randrange(256), rng.choice(BYTE_PORTS), rng.choice(WORD_PORTS)
        code += rng.choice(
            (
                bytes((0xB0, value, 0xE6, byte)),  # mov al,value; out byte,al
                bytes((0xBA, byte, 0, 0xB0, value, 0xEE)),  # mov dx,byte; mov al,value; out dx,al
                bytes((0xE4, byte, 0xAA)),  # in al,byte; stosb
                bytes((0xBA, byte, 0, 0xEC, 0xAA)),  # mov dx,byte; in al,dx; stosb
                bytes((0xE5, word, 0xAB)),  # in ax,word; stosw
                bytes((0xB8, value, byte, 0xE7, word)),  # mov ax,...; out word,ax
                bytes((0xBA, 0xD0 | value & 1, 4, 0xB0, value, 0xEE)),  # ELCR: mov dx,4d0h; ...
                b"\x90" * (value & 15),
            )
        )
    return code


def stepped(guest: Guest) -> list[str]:
    """`Guest.exits()` by single steps."""
    seen = []
    for exit in guest.steps():
        if exit.reason is not ExitReason.DEBUG:
            seen.append(guest.show(exit))
            if not exit.write:
                exit.reply(guest.answer(exit) or 0)
    return [*seen, "HLT"]


@pytest.mark.parametrize("seed", range(12))
def test_the_short_way_does_what_the_long_one_does(seed: int) -> None:
    code = accesses(random.Random(seed))

    def outcome(exits: Callable[[Guest], list[str]], vcpus: int) -> tuple[object, ...]:
        with Guest(code, irqchip=True) as guest:
            for _ in range(vcpus - 1):
                guest.vm.create_vcpu()
            guest.vm.irq_line(3, True)
            guest.vm.irq_line(12, True)
            seen = exits(guest)
            ports = [guest.vm.pio.read(port, 1) for port in (*BYTE_PORTS, 0x4D0, 0x4D1)]
            return seen, guest.ram[DATA : DATA + 1000], ports, guest.vcpu.instructions

    long = outcome(Guest.exits, 2)

    assert outcome(Guest.exits, 1) == long
    assert outcome(stepped, 1) == long
    assert any(long[1])  # type: ignore[arg-type]


# -- ioeventfds go first --------------------------------------------------------------------------


def test_an_ioeventfd_at_the_port_of_a_chip_goes_first() -> None:
    code = program(
        """
        b90300      ; mov cx,3
        b005e621    ; again: mov al,5; out 0x21,al
        e421 8ae0   ; in al,0x21; mov ah,al
        b006e621    ; mov al,6; out 0x21,al
        e2f2        ; loop again
        """
    )
    with Guest(code, irqchip=True) as guest:

        def mask_after_5() -> int:
            guest.start()
            assert guest.text() == "HLT"
            return guest.vcpu.regs.ah

        assert mask_after_5() == 5
        bell = guest.vm.ioeventfd(0x21, 1, datamatch=5)
        assert mask_after_5() == 6
        assert bell.read() == 3
        bell.deassign()
        assert mask_after_5() == 5


# -- time -----------------------------------------------------------------------------------------


def test_ticks_are_exact_at_any_time() -> None:
    rng = random.Random(1)
    halves = [rng.randrange(2 ** rng.randrange(8, 49)) for _ in range(300)]
    starts = [-(-18 * half * SECOND // HZ) for half in halves]  # the first nanosecond of each
    seconds = [second * SECOND for second in (1, 2, 3, 10**6, 10**9)]
    with Vm(irqchip=True, shift=0) as vm:
        ram = vm.add_memory(0, 0x10000)
        ram[CODE : CODE + 4] = bytes.fromhex("fb f4 e461")  # sti; hlt; in al,61h
        vcpu = vm.create_vcpu()
        vcpu.regs.cs = 0
        for start in sorted({*starts, *seconds}):
            for at in (start - 1, start):
                if at < vm.time + 3:
                    continue
                vcpu.regs.ip = CODE
                assert vcpu.run(deadline=at).reason is ExitReason.DEADLINE
                assert vm.time == at
                vcpu.regs.ip = CODE + 2
                vcpu.run(1)
                assert vcpu.regs.al >> 4 & 1 == at * HZ // SECOND // 18 & 1, at


# -- others come ----------------------------------------------------------------------------------

#: Uses the chips all the time; handlers count.
BUSY = program(
    """
    fb      ; sti
    b000    ; again: mov al,0
    e621    ; out 0x21,al
    e6a1    ; out 0xa1,al
    e440    ; in al,0x40
    e461    ; in al,0x61
    b00b    ; mov al,0x0b
    e620    ; out 0x20,al
    e420    ; in al,0x20
    ebee    ; jmp again
    """
)


def busy_guest() -> Guest:
    """A guest that counts the interrupts of each line at COUNTS."""
    guest = Guest(BUSY, irqchip=True)
    for chip, base, slave in ((0x20, 8, 4), (0xA0, 0x70, 2)):
        for port, value in ((chip, 0x11), (chip + 1, base), (chip + 1, slave), (chip + 1, 1)):
            guest.vm.pio.write(port, 1, value)
    for line in range(16):
        at, count = HANDLER + 32 * line, COUNTS + 2 * line
        # push ax; inc word [count]; mov al,20h; out 0xa0,al (or nop); out 0x20,al; pop ax; iret
        to_slave = "e6a0" if line > 7 else "9090"
        code = f"50 ff06{count.to_bytes(2, 'little').hex()} b020 {to_slave} e620 58 cf"
        guest.ram[at : at + 13] = bytes.fromhex(code)
        guest.vector(line + 8 if line < 8 else line + 0x68, at)
    return guest


def counts(guest: Guest) -> dict[int, int]:
    """Interrupts by line, those that there were."""
    return {line: n for line in range(16) if (n := guest.word(COUNTS + 2 * line))}


def wait_for(guest: Guest, line: int, count: int) -> None:
    wait_until(lambda: guest.word(COUNTS + 2 * line) == count)


def ring(guest: Guest, line: int, times: int) -> None:
    """Write to an irqfd and wait for the interrupt, again and again."""
    fd = os.eventfd(0, os.EFD_NONBLOCK)
    guest.vm.irqfd(line, fd)
    for n in range(times):
        os.eventfd_write(fd, 1)
        wait_for(guest, line, n + 1)
    os.close(fd)


def pull(guest: Guest, line: int, times: int) -> None:
    """The same with the line itself."""
    for n in range(times):
        guest.vm.irq_line(line, True)
        wait_for(guest, line, n + 1)
        guest.vm.irq_line(line, False)


@pytest.mark.parametrize("vcpus", [1, 2])
def test_no_interrupt_is_lost_beside_a_guest_that_uses_the_chips(vcpus: int) -> None:
    with busy_guest() as guest:
        runs = [Running(guest.vcpu.run)]
        if vcpus == 2:
            runs.append(Running(another(guest.vm, CODE + 1).run))
        use = [partial(ring, guest, line, 300) for line in (3, 10)]
        use += [partial(pull, guest, line, 300) for line in (5, 12)]

        for user in [Running(each) for each in use]:
            user.result(60)

        assert counts(guest) == {3: 300, 5: 300, 10: 300, 12: 300}
        for vcpu in guest.vm.vcpus:
            vcpu.kick()
        assert all(run.result().reason is ExitReason.INTR for run in runs)


@pytest.mark.parametrize("how", ["line", "write", "vcpu"])
def test_the_first_other_comes_while_the_chips_are_in_use(how: str) -> None:
    rng = random.Random(how)
    for _ in range(60):
        with busy_guest() as guest:
            with running(guest.vcpu):
                advance(guest.vcpu, rng.randrange(20_000))
                if how == "line":
                    guest.vm.irq_line(5, True)
                    wait_for(guest, 5, 1)
                elif how == "write":
                    guest.vm.pio.write(0x42, 1, 0)
                else:
                    guest.vm.create_vcpu()
                pull(guest, 12, 1)
            assert counts(guest) == ({5: 1, 12: 1} if how == "line" else {12: 1})


#: Each writes and reads chips until something is not as it should be, and halts.
CAREFUL = {
    "out": """
        b0ff            ; mov al,FFh
        e621            ; again: out 21h,al
        8ae0            ; mov ah,al
        e421            ; in al,21h
        38e0            ; cmp al,ah
        7506            ; jne wrong
        feca            ; dec dl
        8ac2            ; mov al,dl
        ebf0            ; jmp again
        f4              ; wrong: hlt
    """,
    "in": """
        b0b0 e643       ; counter 2, low byte and high byte, its gate is down
        b034 e642       ; 1234h
        b012 e642
        b96400 e2fe     ; mov cx,100; loop $: until it has taken the count
        e442 88c3       ; again: in al,42h; mov bl,al
        e442 88c7       ; in al,42h; mov bh,al
        e442 88c1       ; the same to CX
        e442 88c5
        39cb            ; cmp bx,cx
        74ec            ; je again
        f4              ; hlt
    """,
}


@pytest.mark.parametrize("way", CAREFUL)
def test_devices_come_and_go_while_the_chips_are_in_use(way: str) -> None:
    class Quiet(PioDevice):
        length = 1

    with Guest(program(CAREFUL[way]), irqchip=True) as guest:
        running = Running(guest.vcpu.run)
        device = Quiet()
        for _ in range(3000):
            guest.vm.pio.attach(device, 0x300)
            guest.vm.pio.detach(device)
        guest.vcpu.kick()

        assert running.result().reason is ExitReason.INTR
