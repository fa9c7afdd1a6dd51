"""Ending a run from outside: kick(), Ctrl-C, close()."""

from __future__ import annotations

import os
import select
import signal
import subprocess
import sys

import pytest

from pyx86emu import ExitReason, PioDevice
from tests.harness import (
    FOREVER,
    LONG,
    PATIENCE,
    ROOT,
    MakeGuest,
    Running,
    advance,
    program,
    wait_until,
)


@pytest.mark.parametrize(
    "code",
    [
        FOREVER,
        program("40 e80200 ebfa c3  ; again: inc ax; call sub; jmp again; sub: ret"),
        program("b9ffff f3ac ebf9  ; again: mov cx,0xffff; rep lodsb; jmp again"),
        program("e690 ebfc  ; again: out 0x90,al; jmp again"),
        program("cd21 ebfc  ; again: int 0x21; jmp again"),
        program("8ed0 ebfc  ; again: mov ss,ax; jmp again"),
    ],
    ids=["jmp", "call", "rep", "device", "int", "mov ss"],
)
def test_kick_from_another_thread_ends_the_run(make_guest: MakeGuest, code: bytes) -> None:
    guest = make_guest(code)
    guest.vm.pio.attach(PioDevice(), 0x90)
    guest.ram[0x2000:0x2001] = b"\xcf"
    guest.vector(0x21, 0x2000)
    run = Running(guest.vcpu.run)
    advance(guest.vcpu, LONG)
    assert run.going

    guest.vcpu.kick()

    assert run.result(5).reason is ExitReason.INTR
    assert guest.vcpu.run(100).reason is ExitReason.BUDGET


#: Rings the eventfd that it is given, and runs on.
RINGS = """
import sys
from tests.harness import Guest
guest = Guest(bytes.fromhex("e680 ebfe"))  # out 0x80,al; again: jmp again
guest.vm.ioeventfd(0x80, 1, fd=int(sys.argv[1]))
try:
    guest.vcpu.run()
except KeyboardInterrupt:
    print("interrupted", guest.vcpu.regs.eip == 0x1002, guest.vcpu.instructions > 0)
"""


@pytest.mark.usefixtures("interruptible")
def test_ctrl_c_raises_keyboard_interrupt() -> None:
    fd = os.eventfd(0)
    command = [sys.executable, "-c", RINGS, str(fd)]
    with subprocess.Popen(
        command, cwd=ROOT, pass_fds=[fd], stdout=subprocess.PIPE, text=True
    ) as process:
        try:
            assert select.select([fd], [], [], PATIENCE)[0], "the guest does not run"

            process.send_signal(signal.SIGINT)

            output, _ = process.communicate(timeout=PATIENCE)
        finally:
            process.kill()
            os.close(fd)
    assert output == "interrupted True True\n"
    assert process.returncode == 0


def test_closing_ends_a_running_vcpu(make_guest: MakeGuest) -> None:
    guest = make_guest(FOREVER)
    run = Running(guest.vcpu.run)
    advance(guest.vcpu, LONG)

    guest.vm.close()

    wait_until(lambda: not run.going)
